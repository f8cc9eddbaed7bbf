"""How soon the picture follows the slider, and the page a visitor: ``python -m dashboard.latency``.

Every view is opened in a real Chromium, and its slider dragged: the laboratory's, and in turns with it that
of a plain HoloViews DynamicMap in a Panel app, and of ipywidgets' ``interact`` with Matplotlib in JupyterLab.
*Step by step* the next move waits for the picture of the last; *dragged*, there is a move every 25 ms, and a
move counts as answered by the first picture of its own value or of a later one. `dashboard.latency_page`
tells what is timed in the browser, `dashboard.latency_rivals` what the rivals are.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboard.latency_page import (
    Log,
    Watched,
    laboratory_page,
    launch_options,
    notebook_page,
    opened,
    panel_page,
)
from dashboard.latency_rivals import PICTURES, Server, at_once, jupyter, lacking, serving
from dashboard.latency_table import MAP, NOTEBOOK, OURS, VIEWS, View, ended, summary, table
from zmix_core.speed import machine

__all__ = ["QUICK", "Effort", "main", "measure"]

NEEDS = {MAP: ["holoviews", "plotly"], NOTEBOOK: ["jupyterlab", "ipywidgets", "matplotlib"]}
"""What has to be installed for a rival."""

PACE = 0.025
"""Seconds from one move of a drag to the next."""


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes:
        turns: Of every view; each is one drag and some steps of every contender.
        steps: Moves, one after the other.
        moves: Of a drag.
        visits: Servers that are visited, and how often each is after the first visit.
        imports: Turns.
        notebook: Whether JupyterLab takes part.
    """

    turns: int = 8
    steps: int = 5
    moves: int = 24
    visits: tuple[int, int] = (3, 3)
    imports: int = 5
    notebook: bool = True


FULL = Effort()
QUICK = Effort(turns=1, steps=4, moves=8, visits=(1, 1), imports=1, notebook=False)


# Measuring


def view_rows(view: View, pages: Mapping[str, Watched], effort: Effort) -> list[dict[str, Any]]:
    """One view: every contender's in turns, there by steps, and dragged back."""
    first, last = view.ends

    def way(moves: int) -> list[float]:
        return [first + (last - first) * i / moves for i in range(moves + 1)]

    logs: dict[str, dict[str, list[Log]]] = {name: {"steps": [], "drags": []} for name in pages}
    for _ in range(effort.turns):
        for name, page in pages.items():
            logs[name]["steps"].append(page.drag(way(effort.steps), None))
            logs[name]["drags"].append(page.drag(way(effort.moves)[::-1], PACE))
    return [
        {
            "view": view.name,
            "contender": name,
            **{how: summary(each) for how, each in found.items()},
            "drags_ended": sum(map(ended, found["drags"])),
            "of": len(found["drags"]),
        }
        for name, found in logs.items()
    ]


def visits(browser: Any, effort: Effort) -> dict[str, Any]:
    """The page opened at a new server, and then again, each time with an empty cache."""
    found: dict[str, list] = {"served": [], "first": [], "later": []}
    for _ in range(effort.visits[0]):
        start = time.perf_counter()
        with serving("-m", "panel", "serve", str(Path(__file__).parent), "--port", "0") as server:
            found["served"].append(time.perf_counter() - start)
            found["first"].append(opened(browser, server.address))
            found["later"] += [opened(browser, server.address) for _ in range(effort.visits[1])]
    return found


def imports(effort: Effort) -> dict[str, list[float]]:
    """Seconds to import torch alone, and zmix_core, in turns, each time by a new interpreter."""
    found: dict[str, list[float]] = {"torch": [], "zmix_core": []}
    for _ in range(effort.imports):
        for name, each in found.items():
            code = (
                f"import time; start = time.perf_counter(); import {name}; print(time.perf_counter() - start)"
            )
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
            each.append(float(done.stdout))
    return found


def measure(
    views: Sequence[View] = VIEWS, effort: Effort = FULL, say: Callable[[str], None] = print
) -> dict[str, Any]:
    """Everything there is in the tables, and where it was measured.

    Args:
        views: To be timed.
        effort: How much.
        say: Is told what is being measured.

    Raises:
        FileNotFoundError: There is no Chromium.
    """
    from playwright.sync_api import sync_playwright

    options = launch_options()
    wanted = [MAP, NOTEBOOK] if effort.notebook else [MAP]
    missing = {name: lacking(*NEEDS[name]) for name in wanted}
    skipped = [f"{name} was skipped: {', '.join(m)} is not installed." for name, m in missing.items() if m]
    if not effort.notebook:
        skipped.append(f"{NOTEBOOK} was left out.")
    packages = ["torch", "panel", "bokeh", "param"] + [p for n in wanted if not missing[n] for p in NEEDS[n]]
    found = {**machine(packages), "load": os.getloadavg()[0], "skipped": skipped, "views": []}
    with ExitStack() as stack:
        say("Imports")
        found["imports"] = imports(effort)
        playwright = stack.enter_context(sync_playwright())
        browser = stack.enter_context(playwright.chromium.launch(**options))
        found["versions"]["chromium"] = browser.version
        opened_once = browser.new_page()  # the browser's own start counts for none
        opened_once.goto("about:blank")
        say("Visits")
        found["visits"] = visits(browser, effort)
        opened_once.close()
        servers = {OURS: stack.enter_context(serving("-m", "dashboard.latency_rivals", "laboratory"))}
        if MAP in wanted and not missing[MAP]:
            servers[MAP] = stack.enter_context(serving("-m", "dashboard.latency_rivals", "panel"))
        if NOTEBOOK in wanted and not missing[NOTEBOOK]:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            servers[NOTEBOOK] = stack.enter_context(serving(*jupyter(folder)))
        for view in views:
            say(view.name)
            pages = _pages(browser, servers, view)
            found["views"] += view_rows(view, pages, effort)
            for page in pages.values():
                page.page.context.close()
        log = servers[OURS].log.read_text(encoding="utf-8", errors="replace")
        found["computations"], found["at_once"] = at_once(log)
    return found


def _pages(browser: Any, servers: Mapping[str, Server], view: View) -> dict[str, Watched]:
    address = servers[OURS].address
    pages = {OURS: laboratory_page(browser, address, view.link, view.title, *view.slider)}
    for name, server in servers.items():
        if name != OURS and view.name in PICTURES:
            i = list(PICTURES).index(view.name)
            pages[name] = (panel_page if name == MAP else notebook_page)(browser, server.address, i)
    return pages


def main(arguments: Sequence[str] | None = None) -> None:
    """What ``python -m dashboard.latency`` runs."""
    parser = argparse.ArgumentParser(
        prog="python -m dashboard.latency", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--quick", action="store_true", help="fewer turns, no JupyterLab: a minute or two")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write what is measured here")
    options = parser.parse_args(arguments)
    if options.json is not None and not options.json.absolute().parent.is_dir():
        parser.error(f"{options.json.parent}: no such folder; expected one to write into.")
    measured = measure(
        effort=QUICK if options.quick else FULL, say=lambda line: print(line, file=sys.stderr, flush=True)
    )
    if options.json is not None:
        options.json.write_text(json.dumps(measured, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(table(measured))


if __name__ == "__main__":
    main()
