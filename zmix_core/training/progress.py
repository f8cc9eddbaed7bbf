"""How far a grid of runs is: what is open, at work, finished or failed, and what is tried again."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from zmix_core.training.fit import CHECKPOINT
from zmix_core.training.records import append, finished
from zmix_core.training.results import score
from zmix_core.training.run import LOCK
from zmix_core.training.spec import Spec, name_of

__all__ = ["AGAIN", "Grid", "Progress"]

AGAIN = 1.0
"""Seconds until a run that another process was at is asked for again."""


@dataclass(frozen=True)
class Progress:
    """What just happened, and how far all runs are.

    Args:
        what: ``"start"``, ``"epoch"``, ``"finished"``, ``"failed"`` (it stays so in this launch),
            ``"killed"`` (its process died; it is tried again), ``"busy"`` (another launch is at it) or
            ``"idle"`` (nothing happened for a second: the rest is as it was).
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


class Grid:
    """Which runs are open, at work, and done: what `launch` and `launch_on` share.

    Args:
        specs: Equal ones are one run.
        root: Folder of all runs.
        attempts: How often a run is started whose process dies.
        workers: How many are at work at a time.

    ``specs`` has them by key, ``open`` the epochs left of each that is not done, ``failed`` the keys of what
    failed, and ``longest`` the seconds of the longest epoch so far.

    Example:
        >>> grid = Grid([Spec("digits"), Spec("digits")], Path("no/such/folder"), attempts=3, workers=1)
        >>> key = grid.next()
        >>> grid.told(key, {"epoch": 1, "epochs": 60, "seconds": 2.0}).left
        118.0
    """

    def __init__(self, specs: Iterable[Spec], root: Path, attempts: int, workers: int) -> None:
        self.specs = {spec.key(): spec for spec in specs}
        self.root, self.attempts, self.workers = root, attempts, workers
        self.open = {
            key: spec.resolved().epochs for key, spec in self.specs.items() if not finished(root / key)
        }
        self.failed: set[str] = set()
        self.longest = 0.0
        self._waiting = deque((0.0, key) for key in self.open)
        self._died: Counter[str] = Counter()
        self._seconds: dict[str, list[float]] = {}
        self._last: Progress | None = None

    def next(self) -> str | None:
        """The key of a run that may be started now."""
        for _ in range(len(self._waiting)):
            since, key = self._waiting.popleft()
            if since <= time.monotonic():
                return key
            self._waiting.append((since, key))
        return None

    def start(self) -> Progress:
        """What is said first."""
        begun = sum((self.root / key / CHECKPOINT).exists() for key in self.open)
        more = f", {begun} of them begun" if begun else ""
        words = (
            f"{len(self.open)} of {len(self.specs)} runs to do{more}" if self.open else "all runs are done"
        )
        return self._progress("start", None, words)

    def idle(self) -> Progress:
        """What is said when nothing happens, so that who iterates may stop."""
        assert self._last is not None
        return replace(self._last, what="idle")

    def told(self, key: str, said: dict[str, Any]) -> Progress:
        """What `zmix_core.training.worker.one` said of a run; all but an epoch is its end."""
        if "epoch" in said:
            self.open[key] = said["epochs"] - said["epoch"]
            if said["seconds"]:
                self.longest = max(self.longest, said["seconds"])
                self._seconds.setdefault(self.specs[key].protocol, []).append(said["seconds"])
            return self._progress("epoch", key, f"epoch {said['epoch']} of {said['epochs']}")
        if "busy" in said:
            self._waiting.append((time.monotonic() + AGAIN, key))
            return self._progress("busy", key, "another process is at it")
        if "error" in said:
            return self._failed(key, said["kind"], said["error"])
        record = said["record"]
        if record["status"] == "finished":
            return self._closed("finished", key, score(record))
        return self._closed("failed", key, record["error"]["message"])

    def died(self, key: str, words: str) -> Progress:
        """The process that was at a run is gone, and these are its last words."""
        self._died[key] += 1
        if self._died[key] < self.attempts:
            self._waiting.appendleft((0.0, key))
            return self._progress("killed", key, f"{words}; it is tried again")
        message = (
            f"{words}, {self.attempts} times. Where memory is short, use fewer workers; another launch "
            "goes on from its last epoch."
        )
        return self._failed(key, "killed", message)

    def _progress(self, what: str, key: str | None, message: str) -> Progress:
        counts = len(self.specs) - len(self.open) - len(self.failed), len(self.failed), len(self.specs)
        spec = None if key is None else self.specs[key]
        message = message if spec is None else f"{_name(spec)}: {message}"
        self._last = Progress(what, spec, message, *counts, self._left())
        return self._last

    def _closed(self, what: str, key: str, message: str) -> Progress:
        del self.open[key]
        if what == "failed":
            self.failed.add(key)
        return self._progress(what, key, message)

    def _failed(self, key: str, kind: str, message: str) -> Progress:
        """A failure that the run itself could not put on record; nor can this on a disk that is full."""
        spec, folder = self.specs[key], self.root / key
        settings = spec.settings()
        record = {"status": "failed", "key": key, "name": name_of(settings), "spec": spec.record()}
        record |= {"settings": settings, "error": {"kind": kind, "message": message}}
        try:
            folder.mkdir(exist_ok=True)
            with FileLock(folder / LOCK, timeout=0):
                append(folder, record)
        except (OSError, Timeout):  # Timeout: another launch has it by now, and will say what became of it
            pass
        return self._closed("failed", key, message)

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
