"""Many runs at once, in processes that are watched: what is killed is tried again, the rest goes on."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from zmix_core.arguments import whole
from zmix_core.training.records import append, finished
from zmix_core.training.run import LOCK
from zmix_core.training.spec import Spec, name_of

__all__ = ["Progress", "launch"]

AGAIN = 1.0
"""Seconds until a run that another process was at is asked for again."""

TAIL = 600
"""Characters of a dead process's last words that are kept."""


@dataclass(frozen=True)
class Progress:
    """What just happened, and how far all runs are.

    Args:
        what: ``"start"``, ``"epoch"``, ``"finished"``, ``"failed"`` (it stays so in this launch),
            ``"killed"`` (its process died; it is tried again) or ``"busy"`` (another launch is at it).
        spec: The run; None at ``"start"``.
        message: For people: how far it is, or what is wrong.
        finished: Runs that are finished, those of earlier launches too.
        failed: Runs that failed.
        total: All runs, equal ones counted once.
        left: Seconds left, about; None as long as nothing was timed.
    """

    what: str
    spec: Spec | None
    message: str
    finished: int
    failed: int
    total: int
    left: float | None


def launch(
    specs: Iterable[Spec],
    root: str | os.PathLike[str],
    *,
    workers: int | None = None,
    device: str = "auto",
    attempts: int = 3,
) -> Iterator[Progress]:
    """Runs a grid in processes of its own; not asking for more ends them, and another launch goes on.

    Runs that are finished are not run again. A process that dies (out of memory, killed) is replaced and its
    run tried again from its last epoch; a run that fails by itself is left, and the others go on. Several
    launches may work on one folder at the same time: no run is done twice.

    Args:
        specs: As of `zmix_core.training.spec.grid`. They are started in this order.
        root: Folder of all runs; made if it is not there.
        workers: Processes at a time; by default one a CUDA device, else one. The cores are shared out among
            them. Results depend on the number of threads, in the last digits.
        device: ``"auto"``: the CUDA devices in turn, else the CPU.
        attempts: How often a run is started whose process dies.

    Yields:
        A `Progress` whenever something happens.

    Raises:
        ValueError: A number is out of range.
        FileNotFoundError: A protocol is not there.
        OSError: ``root`` cannot be written to.

    Example:
        ``for progress in launch(grid("digits", ["erm", "mixup"], range(10)), "runs", workers=2): ...``
    """
    count = torch.cuda.device_count() if device == "auto" else 0
    devices = [f"cuda:{k}" for k in range(count)] or ["cpu" if device == "auto" else device]
    workers = len(devices) if workers is None else whole("workers", workers, 1)
    state = _Grid({spec.key(): spec for spec in specs}, Path(root), whole("attempts", attempts, 1), workers)
    _must_be_writable(Path(root))
    yield state.progress("start", None, f"{len(state.open)} of {len(state.specs)} runs to do")
    events: queue.SimpleQueue[tuple[_Worker, str]] = queue.SimpleQueue()
    slots: dict[int, _Worker | None] = dict.fromkeys(range(min(workers, len(state.open))))
    try:
        while state.open:
            for slot, worker in slots.items():
                if (worker is None or worker.key is None) and (key := state.next()) is not None:
                    if worker is None:
                        worker = _Worker(Path(root), devices[slot % len(devices)], workers, events)
                        slots[slot] = worker
                    worker.give(key, state.specs[key])
            try:
                worker, line = events.get(timeout=AGAIN)
            except queue.Empty:
                continue
            if line:
                yield from state.told(worker, json.loads(line))
            else:
                slots = {slot: None if other is worker else other for slot, other in slots.items()}
                yield from state.died(worker)
    finally:
        for worker in filter(None, slots.values()):
            worker.end()


class _Worker:
    """A process of `zmix_core.training.worker`, and a thread that passes on what it says."""

    def __init__(
        self, root: Path, device: str, workers: int, events: queue.SimpleQueue[tuple[_Worker, str]]
    ) -> None:
        self.key: str | None = None
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        threads = str(max(1, cores // workers))
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed in end)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "zmix_core.training.worker", str(root), device, threads],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads},
            text=True,
            encoding="utf-8",
        )
        self._thread = threading.Thread(target=self._listen, args=(events,), daemon=True)
        self._thread.start()

    def _listen(self, events: queue.SimpleQueue[tuple[_Worker, str]]) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith("\n"):  # it may have died in the middle of one
                events.put((self, line))
        events.put((self, ""))

    def give(self, key: str, spec: Spec) -> None:
        """Let it run a spec. Where it is dead already, its thread says so."""
        self.key = key
        assert self.process.stdin is not None
        try:
            print(json.dumps(spec.record()), file=self.process.stdin, flush=True)
        except OSError:
            self.process.kill()

    def end(self) -> str:
        """Ends it, and gives its exit status and last words."""
        self.process.kill()
        status = self.process.wait()
        self._thread.join()
        for pipe in (self.process.stdin, self.process.stdout):
            try:
                if pipe is not None:
                    pipe.close()
            except OSError:  # a line was left in it that nobody reads any more
                pass
        with self._errors as errors:
            errors.seek(0)
            words = errors.read().decode(errors="replace").strip()[-TAIL:]
        return f"its process ended with {_status(status)}" + (f": {words}" if words else "")


