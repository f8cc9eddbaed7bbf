"""The mixing methods: each draws a `Recipe`. To add one, write a class like these and list it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

from zmix_core.arguments import must_be_tensor, real, whole
from zmix_core.device import resolve_device
from zmix_core.recipe import ChunkedRecipe, CirculantRecipe, Recipe
from zmix_core.weights import zeta_weights

__all__ = ["ERM", "METHODS", "Method", "Mixup", "ZetaMixup", "mixup", "zeta_mixup"]

KEEP = 2**24
"""The largest M x N whose parents a recipe keeps (128 MiB); above it rows are made when asked for."""


class Method(ABC):
    """One way to draw a recipe. A new method is a dataclass of its settings with a ``_draw``."""

    def draw(
        self,
        m: int,
        *,
        generator: torch.Generator | None = None,
        device: str | torch.device | None = None,
    ) -> Recipe:
        """Draw who is mixed with whom.

        Args:
            m: How many samples there are, at least 2; as many outputs are drawn.
            generator: All that is random comes from here, on its own device; by default torch's global
                generator of ``device``. One seed gives one recipe on one device.
            device: Where the recipe ends up (``"auto"``: CUDA, else MPS, else CPU); by default where the
                generator is, else the CPU.

        Raises:
            ValueError: m is below 2, or does not go with the method's settings.
        """
        needed = "mixing needs a batch of at least 2 samples"
        m = whole(
            "m", m, 2, f"{needed}. Where the last batch of a loader is the short one, use drop_last=True"
        )
        if generator is not None and not isinstance(generator, torch.Generator):
            raise TypeError(
                f"generator = {generator!r}: expected torch.Generator().manual_seed(0) or the like."
            )
        to = None if device is None else resolve_device(device)
        at = generator.device if generator is not None else to or torch.device("cpu")
        recipe = self._draw(m, at, generator)
        return recipe if to in (None, at) else recipe.to(to)

    @abstractmethod
    def _draw(self, m: int, at: torch.device, generator: torch.Generator | None) -> Recipe:
        """Draw on the device ``at``, where the generator is."""


@dataclass(frozen=True)
class ERM(Method):
    """No mixing: every output is its own sample (empirical risk minimization, Sec. 2).

    Example:
        >>> ERM().draw(3).matrix().diagonal()
        tensor([1., 1., 1.], dtype=torch.float64)
    """

    def _draw(self, m: int, at: torch.device, generator: torch.Generator | None) -> Recipe:
        return Recipe(torch.arange(m, device=at).unsqueeze(1), torch.ones(1, device=at), m)


@dataclass(frozen=True)
class Mixup(Method):
    """Pairs: ``lambda * x_k + (1 - lambda) * x_j``, j from a random permutation (Eq. 1; Zhang et al., 2018).

    N is 2; the partner of a sample may be the sample itself.

    Args:
        alpha: lambda is drawn from Beta(alpha, alpha). Finite, at least 0; 0 mixes nothing, 1 is uniform.
        per_sample: One lambda a sample, instead of one for the whole batch as in the original.

    Raises:
        ValueError: ``alpha`` is negative, infinite or NaN.

    Example:
        >>> Mixup(alpha=0.4).draw(8, generator=torch.Generator().manual_seed(0)).parents.shape
        torch.Size([8, 2])
    """

    alpha: float = 1.0
    per_sample: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(real("alpha", self.alpha)) and self.alpha >= 0):
            raise ValueError(f"alpha = {self.alpha}: expected a finite number of at least 0 (1 by default).")

    def _draw(self, m: int, at: torch.device, generator: torch.Generator | None) -> Recipe:
        # The permutation first: what lambda takes from the generator varies with alpha.
        partner = torch.randperm(m, generator=generator, device=at)
        own = torch.arange(m, device=at)
        lam = self._lambda(m if self.per_sample else 1, at, generator)
        # A recipe's first parent is the dominant one: where lambda < 1/2 that is the partner.
        swap = lam < 0.5
        parents = torch.stack([torch.where(swap, partner, own), torch.where(swap, own, partner)], dim=1)
        lam = torch.maximum(lam, 1 - lam)
        weights = torch.stack([lam, 1 - lam], dim=1)
        return Recipe(parents, weights if self.per_sample else weights[0], m)

    def _lambda(self, count: int, at: torch.device, generator: torch.Generator | None) -> Tensor:
        dtype = torch.float32 if at.type == "mps" else torch.float64
        if self.alpha == 0:
            return torch.ones(count, dtype=dtype, device=at)
        # Beta is G1 / (G1 + G2) of two Gamma(alpha) variates. Below alpha = 0.01 both underflow, and a naive
        # ratio is 1/2: so in logarithms, with log Gamma(alpha) = log Gamma(alpha + 1) - Exponential / alpha.
        shape = torch.full((count, 2), float(self.alpha) + 1.0, dtype=dtype, device=at)
        log_gamma = torch._standard_gamma(shape, generator=generator).log()
        log_gamma -= torch.empty_like(shape).exponential_(generator=generator) / max(self.alpha, 1e-300)
        return log_gamma.softmax(dim=1)[:, 0]


@dataclass(frozen=True)
class ZetaMixup(Method):
    """N samples at once, weighted by the p-series in random order (Eq. 2 and 3).

    Row k is a uniformly random permutation of ranks over the samples; rank r weighs r^-gamma / C. The
    weights are the only thing gamma changes: with the seed held, the parents stay.

    Args:
        n: N, the samples mixed into one output, 2 to m; None takes all m. Ranks above N weigh nothing.
        gamma: The exponent; finite, at least 0. From `GAMMA_MIN` on rank 1 outweighs all the others.
        anchor: ``"self"`` makes sample k rank 1 of output k, as the authors' code does; ``"random"`` is
            Eq. 3 to the letter, any sample may come first.
        scheme: ``"independent"`` draws every row by itself; ``"circulant"`` takes all rows from one random
            ring: each row alone is distributed just the same and W is doubly stochastic, but rows depend
            on one another. Only the latter is fast where N and m are both in the thousands. Independent
            rows then take time with the square of m, but never more than half a GB beside the samples and
            the result: they are drawn and applied in chunks.

    Raises:
        ValueError: A setting is not as said above; from `draw`, N above m.

    Example:
        >>> recipe = ZetaMixup(n=3, gamma=2.8).draw(8, generator=torch.Generator().manual_seed(0))
        >>> recipe.apply(torch.randn(8, 3, 32, 32)).shape
        torch.Size([8, 3, 32, 32])
    """

    n: int | None = None
    gamma: float = 2.8
    anchor: Literal["self", "random"] = "self"
    scheme: Literal["independent", "circulant"] = "independent"

    def __post_init__(self) -> None:
        if self.n is not None:
            whole("N", self.n, 2, "expected a whole number of at least 2, or None for all")
        zeta_weights(2, self.gamma)  # says what is wrong with gamma
        if self.anchor not in ("self", "random"):
            raise ValueError(f"anchor = {self.anchor!r}: expected 'self' or 'random'.")
        if self.scheme not in ("independent", "circulant"):
            raise ValueError(f"scheme = {self.scheme!r}: expected 'independent' or 'circulant'.")

    def _draw(self, m: int, at: torch.device, generator: torch.Generator | None) -> Recipe:
        n = m if self.n is None else int(self.n)
        if n > m:
            raise ValueError(
                f"N = {n} is more than the m = {m} samples there are; use an N from 2 to {m}, "
                "or n=None to mix all of them."
            )
        dtype = torch.float32 if at.type == "mps" else torch.float64
        weights = _series(n, float(self.gamma), dtype, at).clone()
        if self.scheme == "circulant":
            ring = torch.randperm(m, generator=generator, device=at)
            if self.anchor == "self":
                start = torch.argsort(ring)
            else:
                start = torch.randperm(m, generator=generator, device=at)
            return CirculantRecipe(ring, start, weights)
        rows = _Rows(m, n, self.anchor == "self")
        if m * n <= KEEP:
            parts = torch.arange(m, device=at).split(rows.per_chunk)
            drawn = [rows.draw(index, generator) for index in parts]
            return Recipe._drawn(drawn[0] if len(drawn) == 1 else torch.cat(drawn), weights, m)
        chunks = math.ceil(m / rows.per_chunk)
        seeds = torch.randint(2**63 - 1, (chunks,), generator=generator, device=at).tolist()
        return ChunkedRecipe(rows.draw, seeds, rows.per_chunk, weights, m, at)


def _order(keys: Tensor) -> Tensor:
    """``keys.argsort(dim=1)`` of random whole numbers ``(r, m)``, which it takes apart.

    Each key's last bits give way to its place, so that sorting the keys alone, several times as fast for
    short rows, says it all. Two keys that differ in those bits only are too rare ever to be met.
    """
    m = keys.shape[1]
    last = 2 ** (m - 1).bit_length() - 1
    keys.bitwise_and_(~last).bitwise_or_(torch.arange(m, device=keys.device))
    if keys.device.type == "cpu":
        keys.numpy().sort(axis=1)  # in place, and by vector instructions
    else:
        keys = keys.sort(dim=1).values
    return keys.bitwise_and_(last)


@dataclass(frozen=True)
class _Rows:
    """Independent rows: ordered draws of N out of m without repetition, every one equally likely."""

    m: int
    n: int
    anchored: bool

    @property
    def per_chunk(self) -> int:
        """Rows drawn at a time, so that their sort keys stay within 64 MiB."""
        return max(1, 2**23 // self.m)

    def draw(self, index: Tensor, generator: torch.Generator | None) -> Tensor:
        """Parents ``(len(index), N)`` of the outputs ``index``."""
        if 8 * self.n <= self.m:
            return self._by_redrawing(index, generator)
        # Integer keys of 63 bits: float32 keys tie, and a tie favours the smaller index.
        keys = torch.randint(2**63 - 1, (len(index), self.m), generator=generator, device=index.device)
        if self.anchored:
            keys.scatter_(1, index.unsqueeze(1), -1)
        return _order(keys)[:, : self.n].contiguous()

    def _by_redrawing(self, index: Tensor, generator: torch.Generator | None) -> Tensor:
        """N is small: draw with repetition, then draw again whatever repeats an entry of its row.

        No value is treated unlike another, so every ordered draw is equally likely at the end.
        """
        width = self.n - self.anchored
        size = self.m - self.anchored

        def fresh(*shape: int) -> Tensor:
            return torch.randint(size, shape, generator=generator, device=index.device)

        drawn = fresh(width, len(index)).T.contiguous()
        open_rows = torch.arange(len(index), device=index.device)
        while len(open_rows):
            ordered, place = drawn[open_rows].sort(dim=1, stable=True)
            again = ordered[:, 1:] == ordered[:, :-1]
            open_rows, again, place = (t[again.any(1)] for t in (open_rows, again, place))
            row, column = again.nonzero(as_tuple=True)
            drawn[open_rows[row], place[row, column + 1]] = fresh(len(row))
        if not self.anchored:
            return drawn
        own = index.unsqueeze(1)
        return torch.cat([own, drawn + (drawn >= own)], dim=1)


@lru_cache(maxsize=32)
def _series(n: int, gamma: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """The weights where they are needed: brought to an accelerator once, as it is waited for each time."""
    return zeta_weights(n, gamma, dtype=dtype, device=device)


from zmix_core.cutmix import CutMix, CutMixOrZeta  # noqa: E402  (its classes are methods, defined above)

METHODS: dict[str, type[Method]] = {
    "erm": ERM,
    "mixup": Mixup,
    "zeta-mixup": ZetaMixup,
    "cutmix": CutMix,
    "cutmix+zeta": CutMixOrZeta,
}
"""Every method by the name it has on the command line, in links and in tables."""


def zeta_mixup(
    x: Tensor,
    y: Tensor,
    *,
    n: int | None = None,
    gamma: float = 2.8,
    num_classes: int | None = None,
    anchor: Literal["self", "random"] = "self",
    scheme: Literal["independent", "circulant"] = "independent",
    generator: torch.Generator | None = None,
    device: str | torch.device | None = None,
) -> tuple[Tensor, Tensor]:
    """zeta-mixup of one batch: the same recipe for samples and labels.

    Args:
        x: ``(m, ...)`` samples, m at least 2; see `Recipe.apply`.
        y: ``(m,)`` integer classes, or floats ``(m, ...)``; see `Recipe.apply_labels`.
        n: See `ZetaMixup`, as for ``gamma``, ``anchor`` and ``scheme``.
        gamma: The exponent.
        num_classes: K; needed for integer labels.
        anchor: Whether output k starts from sample k.
        scheme: How rows are drawn.
        generator: All that is random comes from here.
        device: Where to mix; where ``x`` is by default.

    Returns:
        Mixed samples ``(m, ...)`` and soft labels ``(m, K)``.

    Raises:
        ValueError: The batch is empty or has one sample, lengths differ, N is above m, gamma is negative or
            NaN, a label lies outside the classes.

    Example:
        >>> x, y = zeta_mixup(torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 2, 1]), num_classes=3)
        >>> x.shape, y.shape
        (torch.Size([4, 1, 8, 8]), torch.Size([4, 3]))
    """
    return _mix_batch(ZetaMixup(n, gamma, anchor, scheme), x, y, num_classes, generator, device)


def mixup(
    x: Tensor,
    y: Tensor,
    *,
    alpha: float = 1.0,
    per_sample: bool = False,
    num_classes: int | None = None,
    generator: torch.Generator | None = None,
    device: str | torch.device | None = None,
) -> tuple[Tensor, Tensor]:
    """Mixup of one batch (Eq. 1): the same recipe for samples and labels.

    Args, returns and errors as for `zeta_mixup`; ``alpha`` and ``per_sample`` as for `Mixup`.

    Example:
        >>> x, y = mixup(torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 2, 1]), num_classes=3)
        >>> y.sum(1)
        tensor([1., 1., 1., 1.])
    """
    return _mix_batch(Mixup(alpha, per_sample), x, y, num_classes, generator, device)


def _mix_batch(
    method: Method,
    x: Tensor,
    y: Tensor,
    num_classes: int | None,
    generator: torch.Generator | None,
    device: str | torch.device | None,
) -> tuple[Tensor, Tensor]:
    must_be_tensor(x, "x")
    must_be_tensor(y, "y")
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
        raise ValueError(
            f"x has shape {tuple(x.shape)} and y {tuple(y.shape)}; expected the same number of both."
        )
    at = x.device if device is None else resolve_device(device)
    x, y = x.to(at), y.to(at)
    recipe = method.draw(len(x), generator=generator, device=at)
    return recipe.apply(x), recipe.apply_labels(y, num_classes)
