"""Labels and masks mixed by a recipe, and what a recipe refuses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from by_hand import assert_mixed, mix
from recipe_cases import circulant, samples

from zmix_core.recipe import CirculantRecipe, Recipe
from zmix_core.weights import zeta_weights

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
