"""Synthetic data whose manifold is known, so that "off the manifold" and "wrong label" can be measured.

Each manifold draws samples of itself and tells the distance and the true class of any point. All but the last
two are the synthetic data of Sec. 3 and 4 of the paper. To add one is a class and a line in `MANIFOLDS`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import numpy as np
import torch
from torch import Generator, Tensor

from zmix_core.arguments import real, whole
from zmix_core.curves import (
    Curve,
    Floats,
    Ints,
    arc_distance,
    first_nearest,
    least,
    paraboloid_candidates,
    paraboloid_point,
)
from zmix_core.dataset import Dataset

__all__ = ["MANIFOLDS", "Manifold", "load"]

_QUARTERS = ("first quarter", "second quarter", "third quarter", "last quarter")


class Manifold(ABC):
    """A manifold, or one a class, in a Euclidean space.

    Attributes:
        name: The name it is listed under.
        title: What a menu shows.
        dimension: Its intrinsic dimension.
        ambient: D, the dimension of the space around it.
        classes: One name a class, in the order of the labels.
        default_m: Samples drawn unless told otherwise.
        default_noise: Standard deviation of the Gaussian noise in every coordinate unless told otherwise.

    Example:
        >>> helix = MANIFOLDS["helix-r3"]
        >>> helix.distance(torch.zeros(1, 3)), helix.true_class(torch.zeros(1, 3))
        (tensor([1.]), tensor([0]))
    """

    name: str
    title: str
    dimension: int
    ambient: int
    classes: tuple[str, ...]
    default_m: int
    default_noise: float = 0.0

    @abstractmethod
    def _draw(self, m: int, generator: Generator | None) -> tuple[Floats, Ints]:
        """``(m, D)`` points of the manifold and their ``(m,)`` classes."""

    @abstractmethod
    def _foot(self, x: Floats) -> tuple[Floats, Ints]:
        """Distance and class of the manifold's point nearest to each row of ``x``, ``(M,)`` each."""

    def sample(
        self,
        m: int | None = None,
        *,
        noise: float | None = None,
        generator: Generator | None = None,
        dtype: torch.dtype = torch.float32,
        device: str | torch.device | None = None,
    ) -> Dataset:
        """Draw points of the manifold and add Gaussian noise.

        Computed in float64 on the CPU and then cast, so that a seed gives the same points on every device.
        Noise comes last: with the seed held, another ``noise`` moves the points along straight lines.

        Args:
            m: How many, at least 2; ``default_m`` if None.
            noise: Standard deviation in every coordinate, at least 0; ``default_noise`` if None.
            generator: On the CPU; torch's own if None.
            dtype: Of the points.
            device: For points and labels; the CPU if None, ``"auto"`` for the fastest there is.

        Returns:
            A `Dataset` with x ``(m, D)`` and y ``(m,)``.

        Raises:
            ValueError: ``m`` below 2; ``noise`` negative, infinite or NaN; ``dtype`` not floating.

        Example:
            >>> MANIFOLDS["crescents"].sample(generator=torch.Generator().manual_seed(0)).x.shape
            torch.Size([512, 2])
        """
        m = self.default_m if m is None else m
        noise = self.default_noise if noise is None else noise
        m = whole("m", m, 2, "expected at least 2 samples, a whole number, as mixing takes two")
        if not 0 <= real("noise", noise) < math.inf:
            raise ValueError(
                f"noise = {noise}: expected a standard deviation, finite and at least 0; 0 for none."
            )
        if not dtype.is_floating_point:
            raise ValueError(
                f"dtype = {dtype}: expected a floating one; pass torch.float32 or torch.float64."
            )
        points, y = self._draw(m, generator)
        x = torch.from_numpy(points)
        if noise:
            x = x + noise * torch.randn(x.shape, generator=generator, dtype=x.dtype)
        dataset = Dataset(self.name, x.to(dtype), torch.from_numpy(y), self.classes)
        return dataset if device is None else dataset.to(device)

    def nearest(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """How far any points are from the manifold without noise, and the class of its nearest point.

        Computed in float64 on the CPU, so that points on another device are waited for.

        Args:
            x: ``(M, D)``, floating.

        Returns:
            ``(M,)`` Euclidean distances with the dtype of ``x``, right to 1e-6 but for a few points far from
            the `Paraboloid`; and ``(M,)`` int64 classes, the first where several tie. On the device of ``x``.

        Raises:
            ValueError: ``x`` has another shape, holds integers, or is not finite.

        Example:
            >>> MANIFOLDS["crescents"].nearest(torch.tensor([[0.0, 3.0], [1.0, -3.0]]))
            (tensor([2.0000, 2.5000]), tensor([0, 1]))
        """
        if x.ndim != 2 or x.shape[1] != self.ambient or not x.is_floating_point():
            raise ValueError(
                f"{self.name}: x is {x.dtype} of shape {tuple(x.shape)}; expected one floating point in "
                f"R^{self.ambient} a row: reshape it to (M, {self.ambient}) or call x.float()."
            )
        points = x.detach().to("cpu", torch.float64).numpy()
        finite = np.isfinite(points)
        if not finite.all():
            row, column = np.argwhere(~finite)[0]
            raise ValueError(
                f"{self.name}: x[{row}, {column}] = {points[row, column]}; expected finite coordinates: drop "
                "such points by x[x.isfinite().all(1)], or look where they come from."
            )
        distance, y = self._foot(points)
        return torch.from_numpy(distance).to(x.dtype).to(x.device), torch.from_numpy(y).to(x.device)

    def distance(self, x: Tensor) -> Tensor:
        """The distances of `nearest` alone, ``(M,)``."""
        return self.nearest(x)[0]

    def true_class(self, x: Tensor) -> Tensor:
        """The classes of `nearest` alone, ``(M,)`` int64."""
        return self.nearest(x)[1]


class Crescents(Manifold):
    """CRESCENTS of Sec. 3 and Fig. 2 (a): two interleaving half circles of radius 1, as in ``make_moons``.

    Points are evenly spaced along each, then shuffled. Distances are in closed form.
    """

    name, title = "crescents", "CRESCENTS (2-D)"
    dimension, ambient = 1, 2
    classes = ("upper", "lower")
    default_m, default_noise = 512, 0.1

    def _draw(self, m: int, generator: Generator | None) -> tuple[Floats, Ints]:
        along, y = _two_halves(m, generator)
        x = np.stack([np.cos(math.pi * along), np.sin(math.pi * along)], 1)
        # The lower crescent is the upper one turned by half a turn about (0.5, 0.25).
        return np.where(y[:, None] == 1, np.array([1, 0.5]) - x, x), y

    def _foot(self, x: Floats) -> tuple[Floats, Ints]:
        return _first([arc_distance(x, (0, 0), 0, math.pi), arc_distance(x, (1, 0.5), math.pi, math.pi)])


class Spirals(Manifold):
    """SPIRALS of Sec. 3 and Fig. 2 (a): two Archimedean arms, each the other turned by half a turn.

    Their radius is angle / π, over two turns from 0.5 to 4.5: neighbouring arms are 1 apart, ten standard
    deviations of the default noise. Points are evenly spaced along each (square-root rule), then shuffled.
    """

    name, title = "spirals", "SPIRALS (2-D)"
    dimension, ambient = 1, 2
    classes = ("first arm", "second arm")
    default_m, default_noise = 512, 0.1

    def _draw(self, m: int, generator: Generator | None) -> tuple[Floats, Ints]:
        along, y = _two_halves(m, generator)
        t = np.sqrt(_ARM.start**2 + along * (_ARM.stop**2 - _ARM.start**2))
        return _ARM.point(t) * (1 - 2 * y)[:, None], y

    def _foot(self, x: Floats) -> tuple[Floats, Ints]:
        row, _, distance = _ARM.candidates(np.concatenate([x, -x]))
        return _first(np.split(least(row, distance), 2))


class Helix(Manifold):
    """The 1-D helix of Sec. 3 and Fig. 2 (b), closed around a torus; padded with zeros beyond R^3.

    It is ``M5a_Helix1d`` of scikit-dimension's ``BenchmarkManifolds``, which pads in the same way:
    ((2 + cos 8t) cos t, (2 + cos 8t) sin t, sin 8t, 0, ..), t uniform in [0, 2π). The classes, there to
    colour by, are the quarters of t.

    Args:
        ambient: D, at least 3.
    """

    dimension = 1
    classes = _QUARTERS
    default_m = 8192

    def __init__(self, ambient: int) -> None:
        self.name, self.title = f"helix-r{ambient}", f"Helix (1-D in {ambient}-D)"
        self.ambient = ambient

    def _draw(self, m: int, generator: Generator | None) -> tuple[Floats, Ints]:
        t = 2 * math.pi * _uniform(m, generator)
        return np.pad(_helix(t), ((0, 0), (0, self.ambient - 3))), _quarter(t, 0, 2 * math.pi)

    def _foot(self, x: Floats) -> tuple[Floats, Ints]:
        row, t, distance = _HELIX.candidates(x[:, :3])
        distance, y = first_nearest(row, distance, _quarter(t, 0, 2 * math.pi))
        return np.hypot(distance, np.linalg.norm(x[:, 3:], axis=1)), y


class Paraboloid(Manifold):
    """A 3-D paraboloid in R^12, the 3-D manifold in 12-D of Sec. 4: ``Mp1_Paraboloid`` of scikit-dimension.

    With v = (u, |u|²) it is (v, sin v, v²), over u in the open unit cube: u_i = 1 / (1 + E_i / E_0) for
    i = 1, 2, 3 and independent E ~ Exp(1). The class is the largest coordinate of u.

    Of points farther from it than 1.7, as no mixture of its samples is, about one in 2,000 gets a distance
    up to 1 % too long, from a point that is nearest only locally.
    """

    name, title = "paraboloid-r12", "Paraboloid (3-D in 12-D)"
    dimension, ambient = 3, 12
    classes = ("u1 largest", "u2 largest", "u3 largest")
    default_m = 8192

    def _draw(self, m: int, generator: Generator | None) -> tuple[Floats, Ints]:
        e = -np.log1p(-_uniform(4 * m, generator).reshape(4, m))
        u = (e[0] / (e[0] + e[1:])).T
        return paraboloid_point(u), u.argmax(1)

    def _foot(self, x: Floats) -> tuple[Floats, Ints]:
        row, u, distance = paraboloid_candidates(x)
        return first_nearest(row, distance, u.argmax(1))


class SwissRoll(Manifold):
    """The Swiss roll of ``make_swiss_roll``: (t cos t, 21v, t sin t), t uniform in [1.5π, 4.5π), v in [0, 1).

    The classes are the quarters of t. Not in the paper: a 2-D manifold close to itself.
    """

    name, title = "swiss-roll", "Swiss roll (2-D in 3-D)"
    dimension, ambient = 2, 3
    classes = _QUARTERS
    default_m = 2048

    def _draw(self, m: int, generator: Generator | None) -> tuple[Floats, Ints]:
        t = 1.5 * math.pi * (1 + 2 * _uniform(m, generator))
        x = np.insert(_spiral(t), 1, 21 * _uniform(m, generator), axis=1)
        return x, _quarter(t, 1.5 * math.pi, 4.5 * math.pi)

    def _foot(self, x: Floats) -> tuple[Floats, Ints]:
        row, t, distance = _ROLL.candidates(x[:, ::2])
        distance, y = first_nearest(row, distance, _quarter(t, 1.5 * math.pi, 4.5 * math.pi))
        return np.hypot(distance, x[:, 1] - x[:, 1].clip(0, 21)), y


class SCurve(Manifold):
    """The S of ``make_s_curve``: (sin t, 2v, sign(t) (cos t - 1)), t uniform in ±1.5π and v in [0, 1).

    The classes are the quarters of t. Each is an arc of a unit circle in profile, so that distances are in
    closed form. Not in the paper: a 2-D manifold with two bends.
    """

    name, title = "s-curve", "S-curve (2-D in 3-D)"
    dimension, ambient = 2, 3
    classes = _QUARTERS
    default_m = 2048

    def _draw(self, m: int, generator: Generator | None) -> tuple[Floats, Ints]:
        t = 3 * math.pi * (_uniform(m, generator) - 0.5)
        height = 2 * _uniform(m, generator)
        x = np.stack([np.sin(t), height, np.sign(t) * (np.cos(t) - 1)], 1)
        return x, _quarter(t, -1.5 * math.pi, 1.5 * math.pi)

    def _foot(self, x: Floats) -> tuple[Floats, Ints]:
        starts = [((0, 1), 0), ((0, 1), 0.75), ((0, -1), -0.25), ((0, -1), -1)]
        arcs = [arc_distance(x[:, ::2], centre, a * math.pi, 0.75 * math.pi) for centre, a in starts]
        distance, y = _first(arcs)
        return np.hypot(distance, x[:, 1] - x[:, 1].clip(0, 2)), y


def _uniform(count: int, generator: Generator | None) -> Floats:
    return torch.rand(count, generator=generator, dtype=torch.float64).numpy()


def _two_halves(m: int, generator: Generator | None) -> tuple[Floats, Ints]:
    """Positions evenly over [0, 1] for each of two classes, and the classes, in a random order."""
    along = np.concatenate([np.linspace(0, 1, m // 2), np.linspace(0, 1, m - m // 2)])
    order = torch.randperm(m, generator=generator).numpy()
    return along[order], (order >= m // 2).astype(np.int64)


def _first(distances: list[Floats]) -> tuple[Floats, Ints]:
    """The least of the distances to each class, and the first class that has it, to 1e-9."""
    nearest = np.min(distances, 0)
    return nearest, np.argmax(distances <= nearest + 1e-9, 0)


def _spiral(t: Floats) -> Floats:
    return np.stack([t * np.cos(t), t * np.sin(t)], 1)


def _helix(t: Floats) -> Floats:
    ring = 2 + np.cos(8 * t)
    return np.stack([ring * np.cos(t), ring * np.sin(t), np.sin(8 * t)], 1)


_ARM = Curve(lambda t: _spiral(t) / math.pi, 0.5 * math.pi, 4.5 * math.pi)
_ROLL = Curve(_spiral, 1.5 * math.pi, 4.5 * math.pi)
_HELIX = Curve(_helix, 0, 2 * math.pi, nodes=512)


def _quarter(t: Floats, start: float, stop: float) -> Ints:
    return np.clip((t - start) * (4 / (stop - start)), 0, 3).astype(np.int64)


MANIFOLDS: dict[str, Manifold] = {
    manifold.name: manifold
    for manifold in (Crescents(), Spirals(), Helix(3), Helix(12), Paraboloid(), SwissRoll(), SCurve())
}


def load(
    name: str,
    m: int | None = None,
    *,
    noise: float | None = None,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device | None = None,
) -> Dataset:
    """Draw samples of a manifold by name, from a seed; the rest is as in `Manifold.sample`.

    Raises:
        ValueError: There is no such name in `MANIFOLDS`, or `Manifold.sample` refuses an argument.

    Example:
        >>> load("helix-r12").x.shape
        torch.Size([8192, 12])
    """
    if name not in MANIFOLDS:
        raise ValueError(f"name = {name!r}: no such manifold; pass one of {', '.join(MANIFOLDS)}.")
    generator = torch.Generator().manual_seed(whole("seed", seed, -(2**63)))
    return MANIFOLDS[name].sample(m, noise=noise, generator=generator, dtype=dtype, device=device)
