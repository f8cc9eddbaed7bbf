"""A sweep over γ and weight decay (Appendix E, Fig. A1 c, d): trials in processes that are watched."""

from __future__ import annotations

import dataclasses
import math
import os
import queue
import threading
import time
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import optuna
import torch

from zmix_core.arguments import whole
from zmix_core.training.fit import Epoch
from zmix_core.training.launch import Progress, cores, launch, must_be_writable
from zmix_core.training.records import finished, read_log
from zmix_core.training.run import Busy, run
from zmix_core.training.sensitivity import Plan, objective_of
from zmix_core.training.spec import Spec
from zmix_core.training.study import BEAT, Study, Trial, folder_of

__all__ = ["SweepProgress", "sweep"]

AGAIN = 1.0
"""Seconds until a launch that has room looks for trials again."""


class _Stopped(BaseException):
    """Nobody waits for this run any more; no `Exception`, as those are put on its record."""


@dataclass(frozen=True)
class SweepProgress:
    """What just happened, and how far the sweep is, all launches together.

    Args:
        what: ``"start"``, ``"begin"`` (of a trial), ``"epoch"``, ``"finished"``, ``"failed"``, ``"again"``
            (it failed, and its settings are tried again), ``"killed"`` (its process died and goes on),
            ``"busy"`` (another process is at its run), ``"waiting"`` (for other launches) or ``"end"``.
        message: For people.
        trial: Its number, where it is about one.
        finished: Trials that are.
        failed: Trials that were given up.
        total: Trials that the study is to have.
        best: The best one so far.
        left: Seconds left, about, if this were the only launch; None as long as nothing was timed.
        name: Of the sweep, for `zmix_core.training.study.trials`.
    """

    what: str
    message: str
    trial: int | None
    finished: int
    failed: int
    total: int
    best: Trial | None
    left: float | None
    name: str


def sweep(
    protocol: str,
    root: str | os.PathLike[str],
    *,
    trials: int = 200,
    workers: int | None = None,
    gammas: tuple[float, float] = (1.0, 6.0),
    weight_decays: tuple[float, float] = (5e-5, 1e-3),
    n: int | None = None,
    seed: int = 0,
    epochs: int | None = None,
    fraction: float = 1.0,
    network: str | None = None,
    objective: str = "auto",
    storage: str | None = None,
    name: str | None = None,
    device: str = "auto",
    attempts: int = 3,
) -> Iterator[SweepProgress]:
    """Trains ζ-mixup at many values of γ and weight decay, chosen by a Bayesian search.

    γ is drawn uniformly and weight decay log-uniformly; after ten trials Optuna's TPE proposes them. A trial
    is a run like every other, below ``root/sweeps/NAME``. Called again with the same arguments the sweep goes
    on, and a trial that was stopped continues from its last epoch: at once where it was ended in order, after
    a minute where the launch was killed. Several launches may work on one sweep, with ``storage`` those of
    several machines; they share ``trials``. Not asking for more ends the processes, with their epoch.

    The paper plots test accuracy. Where a protocol has validation pictures the search goes by these: what
    was chosen by test pictures cannot be judged by them any more. The records have both.

    Args:
        protocol: As for `zmix_core.training.spec.Spec`.
        root: Folder of all runs; made if it is not there.
        trials: Settings to try, in all launches; those that fail count too.
        workers: Processes at a time in this launch; by default one a CUDA device, else one. With 0 trials run
            one after another in this process: short ones are done before another process has begun.
        gammas: Lowest and highest γ.
        weight_decays: Lowest and highest weight decay, above 0.
        n: N of ζ-mixup; None takes the whole batch.
        seed: Of every run, and of the draws.
        epochs: The protocol's by default.
        fraction: The share of the training pictures that is learned from.
        network: The protocol's by default.
        objective: ``"validation"``, ``"test"``, or ``"auto"``: validation where there are such pictures.
        storage: SQLAlchemy's address of a database. By default a file of SQLite in the sweep's folder, which
            must then not lie on a network drive.
        name: Of the sweep; by default the protocol's with eight digits of the settings.
        device: ``"auto"``: the CUDA devices in turn, else the CPU.
        attempts: How often the settings of a trial that fails are tried, and a process that dies is started.

    Yields:
        A `SweepProgress` whenever something happens.

    Raises:
        ValueError: An argument is out of range, the sweep was made with other settings, or its database
            cannot be opened.
        FileNotFoundError: There is no such protocol.
        OSError: ``root`` cannot be written to, or the pictures are not there.

    Example:
        ``for progress in sweep("digits", "zmix-runs", trials=20, epochs=10): print(progress.message)``
    """
    base = Spec(protocol, n=n, seed=seed, epochs=epochs, fraction=fraction, network=network)
    plan = Plan(base, gammas, weight_decays, objective)
    total, attempts = whole("trials", trials, 1), whole("attempts", attempts, 1)
    count = torch.cuda.device_count() if device == "auto" else 0
    devices = [f"cuda:{k}" for k in range(count)] or [device]
    workers = len(devices) if workers is None else whole("workers", workers, 0)
    name = name or plan.name()
    folder = folder_of(root, name)
    must_be_writable(folder)  # and makes it
    ranges = {"gammas": plan.gammas, "weight_decays": plan.weight_decays}
    study = Study(folder, name, plan.settings(), seed=base.seed, storage=storage, **ranges)
    state = _State(plan, study, folder, name, total, attempts, workers)
    try:
        yield state.progress("start", f"sweep {name}: {total} trials")
        while True:
            state.beat()
            for slot in state.free():
                if (trial := study.claim(total)) is None:
                    break
                yield state.begin(trial, slot, devices[slot % len(devices)])
            if not state.running and state.complete():
                yield state.progress("end", f"sweep {name}: no trial is left")
                return
            yield from state.next_event()
    finally:
        state.stop()
        study.close()


