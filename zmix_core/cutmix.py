"""CutMix: a box of one picture pasted into another; and CutMix or ζ-mixup, batch by batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from zmix_core.arguments import must_be_tensor, whole
from zmix_core.labels import one_hot
from zmix_core.methods import Method, Mixup, ZetaMixup
from zmix_core.recipe import Recipe

__all__ = ["CutMix", "CutMixOrZeta", "CutMixRecipe"]


class CutMixRecipe(Recipe):
    """Output k is picture k with a box of picture ``partner[k]``; its label by what the box covers.

    The box is kept in unit coordinates, so that one draw fits pictures of any size; which pixels it covers,
    and so the weights, follow from the sides. Without sides, weights are the areas of the unit square.

    Args:
        partner: ``(m,)`` int64, the picture that each box is cut from.
        centre: ``(2,)`` floats in 0..1, of the box: down, then across.
        lam: ``()`` float, lambda: the share that is not covered, before the box is clipped to the picture.
        sides: ``(H, W)`` of the pictures, or None.

    Example:
        >>> partner, centre = torch.tensor([1, 0]), torch.tensor([0.5, 0.5])
        >>> recipe = CutMixRecipe(partner, centre, torch.tensor(0.75), sides=(4, 4))
        >>> recipe.apply(torch.stack([torch.zeros(1, 4, 4), torch.ones(1, 4, 4)]))[0, 0]
        tensor([[0., 0., 0., 0.],
                [0., 1., 1., 0.],
                [0., 1., 1., 0.],
                [0., 0., 0., 0.]])
    """

    def __init__(
        self, partner: Tensor, centre: Tensor, lam: Tensor, sides: tuple[int, int] | None = None
    ) -> None:
        self.m, self.sides = len(partner), sides
        self._partner, self._centre, self._lam = partner, centre, lam
        if sides is None:
            half = (1 - lam).sqrt() / 2
            edges = torch.stack([centre - half, centre + half]).clamp(0, 1)
            covered = (edges[1] - edges[0]).prod()
        else:
            (top, bottom), (left, right) = self._box(sides)
            covered = ((bottom - top) * (right - left)).to(lam.dtype) / (sides[0] * sides[1])
        # A recipe's first parent is the dominant one.
        own, pasted = torch.arange(self.m, device=partner.device), covered > 0.5
        self._parents = torch.stack([torch.where(pasted, partner, own), torch.where(pasted, own, partner)], 1)
        self.weights = torch.stack([torch.maximum(covered, 1 - covered), torch.minimum(covered, 1 - covered)])

    def at(self, sides: tuple[int, int]) -> CutMixRecipe:
        """The same draw for pictures of ``sides`` ``(H, W)``."""
        return CutMixRecipe(self._partner, self._centre, self._lam, sides)

    def reweight(self, weights: Tensor) -> Recipe:
        """Not for CutMix: a weight is the area of a box.

        Raises:
            ValueError: Always.
        """
        raise ValueError("CutMix's weights are the area of its box; expected no others. Draw again.")

    def apply(self, x: Tensor, *, out: Tensor | None = None) -> Tensor:
        """Paste the boxes.

        Args:
            x: Pictures ``(m, C, H, W)``, or anything ``(m, ..., H, W)``: floats as they are, uint8 as 0..255,
                bool as 0 and 1.
            out: Where the result is written; may be ``x`` itself.

        Returns:
            ``(m, C, H, W)`` in the dtype, device and memory format of ``x``; float32 for uint8 (in 0..1) and
            for bool. Gradients flow through.

        Raises:
            ValueError: ``x`` has not m pictures, other sides than the recipe's, or integers or complex
                numbers.
        """
        must_be_tensor(x, "x")
        if x.ndim < 3 or len(x) != self.m:
            raise ValueError(
                f"x has shape {tuple(x.shape)}; expected m = {self.m} pictures (m, C, H, W): CutMix cuts "
                "boxes, so points need another method."
            )
        sides = (x.shape[-2], x.shape[-1])
        if self.sides not in (None, sides):
            raise ValueError(
                f"x has sides {sides}; the recipe was drawn for {self.sides}. Use recipe.at({sides}) for "
                "pictures and labels alike."
            )
        if not (x.is_floating_point() or x.dtype in (torch.uint8, torch.bool)):
            raise ValueError(f"x has dtype {x.dtype}; expected floating point, uint8 or bool.")
        here = self if self.device == x.device else cast(CutMixRecipe, self.to(x.device))
        if not x.is_floating_point():
            x = x.to(torch.float32) / (255 if x.dtype == torch.uint8 else 1)
        (top, bottom), (left, right) = here._box(sides)
        down, across = (torch.arange(side, device=x.device) for side in sides)
        inside = ((down >= top) & (down < bottom)).unsqueeze(1) & (across >= left) & (across < right)
        # A mask, not a slice: slicing would have to wait for an accelerator to say where the box is.
        mixed = torch.where(inside, x[here._partner], x)
        if x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last):
            mixed = mixed.contiguous(memory_format=torch.channels_last)
        return mixed if out is None else out.copy_(mixed)

    def apply_labels(self, y: Tensor, num_classes: int | None = None) -> Tensor:
        """Mix labels by the exact share of the pixels that the box covers.

        Args:
            y: Integer classes ``(m,)``, or one-hot or soft labels ``(m, K)``. Masks are pictures: `apply`.
            num_classes: K; needed for integers that are not one-hot.

        Returns:
            Soft labels ``(m, K)``.

        Raises:
            ValueError: The recipe has no sides, or as for `Recipe.apply_labels`.
        """
        must_be_tensor(y, "y")
        if self.sides is None:
            raise ValueError(
                "sides = None: the share of a box depends on the picture's size; expected "
                "CutMix(sides=(H, W)) or recipe.at((H, W))."
            )
        labels = y if y.is_floating_point() else one_hot(y, num_classes)
        if labels.ndim > 2:
            raise ValueError(
                f"y has shape {tuple(y.shape)}; expected (m,) or (m, K). Masks are cut as pictures are, "
                "by apply."
            )
        return Recipe._drawn(self._parents, self.weights, self.m).apply(labels)

    def _box(self, sides: tuple[int, int]) -> Tensor:
        """``(2, 2)``: first and one past the last pixel, down and across, as the original code has it."""
        length = torch.tensor(sides, device=self._centre.device)
        half = (length * (1 - self._lam).sqrt()).long() // 2
        middle = (length * self._centre).long()
        return torch.stack([middle - half, middle + half]).clamp_min(0).minimum(length).T


@dataclass(frozen=True)
class CutMix(Method):
    """A box of a partner's pixels is pasted; labels by its area (Yun et al. 2019, ICCV).

    One lambda, one box and one permutation a batch, as in the authors' code; the centre is uniform over the
    picture, and the box is clipped where it hangs over the edge. The partner may be the picture itself.

    Args:
        alpha: lambda is drawn from Beta(alpha, alpha). Finite, at least 0; 0 mixes nothing, 1 is uniform.
        sides: ``(H, W)`` of the pictures in pixels: `Recipe.apply_labels` needs them. Without, pictures of
            any size are mixed, and the recipe's ``at((H, W))`` says the labels.

    Raises:
        ValueError: ``alpha`` is negative, infinite or NaN; a side is below 1.

    Example:
        >>> recipe = CutMix(sides=(32, 32)).draw(8, generator=torch.Generator().manual_seed(0))
        >>> recipe.apply(torch.rand(8, 3, 32, 32)).shape, recipe.apply_labels(torch.arange(8), 10).shape
        (torch.Size([8, 3, 32, 32]), torch.Size([8, 10]))
    """

    alpha: float = 1.0
    sides: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        Mixup(self.alpha)  # says what is wrong with alpha
        if self.sides is not None:
            if len(self.sides) != 2:
                raise ValueError(f"sides = {self.sides}: expected (H, W), in pixels.")
            object.__setattr__(self, "sides", tuple(whole("sides", side, 1) for side in self.sides))

    def _draw(self, m: int, at: torch.device, generator: torch.Generator | None) -> Recipe:
        dtype = torch.float32 if at.type == "mps" else torch.float64
        # Lambda last: what it takes from the generator varies with alpha.
        partner = torch.randperm(m, generator=generator, device=at)
        centre = torch.rand(2, generator=generator, dtype=dtype, device=at)
        lam = Mixup(self.alpha)._lambda(1, at, generator)[0]
        return CutMixRecipe(partner, centre, lam, self.sides)


@dataclass(frozen=True)
class CutMixOrZeta(Method):
    """Each batch is mixed by CutMix or by ζ-mixup, with probability 1/2 each.

    The paper does not combine the two: to take turns at random is our reading, and the usual way to combine
    CutMix with mixup.

    Args:
        alpha: As for `CutMix`, and ``sides``.
        n: As for `zmix_core.methods.ZetaMixup`, and ``gamma``.
        gamma: The exponent.
        sides: ``(H, W)`` of the pictures.

    Example:
        >>> CutMixOrZeta(sides=(8, 8)).draw(4).apply(torch.rand(4, 1, 8, 8)).shape
        torch.Size([4, 1, 8, 8])
    """

    alpha: float = 1.0
    n: int | None = None
    gamma: float = 2.8
    sides: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        self._both()  # says what is wrong

    def _both(self) -> tuple[Method, Method]:
        return CutMix(self.alpha, self.sides), ZetaMixup(self.n, self.gamma)

    def _draw(self, m: int, at: torch.device, generator: torch.Generator | None) -> Recipe:
        zeta = bool(torch.rand((), generator=generator, device=at) < 0.5)
        return self._both()[zeta]._draw(m, at, generator)
