"""Who judges the pictures on screen, and what is found on a thousand of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dashboard import mixes
from dashboard.live import Shelf
from dashboard.state import Settings
from zmix_core import oracle as oracles
from zmix_core.intervals import Interval, means
from zmix_core.manifolds import Manifold
from zmix_core.oracle import Oracle
from zmix_core.realism import measure

__all__ = ["Found", "finding", "found", "judge", "keep", "measured", "trained_here"]

PIECE = 100
"""Pictures that an oracle judges at a time, so that a slider never waits for more."""

KEPT = 8
"""Oracles trained on this page that are kept in memory, for all sessions together."""


@dataclass(frozen=True, eq=False)
class Found:
    """What is measured of each method's samples.

    Args:
        settings: What the samples come from.
        measured: For each method, what `zmix_core.realism.measure` gives: ``(M,)`` each.
        means: Their means with bootstrap intervals.
        differences: ζ-mixup less mixup, output by output.
        judge: How often who judges is right, in words.
    """

    settings: Settings
    measured: dict[str, dict[str, Tensor]]
    means: dict[str, dict[str, Interval]]
    differences: dict[str, Interval]
    judge: str = ""


def judge(settings: Settings) -> Oracle:
    """The oracle for the pictures.

    Raises:
        FileNotFoundError: There is none for them.
        ValueError: There is one, but it is damaged, or knows other pictures.
    """
    data = mixes.data(settings)
    oracle = _trained.get(settings.data)
    if oracle is None:
        path = oracles.find(data.name)
        oracle = _loaded(path, path.stat().st_mtime_ns)
    oracle.check(data)
    return oracle


def keep(name: str, oracle: Oracle) -> None:
    """Take an oracle for the pictures listed under a name, until newer ones take its place."""
    _trained[name] = oracle
    while len(_trained) > KEPT:
        _trained.popitem(last=False)


def trained_here(settings: Settings) -> bool:
    """Whether the oracle for the pictures was trained on this page, and lies in no file."""
    return settings.data in _trained


def found(settings: Settings, judge: Oracle | Manifold) -> Found:
    """What the judge says of the samples on the tab; of pictures, of a thousand made the same way."""
    *_, last = finding(settings, judge)
    assert last is not None
    return last


def finding(settings: Settings, judge: Oracle | Manifold) -> Iterator[Found | None]:
    """As `found`, in pieces of a few milliseconds: None while there is more to do."""
    if settings.view == "images":
        settings = replace(settings, view="realism")
    mixed = mixes.mix(settings)
    for each in mixed.values():
        for start in _starts(each, judge):
            yield None
            _piece(each, judge, start)
    values = {name: measured(m, judge) for name, m in mixed.items()}
    found_means = {name: _means(m, judge) for name, m in mixed.items()}
    differences = means({key: ours.double() - values["mixup"][key] for key, ours in values["zeta"].items()})
    yield Found(settings, values, found_means, differences, getattr(judge, "accuracy", ""))


def _starts(mixed: mixes.Mixed, judge: Oracle | Manifold) -> range:
    """Where pieces of samples begin; what a formula judges is one piece."""
    return range(0, len(mixed.x), PIECE if isinstance(judge, Oracle) else len(mixed.x))


def _measured(mixed: mixes.Mixed, judge: Oracle | Manifold) -> dict[str, Tensor]:
    pieces = [_piece(mixed, judge, start) for start in _starts(mixed, judge)]
    return {key: torch.cat([piece[key] for piece in pieces]) for key in pieces[0]}


def _measured_piece(mixed: mixes.Mixed, judge: Oracle | Manifold, start: int) -> dict[str, Tensor]:
    rows = slice(start, start + _starts(mixed, judge).step)
    return measure(mixed.x[rows], mixed.y[rows], judge)


_trained: OrderedDict[str, Oracle] = OrderedDict()
_loaded = Shelf(lambda path, _: oracles.load(path), KEPT)
_piece = Shelf(_measured_piece, 240)
measured = Shelf(_measured, 24)
"""What a judge says of each sample of a method, kept for all sessions."""
_means = Shelf(lambda mixed, judge: means(measured(mixed, judge)), 24)
