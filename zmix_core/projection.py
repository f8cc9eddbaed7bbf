"""Three axes to look along, where there are more."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["PrincipalAxes", "principal_axes"]


@dataclass(frozen=True)
class PrincipalAxes:
    """A projection onto orthonormal axes: points ``(M, D)`` become ``(M, count)``, in their own dtype."""

    mean: Tensor
    axes: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Coordinates of ``x`` along the axes, from the mean of the points they were found for."""
        return ((x.to(self.axes.dtype) - self.mean) @ self.axes.T).to(x.dtype)


def principal_axes(x: Tensor, count: int = 3) -> PrincipalAxes:
    """The directions in which points vary most, found once and then used for everything mixed from them.

    Args:
        x: ``(m, D)`` floats, m at least 2, D at least ``count``.
        count: How many axes.

    Returns:
        Axes in the order of their variance; the largest entry of each is positive, so that the same points
        give the same picture everywhere. Computed in float64.

    Raises:
        ValueError: ``x`` has another shape.

    Example:
        >>> principal_axes(torch.tensor([[0.0, 0.0], [0.0, 2.0]]), 1)(torch.tensor([[5.0, 3.0]]))
        tensor([[2.]])
    """
    if x.ndim != 2 or len(x) < 2 or x.shape[1] < count:
        raise ValueError(f"x has shape {tuple(x.shape)}; expected (m, D) with m >= 2 and D >= {count}.")
    points = x.double()
    mean = points.mean(0)
    _, vectors = torch.linalg.eigh((points - mean).T @ (points - mean))
    axes = vectors.flip(1)[:, :count].T
    largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
    return PrincipalAxes(mean, axes * largest.sign())
