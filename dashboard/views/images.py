"""Pictures and their soft labels: original, mixup and zeta-mixup side by side (Fig. 3 of the paper)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import panel as pn
import torch
from torch import Tensor

from dashboard import mixes, scores
from dashboard.colours import palette
from dashboard.components import Mosaic
from dashboard.realism_panel import Realism
from dashboard.scores import Found
from dashboard.state import Settings, State
from dashboard.views.base import MixView
from dashboard.words import SHOWN, TITLES, file_name, number, setting
from zmix_core.oracle import Oracle
from zmix_core.realism import measure, spread

__all__ = ["Images"]

REST = 0.06
"""Seconds without another setting after which a slider rests, and the densities are drawn."""

FOLLOW = 1.0
"""Seconds of moving after which they are drawn all the same: that keeps a browser from painting pictures."""


@dataclass(frozen=True)
class Frame:
    """What is on screen at once; what the oracle says, or why there is none, where there was time for it."""

    settings: Settings
    mixed: dict[str, mixes.Mixed]
    tiles: dict[str, Tensor]
    found: Found | None = None
    without: str = ""
    unfinished: bool = False


class Images(MixView):
    """Three grids of pictures, and below them what an oracle says of such pictures."""

    name = "images"
    title = "Images"
    hint = "Point at a picture, or press an arrow key in a grid, to see its soft label and its parents."

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self.realism = Realism(again=lambda: self.go_on())
        self._begun: tuple[str, Iterator[Found | None]] = ("", iter(()))
        self._moving = self._moved = 0.0

    def panel(self, name: str) -> Mosaic:
        """See `MixView.panel`."""
        return Mosaic(title=TITLES[name], sizing_mode="stretch_width", margin=0)

    def compute(self, settings: Settings) -> Iterator[Frame]:
        """The pictures first, then what the oracle says of a thousand such pictures.

        While other settings wait, the oracle goes on with what it had begun, a piece for each of them, so
        that its words follow a slider that never rests.
        """
        now = time.monotonic()
        if now - self._moved > FOLLOW / 2:
            self._moving = now
        self._moved = now
        settings = mixes.fit(settings)
        mixed = mixes.mix(settings)
        tiles = {name: _tiles(m.x) for name, m in mixed.items()}
        yield Frame(settings, mixed, tiles, unfinished=True)
        data, finding = self._begun
        self._begun = ("", iter(()))
        try:
            if data != settings.data or not self.newer():
                finding = scores.finding(settings, scores.judge(settings))
            for found in finding:
                if found is not None and self._may_be_drawn():
                    yield Frame(settings, mixed, tiles, found)
                elif found is None and self.newer():
                    self._begun = (settings.data, finding)
                    return
        except (OSError, ValueError) as error:
            yield Frame(settings, mixed, tiles, without=str(error))

    def _may_be_drawn(self) -> bool:
        """Whether the slider rests, or has moved for long."""
        end = time.monotonic() + REST
        while not self.newer() and time.monotonic() < end:
            time.sleep(0.005)
        if self.newer() and time.monotonic() - self._moving < FOLLOW:
            return False
        self._moving = time.monotonic()
        return True

    def ready(self, gamma: float) -> bool:
        """See `MixView.ready`."""
        return self.settings is not None and self.settings.gamma == gamma

    def show(self, frame: Frame) -> None:
        """See `MixView.show`."""
        new = self.settings is None or self.settings.data != frame.settings.data
        old = self.mixed
        self.settings, self.mixed, self.tiles = frame.settings, frame.mixed, frame.tiles
        for name, panel in self.panels.items():
            if not new and frame.mixed[name] is old.get(name):
                continue
            tiles, mixed = frame.tiles[name], frame.mixed[name]
            panel.table = lambda name=name: self._table(name)
            panel.param.update(
                tile=list(tiles.shape[1:]),
                count=len(tiles),
                palette=palette(mixed.y.shape[1]),
                tiles=tiles.numpy().tobytes(),
                labels=mixed.y.float().numpy().tobytes(),
                file_name=file_name(name, frame.settings),
                frame=panel.frame + 1,
                **_words(name, frame.settings, mixed),
                **({"pointed": -1} if new else {}),
            )
        if frame.found is not None:
            self.realism.show(frame.found)
        elif frame.without:
            self.realism.refuse(frame.settings, frame.without)

    def between(self) -> list[pn.viewable.Viewable]:
        """See `MixView.between`."""
        return [self.realism.above()]

    def below(self) -> list[pn.viewable.Viewable]:
        """See `MixView.below`."""
        return [self.realism.below()]

    def show_card(self, card: dict, mixed: mixes.Mixed, k: int, pairs: list[tuple[int, float]]) -> None:
        """The recipe with its pictures, the sample, then its parents; and what the oracle says of it."""
        name = next(name for name, other in self.mixed.items() if other is mixed)
        parents = torch.tensor([parent for parent, _ in pairs[:SHOWN]])
        pixels = torch.cat([self.tiles[name][k : k + 1], self.tiles["original"][parents]])
        card = {**card, "tile": list(pixels.shape[1:]), **self._said(mixed, k)}
        self.card.param.update(card=card, pixels=pixels.numpy().tobytes())

    def code(self) -> str:
        """See `MixView.code`; with what the oracle says, where there is one of that name."""
        known = self.realism.found is not None and not scores.trained_here(self.settings)
        return super().code() + (mixes.judged_code(self.settings) if known else "")

    def _said(self, mixed: mixes.Mixed, k: int) -> dict[str, object]:
        """The oracle's prediction for one picture, for its card."""
        try:
            oracle = scores.judge(self.settings)
        except (OSError, ValueError):
            return {}
        return _prediction(oracle, mixed.x[k : k + 1], mixed.y[k : k + 1])

    def _table(self, name: str) -> tuple[list[str], Iterator[list]]:
        mixed, classes = self.mixed[name], mixes.data(self.settings).classes
        flat = mixed.x.flatten(1)
        header = [f"label {c}" for c in classes] + [f"pixel {i}" for i in range(flat.shape[1])]
        return header, ([*y, *x] for x, y in zip(flat.tolist(), mixed.y.tolist(), strict=True))


def _prediction(oracle: Oracle, x: Tensor, soft: Tensor) -> dict[str, object]:
    shares = oracle.predict(x)[0]
    said = {key: float(value) for key, value in measure(x, soft, oracle).items()}
    colours = palette(len(shares))
    likely = [c for c in range(len(shares)) if shares[c] >= 0.0005]
    wrong = "another class than the label's first" if said["label errors"] else "the label's first class"
    return {
        "oracle": [[oracle.classes[c], float(shares[c]), colours[c]] for c in likely],
        "judged": f"H {number(said['H'])}, CE {number(said['CE'])} nats; it sees {wrong}.",
    }


def _tiles(x: Tensor) -> Tensor:
    """Pictures ``(M, C, H, W)`` in 0..1 as uint8 ``(M, H, W, C)``."""
    return (x * 255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def _words(name: str, settings: Settings, mixed: mixes.Mixed) -> dict[str, object]:
    classes = float((mixed.y > 0.01).sum(1).float().mean())
    largest = float(mixed.y.amax(1).mean())
    caption = [
        ["classes in a label", number(classes)],
        ["largest share", number(largest)],
        ["spread", number(spread(mixed.x))],
    ]
    summary = (
        f"{len(mixed.x)} pictures of {settings.data}, {setting(name, settings)}: a soft label holds "
        f"{number(classes)} {'class' if classes == 1 else 'classes'} above 1 % on average, "
        f"the largest with {number(largest)}."
    )
    return {"caption": caption, "summary": summary}
