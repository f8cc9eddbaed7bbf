"""How real samples are, how right their labels: by scipy, by loops, and from start to end on the digits."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from by_hand import UNLIKELY, mix_with, seeded
from scipy import integrate, stats

from zmix_core import images, manifolds, realism
from zmix_core.dataset import Dataset
from zmix_core.intervals import Interval
from zmix_core.manifolds import MANIFOLDS
from zmix_core.methods import ERM, Mixup, ZetaMixup
from zmix_core.oracle import OracleMismatch
from zmix_core.realism import FLOOR, MEASURES, compare, cross_entropy, density, entropy, measure, verdict

DIGITS = images.load("digits", limit=120)
METHODS = {
    "original": ERM(),
    "mixup": Mixup(per_sample=True),
    "one lambda": Mixup(0.4),
    "zeta": ZetaMixup(5, 2.8),
    "circulant": ZetaMixup(8, 1.5, scheme="circulant", anchor="random"),
}


@pytest.fixture(autouse=True)
def _no_oracles_of_ones_own(tmp_path, monkeypatch):
    monkeypatch.setenv("ZMIX_DATA", str(tmp_path))


def predictions(m=50, k=7, sharp=3.0, seed=0, dtype=torch.float64):
    return (sharp * torch.randn(m, k, generator=seeded(seed), dtype=dtype)).log_softmax(1)


def soft_labels(m=50, k=7, seed=1):
    """Soft labels as mixing makes them: weights of a few classes, the others exactly 0."""
    weights = torch.rand(m, k, generator=seeded(seed), dtype=torch.float64)
    weights[torch.rand(m, k, generator=seeded(seed + 1)) < 0.5] = 0
    weights[:, 0] += 1e-3
    return weights / weights.sum(1, keepdim=True)


# --- H and CE ----------------------------------------------------------------------------------------------


def test_entropy_by_scipy_and_by_a_loop():
    log_p = predictions()
    expected = [-math.fsum(math.exp(v) * v for v in row) for row in log_p.tolist()]
    np.testing.assert_allclose(entropy(log_p), expected, rtol=1e-12)
    np.testing.assert_allclose(entropy(log_p), stats.entropy(log_p.exp().numpy(), axis=1), rtol=1e-12)
    np.testing.assert_allclose(entropy(log_p.float()), expected, rtol=1e-4, atol=1e-6)
    certain = torch.tensor([[0.0, -math.inf, -math.inf]])
    assert entropy(certain).tolist() == [0]
    assert entropy(torch.full((2, 10), 0.1).log()).tolist() == pytest.approx([math.log(10)] * 2)


def test_cross_entropy_by_scipy_and_by_a_loop():
    log_p, soft = predictions(), soft_labels()
    expected = [
        -math.fsum(math.exp(v) * math.log(min(1, max(w, 1e-7))) for v, w in zip(row, weights, strict=True))
        for row, weights in zip(log_p.tolist(), soft.tolist(), strict=True)
    ]
    np.testing.assert_allclose(cross_entropy(log_p, soft), expected, rtol=1e-12)
    # CE is H and the Kullback-Leibler divergence; scipy makes both arguments sum to one.
    soft = soft + 0.01
    soft /= soft.sum(1, keepdim=True)
    divergence = stats.entropy(log_p.exp().numpy(), soft.numpy(), axis=1)
    np.testing.assert_allclose(cross_entropy(log_p, soft) - entropy(log_p), divergence, rtol=1e-9)


def test_a_class_that_the_label_leaves_out_costs_as_much_as_the_floor():
    log_p = torch.tensor([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]).log()
    soft = torch.tensor([[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    most = -math.log(FLOOR)
    assert pytest.approx(16.118, abs=1e-3) == most
    assert cross_entropy(log_p, soft).tolist() == pytest.approx([most, most / 2, 0])
    for weight in (0.0, FLOOR / 10, FLOOR, 2 * FLOOR):
        label = torch.tensor([[weight, 1 - weight]], dtype=torch.float64)
        expected = -math.log(max(weight, FLOOR))
        assert float(cross_entropy(log_p[:1].double(), label)) == pytest.approx(expected)
    # Weights add up to a little more than 1 in floats; that is no certainty beyond certainty.
    assert cross_entropy(log_p[2:], torch.tensor([[0.0, 1.0000001]])).tolist() == [0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_predictions_stay_finite(dtype):
    logits = torch.tensor([[1e4, -1e4, 0], [-1e4, -1e4, -1e4], [90, 0, 0], [1e30, 0, 1e30]], dtype=dtype)
    log_p, soft = logits.log_softmax(1), torch.eye(3, dtype=dtype)[[1, 0, 0, 1]]
    assert entropy(log_p).tolist() == pytest.approx([0, math.log(3), 0, math.log(2)], abs=1e-6)
    most = -math.log(FLOOR)
    expected = [most, 2 / 3 * most, 0, most]
    assert cross_entropy(log_p, soft).tolist() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("log_p", "soft"), [((3,), (3,)), ((2, 3), (2, 2)), ((2, 3), (3,)), ((), ())])
def test_shapes_that_do_not_fit(log_p, soft):
    with pytest.raises(ValueError, match=r"has shape .*expected \(M, K\)"):
        cross_entropy(torch.zeros(log_p), torch.zeros(soft))
    if len(log_p) != 2:
        with pytest.raises(ValueError, match=r"log_p has shape .*expected \(M, K\)"):
            entropy(torch.zeros(log_p))


# --- measured, by an oracle or from a formula --------------------------------------------------------------


def assert_measured_by_the_oracle(found, x, soft):
    """All of `measure`, once more from the probabilities alone, one sample at a time."""
    p = realism.oracle("digits").predict(x).double().numpy()
    assert list(found) == ["H", "CE", "label errors", "H < 0.1"]
    for k, row in enumerate(p):
        h = stats.entropy(row)
        assert float(found["H"][k]) == pytest.approx(h, abs=1e-5)
        ce = -sum(value * math.log(max(float(w), 1e-7)) for value, w in zip(row, soft[k], strict=True))
        assert float(found["CE"][k]) == pytest.approx(ce, abs=1e-4)
        if abs(h - 0.1) > 1e-4:
            assert float(found["H < 0.1"][k]) == (h < 0.1)
        heaviest = next(c for c, w in enumerate(soft[k]) if w == max(soft[k]))
        assert float(found["label errors"][k]) == (heaviest != row.argmax())


def test_measured_by_an_oracle():
    judge, x = realism.oracle("digits"), DIGITS.x
    soft = soft_labels(120, 10)
    found = measure(x, soft, judge)
    assert_measured_by_the_oracle(found, x, soft)
    assert {value.dtype for value in found.values()} == {torch.float32}
    noise = measure(torch.rand(x.shape, generator=seeded(0)), soft, judge)
    assert noise["H"].mean() > found["H"].mean()


@pytest.mark.parametrize("name", MANIFOLDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_measured_from_a_manifolds_formula(name, dtype):
    manifold = MANIFOLDS[name]
    data = manifold.sample(60, noise=0, generator=seeded(0), dtype=dtype)
    labels = torch.nn.functional.one_hot(data.y, data.num_classes).to(dtype)
    own = measure(data.x, labels, manifold)
    assert list(own) == ["off the manifold", "label errors"]
    assert own["off the manifold"].max() < (1e-3 if dtype == torch.float32 else 1e-6)
    assert own["label errors"].mean() <= 1 / 60  # of points on a border between classes
    recipe = ZetaMixup(5, 1.5).draw(60, generator=seeded(1))
    x, soft = recipe.apply(data.x), recipe.apply_labels(data.y, data.num_classes)
    found = measure(x, soft, manifold)
    true = manifold.true_class(x)
    wrong = [
        max(range(len(row)), key=row.__getitem__) != c for row, c in zip(soft.tolist(), true, strict=True)
    ]
    assert found["label errors"].tolist() == wrong
    assert torch.equal(found["off the manifold"], manifold.distance(x))
    assert {value.dtype for value in found.values()} == {dtype}
    # The manifold is never further than the nearest of many of its points, and near that.
    many = manifold.sample(20_000, noise=0, generator=seeded(2), dtype=torch.float64)
    nearest = torch.cdist(x.double(), many.x).min(1).values
    off = found["off the manifold"].double()
    assert (off <= nearest + 1e-4).all()
    assert (nearest.square() - off.square()).max().clamp(0).sqrt() < 0.15 * realism.spread(many.x)


@pytest.mark.parametrize("name", METHODS)
def test_compare_draws_each_recipe_with_the_seed(name):
    judge, method = realism.oracle("digits"), METHODS[name]
    found = compare(DIGITS, {"another": Mixup(), name: method}, judge, seed=11)
    assert list(found) == ["another", name]
    recipe = method.draw(len(DIGITS), generator=seeded(11))
    x = mix_with(recipe, DIGITS.x.double() / 255).float()
    soft = mix_with(recipe, torch.eye(10)[DIGITS.y])
    assert_measured_by_the_oracle(found[name], x, soft)
    other = compare(DIGITS, {name: method}, judge, seed=12)[name]["H"]
    assert torch.equal(other, found[name]["H"]) == (name == "original")


def test_compare_by_a_manifold():
    data, manifold = manifolds.load("spirals", 100), MANIFOLDS["spirals"]
    state = torch.random.get_rng_state()
    found = compare(data, METHODS, manifold)
    assert torch.equal(torch.random.get_rng_state(), state)
    for name, method in METHODS.items():
        recipe = method.draw(100, generator=seeded(0))
        off, true = manifold.nearest(mix_with(recipe, data.x).float())
        wrong = mix_with(recipe, torch.eye(2)[data.y]).argmax(1) != true
        np.testing.assert_allclose(found[name]["off the manifold"], off, atol=1e-5)
        assert found[name]["label errors"].tolist() == wrong.tolist()


def test_compare_of_data_that_the_oracle_does_not_know():
    data = Dataset("pets", DIGITS.x, DIGITS.y, tuple("abcdefghij"))
    with pytest.raises(OracleMismatch, match="pets has"):
        compare(data, METHODS, realism.oracle("digits"))


# --- density, words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("bandwidth", [0.02, 0.3, 2.0])
def test_density_is_a_sum_of_folded_kernels_with_an_area_of_one(bandwidth):
    values = torch.rand(40, generator=seeded(0), dtype=torch.float64).square() * 3
    values[:5] = 0
    at = torch.linspace(0, 3 + 10 * bandwidth, 4001, dtype=torch.float64)
    found = density(values, at, bandwidth)
    assert integrate.simpson(found.numpy(), x=at.numpy()) == pytest.approx(1, abs=1e-6)
    for k in range(0, 4001, 500):
        kernels = [
            stats.norm.pdf(float(at[k]), side * float(v), bandwidth) for v in values for side in (1, -1)
        ]
        assert float(found[k]) == pytest.approx(math.fsum(kernels) / 40, abs=1e-12)


def test_density_of_nothing_is_zero():
    assert density(torch.zeros(0), torch.tensor([0.0, 1.0]), 0.1).tolist() == [0, 0]


@pytest.mark.parametrize("measured", MEASURES)
def test_words_for_a_difference(measured):
    said = MEASURES[measured]
    assert said.less != said.more
    for low, high, word in (
        (-2, -1, said.less),
        (1, 2, said.more),
        (-1, 1, "not decided"),
        (-1, 0, "not decided"),
        (0, 1, "not decided"),
        (0, 0, "not decided"),
    ):
        assert said.word(Interval((low + high) / 2, float(low), float(high))) == word


# --- from start to end -------------------------------------------------------------------------------------


def test_mixed_digits_are_less_realistic_than_digits_and_mixup_than_zeta_mixup():
    data = images.load("digits")
    found = compare(data, METHODS, realism.oracle("digits"))
    for ours, theirs, key, word in (
        ("mixup", "original", "H", "less realistic"),
        ("mixup", "original", "CE", "labels less correct"),
        ("mixup", "original", "H < 0.1", "fewer samples with H < 0.1"),
        ("zeta", "mixup", "H", "more realistic"),
        ("zeta", "mixup", "CE", "labels more correct"),
        ("original", "original", "H", "not decided"),
    ):
        a, b = found[ours][key], found[theirs][key]
        assert MEASURES[key].word(verdict(a, b)) == word
        if word != "not decided":
            test = stats.ttest_rel(a.numpy(), b.numpy())
            assert test.pvalue < UNLIKELY
            assert (test.statistic < 0) == (word == MEASURES[key].less)
