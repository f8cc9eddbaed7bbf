"""Messages to the user."""

from __future__ import annotations

import param

from dashboard.components.base import Component, script

__all__ = ["Notice"]


class Notice(Component):
    """Sentences shown for a while, or until they are closed; never read as markup."""

    messages = param.List([], item_type=str, doc="One sentence each, the newest last.")

    _esm = script("notice.js")

    def tell(self, message: str) -> None:
        """Show one more sentence; it takes the place of an earlier one about the same thing."""
        about = message.split(" = ")[0]
        self.messages = [*(m for m in self.messages if m.split(" = ")[0] != about), message]
