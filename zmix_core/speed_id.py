"""Local intrinsic dimension beside scikit-dimension: speed and agreement, ``zmix speed id``."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zmix_core.dimension import GAMMAS, KS, Curve, Sweep, curve, local_id
from zmix_core.gram import gram
from zmix_core.methods import ZetaMixup
from zmix_core.speed import Timing, beside, machine, markdown, provenance, ratio, seconds
from zmix_core.steps import finish

__all__ = ["Case", "Reference", "cases", "measure", "table"]

RIVAL = "scikit-dimension"
PACKAGES = ("torch", "numpy", "scikit-dimension", "scikit-learn", "numba")
SEED = 0

CHECKED = (0.0, 2.0, 6.0)
"""The gammas at which a curve is held against scikit-dimension."""

SAMPLE = 300
"""Points that stand for all where scikit-dimension takes minutes."""

LIMITS = 5, 10.0
"""Runs at most of each computation, and the seconds after which it is not run again."""


class Reference:
    """``skdim.id.lPCA(ver="FO", alphaFO=0.05).fit_pw(x, n_neighbors=k)`` in its two parts, at its fastest.

    Its linear algebra is held to one thread, as more slow it down on matrices as small as a neighbourhood's.

    Args:
        x: ``(m, ...)`` samples.
        k: Neighbours.
        sample: At how many points, drawn at random, it is fitted; all m if None. All are searched.
    """

    def __init__(self, x: Tensor, k: int, sample: int | None = None) -> None:
        from skdim.id import lPCA
        from sklearn.neighbors import NearestNeighbors
        from threadpoolctl import ThreadpoolController

        flat = x.flatten(1)
        self.x = (flat if flat.is_floating_point() else flat.double()).numpy()
        self.k, m = k, len(x)
        order = torch.randperm(m, generator=torch.Generator().manual_seed(SEED))
        self.chosen = order[: m if sample is None else sample].sort().values
        self.scale = m / len(self.chosen)
        self._one_thread = ThreadpoolController().limit
        self._model = lPCA(ver="FO", alphaFO=0.05)
        self._neighbours = NearestNeighbors(n_neighbors=k)
        self._near = np.empty((0, k), dtype=np.int64)

    def search(self) -> None:
        """The neighbours of all points, as `skdim` finds them."""
        with self._one_thread(limits=1, user_api="blas"):
            self._near = self._neighbours.fit(self.x).kneighbors()[1]

    def fit(self) -> Tensor:
        """Local ID at the chosen points, int64."""
        near = self._near[self.chosen]
        # It divides by the eigenvalues of flat neighbourhoods too, for a ratio that nobody asked for.
        with self._one_thread(limits=1, user_api="blas"), np.errstate(divide="ignore", invalid="ignore"):
            found = self._model.fit_pw(self.x, precomputed_knn=near, n_neighbors=self.k)
        return torch.from_numpy(found.dimension_pw_).long()

    def calls(self) -> dict[str, Callable[[], Any]]:
        """For `beside`."""
        return {"search": self.search, "fit": self.fit}

    def timing(self, times: Mapping[str, Timing]) -> Timing:
        """Of all points: a fit at some of them counts for as many as they stand for."""
        pairs = zip(times["search"].seconds, times["fit"].seconds, strict=False)
        return Timing(tuple(search + fit * self.scale for search, fit in pairs))


@dataclass(frozen=True)
class Case:
    """A data set to measure on.

    Attributes:
        title: What the table calls it.
        load: Gives its samples, or raises FileNotFoundError.
        goals: For each k, how many times faster than scikit-dimension we want to be, if we said so.
        samples: For each k, at how many points scikit-dimension is fitted; all where it is not listed.
        curve: Whether to compute a whole curve.
        curve_goals: Seconds in which we want it, and how many times faster.
        checks: At how many points of a curve's sets scikit-dimension is fitted; None for all.
    """

    title: str
    load: Callable[[], Tensor]
    goals: Mapping[int, float] = field(default_factory=dict)
    samples: Mapping[int, int] = field(default_factory=dict)
    curve: bool = False
    curve_goals: tuple[float, float] | None = None
    checks: int | None = None


def cases(*, quick: bool = False, full: bool = False, cifar: Path | None = None) -> list[Case]:
    """The data sets of `measure`: manifolds, MNIST and CIFAR-10.

    Args:
        quick: Fewer points of each, no CIFAR-10, no goals.
        full: Fit scikit-dimension at every point of CIFAR-10, which takes it some minutes.
        cifar: A folder of CIFAR-10's pictures, to be read instead of its binary files.

    Raises:
        FileNotFoundError: ``cifar`` is not a folder.
    """
    from zmix_core import images, manifolds

    if cifar is not None and not cifar.is_dir():
        raise FileNotFoundError(f"{cifar}: no such folder; expected one of pictures, a sub-folder a class.")

    def drawn(name: str) -> Callable[[], Tensor]:
        return lambda: manifolds.load(name, 2048 if quick else 8192).x

    def pictures() -> Tensor:
        if cifar is None:
            return images.load("cifar10", limit=10_000).x
        return images.load(cifar, limit=10_000, size=32).x

    found = [
        Case("helix in R³", drawn("helix-r3"), {8: 200, 128: 30}, curve=True, curve_goals=(5, 200)),
        Case("helix in R¹²", drawn("helix-r12"), {8: 90, 128: 14}),
        Case("paraboloid in R¹²", drawn("paraboloid-r12"), {8: 90, 128: 14}),
    ]
    few = {128: SAMPLE}
    if quick:
        found = [replace(case, goals={}, curve_goals=None) for case in found]
        return [*found, Case("MNIST", lambda: images.load("mnist", limit=1000).x, samples=few)]
    title, goals = "CIFAR-10" if cifar is None else "CIFAR-10 (JPEG)", {8: 8, 128: 120}
    return [
        *found,
        Case("MNIST", lambda: images.load("mnist", limit=10_000).x, {8: 3, 128: 20}),
        Case(title, pictures, goals, {} if full else few, True, (150, 200), SAMPLE),
    ]


def measure(
    which: Sequence[Case],
    *,
    gammas: Sequence[float] = GAMMAS,
    ks: Sequence[int] = KS,
    limits: tuple[int, float] = LIMITS,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Local ID, ours beside scikit-dimension's, on the CPU: how long each takes, and whether they agree.

    Args:
        which: What `cases` gives.
        gammas: Of the curves.
        ks: Sizes of neighbourhoods.
        limits: See `LIMITS`.
        say: Is told what is being measured.

    Returns:
        What the JSON file holds: machine, versions, date, and one row a measurement.
    """
    rows: list[dict[str, Any]] = []
    skipped: list[str] = []
    parts: dict[str, Any] | None = None
    for case in which:
        try:
            x = case.load()
        except FileNotFoundError as error:
            skipped.append(f"{case.title} was skipped: it is not on disk.")
            say(f"{case.title} is skipped: {error}")
            continue
        for k in ks:
            say(f"{case.title}: {len(x):,} points, k = {k}")
            rows.append(local_row(case, x, k, limits))
        if case.curve:
            say(f"{case.title}: {len(gammas)} gammas, k = {', '.join(map(str, ks))}")
            rows.append(curve_row(case, x, gammas, ks, limits))
        if x.ndim > 2 and parts is None:
            say(f"{case.title}: where the time goes")
            parts = {"data": case.title, "m": len(x), "seconds": steps(x, ks)}
    return {**machine(PACKAGES), "rows": rows, "skipped": skipped, "steps": parts}


