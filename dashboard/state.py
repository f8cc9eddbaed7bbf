"""What the user has set, and the link that holds it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import param

from zmix_core import images
from zmix_core.manifolds import MANIFOLDS

__all__ = ["KEYS", "Runs", "Settings", "State"]


@dataclass(frozen=True)
class Runs:
    """What of the training runs is shown, and what would be trained now."""

    setting: str
    metric: str
    hidden: tuple[str, ...]
    against: str
    train: str
    seeds: int
    epochs: int
    beside: str


@dataclass(frozen=True)
class Settings:
    """One moment of the state, for a computation in a thread: it cannot change underneath it."""

    view: str
    data: str
    n: int
    gamma: float
    alpha: float
    per_sample: bool
    anchor: str
    scheme: str
    seed: int
    ks: tuple[int, ...] = (8, 128)
    gammas: tuple[float, float] = (0.0, 15.0)
    quick: bool = False
    colours: str = "class"
    runs: Runs | None = None


DATA = {"manifolds": "manifold", "images": "images", "dimension": "dimension", "training": "training"}
"""Which key of the state holds the data of a view."""

CAMERA = [(-180, 180), (-90, 90), (0.2, 40), (-20, 20), (-20, 20)]
"""Bounds of azimuth and elevation in degrees, zoom, pan in half pictures; the browser keeps to them too."""


class State(param.Parameterized):
    """Everything that decides what is on screen; bounds and choices stand here and nowhere else."""

    view = param.Selector(default="manifolds", objects=list(DATA), doc="The tab in front.")
    manifold = param.Selector(
        default="crescents",
        objects={m.title: name for name, m in MANIFOLDS.items()},
        doc="Data of the Manifolds tab.",
    )
    images = param.Selector(default="digits", objects=["digits"], doc="Data of the Images tab.")
    dimension = param.Selector(
        default="helix-r3",
        objects={m.title: name for name, m in MANIFOLDS.items()},
        doc="Data of the Intrinsic dimension tab.",
    )
    training = param.Selector(
        default="small",
        objects={
            "Small sets: digits, MNIST-1000": "small",
            "Table 1: natural pictures": "table-1",
            "Table 2: skin lesions": "table-2",
            "Table 3: MedMNIST": "table-3",
            "Table A3: skin lesions, all metrics": "table-A3",
            "Own pictures": "own",
        },
        doc="Whose results the Training tab shows.",
    )
    n = param.Integer(32, bounds=(2, 10**6), doc="N: samples mixed into one output; at most m.")
    gamma = param.Number(2.8, bounds=(0, 15), doc="γ: exponent of the weights.")
    alpha = param.Number(1.0, bounds=(0, 10), doc="α: mixup draws λ from Beta(α, α).")
    per_sample = param.Boolean(True, doc="Mixup: one λ a sample (1), or one for all as in the original (0).")
    anchor = param.Selector(
        default="self", objects=["self", "random"], doc="ζ-mixup: what output k starts from."
    )
    scheme = param.Selector(
        default="auto",
        objects=["auto", "independent", "circulant"],
        doc="ζ-mixup: how rows are drawn; auto takes circulant where N times m is above a million.",
    )
    seed = param.Integer(0, bounds=(0, 2**31 - 1), doc="Of the recipes; the data stay.")
    ks = param.List([8, 128], item_type=int, doc="k: neighbours of each point for its local ID; one or two.")
    gammas = param.Range((0.0, 15.0), bounds=(0, 15), doc="First and last γ of the curve of local ID.")
    quick = param.Boolean(False, doc="Local ID at 1,000 random points (1) or at all of them (0).")
    colours = param.Selector(
        default="class",
        objects=["class", "first", "second"],
        doc="Of the points on manifolds: by class, or by local ID at the first or the second k.",
    )
    setting = param.String("", doc="The row of the table whose differences and curves are shown.")
    metric = param.Selector(
        default="",
        objects=["", "ERR", "ACC", "ACC_bal", "F1-micro", "F1-macro", "AUC"],
        doc="Of the differences and the curves; the first that the table has where it is left out.",
    )
    hidden = param.List([], item_type=str, doc="Methods that are not shown.")
    against = param.Selector(
        default="mixup",
        objects={"mixup": "mixup", "ERM": "erm"},
        doc="What every method is compared with, seed by seed.",
    )
    train = param.Selector(
        default="digits", objects={"digits": "digits"}, doc="What the button trains on: small enough to wait."
    )
    seeds = param.Integer(3, bounds=(1, 10), doc="Runs of each method: seeds 0, 1, 2, ...")
    epochs = param.Integer(60, bounds=(1, 200), doc="Of each run; the records that come with zmix have 60.")
    beside = param.Selector(
        default="both",
        objects={"ERM and mixup": "both", "ERM": "erm", "mixup": "mixup", "nothing": "none"},
        doc="What is trained with the same seeds, to compare with.",
    )
    camera = param.List([], doc="Azimuth, elevation, zoom, pan x, pan y of the 3-D pictures.")
    theme = param.Selector(default="light", objects=["light", "dark"], doc="Of the page.")

    def __init__(self, **params: Any) -> None:
        super().__init__()
        titles = {name: entry.title for name, entry in images.IMAGES.items()}
        pictures = {titles.get(name, name): name for name in images.available()}
        self.param["images"].objects = pictures
        others = {title: name for title, name in pictures.items() if name not in MANIFOLDS}
        self.param["dimension"].objects = {**self.param["dimension"].get_range(), **others}
        self.images = images.default()
        if "mnist" in images.available():
            self.param["train"].objects = {"digits": "digits", "MNIST, 1,000 pictures": "mnist-1000"}
        self.param.update(**params)

    def offer_images(self, name: str) -> None:
        """One more set of pictures to choose."""
        for key in ("images", "dimension"):
            self.param[key].objects = {**self.param[key].get_range(), name: name}

    def settings(self) -> Settings:
        """The present moment."""
        return Settings(
            self.view,
            getattr(self, DATA[self.view]),
            self.n,
            float(self.gamma),
            float(self.alpha),
            self.per_sample,
            self.anchor,
            self.scheme,
            self.seed,
            tuple(self.ks),
            (float(self.gammas[0]), float(self.gammas[1])),
            self.quick,
            self.colours,
            self._runs() if self.view == "training" else None,
        )

    def _runs(self) -> Runs:
        return Runs(
            self.setting,
            self.metric,
            tuple(self.hidden),
            self.against,
            self.train,
            self.seeds,
            self.epochs,
            self.beside,
        )

    def reset(self) -> None:
        """Everything back to its default, but for the tab, its data and the theme."""
        keep = {"name", "view", "theme", *DATA.values()}
        self.param.update({key: self.param[key].default for key in self.param if key not in keep})

    def query(self) -> str:
        """The state as the part of a link behind the question mark; floats to the last bit."""
        values: dict[str, Any] = {key: getattr(self, key) for key in KEYS}
        values |= {key: int(values[key]) for key in ("per_sample", "quick")}
        values["camera"] = ",".join(f"{v:g}" for v in self.camera)
        values |= {key: self.text(key) for key in ("ks", "gammas")}
        values["hidden"] = ";".join(self.hidden)
        return urlencode({key: value for key, value in values.items() if value != ""})

    def text(self, key: str) -> str:
        """A list of numbers as a link has it; `take` reads it."""
        return ",".join(repr(v).removesuffix(".0") for v in getattr(self, key))

    def take(self, key: str, text: str) -> None:
        """Set a key to what a text says.

        Raises:
            ValueError: It does not fit; the message says what was expected.
        """
        try:
            setattr(self, key, _READ.get(key, str)(text))
        except (ValueError, OverflowError):
            raise ValueError(f"expected {self._expected(key)}.") from None

    def read_query(self, query: Mapping[str, str]) -> list[str]:
        """Take what is good of a link; a sentence for each key that is not, known ones first."""
        problems = []
        for key, text in sorted(query.items(), key=lambda item: item[0] not in KEYS):
            try:
                if key not in KEYS:
                    raise ValueError(f"expected one of {', '.join(KEYS)}.")
                self.take(key, text)
            except ValueError as error:
                problems.append(f"The link's {_short(key)} = {_short(text)} is left out: {error}")
        return problems

    def _expected(self, key: str) -> str:
        if key in _SAID:
            return _SAID[key]
        declared = self.param[key]
        if isinstance(declared, param.Selector):
            return f"one of {', '.join(map(str, declared.objects))}"
        if isinstance(declared, param.Boolean):
            return "0 or 1"
        low, high = declared.bounds
        kind = "a whole number" if isinstance(declared, param.Integer) else "a number"
        return f"{kind} from {low}" + (f" to {high}" if high is not None else "")


KEYS = [
    "view",
    "manifold",
    "images",
    "dimension",
    "n",
    "gamma",
    "alpha",
    "per_sample",
    "anchor",
    "scheme",
    "seed",
    "ks",
    "gammas",
    "quick",
    "colours",
    "training",
    "setting",
    "metric",
    "hidden",
    "against",
    "train",
    "seeds",
    "epochs",
    "beside",
    "camera",
    "theme",
]
"""What a link may hold: all of `State`."""


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _switch(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError(text)
    return text == "1"


def _camera(text: str) -> list[float]:
    values = [_number(part) for part in text.split(",")] if text else []
    inside = [low <= value <= high for value, (low, high) in zip(values, CAMERA, strict=False)]
    if len(values) not in (0, len(CAMERA)) or not all(inside):
        raise ValueError(text)
    return values


def _ks(text: str) -> list[int]:
    values = [int(part) for part in text.split(",")]
    if not 1 <= len(values) <= 2 or len(set(values)) < len(values) or min(values) < 2 or max(values) > 10**6:
        raise ValueError(text)
    return sorted(values)


def _gammas(text: str) -> tuple[float, float]:
    low, high = (_number(part) for part in text.split(","))
    if not low < high:
        raise ValueError(text)
    return low, high


def _label(text: str) -> str:
    if not re.fullmatch(LABEL, text):
        raise ValueError(text)
    return text


LABEL = r"[\w .,:;+=/%\[\]-]{0,200}"
"""What settings and methods are called: no markup."""

_SAID = {
    "setting": "a row of the table, like digits",
    "hidden": "methods with a semicolon between, like erm;zeta-2.4",
    "camera": "azimuth, elevation, zoom, pan x and pan y within " + ", ".join(map(str, CAMERA)),
    "ks": "one or two whole numbers, each at least 2 and below m, with a comma between, like 8,128",
    "gammas": "two numbers from 0 to 15, the smaller one first, with a comma between, like 0,15",
}

_READ: dict[str, Any] = {
    "n": int,
    "seed": int,
    "gamma": _number,
    "alpha": _number,
    "per_sample": _switch,
    "quick": _switch,
    "ks": _ks,
    "gammas": _gammas,
    "camera": _camera,
    "setting": _label,
    "hidden": lambda text: [_label(name) for name in text.split(";") if name],
    "seeds": int,
    "epochs": int,
}


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
