"""A few numbers in one field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import param

from dashboard.components.base import Component, script

__all__ = ["Entry"]


class Entry(Component):
    """A label and a field of text; what is typed is taken on Enter, and when the field is left."""

    label = param.String(doc="What is typed, also for a screen reader.")
    help = param.String(doc="Shown when the pointer rests on it.")
    value = param.String(doc="The text that holds.")

    typed: Callable[[str], None] = staticmethod(lambda text: None)
    """Called with a new text; sets `value` if it is good, else the field goes back."""

    _esm = script("entry.js")

    def _handle_msg(self, msg: dict[str, Any]) -> None:
        if "typed" in msg:
            self.typed(str(msg["typed"])[:200])
            self._send_msg({"show": True})
