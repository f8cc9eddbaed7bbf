"""Recipe: which parents, with which weights. Drawn once, applied to anything."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from zmix_core.arguments import must_be_tensor
from zmix_core.device import resolve_device
from zmix_core.labels import one_hot
from zmix_core.products import Product, by_columns, circular, dense, gather, memory_order, must_take

__all__ = ["ChunkedRecipe", "CirculantRecipe", "Recipe"]

CHUNK = 2**24
"""Elements of the largest intermediate that a recipe makes while it is applied (64 MiB of float32)."""

CACHE = 2**21
"""Elements that samples are gathered from at a time: what a processor's cache holds (8 MiB of float32)."""


class Recipe:
    """Who is mixed with whom: M outputs from m samples, each of N parents (Eq. 2).

    Args:
        parents: ``(M, N)`` int64 in ``0 .. m - 1``; row k lists the samples that make output k, the
            dominant one first. A sample may stand twice in a row; its weights then add up.
        weights: ``(N,)``, shared by all rows, or ``(M, N)``; non-negative, each row sums to 1.
        m: How many samples there are to draw from.

    Raises:
        ValueError: A shape, a parent or a weight is not as said above.

    Example:
        >>> recipe = Recipe(torch.tensor([[0, 1], [1, 0]]), torch.tensor([0.75, 0.25]), m=2)
        >>> recipe.apply(torch.tensor([0.0, 4.0]))
        tensor([1., 3.])
    """

    def __init__(self, parents: Tensor, weights: Tensor, m: int) -> None:
        if parents.ndim != 2 or parents.dtype != torch.int64 or parents.numel() == 0:
            raise ValueError(
                f"parents has shape {tuple(parents.shape)} and dtype {parents.dtype}; expected int64 (M, N)."
            )
        # On an accelerator a look at the values would wait for it; indexing checks them there.
        if parents.device.type == "cpu" and not (parents.min() >= 0 and parents.max() < m):
            raise ValueError(
                f"parents run from {int(parents.min())} to {int(parents.max())}; "
                f"expected indices of the m = {m} samples, 0 to {m - 1}."
            )
        self.m = m
        self._parents = parents
        self.weights = _checked(weights, *parents.shape)

    @classmethod
    def _drawn(cls, parents: Tensor, weights: Tensor, m: int) -> Recipe:
        recipe = cls.__new__(cls)  # what a method made is right; to look through it would take as long again
        recipe.m, recipe._parents, recipe.weights = m, parents, weights
        return recipe

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: M = {self.size} outputs of N = {self.n} of m = {self.m} samples>"

    @property
    def size(self) -> int:
        """M, the number of outputs."""
        return len(self._parents)

    @property
    def n(self) -> int:
        """N, the number of samples mixed into one output."""
        return self.weights.shape[-1]

    @property
    def device(self) -> torch.device:
        """Where parents and weights live; `apply` brings them to its input's device."""
        return self._parents.device

    @property
    def parents(self) -> Tensor:
        """All parents, ``(M, N)`` int64. Where M times N is large, ask `rows` for the few you need."""
        return self.rows(torch.arange(self.size, device=self.device))[0]

    def rows(self, index: Tensor | int) -> tuple[Tensor, Tensor]:
        """Parents and weights of some outputs, both ``(len(index), N)``; ``(N,)`` for a single int."""
        if isinstance(index, int):
            parents, weights = self.rows(torch.tensor([index], device=self.device))
            return parents[0], weights[0]
        weights = self.weights if self.weights.ndim == 1 else self.weights[index]
        return self._rows(index), weights.expand(len(index), self.n)

    def reweight(self, weights: Tensor) -> Recipe:
        """The same parents under other weights, ``(N,)`` or ``(M, N)``: what a change of gamma is."""
        other = copy.copy(self)
        other.weights = _checked(weights, self.size, self.n)
        return other

    def to(self, device: torch.device | str) -> Recipe:
        """The same recipe on another device; ``"auto"`` takes CUDA, else MPS, else the CPU."""
        device = resolve_device(device)
        other = copy.copy(self)
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                # MPS has no float64; nothing else needs the weights narrowed.
                narrow = device.type == "mps" and value.dtype == torch.float64
                setattr(other, name, value.to(device, torch.float32 if narrow else value.dtype))
        return other

    def matrix(self, dtype: torch.dtype = torch.float64) -> Tensor:
        """W, ``(M, m)``: row k holds the weight of every sample in output k; rows sum to 1."""
        return self._matrix(torch.arange(self.size, device=self.device), dtype)

    def apply(self, x: Tensor, *, out: Tensor | None = None) -> Tensor:
        """Mix samples: ``out[k] = sum over r of weights[k, r] * x[parents[k, r]]`` (Eq. 2).

        Args:
            x: ``(m, ...)``, any rank. float32 and float64 are mixed as they are, float16 and bfloat16
                in float32 and rounded once; uint8 pictures count as 0..255 and bool as 0 and 1.
            out: Where the result is written: shape, dtype and device of what would be returned. It may be
                ``x`` itself, which is then mixed in place. Gradients do not flow through.

        Returns:
            ``(M, ...)`` in the dtype, device and memory format of ``x``; float32 for uint8 (in 0..1)
            and for bool. Gradients flow through. Where ``out`` is given, ``out``.

        Raises:
            ValueError: ``x`` has not m samples, or holds other integers or complex numbers; ``out`` does
                not fit, or a gradient is needed.
        """
        must_be_tensor(x, "x")
        if x.ndim == 0 or len(x) != self.m:
            raise ValueError(
                f"x has shape {tuple(x.shape)}; expected m = {self.m} samples along its first dimension, "
                "the number the recipe was drawn for."
            )
        if not (x.is_floating_point() or x.dtype in (torch.uint8, torch.bool)):
            raise ValueError(
                f"x has dtype {x.dtype}; expected floating point, uint8 or bool. Turn other numbers into "
                "floats; for integer labels use apply_labels(y, num_classes)."
            )
        order = memory_order(x)
        flat = x.permute(order).reshape(self.m, math.prod(x.shape[1:]))
        here = self if self.device == x.device else self.to(x.device)
        if out is not None:
            must_take(out, (self.size, *x.shape[1:]), x)
            lies = out.permute(order)
            apart = out.untyped_storage().data_ptr() != x.untyped_storage().data_ptr()
            if lies.is_contiguous() and (apart or (out is x and here._in_one)):
                here._mix(flat, lies.view(self.size, flat.shape[1]))
                return out
        mixed = here._mix(flat).reshape([self.size, *(x.shape[d] for d in order[1:])])
        mixed = mixed.permute([order.index(d) for d in range(x.ndim)])
        return mixed if out is None else out.copy_(mixed)

    def apply_labels(self, y: Tensor, num_classes: int | None = None) -> Tensor:
        """Mix labels by the same weights as the samples (Eq. 2).

        Args:
            y: Integer classes ``(m,)`` or ``(m, 1)``, or integer masks ``(m, ...)``: made one-hot first;
                integers ``(m, K)``, one-hot already; or floats ``(m, ...)``: one-hot or soft labels,
                regression targets, soft masks.
            num_classes: K; needed for integers that are not one-hot, ignored for floats.

        Returns:
            Soft labels ``(M, K)`` float32, for masks ``(M, K, ...)`` as `torch.nn.functional.cross_entropy`
            takes them; floats keep shape and dtype.

        Raises:
            ValueError: A label lies outside the classes, K is missing, or the length is not m.
        """
        must_be_tensor(y, "y")
        return self.apply(y if y.is_floating_point() else one_hot(y, num_classes))

    # What the kinds of recipe do each in their own way: the parents of some rows, and the product.

    def _rows(self, index: Tensor) -> Tensor:
        return self._parents[index]

    @property
    def _gathers(self) -> bool:
        """Whether N is so small that parents are gathered, and not all samples multiplied with W."""
        return 4 * self.n <= self.m

    @property
    def _in_one(self) -> bool:
        """Whether there is but one product, so that samples can be overwritten once it has seen them."""
        return len(list(self._chunks(self.n if self._gathers else self.m))) == 1

    def _products(self, dtype: torch.dtype) -> Iterator[Product]:
        """The product of W with samples ``(m, D)``, some rows after the others, the cheaper way."""
        for index in self._chunks(self.n if self._gathers else self.m):
            if self._gathers:
                yield partial(gather, *self.rows(index))
            else:
                yield partial(dense, self._matrix(index, dtype))

    def _mix(self, flat: Tensor, out: Tensor | None = None) -> Tensor:
        """W @ flat for ``(m, D)``; floats keep their dtype, and no more than some columns are widened."""
        work = torch.float64 if flat.dtype == torch.float64 else torch.float32
        width = self._width(flat, plain=flat.dtype == work and out is None)
        return by_columns(self._products(work), flat, work, self.size, width, out)

    def _width(self, flat: Tensor, plain: bool) -> int:
        """How many columns to mix at a time; ``plain``: they are neither widened nor written elsewhere."""
        columns = max(16, CACHE // self.m)
        at_once = plain and not self._gathers and self.size * self.m <= CHUNK
        whole = at_once or flat.device.type != "cpu" or flat.shape[1] <= 2 * columns
        return flat.shape[1] if whole else columns

    def _matrix(self, index: Tensor, dtype: torch.dtype) -> Tensor:
        parents, weights = self.rows(index)
        zeros = torch.zeros(len(index), self.m, dtype=dtype, device=self.device)
        return zeros.scatter_add_(1, parents, weights.to(dtype))

    def _chunks(self, width: int) -> Iterator[Tensor]:
        """Indices of the rows, so many at a time that (rows, width) stays within CHUNK elements."""
        yield from torch.arange(self.size, device=self.device).split(max(1, CHUNK // width))


class CirculantRecipe(Recipe):
    """All samples in one random ring; output k takes the N that follow its place in the ring.

    Each row alone is exactly a uniformly random anchored permutation, and W is doubly stochastic, so that
    the label mass of every class is kept; but the rows depend on one another. Nothing of size M times N is
    kept, and applying it is a circular convolution, O(m log m).

    Args:
        ring: ``(m,)`` int64, a permutation of the samples.
        start: ``(M,)`` int64, the place in the ring of each output's first parent.
        weights: ``(N,)``, N at most m.
    """

    def __init__(self, ring: Tensor, start: Tensor, weights: Tensor) -> None:
        self.m = len(ring)
        self._ring, self._start = ring, start
        self.weights = _checked(weights, len(start), weights.shape[-1])

    @property
    def size(self) -> int:
        """M, the number of outputs."""
        return len(self._start)

    @property
    def device(self) -> torch.device:
        """Where ring and weights live."""
        return self._ring.device

    def _rows(self, index: Tensor) -> Tensor:
        steps = torch.arange(self.n, device=self.device)
        return self._ring[(self._start[index].unsqueeze(1) + steps) % self.m]

    @property
    def _convolves(self) -> bool:
        return self.weights.ndim == 1 and (4 * self.n > self.m or self.n > 64)

    @property
    def _in_one(self) -> bool:
        return self._convolves or super()._in_one

    def _products(self, dtype: torch.dtype) -> Iterator[Product]:
        if self._convolves:
            yield circular(self._ring, self._start, self.weights, dtype)
        else:
            yield from super()._products(dtype)

    def _width(self, flat: Tensor, plain: bool) -> int:
        elements = CACHE if flat.device.type == "cpu" else CHUNK
        return max(1, elements // self.m) if self._convolves else super()._width(flat, plain)


class ChunkedRecipe(Recipe):
    """Independent rows that are made again, chunk by chunk, whenever they are asked for.

    Keeps one seed a chunk of rows, so that its memory does not grow with M times N.

    Args:
        draw_rows: ``draw_rows(index, generator) -> (len(index), N)`` int64 parents of the outputs
            ``index``; a plain function or a bound method, so that the recipe can be pickled.
        seeds: One seed a chunk.
        rows_per_chunk: How many outputs one seed makes.
        weights: ``(N,)``.
        m: Samples to draw from; also M, the number of outputs.
        device: Where the rows are drawn, whatever device the recipe is brought to.
    """

    def __init__(
        self,
        draw_rows: Callable[[Tensor, torch.Generator], Tensor],
        seeds: list[int],
        rows_per_chunk: int,
        weights: Tensor,
        m: int,
        device: torch.device,
    ) -> None:
        self.m = m
        self._draw_rows, self._seeds, self._rows_per_chunk = draw_rows, seeds, rows_per_chunk
        self._drawn_on = device
        self.weights = _checked(weights, m, weights.shape[-1])

    @property
    def size(self) -> int:
        """M, the number of outputs."""
        return self.m

    @property
    def device(self) -> torch.device:
        """Where the rows come out."""
        return self.weights.device

    def _rows(self, index: Tensor) -> Tensor:
        parents = torch.empty(len(index), self.n, dtype=torch.int64, device=self.device)
        index = torch.where(index < 0, index + self.m, index)  # -1 is the last, as in any indexing
        chunk = index // self._rows_per_chunk
        for c in chunk.unique().tolist():
            if not 0 <= c < len(self._seeds):
                raise IndexError(f"asked for a row that is not there; expected {-self.m} to {self.m - 1}.")
            here = chunk == c
            parents[here] = self._draw(c)[index[here] - c * self._rows_per_chunk].to(self.device)
        return parents

    def _draw(self, chunk: int) -> Tensor:
        first = chunk * self._rows_per_chunk
        rows = torch.arange(first, min(first + self._rows_per_chunk, self.m), device=self._drawn_on)
        generator = torch.Generator(self._drawn_on).manual_seed(self._seeds[chunk])
        return self._draw_rows(rows, generator)

    def _chunks(self, width: int) -> Iterator[Tensor]:
        # A chunk is drawn whole: applying half of one at a time would draw it twice.
        yield from torch.arange(self.size, device=self.device).split(self._rows_per_chunk)


def _checked(weights: Tensor, size: int, n: int) -> Tensor:
    if weights.shape not in {(n,), (size, n)} or not weights.is_floating_point():
        raise ValueError(
            f"weights has shape {tuple(weights.shape)} and dtype {weights.dtype}; "
            f"expected floats ({n},) or ({size}, {n}), one for each parent."
        )
    if weights.device.type == "cpu":
        sums = weights.sum(-1)
        if not (weights >= 0).all() or not torch.allclose(sums, torch.ones_like(sums), rtol=0, atol=1e-3):
            raise ValueError(
                f"weights go down to {float(weights.min()):.4g} and their sums run from "
                f"{float(sums.min()):.4g} to {float(sums.max()):.4g}; expected none below 0 and sums of 1."
            )
    return weights
