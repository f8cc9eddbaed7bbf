"""From settings to arrays: the data, the recipes and what they give, and the code that repeats it."""

from __future__ import annotations

from collections import OrderedDict
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

__all__ = ["Mixed", "code", "data", "everything", "fit", "judged_code", "keep", "load_code", "methods", "mix"]

TILES = 100
"""Pictures in a grid, as in Fig. 3 (a) to (c) of the paper."""

SAMPLES = 1000
"""Pictures that are mixed where what an oracle says of them is looked at, as in Fig. 3 (f, g)."""

MANY = 10_000
"""Pictures whose intrinsic dimension is looked at, as in Fig. 4 of the paper."""

OWN = 8
"""Own data sets kept in memory, for all sessions together."""

AUTO = 2**20
"""N x m above which scheme "auto" is circulant: there the independent draw would take longer than a blink."""


@dataclass(frozen=True, eq=False)
class Mixed:
    """One method's output: the recipe, samples ``(M, ...)`` and soft labels ``(M, K)``."""

    recipe: Recipe
    x: Tensor
    y: Tensor


def data(settings: Settings) -> Dataset:
    """The samples that are mixed: a manifold's points, or pictures; on their own tab a few of each class."""
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
    """What every panel shows; the very same object as long as its method, data and seed stay.

    A change of gamma draws nothing anew.
    """
    return {
        name: _mixed(settings.view, settings.data, method, settings.seed)
        for name, method in methods(settings).items()
    }


def code(settings: Settings) -> str:
    """A script that gives exactly the arrays on screen."""
    method = methods(settings)
    seen = ""
    x = data(settings).x
    if x.ndim == 2 and x.shape[1] > 3:
        seen = """
from zmix_core.projection import principal_axes

project = principal_axes(data.x)  # three axes to look along
seen, mixup_seen, zeta_seen = project(data.x), project(mixup_x), project(zeta_x)
"""
    source, load = load_code(settings)
    if settings.view == "images":
        load += f"\ndata = {_first(TILES)}"
    return f"""import torch
from zmix_core import {source}
from zmix_core.methods import Mixup, ZetaMixup

data = {load}


def draw(method):
    return method.draw(len(data), generator=torch.Generator().manual_seed({settings.seed}))


mixup = draw({method["mixup"]!r})
zeta = draw({method["zeta"]!r})

mixup_x, mixup_y = mixup.apply(data.x), mixup.apply_labels(data.y, data.num_classes)
zeta_x, zeta_y = zeta.apply(data.x), zeta.apply_labels(data.y, data.num_classes)
{seen}"""


def judged_code(settings: Settings) -> str:
    """What follows `code` to give what an oracle says of more such pictures."""
    method = methods(settings)
    _, load = load_code(replace(settings, view="realism"))
    return f"""
from zmix_core.intervals import bootstrap, verdict
from zmix_core.realism import compare, oracle

data = {load}
data = {_first(SAMPLES)}
methods = {{"mixup": {method["mixup"]!r}, "zeta": {method["zeta"]!r}}}
found = compare(data, methods, oracle(data.name), seed={settings.seed})
for measure in ("H", "CE", "label errors"):
    print(measure, bootstrap(found["mixup"][measure]), bootstrap(found["zeta"][measure]))
    print("zeta-mixup less mixup", verdict(found["zeta"][measure], found["mixup"][measure]))
"""


def _first(count: int) -> str:
    return f"data.first_of_each_class(max(1, {count} // data.num_classes)).take(slice({count}))"


def load_code(settings: Settings) -> tuple[str, str]:
    """The module that loads the data, and the call that does it."""
    if _is_manifold(settings.view, settings.data):
        return "manifolds", f"manifolds.load({settings.data!r}, seed=0)"
    own = _own.get(settings.data)
    name, here = (own.name, "  # your file, in the folder you run this in") if own else (settings.data, "")
    count = SAMPLES if settings.view == "realism" else TILES
    limit = MANY if settings.view == "dimension" else _few(settings.data, count)
    return "images", f"images.load({name!r}, limit={limit}){here}"


def _mix(view: str, name: str, method: Method, seed: int) -> Mixed:
    samples = _data(view, name)
    if isinstance(method, ZetaMixup):
        recipe = _recipe(replace(method, gamma=0.0), len(samples), seed)
        recipe = recipe.reweight(zeta_weights(recipe.n, method.gamma))
    else:
        recipe = _recipe(method, len(samples), seed)
    return Mixed(recipe, recipe.apply(samples.x), recipe.apply_labels(samples.y, samples.num_classes))


def everything(name: str) -> Dataset:
    """All pictures listed under a name."""
    return _own[name] if name in _own else images.load(name)


def keep(name: str, dataset: Dataset) -> None:
    """Make a user's own pictures available under a name, until newer ones take their place.

    Raises:
        ValueError: There are too few to mix.
    """
    _own[name] = _enough(dataset)
    while len(_own) > OWN:
        _own.popitem(last=False)


def _load(view: str, name: str) -> Dataset:
    if _is_manifold(view, name):
        return manifolds.load(name, seed=0)
    if view == "dimension":
        return _enough(_own[name].take(slice(MANY)) if name in _own else images.load(name, limit=MANY))
    count = SAMPLES if view == "realism" else TILES
    every = _own[name] if name in _own else images.load(name, limit=_few(name, count))
    first = every.first_of_each_class(max(1, count // every.num_classes))
    return _enough(first.take(slice(count)))


def _is_manifold(view: str, name: str) -> bool:
    """Whether a tab shows points by this name; the tab of intrinsic dimension has both kinds of data."""
    return view == "manifolds" or (view == "dimension" and name in manifolds.MANIFOLDS)


def _few(name: str, count: int = TILES) -> int | None:
    """Of a folder only as many pictures are read as are mixed; they are taken evenly from its classes."""
    return None if name in images.IMAGES or name in _own or name.endswith(".npz") else count


def _enough(dataset: Dataset) -> Dataset:
    if len(dataset) < 2:
        raise ValueError(f"{dataset.name} has {len(dataset)} samples: expected at least 2 to mix.")
    return dataset


_own: OrderedDict[str, Dataset] = OrderedDict()
_data = Shelf(_load, 16)
_recipe = Shelf(lambda method, m, seed: method.draw(m, generator=torch.Generator().manual_seed(seed)), 8)
_mixed = Shelf(_mix, 16)
