"""The link in the address bar."""

from __future__ import annotations

import param

from dashboard.components.base import Component, script

__all__ = ["Address"]


class Address(Component):
    """Keeps the address bar on ``query`` without adding to the browser's history."""

    query = param.String(doc="What stands behind the question mark, already encoded.")

    _esm = script("address.js")
