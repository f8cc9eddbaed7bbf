"""A table of results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import param

from dashboard.components.base import Picture, script

__all__ = ["Board"]


class Board(Picture):
    """Settings down, methods across; in each cell our number, and below it the paper's.

    A press on a row's head or on a column's head that takes something calls `chosen` or `taken`.
    """

    columns = param.List([], doc="Of each: name, title, colour, takes (what a press does), now, pinned.")
    rows = param.List([], doc="Of each: key, head (texts), chosen, and cells by the order of the columns.")
    note = param.String(doc="What the signs mean.")

    chosen: Callable[[str], None] = staticmethod(lambda key: None)
    """Called with a row's key."""
    taken: Callable[[str], None] = staticmethod(lambda name: None)
    """Called with a column's name."""
    markdown: Callable[[], str] | None = None
    """Gives the table as Markdown when it is asked for."""

    _esm = script("board.js")

    def _handle_msg(self, msg: dict[str, Any]) -> None:
        super()._handle_msg(msg)
        if msg.get("save") == "md" and self.markdown is not None:
            self._send_msg({"md": self.markdown()})
        if "chosen" in msg:
            self.chosen(str(msg["chosen"]))
        if "taken" in msg:
            self.taken(str(msg["taken"]))
