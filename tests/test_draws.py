"""Who is mixed with whom: every draw equally likely, repeated by its seed, made when asked for."""

from __future__ import annotations

import math
import pickle
from collections import Counter
from itertools import permutations

import numpy as np
import pytest
import torch
from by_hand import ALL, ANCHORS, SCHEMES, UNLIKELY, assert_equally_likely, assert_mixed, mix_with, seeded
from scipy import stats

from zmix_core import methods
from zmix_core.methods import ERM, METHODS, ZetaMixup
from zmix_core.recipe import ChunkedRecipe, CirculantRecipe, Recipe
from zmix_core.weights import GAMMA_MIN, zeta_weights

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def ordered_draws(m: int, n: int, k: int, anchor: str) -> list[tuple[int, ...]]:
    return [row for row in permutations(range(m), n) if anchor == "random" or row[0] == k]


# zeta-mixup: who is mixed with whom


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("anchor", ANCHORS)
@pytest.mark.parametrize(("m", "n"), [(2, 2), (3, 3), (3, 2), (4, 4), (5, 5), (5, 3)])
def test_every_ordered_draw_is_equally_likely(m, n, anchor, scheme):
    method, generator = ZetaMixup(n, anchor=anchor, scheme=scheme), seeded(m * 10 + n)
    draws = 20 * math.perm(m, n) if anchor == "random" else 24 * math.perm(m - 1, n - 1)
    seen = [Counter() for _ in range(m)]
    for _ in range(max(draws, 300)):
        # Rows of a ring depend on one another: each output is counted by itself.
        for k, row in enumerate(method.draw(m, generator=generator).parents.tolist()):
            seen[k][tuple(row)] += 1
    for k in range(m):
        assert_equally_likely(seen[k], ordered_draws(m, n, k, anchor))


@pytest.mark.parametrize("anchor", ANCHORS)
@pytest.mark.parametrize(("m", "n"), [(2, 2), (3, 2), (4, 4), (5, 3), (5, 5)])
@pytest.mark.parametrize("way", ["draw", "_by_redrawing"])
def test_both_ways_to_draw_rows_make_every_ordered_draw_equally_likely(m, n, anchor, way):
    rows = methods._Rows(m, n, anchor == "self")
    k, generator = m // 2, seeded(m * 10 + n)
    index = torch.full((60 * math.perm(m, n),), k)
    seen = Counter(map(tuple, getattr(rows, way)(index, generator).tolist()))
    assert_equally_likely(seen, ordered_draws(m, n, k, anchor))


@pytest.mark.parametrize("anchor", ANCHORS)
@pytest.mark.parametrize(("m", "n"), [(12, 9), (20, 4)])
@pytest.mark.parametrize("way", ["draw", "_by_redrawing"])
def test_both_ways_take_each_pair_at_each_two_ranks_equally_often(m, n, anchor, way):
    # More than can be enumerated; where most rows have to be drawn again, some several times.
    index = torch.full((40 * m * m,), 5)
    parents = getattr(methods._Rows(m, n, anchor == "self"), way)(index, seeded(m))
    first = 1 if anchor == "self" else 0
    for rank in range(first, n):
        for other in range(rank + 1, n):
            pairs = torch.bincount(parents[:, rank] * m + parents[:, other], minlength=m * m).reshape(m, m)
            assert pairs.diagonal().sum() == 0
            possible = ~torch.eye(m, dtype=torch.bool)
            if first:
                possible[5] = possible[:, 5] = False
            assert pairs[~possible].sum() == 0
            assert stats.chisquare(pairs[possible].numpy()).pvalue > UNLIKELY / 4  # some 200 such tests


