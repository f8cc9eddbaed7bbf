"""Points on manifolds: original, mixup and zeta-mixup side by side (Fig. 1 and 2 of the paper)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import panel as pn
import torch
from torch import Tensor

from dashboard import mixes, scores
from dashboard.colours import blend, ramp, rgba
from dashboard.components import Action, Choice, Findings, Scatter
from dashboard.live import Shelf
from dashboard.realism_words import verdicts
from dashboard.scores import Found
from dashboard.state import Settings, State
from dashboard.views.base import MixView
from dashboard.words import TITLES, file_name, number, percent, setting, spread_words
from zmix_core.dimension import Level, local_id
from zmix_core.labels import one_hot
from zmix_core.manifolds import MANIFOLDS
from zmix_core.projection import principal_axes
from zmix_core.realism import spread

__all__ = ["Manifolds"]

VIEWPOINTS = [(0, 0), (70, 0), (90, 0), (0, 90)]
"""The paper's viewpoints: (elevation, azimuth) in degrees (Fig. 2)."""

LINES = 64
"""Parents a line is drawn to; those after them weigh too little to be seen."""


Paint = tuple[mixes.Mixed, int | None]
"""What colours are made from: soft labels, or where there is a k the local ID."""


@dataclass(frozen=True)
class Frame:
    """What is on screen at once: arrays for panels with new ones; words for them where there was time."""

    settings: Settings
    mixed: dict[str, mixes.Mixed]
    points: dict[str, bytes]
    colours: dict[str, tuple[bytes, Paint]]
    words: dict[str, tuple[list, str]] | None
    found: Found | None = None


@dataclass(frozen=True)
class Scene:
    """What stays while gamma moves: the original points as they are seen, and how far they reach."""

    project: Any
    points: bytes
    colours: bytes
    dims: int
    bounds: list[float]
    axes: list[str]


class Manifolds(MixView):
    """Three panels of points with one camera."""

    name = "manifolds"
    title = "Manifolds"
    hint = "Point at a sample, or press N with a picture in focus, to see its parents and their weights."

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self._viewpoints = pn.Row(
            self._viewpoint("default", []),
            *(self._viewpoint(f"view ({e}°, {a}°)", [a, e, 1, 0, 0]) for e, a in VIEWPOINTS),
            stylesheets=[":host { gap: 6px; flex-wrap: wrap; }"],
            visible=False,
            margin=0,
        )
        self._colours = Choice(
            label="Colour by", help=state.param.colours.doc, inline=True, margin=0, width=260
        )
        self._colours.param.watch(lambda event: setattr(state, "colours", event.new), "value")
        state.param.watch(self._offer, ["colours", "ks"])
        self._offer()
        self._painted: dict[str, Paint] = {}
        self.verdicts = Findings(
            label="ζ-mixup beside mixup, from the manifold's formula",
            sizing_mode="stretch_width",
            margin=(14, 0, 20, 0),
        )
        for panel in self.panels.values():
            panel.camera = list(state.camera)
            panel.param.watch(lambda event: setattr(state, "camera", event.new), "camera")
        state.param.watch(self._turn, "camera")

    def panel(self, name: str) -> Scatter:
        """See `MixView.panel`."""
        return Scatter(
            title=TITLES[name],
            ghost=name != "original",
            group=self.state.name,
            sizing_mode="stretch_width",
            margin=0,
        )

    def controls(self) -> list[pn.viewable.Viewable]:
        """What the colours are, and the paper's viewpoints."""
        return [self._colours, self._viewpoints]

    def between(self) -> list[pn.viewable.Viewable]:
        """See `MixView.between`."""
        return [self.verdicts]

    def compute(self, settings: Settings) -> Iterator[Frame]:
        """Points first; their local ID, how far they stray, and what that decides when there is time."""
        scene = _scene(settings.data)
        settings = mixes.fit(settings)
        mixed = mixes.mix(settings)
        k = _k(settings)
        new = self.settings is None or self.settings.data != settings.data
        points = {
            name: _triples(scene.project(m.x)) for name, m in mixed.items() if m is not self.mixed.get(name)
        }
        # By local ID, points keep the colours that they had until the new ones are there.
        colours = {name: (mixed[name], None) for name in mixed if new or k is None}
        yield Frame(settings, mixed, points, self._paint(colours), None)
        if k is not None:
            yield Frame(settings, mixed, {}, self._paint({name: (m, k) for name, m in mixed.items()}), None)
        words = {name: _words(name, settings, m) for name, m in mixed.items()}
        yield Frame(settings, mixed, {}, {}, words)
        yield Frame(settings, mixed, {}, {}, words, scores.found(settings, MANIFOLDS[settings.data]))

    def _paint(self, wanted: dict[str, Paint]) -> dict[str, tuple[bytes, Paint]]:
        """The colours of panels that have others so far."""
        painted = {}
        for name, (mixed, k) in wanted.items():
            if self._painted.get(name) != (mixed, k):
                rgb = blend(mixed.y) if k is None else rgba(local_ids(mixed, k), _levels(mixed, k))
                painted[name] = rgb.numpy().tobytes(), (mixed, k)
        return painted

    def legend(self, settings: Settings) -> tuple[str, list[list[str]]]:
        """See `MixView.legend`."""
        k = _k(settings)
        if k is None:
            return super().legend(settings)
        colours = ramp(_levels(self.mixed["original"], k))
        return f"Local ID, k = {k}", [[f"local ID {d}", colour] for d, colour in enumerate(colours)]

    def show(self, frame: Frame) -> None:
        """See `MixView.show`."""
        scene = _scene(frame.settings.data)
        new = self.settings is None or self.settings.data != frame.settings.data
        self.settings, self.mixed = frame.settings, frame.mixed
        if new:
            self._viewpoints.visible = scene.dims == 3
        for name, panel in self.panels.items():
            values: dict[str, Any] = {}
            if new:
                values |= {
                    "base": scene.points,
                    "base_colours": scene.colours,
                    "dims": scene.dims,
                    "bounds": scene.bounds,
                    "axes": scene.axes,
                    "pointed": -1,
                }
            if name in frame.colours:
                values["colours"], self._painted[name] = frame.colours[name]
            if name in frame.points:
                values["points"] = frame.points[name]
            if name in frame.colours or name in frame.points:
                values["frame"] = panel.frame + 1
                values["file_name"] = file_name(name, frame.settings)
                panel.table = lambda name=name: self._table(name)
            if frame.words is not None:
                values["caption"], values["summary"] = frame.words[name]
            panel.param.update(values)
        if frame.found is not None:
            self.verdicts.verdicts = verdicts(frame.found)

    def lines(self, panel: Scatter, pairs: list[tuple[int, float]]) -> None:
        """See `MixView.lines`."""
        panel.lines = np.array(pairs[:LINES], dtype=np.float32).tobytes()

    def _table(self, name: str) -> tuple[list[str], Iterator[list]]:
        mixed, classes = self.mixed[name], mixes.data(self.settings).classes
        header = [f"x{i + 1}" for i in range(mixed.x.shape[1])] + [f"label {c}" for c in classes]
        columns, k = [mixed.x, mixed.y], _k(self.settings)
        if k is not None:
            header.append(f"local ID, k = {k}")
            columns.append(local_ids(mixed, k)[:, None])
        return header, (
            [v for row in rows for v in row] for rows in zip(*(c.tolist() for c in columns), strict=True)
        )

    def _offer(self, *_: Any) -> None:
        ks = self.state.ks
        options = [["class label", "class"], [f"local ID, k = {ks[0]}", "first"]]
        if len(ks) > 1:
            options.append([f"local ID, k = {ks[1]}", "second"])
        self._colours.param.update(options=options, value=self.state.colours)

    def _viewpoint(self, label: str, camera: list[float]) -> Action:
        button = Action(label=label, help="Elevation and azimuth of the view", margin=0)
        button.pressed = lambda: setattr(self.state, "camera", camera)
        return button

    def _turn(self, event) -> None:
        for panel in self.panels.values():
            if panel.camera != event.new:
                panel.camera = list(event.new)


