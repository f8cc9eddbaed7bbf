"""The classes and their colours."""

from __future__ import annotations

import param

from dashboard.components.base import Component, script

__all__ = ["Classes"]


class Classes(Component):
    """A dot and a name for each class.

    Not named after what it is, a legend: panel-material-ui would take it for one of Bokeh's.
    """

    label = param.String("Classes", doc="What they are, for a screen reader.")
    classes = param.List([], doc="[name, CSS colour] each.")

    _esm = script("classes.js")
