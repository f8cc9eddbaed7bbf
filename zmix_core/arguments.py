"""What users pass, checked, with the message where it does not fit."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

__all__ = ["must_be_tensor", "real", "whole"]


def real(name: str, value: Any) -> float:
    """``value`` as a float.

    Raises:
        TypeError: It is no number.
    """
    if isinstance(value, (bool, str)) or not hasattr(value, "__float__"):
        raise TypeError(f"{name} = {value!r}: expected a number.")
    return float(value)


def whole(name: str, value: Any, least: int, expected: str = "") -> int:
    """``value`` as an int; ``expected`` says more on what it must be than the bound does.

    Raises:
        TypeError: It is no number.
        ValueError: It is not whole, or below ``least``.
    """
    if isinstance(value, bool) or not math.isfinite(real(name, value)) or value % 1 != 0 or value < least:
        raise ValueError(f"{name} = {value}: {expected or f'expected a whole number of at least {least}'}.")
    return int(value)


def must_be_tensor(value: Any, name: str) -> None:
    """Raise a TypeError that says how to make a tensor of ``value`` where it is none."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} is a {type(value).__name__}; expected a tensor: torch.as_tensor({name}).")