def _make_scene(name: str) -> Scene:
    dataset = mixes.data(Settings("manifolds", name, 2, 0, 0, True, "self", "auto", 0))
    x = dataset.x
    width = x.shape[1]
    project = principal_axes(x) if width > 3 else lambda points: points
    seen = project(x)
    centre = (seen.amin(0) + seen.amax(0)) / 2
    # In the plane the box must fit; in space whatever way it is turned.
    reach = (seen - centre).abs().max() if width == 2 else (seen - centre).norm(dim=1).max()
    axes = ["x", "y", "z"] if width <= 3 else ["axis 1", "axis 2", "axis 3"]
    return Scene(
        project,
        _triples(seen),
        blend(one_hot(dataset.y, dataset.num_classes)).numpy().tobytes(),
        min(width, 3),
        [*_three(centre), 1.06 * float(reach)],
        axes,
    )


_scene = Shelf(_make_scene, 16)


def _three(values: Tensor) -> list[float]:
    return [*values.tolist(), 0.0][:3]


def _triples(points: Tensor) -> bytes:
    if points.shape[1] == 2:
        points = torch.nn.functional.pad(points, (0, 1))
    return points.to(torch.float32).numpy().tobytes()


def _k(settings: Settings) -> int | None:
    """The k of the local ID that colours the points; None where their labels do."""
    return {"class": None, "first": settings.ks[0], "second": settings.ks[-1]}[settings.colours]


def _levels(mixed: mixes.Mixed, k: int) -> int:
    """How many local IDs there can be, with 0: k neighbours about their mean span k - 1 dimensions."""
    return min(mixed.x.shape[1], k - 1) + 1


local_ids = Shelf(lambda mixed, k: local_id(mixed.x, k).count, 16)
"""Local ID of every point."""


def measured(data: str, mixed: mixes.Mixed) -> tuple[float, float, float]:
    """Mean distance off the manifold, share of label errors, and spread."""
    off, wrong = scores.measured(mixed, MANIFOLDS[data]).values()
    return float(off.mean()), float(wrong.mean()), spread(mixed.x)


def _words(name: str, settings: Settings, mixed: mixes.Mixed) -> tuple[list, str]:
    manifold = MANIFOLDS[settings.data]
    off, wrong, wide = measured(settings.data, mixed)
    caption = [["off the manifold", number(off)], ["label errors", percent(wrong)], ["spread", number(wide)]]
    k, dimension = _k(settings), ""
    if k is not None:
        said = spread_words(Level.of(local_ids(mixed, k)))
        caption.append([f"local ID, k = {k}", said])
        dimension = f", local ID {said} with k = {k}"
    seen = " seen along their first three principal axes" if manifold.ambient > 3 else ""
    summary = (
        f"{len(mixed.x):,} points{seen}, {setting(name, settings)}: on average {number(off)} off the "
        f"manifold, {percent(wrong)} with the label of another class, spread {number(wide)}{dimension}."
    )
    return caption, summary
