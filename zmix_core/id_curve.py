"""How the local intrinsic dimension of a mixed set changes with gamma (Fig. 4)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from zmix_core.arguments import whole
from zmix_core.gram import Gram, by_columns, gram
from zmix_core.local_dimension import NARROW, PAIRS, LocalID, flattened, measure
from zmix_core.methods import ERM, Method, Mixup, ZetaMixup
from zmix_core.points import Points
from zmix_core.recipe import Recipe
from zmix_core.steps import scaled
from zmix_core.weights import GAMMA_MIN, zeta_weights

__all__ = ["GAMMAS", "KS", "Curve", "Level", "Sweep", "curve"]

GAMMAS = tuple(i / 2 for i in range(31))
"""0 to 15 in steps of 1/2: the range of Fig. 4."""

KS = (8, 128)
"""The neighbourhoods of Fig. 4."""

FEW = 2000
"""Points looked at where the inner products of all pairs would take too much memory."""


@dataclass(frozen=True)
class Level:
    """Local ID over the points of one set: mean, standard deviation, and standard error of the mean."""

    mean: float
    std: float
    error: float

    @classmethod
    def of(cls, count: Tensor) -> Level:
        """Of the local ID ``(q,)`` of each point."""
        values = count.double()
        std = float(values.std(correction=0))
        return cls(float(values.mean()), std, std / math.sqrt(len(values)))


@dataclass(frozen=True)
class Curve:
    """Local ID over gamma, as far as it is computed.

    Attributes:
        gammas: Every gamma asked for, ascending.
        ks: Every k asked for, ascending.
        levels: ``levels["original"][k]`` and ``levels["mixup"][k]``, once they are known.
        points: ``points[k][gamma]`` of zeta-mixup for every gamma computed so far, ascending.
        m: How many points the sets have.
        queries: How many of them the local ID was computed at; all ``m`` are neighbours.
        progress: 0 to 1.
        elapsed: Seconds so far.
    """

    gammas: tuple[float, ...]
    ks: tuple[int, ...]
    m: int
    queries: int
    levels: Mapping[str, Mapping[int, Level]] = field(default_factory=dict)
    points: Mapping[int, Mapping[float, Level]] = field(default_factory=dict)
    progress: float = 0.0
    elapsed: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether every gamma is there."""
        return self.progress == 1

    @property
    def left(self) -> float | None:
        """Seconds that are left by the pace so far; None before there is one."""
        return self.elapsed * (1 / self.progress - 1) if self.progress else None


class Sweep:
    """One data set, its baselines and one recipe of zeta-mixup, whose local ID is asked for at any gamma.

    What does not depend on gamma is made once: the recipes, and in more than 64 dimensions the inner products
    of all pairs of samples, from which those of every mixed set follow (in float32; 16 m² bytes together).
    Where these would take more than `PAIRS` bytes, samples are mixed and compared as they are, at `FEW`
    points drawn at random.

    Args:
        x, ks, n, method, baselines, seed, queries: See `curve`.

    Raises:
        ValueError: As for `curve`.
    """

    def __init__(
        self,
        x: Tensor,
        ks: Sequence[int] = KS,
        *,
        n: int = 32,
        method: Callable[[int, float], Method] = ZetaMixup,
        baselines: Mapping[str, Method] | None = None,
        seed: int = 0,
        queries: int | None = None,
    ) -> None:
        flat, self.ks = flattened(x, ks)
        self.m = len(flat)
        self._seed, self._device = seed, flat.device
        if baselines is None:
            baselines = {"original": ERM(), "mixup": Mixup(per_sample=True)}
        self._zeta = self._draw(method(n, GAMMA_MIN))
        self._baselines = {name: self._draw(baseline) for name, baseline in baselines.items()}
        self._by_pairs = flat.shape[1] > NARROW and 16 * self.m**2 <= PAIRS
        # Pictures are multiplied as whole numbers, but mixed as floats.
        as_floats = flat.dtype == torch.uint8 and not self._by_pairs
        self._flat = flat.float() / 255 if as_floats else flat
        self._size = 0.0 if self._by_pairs else float(self._flat.abs().max())
        self._gram: Gram | None = None
        if queries is None and flat.shape[1] > NARROW and not self._by_pairs:
            queries = FEW
        self._chosen = None
        if queries is not None and (count := whole("queries", queries, 1)) < self.m:
            generator = torch.Generator().manual_seed(seed)
            chosen = torch.randperm(self.m, generator=generator)[:count].sort().values
            self._chosen = chosen.to(flat.device)

    @property
    def queries(self) -> int:
        """At how many points the local ID is computed."""
        return self.m if self._chosen is None else len(self._chosen)

    def at(self, gamma: float) -> Generator[float, None, dict[int, LocalID]]:
        """Local ID of zeta-mixup at ``gamma``: yields its progress, 0 to 1, and returns one result a k."""
        return self._local_ids(self._zeta.reweight(zeta_weights(self._zeta.n, gamma)))

    def baseline(self, name: str) -> Generator[float, None, dict[int, LocalID]]:
        """Local ID of ``"original"``, ``"mixup"`` or another baseline, as `at` gives it."""
        return self._local_ids(self._baselines[name])

    def curve(self, gammas: Sequence[float] = GAMMAS) -> Iterator[Curve]:
        """Local ID over gamma: see `curve`."""
        gammas = tuple(sorted(set(map(float, gammas))))
        done, total, elapsed = 0, len(self._baselines) + len(gammas), 0.0
        levels: dict[str, dict[int, Level]] = {}
        points: dict[int, dict[float, Level]] = {k: {} for k in self.ks}

        def now(part: float) -> Curve:
            shown = {k: dict(sorted(p.items())) for k, p in points.items()}
            progress = (done + part) / total
            return Curve(gammas, self.ks, self.m, self.queries, dict(levels), shown, progress, elapsed)

        zeta = [(gamma, self.at(gamma)) for gamma in _coarse_to_fine(gammas)]
        sets: list[tuple[str | float, Generator[float, None, dict[int, LocalID]]]] = [*zeta[:1]]
        sets += [(name, self.baseline(name)) for name in self._baselines]
        sets += zeta[1:]
        for name, steps in sets:
            while True:
                start = time.monotonic()
                try:
                    part = next(steps)
                except StopIteration as end:
                    found = {k: Level.of(ids.count) for k, ids in end.value.items()}
                    break
                finally:
                    elapsed += time.monotonic() - start
                if part < 1:  # else there is more to say in a moment
                    yield now(part)
            if isinstance(name, str):
                levels[name] = found
            else:
                for k in self.ks:
                    points[k][name] = found[k]
            done += 1
            yield now(0.0)

    def _draw(self, method: Method) -> Recipe:
        recipe = method.draw(self.m, generator=torch.Generator().manual_seed(self._seed))
        return recipe.to(self._device)

    def _local_ids(self, recipe: Recipe) -> Generator[float, None, dict[int, LocalID]]:
        if not self._by_pairs:
            mixed = yield from scaled(by_columns(recipe, self._flat), 0.0, 0.2)
            points = Points(mixed, self._size)
            return (yield from scaled(measure(points, self.ks, self._chosen), 0.2, 1.0))
        start = 0.0
        if self._gram is None:
            pairs = yield from scaled(gram(self._flat), 0.0, 0.3)
            self._gram = yield from scaled(pairs.centred(), 0.3, 0.4)
            start = 0.4
        mixed_pairs = yield from scaled(self._gram.mixed(recipe), start, (start + 1) / 2)
        return (yield from scaled(measure(mixed_pairs, self.ks, self._chosen), (start + 1) / 2, 1.0))


