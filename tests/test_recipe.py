"""Every kind of recipe against a plain loop over Eq. 2, by every path, for every kind of tensor."""

from __future__ import annotations

import copy
import pickle
import random

import pytest
import torch
from by_hand import TOLERANCES, assert_mixed, matrix, mix
from hypothesis import given, settings
from hypothesis import strategies as st
from recipe_cases import as_rows, chunked, circulant, explicit, samples, some_weights

from zmix_core import recipe as recipe_module
from zmix_core.products import dense, gather
from zmix_core.recipe import CirculantRecipe, Recipe
from zmix_core.weights import zeta_weights

# What a recipe says of itself


def test_rows_parents_and_size(case):
    recipe = case.recipe
    assert recipe.parents.tolist() == case.parents
    assert recipe.parents.dtype == torch.int64
    assert (recipe.size, recipe.n) == (len(case.parents), len(case.parents[0]))
    assert recipe.device == torch.device("cpu")
    for index in ([1, 0], [1, 1], [], list(range(recipe.size))[::-1], [-1, 0]):
        parents, weights = recipe.rows(torch.tensor(index, dtype=torch.int64))
        assert parents.shape == weights.shape == (len(index), recipe.n)
        assert parents.tolist() == [case.parents[k] for k in index]
        assert weights.tolist() == [case.weights[k] for k in index]


def test_a_single_row(case):
    for k in (0, 1, case.recipe.size - 1, -1):
        parents, weights = case.recipe.rows(k)
        assert parents.tolist() == case.parents[k]
        assert weights.tolist() == case.weights[k]


@pytest.mark.parametrize("index", [40, -40])
def test_a_row_that_is_not_there(few, index):
    with pytest.raises(IndexError):
        few.recipe.rows(index)


def test_matrix(case):
    m = case.recipe.m
    w = case.recipe.matrix()
    assert w.shape == (case.recipe.size, m)
    assert w.dtype == torch.float64
    torch.testing.assert_close(w, matrix(case.parents, case.weights, m), rtol=1e-14, atol=1e-15)
    torch.testing.assert_close(w.sum(1), torch.ones(len(w), dtype=torch.float64), rtol=1e-14, atol=0)
    assert case.recipe.matrix(torch.float32).dtype == torch.float32


def test_reweighted_recipes_keep_their_parents(case):
    recipe, rng = case.recipe, random.Random(1)
    before = recipe.weights.clone()
    x = samples(recipe.m, 3)
    for rows in (None, recipe.size):
        weights = some_weights(rng, rows, recipe.n)
        other = recipe.reweight(weights)
        assert type(other) is type(recipe)
        assert other.parents.tolist() == case.parents
        assert_mixed(other.apply(x), mix(case.parents, as_rows(weights, recipe.size), x))
    assert torch.equal(recipe.weights, before)


def test_copies_and_pickles_mix_alike(case):
    x = samples(case.recipe.m, 4)
    expected = case.recipe.apply(x)
    for other in (
        case.recipe.to("cpu"),
        copy.deepcopy(case.recipe),
        pickle.loads(pickle.dumps(case.recipe)),
    ):
        assert other is not case.recipe
        assert other.parents.tolist() == case.parents
        assert torch.equal(other.apply(x), expected)


# Mixing


@pytest.mark.parametrize("shape", [(), (5,), (2, 3), (3, 4, 5), (2, 3, 2, 4)], ids=str)
def test_apply_is_eq_2_at_any_rank(case, shape):
    x = samples(case.recipe.m, *shape)
    out = case.recipe.apply(x)
    assert out.dtype == torch.float64
    assert out.shape == (case.recipe.size, *shape)
    assert_mixed(out, mix(case.parents, case.weights, x))


@pytest.mark.parametrize("elements", [1, 7, 30])
def test_small_chunks_change_nothing(case, elements, monkeypatch):
    x = samples(case.recipe.m, 7)
    monkeypatch.setattr(recipe_module, "CHUNK", elements)
    assert_mixed(case.recipe.apply(x), mix(case.parents, case.weights, x))


