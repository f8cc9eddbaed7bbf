"""Curves of local intrinsic dimension that are computed piece by piece, and kept for all sessions."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from dashboard import mixes
from dashboard.live import Shelf
from dashboard.state import Settings
from zmix_core.dimension import Curve, Level, Sweep
from zmix_core.methods import ZetaMixup

__all__ = ["Here", "Job", "code", "grid", "job"]

QUICK = 1000
"""Random points whose local ID is computed where there is no time for all."""

INTERVALS = 30
"""From one gamma of the curve to the next, as in Fig. 4 of the paper: 0 to 15 in steps of 1/2."""

JOBS = 64
"""Curves kept, as numbers."""

AWAKE = 3
"""Curves that could go on at once: for pictures each of them holds the inner products of all pairs."""


@dataclass(frozen=True)
class Here:
    """Local ID at one gamma: for each k its mean and spread, and how many points have 0, 1, 2, ... of it."""

    levels: dict[int, Level]
    counts: dict[int, list[int]]


class Job:
    """One curve, taken on step by step by whoever asks; stopping is not asking for more.

    Args:
        settings: What the curve depends on; its gamma does not matter.

    Attributes:
        curve: As far as it is; None before the first step.
        complete: Whether that is all of it.
        found: What was asked for at single gammas.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # A generator cannot be asked by two sessions at once.
        self._lock = threading.Lock()
        self._sweep: Sweep | None = None
        self._steps: Iterator[Curve] | None = None
        self.complete = False
        self.curve: Curve | None = None
        self.found: dict[float, Here] = {}

    @property
    def begun(self) -> bool:
        """Whether there is a point of the curve."""
        return self.curve is not None and any(self.curve.points.values())

    def begin(self) -> Iterator[None]:
        """Take the curve on, step by step, until there is a point of it."""
        while not (self.begun or self.complete):
            self._step()
            yield

    def finish(self) -> Iterator[None]:
        """Take the curve on, step by step, to its end."""
        while not self.complete:
            self._step()
            yield

    def _step(self) -> None:
        with self._lock:
            if self.complete:
                return
            if self._steps is None:
                self._steps = iter(self._working().curve(grid(self._settings)))
            try:
                self.complete = (curve := next(self._steps, None)) is None
            except Exception:
                self._steps = None  # it would look as if it had come to its end
                raise
            self.curve = curve or self.curve

    def at(self, gamma: float) -> Iterator[None]:
        """Take what there is at one gamma on, step by step, until it is `found`."""
        steps = None
        while gamma not in self.found:
            with self._lock:
                steps = steps or self._working().at(gamma)
                try:
                    next(steps)
                except StopIteration as end:
                    self.found[gamma] = Here(
                        {k: Level.of(ids.count) for k, ids in end.value.items()},
                        {k: ids.count.bincount().tolist() for k, ids in end.value.items()},
                    )
            yield

    def _working(self) -> Sweep:
        if self._sweep is None:
            self._sweep = _sweep(self._settings)
        with _awake_lock:
            _awake[id(self)] = self
            _awake.move_to_end(id(self))
            oldest = list(_awake.values())[:-AWAKE]
        for other in oldest:
            other._sleep()
        return self._sweep

    def _sleep(self) -> None:
        # One that is at work just now stays awake: waiting for it could be waiting for each other.
        if not self._lock.acquire(blocking=False):
            return
        try:
            self._sweep = self._steps = None
            if not self.complete:
                self.curve = None
            with _awake_lock:
                _awake.pop(id(self), None)
        finally:
            self._lock.release()


_awake: OrderedDict[int, Job] = OrderedDict()
_awake_lock = threading.Lock()
_jobs: Shelf[Job] = Shelf(Job, JOBS)


def job(settings: Settings) -> Job:
    """The one job of these settings, whatever their gamma, tab and colours."""
    scheme = mixes.methods(settings)["zeta"].scheme
    return _jobs(replace(settings, view="dimension", gamma=0.0, colours="class", scheme=scheme))


def grid(settings: Settings) -> list[float]:
    """The gammas of the curve."""
    low, high = settings.gammas
    return [round(low + (high - low) * i / INTERVALS, 6) for i in range(INTERVALS + 1)]


def _sweep(settings: Settings) -> Sweep:
    data, methods = mixes.data(settings), mixes.methods(settings)
    for k in settings.ks:
        if k >= len(data):
            raise ValueError(
                f"k = {k} is not below m = {len(data)}, the samples of {data.name}: "
                "type a smaller k, or take larger data."
            )
    zeta = methods.pop("zeta")
    return Sweep(
        data.x,
        settings.ks,
        n=settings.n,
        method=partial(ZetaMixup, anchor=zeta.anchor, scheme=zeta.scheme),
        baselines=methods,
        seed=settings.seed,
        queries=QUICK if settings.quick else None,
    )


def code(settings: Settings) -> str:
    """A script that gives exactly the curve on screen."""
    source, load = mixes.load_code(settings)
    methods, (low, high) = mixes.methods(settings), settings.gammas
    zeta = methods["zeta"]
    return f"""from functools import partial

from zmix_core import {source}
from zmix_core.dimension import curve
from zmix_core.methods import ERM, Mixup, ZetaMixup

data = {load}
gammas = [round({low!r} + {high - low!r} * i / {INTERVALS}, 6) for i in range({INTERVALS + 1})]
steps = curve(
    data.x,
    gammas,
    ks={settings.ks!r},
    n={settings.n},
    method=partial(ZetaMixup, anchor={zeta.anchor!r}, scheme={zeta.scheme!r}),
    baselines={{"original": {methods["original"]!r}, "mixup": {methods["mixup"]!r}}},
    seed={settings.seed},
    queries={QUICK if settings.quick else None},  # random points whose local ID is computed; None for all
)
for result in steps:  # from coarse to fine: each has all that is known by then
    print(f"{{result.progress:.0%}}", end="\\r")

for k in result.ks:
    for name, levels in result.levels.items():
        print(f"k = {{k}}, {{name}}: {{levels[k].mean:.3f}} ± {{levels[k].std:.3f}}")
    for gamma, level in result.points[k].items():
        print(f"k = {{k}}, gamma = {{gamma:g}}: {{level.mean:.3f}} ± {{level.std:.3f}}")
"""
