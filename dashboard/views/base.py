"""What the views share: panels of one method each, the sample pointed at, and its recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import panel as pn

from dashboard import mixes
from dashboard.colours import palette
from dashboard.components import Classes, RecipeCard
from dashboard.components.base import Picture
from dashboard.state import Settings, State
from dashboard.words import TITLES, recipe_card

__all__ = ["Asks", "MixView"]


ROW = """
:host { display: grid !important; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 24px; }
@media (max-width: 1000px) { :host { grid-template-columns: minmax(0, 1fr); } }
"""


LEGEND = 20
"""Classes named above the pictures; the card of a sample names its own in any case."""


class Asks:
    """What a view asks of the laboratory that holds it, which puts its own functions here."""

    stop: Callable[[], None] = staticmethod(lambda: None)
    """Called to end the computation that runs."""
    go_on: Callable[[], None] = staticmethod(lambda: None)
    """Called to have what is on screen computed again."""
    newer: Callable[[], bool] = staticmethod(lambda: False)
    """Whether other settings wait already."""
    refused: Callable[[str], None] = staticmethod(lambda message: None)
    """Called with a sentence when something is not taken."""


class MixView(Asks):
    """Original, mixup and zeta-mixup side by side on the same data and seed.

    A view says how to compute what it shows (`compute`) and how to put it on screen (`show`); it never
    draws a recipe itself, and never asks for a computation.

    Args:
        state: What the user has set, for what a view changes itself, like the camera.
    """

    name: str
    title: str
    hint: str

    def __init__(self, state: State) -> None:
        self.state = state
        self.panels: dict[str, Any] = {name: self.panel(name) for name in TITLES}
        self.card = RecipeCard(card={"hint": self.hint}, sizing_mode="stretch_width")
        self.classes = Classes(align="center", margin=0)
        self.settings: Settings | None = None
        self.mixed: dict[str, mixes.Mixed] = {}
        for name, panel in self.panels.items():
            panel.param.watch(lambda event, name=name: self._point(name, event.new), "pointed")

    def panel(self, name: str) -> Picture:
        """The picture of one method."""
        raise NotImplementedError

    def compute(self, settings: Settings) -> Iterator[Any]:
        """Yield what `show` takes, the picture first; runs in a thread."""
        raise NotImplementedError

    def show(self, result: Any) -> None:
        """Put a result on screen."""
        raise NotImplementedError

    def ready(self, gamma: float) -> bool:
        """Whether all that belongs to ``gamma`` is on screen while something is still computed."""
        return False

    def pause(self) -> bool:
        """Stop what takes long, until it is told to go on; False where nothing does."""
        return False

    def samples(self) -> int:
        """How many there are to mix."""
        return len(mixes.data(self.settings))

    def code(self) -> str:
        """A script that gives exactly the arrays on screen."""
        return mixes.code(self.settings)

    def lines(self, panel: Any, pairs: list[tuple[int, float]]) -> None:
        """Show the parents of the sample pointed at inside the picture, where there is room for them."""

    def update(self, result: Any) -> None:
        """Put a result on screen, and the sample pointed at in step with it."""
        self.show(result)
        if self.settings is not None:
            label, shown = self.legend(self.settings)
            self.classes.param.update(label=label, classes=shown[:LEGEND])
        for name, panel in self.panels.items():
            if panel.pointed >= 0:
                self._point(name, panel.pointed)

    def legend(self, settings: Settings) -> tuple[str, list[list[str]]]:
        """What the colours are, and [name, colour] each."""
        classes = mixes.data(settings).classes
        return "Classes", list(map(list, zip(classes, palette(len(classes)), strict=True)))

    def layout(self) -> pn.viewable.Viewable:
        """The pictures in a row, one under the other where it is narrow, and the card below."""
        row = pn.Column(*self.panels.values(), stylesheets=[ROW], sizing_mode="stretch_width", margin=0)
        above = pn.Row(
            *self.controls(),
            self.classes,
            stylesheets=[":host { gap: 8px 18px; flex-wrap: wrap; }"],
            margin=(0, 0, 10, 0),
            sizing_mode="stretch_width",
        )
        return pn.Column(
            above,
            row,
            *self.between(),
            self.card,
            *self.below(),
            sizing_mode="stretch_width",
            margin=(12, 0),
        )

    def controls(self) -> list[pn.viewable.Viewable]:
        """What stands above the pictures."""
        return []

    def between(self) -> list[pn.viewable.Viewable]:
        """What stands between the pictures and the card."""
        return []

    def below(self) -> list[pn.viewable.Viewable]:
        """What stands below the card."""
        return []

    def _point(self, name: str, k: int) -> None:
        panel = self.panels[name]
        if self.settings is None or not 0 <= k < self.mixed[name].recipe.size:
            if not any(other.pointed >= 0 for other in self.panels.values()):
                self.card.param.update(card={"hint": self.hint}, pixels=b"")
            return
        for other in self.panels.values():
            if other is not panel and other.pointed >= 0:
                other.pointed = -1
        mixed = self.mixed[name]
        card, pairs = recipe_card(
            f"{TITLES[name]}, sample {k}", mixes.data(self.settings), mixed.recipe, k, mixed.y[k].tolist()
        )
        self.lines(panel, pairs)
        self.show_card(card, mixed, k, pairs)

    def show_card(self, card: dict, mixed: mixes.Mixed, k: int, pairs: list[tuple[int, float]]) -> None:
        """Put the recipe in numbers on screen."""
        self.card.param.update(card=card)