@dataclass
class _Running:
    """A trial at work: a thread watches its process."""

    trial: optuna.Trial
    spec: Spec
    slot: int
    thread: threading.Thread
    since: float = dataclasses.field(default_factory=time.monotonic)
    left: float | None = None
    error: str = ""


class _State:
    """The trials at work in this launch, and how far all are."""

    def __init__(
        self, plan: Plan, study: Study, folder: Path, name: str, total: int, attempts: int, workers: int
    ) -> None:
        self.plan, self.study, self.folder, self.name = plan, study, folder, name
        self.total, self.attempts, self.workers = total, attempts, workers
        self._slots = max(1, workers)
        self._threads = max(1, cores() // self._slots)
        self.running: dict[int, _Running] = {}
        self._rows = study.rows()
        self._events: queue.SimpleQueue[tuple[int, str, Any, float | None]] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._looked = self._beaten = -math.inf
        self._seconds: float | None = None
        self._waiting = False

    def beat(self) -> None:
        """Say that the trials are alive, where it was not said a moment ago."""
        if time.monotonic() - self._beaten >= BEAT:
            self._beaten = time.monotonic()
            self.study.beat(each.trial for each in self.running.values())

    def free(self) -> list[int]:
        """Where a trial may begin; none where one was looked for a moment ago."""
        taken = {each.slot for each in self.running.values()}
        if len(taken) == self._slots or time.monotonic() - self._looked < AGAIN:
            return []
        self._looked, self._rows = time.monotonic(), self.study.rows()
        return [slot for slot in range(self._slots) if slot not in taken]

    def complete(self) -> bool:
        counts = Counter(row.state for row in self._rows)
        return len(self._rows) >= self.total and not counts["running"] + counts["waiting"]

    def progress(self, what: str, message: str, number: int | None = None) -> SweepProgress:
        counts = Counter(row.state for row in self._rows)
        done = [row for row in self._rows if row.value is not None]
        best = max(done, key=lambda row: row.value or 0.0, default=None)
        left = None
        if self._seconds is not None:
            here = [self._seconds if each.left is None else each.left for each in self.running.values()]
            others = max(0, self.total - counts["finished"] - counts["failed"] - len(here))
            left = (sum(here) + others * self._seconds) / self._slots
        if number is not None:
            drawn = self.running[number].spec
            settings = f"γ = {drawn.gamma:.3f}, weight decay {drawn.weight_decay:.2e}"
            message = f"trial {number}, {settings}: {message}"
        return SweepProgress(
            what, message, number, counts["finished"], counts["failed"], self.total, best, left, self.name
        )

    def begin(self, trial: optuna.Trial, slot: int, device: str) -> SweepProgress:
        """Start the process of a trial."""
        spec = self.plan.spec(trial.params["gamma"], trial.params["weight_decay"])
        trial.set_user_attr("key", spec.key())
        number = self.study.number(trial)
        thread = threading.Thread(target=self._watch, args=(number, spec, device), daemon=True)
        self.running[number] = _Running(trial, spec, slot, thread)
        thread.start()
        return self.progress("begin", "begins", number)

    def _watch(self, number: int, spec: Spec, device: str) -> None:
        try:
            (self._in_a_process if self.workers else self._here)(number, spec, device)
            self._events.put((number, "closed", "", None))
        except _Stopped:
            pass
        except Exception as error:  # raised again where the sweep is iterated
            self._events.put((number, "error", error, None))

    def _in_a_process(self, number: int, spec: Spec, device: str) -> None:
        progresses = launch(
            [spec], self.folder, workers=1, threads=self._threads, device=device, attempts=self.attempts
        )
        with closing(cast("Generator[Progress]", progresses)):  # it ends the process
            for progress in progresses:
                self._tell(number, progress.what, progress.message.partition(": ")[2], progress.left)

    def _here(self, number: int, spec: Spec, device: str) -> None:
        def say(epoch: Epoch) -> None:
            spent = epoch.curves[-1]["seconds"] if epoch.curves else None
            left = spent and (epoch.epochs - epoch.done) * (spent["train"] + spent["evaluate"])
            self._tell(number, "epoch", f"epoch {epoch.done} of {epoch.epochs}", left)

        while True:
            try:
                record = run(spec, self.folder, device=device, say=say)
                break
            except Busy:
                self._tell(number, "busy", "another process is at it")
                time.sleep(AGAIN)
        if record["status"] == "failed":
            self._tell(number, "failed", record["error"]["message"])

    def _tell(self, number: int, what: str, words: str, left: float | None = None) -> None:
        self._events.put((number, what, words, left))
        if self._stopped.is_set():
            raise _Stopped

    def next_event(self) -> Iterator[SweepProgress]:
        """What a trial said, if one says something soon."""
        try:
            number, what, said, left = self._events.get(timeout=AGAIN)
        except queue.Empty:
            if not self.running and not self._waiting:
                self._waiting = True
                yield self.progress(
                    "waiting", "the last trials are at work in other launches, or in one that was killed"
                )
            return
        each = self.running[number]
        if isinstance(said, Exception):
            raise said
        if left is not None:
            each.left, self._seconds = left, time.monotonic() - each.since + left
        if what == "closed":
            yield self._closed(number, each)
        elif what == "failed":
            each.error = said
        elif what in ("epoch", "killed", "busy"):
            yield self.progress(what, said, number)

    def _closed(self, number: int, each: _Running) -> SweepProgress:
        record = finished(self.folder / each.spec.key())
        if record is None:
            log = read_log(self.folder / each.spec.key())
            if log and log[-1]["error"]["kind"] in ("data", "disk"):
                raise OSError(each.error)  # by no fault of γ: every other trial would fail too
            again = self.study.fail(each.trial, each.error, self.attempts)
            what, words = ("again", f"{each.error}; it is tried again") if again else ("failed", each.error)
        else:
            value, measure = objective_of(record, self.plan.objective)
            self.study.finish(each.trial, value, measure)
            what, words = "finished", f"{measure} {value:.4g}"
        each.left, self._looked, self._rows = 0.0, -math.inf, self.study.rows()
        progress = self.progress(what, words, number)
        del self.running[number]
        return progress

    def stop(self) -> None:
        """End the processes, and leave their trials to the next launch."""
        self._stopped.set()
        for each in self.running.values():
            each.thread.join()
            self.study.release(each.trial)
