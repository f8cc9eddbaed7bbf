"""A file of the user's own."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import param

from dashboard.components.base import Component, script

__all__ = ["Upload"]


class Upload(Component):
    """A button that takes one file from the user's machine, in pieces small enough for any server."""

    label = param.String(doc="What it takes.")
    accept = param.String(doc="Endings of the files to offer, with dots.")
    limit = param.Integer(2**28, doc="Bytes of the largest file taken.")

    taken: Callable[[str, bytes], None] = staticmethod(lambda name, content: None)
    """Called with the name and the content of a file once it is whole."""
    refused: Callable[[str], None] = staticmethod(lambda message: None)
    """Called with a sentence when a file is too large."""

    _esm = script("upload.js")
    _pieces: list[bytes]

    def _handle_msg(self, msg: dict[str, Any]) -> None:
        if "too_large" in msg:
            self._refuse(str(msg["too_large"]), int(msg["size"]))
            return
        if msg["piece"] == 0:
            self._pieces = []
        self._pieces.append(base64.b64decode(msg["base64"], validate=True))
        if sum(map(len, self._pieces)) > self.limit:
            self._pieces = []
            self._refuse(str(msg["name"]), self.limit + 1)
        elif len(self._pieces) == msg["count"]:
            content = b"".join(self._pieces)
            self._pieces = []
            self.taken(str(msg["name"]), content)

    def _refuse(self, name: str, size: int) -> None:
        self.refused(
            f"{name} has {size:,} bytes; expected at most {self.limit:,}. Put it into the data folder of the "
            "machine that serves this page instead."
        )
