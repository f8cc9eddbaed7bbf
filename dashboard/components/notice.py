"""Messages to the user."""

from __future__ import annotations

import param

from dashboard.components.base import Component, script

__all__ = ["Notice"]


class Notice(Component):
    """Sentences shown until they are closed; never read as markup."""

    messages = param.List([], item_type=str, doc="One sentence each, the newest last.")

    _esm = script("notice.js")

    def tell(self, message: str) -> None:
        """Show one more sentence; the same one is not shown twice, and old ones give way."""
        self.messages = [*(m for m in self.messages if m != message), message][-4:]
