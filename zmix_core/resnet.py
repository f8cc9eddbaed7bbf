"""ResNet-18 and ResNet-50, the networks of the benchmarks, for pictures of any size (Sec. 4.5)."""

from __future__ import annotations

from torch import nn

__all__ = ["SMALL", "resnet"]

SMALL = 64
"""Pixels up to which pictures get the stem for small ones."""


def resnet(depth: int, picture: tuple[int, int, int], num_classes: int) -> nn.Module:
    """Torchvision's ResNet with untrained weights.

    Pictures up to `SMALL` pixels get the stem that is usual for CIFAR: one 3 x 3 convolution without stride
    and no pooling, where the original's 7 x 7 and pooling would leave a sixteenth of each side.

    Args:
        depth: 18 or 50.
        picture: ``(C, H, W)``.
        num_classes: K.

    Raises:
        ValueError: Another depth.

    Example:
        >>> resnet(18, (3, 32, 32), 10)(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 10])
    """
    from torchvision import models

    makers = {18: models.resnet18, 50: models.resnet50}
    if depth not in makers:
        raise ValueError(f"depth = {depth}: expected 18 or 50, the depths of the paper.")
    network = makers[depth](num_classes=num_classes)
    channels, *sides = picture
    if max(sides) <= SMALL:
        network.conv1 = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
        network.maxpool = nn.Identity()
    elif channels != 3:
        network.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
    return network
