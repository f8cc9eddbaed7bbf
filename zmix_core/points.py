"""Nearest neighbours of points, and how each neighbourhood spreads, from coordinates."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from zmix_core import spectrum
from zmix_core.spectrum import Spectra

__all__ = ["Points", "nearest_by_products"]

TREE = 15
"""Up to this D a k-d tree finds neighbours faster than the products of all pairs (scikit-learn's rule)."""

COINCIDE = 2.0
"""Neighbours lie in one place if they differ by no more than so many roundings of their coordinates."""


class Points:
    """Samples by their coordinates.

    Args:
        x: ``(m, D)`` float32 or float64, on any device.
        size: What the rounding of ``x`` is relative to: of mixed samples the largest number that was mixed.
            By default each sample's own largest.

    Attributes:
        m: How many samples.
        device: Where they are.
        unit: A power of two, the unit of what follows.
        x: Coordinates, float64; the tree's without those that never change.
        order: All samples, those that are close together beside each other where that is known: to look at
            them in this order takes less time.
        error: What an inner product of `centred` samples may be off by.
    """

    def __init__(self, x: Tensor, size: float | None = None) -> None:
        self.m, self.dimensions = x.shape
        self.device, self._precision = x.device, x.dtype
        wide = x.double()
        # Powers of two cost no digits, and keep squares of squares within range.
        self.unit = 2.0 ** math.frexp(float(wide.abs().max()))[1]
        self.x = wide / self.unit
        own = self.x.abs().amax(1)
        self._sizes = own if size is None else torch.full_like(own, size / self.unit)
        self._tree = None
        self.order = torch.arange(self.m, device=self.device)
        if self.dimensions <= TREE and self.device.type == "cpu":
            from scipy.spatial import cKDTree

            varies = (self.x != self.x[:1]).any(0)
            varies[0] |= not varies.any()
            self.x = self.x[:, varies]
            self._tree = cKDTree(self.x.numpy())
            self.order = torch.from_numpy(self._tree.indices).long()
            return
        # Far from the origin the products of all pairs would lose the digits that matter.
        self.centred = self.x - self.x.mean(0)
        self._squares = self.centred.square().sum(1)
        roundings = 4 * math.sqrt(self.dimensions) + 4
        self.error = roundings * torch.finfo(torch.float64).eps * float(self._squares.max())

    def rows(self, k: int) -> int:
        """How many samples to look at in one go: some ten milliseconds, at most 128 MiB."""
        width = k * self.x.shape[1]
        if self._tree is not None:
            return min(max(2**20 // width, 16), 4096, max(512, self.m // 2))
        return min(max(2**22 // max(self.m, width), 16), 1024)

    def nearest(self, queries: Tensor, ks: Sequence[int]) -> tuple[Tensor, Tensor]:
        """The neighbours of some samples, nearest first, without themselves.

        Args:
            queries: ``(B,)`` int64, which samples.
            ks: As many neighbours as the largest says are found; to be right, whichever of them is taken.

        Returns:
            ``(B, k)`` int64 and their squared distances, float64.
        """
        if self._tree is None:
            products = self.centred[queries] @ self.centred.T
            index, squared = nearest_by_products(products, self._squares, queries, ks, self.error, self.x)
            return index, squared * self.unit**2
        distance, index = map(torch.from_numpy, self._tree.query(self.x[queries].numpy(), max(ks) + 1))
        own = index == queries[:, None]
        # So many duplicates that the sample is not among the nearest itself: any of them may go.
        own[~own.any(1), 0] = True
        shape = (len(queries), max(ks))
        return index[~own].view(shape), (distance[~own] * self.unit).view(shape).square()

    def spectra(self, index: Tensor) -> tuple[Spectra, Tensor]:
        """Of the neighbourhoods ``(B, k)``; and which of them are one place, ``(B,)`` bool."""
        k, width = index.shape[1], self.x.shape[1]
        near = self.x[index]
        near -= near.mean(1, keepdim=True)
        moments = near.mT @ near if width <= k else near @ near.mT
        # The eigenvalues that are compared are those of the covariance.
        found = spectrum.of_moments(moments / (k - 1), self._precision)
        rounding = COINCIDE * torch.finfo(self._precision).eps * self._sizes[index].amax(1)
        return found, found[1] * (k - 1) <= k * self.dimensions * rounding.square()


def nearest_by_products(
    products: Tensor,
    squares: Tensor,
    queries: Tensor,
    ks: Sequence[int],
    error: float,
    x: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """As `Points.nearest`, from the inner products of the queries with all samples, ``(B, m)``.

    Where rounding could have put a sample on the wrong side, distances are taken again from the coordinates.

    Args:
        products: Exact integers, or floats.
        squares: ``(m,)`` of the same dtype, each sample's product with itself.
        queries: ``(B,)`` int64.
        ks: As many neighbours as the largest says; each prefix of so many is right as well.
        error: What an entry of ``products`` may be off by.
        x: ``(m, D)`` float64 coordinates, where there are any.
    """
    k, m = max(ks), len(squares)
    # The squared distance but for what a row has in common.
    rank = torch.sub(squares, products, alpha=2)
    most = torch.iinfo(rank.dtype).max if not rank.is_floating_point() else math.inf
    rank[torch.arange(len(queries), device=rank.device), queries] = most
    found = rank.topk(min(k + 1, m - 1), largest=False)
    near, index = found.values, found.indices
    squared = (near.double() + squares[queries].double()[:, None]).clamp(min=0)
    if error and x is not None:
        ends = torch.tensor([k for k in ks if k < near.shape[1]], device=near.device, dtype=torch.int64)
        doubtful = (near[:, ends] - near[:, ends - 1] <= 4 * error).any(1)
        # Close to a sample the difference of large numbers says little on how close.
        doubtful |= squared[:, 0] <= 1e6 * error
        for row in doubtful.nonzero().flatten().tolist():
            candidates = (rank[row] <= near[row, k - 1] + 8 * error).nonzero().flatten()
            distance = (x[candidates] - x[queries[row]]).square().sum(1)
            order = distance.sort(stable=True)
            index[row, :k] = candidates[order.indices[:k]]
            squared[row, :k] = order.values[:k]
    return index[:, :k], squared[:, :k]
