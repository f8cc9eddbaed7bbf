"""A plot by Bokeh, with what every picture here has: words, files, and a handle on gamma."""

from __future__ import annotations

import param
from panel.custom import Child

from dashboard.components.base import Picture, script

__all__ = ["Chart"]


class Chart(Picture):
    """A Bokeh figure in the dress of the other pictures.

    Where ``handle`` is set, gamma can be dragged along the horizontal axis. The figure then has a `Span`
    named ``present``, and markers named ``knobs`` that ride on lines: on column ``mean0`` and further ones,
    over column ``gamma``, of the source named ``curve``.
    """

    figure = Child(doc="The Bokeh figure.")
    handle = param.Boolean(False, doc="Whether gamma is shown and can be dragged.")
    gamma = param.Number(0.0, doc="The present gamma.")
    low = param.Number(0.0, doc="First gamma of the axis.")
    high = param.Number(15.0, doc="Last gamma of the axis.")
    step = param.Number(0.05, doc="A drag stops at multiples of it.")
    here = param.List([], doc="A gamma, and what is known to be exactly there: one height a knob.")
    caption = param.List([], doc="[name, value] each, shown under the picture.")

    _esm = script("chart.js")
