"""What Appendix E varies and measures: γ and weight decay, and what the runs say of them (Fig. A1)."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from statistics import fmean, stdev
from typing import Any

from zmix_core.arguments import real
from zmix_core.training.spec import Spec

__all__ = ["CURVE_METHODS", "OBJECTIVES", "CurvePoint", "Plan", "curve", "objective_of"]

CURVE_METHODS = tuple(f"zeta-{tenths / 10:g}" for tenths in range(18, 51, 2))
"""γ = 1.8, 2.0, ..., 5.0 of Fig. A1 (a, b), for `zmix_core.training.spec.grid`."""

OBJECTIVES = ("auto", "validation", "test")
"""The pictures that a sweep chooses by; ``"auto"``: validation where there are such, else test."""


@dataclass(frozen=True)
class Plan:
    """What the trials of a sweep have in common, and where they differ.

    Args:
        base: The run that all are like.
        gammas: Lowest and highest γ, at least 0.
        weight_decays: Lowest and highest weight decay, above 0.
        objective: One of `OBJECTIVES`.

    Raises:
        ValueError: A range or the objective is not as said above.

    Example:
        >>> plan = Plan(Spec("digits", epochs=5), (1.0, 6.0), (5e-5, 1e-3))
        >>> plan.spec(2.4, 1e-4).gamma
        2.4
    """

    base: Spec
    gammas: tuple[float, float]
    weight_decays: tuple[float, float]
    objective: str = "auto"

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            raise ValueError(f"objective = {self.objective!r}: expected one of {', '.join(OBJECTIVES)}.")
        for field in ("gammas", "weight_decays"):
            low, high = (real(field, value) for value in getattr(self, field))
            if not (0 <= low <= high < math.inf) or (low == 0 and field == "weight_decays"):
                least = "at least" if field == "gammas" else "above"
                raise ValueError(f"{field} = {low:g}, {high:g}: expected the lower first, {least} 0, finite.")
            object.__setattr__(self, field, (low, high))

    def settings(self) -> dict[str, Any]:
        """All that decides the numbers of a sweep but its seed's draws, for JSON."""
        common = {k: v for k, v in self.base.settings().items() if k not in ("gamma", "weight_decay")}
        ranges = {"gammas": list(self.gammas), "weight_decays": list(self.weight_decays)}
        return {**common, **ranges, "objective": self.objective}

    def name(self) -> str:
        """The protocol's as a folder may be called, and eight hexadecimal digits of the settings."""
        text = json.dumps(self.settings(), sort_keys=True)
        words = [*re.findall(r"\w+", self.base.resolved().name), sha256(text.encode()).hexdigest()[:8]]
        return "-".join(words)

    def spec(self, gamma: float, weight_decay: float) -> Spec:
        """The run of a trial."""
        spec = dataclasses.replace(self.base, gamma=gamma, weight_decay=weight_decay)
        spec.__dict__["_found"] = self.base._found  # looked for once
        return spec


def objective_of(record: Mapping[str, Any], objective: str = "auto") -> tuple[float, str]:
    """What a sweep makes as high as possible: the protocol's first metric, at the epoch that is judged.

    Args:
        record: Of a run that is finished. In the place of ERR stands the accuracy, as in Fig. A1 (c, d).
        objective: One of `OBJECTIVES`.

    Returns:
        The value, and what it is: ``"test ACC"``, ``"validation AUC"``, ...

    Raises:
        ValueError: There are no such pictures, or they do not have this metric.

    Example:
        >>> epoch = {"test": {"ACC": 90.0}, "val": {"ACC": 91.0}}
        >>> objective_of({"metrics": ["ERR"], "final": {"epoch": 1}, "curves": [epoch]})
        (91.0, 'validation ACC')
    """
    epoch = record["curves"][record["final"]["epoch"] - 1]
    metric = "ACC" if record["metrics"][0] == "ERR" else record["metrics"][0]
    which = objective if objective != "auto" else "test" if epoch["val"] is None else "validation"
    measured = epoch["test" if which == "test" else "val"]
    if measured is None or measured[metric] is None:
        raise ValueError(f"no {metric} of {which} pictures; expected an objective that the protocol has.")
    return measured[metric], f"{which} {metric}"


@dataclass(frozen=True)
class CurvePoint:
    """What finished runs say at one γ: ``mean`` of the metric over ``seeds`` runs, ``std`` (None for one)."""

    gamma: float
    mean: float
    std: float | None
    seeds: int
    metric: str


def curve(records: Iterable[Mapping[str, Any]]) -> list[CurvePoint]:
    """The test metric over γ at one weight decay, seeds together (Fig. A1 a, b).

    Args:
        records: As of `zmix_core.training.records.read_records`, of
            ``grid(protocol, CURVE_METHODS, seeds)``; what is not ζ-mixup or not finished is passed over.

    Returns:
        By γ.

    Raises:
        ValueError: Runs differ in more than γ and seed.

    Example:
        >>> curve([])
        []
    """
    values: dict[float, list[float]] = {}
    kinds, metric = set(), ""
    for record in records:
        settings = record["settings"]
        if record["status"] == "finished" and settings["method"] == "zeta-mixup":
            others = {key: value for key, value in settings.items() if key not in ("gamma", "seed")}
            kinds.add(json.dumps(others, sort_keys=True))
            metric = record["metrics"][0]
            values.setdefault(settings["gamma"], []).append(record["final"][metric])
    if len(kinds) > 1:
        raise ValueError(
            f"runs of {len(kinds)} settings besides γ and seed; expected one: choose records by their "
            "'settings', for instance by 'protocol', 'epochs' and 'weight_decay'."
        )
    return [
        CurvePoint(gamma, fmean(found), stdev(found) if len(found) > 1 else None, len(found), metric)
        for gamma, found in sorted(values.items())
    ]
