"""How an oracle is trained: LeNet-5 on pictures that are turned, shifted and zoomed a little."""

from __future__ import annotations

import dataclasses
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from zmix_core import images
from zmix_core.arguments import whole
from zmix_core.dataset import Dataset
from zmix_core.lenet import LeNet5
from zmix_core.oracle import Oracle
from zmix_core.speed import machine

__all__ = ["Step", "Training", "held_out", "split", "train"]

HELD = 5
"""Where a set has no test split of its own, every fifth picture of each class is held out."""


@dataclass(frozen=True)
class Training:
    """The recipe of an oracle's training: AdamW, cross entropy, the learning rate in one cycle.

    Args:
        steps: Steps of the optimizer in all, at least; whole epochs are made of them.
        batch: Pictures a step.
        learning_rate: Its peak.
        weight_decay: Of AdamW.
        turn: Degrees that a picture is turned by at most, each drawn uniformly.
        shift: The share of a side that it is shifted by at most, in both directions.
        zoom: The share that it is enlarged or made smaller by at most.
    """

    steps: int = 6000
    batch: int = 256
    learning_rate: float = 5e-3
    weight_decay: float = 0.01
    turn: float = 8.0
    shift: float = 0.07
    zoom: float = 0.1


@dataclass(frozen=True)
class Step:
    """How far training is, and at its end the oracle.

    Args:
        epoch: Epochs done, of ``epochs``.
        epochs: All of them.
        loss: The mean cross entropy of this epoch, in nats.
        left: Seconds left, about.
        oracle: None until the last step.
    """

    epoch: int
    epochs: int
    loss: float
    left: float
    oracle: Oracle | None = None


def train(
    data: Dataset,
    test: Dataset,
    *,
    of: str = "test pictures",
    seed: int = 0,
    training: Training | None = None,
) -> Iterator[Step]:
    """Trains an oracle, and tells after every epoch how far it is; not asking for more is the cancel.

    Args:
        data: Pictures to learn from, ``(m, C, H, W)`` uint8; every class must have some.
        test: Pictures to count its accuracy on, none of them among ``data``.
        of: What ``test`` is, for the card.
        seed: Of the first weights, the batches and the changes to the pictures. One seed gives the same
            oracle on the same machine with the same versions.
        training: How; the default made the oracles that come with this project.

    Yields:
        A `Step` an epoch; the last one has the oracle.

    Raises:
        ValueError: The pictures are too small, a class has none, or a number is out of range.

    Example:
        >>> digits = images.load("digits", limit=200)
        >>> *_, last = train(*held_out(digits), of="held-out pictures", training=Training(steps=10))
        >>> last.oracle.name
        'digits'
    """
    training = training or Training()
    seed = whole("seed", seed, 0)
    whole("steps", training.steps, 1)
    whole("batch", training.batch, 1)
    empty = [name for c, name in enumerate(data.classes) if not (data.y == c).any()]
    if empty or data.x.ndim != 4:
        raise ValueError(
            f"{data.name}: x has shape {tuple(data.x.shape)} and classes without a sample: "
            f"{', '.join(empty) or 'none'}; expected pictures (m, C, H, W) of every class."
        )
    x, y = data.x.to(torch.float32) / 255, data.y
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch's initial weights know no generator
        network = LeNet5((x.shape[1], x.shape[2], x.shape[3]), data.num_classes).to(x.device)
    batches = math.ceil(len(x) / training.batch)
    epochs = math.ceil(training.steps / batches)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, training.learning_rate, total_steps=epochs * batches
    )
    start = time.perf_counter()
    for epoch in range(1, epochs + 1):
        total = 0.0
        for index in torch.randperm(len(x), generator=generator).to(x.device).split(training.batch):
            loss = F.cross_entropy(network(_warped(x[index], training, generator)), y[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss.detach()) * len(index) / len(x)
        left = (time.perf_counter() - start) * (epochs - epoch) / epoch
        done = _finished(network, data, test, of, seed, training, epochs) if epoch == epochs else None
        yield Step(epoch, epochs, total, left, done)


def split(name_or_path: str | os.PathLike[str]) -> tuple[Dataset, Dataset, str]:
    """Pictures to learn from, pictures to test on, and what the latter are.

    Args:
        name_or_path: As `zmix_core.images.load` takes it. Library sets have a test split of their own; of all
            others, and of the digits, every fifth picture of each class is held out.

    Example:
        >>> data, test, of = split("digits")
        >>> len(data), len(test), of
        (1442, 355, 'held-out pictures')
    """
    if name_or_path in images.IMAGES and name_or_path != "digits":
        return images.load(name_or_path), images.load(name_or_path, split="test"), "test pictures"
    return *held_out(images.load(name_or_path)), "held-out pictures"


def held_out(data: Dataset) -> tuple[Dataset, Dataset]:
    """The set without every fifth picture of each class, and these.

    Raises:
        ValueError: A class has fewer than five pictures.
    """
    held = torch.zeros(len(data), dtype=torch.bool)
    for c, name in enumerate(data.classes):
        index = torch.nonzero(data.y == c).flatten()
        if len(index) < HELD:
            raise ValueError(
                f"{data.name}: class {name!r} has {len(index)} pictures; expected at least {HELD} of each, "
                "to learn from and to hold out."
            )
        held[index[HELD - 1 :: HELD]] = True
    return data.take(torch.nonzero(~held).flatten()), data.take(torch.nonzero(held).flatten())


def _finished(
    network: LeNet5, data: Dataset, test: Dataset, of: str, seed: int, training: Training, epochs: int
) -> Oracle:
    """The network with its card."""
    measured = machine(["torch"])
    card = {
        "data": data.name,
        "network": "LeNet-5",
        "classes": list(data.classes),
        "picture": list(data.x.shape[1:]),
        "parameters": sum(p.numel() for p in network.parameters()),
        "seed": seed,
        "training": {"pictures": len(data), "epochs": epochs, **dataclasses.asdict(training)},
        **{key: measured[key] for key in ("date", "processor", "versions")},
    }
    found = {"of": of, "pictures": len(test), "correct": 0}
    oracle = Oracle(network, {**card, "accuracy": found})
    found["correct"] = oracle.correct(test)
    return oracle


def _warped(x: Tensor, training: Training, generator: torch.Generator) -> Tensor:
    """Every picture turned, zoomed and shifted by its own amounts."""

    def uniform(largest: float) -> Tensor:
        return ((torch.rand(len(x), generator=generator) * 2 - 1) * largest).to(x.device)

    angle, zoom = uniform(math.radians(training.turn)), 1 + uniform(training.zoom)
    cos, sin = torch.cos(angle) / zoom, torch.sin(angle) / zoom
    h, w = x.shape[2:]
    # Coordinates run from -1 to 1, so a side has a length of 2, whatever its pixels.
    shift = 2 * training.shift
    rows = [cos, -sin * (h / w), uniform(shift), sin * (w / h), cos, uniform(shift)]
    grid = F.affine_grid(torch.stack(rows, dim=1).reshape(-1, 2, 3), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)
