"""Bootstrap confidence intervals of means, and of the difference between two methods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from zmix_core.arguments import real, whole

__all__ = ["Interval", "bootstrap", "means", "verdict"]

CHUNK = 2**23
"""Elements of the largest matrix of resampling counts that is held at once (32 MiB)."""


@dataclass(frozen=True)
class Interval:
    """A mean and its bootstrap confidence interval from ``low`` to ``high``."""

    mean: float
    low: float
    high: float


def bootstrap(values: Tensor, *, level: float = 0.95, resamples: int = 1000, seed: int = 0) -> list[Interval]:
    """Means and their percentile bootstrap intervals (Efron 1979).

    The samples are drawn again with replacement, row by row. So an interval speaks of more outputs of the
    same method from the same originals, judged by the same oracle; outputs that share parents count as
    independent. A share of exactly 0 or 1 has an interval of no width.

    Args:
        values: ``(M,)``, or ``(M, q)`` for q means over the same samples, resampled together.
        level: Share of the resampled means that lie inside; between 0 and 1.
        resamples: How often the samples are drawn again.
        seed: Of those draws.

    Returns:
        One `Interval` a column.

    Raises:
        ValueError: There are no samples, a value is not finite, or an argument is out of range.

    Example:
        >>> bootstrap(torch.tensor([1.0, 1.0, 1.0]))
        [Interval(mean=1.0, low=1.0, high=1.0)]
    """
    resamples = whole("resamples", resamples, 1)
    if not 0 < real("level", level) < 1:
        raise ValueError(f"level = {level}: expected a share between 0 and 1, like 0.95.")
    if values.ndim not in (1, 2) or not values.numel() or not values.isfinite().all():
        raise ValueError(
            f"values has shape {tuple(values.shape)}; expected (M,) or (M, q), at least one sample, "
            f"all of them finite."
        )
    columns = values.reshape(len(values), -1).double()
    m, centre = len(columns), columns[0]
    # About one of the values, since then equal values give exactly equal means.
    away = (columns - centre).to("cpu")
    rows = max(1, CHUNK // m)
    counts = (_counts(m, min(rows, resamples - first), seed + first) for first in range(0, resamples, rows))
    means = torch.cat([(count @ away.float()).double() / m for count in counts]) + centre.cpu()
    tail = (1 - level) / 2
    low, high = torch.quantile(means, torch.tensor([tail, 1 - tail], dtype=means.dtype), dim=0)
    mean = away.mean(0) + centre.cpu()
    return [Interval(*map(float, row)) for row in zip(mean, low, high, strict=True)]


def means(measured: Mapping[str, Tensor], *, seed: int = 0) -> dict[str, Interval]:
    """`bootstrap` of several measures of the same samples at once.

    Args:
        measured: ``(M,)`` each, by name.
        seed: Of the resampling.

    Example:
        >>> means({"H": torch.tensor([1.0, 1.0])})
        {'H': Interval(mean=1.0, low=1.0, high=1.0)}
    """
    columns = torch.stack(list(measured.values()), dim=1)
    return dict(zip(measured, bootstrap(columns, seed=seed), strict=True))


def verdict(ours: Tensor, theirs: Tensor, **options: float) -> Interval:
    """The mean difference ``ours - theirs``, output by output, with its bootstrap interval.

    Args:
        ours: ``(M,)`` of one method, say what `realism.measure` says of it.
        theirs: ``(M,)`` of another, for the outputs of the same index.
        options: As for `bootstrap`.

    Example:
        >>> verdict(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([2.0, 3.0, 4.0]))
        Interval(mean=-1.0, low=-1.0, high=-1.0)
    """
    if ours.shape != theirs.shape or ours.ndim != 1:
        raise ValueError(
            f"ours has shape {tuple(ours.shape)} and theirs {tuple(theirs.shape)}; expected (M,) both."
        )
    return bootstrap(ours.double() - theirs.double(), **options)[0]  # type: ignore[arg-type]


@lru_cache(maxsize=4)
def _counts(m: int, resamples: int, seed: int) -> Tensor:
    """How often each of m samples is in each resample, ``(resamples, m)``; kept, since views ask again."""
    index = torch.randint(m, (resamples, m), generator=torch.Generator().manual_seed(seed))
    return torch.zeros(resamples, m).scatter_add_(1, index, torch.ones(1).expand(resamples, m))
