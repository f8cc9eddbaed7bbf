"""Integer labels made one-hot, with the messages a user needs when they do not fit."""

from __future__ import annotations

import torch
from torch import Tensor

from zmix_core.arguments import whole

__all__ = ["one_hot"]


def one_hot(y: Tensor, num_classes: int | None) -> Tensor:
    """One-hot float32 labels: the form in which labels can be mixed.

    Args:
        y: Integers (or bools), ``(m,)``, ``(m, 1)`` or masks ``(m, ...)``, each in ``0 .. num_classes - 1``;
            or integers ``(m, K)`` that are one-hot already, which become floats and nothing else.
        num_classes: K, at least 1; may be None for what is one-hot already.

    Returns:
        ``(m, K)``, for masks ``(m, K, ...)``.

    Raises:
        ValueError: ``num_classes`` is missing or below 1, or a label lies outside the classes.

    Example:
        >>> one_hot(torch.tensor([1, 0]), 2)
        tensor([[0., 1.],
                [1., 0.]])
    """
    if y.is_floating_point() or y.is_complex():
        raise ValueError(f"y has dtype {y.dtype}; expected integers, which floats already mixed are not.")
    if y.ndim == 0:
        raise ValueError("y is a single number; expected one label a sample, (m,).")
    if y.ndim == 2 and y.shape[1] > 1 and num_classes in (None, y.shape[1]):
        return y.to(torch.float32)
    if num_classes is None:
        raise ValueError(
            "num_classes = None: integer labels need the number of classes to become one-hot. "
            "Pass num_classes=..., or pass one-hot or soft labels."
        )
    num_classes = whole(
        "num_classes", num_classes, 1, "integer labels need the number of classes, at least 1"
    )
    y = y.to(torch.int64)
    # On an accelerator a look at the values would wait for it; scatter checks them there.
    if y.device.type == "cpu" and y.numel() and not (y.min() >= 0 and y.max() < num_classes):
        raise ValueError(
            f"labels run from {int(y.min())} to {int(y.max())}; expected 0 to {num_classes - 1} for "
            f"num_classes = {num_classes}. Pass the number of classes of the whole data set; what a mask is "
            "to ignore needs a class of its own."
        )
    if y.ndim == 2 and y.shape[1] == 1:
        y = y.squeeze(1)
    y = y.unsqueeze(1)
    shape = (y.shape[0], num_classes, *y.shape[2:])
    return torch.zeros(shape, dtype=torch.float32, device=y.device).scatter_(1, y, 1.0)
