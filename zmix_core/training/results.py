"""What the runs say: a mean over seeds, and how sure the difference to ERM and to mixup is."""

from __future__ import annotations

import json
import math
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zmix_core.speed import markdown
from zmix_core.training.paper import paper_results
from zmix_core.training.protocols import PROTOCOLS
from zmix_core.training.spec import OWN, Spec

__all__ = ["Difference", "Result", "compared", "natural", "paired", "results", "score", "table"]

MOST = 10_000
"""Seeds above which nobody waits for a decision."""

FEWEST = 4
"""Seeds from which on a table says how many it would take to decide: of fewer the spread is not known."""

PERCENT = ("ERR", "ACC", "ACC_bal")


@dataclass(frozen=True)
class Difference:
    """A paired difference of means and its confidence interval.

    Args:
        mean: Ours minus theirs, over the seeds that both have.
        low: Lower end of the interval; None where there is one seed.
        high: Upper end.
        seeds: How many both have.
        needed: How many seeds it would take, at this mean and this standard deviation of the differences,
            until the interval leaves 0 out; None where that is more than 10,000, or one seed says nothing.
    """

    mean: float
    low: float | None
    high: float | None
    seeds: int
    needed: int | None


@dataclass(frozen=True)
class Result:
    """One method on one protocol, by one metric.

    Args:
        setting: The protocol's name, and what is not as the protocol has it.
        method: As `zmix_core.training.spec.name_of` has it.
        metric: ``"ERR"`` (percent, lower is better) or another of the protocol's metrics.
        mean: Over the seeds.
        std: Their standard deviation (n - 1); None for one seed.
        seeds: How many.
        to: The `Difference` to ``"erm"`` and to ``"mixup"``, where those ran with the same seeds.
        paper: The paper's mean, or None.
    """

    setting: str
    method: str
    metric: str
    mean: float
    std: float | None
    seeds: int
    to: dict[str, Difference]
    paper: float | None


def results(records: Iterable[Mapping[str, Any]]) -> list[Result]:
    """What finished runs say; runs are compared that share every setting but method and seed.

    Args:
        records: As of `zmix_core.training.records.read_records`; failures among them are passed over.

    Returns:
        Setting by setting, metric by metric, ERM and mixup first.

    Example:
        >>> results([])
        []
    """
    groups: dict[str, dict[str, dict[int, Mapping[str, Any]]]] = {}
    for record in records:
        if record["status"] == "finished":
            of_method = groups.setdefault(compared(record["settings"]), {})
            of_method.setdefault(record["name"], {})[record["settings"]["seed"]] = record
    names = _settings([json.loads(text) for text in groups])
    found = []
    for setting, methods in sorted(
        zip(names, groups.values(), strict=True), key=lambda pair: natural(pair[0])
    ):
        first = next(iter(next(iter(methods.values())).values()))
        for metric in first["metrics"]:
            values = {
                name: {seed: record["final"][metric] for seed, record in runs.items()}
                for name, runs in methods.items()
            }
            for name in sorted(values, key=_order):
                paper = _paper(next(iter(methods[name].values()))["settings"], metric)
                found += _result(setting, name, metric, values, paper)
    return found


def compared(settings: Mapping[str, Any]) -> str:
    """What runs share whose methods are compared, as JSON: every setting but method and seed.

    Example:
        >>> compared({"protocol": "digits", "method": "mixup", "alpha": 1.0, "seed": 3})
        '{"protocol": "digits"}'
    """
    shared = {name: value for name, value in settings.items() if name not in ("seed", "method", *OWN)}
    return json.dumps(shared, sort_keys=True)


def natural(text: str) -> list[tuple[float, str]]:
    """A key to sort names by, with numbers in them by their size.

    Example:
        >>> sorted(["epochs 40", "epochs 5"], key=natural)
        ['epochs 5', 'epochs 40']
    """
    parts = re.split(r"(\d+(?:\.\d+)?)", text)
    return [(float(part), "") if k % 2 else (-1.0, part) for k, part in enumerate(parts)]


def score(record: Mapping[str, Any]) -> str:
    """What a finished run came to, by the first metric of its protocol's table.

    Example:
        >>> score({"metrics": ["ACC_bal"], "final": {"ACC_bal": 71.25}})
        'ACC_bal 71.25 %'
    """
    metric = record["metrics"][0]
    value = record["final"][metric]
    if value is None:  # no AUC where the test pictures are of one class
        return f"no {metric}"
    return f"{metric} {value:.2f} %" if metric in PERCENT else f"{metric} {value:.4f}"


