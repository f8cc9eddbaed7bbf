"""A grid of pictures with their soft labels."""

from __future__ import annotations

import param

from dashboard.components.base import Picture, script

__all__ = ["Mosaic"]


class Mosaic(Picture):
    """``count`` tiles on one canvas, each with a bar of its soft label."""

    tiles = param.Bytes(b"", doc="(count, h, w, channels) uint8.")
    tile = param.List([1, 1, 1], doc="h, w and channels (1 or 3) of a tile.")
    count = param.Integer(0, doc="How many tiles.")
    columns = param.Integer(10, bounds=(1, None), doc="Tiles in a row.")
    labels = param.Bytes(b"", doc="(count, K) float32 soft labels.")
    palette = param.List([], doc="One CSS colour a class.")
    pointed = param.Integer(-1, doc="The tile pointed at; -1 for none.")
    caption = param.List([], doc="[name, value] each, shown under the picture.")

    _esm = script("mosaic.js")
