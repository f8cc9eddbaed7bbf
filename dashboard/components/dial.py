"""One number: slider, typed value and marks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import param

from dashboard.components.base import Component, script

__all__ = ["Dial"]


class Dial(Component):
    """A number between ``start`` and ``end``, on a slider along it, its square root or its logarithm."""

    label = param.String(doc="Name of the number, also for a screen reader.")
    help = param.String(doc="Shown when the pointer rests on it.")
    value = param.Number(doc="The number itself.")
    start = param.Number(0, doc="Least value.")
    end = param.Number(1, doc="Greatest value.")
    step = param.Number(1, doc="One press of an arrow key.")
    scale = param.Selector(
        default="linear", objects=["linear", "root", "log"], doc="What the slider runs along."
    )
    whole = param.Boolean(False, doc="Whether only whole numbers are taken.")
    slider = param.Boolean(True, doc="Whether there is a slider; else the value is typed only.")
    marks = param.List([], doc="Values worth knowing: [value, text] each; a click takes the value.")

    refused: Callable[[str], None] = staticmethod(lambda message: None)
    """Called with a sentence when a typed value is not taken; the last value stays."""

    _esm = script("dial.js")

    def _handle_msg(self, msg: dict[str, Any]) -> None:
        if "refused" in msg:
            kind = "a whole number" if self.whole else "a number"
            self.refused(
                f"{self.label} = {str(msg['refused'])[:40] or 'nothing'}: expected {kind} from "
                f"{_plain(self.start)} to {_plain(self.end)}. It stays at {_plain(self.value)}."
            )

    def sanitized(self) -> float | int:
        """The value as Python should take it: whole where it must be, finite and within the range."""
        value = self.value if math.isfinite(self.value) else self.start
        value = min(max(value, self.start), self.end)
        return round(value) if self.whole else float(value)


def _plain(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)
