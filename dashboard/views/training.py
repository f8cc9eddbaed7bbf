"""Training runs as they arrive: tables, differences, curves; and a small grid at the present N and γ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import panel as pn

from dashboard.live import has_loop
from dashboard.state import Settings, State
from dashboard.views.base import Asks

__all__ = ["Training"]

EVERY = 2000
"""Milliseconds from one look for new records to the next, while the tab is in front."""


class Training(Asks):
    """The tab of the training runs; its parts are made when it first comes to the front.

    Args:
        state: What the user has set.
    """

    name = "training"
    title = "Training"

    def __init__(self, state: State) -> None:
        self.state = state
        self.settings: Settings | None = None
        self.panel: Any = None
        self._body = pn.Column(
            stylesheets=[":host { gap: 16px; }"], sizing_mode="stretch_width", margin=(12, 0)
        )
        self._look: Any = None
        self._most = 0
        state.param.watch(self._left, "view")

    def compute(self, settings: Settings) -> Iterator[Any]:
        """What is on record now, in a table; runs in a thread."""
        # Imported here, so that a page that opens on another tab does not wait for it.
        from dashboard import training_data, training_panel, training_table

        known = training_data.known()
        yield training_panel.Shown(settings, known, training_table.made(settings.data, known))

    def update(self, shown: Any) -> None:
        """Put it on screen."""
        from dashboard.training_panel import Panel

        self.settings = shown.settings
        if self.panel is None:
            self.panel = Panel(self.state, lambda words: self.refused(words), lambda: self.go_on())
            self.panel.show(shown)
            self._body.objects = self.panel.layout()
        else:
            self.panel.show(shown)
        if self._look is None and has_loop():
            self._look = pn.state.add_periodic_callback(lambda: self.go_on(), period=EVERY)

    def samples(self) -> int:
        """N of the controls goes to the batch, or as far as it is already."""
        from dashboard.training_jobs import batch

        self._most = max(self._most, batch(self.settings), self.settings.n)
        return self._most

    def ready(self, gamma: float) -> bool:
        """Nothing of it takes long."""
        return True

    def pause(self) -> bool:
        """Nothing of it takes long."""
        return False

    def code(self) -> str:
        """A script that trains what the button trains, and prints the results."""
        from dashboard.training_jobs import code, order
        from zmix_core.training.records import runs_folder

        return code(order(self.settings), runs_folder())

    def layout(self) -> pn.viewable.Viewable:
        """The place of its parts."""
        return self._body

    def _left(self, *_: Any) -> None:
        if self.state.view != self.name and self._look is not None:
            self._look.stop()
            self._look = None
