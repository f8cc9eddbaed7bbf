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
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch

from zmix_core.arguments import real, whole
from zmix_core.training.progress import AGAIN, Grid, Progress
from zmix_core.training.spec import Spec

__all__ = ["Progress", "cores", "launch", "must_be_writable"]

SILENCE = 6 * 3600.0
"""Seconds that no epoch takes, on a CPU either."""

TAIL = 600
"""Characters of a dead process's last words that are kept."""


def launch(
    specs: Iterable[Spec],
    root: str | os.PathLike[str],
    *,
    workers: int | None = None,
    threads: int | None = None,
    device: str = "auto",
    attempts: int = 3,
    silence: float | None = SILENCE,
) -> Iterator[Progress]:
    """Runs a grid in processes of its own; not asking for more ends them, and another launch goes on.

    Runs that are finished are not run again. A process that dies (out of memory, killed) or hangs is replaced
    and its run tried again from its last epoch; a run that fails by itself is left, and the others go on.
    Several launches may work on one folder at the same time: no run is done twice.

    Args:
        specs: As of `zmix_core.training.spec.grid`. They are started in this order.
        root: Folder of all runs; made if it is not there.
        workers: Processes at a time; by default one a CUDA device, else one.
        threads: Of torch, in each of them; by default the cores are shared out among the processes. Results
            depend on it, in the last digits.
        device: ``"auto"``: the CUDA devices in turn, else the CPU.
        attempts: How often a run is started whose process dies.
        silence: Seconds without a finished epoch after which a process hangs, and is killed; ten times the
            longest epoch so far where that is more. None: never.

    Yields:
        A `Progress` whenever something happens, and every second in which nothing does.

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
    threads = max(1, cores() // workers) if threads is None else whole("threads", threads, 1)
    if silence is not None and not (silence := real("silence", silence)) > 0:
        raise ValueError(f"silence = {silence}: expected seconds above 0, or None for no limit.")
    grid = Grid(specs, Path(root), whole("attempts", attempts, 1), workers)
    must_be_writable(Path(root))
    yield grid.start()
    events: queue.SimpleQueue[tuple[_Worker, str]] = queue.SimpleQueue()
    slots: dict[int, _Worker | None] = dict.fromkeys(range(min(workers, len(grid.open))))
    try:
        while grid.open:
            for slot, worker in slots.items():
                if (worker is None or worker.key is None) and (key := grid.next()) is not None:
                    if worker is None:
                        worker = _Worker(Path(root), devices[slot % len(devices)], threads, events)
                        slots[slot] = worker
                    worker.give(key, grid.specs[key])
                elif worker is not None and silence is not None:
                    worker.must_have_spoken(max(silence, 10 * grid.longest))
            try:
                worker, line = events.get(timeout=AGAIN)
            except queue.Empty:
                yield grid.idle()
                continue
            key = worker.key
            if line:
                assert key is not None
                said = json.loads(line)
                worker.key = key if "epoch" in said else None
                yield grid.told(key, said)
                continue
            slots = {slot: None if other is worker else other for slot, other in slots.items()}
            words = worker.end()
            if key is not None:
                yield grid.died(key, words)
    finally:
        for worker in filter(None, slots.values()):
            worker.end()


class _Worker:
    """A process of `zmix_core.training.worker`, and a thread that passes on what it says."""

    def __init__(
        self, root: Path, device: str, threads: int, events: queue.SimpleQueue[tuple[_Worker, str]]
    ) -> None:
        self.key: str | None = None
        self._heard, self._fault = 0.0, ""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed in end)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "zmix_core.training.worker", str(root), device, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)},
            text=True,
            encoding="utf-8",
        )
        self._thread = threading.Thread(target=self._listen, args=(events,), daemon=True)
        self._thread.start()

    def _listen(self, events: queue.SimpleQueue[tuple[_Worker, str]]) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith("\n"):  # it may have died in the middle of one
                self._heard = time.monotonic()
                events.put((self, line))
        events.put((self, ""))

    def give(self, key: str, spec: Spec) -> None:
        """Let it run a spec. Where it is dead already, its thread says so."""
        self.key, self._heard = key, time.monotonic()
        assert self.process.stdin is not None
        try:
            print(json.dumps(spec.record()), file=self.process.stdin, flush=True)
        except OSError:
            self.process.kill()

    def must_have_spoken(self, seconds: float) -> None:
        """Kills it where it has a run and said nothing for so long; its thread then says that it is dead."""
        if self.key is not None and time.monotonic() - self._heard > seconds:
            self._fault = f"it said nothing for {seconds:.0f} seconds, and "
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
        return f"{self._fault}its process ended with {_status(status)}" + (f": {words}" if words else "")


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _status(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"status {status}"


def must_be_writable(root: Path) -> None:
    """Makes the folder of all runs, so that what is wrong with it is told before anything starts.

    Raises:
        OSError: It cannot be made, or not be written to.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            pass
    except OSError as error:
        raise type(error)(
            error.errno, f"{root} cannot be written to ({error.strerror}); expected a folder for the runs"
        ) from error
