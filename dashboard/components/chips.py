"""Which of several are shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import param

from dashboard.components.base import Component, script

__all__ = ["Chips"]


class Chips(Component):
    """A button for each of several, with its colour: pressed while it is shown."""

    label = param.String(doc="What they are, for a screen reader.")
    chips = param.List([], doc="[name, title, CSS colour, whether it is shown] each.")

    pressed: Callable[[str], None] = staticmethod(lambda name: None)
    """Called with the name of the one that is pressed."""

    _esm = script("chips.js")

    def _handle_msg(self, msg: dict[str, Any]) -> None:
        if "pressed" in msg:
            self.pressed(str(msg["pressed"]))
