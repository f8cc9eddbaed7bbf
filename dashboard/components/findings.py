"""What is decided between two methods, and the numbers that it rests on."""

from __future__ import annotations

import param

from dashboard.components.base import Component, script

__all__ = ["Findings"]


class Findings(Component):
    """Verdicts, one a line, and below them a table of numbers."""

    label = param.String(doc="What it is about, for a screen reader.")
    verdicts = param.List([], doc="[mark, words, basis] each; the mark is yes, no or open.")
    header = param.List([], doc="Heads of the columns; none for no table.")
    rows = param.List([], doc="Cells of each row, the first of them its head.")
    note = param.String(doc="What else there is to say.")

    _esm = script("findings.js")
