"""The recipe of one sample."""

from __future__ import annotations

import param

from dashboard.components.base import Component, script

__all__ = ["RecipeCard"]


class RecipeCard(Component):
    """The sample pointed at: its picture, its soft label by class, its parents with their weights."""

    card = param.Dict({}, doc="title, labels, parents ([name, value, colour] each), more, tile; or hint.")
    pixels = param.Bytes(b"", doc="uint8 tiles: the sample, then its parents.")

    _esm = script("recipe_card.js")
