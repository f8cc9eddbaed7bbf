"""One of several."""

from __future__ import annotations

import param

from dashboard.components.base import Component, script

__all__ = ["Choice"]


class Choice(Component):
    """A label and a list to choose from."""

    label = param.String(doc="What is chosen, also for a screen reader.")
    help = param.String(doc="Shown when the pointer rests on it.")
    value = param.Parameter(doc="The value chosen: text, number or bool.")
    options = param.List([], doc="[title, value] each.")

    inline = param.Boolean(False, doc="Whether the label stands beside the list instead of above it.")

    _esm = script("choice.js")