def local_row(case: Case, x: Tensor, k: int, limits: tuple[int, float] = LIMITS) -> dict[str, Any]:
    """Local ID of one set at one k."""
    reference = Reference(x, k, case.samples.get(k))
    local_id(x[: 2 * k], k)  # what is compiled is loaded now
    found, times = beside({"ours": lambda: local_id(x, k).count, **reference.calls()}, *limits)
    agrees = agreement(x, k, reference.chosen, found["ours"][reference.chosen], found["fit"])
    task = {"data": case.title, "m": len(x), "ks": [k], "fitted": len(reference.chosen)}
    task["goal"] = case.goals.get(k)
    return task | ratio(times["ours"], {RIVAL: reference.timing(times)}) | agrees


def curve_row(
    case: Case, x: Tensor, gammas: Sequence[float], ks: Sequence[int], limits: tuple[int, float] = LIMITS
) -> dict[str, Any]:
    """A whole curve; scikit-dimension does some of its sets, from which its time for all is reckoned."""

    def ours() -> Curve:
        for step in curve(x, gammas, ks, seed=SEED):
            last = step
        return last

    found, times = beside({"ours": ours}, *limits)
    sweep, theirs, counts, off = Sweep(x, ks, seed=SEED), [], [], 0.0
    sets = len(gammas) + len(found["ours"].levels)
    for gamma in [g for g in CHECKED if g in gammas] or gammas[:1]:
        local = finish(sweep.at(gamma))
        recipe = ZetaMixup(32, gamma).draw(len(x), generator=torch.Generator().manual_seed(SEED))
        mixed, per_set = recipe.apply(x if x.is_floating_point() else x.double()), 0.0
        for k in ks:
            reference = Reference(mixed, k, case.checks)
            fitted, taken = beside(reference.calls(), repeats=1)
            per_set += reference.timing(taken).median
            count = local[k].count[reference.chosen]
            counts.append(agreement(mixed, k, reference.chosen, count, fitted["fit"]))
            of_all = found["ours"].points[k][gamma].mean - float(local[k].count.double().mean())
            off = max(off, abs(of_all), abs(float((count - fitted["fit"]).double().mean())))
        theirs.append(per_set * sets)
    aims = case.curve_goals or (None, None)
    task = {"data": case.title, "m": len(x), "ks": list(ks), "gammas": len(gammas), "sets": sets}
    task |= {"fitted": len(reference.chosen), "goal_seconds": aims[0], "goal": aims[1], "means_within": off}
    total = {name: sum(each[name] for each in counts) for name in counts[0]}
    return task | ratio(times["ours"], {RIVAL: Timing(tuple(theirs))}) | total


