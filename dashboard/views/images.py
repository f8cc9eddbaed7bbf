"""Pictures and their soft labels: original, mixup and zeta-mixup side by side (Fig. 3 of the paper)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from dashboard import mixes
from dashboard.colours import palette
from dashboard.components import Mosaic
from dashboard.state import Settings
from dashboard.views.base import MixView
from dashboard.words import SHOWN, TITLES, file_name, number, setting
from zmix_core.realism import spread

__all__ = ["Images"]


@dataclass(frozen=True)
class Frame:
    """What is on screen at once."""

    settings: Settings
    mixed: dict[str, mixes.Mixed]
    tiles: dict[str, Tensor]


class Images(MixView):
    """Three grids of pictures."""

    name = "images"
    title = "Images"
    hint = "Point at a picture, or press an arrow key in a grid, to see its soft label and its parents."

    def panel(self, name: str) -> Mosaic:
        """See `MixView.panel`."""
        return Mosaic(title=TITLES[name], sizing_mode="stretch_width", margin=0)

    def compute(self, settings: Settings) -> Iterator[Frame]:
        """One frame: a hundred pictures take no time."""
        settings = mixes.fit(settings)
        mixed = mixes.mix(settings)
        yield Frame(settings, mixed, {name: _tiles(m.x) for name, m in mixed.items()})

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

    def show_card(self, card: dict, mixed: mixes.Mixed, k: int, pairs: list[tuple[int, float]]) -> None:
        """The recipe with its pictures: the sample, then its parents."""
        name = next(name for name, other in self.mixed.items() if other is mixed)
        parents = torch.tensor([parent for parent, _ in pairs[:SHOWN]])
        pixels = torch.cat([self.tiles[name][k : k + 1], self.tiles["original"][parents]])
        self.card.param.update(card={**card, "tile": list(pixels.shape[1:])}, pixels=pixels.numpy().tobytes())

    def _table(self, name: str) -> tuple[list[str], Iterator[list]]:
        mixed, classes = self.mixed[name], mixes.data(self.settings).classes
        flat = mixed.x.flatten(1)
        header = [f"label {c}" for c in classes] + [f"pixel {i}" for i in range(flat.shape[1])]
        return header, ([*y, *x] for x, y in zip(flat.tolist(), mixed.y.tolist(), strict=True))


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
