"""A small grid of runs that the page starts: what it trains, one at a time, and the code that repeats it."""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from dashboard.state import Settings
from zmix_core.training.launch import Progress, launch
from zmix_core.training.protocols import PROTOCOLS
from zmix_core.training.spec import Spec, name_of

__all__ = ["Order", "batch", "code", "order", "train"]

BESIDE = {"both": ("erm", "mixup"), "erm": ("erm",), "mixup": ("mixup",), "none": ()}
PACE = 0.15
"""Seconds from one sign of progress to the next: epochs of the digits are shorter."""

_turn = threading.Lock()
"""One grid at a time on this machine, whoever asked: the pages have to stay quick."""


@dataclass(frozen=True)
class Order:
    """What the button trains.

    Args:
        protocol: Its name.
        n: N of ζ-mixup; None is the whole batch.
        gamma: γ of ζ-mixup.
        seeds: How many, from 0.
        epochs: Of each run.
        beside: Methods that are trained with the same seeds.
    """

    protocol: str
    n: int | None
    gamma: float
    seeds: int
    epochs: int
    beside: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of its ζ-mixup among the methods."""
        return name_of({"method": "zeta-mixup", "gamma": self.gamma, "n": self.n})

    def specs(self) -> list[Spec]:
        """Seed by seed, so that what is cancelled still has pairs; ζ-mixup first."""
        return [
            Spec(self.protocol, method, n=self.n, gamma=self.gamma, seed=seed, epochs=self.epochs)
            for seed in range(self.seeds)
            for method in ("zeta-mixup", *self.beside)
        ]

    def command(self, root: Path) -> str:
        """The command that trains the same."""
        words = ["zmix", "train", self.protocol, "--methods", *self.beside, f"zeta-{self.gamma!r}"]
        words += ["--seeds", str(self.seeds), "--epochs", str(self.epochs)]
        words += [] if self.n is None else ["--n", str(self.n)]
        return shlex.join([*words, "--root", str(root)])


def batch(settings: Settings) -> int:
    """Pictures a step of what the button trains: more of them are never mixed."""
    return PROTOCOLS[settings.runs.train].batch


def order(settings: Settings) -> Order:
    """What the button trains at the present settings.

    An N of at least a batch is the whole batch, as `Spec.mixing` has it.
    """
    asked = settings.runs
    n = None if settings.n >= batch(settings) else settings.n
    return Order(asked.train, n, settings.gamma, asked.seeds, asked.epochs, BESIDE[asked.beside])


def train(order: Order, root: Path, done: Collection[str] = ()) -> Iterator[Progress | None]:
    """Trains what is not done yet; closing it ends the processes.

    Args:
        order: What to train.
        root: Folder of all runs.
        done: Keys of runs that are on record elsewhere.

    Yields:
        None while other runs of this machine's pages have their turn, then how far it is.
    """
    specs = [spec for spec in order.specs() if spec.key() not in done]
    while not _turn.acquire(timeout=0.5):
        yield None
    try:
        last = 0.0
        # One thread: more of them gain nothing on networks this small, and the pages need theirs.
        with closing(launch(specs, root, workers=1, threads=1)) as steps:
            for progress in steps:
                if progress.what != "epoch" or time.monotonic() - last > PACE:
                    last = time.monotonic()
                    yield progress
    finally:
        _turn.release()


def code(order: Order, root: Path) -> str:
    """A script that trains the same and prints the results."""
    n = "" if order.n is None else f"n={order.n}, "
    methods = ("zeta-mixup", *order.beside)
    return f"""# The same from a shell: {order.command(root)}
from zmix_core.training.launch import launch
from zmix_core.training.records import measured_records, read_records
from zmix_core.training.results import results, table
from zmix_core.training.spec import Spec

specs = [
    Spec({order.protocol!r}, method, {n}gamma={order.gamma!r}, seed=seed, epochs={order.epochs})
    for seed in range({order.seeds})
    for method in {methods!r}
]
for progress in launch(specs, {str(root)!r}, workers=1, threads=1):
    if progress.what != "epoch":
        print(f"{{progress.finished}} of {{progress.total}}: {{progress.message}}")

records = {{record["key"]: record for record in [*measured_records(), *read_records({str(root)!r})]}}
print(table(results(records.values())))
"""
