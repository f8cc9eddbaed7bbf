"""Nearest points: on arcs in closed form, on other curves and the paraboloid by a grid and then a descent.

Everything here is float64 and on purpose numpy: operations this small gain nothing from torch's threads, and
on a busy machine, where those wait for one another, they would take seconds instead of milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Curve",
    "Floats",
    "Ints",
    "arc_distance",
    "first_nearest",
    "least",
    "paraboloid_candidates",
    "paraboloid_point",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Number = TypeVar("Number", np.float64, np.int64)


def arc_distance(x: Floats, centre: tuple[float, float], start: float, sweep: float) -> Floats:
    """Distance of points in the plane from an arc of a unit circle, end points included.

    Args:
        x: ``(M, 2)`` points.
        centre: Of the circle.
        start: Angle in radians at which the arc starts.
        sweep: How far it runs counter-clockwise from there, in radians, at most 2π.

    Returns:
        ``(M,)`` distances.

    Example:
        >>> arc_distance(np.array([[0.0, 3.0], [0.0, -1.0]]), (0.0, 0.0), 0.0, math.pi)
        array([2.        , 1.41421356])
    """
    across, up = (x - np.array(centre)).T
    to_ends = (np.hypot(across - math.cos(a), up - math.sin(a)) for a in (start, start + sweep))
    facing = (np.arctan2(up, across) - start) % (2 * math.pi) <= sweep
    return np.where(facing, np.abs(np.hypot(across, up) - 1), np.minimum(*to_ends))


def grid_minima(x: Floats, nodes: Floats, reach: float) -> tuple[Ints, Ints]:
    """For each point, the nodes of a grid from which a descent may end at the nearest point of the manifold.

    These are the nodes no farther than their neighbours along every axis of the grid, less those that
    lie more than ``reach`` behind the nearest node.

    Args:
        x: ``(M, D)`` points.
        nodes: ``(K, D)`` or ``(K_1, .., K_d, D)``: the manifold at the nodes of a grid over its parameters.
        reach: By how much a descent can shorten the distance of its node.

    Returns:
        ``(C,)`` rows of ``x`` and ``(C,)`` indices into the flattened grid, by row and then by node. Every
        row has at least one.
    """
    x, flat = np.ascontiguousarray(x), nodes.reshape(-1, nodes.shape[-1])
    factors, squares = np.multiply(-2, flat.T, order="C"), np.square(flat).sum(1)
    found = [np.empty(0, dtype=np.int64)]
    for start in range(0, len(x), 256):  # so that the distances fit in the cache
        # Not a BLAS product: its threads are those that wait for one another.
        far = np.einsum("md,dk->mk", x[start : start + 256], factors)
        far += squares
        far = far.reshape(-1, *nodes.shape[:-1])
        lowest = np.ones(far.shape, dtype=bool)
        for axis in range(1, far.ndim):
            before = (slice(None),) * axis
            left, right = (*before, slice(None, -1)), (*before, slice(1, None))
            lowest[left] &= far[left] <= far[right]
            lowest[right] &= far[right] <= far[left]
        found.append(np.flatnonzero(lowest) + start * len(flat))
    row, node = np.divmod(np.concatenate(found), len(flat))
    distance = np.linalg.norm(x[row] - flat[node], axis=1)
    near = distance <= least(row, distance)[row] + reach
    return row[near], node[near]


def least(row: Ints, value: NDArray[Number]) -> NDArray[Number]:
    """The least of the values of each row, ``(M,)``, for rows in order, each at least once."""
    return np.minimum.reduceat(value, np.flatnonzero(np.diff(row, prepend=-1)))


def first_nearest(row: Ints, distance: Floats, label: Ints) -> tuple[Floats, Ints]:
    """Of each row's candidates the least distance, and the first label that has it, to 1e-9.

    Args:
        row: ``(C,)``: whose candidate it is, in order, each row at least once.
        distance: ``(C,)``.
        label: ``(C,)``.

    Returns:
        ``(M,)`` distances and ``(M,)`` labels.

    Example:
        >>> first_nearest(np.array([0, 0, 1]), np.array([0.5, 0.5 + 1e-12, 3]), np.array([2, 1, 0]))
        (array([0.5, 3. ]), array([1, 0]))
    """
    shortest = least(row, distance)
    tied = distance <= shortest[row] + 1e-9
    return shortest, least(row[tied], label[tied])


class Curve:
    """A smooth curve in any dimension, given by its formula alone.

    Args:
        point: From ``(M,)`` parameters to ``(M, D)`` points; smooth a little beyond both ends too.
        start: First parameter.
        stop: Last parameter; a closed curve starts and stops at the same point.
        nodes: Of the coarse grid, evenly spaced in the parameter: with neighbours a tenth of the radius of
            curvature apart, distances are right to 1e-6.

    Example:
        >>> circle = Curve(lambda t: np.stack([np.cos(t), np.sin(t)], 1), 0, 2 * math.pi)
        >>> row, t, distance = circle.candidates(np.array([[3.0, 0.0]]))
        >>> round(float(distance.min()), 9)
        2.0
    """

    def __init__(
        self, point: Callable[[Floats], Floats], start: float, stop: float, *, nodes: int = 256
    ) -> None:
        self.point, self.start, self.stop = point, start, stop
        self.t = np.linspace(start, stop, nodes)
        self.nodes = point(self.t)
        # A local minimum lies between its node's neighbours, so at most one spacing from the node.
        self.reach = np.linalg.norm(np.diff(self.nodes, axis=0), axis=1).max()

    @np.errstate(over="ignore")  # where the bend is next to nothing, and the quotient is then clipped
    def candidates(self, x: Floats) -> tuple[Ints, Floats, Floats]:
        """The points of the curve that may be the nearest, for `first_nearest` to choose among.

        Args:
            x: ``(M, D)`` points.

        Returns:
            ``(C,)`` rows of ``x``, in order, and the candidates' parameters and distances, ``(C,)`` each.
        """
        row, node = grid_minima(x, self.nodes, self.reach)
        x, t, step = x[row], self.t[node], self.t[1] - self.t[0]
        # The vertex of a parabola through three squared distances misses the foot by some step squared: a few
        # ever shorter steps come within 1e-8 of it, without derivatives and without leaving the basin.
        for _ in range(4):
            back, here, ahead = (np.square(x - self.point(at)).sum(1) for at in (t - step, t, t + step))
            bend = np.maximum(back - 2 * here + ahead, np.finfo(float).tiny)
            t = np.clip(t + step * np.clip((back - ahead) / (2 * bend), -1, 1), self.start, self.stop)
            step /= 8
        return row, t, np.linalg.norm(x - self.point(t), axis=1)


def paraboloid_point(u: Floats) -> Floats:
    """The point (v, sin v, v²) with v = (u, |u|²) of the paraboloid, for u ``(.., 3)``: ``(.., 12)``."""
    v = np.concatenate([u, np.square(u).sum(-1, keepdims=True)], -1)
    return np.concatenate([v, np.sin(v), np.square(v)], -1)


@cache
def _paraboloid_grid() -> tuple[Floats, Floats]:
    u = np.stack(np.meshgrid(*[np.linspace(0, 1, 7)] * 3, indexing="ij"), -1)
    return u.reshape(-1, 3), paraboloid_point(u)


def paraboloid_candidates(x: Floats) -> tuple[Ints, Floats, Floats]:
    """The points of the paraboloid over the closed unit cube that may be the nearest.

    Up to a distance of 1.7, right to 1e-6. Farther off, where there are many local minima, about one point
    in 2,000 misses the nearest, and its distance is up to 1 % too long.

    Args:
        x: ``(M, 12)`` points.

    Returns:
        ``(C,)`` rows of ``x``, in order, the candidates' parameters ``(C, 3)`` and distances ``(C,)``.

    Example:
        >>> _, u, distance = paraboloid_candidates(paraboloid_point(np.array([[0.2, 0.5, 0.9]])))
        >>> u[distance.argmin()].round(6)
        array([0.2, 0.5, 0.9])
    """
    u, nodes = _paraboloid_grid()
    # No node that led to the nearest point was seen more than 0.14 behind the nearest node.
    row, node = grid_minima(x, nodes, reach=0.2)
    foot = _paraboloid_descent(x[row], u[node])
    return row, foot, np.linalg.norm(x[row] - paraboloid_point(foot), axis=1)


@np.errstate(divide="ignore", invalid="ignore")  # where it is not convex, and the step then not taken
def _paraboloid_descent(x: Floats, u: Floats) -> Floats:
    """From u ``(C, 3)`` down to parameters at which the distance from x ``(C, 12)`` is locally least.

    Newton's method, damped where the squared distance is not convex; a coordinate stays at a wall that it is
    pushed against. In v every coordinate stands alone in the squared distance, so that the Hessian in u is
    a diagonal plus one outer product of u, and its inverse has a closed form (Sherman and Morrison).
    """
    # One column a point, so that sums over coordinates run along memory.
    x, u = np.ascontiguousarray(x.T), np.ascontiguousarray(u.T)
    foot, moving, damping = u.copy(), np.arange(u.shape[1]), np.zeros(u.shape[1])
    half, slope, curve = _half_square(x, u)
    # A dozen rounds do near the paraboloid; those that crawl on, far from it, were never the nearest.
    for _ in range(50):
        gradient = slope[:3] + 2 * u * slope[3]
        diagonal, outer = curve[:3] + 2 * slope[3] + damping, 4 * curve[3]
        stuck = ((u <= 0) & (gradient > 0)) | ((u >= 1) & (gradient < 0))
        inverse = np.where(stuck, 0, 1 / diagonal)
        bend = 1 + outer * (inverse * u * u).sum(0)
        trial = u - inverse * (gradient - u * (outer * (inverse * u * gradient).sum(0) / bend))
        trial = trial.clip(0, 1)
        convex = ((diagonal > 0) | stuck).all(0) & (bend > 0)
        go_on = ~convex | (np.abs(trial - u) > 1e-7).any(0)
        new_half, new_slope, new_curve = _half_square(x, trial)
        down = convex & (new_half <= half)
        u, half = np.where(down, trial, u), np.where(down, new_half, half)
        slope, curve = np.where(down, new_slope, slope), np.where(down, new_curve, curve)
        damping = np.where(down, damping / 3, 4 * damping + 1)
        foot[:, moving] = u
        if not go_on.any():
            break
        x, u, slope, curve = x[:, go_on], u[:, go_on], slope[:, go_on], curve[:, go_on]
        moving, half, damping = moving[go_on], half[go_on], damping[go_on]
    return foot.T


def _half_square(x: Floats, u: Floats) -> tuple[Floats, Floats, Floats]:
    """Half the squared distance ``(C,)``, and its slope and curvature in each coordinate of v ``(4, C)``."""
    v = np.concatenate([u, np.square(u).sum(0, keepdims=True)])
    sin, cos = np.sin(v), np.cos(v)
    p, q, r = v - x[:4], sin - x[4:8], v * v - x[8:]
    half = (p * p + q * q + r * r).sum(0) / 2
    return half, p + q * cos + 2 * v * r, 1 + cos * cos - q * sin + 4 * v * v + 2 * r
