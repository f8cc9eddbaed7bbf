"""Pictures so few and small that an epoch takes a hundredth of a second."""

from __future__ import annotations

import numpy as np
import torch

from zmix_core.training.run import run
from zmix_core.training.spec import Spec


def write(folder):
    """A file in MedMNIST's layout: three classes, bright in three places, 37 pictures to learn from."""
    random = np.random.default_rng(0)
    arrays = {}
    for split, count in {"train": 37, "val": 9, "test": 12}.items():
        labels = np.arange(count) % 3
        pictures = random.integers(0, 120, (count, 8, 8))
        for picture, label in zip(pictures, labels, strict=True):
            picture[:, 2 * label : 2 * label + 3] += 100
        arrays[f"{split}_images"], arrays[f"{split}_labels"] = (
            pictures.astype(np.uint8),
            labels.reshape(-1, 1),
        )
    np.savez(folder / "tiny.npz", **arrays)
    return folder / "tiny.npz"


def tiny(folder, **settings):
    """A run on them."""
    file = folder / "tiny.npz"
    if not file.exists():
        write(folder)
    return Spec(str(file), **{"network": "lenet-5", "epochs": 3, **settings})


def run_in_one_thread(spec, root):
    """What a process of its own does, with as many threads as all tests have: others round otherwise."""
    torch.set_num_threads(1)
    run(spec, root, device="cpu")