def agreement(x: Tensor, k: int, chosen: Tensor, ours: Tensor, theirs: Tensor) -> dict[str, int]:
    """At how many chosen points both agree; of the others, at how many the k-th distance is a tie."""
    others = chosen[ours != theirs].tolist()
    ties = sum(_tied(x.flatten(1), i, k) for i in others)
    return {"compared": len(chosen), "agree": len(chosen) - len(others), "ties": ties}


def _tied(x: Tensor, i: int, k: int) -> bool:
    squared = (x.double() - x[i].double()).square().sum(1)
    squared[i] = torch.inf
    return len(set(squared.sort().values[k - 1 : k + 1].tolist())) == 1


def steps(x: Tensor, ks: Sequence[int] = KS) -> dict[str, float]:
    """Seconds for each step of one mixed set, one after another; in `curve` cores share the last ones."""
    taken: dict[str, float] = {}

    def clock(name: str, call: Callable[..., Any], *arguments: Any) -> Any:
        start = time.perf_counter()
        result = call(*arguments)
        taken[name] = taken.get(name, 0.0) + time.perf_counter() - start
        return result

    zeta = ZetaMixup(32, 2.8).draw(len(x), generator=torch.Generator().manual_seed(SEED))
    pairs = clock("products", finish, gram(x.flatten(1)))
    centred = clock("centring", finish, pairs.centred())
    mixed = clock("mixing", finish, centred.mixed(zeta))
    for part in torch.arange(len(x)).split(mixed.rows(max(ks))):
        near = clock("neighbours", mixed.nearest, part, ks)[0]
        for k in ks:
            clock(f"counts for k = {k}", mixed.spectra, near[:, :k].contiguous())
    return taken


def table(measured: Mapping[str, Any]) -> str:
    """What `measure` gave, as Markdown."""
    header = ["data", "local ID", "zmix", RIVAL, "faster", "goal", "points that agree"]
    lines = [markdown(header, [_cells(row) for row in measured["rows"]]), "", provenance(measured)]
    if measured["steps"]:
        parts = measured["steps"]
        times = [f"{name} {seconds({'median': s, 'runs': 1})}" for name, s in parts["seconds"].items()]
        what = f"One mixed set of {parts['m']:,} {parts['data']} pictures, one step after another"
        lines += ["", f"{what}: {', '.join(times)}."]
    return "\n".join([*lines, *(["", *measured["skipped"]] if measured["skipped"] else [])])


def _cells(row: Mapping[str, Any]) -> list[str]:
    theirs, m = row[RIVAL], row["m"]
    task = f"k = {' and '.join(map(str, row['ks']))}"
    goal = "" if row["goal"] is None else f"{row['goal']:.0f} ×"
    reckoned = f" from {row['fitted']:,} points" if row["fitted"] < m else ""
    agree = f"{row['agree']:,} of {row['compared']:,}"
    if row["compared"] > row["agree"]:
        agree += f"; of the others {row['ties']:,} tie"
    if "gammas" in row:
        task = f"{row['gammas']} γ, {task}"
        goal = f"{row['goal_seconds']:.0f} s, {goal}" if goal else ""
        reckoned = f" from {theirs['runs']} of {row['sets']} sets" + reckoned.replace("from", "at")
        agree += f"; means within {row['means_within']:.0e}" if row["means_within"] else "; equal means"
    faster = f"{row['ratio']:.{0 if row['ratio'] >= 10 else 1}f} ×"
    times = [seconds(row["ours"]), seconds(theirs) + reckoned]
    return [f"{row['data']}, {m:,}", task, *times, faster, goal, agree]
