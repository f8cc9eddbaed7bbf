"""One colour a class, the same in every picture, readable on a light and on a dark page."""

from __future__ import annotations

import colorsys

import torch
from bokeh.palettes import Plasma256
from torch import Tensor

__all__ = ["blend", "palette", "ramp", "rgba"]

# Neighbours differ in lightness as well as in hue, so that they stay apart for the colour-blind.
_FIRST = [
    "#2f7ed8",
    "#e4572e",
    "#2e9e6b",
    "#c9a227",
    "#8a5cc2",
    "#17a2b8",
    "#d6568f",
    "#7a6f5d",
    "#6ab04c",
    "#a83232",
]


def palette(classes: int) -> list[str]:
    """CSS colours of the classes; ten by hand, further ones around the colour wheel."""
    if classes <= len(_FIRST):
        return _FIRST[:classes]
    wheel = (colorsys.hls_to_rgb(i * 0.618 % 1, 0.42 + 0.16 * (i % 3) / 2, 0.6) for i in range(classes))
    return [f"#{round(255 * r):02x}{round(255 * g):02x}{round(255 * b):02x}" for r, g, b in wheel]


def blend(soft: Tensor) -> Tensor:
    """The colours of soft labels: ``(M, K)`` to uint8 RGBA ``(M, 4)``, mixed like the labels themselves."""
    return _opaque(soft @ _rgb(palette(soft.shape[1])).to(soft.dtype))


def ramp(levels: int) -> list[str]:
    """CSS colours of 0, 1, 2, ...: from violet to orange; what lies beyond is hard to see on one theme."""
    first, last = 50, 205
    return [Plasma256[round(first + (last - first) * i / max(1, levels - 1))] for i in range(levels)]


def rgba(level: Tensor, levels: int) -> Tensor:
    """The colours of whole numbers ``(M,)`` from 0 to ``levels - 1``: uint8 RGBA ``(M, 4)``."""
    return _opaque(_rgb(ramp(levels))[level].float())


def _rgb(colours: list[str]) -> Tensor:
    return torch.tensor([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colours])


def _opaque(rgb: Tensor) -> Tensor:
    return torch.cat([rgb.round(), torch.full((len(rgb), 1), 225.0)], dim=1).clamp(0, 255).to(torch.uint8)
