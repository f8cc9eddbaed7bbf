"""What the browser parts share: their script and style files, and saving numbers as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import param
from panel.custom import JSComponent

HERE = Path(__file__).parent

__all__ = ["Component", "Picture", "script"]


def script(*names: str) -> str:
    """The script of a component: its files one after the other, the helpers that all share first."""
    return "\n".join((HERE / name).read_text(encoding="utf-8") for name in ("shared.js", *names))


class Component(JSComponent):
    """A browser part styled by ``components.css``."""

    # Panel waits 50 ms for more of the same before it tells of a change; what follows here drops by itself
    # what it has no time for, and these would be half of the time from a slider to its picture.
    _debounce = 0

    _stylesheets = [HERE / "components.css"]  # noqa: RUF012 (Panel's own form)

    __abstract = True


class Picture(Component):
    """A part that can be saved: PNG and SVG in the browser, CSV from `table`."""

    title = param.String(doc="Heading of the picture.")
    summary = param.String(doc="One sentence that says in words what the picture shows now.")
    file_name = param.String("zmix", doc="Name of saved files, without an ending.")
    frame = param.Integer(0, doc="Counts what was sent; the browser says which one is painted.")

    table: Callable[[], tuple[Sequence[str], Iterable[Sequence[Any]]]] | None = None
    """Gives the header and the rows of the picture's numbers, when they are asked for."""

    __abstract = True

    def _handle_msg(self, msg: dict[str, Any]) -> None:
        if msg.get("save") == "csv" and self.table is not None:
            text = io.StringIO()
            header, rows = self.table()
            writer = csv.writer(text)
            writer.writerow(header)
            writer.writerows(rows)
            self._send_msg({"csv": text.getvalue()})