@pytest.mark.parametrize("anchor", ANCHORS)
def test_pairs_out_of_many_are_equally_likely(anchor):
    m, n = 16, 2  # drawn again where they repeat
    generator = seeded(0)
    seen = [Counter() for _ in range(m)]
    for _ in range(40 * 15 if anchor == "self" else 16 * 40 * 15 // m):
        for k, row in enumerate(ZetaMixup(n, anchor=anchor).draw(m, generator=generator).parents.tolist()):
            seen[k][tuple(row)] += 1
    if anchor == "self":
        for k in range(m):
            assert_equally_likely(seen[k], ordered_draws(m, n, k, anchor))
    else:  # independent rows of one distribution
        assert_equally_likely(sum(seen, Counter()), ordered_draws(m, n, 0, anchor))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("anchor", ANCHORS)
@pytest.mark.parametrize(("m", "n"), [(40, 3), (40, 5), (40, 40), (13, 10)])
def test_each_rank_takes_each_sample_equally_often(m, n, anchor, scheme):
    method, generator, draws = ZetaMixup(n, anchor=anchor, scheme=scheme), seeded(m + n), 40 * m
    rows = torch.stack([method.draw(m, generator=generator).rows(d % m)[0] for d in range(draws)])
    # Seen from sample k, the one of which this draw's row is: the others are all alike.
    steps = (rows - (torch.arange(draws) % m).unsqueeze(1)) % m
    first = 0
    if anchor == "self":
        assert (steps[:, 0] == 0).all()
        first = 1
    for rank in range(first, n):
        for counted, low in ((rows[:, rank], 0), (steps[:, rank], first)):
            counts = torch.bincount(counted, minlength=m)[low:]
            assert counts.sum() == draws
            assert stats.chisquare(counts.numpy()).pvalue > UNLIKELY / 4  # some 600 such tests
    # And two ranks do not follow one another, but for never being the same.
    gap = (rows[:, -1] - rows[:, -2]) % m
    counts = torch.bincount(gap, minlength=m)
    assert counts[0] == 0
    assert stats.chisquare(counts[1:].numpy()).pvalue > UNLIKELY / 4


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("anchor", ANCHORS)
@pytest.mark.parametrize(("m", "n"), [(2, 2), (8, 8), (9, 4), (50, 6), (300, 3), (300, 37), (300, 38)])
def test_rows_repeat_no_sample(m, n, anchor, scheme):
    recipe = ZetaMixup(n, anchor=anchor, scheme=scheme).draw(m, generator=seeded(0))
    assert recipe.parents.shape == (m, n)
    assert recipe.parents.dtype == torch.int64
    assert all(len(set(row)) == n and 0 <= min(row) <= max(row) < m for row in recipe.parents.tolist())
    if anchor == "self":
        assert recipe.parents[:, 0].tolist() == list(range(m))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("m", [2, 5, 50])
def test_n_none_takes_all_and_weights_are_the_p_series(m, scheme):
    recipe = ZetaMixup(None, 2.8, scheme=scheme).draw(m, generator=seeded(0))
    assert recipe.n == recipe.size == recipe.m == m
    expected = zeta_weights(m, 2.8)
    w = recipe.matrix()
    # Each row of W is a permutation of the p-series; nothing above N in a smaller one.
    for row in w.sort(dim=1, descending=True).values:
        assert torch.equal(row, expected)
    few = ZetaMixup(2, 2.8, scheme=scheme).draw(m, generator=seeded(0)).matrix()
    assert (few > 0).sum(1).tolist() == [2] * m


def test_the_paper_counts_n_factorial_outputs():
    x = torch.tensor([[0.0], [1.0], [10.0], [100.0]], dtype=torch.float64)
    generator, outputs = seeded(0), set()
    for _ in range(100):
        out = ZetaMixup(anchor="random").draw(4, generator=generator).apply(x)
        outputs.update(round(value, 9) for value in out.flatten().tolist())
    assert len(outputs) == math.factorial(4)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("anchor", ANCHORS)
@pytest.mark.parametrize(("m", "n"), [(6, 6), (40, 3)])
def test_gamma_never_changes_the_parents(m, n, anchor, scheme):
    drawn = [
        ZetaMixup(n, g, anchor, scheme).draw(m, generator=seeded(5)) for g in (0.0, GAMMA_MIN, 2.8, 50.0)
    ]
    for recipe in drawn[1:]:
        assert torch.equal(recipe.parents, drawn[0].parents)
        assert torch.equal(drawn[0].reweight(zeta_weights(n, 2.8)).parents, recipe.parents)
    assert torch.equal(drawn[2].matrix(), drawn[0].reweight(zeta_weights(n, 2.8)).matrix())


@pytest.mark.parametrize("method", ALL.values(), ids=ALL)
def test_one_seed_one_recipe(method):
    def drawn(seed: int) -> tuple[list, list]:
        recipe = method.draw(30, generator=seeded(seed))
        return recipe.parents.tolist(), recipe.matrix().tolist()

    assert drawn(1) == drawn(1)
    if not isinstance(method, ERM):
        assert drawn(1) != drawn(2)
        generator = seeded(1)
        first, second = (method.draw(30, generator=generator).parents.tolist() for _ in range(2))
        assert first != second


@pytest.mark.parametrize("method", ALL.values(), ids=ALL)
def test_without_a_generator_torch_manual_seed_decides(method):
    def drawn(seed: int) -> list:
        torch.manual_seed(seed)
        return method.draw(30).matrix().tolist()

    assert drawn(1) == drawn(1)
    assert isinstance(method, ERM) or drawn(1) != drawn(2)


@pytest.mark.parametrize("method", ALL.values(), ids=ALL)
def test_a_generator_leaves_the_global_one_alone(method):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    method.draw(30, generator=seeded(1))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", METHODS)
def test_every_listed_method_draws_a_valid_recipe(name):
    for m in (2, 3, 17):
        recipe = METHODS[name]().draw(m, generator=seeded(0))
        w = recipe.matrix()
        assert w.shape == (m, m)
        assert (w >= 0).all()
        torch.testing.assert_close(w.sum(1), torch.ones(m, dtype=torch.float64))
        first = recipe.rows(torch.arange(m))[1]
        assert (first[:, :1] >= first).all()  # the dominant parent comes first
        assert torch.equal(METHODS[name]().draw(np.int64(m), device="cpu", generator=seeded(0)).matrix(), w)


# Recipes too large to keep


@pytest.mark.parametrize("anchor", ANCHORS)
@pytest.mark.parametrize("n", [2, 3, 20, 37])
@pytest.mark.parametrize("per_chunk", [1, 5, 37, 100])
def test_rows_made_when_asked_for(anchor, n, per_chunk, monkeypatch):
    m = 37
    monkeypatch.setattr(methods, "KEEP", 0)
    monkeypatch.setattr(methods._Rows, "per_chunk", per_chunk)
    recipe = ZetaMixup(n, 2.0, anchor=anchor).draw(m, generator=seeded(3))
    assert isinstance(recipe, ChunkedRecipe)
    parents = recipe.parents
    assert all(len(set(row)) == n and 0 <= min(row) <= max(row) < m for row in parents.tolist())
    if anchor == "self":
        assert parents[:, 0].tolist() == list(range(m))
    shuffled = torch.randperm(m, generator=seeded(0))
    assert torch.equal(recipe.rows(shuffled)[0], parents[shuffled])
    for index in ([36], [0, 36, 0], [20, 3, 4], [-1]):
        assert recipe.rows(torch.tensor(index))[0].tolist() == parents[index].tolist()
    assert torch.equal(recipe.rows(-1)[0], parents[-1])
    again = ZetaMixup(n, 2.8, anchor=anchor).draw(m, generator=seeded(3))
    assert torch.equal(again.parents, parents)  # another gamma, the same seed
    other = ZetaMixup(n, 2.0, anchor=anchor).draw(m, generator=seeded(4))
    assert not torch.equal(other.parents, parents)
    assert torch.equal(pickle.loads(pickle.dumps(recipe)).parents, parents)
    kept = Recipe(parents, recipe.weights, m)
    x = torch.randn(m, 4, dtype=torch.float64, generator=seeded(1))
    assert_mixed(recipe.apply(x), kept.apply(x))
    assert_mixed(recipe.apply(x), mix_with(kept, x))


def test_chunks_are_drawn_each_by_itself(monkeypatch):
    # Two chunks of the same seed would repeat one another's permutations.
    monkeypatch.setattr(methods, "KEEP", 0)
    monkeypatch.setattr(methods._Rows, "per_chunk", 8)
    parents = ZetaMixup(8, anchor="random").draw(64, generator=seeded(0)).parents
    assert len({tuple(chunk.flatten().tolist()) for chunk in parents.split(8)}) == 8


def test_a_real_recipe_that_is_too_large_to_keep():
    m = 4200
    assert m * m > methods.KEEP
    recipe = ZetaMixup(None, 2.8).draw(m, generator=seeded(0))
    assert isinstance(recipe, ChunkedRecipe)
    index = torch.tensor([m - 1, 0])
    parents, weights = recipe.rows(index)
    assert parents[:, 0].tolist() == index.tolist()
    assert parents.sort(dim=1).values.equal(torch.arange(m).expand(2, m))
    assert weights[1].tolist() == zeta_weights(m, 2.8).tolist()
    kept = sum(v.nbytes for v in vars(recipe).values() if isinstance(v, torch.Tensor))
    assert kept < 100_000  # and not the 141 MB of the parents


def test_a_ring_of_the_whole_set_keeps_no_parents():
    recipe = ZetaMixup(scheme="circulant").draw(50_000, generator=seeded(0))
    assert isinstance(recipe, CirculantRecipe)
    assert sum(v.nbytes for v in vars(recipe).values() if isinstance(v, torch.Tensor)) < 2_000_000
    parents, _ = recipe.rows(torch.tensor([17, 49_999]))
    assert parents[:, 0].tolist() == [17, 49_999]
    assert parents.sort(dim=1).values.equal(torch.arange(50_000).expand(2, -1))


@pytest.mark.parametrize("m", [1, 2, 3, 31, 32, 33, 128, 1000])
def test_keys_are_put_in_order_as_argsort_does(m):
    keys = torch.randint(2**63 - 1, (7, m), generator=seeded(m))
    keys[:, m // 2] = -1  # who comes first whatever is drawn
    expected = keys.argsort(dim=1)
    assert torch.equal(methods._order(keys), expected)
