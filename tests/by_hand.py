"""What the tests of the library compare with: Eq. 2 as plain loops, tolerances, and what is too unlikely."""

from __future__ import annotations

from collections import Counter

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from zmix_core.methods import ERM, Mixup, ZetaMixup
from zmix_core.recipe import Recipe

TOLERANCES = {
    torch.float64: {"rtol": 1e-13, "atol": 1e-13},
    torch.float32: {"rtol": 2e-6, "atol": 2e-6},
    # Half a unit in the last place and a little: mixed in float32, rounded once.
    torch.float16: {"rtol": 5.0e-4, "atol": 3e-6},
    torch.bfloat16: {"rtol": 4.0e-3, "atol": 3e-6},
}


def assert_mixed(got: Tensor, expected: Tensor, dtype: torch.dtype | None = None) -> None:
    """Equal within the tolerance of ``dtype``, by default that of ``got``; ``expected`` is float64."""
    torch.testing.assert_close(
        got.double(), expected.double(), **TOLERANCES[dtype or got.dtype], check_stride=False
    )


def mix(parents: list[list[int]], weights: list[list[float]], x: Tensor) -> Tensor:
    """Eq. 2, one term at a time, in float64."""
    values = x.double().numpy()
    out = np.zeros((len(parents), *x.shape[1:]))
    for k, row in enumerate(parents):
        for parent, weight in zip(row, weights[k], strict=True):
            out[k] += weight * values[parent]
    return torch.from_numpy(out)


def mix_with(recipe: Recipe, x: Tensor) -> Tensor:
    """Eq. 2 by the rows that a recipe gives out."""
    parents, weights = recipe.rows(torch.arange(recipe.size))
    return mix(parents.tolist(), weights.tolist(), x)


def matrix(parents: list[list[int]], weights: list[list[float]], m: int) -> Tensor:
    """W of Listing A1, one entry at a time."""
    out = np.zeros((len(parents), m))
    for k, row in enumerate(parents):
        for parent, weight in zip(row, weights[k], strict=True):
            out[k, parent] += weight
    return torch.from_numpy(out)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


UNLIKELY = 1e-4
"""Below this p-value a test of distribution fails; seeds are fixed, so it fails always or never."""

SCHEMES = ("independent", "circulant")
ANCHORS = ("self", "random")


ALL = {
    "erm": ERM(),
    "mixup": Mixup(),
    "mixup-per-sample": Mixup(0.3, per_sample=True),
    "independent": ZetaMixup(),
    "redrawn": ZetaMixup(3),
    "random": ZetaMixup(5, anchor="random"),
    "circulant": ZetaMixup(scheme="circulant"),
    "circulant-random": ZetaMixup(4, scheme="circulant", anchor="random"),
}


def assert_equally_likely(seen: Counter, possible: list) -> None:
    """Every possible outcome is seen, no other, and a chi-square test finds them equally often."""
    assert set(seen) == set(possible)
    if len(possible) > 1:
        assert stats.chisquare([seen[outcome] for outcome in possible]).pvalue > UNLIKELY
