"""Bokeh figures in the dress of the page."""

from __future__ import annotations

from typing import Any

from bokeh.models import Legend
from bokeh.plotting import figure

__all__ = ["GREY", "legend", "plot"]

GREY = "#868b94"
"""Readable on a white and on a black page."""


def plot(**options: Any) -> figure:
    """A figure without tools, as wide and high as its place."""
    made = figure(
        sizing_mode="stretch_both",
        tools="",
        toolbar_location=None,
        background_fill_alpha=0,
        border_fill_alpha=0,
        outline_line_color=None,
        **options,
    )
    made.toolbar.logo = None
    # In a page its theme says otherwise; a notebook may be light or dark.
    for part in ("axis_label_text", "major_label_text", "axis_line", "major_tick_line"):
        setattr(made.axis, f"{part}_color", GREY)
    made.axis.axis_label_text_font_style = "normal"
    made.axis.minor_tick_line_color = None
    made.grid.grid_line_color, made.grid.grid_line_alpha = GREY, 0.2
    return made


def legend(**options: Any) -> Legend:
    """A legend in one line, for above a figure."""
    made = Legend(orientation="horizontal", background_fill_alpha=0, **options)
    made.update(border_line_color=None, label_text_color=GREY, margin=0, padding=4, spacing=6)
    return made
