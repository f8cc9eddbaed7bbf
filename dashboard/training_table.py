"""The paper's tables with our numbers in them: a row a setting and metric, a column a method."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dashboard.live import Shelf
from dashboard.training_data import Group, Known
from dashboard.training_words import ours_words, paper_words, setting_title, sorted_methods
from zmix_core.speed import markdown
from zmix_core.training.paper import PaperResult, paper_results
from zmix_core.training.protocols import PROTOCOLS
from zmix_core.training.results import Result

__all__ = ["Row", "Table", "made", "make"]

PAPER = {"table-1": "1", "table-2": "2", "table-3": "3", "table-A3": "A3"}
"""Which of the paper's tables each one is laid out as."""

GROUPS = {
    "small": "small",
    "table-1": "natural",
    "table-2": "skin",
    "table-3": "medmnist",
    "table-A3": "skin",
    "own": "own",
}
"""Whose protocols each one has."""


@dataclass(frozen=True, eq=False)
class Row:
    """One setting by one metric.

    Args:
        setting: As of `zmix_core.training.results`.
        title: The same for people.
        network: What is trained.
        metric: What it is judged by.
        group: Our runs; None where there are none.
        paper: The paper's numbers by the method's name.
    """

    setting: str
    title: str
    network: str
    metric: str
    group: Group | None
    paper: dict[str, float]

    def ours(self, method: str) -> Result | None:
        """What our runs with a method say."""
        return self.group.results.get((method, self.metric)) if self.group else None

    def best(self, shown: list[str]) -> tuple[float | None, float | None]:
        """The best mean of ours among the methods shown, and the best of the paper's."""
        pick = min if self.metric == "ERR" else max
        ours = [found.mean for found in map(self.ours, shown) if found]
        paper = [self.paper[name] for name in shown if name in self.paper]
        return pick(ours, default=None), pick(paper, default=None)


@dataclass(frozen=True, eq=False)
class Table:
    """All rows of a table.

    Args:
        name: One of the state's.
        rows: Of one data set after the other; the paper's own settings first.
        methods: Everything that has a number in it, in the order of the columns.
    """

    name: str
    rows: tuple[Row, ...]
    methods: tuple[str, ...]

    def chosen(self, setting: str) -> Row | None:
        """The first row of a setting; where there is none of that name, of the one with most runs."""
        rows = [row for row in self.rows if row.setting == setting]
        measured = sorted(self.rows, key=lambda row: -_runs(row.group))
        return next(iter([*rows, *measured]), None)

    def cells(self, shown: list[str]) -> tuple[list[str], Iterator[list]]:
        """For CSV: our mean, deviation and seeds, and the paper's number, of each row and method."""
        header = ["data", "network", "metric", "method", "mean", "std", "seeds", "paper"]
        return header, (
            [
                row.setting,
                row.network,
                row.metric,
                name,
                *((ours.mean, ours.std, ours.seeds) if (ours := row.ours(name)) else ("", "", "")),
                row.paper.get(name, ""),
            ]
            for row in self.rows
            for name in shown
            if row.ours(name) or name in row.paper
        )

    def markdown(self, shown: list[str]) -> str:
        """Like on screen: ours ± deviation (seeds), best of the row bold, the paper's in brackets."""

        def cell(row: Row, name: str) -> str:
            ours, (best, _) = row.ours(name), row.best(shown)
            text = "" if ours is None else ours_words(ours)
            text = f"**{text}**" if ours and ours.mean == best else text
            paper = f"[{paper_words(row.metric, row.paper[name])}]" if name in row.paper else ""
            return " ".join(filter(None, [text, paper]))

        header = ["data", "network", "metric", *shown]
        rows = [[r.title, r.network, r.metric, *(cell(r, name) for name in shown)] for r in self.rows]
        return f"{markdown(header, rows)}\n\nMean ± standard deviation (seeds); in brackets the paper's.\n"


def make(name: str, known: Known) -> Table:
    """The table of this name, with what is on record in it."""
    paper = paper_results(PAPER[name]) if name in PAPER else []
    metrics = {result.metric for result in paper}
    rows: list[Row] = []
    for protocol in _protocols(name, known):
        mine = [result for result in paper if result.dataset == protocol]
        groups = {group.setting: group for group in known.groups if group.protocol == protocol}
        for setting in dict.fromkeys([*map(_setting, mine), *groups]):
            theirs, group = [r for r in mine if _setting(r) == setting], groups.get(setting)
            found = dict.fromkeys(r.metric for r in theirs) or dict.fromkeys(group.metrics if group else ())
            network = theirs[0].network if theirs else group.network if group else ""
            title = setting_title(setting, protocol).replace(f", network {network}", "")
            for metric in found:
                if not metrics or metric in metrics:
                    numbers = {_method(r): r.mean for r in theirs if r.metric == metric}
                    rows.append(Row(setting, title, network, metric, group, numbers))
    methods = {n for row in rows for n in row.paper}
    methods |= {n for row in rows if row.group for n in row.group.runs}
    return Table(name, tuple(rows), tuple(sorted_methods(methods)))


made = Shelf(make, 16)
"""The same table for all who ask for it, as long as nothing is new."""


def _protocols(name: str, known: Known) -> list[str]:
    if name == "own":
        return list(dict.fromkeys(g.protocol for g in known.groups if g.protocol not in PROTOCOLS))
    return [protocol.name for protocol in PROTOCOLS.values() if protocol.group == GROUPS[name]]


def _setting(result: PaperResult) -> str:
    """The paper's setting as ours are called."""
    default = result.network == PROTOCOLS[result.dataset].network
    return result.dataset + ("" if default else f", network {result.network}")


def _method(result: PaperResult) -> str:
    return result.method if result.gamma is None else f"zeta-{result.gamma:g}"


def _runs(group: Group | None) -> int:
    return sum(map(len, group.runs.values())) if group else 0
