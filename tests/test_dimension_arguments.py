"""What local dimension refuses, and what it says."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from by_hand import seeded

from zmix_core.dimension import Sweep, curve, estimate, local_id

X = torch.rand(40, 3, generator=seeded(0))
BOTH = pytest.mark.parametrize(
    "call", [local_id, lambda x, k: curve(x, [1.0], [k], n=4)], ids=["id", "curve"]
)


@BOTH
@pytest.mark.parametrize("k", [1, 0, -3, 2.5, math.nan, math.inf, True])
def test_a_k_that_is_none(call, k):
    with pytest.raises(ValueError, match=f"k = {k}: expected at least 2 neighbours, a whole number"):
        call(X, k)


@BOTH
def test_a_k_that_is_no_number(call):
    with pytest.raises(TypeError, match="k = '8': expected a number"):
        call(X, "8")


@BOTH
@pytest.mark.parametrize(("m", "k"), [(40, 40), (40, 128), (9, 9), (2, 2), (1, 2)])
def test_too_few_samples(call, m, k):
    with pytest.raises(ValueError, match=rf"k = {k} neighbours, but there are {m} samples.*at least k \+ 1"):
        call(torch.zeros(m, 5), k)
    if m >= 3:
        with pytest.raises(ValueError, match=f"Use k of at most {m - 1}, or more samples"):
            call(torch.zeros(m, 5), k)


@BOTH
def test_no_samples(call):
    with pytest.raises(ValueError, match=r"x has shape \(0, 5\)|there are 0 samples"):
        call(torch.zeros(0, 5), 2)


def test_the_largest_k_there_is():
    assert local_id(X, 39).k == 39
    assert local_id(X[:3], 2).count.tolist() == [1, 1, 1]


@BOTH
@pytest.mark.parametrize("shape", [(40,), (40, 1), (40, 1, 1), (40, 0), ()])
def test_too_few_numbers(call, shape):
    with pytest.raises(
        ValueError, match=r"x has shape \(.*\); expected \(m, \.\.\.\) with at least 2 numbers"
    ):
        call(torch.zeros(shape), 3)


@BOTH
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_value_that_is_not_finite(call, value, dtype):
    for shape, place in (((40, 3), 1), ((40, 1, 10, 10), 77)):
        x = torch.rand(shape, generator=seeded(0)).to(dtype)
        x.flatten(1)[17, place] = value
        with pytest.raises(
            ValueError, match=rf"x\[17\] has {value} at place {place}; expected finite values"
        ):
            call(x, 3)
        kept = x[x.flatten(1).isfinite().all(1)]  # what the message says to do
        assert len(kept) == 39
        call(kept, 3)


@BOTH
@pytest.mark.parametrize("dtype", [torch.complex64, torch.bool])
def test_numbers_that_are_none(call, dtype):
    with pytest.raises(ValueError, match=f"x has dtype {dtype}; expected real numbers"):
        call(torch.zeros(40, 3, dtype=dtype), 3)


@BOTH
def test_arrays_are_no_tensors(call):
    with pytest.raises(TypeError, match=r"x is a ndarray; expected a tensor: torch.as_tensor\(x\)"):
        call(X.numpy(), 3)
    with pytest.raises(TypeError, match="x is a list; expected a tensor"):
        call(X.tolist(), 3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.int8, torch.int16, torch.int64])
def test_other_real_numbers(dtype):
    x = (100 * X).round().to(dtype)
    ids = local_id(x, 8)
    assert torch.equal(ids.count, local_id(x.double(), 8).count)
    torch.testing.assert_close(ids.distances, local_id(x.double(), 8).distances)


@pytest.mark.parametrize("k", [8.0, np.int64(8), np.float64(8.0)])
def test_whole_numbers_of_other_types(k):
    assert torch.equal(local_id(X, k).count, local_id(X, 8).count)
    *_, last = curve(X, [1.0], [k], n=4)
    assert list(last.points) == [8]


def test_an_estimator_that_is_not_there():
    for name in ("CorrDim", "lpca", "", "id", "np", "__name__"):
        with pytest.raises(ValueError, match=f"name = '{name}': expected one of .*CorrInt, .*TwoNN.*lPCA"):
            estimate(X, name)
    with pytest.raises(TypeError, match="x is a ndarray; expected a tensor"):
        estimate(X.numpy(), "CorrInt")


@pytest.mark.parametrize("gamma", [-1.0, math.nan, math.inf])
def test_a_gamma_that_is_none(gamma):
    with pytest.raises(ValueError, match=f"gamma = {gamma}: expected a finite number of at least 0"):
        curve(X, [1.0, gamma], [3], n=4)


def test_nothing_asked_for():
    with pytest.raises(ValueError, match="gammas is empty; expected at least one exponent"):
        curve(X, [], [3], n=4)
    with pytest.raises(ValueError, match="ks is empty; expected"):
        curve(X, [1.0], [], n=4)


def test_an_n_that_does_not_fit():
    with pytest.raises(ValueError, match="N = 32 is more than the m = 20 samples there are"):
        curve(X[:20], [1.0], [3])
    with pytest.raises(ValueError, match="N = 1: expected a whole number of at least 2"):
        curve(X, [1.0], [3], n=1)


@pytest.mark.parametrize("queries", [0, -1, 2.5, math.nan])
def test_queries_that_are_none(queries):
    with pytest.raises(ValueError, match=f"queries = {queries}: expected a whole number of at least 1"):
        curve(X, [1.0], [3], n=4, queries=queries)


def test_queries_of_other_types_and_above_m():
    assert Sweep(X, [3], n=4, queries=10.0).queries == 10
    assert Sweep(X, [3], n=4, queries=np.int64(10)).queries == 10
    assert Sweep(X, [3], n=4, queries=100).queries == 40


def test_errors_come_before_the_first_step():
    # Not at the first look at what is yielded, when the one who asked is no longer there.
    with pytest.raises(ValueError, match="k = 1:"):
        curve(X, [1.0], [8, 1])
    with pytest.raises(ValueError, match="k = 40 neighbours"):
        Sweep(X, [8, 40], n=4)
