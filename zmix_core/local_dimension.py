"""Local intrinsic dimension of every point, from its nearest neighbours (Sec. 4.4 and Appendix C)."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from zmix_core.arguments import must_be_tensor, whole
from zmix_core.gram import Gram, gram
from zmix_core.points import Points
from zmix_core.steps import finish, scaled, side_by_side

__all__ = ["LocalID", "estimate", "local_id", "local_ids"]

NARROW = 64
"""Up to this D neighbourhoods are measured by coordinates, above it by inner products of all pairs."""

PAIRS = 2**32
"""Bytes that the inner products of all pairs may take; of more samples only those needed are made."""


@dataclass(frozen=True, eq=False, repr=False)
class LocalID:
    """What the k nearest neighbours of q points say about the dimension around each.

    Attributes:
        k: Neighbours of each point; the point itself is not one of them.
        count: ``(q,)`` int64, 0 to min(k - 1, D), the local ID: eigenvalues of the covariance of the
            neighbours above 5 % of the largest (Fukunaga and Olsen, 1971; Appendix C of the paper).
        coincident: ``(q,)`` bool, where all neighbours lie in one place; the count is 0 there.
        participation: ``(q,)`` float64, participation ratio: (sum of eigenvalues)² / (sum of squares); NaN
            where all neighbours lie in one place.
        neighbours: ``(q, k)`` int64, nearest first.
        distances: ``(q, k)`` float64, to the neighbours, in the unit of the samples.
    """

    k: int
    count: Tensor
    coincident: Tensor
    participation: Tensor
    neighbours: Tensor
    distances: Tensor

    def __repr__(self) -> str:
        values = self.count.double()
        mean, std = float(values.mean()), float(values.std(correction=0))
        return f"<LocalID: k = {self.k}, {len(values)} points, {mean:.2f} ± {std:.2f}>"

    @cached_property
    def mle(self) -> Tensor:
        """``(q,)`` float64: (k - 1) / sum of log(R_k / R_j), the estimate of Levina and Bickel (2005).

        0 where a neighbour lies in the same place as the point.
        """
        farthest = self.distances.amax(1, keepdim=True)
        return (self.k - 1) / (farthest / self.distances).log().sum(1)

    @cached_property
    def two_nn(self) -> float:
        """One number for all q points: TwoNN (Facco et al., 2017), from the two nearest of each.

        The slope of -log(1 - F) over log(r2 / r1), of nine tenths of the points; NaN where these are fewer
        than two. Points with a duplicate are left out.
        """
        ratios = (self.distances[:, 1] / self.distances[:, 0]).sort().values
        ratios = ratios[ratios.isfinite()]
        kept = int(len(ratios) * (1 - 0.1))
        if kept < 2:
            return math.nan
        x = ratios[:kept].log()
        y = -(1 - torch.arange(1, kept + 1, dtype=x.dtype, device=x.device) / len(ratios)).log()
        return float((x * y).sum() / x.square().sum())


def local_id(x: Tensor, k: int, *, queries: Tensor | None = None) -> LocalID:
    """Local intrinsic dimension at every point: what `skdim.id.lPCA(ver="FO").fit_pw` gives, much faster.

    Computed in float64, centred first, so that it is right far from the origin too. Points in up to 15
    dimensions find neighbours by a tree; pictures by exact integer products of all pairs, in 4 m² bytes.
    Where distances tie, any of the neighbours that tie may be taken.

    Args:
        x: ``(m, ...)`` samples, flattened to D >= 2 numbers each: uint8, float32 or float64, on any device.
            Values must be finite; m is at least k + 1.
        k: Neighbours of each point, at least 2; the point itself is not counted.
        queries: ``(q,)`` int64, the points to look at; all by default. All stay neighbours.

    Returns:
        A `LocalID` on the device of ``x``; for MPS, which has no float64, on the CPU.

    Raises:
        ValueError: ``k``, a shape or a value is not as said above.

    Example:
        >>> local_id(torch.rand(500, 2), 8)
        <LocalID: k = 8, 500 points, 1.99 ± 0.11>
    """
    (found,) = finish(local_ids(x, [k], queries)).values()
    return found


def estimate(x: Tensor, name: str, k: int | None = None, **settings: Any) -> Tensor:
    """Any estimator of scikit-dimension by its name: slow, on the CPU, one point at a time.

    Args:
        x: ``(m, ...)`` samples, flattened.
        name: For instance ``"CorrInt"``, ``"DANCo"``, ``"MADA"``, ``"TLE"``, ``"FisherS"``: see `skdim.id`.
        k: Neighbours of each point for a local estimate ``(m,)``; None for one number of the whole set.
        **settings: Of the estimator.

    Returns:
        float64, ``(m,)`` or ``()``.

    Raises:
        ValueError: There is no such estimator.

    Example:
        >>> estimate(torch.rand(200, 3), "CorrInt").shape
        torch.Size([])
    """
    import skdim

    must_be_tensor(x, "x")
    names = [n for n in dir(skdim.id) if hasattr(getattr(skdim.id, n), "fit")]
    if name not in names:
        raise ValueError(f"name = {name!r}: expected one of scikit-dimension's {', '.join(names)}.")
    points = x.detach().flatten(1).cpu().double().numpy()
    estimator = getattr(skdim.id, name)(**settings)
    if k is None:
        return torch.tensor(float(estimator.fit(points).dimension_), dtype=torch.float64)
    local = estimator.fit_pw if hasattr(estimator, "fit_pw") else estimator.fit
    return torch.as_tensor(local(points, n_neighbors=k).dimension_pw_, dtype=torch.float64)


def local_ids(
    x: Tensor, ks: Sequence[int], queries: Tensor | None = None
) -> Generator[float, None, dict[int, LocalID]]:
    """`local_id` for several k at once, in steps of some ten milliseconds.

    Yields its progress, 0 to 1; to cancel it, ask no more. Returns the result for each k.
    """
    flat, ks = flattened(x, ks)
    if queries is not None:
        queries = _checked(queries, len(flat)).to(flat.device)
    small = flat.shape[1] <= NARROW or _bytes_of_pairs(flat) > PAIRS
    if small:
        samples: Points | Gram = Points(flat.float() if flat.dtype == torch.uint8 else flat)
        return (yield from measure(samples, ks, queries))
    samples = yield from scaled(gram(flat), 0.0, 0.5)
    return (yield from scaled(measure(samples, ks, queries), 0.5, 1.0))


def measure(
    samples: Points | Gram, ks: Sequence[int], queries: Tensor | None = None
) -> Generator[float, None, dict[int, LocalID]]:
    """As `local_ids`, of samples by their coordinates or by their products; ``ks`` ascending."""
    chosen = samples.order if queries is None else queries

    def look(part: Tensor) -> list[tuple[Tensor, ...]]:
        index, squared = samples.nearest(part, ks)
        found: list[tuple[Tensor, ...]] = []
        for k in ks:
            near = index[:, :k].contiguous()
            (count, total, squares), same = samples.spectra(near)
            nan = torch.full_like(total, math.nan)
            ratio = torch.where(same, nan, total.square() / squares)
            found.append((count.masked_fill(same, 0), same, ratio, near, squared[:, :k].sqrt()))
        return found

    parts: list[list[tuple[Tensor, ...]]] = []
    pieces = math.ceil(len(chosen) / samples.rows(ks[-1]))
    # Of one size and an even number, so that two threads end together.
    chunks = chosen.tensor_split(pieces + pieces % 2) if pieces > 1 else [chosen]
    for found in side_by_side(look, chunks, samples.device):
        parts.append(found)
        yield len(parts) / len(chunks)
    # Back from the order they were looked at.
    place = torch.arange(len(chosen), device=chosen.device)
    if queries is None:
        place[samples.order] = place.clone()
    return {
        k: LocalID(k, *(torch.cat(c)[place] for c in zip(*(part[i] for part in parts), strict=True)))
        for i, k in enumerate(ks)
    }


def flattened(x: Tensor, ks: Sequence[int]) -> tuple[Tensor, tuple[int, ...]]:
    """Samples as ``(m, D)``, and each k once, ascending; checked.

    Raises:
        ValueError: There are too few samples, or too few numbers in each; a k is small; one is not finite.
    """
    must_be_tensor(x, "x")
    if not ks:
        raise ValueError("ks is empty; expected at least one number of neighbours.")
    ks = tuple(sorted({whole("k", k, 2, "expected at least 2 neighbours, a whole number") for k in ks}))
    if x.ndim < 2 or x[:1].numel() < 2:
        raise ValueError(f"x has shape {tuple(x.shape)}; expected (m, ...) with at least 2 numbers a sample.")
    if len(x) <= max(ks):
        raise ValueError(
            f"k = {max(ks)} neighbours, but there are {len(x)} samples: expected at least k + 1. "
            f"Use k of at most {len(x) - 1}, or more samples."
        )
    if x.is_complex() or x.dtype == torch.bool:
        raise ValueError(f"x has dtype {x.dtype}; expected real numbers.")
    flat = x.detach().flatten(1)
    if flat.device.type == "mps":
        flat = flat.cpu()  # it has no float64
    if flat.dtype not in (torch.uint8, torch.float32, torch.float64):
        flat = flat.float() if flat.is_floating_point() else flat.double()
    if flat.is_floating_point() and not bool(flat.isfinite().all()):
        row, column = (~flat.isfinite()).nonzero()[0].tolist()
        raise ValueError(
            f"x[{row}] has {float(flat[row, column])} at place {column}; expected finite values: drop such "
            "samples by x[x.flatten(1).isfinite().all(1)]."
        )
    return flat, ks


def _checked(queries: Tensor, m: int) -> Tensor:
    must_be_tensor(queries, "queries")
    if queries.ndim != 1 or queries.dtype != torch.int64 or len(queries) == 0:
        raise ValueError(
            f"queries has shape {tuple(queries.shape)} and dtype {queries.dtype}; expected int64 (q,)."
        )
    if queries.min() < 0 or queries.max() >= m:
        raise ValueError(
            f"queries run from {int(queries.min())} to {int(queries.max())}; expected indices of {m} samples."
        )
    return queries


def _bytes_of_pairs(flat: Tensor) -> int:
    return len(flat) ** 2 * (4 if flat.dtype == torch.uint8 else 8)