def paired(ours: Sequence[float], theirs: Sequence[float], level: float = 0.95) -> Difference:
    """The mean of the differences with Student's interval: it takes differences between seeds as normal.

    Args:
        ours: One value a seed.
        theirs: Of the same seeds, in the same order.
        level: Of the interval.

    Raises:
        ValueError: Their lengths differ, or there are none.

    Example:
        >>> paired([1.0, 2.0, 3.0], [2.0, 3.0, 5.0]).needed
        4
    """
    from scipy.stats import t

    if len(ours) != len(theirs) or not ours:
        raise ValueError(
            f"{len(ours)} values of ours and {len(theirs)} of theirs; expected pairs, at least one."
        )
    differences = [a - b for a, b in zip(ours, theirs, strict=True)]
    mean, n = statistics.fmean(differences), len(differences)
    if n == 1:
        return Difference(mean, None, None, 1, None)
    deviation = statistics.stdev(differences)

    def half(seeds: int) -> float:
        return float(t.ppf((1 + level) / 2, seeds - 1)) * deviation / math.sqrt(seeds)

    needed = None
    if half(MOST) < abs(mean):
        low, high = 1, MOST  # half of the interval's width falls as seeds are added
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if half(middle) < abs(mean) else (middle, high)
        needed = high
    return Difference(mean, mean - half(n), mean + half(n), n, needed)


def table(found: Iterable[Result]) -> str:
    """Results as markdown, a table a setting.

    Percent have two digits, what runs from 0 to 1 has four. A difference that its interval decides is bold.

    Example:
        >>> table([])
        'No finished runs.'
    """
    parts: dict[str, list[Result]] = {}
    for result in found:
        parts.setdefault(result.setting, []).append(result)
    header = [
        "method",
        "metric",
        "mean ± std",
        "seeds",
        "to ERM (95 %)",
        "to mixup (95 %)",
        "seeds needed",
        "paper",
    ]
    return "\n\n".join(
        f"{name}\n\n{markdown(header, [_row(r) for r in rows])}" for name, rows in parts.items()
    ) or ("No finished runs.")


def _result(
    setting: str,
    name: str,
    metric: str,
    values: Mapping[str, Mapping[int, float | None]],
    paper: float | None,
) -> list[Result]:
    mine = {seed: value for seed, value in values[name].items() if value is not None}
    if not mine:  # no AUC where the test pictures are of one class
        return []
    to = {}
    for other in ("erm", "mixup"):
        theirs = values.get(other, {})
        pairs = [(mine[seed], theirs[seed]) for seed in sorted(mine) if theirs.get(seed) is not None]
        if other != name and pairs:
            to[other] = paired([a for a, _ in pairs], [b for _, b in pairs if b is not None])
    std = statistics.stdev(mine.values()) if len(mine) > 1 else None
    return [Result(setting, name, metric, statistics.fmean(mine.values()), std, len(mine), to, paper)]


def _settings(shared: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each one's protocol, and what is not as the protocol has it or as others of it were run."""
    names = []
    for mine in shared:
        others = [other for other in shared if other["protocol"] == mine["protocol"]]
        if mine["protocol"] in PROTOCOLS:
            others.append(Spec(mine["protocol"]).settings())
        telling = [name for name in mine if any(other.get(name) != mine[name] for other in others)]
        if mine["protocol"] not in PROTOCOLS:  # nobody knows what is usual there
            telling = [name for name in mine if name in telling or name in ("network", "epochs")]
        if "epochs" in telling and "decay_epochs" in telling:
            telling.remove("decay_epochs")  # they follow
        names.append(", ".join([mine["protocol"], *(f"{name} {mine[name]}" for name in telling)]))
    return names


def _order(name: str) -> tuple[int, str]:
    first = ("erm", "mixup", "cutmix", "cutmix+zeta")
    return (first.index(name) if name in first else len(first), name)


def _paper(settings: Mapping[str, Any], metric: str) -> float | None:
    if settings.get("n") is not None or settings.get("alpha", 1.0) != 1.0:
        return None
    for result in paper_results(dataset=settings["protocol"]):
        asked = (settings["network"], settings["method"], settings.get("gamma"), metric)
        if (result.network, result.method, result.gamma, result.metric) == asked:
            return result.mean
    return None


def _row(result: Result) -> list[str]:
    digits = 2 if result.metric in PERCENT else 4

    def difference(to: str) -> str:
        found = result.to.get(to)
        if found is None:
            return ""
        if found.low is None or found.high is None:
            return f"{found.mean:+.{digits}f}"
        text = f"{found.mean:+.{digits}f} [{found.low:+.{digits}f}, {found.high:+.{digits}f}]"
        return f"**{text}**" if found.low > 0 or found.high < 0 else text

    def needed(to: str) -> str:
        found = result.to.get(to)
        if found is None or found.seeds < FEWEST or found.low == found.high:
            return "-"
        return f"{found.needed:,}" if found.needed else f"> {MOST:,}"

    return [
        result.method,
        result.metric,
        f"{result.mean:.{digits}f}" + ("" if result.std is None else f" ± {result.std:.{digits}f}"),
        str(result.seeds),
        difference("erm"),
        difference("mixup"),
        f"{needed('erm')} / {needed('mixup')}" if result.to else "",
        "" if result.paper is None else f"{result.paper:.{digits}f}" if digits == 2 else f"{result.paper:g}",
    ]
