"""How many eigenvalues of a neighbourhood count, and what their sums are."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

__all__ = ["FRACTION", "Spectra", "of_moments", "of_products"]

FRACTION = 0.05
"""An eigenvalue counts if it is more than this share of the largest (Fukunaga and Olsen; Appendix C)."""

SMALL = 48
"""Up to this size LAPACK takes less time for a whole spectrum than the compiled count does."""

Spectra = tuple[Tensor, Tensor, Tensor]
"""Of B matrices: how many eigenvalues count, int64 ``(B,)``; their sum and that of their squares, float64."""


def of_moments(s: Tensor, precision: torch.dtype = torch.float64) -> Spectra:
    """From second moments about the mean, ``(B, p, p)`` float64.

    Large matrices on the CPU are counted without their spectrum, see `zmix_core.inertia`; the few whose count
    rounding could decide get their spectrum all the same.

    Args:
        s: Covariance or centred Gram matrices, up to a common factor.
        precision: float32 or float64, that of the data: what eigenvalues are rounded to before they are
            compared.
    """
    if s.shape[1] > SMALL and s.device.type == "cpu":
        from zmix_core.inertia import count_matrices  # its compiler takes a second to load

        single = precision == torch.float32
        return _compiled(
            len(s),
            lambda out: count_matrices(s.numpy(), _start(s.shape[1]), FRACTION, single, out),
            lambda rows: _by_spectrum(s[rows], precision),
        )
    return _by_spectrum(s, precision)


def of_products(products: Tensor, index: Tensor, precision: torch.dtype = torch.float64) -> Spectra:
    """From the inner products of all pairs ``(m, m)`` and the neighbourhoods ``(B, k)`` to look at.

    As for `of_moments`.
    """

    def spectra(rows: Tensor | slice) -> Spectra:
        near = index[rows]
        s = products[near[:, :, None], near[:, None, :]].double()
        s -= s.mean(1, keepdim=True)
        s -= s.mean(2, keepdim=True)
        return _by_spectrum(s, precision)

    if index.shape[1] <= SMALL or index.device.type != "cpu":
        return spectra(slice(None))
    from zmix_core.inertia import count_neighbourhoods

    start, single = _start(index.shape[1]), precision == torch.float32
    index = index.sort(1).values  # products that lie close to each other come sooner
    return _compiled(
        len(index),
        lambda out: count_neighbourhoods(products.numpy(), index.numpy(), start, FRACTION, single, out),
        spectra,
    )


def _by_spectrum(s: Tensor, precision: torch.dtype) -> Spectra:
    if s.shape[1] == 3:
        values = _three(s)
        count = (values > FRACTION * values[:, :1]).sum(1)
        # The closed form is right to 1e-7; where that could decide, LAPACK does.
        near = (values[:, 1:] - FRACTION * values[:, :1]).abs().amin(1) <= 1e-5 * values[:, 0]
        doubtful = near.nonzero().flatten()
        if len(doubtful):
            count[doubtful] = _count(s[doubtful], precision)
    else:
        count = _count(s, precision)
    return count, s.diagonal(dim1=1, dim2=2).sum(1), s.square().sum((1, 2))


def _count(s: Tensor, precision: torch.dtype) -> Tensor:
    values = torch.linalg.eigvalsh(s).to(precision)
    return (values > FRACTION * values[:, -1:]).sum(1)


def _three(s: Tensor) -> Tensor:
    """The eigenvalues of symmetric 3 x 3 matrices ``(B, 3, 3)``, the largest first, in closed form."""
    unit = s.diagonal(dim1=1, dim2=2).mean(1)
    s = s / torch.where(unit > 0, unit, 1.0)[:, None, None]  # whose cubes neither vanish nor overflow
    mean = s.diagonal(dim1=1, dim2=2).mean(1)
    a, d, f = (s[:, i, i] - mean for i in range(3))
    b, c, e = s[:, 0, 1], s[:, 0, 2], s[:, 1, 2]
    size = ((a * a + d * d + f * f + 2 * (b * b + c * c + e * e)) / 6).sqrt()
    half = (a * (d * f - e * e) - b * (b * f - c * e) + c * (b * e - c * d)) / 2
    angle = (half / size**3).nan_to_num().clamp(-1, 1).acos() / 3
    turns = torch.tensor([0.0, 4 * math.pi / 3, 2 * math.pi / 3], dtype=s.dtype, device=s.device)
    return unit[:, None] * (mean[:, None] + 2 * size[:, None] * (angle[:, None] + turns).cos())


def _compiled(size: int, count: Callable[[np.ndarray], None], again: Callable[[Tensor], Spectra]) -> Spectra:
    out = np.empty((3, size))
    count(out)
    found, total, squares = torch.from_numpy(out)
    doubtful = (found < 0).nonzero().flatten()
    if len(doubtful):
        found[doubtful] = again(doubtful)[0].double()
    return found.long(), total, squares


def _start(k: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(k)
