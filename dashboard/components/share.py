"""The code and the link of what is on screen, to copy."""

from __future__ import annotations

import param

from dashboard.components.base import Component, script

__all__ = ["Share"]


class Share(Component):
    """Buttons that copy the code and, on a page, the link."""

    code = param.String(doc="A script that gives the arrays on screen.")
    query = param.String(doc="The state as a link's query; empty where there is no link, as in a notebook.")

    _esm = script("share.js")
