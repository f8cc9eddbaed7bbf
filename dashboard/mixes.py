"""From settings to arrays: the data, the recipes and what they give, and the code that repeats it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dashboard.live import Shelf
from dashboard.state import Settings
from zmix_core import images, manifolds
from zmix_core.dataset import Dataset
from zmix_core.methods import ERM, Method, Mixup, ZetaMixup
from zmix_core.recipe import Recipe
from zmix_core.weights import zeta_weights

__all__ = ["Mixed", "code", "data", "fit", "methods", "mix"]

TILES = 100
"""Pictures in a grid, as in Fig. 3 (a) to (c) of the paper."""

AUTO = 2**20
"""N x m above which scheme "auto" is circulant: there the independent draw would take longer than a blink."""


@dataclass(frozen=True)
class Mixed:
    """One method's output: the recipe, samples ``(M, ...)`` and soft labels ``(M, K)``."""

    recipe: Recipe
    x: Tensor
    y: Tensor


def data(settings: Settings) -> Dataset:
    """The samples that are mixed: a manifold's points, or the first pictures of each class."""
    return _data(settings.view, settings.data)


def fit(settings: Settings) -> Settings:
    """The settings with N no larger than the data, whose size is known once they are loaded."""
    return replace(settings, n=min(settings.n, len(data(settings))))


def methods(settings: Settings) -> dict[str, Method]:
    """The method of each panel."""
    m = len(data(settings))
    scheme = settings.scheme
    if scheme == "auto":
        scheme = "circulant" if settings.n * m > AUTO else "independent"
    return {
        "original": ERM(),
        "mixup": Mixup(settings.alpha, settings.per_sample),
        "zeta": ZetaMixup(settings.n, settings.gamma, settings.anchor, scheme),
    }


def mix(settings: Settings) -> dict[str, Mixed]:
    """What every panel shows. A change of gamma alone draws nothing anew."""
    samples = data(settings)
    labels = samples.y
    mixed = {}
    for name, method in methods(settings).items():
        if isinstance(method, ZetaMixup):
            drawn = ZetaMixup(method.n, 0.0, method.anchor, method.scheme)
            recipe = _recipe(drawn, len(samples), settings.seed)
            recipe = recipe.reweight(zeta_weights(settings.n, settings.gamma))
        else:
            recipe = _recipe(method, len(samples), settings.seed)
        mixed[name] = Mixed(
            recipe, recipe.apply(samples.x), recipe.apply_labels(labels, samples.num_classes)
        )
    return mixed


def code(settings: Settings) -> str:
    """A script that gives exactly the arrays on screen."""
    method = methods(settings)
    if settings.view == "manifolds":
        source = "manifolds"
        load = f"data = manifolds.load({settings.data!r}, seed=0)"
    else:
        source = "images"
        load = (
            f"data = images.load({settings.data!r})\n"
            f"data = data.first_of_each_class(max(1, {TILES} // data.num_classes)).take(slice({TILES}))"
        )
    return f"""import torch
from zmix_core import {source}
from zmix_core.methods import Mixup, ZetaMixup

{load}


def draw(method):
    return method.draw(len(data), generator=torch.Generator().manual_seed({settings.seed}))


mixup = draw({method["mixup"]!r})
zeta = draw({method["zeta"]!r})

mixup_x, mixup_y = mixup.apply(data.x), mixup.apply_labels(data.y, data.num_classes)
zeta_x, zeta_y = zeta.apply(data.x), zeta.apply_labels(data.y, data.num_classes)
"""


def _load(view: str, name: str) -> Dataset:
    if view == "manifolds":
        return manifolds.load(name, seed=0)
    everything = images.load(name)
    first = everything.first_of_each_class(max(1, TILES // everything.num_classes))
    return first.take(slice(TILES))


_data = Shelf(_load, 16)
_recipe = Shelf(lambda method, m, seed: method.draw(m, generator=torch.Generator().manual_seed(seed)), 8)
