"""How far something is that takes a while."""

from __future__ import annotations

import param

from dashboard.components.base import Component, script

__all__ = ["Meter"]


class Meter(Component):
    """A bar and a sentence."""

    label = param.String(doc="What takes a while, for a screen reader.")
    share = param.Number(0.0, bounds=(0, 1), doc="How much of it is done.")
    text = param.String(doc="The same in words.")

    _esm = script("meter.js")
