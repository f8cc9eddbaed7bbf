"""Realism and label correctness of several methods on one data set, as a table: ``zmix realism``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from zmix_core import images
from zmix_core.arguments import whole
from zmix_core.dataset import Dataset
from zmix_core.intervals import Interval, means, verdict
from zmix_core.manifolds import MANIFOLDS, Manifold
from zmix_core.manifolds import load as load_manifold
from zmix_core.methods import ERM, Method, Mixup, ZetaMixup
from zmix_core.oracle import Oracle
from zmix_core.realism import MEASURES, compare, oracle
from zmix_core.speed import markdown

__all__ = ["methods", "samples", "table"]


def methods(n: int, gammas: Sequence[float], alpha: float = 1.0) -> dict[str, Method]:
    """What is compared: the originals, mixup with one lambda a sample, and ζ-mixup at each gamma.

    Example:
        >>> list(methods(32, [2.8]))
        ['original', 'mixup', 'ζ-mixup, γ = 2.8']
    """
    zeta = {f"ζ-mixup, γ = {gamma:g}": ZetaMixup(n, gamma) for gamma in gammas}
    return {"original": ERM(), "mixup": Mixup(alpha, per_sample=True), **zeta}


def samples(name: str, count: int) -> tuple[Dataset, Oracle | Manifold]:
    """Samples to mix, and who judges them: an oracle, or the manifold they come from.

    Args:
        name: Of a manifold or of pictures, or a path to pictures.
        count: Of pictures, the first ones of each class, evenly; of points that many. Fewer where there are
            no more.

    Example:
        >>> samples("digits", 100)[0]
        <Dataset digits: x (100, 1, 8, 8) torch.uint8, 10 classes>
    """
    count = whole("samples", count, 2)
    if name in MANIFOLDS:
        return load_manifold(name, count, seed=0), MANIFOLDS[name]
    data = images.load(name)
    judge = oracle(data.name)
    judge.check(data)
    return data.first_of_each_class(max(1, count // data.num_classes)), judge


def table(
    data: Dataset,
    judge: Oracle | Manifold,
    which: Mapping[str, Method],
    seed: int = 0,
    *,
    against: str = "mixup",
) -> str:
    """Means with 95 % intervals, a row a method, and below it what is decided between them, as Markdown.

    Args:
        data: See `samples`, as for ``judge``.
        judge: An oracle, or the manifold the data are of.
        which: Methods by name; see `methods`.
        seed: Of who is mixed with whom, and of the resampling.
        against: The method that others are held against.

    Example:
        >>> text = table(*samples("crescents", 64), methods(8, [2.8]))
        >>> [cell.strip() for cell in text.splitlines()[0].split("|")[1:-1]]
        ['CRESCENTS (2-D), 64 samples', 'off the manifold', 'label errors']
    """
    if against not in which:
        raise ValueError(f"against = {against!r}: expected one of the methods, {', '.join(which)}.")
    found = compare(data, which, judge, seed)
    names = list(next(iter(found.values())))
    rows = []
    for name, measured in found.items():
        rows.append([name, *(said(*each) for each in means(measured, seed=seed).items())])
    title = judge.title if isinstance(judge, Manifold) else data.name
    lines = [markdown([f"{title}, {len(data):,} samples", *names], rows), ""]
    for name, measured in found.items():
        if isinstance(which[name], ZetaMixup):
            lines.append(f"- {name} beside {against}: {_decided(measured, found[against], seed)}.")
    return "\n".join(lines)


def said(measure: str, interval: Interval) -> str:
    """A mean with its interval in words.

    Example:
        >>> said("label errors", Interval(0.25, 0.2, 0.3)), said("H", Interval(0.25, 0.2, 0.3))
        ('25.0 % (20.0 to 30.0)', '0.250 (0.200 to 0.300)')
    """
    if MEASURES[measure].share:
        return f"{100 * interval.mean:.1f} % ({100 * interval.low:.1f} to {100 * interval.high:.1f})"
    return f"{interval.mean:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def _decided(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor], seed: int) -> str:
    parts = []
    for key, measured in ours.items():
        difference = verdict(measured, theirs[key], seed=seed)
        parts.append(f"*{MEASURES[key].word(difference)}* ({key} {said(key, difference)})")
    return ", ".join(parts)
