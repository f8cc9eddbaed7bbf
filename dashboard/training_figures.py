"""Paired differences as dots and whiskers, and learning curves, by Bokeh: only their numbers change."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from bokeh.models import ColumnDataSource, DataRange1d, FactorRange, HoverTool, Range1d, Span

from dashboard.plots import GREY, plot
from dashboard.training_table import Row
from dashboard.training_words import (
    AXES,
    decided,
    difference_words,
    method_title,
    needed_words,
    signed,
)

__all__ = ["CurveFigure", "DotFigure", "curve"]

DOTS = ("method", "mean", "low", "high", "colour", "fill", "width", "said", "needed")
PAPER = ("method", "mean", "said")
LINES = ("xs", "ys", "colour", "method")
BANDS = ("xs", "ys", "colour")
MARKS = ("epoch", "mean", "colour", "size", "method", "said")

FEW = 20
"""Epochs whose marks have room beside each other."""


class DotFigure:
    """A method a line: its mean difference, the 95 % interval, and the paper's difference."""

    def __init__(self) -> None:
        self.methods = FactorRange()
        self.plot = plot(
            y_range=self.methods, x_range=DataRange1d(range_padding=0.15), x_axis_label="difference"
        )
        self.plot.ygrid.visible = False
        self.plot.add_layout(
            Span(location=0, dimension="height", line_color=GREY, line_width=1.5, line_dash="dashed")
        )
        self.dots = ColumnDataSource(_columns(DOTS, []), name="differences")
        self.paper = ColumnDataSource(_columns(PAPER, []), name="paper's differences")
        self.plot.segment(
            "low", "method", "high", "method", source=self.dots, color="colour", line_width="width"
        )
        dots = self.plot.scatter(
            "mean",
            "method",
            source=self.dots,
            size=13,
            fill_color="fill",
            line_color="colour",
            line_width=2.5,
        )
        paper = self.plot.scatter(
            "mean",
            "method",
            source=self.paper,
            marker="diamond",
            size=13,
            fill_alpha=0,
            line_color=GREY,
            line_width=2,
        )
        tips = [("", "@method"), ("", "@said"), ("seeds needed to decide", "@needed")]
        self.plot.add_tools(
            HoverTool(renderers=[dots], tooltips=tips),
            HoverTool(renderers=[paper], tooltips=[("", "@method"), ("the paper's", "@said")]),
        )

    def draw(self, row: Row | None, shown: Mapping[str, str], against: str) -> None:
        """Show the differences of one row of the table, of methods with their colours."""
        dots, papers = [], []
        for name, colour in shown.items() if row else []:
            ours = row.ours(name)
            found = ours.to.get(against) if ours else None
            if found is not None:
                low, high = (found.mean if end is None else end for end in (found.low, found.high))
                sure = bool(decided(row.metric, found))
                said = difference_words(row.metric, found, against)
                fill = colour if sure else "rgba(0, 0, 0, 0)"
                look = (colour, fill, 4.5 if sure else 2)
                dots.append((method_title(name), found.mean, low, high, *look, said, needed_words(found)))
            if name != against and name in row.paper and against in row.paper:
                mean = row.paper[name] - row.paper[against]
                papers.append((method_title(name), mean, signed(row.metric, mean)))
        named = [method_title(name) for name in shown if name != against]
        known = {entry[0] for entry in (*dots, *papers)}
        self.methods.factors = [name for name in reversed(named) if name in known]
        self.dots.data, self.paper.data = _columns(DOTS, dots), _columns(PAPER, papers)
        if row:
            better = "left is better" if row.metric == "ERR" else "right is better"
            self.plot.xaxis.axis_label = f"{AXES[row.metric]}, minus {method_title(against)}'s: {better}"


class CurveFigure:
    """One measure over the epochs, a method a line: mean over the seeds, and a band of ± their deviation.

    Args:
        name: Of its sources.
    """

    def __init__(self, name: str) -> None:
        self.y_range = Range1d(0, 1)
        self.plot = plot(x_range=DataRange1d(range_padding=0.03), y_range=self.y_range, x_axis_label="epoch")
        self.lines = ColumnDataSource(_columns(LINES, []), name=name)
        self.bands = ColumnDataSource(_columns(BANDS, []))
        self.marks = ColumnDataSource(_columns(MARKS, []))
        self.plot.patches(
            "xs", "ys", source=self.bands, fill_color="colour", fill_alpha=0.16, line_color=None
        )
        self.plot.multi_line("xs", "ys", source=self.lines, color="colour", line_width=2.5)
        marks = self.plot.scatter("epoch", "mean", source=self.marks, size="size", color="colour")
        tips = [("", "@method"), ("epoch", "@epoch"), ("", "@said")]
        self.plot.add_tools(HoverTool(renderers=[marks], tooltips=tips))

    def draw(self, row: Row | None, shown: Mapping[str, str], key: str) -> None:
        """Show what runs of one row of the table had.

        Of a metric the second half of training fills the height: its differences are small beside the first.

        Args:
            row: A row of the table.
            shown: Methods with their colours.
            key: ``"loss"`` of the training pictures, or a metric of the test pictures.
        """
        lines, bands, marks, late = [], [], [], [0.0] if key == "loss" else []
        for name, colour in shown.items() if row and row.group else []:
            found = curve(row.group.runs.get(name, {}), key)
            if not found:
                continue
            epochs, title = list(found), method_title(name)
            lines.append((epochs, [mean for mean, _, _ in found.values()], colour, title))
            ends = [mean + std for mean, std, _ in found.values()]
            ends += [mean - std for mean, std, _ in reversed(found.values())]
            late += [end for epoch, end in _ends(found) if key == "loss" or 2 * epoch >= epochs[-1]]
            bands.append(([*epochs, *reversed(epochs)], ends, colour))
            for epoch, (mean, std, count) in found.items():
                said = f"{mean:.4g} ± {std:.2g}, {count} seeds" if count > 1 else f"{mean:.4g}, one seed"
                marks.append((epoch, mean, colour, 6 if len(found) <= FEW else 3, title, said))
        self.lines.data, self.bands.data = _columns(LINES, lines), _columns(BANDS, bands)
        self.marks.data = _columns(MARKS, marks)
        if late:
            pad = 0.06 * (max(late) - min(late)) or 1.0
            self.y_range.update(start=min(late) - (key != "loss") * pad, end=max(late) + pad)
        self.plot.yaxis.axis_label = "training loss" if key == "loss" else f"test {AXES[key]}"


def curve(runs: Mapping[int, Mapping[str, Any]], key: str) -> dict[int, tuple[float, float, int]]:
    """Mean and deviation over the seeds, and their number, at each epoch that all of the runs have.

    Epochs whose network was not tested have no metrics.
    """
    values: dict[int, list[float]] = {}
    for record in runs.values():
        for epoch in record["curves"]:
            value = epoch["loss"] if key == "loss" else (epoch["test"] or {}).get(key)
            if value is not None:
                values.setdefault(epoch["epoch"], []).append(value)
    return {
        epoch: (statistics.fmean(found), statistics.stdev(found) if len(found) > 1 else 0.0, len(found))
        for epoch, found in sorted(values.items())
        if len(found) == len(runs)
    }


def _ends(found: Mapping[int, tuple[float, float, int]]) -> list[tuple[int, float]]:
    """Epoch and height of both ends of the band."""
    return [(e, mean + sign * std) for e, (mean, std, _) in found.items() for sign in (-1, 1)]


def _columns(names: tuple[str, ...], rows: list[tuple]) -> dict[str, list]:
    return {name: [row[k] for row in rows] for k, name in enumerate(names)}
