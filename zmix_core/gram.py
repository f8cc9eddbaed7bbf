"""The inner products of all pairs: what local dimension in high-dimensional spaces is made of.

A recipe with matrix W turns the Gram matrix G of the samples into W G W' of the mixed ones. So the sum over
all pixels is done once, for every gamma, mixup, and every other recipe.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

import torch
from torch import Tensor

from zmix_core.points import Points, nearest_by_products
from zmix_core.recipe import CACHE, Recipe
from zmix_core.spectrum import Spectra, of_products
from zmix_core.steps import scaled

__all__ = ["Gram", "as_bytes", "by_columns", "gram"]

FITS = 2**31 // (3 * 128 * 128)
"""Columns of int8 of which a product, and a squared distance, fit into an int32: 43,690."""

WORK = 2**34
"""Multiplications at a time: some ten milliseconds for integers, a few times that for floats."""


class Gram:
    """Samples by the inner products of all pairs; made by `gram`.

    Args:
        products: ``(m, m)``: integers where they are exact, else floats.
        unit: That of the samples the products are of.
        error: What an entry may be off by.
        points: The coordinates, to look again where rounding could decide.
        precision: Of the samples.
    """

    def __init__(
        self,
        products: Tensor,
        unit: float = 1.0,
        error: float = 0.0,
        points: Points | None = None,
        precision: torch.dtype = torch.float64,
    ) -> None:
        self.products, self.unit, self._error, self._points = products, unit, error, points
        self._precision = precision
        self.m, self.device = len(products), products.device
        self.order = torch.arange(self.m, device=self.device)
        self._squares = products.diagonal().clone()

    def rows(self, k: int) -> int:
        """How many samples to look at in one go: some ten milliseconds."""
        return min(max(2**22 // max(self.m, k * k), 16), 1024)

    def nearest(self, queries: Tensor, ks: Sequence[int]) -> tuple[Tensor, Tensor]:
        """See `Points.nearest`."""
        x = None if self._points is None else self._points.x
        products = self.products[queries]
        index, squared = nearest_by_products(products, self._squares, queries, ks, self._error, x)
        return index, squared * self.unit**2

    def spectra(self, index: Tensor) -> tuple[Spectra, Tensor]:
        """See `Points.spectra`."""
        k = index.shape[1]
        count, total, squares = of_products(self.products, index, self._precision)
        if self._points is not None and bool((total <= 1e6 * k * self._error).any()):
            # Samples so close together that rounding shows in the products.
            return self._points.spectra(index)
        return (count, total, squares), total <= 4 * k * self._error

    def centred(self) -> Generator[float, None, Gram]:
        """The same about the mean of all samples and in float32, 4 m² bytes: what `mixed` starts from.

        Yields its progress, 0 to 1.
        """
        rows = max(1, 2**22 // self.m)
        parts = [slice(at, at + rows) for at in range(0, self.m, rows)]
        mean = torch.cat([self.products[part].mean(1, dtype=torch.float64) for part in parts])
        products = torch.empty_like(self.products, dtype=torch.float32)
        for done, part in enumerate(parts, start=1):
            products[part] = self.products[part] - mean[part, None] - (mean - mean.mean())
            yield done / len(parts)
        error = 16 * torch.finfo(torch.float32).eps * float(products.diagonal().amax())
        return Gram(products, self.unit, error)

    def mixed(self, recipe: Recipe) -> Generator[float, None, Gram]:
        """The Gram matrix of what ``recipe`` makes of the samples: W G W', in 8 m² bytes more.

        Yields its progress, 0 to 1. For products as `centred` gives them.
        """
        once = yield from scaled(by_columns(recipe, self.products), 0.0, 0.5)
        twice = yield from scaled(by_columns(recipe, once.T), 0.5, 1.0)
        # The mix of numbers that cancel is as far off as they are.
        return Gram(twice, self.unit, self._error)


def gram(x: Tensor) -> Generator[float, None, Gram]:
    """The inner products of samples ``(m, D)``; yields its progress, 0 to 1.

    Pictures of whole numbers in a range of 256, uint8 or such divided by 255, are multiplied exactly: their
    distances, and the ties among them, are those of the integers. Other floats are centred and multiplied in
    float64. Takes 4 m² bytes for pictures of up to 43,690 numbers, and 8 m² for others.
    """
    found = as_bytes(x)
    if found is not None:
        (values, unit), points, error = found, None, 0.0
        dtype = torch.int32 if x.shape[1] <= FITS else torch.int64
        multiply: Callable[[Tensor, Tensor], Tensor] = _multiply_bytes
    else:
        points = Points(x)
        values, unit, error, dtype = points.centred, points.unit, points.error, torch.float64
        multiply = torch.mm
    m = len(x)
    products = torch.empty(m, m, dtype=dtype, device=x.device)
    rows = max(16, WORK // x[:1].numel() // m)
    for at in range(0, m, rows):
        part, rest = slice(at, at + rows), slice(at + rows, None)
        products[part, at:] = multiply(values[part], values[at:].T)
        products[rest, part] = products[part, rest].T
        yield 1 - max(0, m - at - rows) ** 2 / m**2
    return Gram(products, unit, error, points, x.dtype if x.is_floating_point() else torch.float64)


def by_columns(recipe: Recipe, x: Tensor) -> Generator[float, None, Tensor]:
    """``recipe.apply(x)`` for ``(m, D)`` in steps; yields its progress, 0 to 1."""
    mix: Callable[[Tensor], Tensor] = recipe.apply
    if 4 * recipe.n > recipe.m and type(recipe) is Recipe:
        # Dense: its matrix is made once, not for every step.
        mix = recipe.matrix(x.dtype).matmul
    mixed = torch.empty(recipe.size, x.shape[1], dtype=x.dtype, device=x.device)
    columns = max(16, CACHE // recipe.m)
    for at in range(0, x.shape[1], columns):
        mixed[:, at : at + columns] = mix(x[:, at : at + columns])
        yield min(1.0, (at + columns) / x.shape[1])
    return mixed


def as_bytes(x: Tensor) -> tuple[Tensor, float] | None:
    """Whole numbers from 0 to 255 as int8 ``(m, D)``, 128 less, and their unit; None for other samples.

    Example:
        >>> as_bytes(torch.tensor([[0, 255]], dtype=torch.uint8))
        (tensor([[-128,  127]], dtype=torch.int8), 1.0)
    """
    if x.dtype == torch.uint8:
        return (x ^ 128).view(torch.int8), 1.0
    for most in (1, 255):
        whole = (x.double() * most).round()
        if whole.amin() >= 0 and whole.amax() <= 255 and torch.equal((whole / most).to(x.dtype), x):
            return (whole - 128).to(torch.int8), 1 / most
    return None


def _multiply_bytes(a: Tensor, b: Tensor) -> Tensor:
    """The exact product of int8 matrices, int32; int64 for so many columns that it would not fit."""
    if a.shape[1] > FITS:
        parts = zip(a.split(FITS, dim=1), b.split(FITS, dim=0), strict=True)
        wide = torch.zeros(len(a), b.shape[1], dtype=torch.int64, device=a.device)
        for left, right in parts:
            wide += _multiply_bytes(left, right)
        return wide
    if hasattr(torch, "_int_mm") and a.device.type == "cpu":
        return torch._int_mm(a, b)
    # float32 holds whole numbers up to 2^24: 1,024 products of two int8.
    parts = zip(a.split(1024, dim=1), b.split(1024, dim=0), strict=True)
    total = torch.zeros(len(a), b.shape[1], dtype=torch.int32, device=a.device)
    for left, right in parts:
        total += (left.float() @ right.float()).to(torch.int32)
    return total
