"""Mixing inside a training loop, shaped like ``torchvision.transforms.v2.MixUp``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten
from torch.utils.data import get_worker_info

from zmix_core.arguments import real
from zmix_core.labels import one_hot
from zmix_core.methods import ERM, Method, ZetaMixup

__all__ = ["ZetaMixUp"]


class ZetaMixUp(nn.Module):
    """zeta-mixup of whole batches, in the place of ``torchvision.transforms.v2.MixUp``.

    In the loop, ``x, y = mix(x, y)``; in the loader,
    ``DataLoader(..., collate_fn=lambda batch: mix(*default_collate(batch)))``.

    Args:
        n: N, samples mixed into one output, at least 2; None takes the whole batch. A batch with fewer
            samples, as an epoch's last may be, mixes all it has.
        gamma: The exponent; finite, at least 0.
        num_classes: K; needed where labels are integers.
        p: Probability that a batch is mixed, 0 to 1. Otherwise its samples stay and only the labels become
            one-hot (and uint8 pictures floats), so that a loss sees one kind of batch.
        anchor: See `zmix_core.methods.ZetaMixup`.
        scheme: See `zmix_core.methods.ZetaMixup`.
        labels_getter: Finds the labels in what the transform is called with. ``"default"``: the second
            item, or in a dict the key ``labels``, else the first key with ``label`` in it.
        inplace: Mix into the tensor of samples that comes in, which saves a batch of memory. It has to hold
            floats and to need no gradient; the labels are new all the same.
        seed: Of the private generator. By default it is taken from torch's global generator at first use,
            so that `torch.manual_seed` decides. A loader's workers each draw differently, and differently
            in every epoch; they follow the loader's own generator.

    Raises:
        ValueError: A setting is out of range; when called, as for `zmix_core.methods.zeta_mixup`.

    Example:
        >>> mix = ZetaMixUp(n=3, gamma=2.8, num_classes=10)
        >>> x, y = mix(torch.rand(8, 3, 32, 32), torch.randint(10, (8,)))
        >>> x.shape, y.shape
        (torch.Size([8, 3, 32, 32]), torch.Size([8, 10]))
    """

    def __init__(
        self,
        *,
        n: int | None = None,
        gamma: float = 2.8,
        num_classes: int | None = None,
        p: float = 1.0,
        anchor: Literal["self", "random"] = "self",
        scheme: Literal["independent", "circulant"] = "independent",
        labels_getter: Literal["default"] | Callable[[Any], Tensor] = "default",
        inplace: bool = False,
        seed: int | None = None,
    ) -> None:
        super().__init__()
        if not 0.0 <= real("p", p) <= 1.0:
            raise ValueError(f"p = {p}: expected a probability from 0 to 1.")
        self.method = ZetaMixup(n, gamma, anchor, scheme)
        self.num_classes = num_classes
        self.p = p
        self.labels_getter = _find_labels if labels_getter == "default" else labels_getter
        self.inplace = inplace
        self.seed = seed
        self._worker: int | None = None
        self._generators: dict[torch.device, torch.Generator] = {}

    def forward(self, *inputs: Any) -> Any:
        """Mix a batch.

        Args:
            *inputs: ``x, y``, or one structure (tuple, list, dict) that holds them. ``x`` is the first
                torchvision Image or Video in it, else the first tensor beside the labels, ``(m, ...)`` of
                any rank; other values pass untouched.

        Returns:
            The same structure with mixed samples and soft labels ``(m, K)``.
        """
        sample = inputs if len(inputs) > 1 else inputs[0]
        labels = self.labels_getter(sample)
        leaves, structure = tree_flatten(sample)
        at_y = next((i for i, leaf in enumerate(leaves) if leaf is labels), None)
        at_x = _find_samples(leaves, at_y)
        if at_x is None or at_y is None or not isinstance(labels, Tensor):
            raise ValueError(
                f"expected a tensor of samples and one of labels, got {type(sample).__name__} of "
                f"{sorted({type(leaf).__name__ for leaf in leaves})}. Call it with (x, y), "
                "or pass labels_getter."
            )
        x, leaves[at_y] = self._mix(leaves[at_x], labels)
        leaves[at_x] = x.as_subclass(type(leaves[at_x]))
        return tree_unflatten(leaves, structure)

    def _mix(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
            raise ValueError(
                f"samples of shape {tuple(x.shape)} and labels of shape {tuple(y.shape)}; "
                "expected the same number of both."
            )
        if y.is_floating_point() and y.ndim == 2 and self.num_classes not in (None, y.shape[1]):
            raise ValueError(
                f"soft labels of {y.shape[1]} classes, but num_classes = {self.num_classes}; "
                "leave num_classes out for labels that are soft or one-hot already."
            )
        y = y if y.is_floating_point() else one_hot(y, self.num_classes)
        mixes = torch.rand((), generator=self._generator(torch.device("cpu"))) < self.p
        method: Method = self._method_for(len(y)) if mixes else ERM()
        recipe = method.draw(len(y), generator=self._generator(x.device))
        mixed = recipe.apply(x, out=x if self.inplace else None)
        return mixed, recipe.apply_labels(y.to(x.device)).to(y.device)

    def _method_for(self, m: int) -> ZetaMixup:
        n = self.method.n
        if n is None or n <= m:
            return self.method
        return ZetaMixup(None, self.method.gamma, self.method.anchor, self.method.scheme)

    def _generator(self, device: torch.device) -> torch.Generator:
        """This process's own generator on a device; a worker of a loader starts it anew."""
        info = get_worker_info()
        worker = None if info is None else info.seed
        if worker != self._worker:
            self._worker, self._generators = worker, {}
        if device not in self._generators:
            seed = self.seed
            if worker is not None:  # differs between workers, and between epochs
                seed = worker if seed is None else (worker + seed) % 2**63
            if seed is None:
                seed = int(torch.randint(2**63 - 1, ()))
            self._generators[device] = torch.Generator(device).manual_seed(seed)
        return self._generators[device]

    def __getstate__(self) -> dict[str, Any]:
        # Generators do not travel to spawned workers, which start their own.
        return {**self.__dict__, "_generators": {}}

    def extra_repr(self) -> str:
        """The settings, as ``print(model)`` shows them."""
        return f"{self.method}, num_classes={self.num_classes}, p={self.p}, seed={self.seed}"


def _find_samples(leaves: list[Any], at_y: int | None) -> int | None:
    tensors = [i for i, leaf in enumerate(leaves) if isinstance(leaf, Tensor) and i != at_y]
    # torchvision's tensors say what they are; told by name, so that torchvision need not be loaded.
    pictures = [i for i in tensors if type(leaves[i]).__name__ in ("Image", "Video")]
    return next(iter(pictures or tensors), None)


def _find_labels(sample: Any) -> Any:
    if isinstance(sample, Mapping):
        keys = [key for key in sample if "label" in str(key).lower()]
        exact = [key for key in keys if str(key).lower() == "labels"]
        return sample[(exact or keys)[0]] if keys else None
    if isinstance(sample, (tuple, list)) and len(sample) > 1:
        return _find_labels(sample[1]) if isinstance(sample[1], Mapping) else sample[1]
    return None