class _Grid:
    """Which runs are open, at work, and done."""

    def __init__(self, specs: dict[str, Spec], root: Path, attempts: int, workers: int) -> None:
        self.specs, self.root, self.attempts, self.workers = specs, root, attempts, workers
        self.names = {key: _name(spec) for key, spec in specs.items()}
        self.open = {key: spec.resolved().epochs for key, spec in specs.items() if not finished(root / key)}
        self.failed: set[str] = set()
        self._waiting = deque((0.0, key) for key in self.open)
        self._died: Counter[str] = Counter()
        self._seconds: dict[str, list[float]] = {}

    def next(self) -> str | None:
        """A run that may be started now."""
        for _ in range(len(self._waiting)):
            since, key = self._waiting.popleft()
            if since <= time.monotonic():
                return key
            self._waiting.append((since, key))
        return None

    def progress(self, what: str, key: str | None, message: str) -> Progress:
        counts = len(self.specs) - len(self.open) - len(self.failed), len(self.failed), len(self.specs)
        spec = None if key is None else self.specs[key]
        return Progress(
            what, spec, f"{self.names[key]}: {message}" if key else message, *counts, self._left()
        )

    def told(self, worker: _Worker, said: dict[str, Any]) -> Iterator[Progress]:
        """A line of a worker that has a run."""
        key = worker.key
        assert key is not None
        if "epoch" in said:
            self.open[key] = said["epochs"] - said["epoch"]
            if said["seconds"]:
                self._seconds.setdefault(self.specs[key].protocol, []).append(said["seconds"])
            yield self.progress("epoch", key, f"epoch {said['epoch']} of {said['epochs']}")
            return
        worker.key = None
        if "busy" in said:
            self._waiting.append((time.monotonic() + AGAIN, key))
            yield self.progress("busy", key, "another process is at it")
        elif said.get("record", {}).get("status") == "finished":
            yield self._closed("finished", key, f"ERR {said['record']['final']['ERR']:.2f} %")
        else:
            message = said["error"] if "error" in said else said["record"]["error"]["message"]
            yield self._closed("failed", key, message)

    def died(self, worker: _Worker) -> Iterator[Progress]:
        """The process is gone, and with it the run it had."""
        words, key = worker.end(), worker.key
        if key is None:
            return
        self._died[key] += 1
        if self._died[key] < self.attempts:
            self._waiting.appendleft((0.0, key))
            yield self.progress("killed", key, f"{words}; it is tried again")
            return
        message = (
            f"{words}, {self.attempts} times. Where memory is short, use fewer workers; another launch "
            "goes on from its last epoch."
        )
        self._record_death(key, message)
        yield self._closed("failed", key, message)

    def _closed(self, what: str, key: str, message: str) -> Progress:
        del self.open[key]
        if what == "failed":
            self.failed.add(key)
        return self.progress(what, key, message)

    def _record_death(self, key: str, message: str) -> None:
        spec, folder = self.specs[key], self.root / key
        settings = spec.settings()
        record = {"status": "failed", "key": key, "name": name_of(settings), "spec": spec.record()}
        record |= {"settings": settings, "error": {"kind": "killed", "message": message}}
        folder.mkdir(exist_ok=True)
        try:
            with FileLock(folder / LOCK, timeout=0):
                append(folder, record)
        except Timeout:  # another launch has it by now, and will say what became of it
            pass

    def _left(self) -> float | None:
        timed = [seconds for each in self._seconds.values() for seconds in each]
        if not timed:
            return None
        total = 0.0
        for key, epochs in self.open.items():
            mine = self._seconds.get(self.specs[key].protocol, timed)
            total += epochs * sum(mine) / len(mine)
        return total / min(self.workers, max(1, len(self.open)))


def _name(spec: Spec) -> str:
    return f"{spec.protocol}, {name_of(spec.settings())}, seed {spec.seed}"


def _status(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"status {status}"


def _must_be_writable(root: Path) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            pass
    except OSError as error:
        raise type(error)(
            error.errno, f"{root} cannot be written to ({error.strerror}); expected a folder for the runs"
        ) from error
