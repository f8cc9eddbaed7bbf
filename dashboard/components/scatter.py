"""Points in two or three dimensions."""

from __future__ import annotations

import param

from dashboard.components.base import Picture, script

__all__ = ["Scatter"]


class Scatter(Picture):
    """One panel of points; panels of one ``group`` share a camera.

    Points are float32 triples, colours uint8 RGBA, both as bytes. ``base`` holds the original samples: grey
    behind the others where ``ghost`` is set, and the ends of the lines to the parents of ``pointed``.
    """

    points = param.Bytes(b"", doc="(M, 3) float32.")
    colours = param.Bytes(b"", doc="(M, 4) uint8.")
    base = param.Bytes(b"", doc="(m, 3) float32, the original samples.")
    base_colours = param.Bytes(b"", doc="(m, 4) uint8.")
    ghost = param.Boolean(True, doc="Whether the original samples are shown in grey.")
    dims = param.Integer(2, bounds=(2, 3), doc="2: flat; 3: to be turned.")
    bounds = param.List([0.0, 0.0, 0.0, 1.0], doc="Centre and half extent of what is to be seen.")
    axes = param.List(["x", "y", "z"], doc="Names of the axes.")
    group = param.String(doc="Panels with the same name turn together.")
    camera = param.List([], doc="Azimuth, elevation (degrees), zoom, pan x, pan y; [] for the default.")
    pointed = param.Integer(-1, doc="The sample pointed at; -1 for none.")
    lines = param.Bytes(b"", doc="(P, 2) float32: index and weight of the parents of the sample pointed at.")
    caption = param.List([], doc="[name, value] each, shown under the picture.")

    _esm = script("painters.js", "marks.js", "scatter.js")
