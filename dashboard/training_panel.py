"""What the Training tab shows: filters, the table, differences, curves, failures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import panel as pn

from dashboard.components import Board, Chart, Chips, Choice, Findings
from dashboard.state import Settings, State
from dashboard.training_data import Known
from dashboard.training_figures import CurveFigure, DotFigure, curve
from dashboard.training_jobs import order
from dashboard.training_notes import curve_words, dot_words, failures, missing, note
from dashboard.training_start import Start
from dashboard.training_table import Row, Table
from dashboard.training_words import (
    colours,
    decided,
    difference_words,
    method_title,
    paper_words,
    value_words,
)

__all__ = ["Panel", "Shown"]

# As many figures beside each other as have room; a column's button for scrolling would count as one.
ROW = """
:host { display: grid !important; gap: 24px; }
:host { grid-template-columns: repeat(auto-fit, minmax(min(300px, 100%), 1fr)); }
.scroll-button { display: none; }
"""
FILTERS = ":host { gap: 8px 18px; flex-wrap: wrap; align-items: center; }"
WIDE: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}


@dataclass(frozen=True, eq=False)
class Shown:
    """What goes on screen: settings, what is on record, and the table made of it."""

    settings: Settings
    known: Known
    table: Table


class Panel:
    """All parts of the tab, made when it first comes to the front.

    Args:
        state: What the user has set.
        refused: Called with a sentence when something is not taken or goes wrong.
        again: Called when there may be new records.
    """

    def __init__(self, state: State, refused: Callable[[str], None], again: Callable[[], None]) -> None:
        self.state = state
        self.start = Start(state, refused, again)
        self.shown: Shown | None = None
        self.row: Row | None = None
        self.methods: dict[str, str] = {}  # those shown, with their colours
        self._drawn: tuple | None = None
        self.metric = Choice(label="Metric", help=state.param.metric.doc, inline=True, margin=0)
        self.metric.param.watch(self._measured, "value")
        self.against = Choice(
            label="Compare with",
            help=state.param.against.doc,
            options=list(map(list, state.param.against.get_range().items())),
            value=state.against,
            inline=True,
            margin=0,
        )
        self.against.param.watch(lambda event: setattr(state, "against", event.new), "value")
        state.param.watch(lambda event: setattr(self.against, "value", event.new), "against")
        self.chips = Chips(label="Methods shown", margin=0)
        self.chips.pressed = self._toggle
        self.board = Board(title="Results", **WIDE)
        self.board.chosen = self._choose
        self.board.taken = self._take
        self.board.table = lambda: self.shown.table.cells(list(self.methods))
        self.board.markdown = lambda: self.shown.table.markdown(list(self.methods))
        self.dots, self.test, self.loss = DotFigure(), CurveFigure("test"), CurveFigure("loss")
        self.charts = {
            "dots": Chart(title="Differences", figure=self.dots.plot, **WIDE),
            "test": Chart(title="On the test pictures", figure=self.test.plot, **WIDE),
            "loss": Chart(title="Training loss", figure=self.loss.plot, **WIDE),
        }
        for key, chart in self.charts.items():
            chart.table = lambda key=key: self._table(key)
        self.failures = Findings(label="Runs that failed", **WIDE)

    def layout(self) -> list[pn.viewable.Viewable]:
        """One below the other."""
        filters = pn.Row(self.metric, self.against, self.chips, stylesheets=[FILTERS], **WIDE)
        figures = pn.Column(*self.charts.values(), stylesheets=[ROW], **WIDE)
        return [self.start.layout(), filters, self.board, figures, self.failures]

    def show(self, shown: Shown) -> None:
        """Put on screen what is on record, as the user wants to see it."""
        settings, table = shown.settings, shown.table
        asked = settings.runs
        self.shown = shown
        self.row = table.chosen(asked.setting)
        metrics = {row.metric: row for row in table.rows if self.row and row.setting == self.row.setting}
        self.row = metrics.get(asked.metric, self.row)
        tint = colours(table.methods)
        self.methods = {name: tint[name] for name in table.methods if name not in asked.hidden}
        self.start.show(settings, shown.known)
        # While γ moves only what is marked as present changes.
        here = order(settings).name
        pinned = {pin.name for pin in self.start.pins}
        self._show_board(here, pinned)
        drawn = (shown.table, self.row, asked.hidden, asked.against)
        if drawn == self._drawn:
            return
        self._drawn = drawn
        self.chips.chips = [
            [name, method_title(name), tint[name], name not in asked.hidden] for name in table.methods
        ]
        self.metric.param.update(
            options=[[metric, metric] for metric in metrics],
            value=self.row.metric if self.row else "",
            visible=len(metrics) > 1,
        )
        self._words()
        there = self.row is not None and self.row.group is not None
        self.against.visible = self.row is not None
        self.charts["dots"].visible = self.row is not None and bool(self.row.paper or self._differences())
        self.charts["test"].visible = self.charts["loss"].visible = there
        # Bokeh's own objects change at a time that Panel finds for them, and as it is by then.
        pn.state.execute(self._draw)

    def _draw(self) -> None:
        with pn.io.unlocked():
            self.dots.draw(self.row, self.methods, self.state.against)
            self.test.draw(self.row, self.methods, self.row.metric if self.row else "ERR")
            self.loss.draw(self.row, self.methods, "loss")
        pn.io.push_notebook(*self.charts.values())

    # The table

    def _show_board(self, here: str, pinned: set[str]) -> None:
        table, against = self.shown.table, self.shown.settings.runs.against
        columns = [
            {
                "name": name,
                "title": method_title(name),
                "colour": colour,
                "takes": "Take its N and γ" if name.startswith("zeta-") else "",
                "now": name == here,
                "pinned": name in pinned,
            }
            for name, colour in self.methods.items()
        ]
        cells = [[self._cell(row, name, against) for name in self.methods] for row in table.rows]
        rows = [
            {
                "key": f"{row.setting}|{row.metric}",
                "head": [row.title, *filter(None, [row.network, row.metric])],
                "chosen": row is self.row,
                "cells": numbers,
            }
            for row, numbers in zip(table.rows, cells, strict=True)
            if any(numbers) or row is self.row  # filters may leave nothing of a row
        ]
        self.board.param.update(
            title=_title(table.name),
            columns=columns,
            rows=rows,
            note=note(table, self.shown.known, against),
            summary=missing(table, self.shown.known),
            file_name=f"zmix-training-{table.name}",
        )

    def _cell(self, row: Row, name: str, against: str) -> dict[str, Any]:
        ours, (best, paper_best) = row.ours(name), row.best(list(self.methods))
        cell: dict[str, Any] = {}
        if ours is not None:
            difference = ours.to.get(against)
            spread = "" if ours.std is None else f"± {value_words(row.metric, ours.std)} "
            cell |= {
                "ours": value_words(row.metric, ours.mean),
                "more": f"{spread}({ours.seeds})",
                "best": ours.mean == best,
                "mark": decided(row.metric, difference),
                "said": difference_words(row.metric, difference, against) if difference else "",
            }
        if name in row.paper:
            value = row.paper[name]
            cell |= {"paper": f"paper {paper_words(row.metric, value)}", "paper_best": value == paper_best}
        return cell

    # The figures in words

    def _words(self) -> None:
        row = self.row
        told, more = failures(self.shown.known)
        self.failures.param.update(verdicts=told, note=more, visible=bool(told))
        if row is None:
            return
        name = "".join(c if c.isalnum() else "-" for c in row.setting)[:60]
        for key, chart in self.charts.items():
            chart.file_name = f"zmix-training-{name}-{key}"
            dots = dot_words(row, self._differences(), self.shown.settings.runs.against)
            chart.summary = dots if key == "dots" else curve_words(row, key)

    def _differences(self) -> list[tuple[str, Any]]:
        against = self.shown.settings.runs.against
        ours = [(name, self.row.ours(name)) for name in self.methods] if self.row else []
        return [(name, found.to[against]) for name, found in ours if found and against in found.to]

    def _table(self, key: str) -> tuple[list[str], Iterator[list]]:
        if self.row is None:
            return [], iter([])
        if key == "dots":
            header = ["method", "mean difference", "low", "high", "seeds", "seeds needed", "to"]
            against = self.shown.settings.runs.against
            rows = ([n, d.mean, d.low, d.high, d.seeds, d.needed, against] for n, d in self._differences())
            return header, rows
        what = "loss" if key == "loss" else self.row.metric
        runs = self.row.group.runs if self.row.group else {}
        header = ["method", "epoch", f"mean {what}", "standard deviation", "seeds"]
        found = {name: curve(runs.get(name, {}), what) for name in self.methods}
        return header, ([name, epoch, *v] for name, points in found.items() for epoch, v in points.items())

    # What a press does

    def _choose(self, key: str) -> None:
        setting, _, metric = key.rpartition("|")
        self.state.param.update(setting=setting, metric=metric if len(self.metric.options) > 1 else "")

    def _measured(self, event: Any) -> None:
        # What it shows by itself, where nothing is asked for, must not get into the link.
        if self.row is not None and event.new != self.row.metric:
            self.state.metric = event.new

    def _toggle(self, name: str) -> None:
        hidden = list(self.state.hidden)
        self.state.hidden = [n for n in hidden if n != name] if name in hidden else [*hidden, name]

    def _take(self, name: str) -> None:
        """The N and γ of a method in the table."""
        for row in self.shown.table.rows:
            for record in (row.group.runs.get(name, {}) if row.group else {}).values():
                settings = record["settings"]
                n = settings.get("n") or settings["batch"]
                self.state.param.update(n=n, gamma=settings["gamma"])
                return
        self.state.gamma = float(name.removeprefix("zeta-"))


def _title(table: str) -> str:
    return {name: title for title, name in State.param["training"].get_range().items()}[table]
