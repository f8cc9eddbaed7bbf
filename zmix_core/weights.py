"""The p-series weights of zeta-mixup: w_r = r^-gamma / C, and the two theorems about them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from zmix_core.arguments import real, whole
from zmix_core.device import resolve_device

__all__ = [
    "GAMMA_MIN",
    "gamma_to_lambda",
    "lambda_to_gamma",
    "theorem_1_holds",
    "truncated_zeta",
    "zeta_weights",
]

GAMMA_MIN = 1.7286472389981835
"""The root of zeta(gamma) = 2. From here on w_1 outweighs all other weights for every N (Theorem 1)."""


def truncated_zeta(n: int, gamma: float) -> float:
    """C of Eq. 3, the N-truncated Riemann zeta function: sum of j^-gamma for j = 1 .. n.

    Args:
        n: N, how many terms; at least 1.
        gamma: The exponent; finite, at least 0.

    Returns:
        The sum, correctly rounded from the float64 terms.

    Raises:
        ValueError: ``n`` is below 1, or ``gamma`` is negative, infinite or NaN.

    Example:
        >>> truncated_zeta(2, 1.0)
        1.5
    """
    return math.fsum(_powers(n, gamma).tolist())


def zeta_weights(
    n: int, gamma: float, *, dtype: torch.dtype = torch.float64, device: torch.device | str | None = None
) -> Tensor:
    """The weights of the ranks 1 .. N (Eq. 3): w_r = r^-gamma / C, largest first.

    Args:
        n: N, the samples mixed into one output; at least 1. Meant for 2 to 10^6.
        gamma: The exponent; finite, at least 0. 0 weighs all ranks alike; meant for 0 to 50.
        dtype: Of the result. The weights are computed in float64 and rounded once.
        device: Of the result; the CPU by default.

    Returns:
        ``(n,)``, non-negative, not increasing, with a sum of 1 within one rounding of ``dtype`` (float16
        cannot hold what is small: at N = 10^6 its sum is off by about 1 %).

    Raises:
        ValueError: ``n`` is below 1, or ``gamma`` is negative, infinite or NaN.

    Example:
        >>> zeta_weights(3, 1.0)
        tensor([0.5455, 0.2727, 0.1818], dtype=torch.float64)
    """
    if not dtype.is_floating_point:
        raise ValueError(f"dtype = {dtype}: expected a floating one; weights lie between 0 and 1.")
    powers = _powers(n, gamma)
    weights = powers / math.fsum(powers.tolist())
    # A million roundings do not cancel exactly: w_1, the largest, takes up what is left, and stays largest.
    first, second = float(weights[0]), float(weights[1]) if len(weights) > 1 else 0.0
    weights[0] = max(first + (1.0 - math.fsum(weights.tolist())), second)
    return weights.to(dtype) if device is None else weights.to(resolve_device(device), dtype)


def theorem_1_holds(n: int, gamma: float) -> bool:
    """Whether w_1 is greater than the sum of w_2 .. w_N at this N (Theorem 1).

    True for every N where ``gamma >= GAMMA_MIN``; a small N allows a smaller gamma too.

    Example:
        >>> theorem_1_holds(2, 0.5), theorem_1_holds(1000, 0.5), theorem_1_holds(10**6, GAMMA_MIN)
        (True, False, True)
    """
    return truncated_zeta(n, gamma) < 2.0


def gamma_to_lambda(gamma: float) -> float:
    """The lambda at which mixup (Eq. 1) equals zeta-mixup with N = 2 and this gamma (Theorem 2).

    Args:
        gamma: Finite. 0 gives 0.5; a negative gamma gives the mix with its two parents swapped.

    Returns:
        lambda in [0, 1].

    Example:
        >>> gamma_to_lambda(1.0)
        0.6666666666666666
    """
    if not math.isfinite(real("gamma", gamma)):
        raise ValueError(f"gamma = {gamma}: expected a finite number.")
    # Of the two forms of 1 / (1 + 2^-gamma), the one whose power cannot overflow.
    return 1.0 / (1.0 + 2.0**-gamma) if gamma >= 0 else 2.0**gamma / (2.0**gamma + 1.0)


def lambda_to_gamma(lam: float) -> float:
    """The gamma at which zeta-mixup with N = 2 equals mixup with this lambda: log2(lambda / (1 - lambda)).

    Args:
        lam: lambda, strictly between 0 and 1. Below one half gamma is negative, which zeta-mixup does
            not take: swap the two parents and use 1 - lambda.

    Raises:
        ValueError: ``lam`` is not strictly between 0 and 1.

    Example:
        >>> round(lambda_to_gamma(0.8), 12)
        2.0
    """
    if not 0.0 < real("lambda", lam) < 1.0:
        raise ValueError(f"lambda = {lam}: expected a number strictly between 0 and 1.")
    return math.log2(lam / (1.0 - lam))


def _powers(n: int, gamma: float) -> Tensor:
    n, gamma = whole("N", n, 1), real("gamma", gamma)
    if not (math.isfinite(gamma) and gamma >= 0):
        raise ValueError(f"gamma = {gamma}: expected a finite number of at least 0 (the paper's: 2.4 to 4).")
    return torch.arange(1, n + 1, dtype=torch.float64).pow(-gamma)
