"""Local intrinsic dimension in words: never more than the numbers say."""

from __future__ import annotations

import math

from dashboard import id_jobs, mixes
from dashboard.id_jobs import Here, Job
from dashboard.state import Settings
from dashboard.words import TITLES, spread_words
from zmix_core.dimension import Curve

__all__ = ["histogram_sentence", "known", "progress", "sentence"]


def known(curve: Curve) -> int:
    """How many sets of a curve are computed."""
    return len(curve.levels) + len(curve.points[curve.ks[0]])


def progress(job: Job, stopped: bool) -> str:
    """How far a curve is, and how long it takes."""
    curve = job.curve
    done, total = known(curve) if curve else 0, id_jobs.INTERVALS + 1 + 2
    if job.complete:
        said = f"{done} of {total} in {_seconds(curve.elapsed)}"
    elif stopped:
        said = f"stopped at {done} of {total}"
    else:
        left = f" · about {_seconds(curve.left)} left" if curve and curve.left is not None else ""
        said = f"{done} of {total}{left}"
    return said + (f" · local ID at {curve.queries:,} of {curve.m:,} points" if curve else "")


def sentence(settings: Settings, curve: Curve | None, here: Here | None) -> str:
    """What the curve shows now, and no more than that."""
    data = mixes.data(settings)
    if curve is None:
        return f"Local ID of {data.name} is being computed."
    parts = []
    for k in settings.ks:
        others = ", ".join(f"{TITLES[name]} {spread_words(of[k])}" for name, of in curve.levels.items())
        if here:
            parts.append(f"{spread_words(here.levels[k])} with k = {k}" + (f" ({others})" if others else ""))
    said = f"{data.name}, N = {settings.n}: "
    if parts:
        said += f"at γ = {settings.gamma:g} the local ID of ζ-mixup is {' and '.join(parts)}."
    else:
        said += "the curve is being computed."
    low = [k for k in settings.ks if k <= data.x[0].numel()]
    if low:
        said += f" The neighbourhood of k = {low[0]} can show {low[0] - 1} dimensions at most."
    return said


def histogram_sentence(settings: Settings, here: Here) -> str:
    """What the histogram shows."""
    most = [f"k = {k}: most often {counts.index(max(counts))}" for k, counts in here.counts.items()]
    name = mixes.data(settings).name
    return f"ζ-mixup of {name} at γ = {settings.gamma:g}, N = {settings.n}; {', '.join(most)}."


def _seconds(value: float) -> str:
    if value < 10:
        return f"{value:.1f} s"
    return f"{math.ceil(value)} s" if value < 120 else f"{math.ceil(value / 60)} min"
