"""The weights, always in sight."""

from __future__ import annotations

import param

from dashboard.components.base import Picture, script

__all__ = ["Strip"]


class Strip(Picture):
    """Bars of the weights by rank, w1 against all others, and sentences on the theorems."""

    weights = param.List([], doc="[rank or range of ranks, weight] each, w1 first.")
    words = param.List([], doc="[sentence, 'yes', 'no' or ''] each.")

    _esm = script("strip.js")
