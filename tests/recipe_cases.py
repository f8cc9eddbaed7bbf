"""Recipes of every kind and size, each beside the rows it should have, for the tests of recipes."""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch

from zmix_core.recipe import ChunkedRecipe, CirculantRecipe, Recipe


@dataclass
class Case:
    """A recipe, and the parents and weights it should have, as lists."""

    recipe: Recipe
    parents: list[list[int]]
    weights: list[list[float]]


@dataclass(frozen=True)
class Table:
    """Rows for a ChunkedRecipe: always the same, so that a test knows them."""

    parents: tuple[tuple[int, ...], ...]

    def draw(self, index, generator):
        return torch.tensor(self.parents)[index]


def some_weights(rng: random.Random, rows: int | None, n: int) -> torch.Tensor:
    shape = (n,) if rows is None else (rows, n)
    drawn = torch.tensor([rng.random() + 0.01 for _ in range(n * (rows or 1))], dtype=torch.float64)
    drawn = drawn.reshape(shape)
    return drawn / drawn.sum(-1, keepdim=True)


def as_rows(weights: torch.Tensor, size: int) -> list[list[float]]:
    return weights.expand(size, weights.shape[-1]).tolist()


def explicit(m: int, n: int, size: int, per_row: bool = False, seed: int = 0) -> Case:
    rng = random.Random(seed)
    parents = [[rng.randrange(m) for _ in range(n)] for _ in range(size)]  # with repetitions
    weights = some_weights(rng, size if per_row else None, n)
    return Case(Recipe(torch.tensor(parents), weights, m), parents, as_rows(weights, size))


def circulant(m: int, n: int, anchored: bool = True, per_row: bool = False, seed: int = 0) -> Case:
    rng = random.Random(seed)
    ring = rng.sample(range(m), m)
    start = [ring.index(k) for k in range(m)] if anchored else rng.sample(range(m), m)
    weights = some_weights(rng, None, n)
    made = CirculantRecipe(torch.tensor(ring), torch.tensor(start), weights)
    if per_row:
        weights = some_weights(rng, m, n)
        made = made.reweight(weights)
    parents = [[ring[(s + r) % m] for r in range(n)] for s in start]
    return Case(made, parents, as_rows(weights, m))


def chunked(m: int, n: int, rows_per_chunk: int, per_row: bool = False, seed: int = 0) -> Case:
    rng = random.Random(seed)
    parents = [rng.sample(range(m), n) for _ in range(m)]
    weights = some_weights(rng, None, n)
    seeds = [rng.randrange(2**63) for _ in range(-(-m // rows_per_chunk))]
    table = Table(tuple(map(tuple, parents)))
    made = ChunkedRecipe(table.draw, seeds, rows_per_chunk, weights, m, torch.device("cpu"))
    if per_row:
        weights = some_weights(rng, m, n)
        made = made.reweight(weights)
    return Case(made, parents, as_rows(weights, m))


CASES = {
    # Gather where 4 N <= m, dense above; the circulant's FFT where all share their weights.
    "explicit-gather": explicit(12, 3, 12),
    "explicit-dense": explicit(12, 4, 12),
    "explicit-all": explicit(9, 9, 9),
    "explicit-one-parent": explicit(9, 1, 9),
    "explicit-more-outputs": explicit(9, 2, 31),
    "explicit-fewer-outputs": explicit(9, 5, 4),
    "explicit-more-parents-than-samples": explicit(3, 8, 5),
    "explicit-per-row-gather": explicit(12, 3, 7, per_row=True),
    "explicit-per-row-dense": explicit(6, 5, 7, per_row=True),
    "circulant-gather": circulant(12, 3),
    "circulant-fft": circulant(12, 4),
    "circulant-fft-odd": circulant(9, 5),
    "circulant-all": circulant(8, 8),
    "circulant-two": circulant(2, 2),
    "circulant-random-anchor-gather": circulant(12, 2, anchored=False),
    "circulant-random-anchor-all": circulant(11, 11, anchored=False),
    "circulant-many-of-more": circulant(260, 65),  # N above 64: the FFT, though 4 N <= m
    "circulant-per-row-gather": circulant(12, 3, per_row=True),
    "circulant-per-row-dense": circulant(7, 7, per_row=True),
    "chunked-gather": chunked(13, 3, 4),
    "chunked-dense": chunked(13, 9, 4),
    "chunked-one-chunk": chunked(6, 6, 8),
    "chunked-single-rows": chunked(6, 6, 1),
    "chunked-per-row-gather": chunked(13, 2, 5, per_row=True),
    "chunked-per-row-dense": chunked(7, 6, 5, per_row=True),
}
FEW = ["explicit-gather", "explicit-dense", "circulant-gather", "circulant-fft-odd", "chunked-gather"]


def samples(m: int, *shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(m, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