def test_every_path_gives_the_same_answer(case):
    x = samples(case.recipe.m, 6)
    parents, weights = case.recipe.rows(torch.arange(case.recipe.size))
    ways = [
        gather(parents, weights, x),
        dense(case.recipe.matrix(), x),
        case.recipe._mix(x),
        torch.cat([product(x) for product in Recipe._products(case.recipe, x.dtype)]),
        Recipe(case.recipe.parents, case.recipe.weights, case.recipe.m).apply(x),
    ]
    for way in ways:
        assert_mixed(way, mix(case.parents, case.weights, x))


@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
def test_floats_keep_their_dtype(case, dtype):
    x = (10 * samples(case.recipe.m, 3, 4)).to(dtype)
    out = case.recipe.apply(x / 10)
    assert out.dtype == dtype
    assert_mixed(out, mix(case.parents, case.weights, x / 10))


@pytest.mark.parametrize("weight_dtype", [torch.float32, torch.float64])
def test_the_weights_own_dtype_does_not_show(few, weight_dtype):
    recipe = few.recipe.reweight(few.recipe.weights.to(weight_dtype))
    for dtype in (torch.float32, torch.float64):
        out = recipe.apply(samples(recipe.m, 3).to(dtype))
        assert out.dtype == dtype
        assert_mixed(out, mix(few.parents, few.weights, samples(recipe.m, 3).to(dtype)), dtype=torch.float32)


def test_half_precision_is_mixed_in_float32(case):
    # Summed in float16, these would stop at 2048; above 65504 there would be nothing but infinity.
    x = torch.full((case.recipe.m, 2), 6e4, dtype=torch.float16)
    assert torch.equal(case.recipe.apply(x), torch.full((case.recipe.size, 2), 6e4, dtype=torch.float16))


def test_uint8_pictures_become_floats_from_0_to_1(case):
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(256, (case.recipe.m, 3, 4, 4), dtype=torch.uint8, generator=generator)
    x[:, :, 0, 0], x[:, :, 1, 1] = 0, 255
    out = case.recipe.apply(x)
    assert out.dtype == torch.float32
    assert_mixed(out, mix(case.parents, case.weights, x.double() / 255))
    assert out.min() >= 0
    assert out.max() <= 1 + 1e-6


def test_bools_count_as_0_and_1(few):
    x = samples(few.recipe.m, 5) > 0
    out = few.recipe.apply(x)
    assert out.dtype == torch.float32
    assert_mixed(out, mix(few.parents, few.weights, x.double()))


FORMATS = [((3, 4, 5), torch.channels_last), ((3, 2, 4, 5), torch.channels_last_3d)]


@pytest.mark.parametrize(("shape", "memory_format"), FORMATS, ids=["channels_last", "channels_last_3d"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.uint8], ids=str)
def test_memory_formats_are_kept(case, shape, memory_format, dtype):
    x = (samples(case.recipe.m, *shape).sigmoid() * 200).to(dtype)
    out = case.recipe.apply(x.to(memory_format=memory_format))
    assert out.is_contiguous(memory_format=memory_format)
    assert not out.is_contiguous()
    assert out.shape == (case.recipe.size, *shape)
    expected = case.recipe.apply(x)
    assert expected.is_contiguous()
    torch.testing.assert_close(out, expected, check_stride=False)


@pytest.mark.parametrize("shape", [(1, 4, 5), (3, 1, 1)], ids=str)
def test_pictures_that_lie_both_ways(few, shape):
    x = samples(few.recipe.m, *shape).to(memory_format=torch.channels_last)
    out = few.recipe.apply(x)
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert_mixed(out, mix(few.parents, few.weights, x))


def test_inputs_that_are_not_contiguous(few):
    m = few.recipe.m
    for x in (
        samples(6, m).T,
        samples(m, 12)[:, ::3],
        samples(2 * m, 4)[::2],
        samples(m, 3, 5).transpose(1, 2),
        samples(m, 1).expand(m, 4),
        samples(1, 4).expand(m, 4),
        samples(m, 4, 5, 3).permute(0, 3, 2, 1),
        samples(m, 6, 4).flip(1),
    ):
        assert_mixed(few.recipe.apply(x), mix(few.parents, few.weights, x))


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 4, 4)], ids=str)
def test_samples_of_no_width(case, shape):
    for dtype in (torch.float64, torch.float16, torch.uint8):
        assert case.recipe.apply(torch.empty(case.recipe.m, *shape, dtype=dtype)).shape == (
            case.recipe.size,
            *shape,
        )


