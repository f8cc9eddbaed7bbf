"""The figures of local intrinsic dimension, by Bokeh: made once, then only their numbers change."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from bokeh.models import (
    BasicTicker,
    ColumnDataSource,
    DataRange1d,
    HoverTool,
    Label,
    LegendItem,
    Range1d,
    Span,
)

from dashboard.id_jobs import Here
from dashboard.plots import GREY, legend, plot
from dashboard.words import TITLES, spread_words
from zmix_core.dimension import Curve, Level
from zmix_core.weights import GAMMA_MIN

__all__ = ["COLOURS", "CurveFigure", "Histogram"]

COLOURS = ("#2f7ed8", "#e4572e")
"""One a k: apart in hue and in lightness, and seen on a white and on a black page."""

FEW = 16
"""Local IDs whose bars have room beside each other."""

NOW = "#d1495b"
"""The colour of the present gamma, as on its slider."""

DASHES = {"original": [9, 5], "mixup": [3, 3]}


class CurveFigure:
    """Mean local ID over gamma with bands of one standard deviation, for one or two k."""

    def __init__(self) -> None:
        self.x_range = Range1d(0, 15)
        self.plot = plot(
            x_range=self.x_range,
            y_range=DataRange1d(start=0, only_visible=True),
            x_axis_label="γ",
            y_axis_label="local ID: mean ± standard deviation",
        )
        self.curve = ColumnDataSource(name="curve", data=_points(None, ()))
        self.levels: dict[tuple[str, int], ColumnDataSource] = {}
        self._parts: list[tuple[str, int, list]] = []
        for i in range(len(COLOURS)):
            self._add(i)
        self._hover = HoverTool(
            renderers=[self._line[0]], mode="vline", line_policy="nearest", attachment="horizontal"
        )
        level = [r for (name, _, rs) in self._parts if name != "zeta" for r in rs[:1]]
        self.plot.add_tools(
            self._hover,
            HoverTool(renderers=level, mode="mouse", line_policy="none", tooltips="@said"),
        )
        self.plot.add_layout(
            Span(location=GAMMA_MIN, dimension="height", line_dash="dotted", line_color=GREY, line_width=2)
        )
        self._least = Label(
            x=GAMMA_MIN,
            y=4,
            y_units="screen",
            text="γ_min",
            text_color=GREY,
            text_font_size="12px",
        )
        self.plot.add_layout(self._least)
        self.plot.add_layout(
            Span(name="present", location=0, dimension="height", line_color=NOW, line_width=2.5)
        )
        self.knobs = ColumnDataSource({"x": [], "y": [], "colour": []})
        self.plot.scatter(
            "x",
            "y",
            source=self.knobs,
            name="knobs",
            size=13,
            fill_color="colour",
            line_color="white",
            line_width=2,
        )
        self._legend = legend(items=[], ncols=3, click_policy="hide")
        self.plot.add_layout(self._legend, "above")
        self._ks: tuple[int, ...] = ()

    def _add(self, i: int) -> None:
        colour = COLOURS[i]
        for name in DASHES:
            source = ColumnDataSource(_level(None, (0, 1), ""))
            self.levels[name, i] = source
            line = self.plot.line(
                "x", "mean", source=source, color=colour, line_width=2, line_dash=DASHES[name]
            )
            band = self.plot.varea("x", "low", "high", source=source, color=colour, fill_alpha=0.07)
            self._parts.append((name, i, [line, band]))
        band = self.plot.varea(
            "gamma", f"low{i}", f"high{i}", source=self.curve, color=colour, fill_alpha=0.22
        )
        line = self.plot.line("gamma", f"mean{i}", source=self.curve, color=colour, line_width=3)
        marks = self.plot.scatter("gamma", f"mean{i}", source=self.curve, color=colour, size=6)
        self._parts.append(("zeta", i, [line, marks, band]))

    @property
    def _line(self) -> list[Any]:
        return [renderers[0] for name, _, renderers in self._parts if name == "zeta"]

    def draw(self, curve: Curve | None, ks: Sequence[int], low: float, high: float) -> None:
        """Show what is known of a curve over ``low`` to ``high``."""
        pad = (high - low) * 0.02
        self.x_range.update(start=low - pad, end=high + pad, reset_start=low - pad, reset_end=high + pad)
        self._least.visible = low <= GAMMA_MIN <= high
        left = (GAMMA_MIN - low) / (high - low) > 0.06  # where there is room for it
        self._least.update(text_align="right" if left else "left", x_offset=-5 if left else 5)
        if tuple(ks) != self._ks:
            self._name(tuple(ks))
        for (name, i), source in self.levels.items():
            known = curve.levels.get(name, {}) if curve else {}
            level = known.get(ks[i]) if i < len(ks) else None
            said = f"{TITLES[name]}, k = {ks[i]}: {spread_words(level)}" if level else ""
            _put(source, _level(level, (low - pad, high + pad), said))
        _put(self.curve, _points(curve, ks))

    def _name(self, ks: tuple[int, ...]) -> None:
        self._ks = ks
        self.knobs.data = {"x": len(ks) * [math.nan], "y": len(ks) * [math.nan], "colour": COLOURS[: len(ks)]}
        items = []
        for name, i, renderers in self._parts:
            for renderer in renderers:
                renderer.visible = i < len(ks)
            if i < len(ks):
                items.append((i, list(TITLES).index(name), f"{TITLES[name]}, k = {ks[i]}", renderers))
        items.sort(key=lambda item: item[:2])
        self._legend.items = [LegendItem(label=label, renderers=rs) for _, _, label, rs in items]
        said = [(f"ζ-mixup, k = {k}", f"@said{i}") for i, k in enumerate(ks)]
        self._hover.tooltips = [("γ", "@gamma{0.[000]}"), *said]


def _put(source: ColumnDataSource, data: dict[str, list]) -> None:
    """New data, where they are others: a browser paints the whole figure for each that is sent."""
    if dict(source.data) != data:
        source.data = data


def _level(level: Level | None, ends: tuple[float, float], said: str) -> dict[str, list]:
    if level is None:
        return {"x": [], "mean": [], "low": [], "high": [], "said": []}
    return {
        "x": list(ends),
        "mean": 2 * [level.mean],
        "low": 2 * [max(0.0, level.mean - level.std)],
        "high": 2 * [level.mean + level.std],
        "said": 2 * [said],
    }


def _points(curve: Curve | None, ks: Sequence[int]) -> dict[str, list]:
    first = list(curve.points[ks[0]]) if curve and ks else []
    data: dict[str, list] = {"gamma": first}
    for i in range(len(COLOURS)):
        levels = [curve.points[ks[i]][gamma] if i < len(ks) else None for gamma in first]
        data |= {
            f"mean{i}": [v.mean if v else math.nan for v in levels],
            f"low{i}": [max(0.0, v.mean - v.std) if v else math.nan for v in levels],
            f"high{i}": [v.mean + v.std if v else math.nan for v in levels],
            f"said{i}": [spread_words(v) if v else "" for v in levels],
        }
    return data


class Histogram:
    """How many points have which local ID, for one or two k side by side."""

    def __init__(self) -> None:
        self.x_range = Range1d(-0.5, 3.5)
        self.plot = plot(
            x_range=self.x_range,
            y_range=DataRange1d(start=0),
            x_axis_label="local ID",
            y_axis_label="points",
        )
        self.plot.xaxis.ticker = BasicTicker(min_interval=1, num_minor_ticks=0)
        self.plot.xgrid.visible = False
        self.bars = ColumnDataSource(_bars(None))
        bars = self.plot.vbar(
            "x", top="points", width="width", source=self.bars, fill_color="colour", line_color=None
        )
        bars.glyph.fill_alpha = 0.85
        tooltips = [("local ID", "@id"), ("", "@k"), ("points", "@points{0,0}")]
        self.plot.add_tools(HoverTool(renderers=[bars], tooltips=tooltips))
        self._legend = legend(items=[LegendItem(label={"field": "k"}, renderers=[bars])])
        self.plot.add_layout(self._legend, "above")

    def draw(self, here: Here | None) -> None:
        """Show what is known at one gamma."""
        _put(self.bars, _bars(here))
        if here:
            self.x_range.update(start=-0.5, end=max(map(len, here.counts.values())) - 0.5)


def _bars(here: Here | None) -> dict[str, list]:
    data: dict[str, list] = {key: [] for key in ("id", "x", "points", "width", "k", "colour")}
    if here is None:
        return data
    # Side by side; where there are many they are too thin for that, and stand before each other.
    beside = len(here.counts) if max(map(len, here.counts.values())) <= FEW else 1
    width = 0.8 / beside
    for i, (k, counts) in enumerate(here.counts.items()):
        at = width * (i % beside + 0.5) - 0.4
        for dimension, points in enumerate(counts):
            row = (dimension, dimension + at, points, width, f"k = {k}", COLOURS[i])
            for column, value in zip(data.values(), row, strict=True):
                column.append(value)
    return data
