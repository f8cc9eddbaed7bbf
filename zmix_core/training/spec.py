"""What one run is: every setting that decides its numbers, and a short name for all of them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import nn

from zmix_core.arguments import real, whole
from zmix_core.lenet import LeNet5
from zmix_core.methods import METHODS, Method
from zmix_core.resnet import resnet
from zmix_core.training.protocols import PROTOCOLS, Protocol, protocol

__all__ = ["NETWORKS", "PRECISIONS", "Spec", "grid", "method_settings", "name_of"]

NETWORKS = ("lenet-5", "resnet-18", "resnet-50")

PRECISIONS = ("no", "fp16", "bf16")
"""Of mixed precision, by accelerate's names; ``"no"`` is float32 throughout."""

OWN = ("n", "gamma", "alpha")
"""The settings that a method may have."""

SHARED = ("batch", "momentum", "nesterov", "decay", "flip", "crop", "size", "channels", "classes", "pictures")
"""What a run takes from its protocol as it is, besides the epochs of the decay and what is judged."""


@dataclass(frozen=True)
class Spec:
    """One training run.

    Args:
        protocol: A name in ``PROTOCOLS``, or a folder or file of one's own; see
            `zmix_core.training.protocols.protocol`.
        method: A name in `zmix_core.METHODS`.
        n: N of ζ-mixup, at least 2; None takes the whole batch, and so does an N as large. A smaller batch
            mixes all it has.
        gamma: γ of ζ-mixup; finite, at least 0.
        alpha: α of mixup and of CutMix; finite, at least 0.
        network: One of `NETWORKS`; the protocol's by default.
        seed: Of first weights, order, flips, mixing; runs of one seed share all but the mixing.
        epochs: The protocol's by default. With fewer or more, the learning rate decays at the same shares of
            training.
        fraction: The share of the training pictures that is learned from, above 0 to 1: of each class, drawn
            by the seed, at least one.
        learning_rate: The first one; the protocol's by default.
        weight_decay: The protocol's by default.
        mixed_precision: One of `PRECISIONS`: what the network computes in; its weights stay float32.

    Raises:
        ValueError: A setting is not as said above.
        TypeError: A setting is no number.

    Example:
        >>> Spec("digits", "erm", gamma=2.4).key() == Spec("digits", "erm", gamma=4.0, epochs=60).key()
        True
    """

    protocol: str
    method: str = "zeta-mixup"
    n: int | None = None
    gamma: float = 2.8
    alpha: float = 1.0
    network: str | None = None
    seed: int = 0
    epochs: int | None = None
    fraction: float = 1.0
    learning_rate: float | None = None
    weight_decay: float | None = None
    mixed_precision: str = "no"

    def __post_init__(self) -> None:
        if not isinstance(self.protocol, str) or not self.protocol:
            raise ValueError(
                f"protocol = {self.protocol!r}: expected one of {', '.join(PROTOCOLS)}, or a path."
            )
        if self.method not in METHODS:
            raise ValueError(f"method = {self.method!r}: expected one of {', '.join(METHODS)}.")
        if self.network is not None and self.network not in NETWORKS:
            raise ValueError(f"network = {self.network!r}: expected one of {', '.join(NETWORKS)}.")
        if self.mixed_precision not in PRECISIONS:
            raise ValueError(
                f"mixed_precision = {self.mixed_precision!r}: expected one of {', '.join(PRECISIONS)}."
            )
        numbers: dict[str, Any] = {
            "n": None if self.n is None else whole("n", self.n, 2),
            "seed": whole("seed", self.seed, 0),
            "epochs": None if self.epochs is None else whole("epochs", self.epochs, 1),
            "fraction": real("fraction", self.fraction),
        }
        for name in ("gamma", "alpha", "learning_rate", "weight_decay"):
            value = getattr(self, name)
            numbers[name] = None if value is None and name not in OWN else real(name, value)
            if numbers[name] is not None and not (math.isfinite(numbers[name]) and numbers[name] >= 0):
                raise ValueError(f"{name} = {value}: expected a finite number of at least 0.")
        if not 0 < numbers["fraction"] <= 1:
            raise ValueError(f"fraction = {self.fraction}: expected a share above 0, at most 1.")
        if numbers["learning_rate"] == 0:
            raise ValueError("learning_rate = 0: expected a number above 0; nothing is learned at 0.")
        for name, number in numbers.items():
            object.__setattr__(self, name, number)  # 4 and 4.0 are one setting

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Spec:
        """The spec that `record` gave, or that was read from JSON.

        Raises:
            ValueError: There is a setting that a spec has not.

        Example:
            >>> Spec.of({"protocol": "digits", "seed": 3})
            Spec(protocol='digits', method='zeta-mixup', n=None, gamma=2.8, alpha=1.0, network=None, seed=3, \
epochs=None, fraction=1.0, learning_rate=None, weight_decay=None, mixed_precision='no')
        """
        known = [field.name for field in dataclasses.fields(cls)]
        unknown = [name for name in record if name not in known]
        if unknown or "protocol" not in record:
            raise ValueError(
                f"a spec with {', '.join(map(repr, record)) or 'nothing'}; expected 'protocol', and of "
                f"{', '.join(known[1:])} what differs from the default."
            )
        return cls(**record)

    def record(self) -> dict[str, Any]:
        """For JSON; pictures of one's own by their whole path, which any other folder finds too."""
        return {**dataclasses.asdict(self), "protocol": self._where()}

    @cached_property
    def _found(self) -> Protocol:
        return protocol(self.protocol)  # of one's own pictures every header is read

    def resolved(self) -> Protocol:
        """Its protocol, with the settings of this run in the place of the protocol's own.

        Raises:
            FileNotFoundError: There is none of this name.
        """
        found = self._found
        epochs = self.epochs or found.epochs
        return dataclasses.replace(
            found,
            networks=(self.network or found.network,),
            epochs=epochs,
            decay_epochs=tuple(round(epoch * epochs / found.epochs) for epoch in found.decay_epochs),
            learning_rate=found.learning_rate if self.learning_rate is None else self.learning_rate,
            weight_decay=found.weight_decay if self.weight_decay is None else self.weight_decay,
        )

    def settings(self) -> dict[str, Any]:
        """All that decides the numbers of this run, defaults filled in, for JSON.

        Settings that the method does not use are left out.

        Example:
            >>> found = Spec("digits", "mixup").settings()
            >>> found["alpha"], found["epochs"], "gamma" in found
            (1.0, 60, False)
        """
        found = self.resolved()
        used = method_settings(self.method)
        own = {name: getattr(self, name) for name in OWN if name in used}
        if (own.get("n") or 0) >= found.batch:
            own["n"] = None  # all there are
        return {
            "protocol": self._where(),
            "method": self.method,
            **own,
            "network": found.network,
            "seed": self.seed,
            "epochs": found.epochs,
            "fraction": self.fraction,
            "learning_rate": found.learning_rate,
            "weight_decay": found.weight_decay,
            "mixed_precision": self.mixed_precision,
            **{name: getattr(found, name) for name in SHARED},
            "decay_epochs": list(found.decay_epochs),
            "judged": found.judged,
        }

    def _where(self) -> str:
        return self.protocol if self.protocol in PROTOCOLS else self._found.data

    def key(self) -> str:
        """Twelve hexadecimal digits of `settings`: the name of the run's folder."""
        text = json.dumps(self.settings(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def mixing(self, sides: tuple[int, int], batch: int) -> Method:
        """The method for pictures of these sides, with N at most the batch."""
        used = method_settings(self.method)
        given: dict[str, Any] = {name: getattr(self, name) for name in OWN if name in used}
        if given.get("n") is not None:
            given["n"] = min(given["n"], batch)
        return METHODS[self.method](**given, **({"sides": sides} if "sides" in used else {}))

    def make_network(self) -> nn.Module:
        """The network, with first weights from torch's global generator."""
        found = self.resolved()
        picture = (found.channels, found.size, found.size)
        if found.network == "lenet-5":
            return LeNet5(picture, found.classes)
        return resnet(int(found.network.removeprefix("resnet-")), picture, found.classes)


def grid(protocol: str, methods: Iterable[str], seeds: Iterable[int], **settings: Any) -> list[Spec]:
    """Every method with every seed, seed by seed, so that a grid that is stopped early still has pairs.

    Args:
        protocol: As for `Spec`.
        methods: Names in `zmix_core.METHODS`, and ``zeta-2.4`` and the like: ζ-mixup with that γ. So too
            ``cutmix+zeta-2.4``.
        seeds: All of them.
        settings: Of every `Spec`, for instance ``epochs``.

    Raises:
        ValueError: There is no such method, or a setting is out of range.
        FileNotFoundError: There is no such protocol.

    Example:
        >>> [(spec.method, spec.gamma, spec.seed) for spec in grid("digits", ["erm", "zeta-2.4"], [0])]
        [('erm', 2.8, 0), ('zeta-mixup', 2.4, 0)]
    """
    if isinstance(methods, str) or isinstance(seeds, int):
        raise ValueError(
            f"methods = {methods!r}, seeds = {seeds!r}: expected several of each, for instance "
            "['erm', 'zeta-2.8'] and range(3)."
        )
    named = [_named(name) for name in methods]
    specs = [Spec(protocol, **{"seed": seed, **settings, **each}) for seed in seeds for each in named]
    for spec in specs:
        spec.__dict__["_found"] = specs[0]._found  # looked for once
    return specs


def name_of(settings: Mapping[str, Any]) -> str:
    """A method as `grid` takes it, and what differs from the defaults, for tables.

    Args:
        settings: Of a `Spec`.

    Example:
        >>> name_of({"method": "zeta-mixup", "gamma": 4.0, "n": 8}), name_of({"method": "mixup"})
        ('zeta-4, N = 8', 'mixup')
    """
    method, gamma = settings["method"], settings.get("gamma", 2.8)
    if method == "zeta-mixup":
        name = f"zeta-{gamma:g}"
    else:
        name = method if gamma == 2.8 or "gamma" not in method_settings(method) else f"{method}-{gamma:g}"
    extra = [f", N = {settings['n']}"] if settings.get("n") else []
    extra += [f", α = {settings['alpha']:g}"] if settings.get("alpha", 1.0) != 1.0 else []
    return name + "".join(extra)


def _named(name: str) -> dict[str, Any]:
    if name in METHODS:
        return {"method": name}
    found = re.fullmatch(r"(zeta|zeta-mixup|cutmix\+zeta)-(\d+(?:\.\d+)?)", name)
    if not found:
        raise ValueError(f"method = {name!r}: expected one of {', '.join(METHODS)}, or zeta-2.4 for γ = 2.4.")
    method = "cutmix+zeta" if found[1] == "cutmix+zeta" else "zeta-mixup"
    return {"method": method, "gamma": float(found[2])}


def method_settings(method: str) -> set[str]:
    """The names of a method's settings: of ``n``, ``gamma``, ``alpha``, and ``sides``.

    Example:
        >>> sorted(method_settings("cutmix"))
        ['alpha', 'sides']
    """
    kept = {*OWN, "sides"}
    return {field.name for field in dataclasses.fields(METHODS[method]) if field.name in kept}  # type: ignore[arg-type]
