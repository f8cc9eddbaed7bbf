"""Densities of H and CE with their insets (Fig. 3 f, g), by Bokeh: made once, then only numbers change."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from bokeh.models import ColumnDataSource, HoverTool, LegendItem, Range1d
from torch import Tensor

from dashboard.plots import GREY, legend, plot
from dashboard.words import TITLES
from zmix_core.realism import density

__all__ = ["COLOURS", "DensityFigure"]

COLOURS = {"mixup": "#e4572e", "zeta": "#2f7ed8"}

BANDWIDTH = 0.05
"""Nats. It stays while gamma moves, so that heights can be compared."""

POINTS = 240
"""Places at which a density is told."""

BOX = 0.42, 0.985, 0.36, 0.97
"""Left, right, bottom and top of the inset, as shares of the plot: there densities are low."""

DECADES = (-3, 2)
"""Powers of ten of an inset with a logarithmic scale."""

TOPS = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Where the vertical axis may end: it steps, so that a change of gamma does not stretch the picture."""


class DensityFigure:
    """Densities of mixup and zeta-mixup over one measure, and in an inset the same once more, otherwise.

    Args:
        key: What is measured.
        label: Of the horizontal axis.
        inset: What the inset shows.
        log: Whether the inset has a logarithmic scale.
    """

    def __init__(self, key: str, label: str, inset: str, *, log: bool) -> None:
        self._log = log
        self.y_range, self.x_range = Range1d(0, TOPS[-1]), Range1d(0, 1)
        self.plot = plot(
            x_range=self.x_range, y_range=self.y_range, x_axis_label=label, y_axis_label="density"
        )
        self.sources = {
            which: ColumnDataSource(_no_density(), name=f"density of {key}, {which}") for which in COLOURS
        }
        self.inset_sources = {which: ColumnDataSource(_no_density()) for which in COLOURS}
        self._box = ColumnDataSource({key: [] for key in ("left", "right", "bottom", "top")})
        self.plot.quad(source=self._box, fill_alpha=0, line_color=GREY, line_alpha=0.6)
        # In its own coordinates the inset runs from 0 to 1 both ways.
        unit = {"x_source": Range1d(0, 1), "y_source": Range1d(0, 1)}
        self._x_target, self._y_target = Range1d(), Range1d()
        small = self.plot.subplot(**unit, x_target=self._x_target, y_target=self._y_target)
        items, lines = [], []
        for which, colour in COLOURS.items():
            line = self.plot.line("x", "y", source=self.sources[which], color=colour, line_width=2.5)
            area = self.plot.varea("x", 0, "y", source=self.sources[which], color=colour, fill_alpha=0.15)
            little = small.line("x", "y", source=self.inset_sources[which], color=colour, line_width=2)
            items.append(LegendItem(label=TITLES[which], renderers=[line, area, little]))
            lines.append(line)
        self.plot.add_tools(
            HoverTool(renderers=lines, mode="vline", tooltips=[("nats", "$x{0.00}"), ("density", "@y{0.00}")])
        )
        self._ticks = ColumnDataSource({"x": [], "y": [], "text": [], "align": [], "dx": [], "dy": []})
        words = {"text_color": GREY, "text_font_size": "11px", "text_baseline": "middle"}
        small.text(
            "x",
            "y",
            text="text",
            text_align="align",
            x_offset="dx",
            y_offset="dy",
            source=self._ticks,
            **words,
        )
        small.text(x=[0.5], y=[0.93], text=[inset], text_align="center", **words)
        self.plot.add_layout(legend(items=items, click_policy="hide"), "above")

    def draw(self, values: dict[str, Tensor], inset: dict[str, Tensor], end: float) -> None:
        """Show the densities of ``values`` from 0 to ``end`` nats, and in the inset those of ``inset``."""
        at = torch.linspace(0, end, POINTS)
        drawn = {which: density(values[which].float(), at, BANDWIDTH).numpy() for which in COLOURS}
        small = {which: density(inset[which].float(), at, BANDWIDTH).numpy() for which in COLOURS}
        top, small_top = _top(drawn), _top(small)
        self.y_range.end = 1.04 * top
        self.x_range.end = end
        self._place(end, self.y_range.end)
        for which in COLOURS:
            _fill(self.sources[which], {"x": at.numpy(), "y": drawn[which]})
            heights = _heights(small[which], self._log, small_top)
            _fill(self.inset_sources[which], {"x": np.linspace(0, 1, POINTS), "y": heights})
        _fill(self._ticks, _ticks(end, self._log, small_top))

    def _place(self, width: float, height: float) -> None:
        left, right, bottom, top = (
            share * size for share, size in zip(BOX, (width, width, height, height), strict=True)
        )
        _fill(self._box, {"left": [left], "right": [right], "bottom": [bottom], "top": [top]})
        self._x_target.update(start=left, end=right)
        self._y_target.update(start=bottom, end=top)


def _fill(source: ColumnDataSource, data: dict[str, Any]) -> None:
    """Give a source other numbers; the same ones would have the browser paint again for nothing."""
    if any(np.asarray(source.data[key]).tobytes() != np.asarray(to).tobytes() for key, to in data.items()):
        source.data = data


def _no_density() -> dict[str, list]:
    return {"x": [], "y": []}


def _top(drawn: dict[str, np.ndarray]) -> float:
    highest = max(float(y.max()) for y in drawn.values())
    return next((top for top in TOPS if highest <= top), highest)


def _heights(y: np.ndarray, log: bool, top: float) -> np.ndarray:
    """Densities as shares of the inset's height; the uppermost tenth is for its heading."""
    if not log:
        return 0.88 * y / top
    low, high = DECADES
    exponents = np.log10(np.where(y < 10.0**low, np.nan, y))  # what is lower is not drawn
    return 0.88 * (exponents - low) / (high - low)


def _ticks(end: float, log: bool, top: float) -> dict[str, list[Any]]:
    rows: list[tuple] = []
    if log:
        low, high = DECADES
        for power in range(low, high):
            rows.append((0, 0.88 * (power - low) / (high - low), f"{10.0**power:g}", "right", -5, 0))
    else:
        rows += [(0, 0.88 * share, f"{share * top:g}", "right", -5, 0) for share in (0.5, 1)]
    rows += [(share, 0, f"{share * end:.2g}", "center", 0, 10) for share in (0, 0.5, 1)]
    return dict(zip(("x", "y", "text", "align", "dx", "dy"), map(list, zip(*rows, strict=True)), strict=True))
