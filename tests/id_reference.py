"""What the tests of local dimension compare with: scikit-dimension, and plain numpy by brute force."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import skdim
import torch
from scipy.spatial.distance import cdist
from skdim._commonfuncs import get_nn
from threadpoolctl import threadpool_limits
from torch import Tensor

from zmix_core import images

SHARED = Path(__file__).parents[2] / "shared" / "data"


def numbers(x: Tensor) -> np.ndarray:
    """Samples as ``(m, D)`` floats: float32 as they are, all others as float64."""
    flat = x.flatten(1)
    return (flat if flat.dtype == torch.float32 else flat.double()).numpy()


def by_skdim(x: Tensor, k: int, ver: str = "FO", rows: np.ndarray | None = None) -> np.ndarray:
    """scikit-dimension's local PCA at every point, or at some."""
    points = numbers(x)
    known = None if rows is None else get_nn(points, k)[1][rows]
    # On matrices of a few rows threads only wait.
    with np.errstate(all="ignore"), threadpool_limits(1):
        estimator = skdim.id.lPCA(ver=ver, alphaFO=0.05)
        return estimator.fit_pw(points, precomputed_knn=known, n_neighbors=k).dimension_pw_


def mle_by_skdim(x: Tensor, k: int) -> np.ndarray:
    with np.errstate(all="ignore"):
        return skdim.id.MLE().fit(numbers(x), n_neighbors=k).dimension_pw_


def two_nn_by_skdim(x: Tensor) -> float:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Dropping .* points with zero distance")
        return float(skdim.id.TwoNN().fit(numbers(x)).dimension_)


def squared_distances(x: Tensor) -> np.ndarray:
    """``(m, m)`` by differences; infinite from a point to itself. Exact for integers."""
    points = x.flatten(1).double().numpy()
    squared = cdist(points, points, "sqeuclidean")
    np.fill_diagonal(squared, np.inf)
    return squared


def without_ties(x: Tensor, k: int, within: float = 0.0) -> np.ndarray:
    """Which points have one possible set of k nearest neighbours: the next is farther than the k-th."""
    ordered = np.sort(squared_distances(x), 1)
    return ordered[:, k] > ordered[:, k - 1] * (1 + within)


@threadpool_limits.wrap(limits=1)
def by_hand(x: Tensor, near: Tensor | np.ndarray, width: float = 1e-9) -> tuple[np.ndarray, ...]:
    """Of each neighbourhood: count, participation ratio, and whether an eigenvalue is near the threshold.

    From singular values of the centred neighbours in extended precision of the mean; one point at a time.
    """
    points = x.flatten(1).double().numpy()
    counts, ratios, near_threshold = [], [], []
    for row in np.asarray(near):
        cloud = points[row].astype(np.longdouble)
        values = np.linalg.svd((cloud - cloud.mean(0)).astype(np.float64), compute_uv=False) ** 2
        counts.append(int((values > 0.05 * values[0]).sum()))
        ratios.append(values.sum() ** 2 / (values**2).sum() if values[0] else np.nan)
        near_threshold.append(bool((np.abs(values - 0.05 * values[0]) <= width * values[0]).any()))
    return np.array(counts), np.array(ratios), np.array(near_threshold)


def nearest_by_hand(x: Tensor, k: int) -> np.ndarray:
    """``(m, k)`` indices of the nearest, the point itself left out."""
    return np.argsort(squared_distances(x), axis=1, kind="stable")[:, :k]


def assert_nearest(x: Tensor, near: Tensor, distances: Tensor, rtol: float = 1e-12) -> None:
    """``near`` are k nearest neighbours of every point, whichever of those that tie, and in their order."""
    squared = squared_distances(x)
    m, k = near.shape
    assert m == len(squared)
    index = near.numpy()
    assert all(len(set(row)) == k and i not in row for i, row in enumerate(index.tolist()))
    theirs = np.sqrt(np.take_along_axis(squared, index, 1))
    nearest = np.sqrt(np.sort(squared, 1)[:, :k])
    np.testing.assert_allclose(theirs, nearest, rtol=rtol)
    np.testing.assert_allclose(distances.numpy(), nearest, rtol=rtol)


def mnist(m: int) -> Tensor | None:
    """The first pictures, uint8 ``(m, 1, 28, 28)``; None where there are none."""
    for folder in filter(None, (os.environ.get("ZMIX_DATA"), SHARED)):
        if (Path(folder) / "MNIST/raw/train-images-idx3-ubyte").exists():
            return images.load("mnist", root=Path(folder), limit=m).x
    return None


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gaussian(m: int, d: int, seed: int = 0) -> Tensor:
    """Normal, of standard deviations from 1 down to 0.1, so that counts are neither 1 nor D."""
    return torch.randn(m, d, dtype=torch.float64, generator=seeded(seed)) * torch.logspace(
        0, -1, d, dtype=torch.float64
    )


def pictures(m: int, d: int, seed: int = 0) -> Tensor:
    """uint8 ``(m, d)`` about a plane of few dimensions, as real pictures are."""
    g = seeded(seed)
    plane = torch.rand(m, 6, generator=g) @ torch.rand(6, d, generator=g)
    x = 60 * plane + 6 * torch.randn(m, d, generator=g)
    return x.round().clamp(0, 255).to(torch.uint8)
