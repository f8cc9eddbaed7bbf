"""What every view mixes: samples and their integer labels, in one small record."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from zmix_core.device import resolve_device

__all__ = ["Dataset"]


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Labelled samples.

    Args:
        name: The name it is listed under, for instance ``"crescents"`` or ``"mnist"``.
        x: ``(m, ...)``: points as float32 or float64, pictures as uint8 ``(m, C, H, W)``.
        y: ``(m,)`` int64, each in ``0 .. len(classes) - 1``.
        classes: One name a class, in the order of the labels.

    Raises:
        ValueError: ``x`` and ``y`` differ in length, or a label has no class.

    Example:
        >>> Dataset("pair", torch.zeros(2, 3), torch.tensor([0, 1]), ("a", "b")).num_classes
        2
    """

    name: str
    x: Tensor
    y: Tensor
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.x.ndim == 0 or self.y.ndim != 1 or len(self.x) != len(self.y):
            raise ValueError(
                f"{self.name}: x has shape {tuple(self.x.shape)} and y {tuple(self.y.shape)}; "
                "expected one label a sample: x (m, ...) and y (m,)."
            )
        if len(self.y):
            low, high = int(self.y.min()), int(self.y.max())
            if low < 0 or high >= self.num_classes:
                raise ValueError(
                    f"{self.name}: labels run from {low} to {high}, but there are "
                    f"{self.num_classes} classes; expected labels from 0 to {self.num_classes - 1}."
                )

    def __repr__(self) -> str:
        shape = tuple(self.x.shape)
        return f"<Dataset {self.name}: x {shape} {self.x.dtype}, {self.num_classes} classes>"

    def __len__(self) -> int:
        return len(self.y)

    @property
    def num_classes(self) -> int:
        """How many classes there are, empty ones included."""
        return len(self.classes)

    def take(self, index: Tensor | slice) -> Dataset:
        """The samples at ``index`` (int64 of any length, or a slice), in that order."""
        return replace(self, x=self.x[index], y=self.y[index])

    def first_of_each_class(self, count: int = 10) -> Dataset:
        """The first ``count`` samples of each class, class by class, as in Fig. 3 (a) of the paper.

        A class with fewer samples gives all it has.
        """
        if count < 1:
            raise ValueError(f"count = {count}: expected at least 1 sample a class.")
        picks = [torch.nonzero(self.y == label).flatten()[:count] for label in range(self.num_classes)]
        return self.take(torch.cat(picks))

    def to(self, device: str | torch.device) -> Dataset:
        """The same samples on another device; ``"auto"`` takes CUDA, else MPS, else the CPU."""
        device = resolve_device(device)
        return replace(self, x=self.x.to(device), y=self.y.to(device))
