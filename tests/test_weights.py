"""The p-series weights, against high-precision arithmetic and closed forms."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import zeta

from zmix_core.weights import (
    GAMMA_MIN,
    gamma_to_lambda,
    lambda_to_gamma,
    theorem_1_holds,
    truncated_zeta,
    zeta_weights,
)

GAMMAS = [0.0, 1e-16, 1e-9, 0.1, 0.5, 1.0, GAMMA_MIN, 2.4, 2.8, 4.0, 12.061, 50.0]
SIZES = [2, 3, 33, 1000, 10**6]
EPS = torch.finfo(torch.float64).eps

many = settings(max_examples=100)


def exact_zeta(n: int, gamma: float) -> Decimal:
    """Sum of j^-gamma for j = 1 .. n to some 30 digits; the tail by the Euler-Maclaurin formula."""
    with localcontext() as context:
        context.prec = 50
        g, start = Decimal(gamma), 100
        if n <= start:
            return sum((Decimal(j) ** -g for j in range(1, n + 1)), Decimal(0))
        a, b = Decimal(start), Decimal(n)
        head = sum((Decimal(j) ** -g for j in range(1, start)), Decimal(0))
        integral = (b / a).ln() if g == 1 else (b ** (1 - g) - a ** (1 - g)) / (1 - g)
        total = head + integral + (a**-g + b**-g) / 2
        for k, bernoulli in enumerate(BERNOULLI, start=1):
            rising = Decimal(1)
            for i in range(2 * k - 1):
                rising *= g + i
            order = 2 * k - 1
            derivatives = -rising * (b ** (-g - order) - a ** (-g - order))
            total += (
                Decimal(bernoulli.numerator)
                / Decimal(bernoulli.denominator)
                * (derivatives / math.factorial(2 * k))
            )
        return total


BERNOULLI = [
    *(Fraction(1, 6), Fraction(-1, 30), Fraction(1, 42), Fraction(-1, 30), Fraction(5, 66)),
    *(Fraction(-691, 2730), Fraction(7, 6), Fraction(-3617, 510), Fraction(43867, 798)),
]


@pytest.mark.parametrize("gamma", GAMMAS)
def test_the_tail_formula_equals_the_plain_sum(gamma):
    with localcontext() as context:
        context.prec = 50
        plain = sum((Decimal(j) ** -Decimal(gamma) for j in range(1, 501)), Decimal(0))
        assert abs(exact_zeta(500, gamma) / plain - 1) < Decimal("1e-24")


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("gamma", GAMMAS)
def test_weights_equal_eq_3_in_high_precision(n, gamma):
    w = zeta_weights(n, gamma)
    assert w.shape == (n,)
    assert w.dtype == torch.float64
    total = exact_zeta(n, gamma)
    assert truncated_zeta(n, gamma) == pytest.approx(float(total), rel=2 * EPS)
    assert abs(Decimal(float(w[0])) - 1 / total) <= Decimal(2 * EPS)  # rank 1 takes up what is left
    for rank in sorted({2, 3, n // 3, n // 2 + 1, n - 1, n} & set(range(2, n + 1))):
        with localcontext() as context:
            context.prec = 50
            exact = Decimal(rank) ** -Decimal(gamma) / total
        assert abs(Decimal(float(w[rank - 1])) / exact - 1) < Decimal(5 * EPS)


@pytest.mark.parametrize(
    ("n", "gamma"),
    [(n, gamma) for n in SIZES[:-1] for gamma in GAMMAS]
    + [(10**6, gamma) for gamma in (0, 1e-9, 1, 2.8, 50)],
)
def test_weights_are_finite_positive_not_increasing_and_sum_to_one(n, gamma):
    w = zeta_weights(n, gamma)
    assert torch.isfinite(w).all()
    assert (w > 0).all()
    assert (w[1:] <= w[:-1]).all()
    assert abs(math.fsum(w.tolist()) - 1) <= EPS  # fsum rounds the exact sum once
    for dtype in (torch.float32, torch.bfloat16):
        rounded = zeta_weights(n, gamma, dtype=dtype)
        assert rounded.dtype == dtype
        assert torch.equal(rounded, w.to(dtype))
        assert (rounded[1:] <= rounded[:-1]).all()
        assert abs(math.fsum(rounded.tolist()) - 1) <= torch.finfo(dtype).eps


@many
@given(n=st.integers(2, 3000), exponent=st.floats(-18, math.log10(50)))
@example(n=33, exponent=math.log10(1.407471355112882e-16))
@example(n=12083, exponent=math.log10(7.94732408072877e-18))
def test_order_and_sum_hold_at_any_gamma(n, exponent):
    # From 10^-18 up: where neighbouring weights differ by less than what rank 1 takes up.
    w = zeta_weights(n, 10.0**exponent)
    assert (w[1:] <= w[:-1]).all()
    assert abs(math.fsum(w.tolist()) - 1) <= EPS


@many
@given(n=st.integers(2, 3000), gamma=st.floats(0.01, 50))
@example(n=3, gamma=19 / 7)
@example(n=33, gamma=33 / 7)
@example(n=5000, gamma=27 / 7)
def test_rank_1_takes_up_what_rounding_leaves(n, gamma):
    # Half of EPS is the step of the numbers just below 1; without the remainder a sum may be two off.
    assert abs(math.fsum(zeta_weights(n, gamma).tolist()) - 1) <= EPS / 2


@many
@given(n=st.integers(1, 60), gamma=st.integers(0, 50))
def test_whole_exponents_equal_fractions(n, gamma):
    powers = [Fraction(1, j**gamma) for j in range(1, n + 1)]
    assert truncated_zeta(n, gamma) == pytest.approx(float(sum(powers)), rel=2 * EPS)
    expected = [float(p / sum(powers)) for p in powers]
    assert zeta_weights(n, gamma).tolist() == pytest.approx(expected, rel=1e-14)


def test_gamma_0_weighs_all_alike_and_a_large_gamma_takes_one():
    assert zeta_weights(4, 0.0).tolist() == [0.25] * 4
    assert zeta_weights(1, 3.0).tolist() == [1.0]
    huge = zeta_weights(5, 1e5)
    assert huge.tolist() == [1.0, 0.0, 0.0, 0.0, 0.0]


def test_any_whole_number_is_taken_for_n():
    assert torch.equal(zeta_weights(np.int64(3), 1.0), zeta_weights(3, 1.0))
    assert torch.equal(zeta_weights(3.0, 1.0), zeta_weights(3, 1.0))


def test_gamma_min_is_the_root_of_zeta_equals_2():
    root = brentq(lambda g: zeta(g) - 2.0, 1.5, 2.0, xtol=1e-15, rtol=4 * EPS)
    assert pytest.approx(root, abs=2e-15) == GAMMA_MIN
    assert round(GAMMA_MIN, 5) == 1.72865  # as the paper prints it


@pytest.mark.parametrize("gamma", [GAMMA_MIN, 1.7287, 1.8, 2.0, 2.8, 5.0, 50.0])
def test_theorem_1_from_gamma_min_on_rank_1_outweighs_the_rest(gamma):
    for n in (2, 3, 4, 10, 100, 1000, 10**6):
        w = zeta_weights(n, gamma).tolist()
        assert w[0] > math.fsum(w[1:])
        assert theorem_1_holds(n, gamma)


@pytest.mark.parametrize(("gamma", "n"), [(1.0, 3), (1.0, 4), (1.7, 100), (1.7, 1000), (1.72, 10**4), (0, 2)])
def test_theorem_1_below_gamma_min_depends_on_n(gamma, n):
    w = zeta_weights(n, gamma).tolist()
    holds = exact_zeta(n, gamma) < 2
    assert theorem_1_holds(n, gamma) == holds
    assert (w[0] > math.fsum(w[1:])) == holds


@pytest.mark.parametrize("gamma", [0.5, 1.0, 1.5, 1.7, 1.728])
def test_theorem_1_fails_below_gamma_min_for_a_large_n(gamma):
    w = zeta_weights(10**6, gamma).tolist()
    assert not w[0] > math.fsum(w[1:])
    assert not theorem_1_holds(10**6, gamma)


@many
@given(lam=st.floats(1e-300, 1 - 1e-9))
def test_theorem_2_from_lambda_to_gamma_and_back(lam):
    gamma = lambda_to_gamma(lam)
    with localcontext() as context:
        context.prec = 50
        exact = (Decimal(lam) / (1 - Decimal(lam))).ln() / Decimal(2).ln()
    assert gamma == pytest.approx(float(exact), rel=1e-13, abs=1e-15)
    assert gamma_to_lambda(gamma) == pytest.approx(lam, rel=1e-12)
    heavy, light = zeta_weights(2, abs(gamma)).tolist()
    assert heavy == pytest.approx(max(lam, 1 - lam), abs=1e-15)
    assert light == pytest.approx(min(lam, 1 - lam), abs=1e-15)


@many
@given(gamma=st.floats(-40, 40))
def test_theorem_2_from_gamma_to_lambda(gamma):
    with localcontext() as context:
        context.prec = 50
        exact = 1 / (1 + Decimal(2) ** -Decimal(gamma))
    assert gamma_to_lambda(gamma) == pytest.approx(float(exact), rel=4 * EPS)
    assert gamma_to_lambda(gamma) + gamma_to_lambda(-gamma) == pytest.approx(1.0, rel=2 * EPS)


def test_lambda_does_not_overflow():
    assert [gamma_to_lambda(g) for g in (-1e308, -2000.0, 0.0, 2000.0, 1e308)] == [0.0, 0.0, 0.5, 1.0, 1.0]


BAD_N = [0, -1, 2.5, math.nan, math.inf, True]
BAD_GAMMA = [-0.1, -math.inf, math.inf, math.nan]


@pytest.mark.parametrize("function", [zeta_weights, truncated_zeta, theorem_1_holds])
@pytest.mark.parametrize("n", BAD_N)
def test_an_n_that_is_no_count_is_refused(function, n):
    with pytest.raises(ValueError, match=f"N = {n}: expected a whole number"):
        function(n, 2.8)


@pytest.mark.parametrize("function", [zeta_weights, truncated_zeta, theorem_1_holds])
@pytest.mark.parametrize("gamma", BAD_GAMMA)
def test_a_gamma_out_of_range_is_refused(function, gamma):
    with pytest.raises(ValueError, match=f"gamma = {gamma}: expected a finite number of at least 0"):
        function(3, gamma)


@pytest.mark.parametrize("lam", [0.0, 1.0, -0.2, 1.2, math.nan])
def test_a_lambda_out_of_range_is_refused(lam):
    with pytest.raises(ValueError, match=f"lambda = {lam}: expected a number strictly between"):
        lambda_to_gamma(lam)


@pytest.mark.parametrize("gamma", [math.inf, -math.inf, math.nan])
def test_gamma_to_lambda_refuses_what_is_not_finite(gamma):
    with pytest.raises(ValueError, match="expected a finite number"):
        gamma_to_lambda(gamma)