def test_the_input_is_left_alone(case):
    x = samples(case.recipe.m, 3)
    before = x.clone()
    case.recipe.apply(x)
    assert torch.equal(x, before)


def test_gradients_flow_through(case):
    x = samples(case.recipe.m, 2, 3).requires_grad_()
    upstream = samples(case.recipe.size, 2, 3, seed=1)
    case.recipe.apply(x).backward(upstream)
    expected = matrix(case.parents, case.weights, case.recipe.m).T @ upstream.flatten(1)
    assert_mixed(x.grad.flatten(1), expected)


def test_gradients_flow_where_all_samples_are_equal(case):
    # As in a border of zeros: where rounding alone sets the outputs apart.
    x = torch.full((case.recipe.m, 3), 0.1, dtype=torch.float64, requires_grad=True)
    upstream = samples(case.recipe.size, 3, seed=1)
    case.recipe.apply(x).backward(upstream)
    assert_mixed(x.grad, matrix(case.parents, case.weights, case.recipe.m).T @ upstream)


@settings(max_examples=120)
@given(data=st.data())
def test_any_recipe_is_eq_2(data):
    m = data.draw(st.integers(2, 24), "m")
    n = data.draw(st.integers(1, m), "n")
    per_row = data.draw(st.booleans(), "per_row")
    seed = data.draw(st.integers(0, 2**20), "seed")
    kind = data.draw(st.sampled_from(["explicit", "circulant", "chunked"]), "kind")
    if kind == "explicit":
        case = explicit(m, n, data.draw(st.integers(1, 30), "size"), per_row, seed)
    elif kind == "circulant":
        case = circulant(m, n, data.draw(st.booleans(), "anchored"), per_row, seed)
    else:
        case = chunked(m, n, data.draw(st.integers(1, m + 1), "rows_per_chunk"), per_row, seed)
    shape = data.draw(st.lists(st.integers(0, 4), max_size=4), "shape")
    dtype = data.draw(st.sampled_from(list(TOLERANCES)), "dtype")
    x = samples(m, *shape, seed=seed).clamp(-1, 1).to(dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe_module, "CHUNK", data.draw(st.sampled_from([1, 50, 2**24]), "CHUNK"))
        assert_mixed(case.recipe.apply(x), mix(case.parents, case.weights, x))
        torch.testing.assert_close(
            case.recipe.matrix(), matrix(case.parents, case.weights, m), rtol=1e-14, atol=1e-15
        )


def test_a_recipe_of_another_number_of_outputs_on_a_ring():
    recipe = CirculantRecipe(torch.tensor([2, 0, 3, 1]), torch.tensor([3, 3, 1, 0, 2]), zeta_weights(4, 2.0))
    parents = [[1, 2, 0, 3], [1, 2, 0, 3], [0, 3, 1, 2], [2, 0, 3, 1], [3, 1, 2, 0]]
    assert recipe.parents.tolist() == parents
    x = samples(4, 3)
    assert_mixed(recipe.apply(x), mix(parents, as_rows(recipe.weights, 5), x))


def test_a_ring_of_fifty_thousand():
    m = 50_000
    ring = torch.randperm(m, generator=torch.Generator().manual_seed(0))
    recipe = CirculantRecipe(ring, ring.argsort(), zeta_weights(m, 2.0))
    x = samples(m, 2)
    out = recipe.apply(x)
    weights = zeta_weights(m, 2.0)
    for k in (0, 1, 31_415, m - 1):
        place = int((ring == k).nonzero())
        order = torch.cat([ring[place:], ring[:place]])
        assert int(order[0]) == k
        torch.testing.assert_close(out[k], (weights.unsqueeze(1) * x[order]).sum(0), rtol=1e-10, atol=1e-12)
