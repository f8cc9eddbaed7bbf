"""Compiled for the CPU: eigenvalues above a threshold, counted without a spectrum.

The largest eigenvalue comes from Lanczos; the signs of the pivots of S - tI say how many eigenvalues lie
above t (Sylvester's law of inertia). The loops are plain so that the compiler makes vector code of them, and
they hold no lock, so that threads run side by side. Compiling takes a few seconds once and is kept on disk.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

__all__ = ["count_matrices", "count_neighbourhoods"]

_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "cache": True,
    "fastmath": {"contract"},
    "error_model": "numpy",
}

MOST = 96
"""Lanczos steps at most; some 16 are the rule."""

SAFE = 1e-9
"""A pivot below this share of the largest diagonal entry is not trusted."""


@njit(**_OPTIONS)
def count_neighbourhoods(
    products: np.ndarray,
    index: np.ndarray,
    start: np.ndarray,
    fraction: float,
    single: bool,
    out: np.ndarray,
) -> None:
    """Write a column of ``out`` for each row of ``index`` (B, k), from the products (m, m) of all pairs.

    ``out`` is (3, B) float64: the count of eigenvalues of the centred Gram matrix above ``fraction`` of the
    largest, or -1 where rounding could decide it; their sum; the sum of their squares. ``start`` (k,) is
    where Lanczos begins. ``single`` compares eigenvalues as float32.
    """
    k = index.shape[1]
    s, work, mean, basis = np.empty((k, k)), np.empty((k, k)), np.empty(k), np.empty((3, k))
    for q in range(len(index)):
        _centred(products, index[q], s, mean)
        _count(s, start, fraction, single, work, basis, out[:, q])


@njit(**_OPTIONS)
def count_matrices(s: np.ndarray, start: np.ndarray, fraction: float, single: bool, out: np.ndarray) -> None:
    """The same for symmetric matrices ``s`` (B, k, k)."""
    k = s.shape[1]
    work, basis = np.empty((k, k)), np.empty((3, k))
    for q in range(len(s)):
        _count(s[q], start, fraction, single, work, basis, out[:, q])


@njit(**_OPTIONS)
def _count(
    s: np.ndarray,
    start: np.ndarray,
    fraction: float,
    single: bool,
    work: np.ndarray,
    basis: np.ndarray,
    out: np.ndarray,
) -> None:
    k = len(s)
    trace, squares = 0.0, basis[0]
    squares[:] = 0.0
    for i in range(k):
        trace += s[i, i]
        for j in range(k):
            squares[j] += s[i, j] * s[i, j]
    out[1], out[2] = trace, squares.sum()
    out[0] = 0.0
    if trace > 0.0:
        largest = _largest(s, start, basis)
        threshold = fraction * largest
        if single:
            # What is rounded to float32 is above this number if it was above the middle of it and the next.
            below = np.float32(fraction) * np.float32(largest)
            threshold = 0.5 * (np.float64(below) + np.float64(np.nextafter(below, np.float32(np.inf))))
        out[0] = _above(s, threshold, work)


@njit(**_OPTIONS)
def _centred(products: np.ndarray, near: np.ndarray, s: np.ndarray, mean: np.ndarray) -> None:
    k = len(near)
    # Half of the products: those of mixed samples are symmetric up to rounding only, Lanczos needs more.
    for i in range(k):
        row = near[i]
        for j in range(i, k):
            s[i, j] = products[row, near[j]]
            s[j, i] = s[i, j]
    mean[:] = 0.0
    for i in range(k):
        for j in range(k):
            mean[j] += s[i, j]
    whole = 0.0
    for j in range(k):
        whole += mean[j]
    # Divided last, so that whole numbers stay exact: equal ones leave nothing.
    whole /= k * k
    for j in range(k):
        mean[j] /= k
    for i in range(k):
        for j in range(k):
            s[i, j] -= (mean[i] - whole) + mean[j]


@njit(**_OPTIONS)
def _largest(s: np.ndarray, start: np.ndarray, basis: np.ndarray) -> float:
    """The largest eigenvalue, by Lanczos."""
    k = len(s)
    v, before, u = basis[0], basis[1], basis[2]
    diagonal, beside = np.empty(MOST), np.empty(MOST)
    norm = 0.0
    for i in range(k):
        norm += start[i] * start[i]
    for i in range(k):
        v[i], before[i] = start[i] / math.sqrt(norm), 0.0
    beta, found = 0.0, 0.0
    for step in range(MOST):
        for i in range(k):
            u[i] = -beta * before[i]
        for j in range(0, k - 3, 4):
            a, b, c, d = v[j], v[j + 1], v[j + 2], v[j + 3]
            for i in range(k):
                u[i] += a * s[j, i] + b * s[j + 1, i] + c * s[j + 2, i] + d * s[j + 3, i]
        for j in range(k // 4 * 4, k):
            for i in range(k):
                u[i] += v[j] * s[j, i]
        alpha = 0.0
        for i in range(k):
            alpha += u[i] * v[i]
        beta = 0.0
        for i in range(k):
            u[i] -= alpha * v[i]
            beta += u[i] * u[i]
        beta = math.sqrt(beta)
        diagonal[step], beside[step] = alpha, beta
        exhausted = beta <= 1e-14 * abs(diagonal[0]) or step == MOST - 1
        if step % 3 == 2 or exhausted:
            last, found = found, _largest_tridiagonal(diagonal, beside, step + 1)
            if exhausted or found - last <= 1e-14 * found:
                break
        for i in range(k):
            before[i], v[i] = v[i], u[i] / beta
    return found


@njit(**_OPTIONS)
def _largest_tridiagonal(diagonal: np.ndarray, beside: np.ndarray, size: int) -> float:
    """The largest eigenvalue of a symmetric tridiagonal matrix, by bisection down to neighbouring numbers."""
    low, high = diagonal[0], diagonal[0]
    for i in range(size):
        reach = (beside[i - 1] if i else 0.0) + (beside[i] if i < size - 1 else 0.0)
        low, high = max(low, diagonal[i]), max(high, diagonal[i] + reach)
    for _ in range(200):
        middle = 0.5 * (low + high)
        if middle <= low or middle >= high:
            break
        pivot, i = diagonal[0] - middle, 1
        while pivot < 0.0 and i < size:
            pivot = diagonal[i] - middle - beside[i - 1] ** 2 / pivot
            i += 1
        if pivot < 0.0:
            high = middle
        else:
            low = middle
    return high


@njit(**_OPTIONS)
def _above(s: np.ndarray, threshold: float, w: np.ndarray) -> float:
    """Eigenvalues of ``s`` above the threshold: positive pivots of s - threshold I, four rows at a time."""
    k, largest, count = len(s), 0.0, 0
    for i in range(k):
        for j in range(i, k):
            w[i, j] = s[i, j]
        w[i, i] -= threshold
        largest = max(largest, abs(w[i, i]))
    for first in range(0, k, 4):
        last = min(first + 4, k)
        for r in range(first, last):
            pivot = w[r, r]
            if not abs(pivot) > SAFE * largest:
                return -1.0
            count += pivot > 0.0
            for i in range(r + 1, last):
                f = w[r, i] / pivot
                for j in range(i, k):
                    w[i, j] -= f * w[r, j]
        if last == k:
            break
        a, b, c, d = first, first + 1, first + 2, first + 3
        for i in range(last, k):
            fa, fb, fc, fd = w[a, i] / w[a, a], w[b, i] / w[b, b], w[c, i] / w[c, c], w[d, i] / w[d, d]
            for j in range(i, k):
                w[i, j] -= fa * w[a, j] + fb * w[b, j] + fc * w[c, j] + fd * w[d, j]
    return float(count)
