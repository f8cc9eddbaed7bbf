"""A button."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import param

from dashboard.components.base import Component, script

__all__ = ["Action"]


class Action(Component):
    """A button that calls `pressed`, and may show whether what it switches is on."""

    label = param.String(doc="What it does.")
    help = param.String(doc="Shown when the pointer rests on it.")
    switches = param.Boolean(False, doc="Whether it switches something on and off.")
    main = param.Boolean(False, doc="Whether it is what one comes for.")
    on_now = param.Boolean(False, doc="Whether that is on.")

    pressed: Callable[[], None] = staticmethod(lambda: None)
    """Called when it is pressed."""

    _esm = script("action.js")

    def _handle_msg(self, msg: dict[str, Any]) -> None:
        if "pressed" in msg:
            self.pressed()
