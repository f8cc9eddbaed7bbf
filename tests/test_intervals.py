"""Bootstrap intervals: by scipy, by plain loops, and by how often they hold the truth."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from by_hand import seeded
from scipy import stats

from zmix_core import intervals
from zmix_core.intervals import Interval, bootstrap, verdict


def skewed(m, q=None, seed=0):
    shape = (m,) if q is None else (m, q)
    return torch.rand(shape, generator=seeded(seed), dtype=torch.float64).log().neg()


@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
def test_beside_scipy(level):
    values = skewed(80)
    resamples = 20_000
    (ours,) = bootstrap(values, level=level, resamples=resamples, seed=1)
    theirs = stats.bootstrap(
        (values.numpy(),),
        np.mean,
        confidence_level=level,
        n_resamples=resamples,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    # The standard error of a quantile of R draws is sqrt(p (1 - p) / R) / density; two of them differ.
    p = (1 - level) / 2
    error = math.sqrt(2 * p * (1 - p) / resamples) / stats.norm.pdf(stats.norm.ppf(p)) * theirs.standard_error
    assert ours.mean == pytest.approx(float(values.mean()), rel=1e-12)
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=5 * error)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=5 * error)


@pytest.mark.parametrize(("chunk", "rows"), [(2**23, 200), (13 * 7, 7), (1, 1)])
def test_a_plain_loop_with_the_same_draws(monkeypatch, chunk, rows):
    monkeypatch.setattr(intervals, "CHUNK", chunk)
    values = skewed(13, 2)
    means = []
    for first in range(0, 200, rows):
        size = min(rows, 200 - first)
        draws = torch.randint(13, (size, 13), generator=seeded(5 + first)).tolist()
        means += [[math.fsum(values[k, c] for k in row) / 13 for c in range(2)] for row in draws]
    for c, interval in enumerate(bootstrap(values, level=0.9, resamples=200, seed=5)):
        expected = np.quantile([row[c] for row in means], [0.05, 0.95])
        np.testing.assert_allclose([interval.low, interval.high], expected, rtol=1e-5)
        assert interval.mean == pytest.approx(math.fsum(values[:, c]) / 13)


def test_all_resamples_of_two_values():
    """Means of 0 and 1 drawn twice are 0, 1/2, 1 with probabilities 1/4, 1/2, 1/4."""
    values = torch.tensor([0, 1])
    for level, low, high in ((0.4, 0.5, 0.5), (0.6, 0.0, 1.0)):
        assert bootstrap(values, level=level, resamples=4000) == [Interval(0.5, low, high)]


def test_a_95_percent_interval_holds_the_true_mean_that_often():
    held = 0
    for seed in range(300):
        (found,) = bootstrap(torch.randn(60, generator=seeded(seed)) + 3)
        held += found.low <= 3 <= found.high
    assert 0.92 <= held / 300 <= 0.98


@pytest.mark.parametrize("value", [0.0, 0.1, -1e-30, 1e30, math.pi])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_values_have_an_interval_of_no_width(value, dtype):
    values = torch.full((997,), value, dtype=dtype)
    exact = float(values[0])
    assert bootstrap(values) == [Interval(exact, exact, exact)]


def test_shares_of_all_and_none_and_truth_values():
    wrong = torch.tensor([[True, False, k < 30] for k in range(100)])
    all_of_them, none, some = bootstrap(wrong)
    assert all_of_them == Interval(1.0, 1.0, 1.0)
    assert none == Interval(0.0, 0.0, 0.0)
    low, high = (stats.binom.ppf(p, 100, 0.3) / 100 for p in (0.025, 0.975))
    assert some.mean == pytest.approx(0.3)
    assert (some.low, some.high) == pytest.approx((low, high), abs=0.011)


def test_columns_are_resampled_together():
    values = skewed(50, 3)
    together = bootstrap(values, seed=4)
    assert len(together) == 3
    for c, interval in enumerate(together):
        (alone,) = bootstrap(values[:, c], seed=4)
        assert vars(interval) == pytest.approx(vars(alone), rel=1e-6)
    # Of a column and its opposite, one interval is the other turned round.
    plus, minus = bootstrap(torch.stack([values[:, 0], -values[:, 0]], dim=1))
    assert (minus.low, minus.high) == pytest.approx((-plus.high, -plus.low))


def test_many_samples_in_several_chunks():
    m = 20_000
    assert intervals.CHUNK // m < 1000 / 2
    values = skewed(m) + 100
    (found,) = bootstrap(values)
    error = float(values.std()) / math.sqrt(m)
    assert found.mean == pytest.approx(float(values.mean()))
    assert (found.low - found.mean) / error == pytest.approx(-1.96, abs=0.35)
    assert (found.high - found.mean) / error == pytest.approx(1.96, abs=0.35)
    (middle,) = bootstrap(values, level=1e-9)
    assert middle.low == pytest.approx(found.mean, abs=0.2 * error)


def test_chunks_do_not_repeat_each_other(monkeypatch):
    monkeypatch.setattr(intervals, "CHUNK", 1)
    values = skewed(40)
    (found,) = bootstrap(values, resamples=300)
    error = float(values.std()) / math.sqrt(40)
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.25)


def test_far_from_zero_nothing_is_lost():
    values = skewed(200)
    (near,), (far,) = bootstrap(values), bootstrap(values + 1e9)
    for key in ("mean", "low", "high"):
        assert getattr(far, key) - 1e9 == pytest.approx(getattr(near, key), abs=1e-5)


def test_seed_and_level():
    values = skewed(60)
    kept = values.clone()
    first = bootstrap(values, seed=1)
    assert bootstrap(values, seed=1) == first
    assert torch.equal(values, kept)
    assert bootstrap(values, seed=2) != first
    nested = [bootstrap(values, level=level)[0] for level in (0.5, 0.8, 0.95, 0.999)]
    for inner, outer in itertools.pairwise(nested):
        assert outer.low < inner.low < inner.mean < inner.high < outer.high
    assert bootstrap(values, resamples=100.0) == bootstrap(values, resamples=100)
    state = torch.random.get_rng_state()
    bootstrap(values, seed=99)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (torch.zeros(0), {}, r"values has shape \(0,\); expected .* at least one sample"),
        (torch.zeros(0, 2), {}, r"values has shape \(0, 2\)"),
        (torch.zeros(3, 0), {}, r"values has shape \(3, 0\)"),
        (torch.tensor(1.0), {}, r"values has shape \(\)"),
        (torch.zeros(2, 2, 2), {}, r"values has shape \(2, 2, 2\); expected \(M,\) or \(M, q\)"),
        (torch.tensor([0.0, math.nan]), {}, "all of them finite"),
        (torch.tensor([0.0, math.inf]), {}, "all of them finite"),
        (torch.tensor([[0.0, 1.0], [0.0, -math.inf]]), {}, "all of them finite"),
        (torch.ones(3), {"level": 0}, "level = 0: expected a share between 0 and 1"),
        (torch.ones(3), {"level": 1}, "level = 1: expected"),
        (torch.ones(3), {"level": 2}, "level = 2: expected"),
        (torch.ones(3), {"level": math.nan}, "level = nan: expected"),
        (torch.ones(3), {"resamples": 0}, "resamples = 0: expected a whole number of at least 1"),
        (torch.ones(3), {"resamples": 2.5}, "resamples = 2.5: expected"),
    ],
)
def test_what_cannot_be_resampled(values, options, message):
    with pytest.raises(ValueError, match=message):
        bootstrap(values, **options)


# --- the difference between two methods --------------------------------------------------------------------


def test_a_verdict_pairs_output_by_output():
    theirs = skewed(100)
    ours = theirs + 0.01 * skewed(100, seed=1)
    paired = verdict(ours, theirs)
    differences = [a - b for a, b in zip(ours.tolist(), theirs.tolist(), strict=True)]
    (expected,) = bootstrap(torch.tensor(differences, dtype=torch.float64))
    assert paired == expected
    assert paired.mean == pytest.approx(math.fsum(differences) / 100)
    assert paired.low > 0
    mixed_up = verdict(ours, theirs[torch.randperm(100, generator=seeded(0))])
    assert mixed_up.mean == pytest.approx(paired.mean)
    assert mixed_up.low < 0 < mixed_up.high


def test_a_verdict_turned_round():
    ours, theirs = skewed(70), skewed(70, seed=1)
    there, back = verdict(ours, theirs), verdict(theirs, ours)
    turned = (-back.mean, -back.high, -back.low)
    assert (there.mean, there.low, there.high) == pytest.approx(turned)
    assert verdict(ours, ours) == Interval(0.0, 0.0, 0.0)
    options = {"level": 0.5, "resamples": 50, "seed": 3}
    assert [verdict(ours, theirs, **options)] == bootstrap(ours - theirs, **options)


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.float16])
def test_a_verdict_on_small_types(dtype):
    """Truth values have no difference of their own, and 0 - 1 is 255 in eight bits."""
    ours, theirs = (torch.tensor(row).to(dtype) for row in ([0, 0, 1, 0], [1, 0, 1, 1]))
    assert verdict(ours, theirs).mean == -0.5
    assert verdict(ours, theirs).low >= -1


@pytest.mark.parametrize(("ours", "theirs"), [((3,), (4,)), ((3, 1), (3, 1)), ((3,), (3, 1)), ((), ())])
def test_a_verdict_on_what_does_not_fit(ours, theirs):
    with pytest.raises(ValueError, match=r"ours has shape .* and theirs .*expected") as it:
        verdict(torch.zeros(ours), torch.zeros(theirs))
    assert str(ours) in str(it.value)
    assert str(theirs) in str(it.value)
