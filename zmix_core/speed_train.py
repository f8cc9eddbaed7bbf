"""What mixing adds to a step of training, ``zmix speed train``: ResNet-18, beside no mixing at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zmix_core.methods import ERM, Method, Mixup, ZetaMixup
from zmix_core.resnet import resnet
from zmix_core.speed import awaited, beside, machine, markdown, provenance, seconds

__all__ = ["GOALS", "LIMITS", "QUICK_LIMITS", "measure", "table"]

PICTURE, CLASSES = (3, 32, 32), 10
BATCH = 128
QUICK_BATCH = 16
SEED = 0

LIMITS = 15, 120.0
"""Steps at most of each method, and the seconds after which it takes no more."""

QUICK_LIMITS = 5, 8.0

METHODS: dict[str, Method] = {"ERM": ERM(), "mixup": Mixup(), "ζ-mixup": ZetaMixup(gamma=2.8)}

GOALS = {"cpu": 0.02, "cuda": 0.01}
"""The share of a step without mixing that mixing is to add at most."""


def measure(
    *,
    quick: bool = False,
    limits: tuple[int, float] = LIMITS,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Take steps in turns with each method, and time the mixing by itself besides.

    What mixing adds is measured by itself: a step takes a hundred times as long and varies by more than that.

    Args:
        quick: Smaller batches.
        limits: See `LIMITS`.
        say: Is told what is being measured.

    Returns:
        What the JSON file holds: machine, versions, date, one row a method and device, and what was skipped.
    """
    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    shape = (QUICK_BATCH if quick else BATCH, *PICTURE)
    rows = []
    for device in devices:
        say(f"ResNet-18, batches {list(shape)} on {device}")
        x = torch.rand(shape, generator=torch.Generator().manual_seed(SEED)).to(device)
        y = (torch.arange(len(x)) % CLASSES).to(device)
        steps = {name: _step(method, x, y) for name, method in METHODS.items()}
        alone = {name: awaited(partial(_mixed, method, x, y), device) for name, method in METHODS.items()}
        beside(steps, repeats=1), beside(alone, repeats=3)  # what is chosen or allocated at first
        whole, mixing = beside(steps, *limits)[1], beside(alone, 50, 5.0)[1]
        for name in METHODS:
            times = {"step": whole[name].record(), "mixing": mixing[name].record()}
            added = mixing[name].median - mixing["ERM"].median
            rows.append({"device": device, "method": name, **times, "added": added / whole["ERM"].median})
    skipped = [] if len(devices) == 2 else ["A GPU was skipped: there is none."]
    return {"bench": "train", **machine(["torch", "torchvision"]), "shape": list(shape), "rows": rows} | {
        "skipped": skipped
    }


def table(measured: Mapping[str, Any]) -> str:
    """The table of a measurement, as Markdown."""
    header = [f"ResNet-18, {measured['shape']}", "step", "mixing by itself", "added to a step", "goal"]
    rows = [
        [
            f"{row['method']} on {row['device']}",
            seconds(row["step"]),
            seconds(row["mixing"]),
            "" if row["method"] == "ERM" else f"{100 * row['added']:.2f} %",
            "" if row["method"] == "ERM" else f"{100 * GOALS[row['device']]:g} %",
        ]
        for row in measured["rows"]
    ]
    return "\n\n".join([markdown(header, rows), " ".join([provenance(measured), *measured["skipped"]])])


def _mixed(method: Method, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Samples and soft labels; without mixing, the labels alone become one-hot."""
    if isinstance(method, ERM):
        return x, F.one_hot(y, CLASSES).float()
    recipe = method.draw(len(x), device=x.device)
    return recipe.apply(x), recipe.apply_labels(y, CLASSES)


def _step(method: Method, x: Tensor, y: Tensor) -> Callable[[], Any]:
    """One step of SGD as Appendix D has it, on a network of its own."""
    network = resnet(18, PICTURE, CLASSES).to(x.device)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)
    criterion = nn.CrossEntropyLoss()

    def step() -> None:
        mixed, soft = _mixed(method, x, y)
        optimizer.zero_grad()
        criterion(network(mixed), soft).backward()
        optimizer.step()

    return awaited(step, x.device)
