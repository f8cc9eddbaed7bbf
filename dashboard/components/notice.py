"""Messages to the user."""

from __future__ import annotations

from typing import Any

import param

from dashboard.components.base import Component, script

__all__ = ["Notice"]

SHOWN = 8
"""Sentences shown at once, so that they leave the page in sight."""


class Notice(Component):
    """Sentences shown for a while, or until they are closed; never read as markup."""

    messages = param.List([], item_type=str, doc="One sentence each, the newest last.")

    _esm = script("notice.js")

    def _handle_msg(self, msg: dict[str, Any]) -> None:
        self.messages = [message for message in self.messages if message != msg.get("close")]

    def tell(self, message: str) -> None:
        """Show one more sentence.

        It takes the place of an earlier one about the same thing; of more than `SHOWN` the newest stay.
        """
        about = message.split(" = ")[0]
        kept = [m for m in self.messages if m.split(" = ")[0] != about][-SHOWN + 1 :]
        self.messages = [*kept, message]
