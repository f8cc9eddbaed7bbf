"""The products of W with samples that lie as rows, ``(m, D)``: dense, gathered, or along a ring."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from zmix_core.arguments import must_be_tensor

__all__ = ["Product", "by_columns", "circular", "dense", "gather", "memory_order", "must_take"]

Product = Callable[[Tensor], Tensor]
"""Mixes samples ``(m, D)`` into some outputs ``(rows, D)``."""


def by_columns(
    products: Iterator[Product], flat: Tensor, work: torch.dtype, size: int, width: int, out: Tensor | None
) -> Tensor:
    """Samples ``(m, D)`` mixed, some columns at a time, so that no more is ever widened.

    Args:
        products: One after the other they make all outputs.
        flat: The samples.
        work: The dtype to compute in.
        size: M, the number of outputs.
        width: Columns at a time.
        out: ``(M, D)`` to write into, a new tensor if None.
    """
    dtype = flat.dtype if flat.is_floating_point() else work
    if not flat.numel():  # samples of no width stay so; embedding_bag would refuse them
        return flat.new_empty(size, 0, dtype=dtype)
    parts = flat.split(width, dim=1)
    if out is None and (len(parts) == 1 or (torch.is_grad_enabled() and flat.requires_grad)):
        rows = [_joined([mix(_widened(x, work)).to(dtype) for x in parts], dim=1) for mix in products]
        return _joined(rows, dim=0)
    mixed = flat.new_empty(size, flat.shape[1], dtype=dtype) if out is None else out
    first = 0
    for mix in products:
        for part, to in zip(parts, mixed.split(width, dim=1), strict=True):
            some = mix(_widened(part, work))
            to[first : first + len(some)] = some
        first += len(some)
    return mixed


def dense(w: Tensor, flat: Tensor) -> Tensor:
    """``w @ flat``: W ``(M, m)`` with the samples ``(m, D)``."""
    few_wide = len(flat) <= 256 and flat.shape[1] >= 4096
    tracked = torch.is_grad_enabled() and (w.requires_grad or flat.requires_grad)
    if few_wide and not tracked and _has_onednn(flat):
        # A batch is a product of very few rows by very many columns. BLAS shares that badly among cores;
        # oneDNN takes half the time, given that the samples lie without gaps.
        flat = flat.contiguous()
        return torch.ops.mkldnn._linear_pointwise(w.contiguous(), flat.T, None, "none", [], "")
    return w @ flat


def gather(parents: Tensor, weights: Tensor, flat: Tensor) -> Tensor:
    """The weighted sums of some samples each: parents and weights ``(M, N)``, samples ``(m, D)``."""
    weights = weights.to(flat.dtype).contiguous()
    return F.embedding_bag(parents, flat.contiguous(), per_sample_weights=weights, mode="sum")


def circular(ring: Tensor, start: Tensor, weights: Tensor, dtype: torch.dtype) -> Product:
    """The correlation of samples with weights ``(N,)`` along a ring of all m, at the places ``start``."""
    kernel = torch.zeros(len(ring), 1, dtype=dtype, device=ring.device)
    kernel[: len(weights), 0] = weights.to(dtype)
    spectrum = torch.fft.rfft(kernel, dim=0).conj()

    def mix(flat: Tensor) -> Tensor:
        around = flat.index_select(0, ring)
        mixed = torch.fft.irfft(torch.fft.rfft(around, dim=0) * spectrum, n=len(ring), dim=0)
        # Its rounding would carry a soft label below 0, and its logarithm to NaN. A mix never leaves the
        # range of what it mixes; the gradient is that of the exact product.
        with torch.no_grad():
            stray = mixed.clamp(*around.aminmax(dim=0)).sub_(mixed)
        mixed = mixed + stray if mixed.requires_grad else mixed.add_(stray)
        return mixed.index_select(0, start)

    return mix


def _has_onednn(flat: Tensor) -> bool:
    return (
        type(flat) is Tensor
        and flat.dtype == torch.float32
        and flat.device.type == "cpu"
        and not torch.compiler.is_compiling()
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")  # torch's own, and not promised to stay
        # Elsewhere it may have no kernel of its own, and fall back to plain loops.
        and torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")
    )


def _widened(part: Tensor, work: torch.dtype) -> Tensor:
    return part.to(work) / 255 if part.dtype == torch.uint8 else part.to(work)


def _joined(parts: list[Tensor], dim: int) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=dim)


def must_take(out: Tensor, shape: tuple[int, ...], x: Tensor) -> None:
    """Raise a ValueError where ``out`` is not what the mix of ``x`` can be written into."""
    must_be_tensor(out, "out")
    dtype = x.dtype if x.is_floating_point() else torch.float32
    if (out.shape, out.dtype, out.device) != (shape, dtype, x.device):
        raise ValueError(
            f"out has shape {tuple(out.shape)}, dtype {out.dtype} and is on {out.device}; "
            f"expected {shape}, {dtype} and {x.device}, as the result has."
        )
    if torch.is_grad_enabled() and (x.requires_grad or out.requires_grad):
        raise ValueError("out is given, but a gradient is needed; leave out away, or use torch.no_grad().")


def memory_order(x: Tensor) -> list[int]:
    """The dimensions of x in the order they lie in memory, so that flattening a batch copies nothing."""
    for channels_last, order in (
        (torch.channels_last, [0, 2, 3, 1]),
        (torch.channels_last_3d, [0, 2, 3, 4, 1]),
    ):
        if x.ndim == len(order) and not x.is_contiguous() and x.is_contiguous(memory_format=channels_last):
            return order
    return list(range(x.ndim))
