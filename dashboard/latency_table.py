"""What `dashboard.latency` times, how its logs are read, and its tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.latency_page import Log
from zmix_core.speed import markdown, provenance

__all__ = ["VIEWS", "View", "ended", "percentile", "summary", "table", "waits"]

OURS, MAP, NOTEBOOK = "zmix", "DynamicMap", "interact"

FIRST, LATER, SLOWER = 5.0, 2.5, 1.5
"""Seconds in which we want the page usable, on the first visit and later; imports in times that of torch."""


@dataclass(frozen=True)
class View:
    """A picture of the laboratory to be timed; the rivals' is the one of this name in `PICTURES`.

    Attributes:
        name: In `PICTURES`.
        link: Opens it.
        title: Of the picture that is watched.
        slider: The slider that is dragged, and what comes before its value in the names of files.
        ends: The part of its way that a drag takes.
        median: Seconds in which we want half of the pictures painted.
        most: Seconds in which we want 95 % of them painted.
        share: What part of the DynamicMap's median we want to stay below.
    """

    name: str
    link: str
    title: str = "ζ-mixup"
    slider: tuple[str, str] = ("γ", "gamma")
    ends: tuple[float, float] = (0.3, 0.6)
    median: float = math.inf
    most: float = math.inf
    share: float = math.inf


VIEWS = [
    View("Manifolds 2-D", "manifold=crescents", share=0.5),
    View("Manifolds 3-D", "manifold=helix-r3", share=0.5, most=0.15),
    View("image grid", "view=images&images=digits", most=0.15),
    View(
        "first point of the curve",
        "view=dimension&dimension=helix-r3",
        "Local ID over γ",
        ("N", "n"),
        ends=(0.3, 0.45),
        median=0.3,
    ),
]

# Reading what a page has logged


def waits(log: Log, kind: str) -> list[float | None]:
    """Seconds from each move to what answers it; None where nothing did.

    Example:
        >>> waits([("moved", 1, 0), ("moved", 2, 30), ("painted", 2, 90)], "painted")
        [0.09, 0.06]
    """
    moves = [(value, at) for what, value, at in log if what == "moved"]
    shown = [(value, at) for what, value, at in log if what == kind]
    found = []
    for i, (_, start) in enumerate(moves):
        good = [value for value, _ in moves[i:]]
        answers = (at for value, at in shown if at >= start and any(math.isclose(value, g) for g in good))
        first = next(answers, None)
        found.append(None if first is None else (first - start) / 1000)
    return found


def ended(log: Log) -> bool:
    """Whether the slider's last value is what was painted last.

    Example:
        >>> ended([("moved", 1, 0), ("moved", 2, 30), ("painted", 2, 90), ("painted", 1, 95)])
        False
    """
    last = {kind: (value, at) for kind, value, at in log}
    if "moved" not in last or "painted" not in last:
        return False
    return math.isclose(last["moved"][0], last["painted"][0]) and last["painted"][1] >= last["moved"][1]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that at least this share of them does not exceed.

    Example:
        >>> percentile([5, 1, 4, 2, 3], 0.5), percentile(range(1, 101), 0.95)
        (3, 95)
    """
    return sorted(values)[max(1, math.ceil(share * len(values))) - 1]


def summary(logs: Sequence[Log]) -> dict[str, Any]:
    """Of all moves in some logs: how long until the data arrived and until the picture was painted."""
    found: dict[str, Any] = {}
    for kind in ("arrived", "painted"):
        each = [wait for log in logs for wait in waits(log, kind)]
        known = [wait for wait in each if wait is not None]
        found[kind] = {
            "moves": len(each),
            "unanswered": len(each) - len(known),
            "median": percentile(known, 0.5) if known else None,
            "p95": percentile(known, 0.95) if known else None,
        }
    return found


# Tables


def table(measured: Mapping[str, Any], views: Sequence[View] = VIEWS) -> str:
    """What `measure` gives, to be read."""
    rows, counts = [], []
    for how, words in (("steps", "step by step"), ("drags", "dragged")):
        for row in measured["views"]:
            view = next(view for view in views if view.name == row["view"])
            others = [r for r in measured["views"] if r["view"] == row["view"] and r["contender"] == MAP]
            goal = _goal(view, row[how]["painted"], others[0][how]["painted"] if others else None)
            cells = [_times(row[how][kind]) for kind in ("arrived", "painted")]
            rows.append(
                [row["view"], words, row["contender"], *cells, goal if row["contender"] == OURS else ""]
            )
    rows.sort(key=lambda cells: [view.name for view in views].index(cells[0]))
    for row in measured["views"]:
        counts.append([row["view"], row["contender"], f"{row['drags_ended']} of {row['of']}"])
    visit_rows = [
        ["`panel serve` until it says where", _seconds(measured["visits"]["served"]), ""],
        *_visit_rows("first visit", measured["visits"]["first"], FIRST),
        *_visit_rows("later visit", measured["visits"]["later"], LATER),
    ]
    alone, ours = (percentile(measured["imports"][name], 0.5) for name in ("torch", "zmix_core"))
    visit_rows += [
        ["`import torch`", _seconds(measured["imports"]["torch"]), ""],
        [
            "`import zmix_core`",
            _seconds(measured["imports"]["zmix_core"]),
            _reached(ours / alone, SLOWER, " ×"),
        ],
    ]
    return "\n\n".join(
        [
            markdown(["picture", "how", "by", "data: median, 95 %", "painted: median, 95 %", "goal"], rows),
            markdown(["picture", "by", "drags that ended on the last value"], counts),
            f"{measured['computations']:,} computations, at most {measured['at_once']} at once in a session.",
            markdown(["what", "median (of how many)", "goal"], visit_rows),
            provenance(measured) + f" Load when it began: {measured['load']:.1f}.",
            *measured["skipped"],
        ]
    )


def _goal(view: View, ours: Mapping[str, Any], theirs: Mapping[str, Any] | None) -> str:
    said = []
    if ours["median"] is None:
        return ""
    if math.isfinite(view.share) and theirs and theirs["median"]:
        said.append(f"{_reached(ours['median'] / theirs['median'], view.share, ' ×')} of {MAP}")
    if math.isfinite(view.median):
        said.append(f"median {_reached(ours['median'], view.median)}")
    if math.isfinite(view.most):
        said.append(f"95 % {_reached(ours['p95'], view.most)}")
    return "; ".join(said)


def _reached(value: float, goal: float, unit: str = " s") -> str:
    return f"{value:.2f}{unit} ({'within' if value <= goal else 'not within'} {goal:g})"


def _times(found: Mapping[str, Any]) -> str:
    if found["median"] is None:
        return f"none of {found['moves']}"
    left = f", {found['unanswered']} never" if found["unanswered"] else ""
    return f"{1000 * found['median']:,.0f}, {1000 * found['p95']:,.0f} ms{left}"


def _seconds(values: Sequence[float]) -> str:
    return f"{percentile(values, 0.5):.2f} s ({len(values)})"


def _visit_rows(title: str, visits: Sequence[Sequence[float]], goal: float) -> list[list[str]]:
    painted, answered = zip(*visits, strict=True)
    return [
        [f"{title}: pictures painted", _seconds(painted), ""],
        [f"{title}: slider answers", _seconds(answered), _reached(percentile(answered, 0.5), goal)],
    ]
