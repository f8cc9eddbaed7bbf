"""LeNet-5, the network of the oracle (Sec. 4.2) and of the benchmarks on small pictures."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["SMALLEST", "LeNet5"]

SMALLEST = 8
"""Pixels that a side of a picture needs."""

SMALL = 20
"""Pixels below which the second convolution is padded like the first: its 5 x 5 would leave little over."""


class LeNet5(nn.Module):
    """Two convolutions and three linear layers (LeCun et al. 1998), with ReLU and maximum pooling.

    For 28 x 28 pictures these are the 61,706 parameters of the original; the first linear layer grows with
    the picture.

    Args:
        picture: ``(C, H, W)``; sides of at least `SMALLEST` pixels.
        num_classes: K, at least 2.

    Raises:
        ValueError: A picture is smaller than that, or there are fewer classes.

    Example:
        >>> LeNet5((1, 28, 28), 10)(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 10])
    """

    def __init__(self, picture: tuple[int, int, int], num_classes: int) -> None:
        super().__init__()
        channels, *sides = picture
        if min(sides) < SMALLEST or channels < 1:
            raise ValueError(
                f"picture = {tuple(picture)}: expected (C, H, W) with sides of at least {SMALLEST} pixels."
            )
        if num_classes < 2:
            raise ValueError(f"num_classes = {num_classes}: expected at least 2 classes to tell apart.")
        padding = 2 if min(sides) < SMALL else 0
        h, w = ((side // 2 + 2 * padding - 4) // 2 for side in sides)
        self.features = nn.Sequential(
            nn.Conv2d(channels, 6, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5, padding=padding),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        self.classifier = nn.Sequential(
            nn.Linear(16 * h * w, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, num_classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(M, K)`` of pictures ``(M, C, H, W)`` in 0..1."""
        return self.classifier(self.features(x))
