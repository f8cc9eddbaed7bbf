"""zmix: multi-sample mixing augmentation (zeta-mixup), its baselines, and the data to see them on.

    >>> import torch, zmix_core
    >>> x, y = zmix_core.zeta_mixup(torch.rand(8, 3, 32, 32), torch.arange(8) % 3, num_classes=3, gamma=2.8)

Data (`manifolds`, `images`) and `dimension` load when they are first used.
"""

import importlib
from types import ModuleType

from zmix_core.dataset import Dataset
from zmix_core.device import resolve_device
from zmix_core.methods import ERM, METHODS, Mixup, ZetaMixup, mixup, zeta_mixup
from zmix_core.recipe import Recipe
from zmix_core.transforms import ZetaMixUp
from zmix_core.weights import (
    GAMMA_MIN,
    gamma_to_lambda,
    lambda_to_gamma,
    theorem_1_holds,
    truncated_zeta,
    zeta_weights,
)

__all__ = [
    "ERM",
    "GAMMA_MIN",
    "METHODS",
    "Dataset",
    "Mixup",
    "Recipe",
    "ZetaMixUp",
    "ZetaMixup",
    "dimension",
    "gamma_to_lambda",
    "images",
    "lambda_to_gamma",
    "manifolds",
    "mixup",
    "resolve_device",
    "theorem_1_holds",
    "truncated_zeta",
    "zeta_mixup",
    "zeta_weights",
]


def __getattr__(name: str) -> ModuleType:
    if name in ("dimension", "images", "manifolds"):
        return importlib.import_module(f"zmix_core.{name}")
    raise AttributeError(f"module 'zmix_core' has no attribute {name!r}")