def curve(
    x: Tensor,
    gammas: Sequence[float] = GAMMAS,
    ks: Sequence[int] = KS,
    *,
    n: int = 32,
    method: Callable[[int, float], Method] = ZetaMixup,
    baselines: Mapping[str, Method] | None = None,
    seed: int = 0,
    queries: int | None = None,
) -> Iterator[Curve]:
    """Local ID over gamma, for the original samples, mixup and zeta-mixup (Fig. 4 of the paper).

    One seed gives every recipe, and gamma changes only the weights of one of them. Results come coarse to
    fine: the largest gamma, the baselines, the least gamma, then the middle of every gap. A `Curve` is
    yielded at every step of some ten milliseconds, with its progress and the time left; to cancel, ask for no
    more.

    Args:
        x: ``(m, ...)`` samples, see `local_id`.
        gammas: Exponents, each finite and at least 0; any order. 0 to 15 in steps of 1/2 by default.
        ks: Sizes of neighbourhoods, each at least 2 and below m; 8 and 128 by default.
        n: N, the samples mixed into one output, 2 to m.
        method: ``method(n, gamma)`` gives the method to sweep, `ZetaMixup` or it with other settings by
            `functools.partial`; its weights must be the p-series.
        baselines: Methods by name to compare with; by default the original samples and mixup with one lambda
            a sample (alpha = 1).
        seed: Of every recipe, and of the choice of ``queries``.
        queries: At how many points, drawn at random, the local ID is computed, to be quick; all m by default.
            All points stay neighbours.

    Yields:
        `Curve`, as far as it is; the last one is complete.

    Raises:
        ValueError: An argument is not as said above.

    Example:
        >>> for step in curve(torch.rand(300, 3), [0, 4], ks=[8]):
        ...     pass
        >>> step.complete, sorted(step.points[8])
        (True, [0.0, 4.0])
    """
    sweep = Sweep(x, ks, n=n, method=method, baselines=baselines, seed=seed, queries=queries)
    for gamma in gammas:
        zeta_weights(2, gamma)  # says what is wrong with it
    if not gammas:
        raise ValueError("gammas is empty; expected at least one exponent.")
    return sweep.curve(gammas)


def _coarse_to_fine(values: Sequence[float]) -> list[float]:
    """Both ends, the last one first, then the middle of every gap, the widest first."""
    order = [len(values) - 1, 0]
    step = 1 << (len(values) - 1).bit_length()
    while step > 1:
        step //= 2
        order += range(0, len(values), step)
    return [values[i] for i in dict.fromkeys(order)]
