"""Every kind of recipe against a plain loop over Eq. 2, by every path, for every kind of tensor."""

from __future__ import annotations

import copy
import pickle
import random
from dataclasses import dataclass

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from by_hand import TOLERANCES, assert_mixed, matrix, mix
from hypothesis import given, settings
from hypothesis import strategies as st

from zmix_core import recipe as recipe_module
from zmix_core.recipe import ChunkedRecipe, CirculantRecipe, Recipe
from zmix_core.weights import zeta_weights


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


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


@pytest.fixture(params=FEW)
def few(request):
    return CASES[request.param]


def samples(m: int, *shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(m, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


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
    index = torch.arange(case.recipe.size)
    ways = [
        case.recipe._gather(index, x),
        case.recipe._matrix(index, x.dtype) @ x,
        case.recipe._mix(x),
        Recipe._mix(case.recipe, x),
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


# Labels


def test_integer_labels(case):
    m, classes = case.recipe.m, 4
    y = [(3 * k) % classes for k in range(m)]
    expected = np.zeros((case.recipe.size, classes))
    for k, row in enumerate(case.parents):
        for parent, weight in zip(row, case.weights[k], strict=True):
            expected[k, y[parent]] += weight
    expected = torch.from_numpy(expected)
    for dtype in (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8):
        for shape in ((m,), (m, 1)):
            out = case.recipe.apply_labels(torch.tensor(y, dtype=dtype).reshape(shape), classes)
            assert out.dtype == torch.float32
            assert_mixed(out, expected)


def test_bool_labels(few):
    y = torch.arange(few.recipe.m) % 2 == 1
    expected = few.recipe.apply_labels(y.long(), 2)
    assert torch.equal(few.recipe.apply_labels(y, 2), expected)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16], ids=str)
def test_float_labels_are_mixed_as_they_are(few, dtype):
    m = few.recipe.m
    for y in (F.one_hot(torch.arange(m) % 3, 3), samples(m, 5).softmax(1), samples(m), samples(m, 2, 4, 4)):
        y = y.to(dtype)
        out = few.recipe.apply_labels(y)
        assert out.dtype == dtype
        assert_mixed(out, mix(few.parents, few.weights, y))
        assert torch.equal(few.recipe.apply_labels(y, num_classes=7), out)


def test_integer_labels_and_their_one_hot_mix_alike(few):
    y = torch.arange(few.recipe.m) % 3
    expected = few.recipe.apply_labels(F.one_hot(y, 3).float())
    assert torch.equal(few.recipe.apply_labels(y, 3), expected)


def test_integer_masks(few):
    classes = 3
    y = torch.randint(classes, (few.recipe.m, 4, 5), generator=torch.Generator().manual_seed(0))
    out = few.recipe.apply_labels(y, classes)
    assert out.shape == (few.recipe.size, classes, 4, 5)
    for c in range(classes):
        assert_mixed(out[:, c], mix(few.parents, few.weights, (y == c).double()))
    # cross_entropy takes them as they come.
    logits = samples(few.recipe.size, classes, 4, 5).float()
    by_hand = -(out * logits.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(F.cross_entropy(logits, out), by_hand)


def test_masks_of_volumes(few):
    y = torch.randint(2, (few.recipe.m, 2, 3, 4), generator=torch.Generator().manual_seed(0))
    out = few.recipe.apply_labels(y, 2)
    assert out.shape == (few.recipe.size, 2, 2, 3, 4)
    assert_mixed(out[:, 1], mix(few.parents, few.weights, y))


@pytest.mark.parametrize("anchored", [True, False])
@pytest.mark.parametrize(("m", "n"), [(12, 3), (12, 5), (9, 9), (2, 2), (260, 65)])
def test_a_circulant_keeps_the_label_mass(m, n, anchored):
    recipe = circulant(m, n, anchored).recipe
    # Each sample stands once at each rank: W is doubly stochastic, with no rounding in it.
    for rank in range(n):
        assert sorted(recipe.parents[:, rank].tolist()) == list(range(m))
    ones = torch.ones(m, dtype=torch.float64)
    torch.testing.assert_close(recipe.matrix().sum(0), ones, rtol=1e-14, atol=0)
    y = torch.arange(m) * 7 % 5 % 3
    mass = recipe.apply_labels(F.one_hot(y, 3).double()).sum(0)
    torch.testing.assert_close(mass, torch.bincount(y, minlength=3).double(), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("m", [9, 100, 1000])
@pytest.mark.parametrize("gamma", [0.0, 2.8, 8.0, 30.0])
def test_soft_labels_are_probabilities_by_the_fft_too(m, gamma):
    # Its rounding must not carry a label below 0, where an entropy is not a number.
    case = circulant(m, m)
    recipe = case.recipe.reweight(zeta_weights(m, gamma))
    soft = recipe.apply_labels(torch.arange(m) * 7 % 11 % 10, 10)
    assert soft.min() >= 0
    assert soft.max() <= 1
    assert torch.special.entr(soft).isfinite().all()
    torch.testing.assert_close(soft.sum(1), torch.ones(m), rtol=0, atol=1e-5)


# What is refused


def test_parents_that_are_no_indices():
    weights = torch.tensor([1.0])
    for parents in (torch.zeros(3, dtype=torch.int64), torch.zeros(3, 1, dtype=torch.int32)):
        with pytest.raises(ValueError, match=r"expected int64 \(M, N\)"):
            Recipe(parents, weights, 3)
    for shape in ((0, 1), (1, 0)):
        with pytest.raises(ValueError, match=r"expected int64 \(M, N\)"):
            Recipe(torch.zeros(shape, dtype=torch.int64), weights, 3)
    with pytest.raises(ValueError, match=r"from 0 to 3; expected indices of the m = 3 samples, 0 to 2"):
        Recipe(torch.tensor([[0], [3]]), weights, 3)
    with pytest.raises(ValueError, match=r"parents run from -1 to 0"):
        Recipe(torch.tensor([[0], [-1]]), weights, 3)


BAD_WEIGHTS = [
    ([0.5, 0.25, 0.25], "expected floats"),
    ([[0.5, 0.5]], "expected floats"),
    ([1, 0], "expected floats"),
    ([1.5, -0.5], r"go down to -0\.5 .* expected none below 0 and sums of 1"),
    ([0.5, 0.4], r"sums run from 0\.9 to 0\.9"),
    ([[0.5, 0.5], [0.5, 0.5], [0.5, 0.6]], r"sums run from 1 to 1\.1"),
    ([float("nan"), 1.0], "expected none below 0"),
]


@pytest.mark.parametrize(("weights", "message"), BAD_WEIGHTS)
def test_weights_that_are_none(weights, message):
    parents = torch.tensor([[0, 1], [1, 2], [2, 0]])
    good = Recipe(parents, torch.tensor([0.5, 0.5]), 3)
    with pytest.raises(ValueError, match=message):
        Recipe(parents, torch.tensor(weights), 3)
    with pytest.raises(ValueError, match=message):
        good.reweight(torch.tensor(weights))


def test_a_circulant_refuses_weights_that_are_none():
    with pytest.raises(ValueError, match="sums run from 2 to 2"):
        CirculantRecipe(torch.arange(3), torch.arange(3), torch.ones(2))


def test_the_wrong_number_of_samples(few):
    m = few.recipe.m
    for x in (torch.zeros(m + 1, 2), torch.zeros(m - 1), torch.tensor(1.0)):
        with pytest.raises(ValueError, match=rf"x has shape .* expected m = {m} samples"):
            few.recipe.apply(x)
    with pytest.raises(ValueError, match=f"expected m = {m} samples"):
        few.recipe.apply_labels(torch.zeros(m + 1, dtype=torch.int64), 2)
    with pytest.raises(ValueError, match=f"expected m = {m} samples"):
        few.recipe.apply_labels(torch.zeros(m + 1, 2))
    with pytest.raises(ValueError, match="expected one label a sample"):
        few.recipe.apply_labels(torch.tensor(1), 2)


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.complex64], ids=str)
def test_numbers_that_cannot_be_mixed(few, dtype):
    with pytest.raises(ValueError, match="expected floating point, uint8 or bool"):
        few.recipe.apply(torch.zeros(few.recipe.m, 2, dtype=dtype))


def test_labels_that_do_not_fit(few):
    y = torch.arange(few.recipe.m) % 3
    with pytest.raises(ValueError, match="labels run from 0 to 2; expected 0 to 1"):
        few.recipe.apply_labels(y, 2)
    with pytest.raises(ValueError, match="labels run from -1 to 1; expected 0 to 2"):
        few.recipe.apply_labels(y - 1, 3)
    with pytest.raises(ValueError, match="num_classes = None: integer labels need"):
        few.recipe.apply_labels(y)
    with pytest.raises(ValueError, match="num_classes = 0: integer labels need"):
        few.recipe.apply_labels(y, 0)
