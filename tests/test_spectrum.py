"""How many eigenvalues count: LAPACK's spectrum, the closed form, and the compiled count agree."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from by_hand import seeded
from hypothesis import given, settings
from hypothesis import strategies as st

from zmix_core import spectrum
from zmix_core.inertia import count_matrices, count_neighbourhoods
from zmix_core.spectrum import FRACTION, of_moments, of_products

SIZES = [2, 3, 4, 47, 48, 49, 50, 51, 52, 63, 64, 97, 128, 130]


def rotated(values, seed=0, basis=None):
    """A symmetric matrix with these eigenvalues."""
    values = torch.as_tensor(values, dtype=torch.float64)
    if basis is None:
        square = torch.randn(len(values), len(values), dtype=torch.float64, generator=seeded(seed))
        basis = torch.linalg.qr(square).Q
    s = basis * values @ basis.T
    return (s + s.T) / 2


def above(s, fraction=0.05):
    """The count by numpy, and whether an eigenvalue is so near the threshold that rounding decides."""
    values = np.linalg.eigvalsh(np.asarray(s, dtype=np.float64))
    doubtful = np.abs(values - fraction * values[..., -1:]) <= 1e-10 * values[..., -1:]
    return (values > fraction * values[..., -1:]).sum(-1), doubtful.any(-1)


def compiled(s, single=False, start=None):
    """What the compiled count writes: count or -1, trace, sum of squares."""
    out = np.full((3, len(s)), np.nan)
    start = spectrum._start(s.shape[1]) if start is None else start
    count_matrices(np.ascontiguousarray(s), start, FRACTION, single, out)
    return out


def assert_counted(s, few_doubts=True):
    """The compiled count, and `of_moments`, are numpy's; -1 only now and then."""
    s = torch.as_tensor(s)
    expected, doubtful = above(s)
    count, total, squares = of_moments(s)
    assert count.dtype == torch.int64
    assert np.array_equal(count.numpy()[~doubtful], expected[~doubtful])
    np.testing.assert_allclose(total, np.trace(s, axis1=1, axis2=2), rtol=1e-12)
    np.testing.assert_allclose(squares, (s.numpy() ** 2).sum((1, 2)), rtol=1e-12)
    out = compiled(s.numpy())
    known = (out[0] >= 0) & ~doubtful
    assert np.array_equal(out[0][known], expected[known])
    assert known.mean() > 0.9 or not few_doubts
    np.testing.assert_allclose(out[1], total, rtol=1e-12)
    np.testing.assert_allclose(out[2], squares, rtol=1e-12)


@pytest.mark.parametrize("size", SIZES)
def test_random_matrices(size):
    g = seeded(size)
    factor = torch.randn(20, size, size + 5, dtype=torch.float64, generator=g)
    scales = torch.logspace(0, -1.5, size, dtype=torch.float64)
    moments = (factor @ factor.mT) * scales[:, None] * scales
    assert_counted(moments)
    assert_counted(1e-9 * moments)
    assert_counted(1e9 * moments)


@pytest.mark.parametrize("size", [5, 48, 49, 66, 128])
@pytest.mark.parametrize("rank", [1, 2, 3, 40])
def test_matrices_of_low_rank(size, rank):
    factor = torch.randn(20, size, rank, dtype=torch.float64, generator=seeded(rank))
    assert_counted(factor @ factor.mT, few_doubts=False)
    # What neighbourhoods are: centred, so that the constant vector is in their null space.
    factor -= factor.mean(1, keepdim=True)
    assert_counted(factor @ factor.mT, few_doubts=False)


@pytest.mark.parametrize("size", [49, 64, 101])
@pytest.mark.parametrize("gap", [0.0, 1e-14, 1e-10, 1e-7, 1e-4, 1e-2])
def test_the_largest_twice_or_nearly_so(size, gap):
    matrices = []
    for seed in range(10):
        values = torch.linspace(0.2, 0.01, size, dtype=torch.float64)
        values[:3] = torch.tensor([1.0, 1.0 - gap, 1.0 - 2 * gap])
        matrices.append(rotated(values, seed))
    assert_counted(torch.stack(matrices))


@pytest.mark.parametrize("size", [49, 64, 101])
@pytest.mark.parametrize("distance", [1e-3, 1e-5, 1e-7, 1e-8])
@pytest.mark.parametrize("gap", [0.0, 1e-9, 1e-7, 1e-5, 1e-3])
def test_eigenvalues_close_to_the_threshold(size, distance, gap):
    # The compiled count knows the largest well enough to tell, or says that it does not.
    matrices = []
    for seed in range(6):
        values = torch.linspace(0.3, 0.001, size, dtype=torch.float64)
        values[:2] = torch.tensor([1.0, 1.0 - gap])
        side = 1 if seed % 2 else -1
        values[size // 2] = 0.05 * (1 + side * distance)
        matrices.append(rotated(values, seed))
    assert_counted(torch.stack(matrices), few_doubts=False)


@pytest.mark.parametrize("size", [48, 49, 70, 96, 130])
def test_clustered_spectra(size):
    sets = [
        [1.0] + [0.06] * (size // 2) + [0.04] * (size - 1 - size // 2),
        [1.0] * size,
        [20.0] * 3 + [1.01] * 20 + [0.99] * (size - 23),
        [1.0] + [0.0501] * (size - 1),
        [1.0] + [0.0499] * (size - 1),
        [10.0**-i for i in range(size)],
    ]
    assert_counted(torch.stack([rotated(values, seed) for seed, values in enumerate(sets)]), few_doubts=False)


@pytest.mark.parametrize("size", [49, 52, 64, 97, 128])
@pytest.mark.parametrize("share", [0.5, 1.0, 10.0, 1000.0])
def test_a_largest_eigenvalue_along_the_constant_vector(size, share):
    # All coordinates moving together, as the brightness of pictures does.
    matrix = torch.eye(size, dtype=torch.float64)
    matrix += torch.full_like(matrix, share)
    assert_counted(matrix[None], few_doubts=False)
    assert_counted((matrix + 1e-9 * rotated(torch.rand(size, generator=seeded(0))))[None], few_doubts=False)


@pytest.mark.parametrize("size", [49, 60, 64])
def test_a_matrix_that_is_diagonal(size):
    values = torch.linspace(1.0, 0.003, size, dtype=torch.float64)
    assert_counted(torch.stack([values.diag(), values.flip(0).diag(), 7 * values.roll(5).diag()]))


@pytest.mark.parametrize("size", [2, 3, 5, 48, 49, 64, 65])
def test_an_eigenvalue_at_the_threshold_does_not_count(size):
    def diagonal(second):
        values = torch.zeros(size, dtype=torch.float64)
        values[0], values[-1] = second, 20.0
        return values.diag()

    matrices = torch.stack([diagonal(1.0), diagonal(np.nextafter(1.0, 2)), diagonal(np.nextafter(1.0, 0))])
    assert of_moments(matrices)[0].tolist() == [1, 2, 1]
    # Rounded to float32 first, all three are a tie.
    assert of_moments(matrices, torch.float32)[0].tolist() == [1, 1, 1]
    nearly = torch.stack([diagonal(1 + 1e-6), diagonal(1 + 1e-8), diagonal(1 - 1e-8), diagonal(1 - 1e-6)])
    assert of_moments(nearly)[0].tolist() == [2, 2, 1, 1]
    assert of_moments(nearly, torch.float32)[0].tolist() == [2, 1, 1, 1]


def test_doubt_is_said_and_then_settled():
    values = torch.full((64,), 0.5, dtype=torch.float64)
    values[0], values[9] = 20.0, 1.0
    s = values.diag()[None]
    assert compiled(s.numpy())[0].tolist() == [-1]
    assert of_moments(s)[0].tolist() == [1]
    both = torch.cat([s, torch.eye(64, dtype=torch.float64)[None], s])
    assert of_moments(both)[0].tolist() == [1, 64, 1]


@pytest.mark.parametrize("size", SIZES)
def test_zero(size):
    for found in of_moments(torch.zeros(3, size, size, dtype=torch.float64)):
        assert found.tolist() == [0, 0, 0]
    for found in compiled(np.zeros((3, size, size))):
        assert found.tolist() == [0, 0, 0]


@pytest.mark.parametrize("size", [2, 3, 20, 49, 64])
def test_float32_is_compared_as_float32(size):
    g = seeded(size)
    values = torch.rand(200, size, dtype=torch.float64, generator=g) * 0.2
    values[:, 0] = 1 + torch.rand(200, dtype=torch.float64, generator=g)
    # One ulp of float32 or so from the threshold.
    values[:, 1] = 0.05 * values[:, 0] * (1 + 2e-7 * torch.randn(200, dtype=torch.float64, generator=g))
    s = torch.diag_embed(values)
    single = values.numpy().astype(np.float32)
    largest = single.max(1, keepdims=True)
    expected = (single > np.float32(0.05) * largest).sum(1)
    assert of_moments(s, torch.float32)[0].tolist() == expected.tolist()
    wide = (values > 0.05 * values.amax(1, keepdim=True)).sum(1)
    assert of_moments(s)[0].tolist() == wide.tolist()
    assert (wide.numpy() != expected).any()


# Matrices of three rows


def assert_three(s):
    values = np.linalg.eigvalsh(s.numpy())[:, ::-1]
    np.testing.assert_allclose(spectrum._three(s), values, atol=1e-7 * values[:, :1].max())
    expected, doubtful = above(s)
    assert np.array_equal(of_moments(s)[0].numpy()[~doubtful], expected[~doubtful])


def test_three_random():
    factor = torch.randn(500, 3, 3, dtype=torch.float64, generator=seeded(0))
    factor *= torch.rand(500, 1, 3, dtype=torch.float64, generator=seeded(1)) ** 2
    assert_three(factor @ factor.mT)


@pytest.mark.parametrize(
    "values",
    [
        (1, 1, 1),
        (2, 2, 1),
        (2, 1, 1),
        (1, 0, 0),
        (1, 1, 0),
        (1, 1e-9, 1e-9),
        (1, 0.0501, 0.0499),
        (1, 0.051, 0.051),
        (1, 0.049, 0.049),
        (1, 0.05 + 1e-7, 0),
        (1, 0.05 - 1e-7, 0),
        (1, 0.05 + 2e-9, 0.05 - 2e-9),
        (1, 1 - 1e-9, 0.3),
        (0, 0, 0),
    ],
    ids=str,
)
def test_three_given(values):
    assert_three(torch.stack([rotated(values, seed) for seed in range(20)]))
    orders = torch.stack([torch.tensor(values, dtype=torch.float64).roll(i).diag() for i in range(3)])
    assert_three(orders)


def test_three_at_the_threshold():
    ties = torch.stack([torch.tensor(v).double().diag() for v in ([20, 1, 1], [1, 20, 0], [1, 2, 40])])
    assert of_moments(ties)[0].tolist() == [1, 1, 1]
    assert of_moments(ties * (1 + 2**-30))[0].tolist() == [1, 1, 1]


@pytest.mark.parametrize("power", [-170, -100, 100, 170])
def test_three_in_any_unit(power):
    factor = torch.randn(200, 3, 3, dtype=torch.float64, generator=seeded(0))
    s = factor @ factor.mT
    # Moments are squares.
    assert torch.equal(of_moments(s * 4.0**power)[0], of_moments(s)[0])


@settings(max_examples=150)
@given(st.lists(st.integers(-3, 3), min_size=6, max_size=12))
def test_three_of_few_values(entries):
    points = torch.tensor(entries[: len(entries) // 3 * 3], dtype=torch.float64).view(-1, 3)
    points -= points.mean(0)
    s = (points.T @ points)[None]
    expected, doubtful = above(s)
    if not doubtful.any():
        assert of_moments(s)[0].tolist() == expected.tolist()


# Neighbourhoods, from the products of all pairs


@pytest.mark.parametrize("k", [2, 3, 8, 48, 49, 60, 126])
@pytest.mark.parametrize("dtype", [torch.int32, torch.float32, torch.float64])
def test_products_of_all_pairs(k, dtype):
    x = (9 * torch.randn(200, 90, dtype=torch.float64, generator=seeded(k))).round()
    x *= torch.linspace(3, 0, 90, dtype=torch.float64).round()
    products = (x @ x.T).to(dtype)
    index = torch.stack([torch.randperm(200, generator=seeded(i))[:k] for i in range(40)])
    count, total, squares = of_products(products, index)
    for q, near in enumerate(x[index].numpy()):
        values = np.linalg.svd(near - near.mean(0), compute_uv=False) ** 2
        assert int(count[q]) == (values > 0.05 * values[0]).sum()
        assert float(total[q]) == pytest.approx(values.sum(), rel=1e-9)
        assert float(squares[q]) == pytest.approx((values**2).sum(), rel=1e-9)


def test_the_compiled_neighbourhoods_by_themselves():
    x = torch.randn(150, 70, dtype=torch.float64, generator=seeded(0))
    x *= torch.logspace(0, -1, 70, dtype=torch.float64)
    for k in (5, 49, 75, 130):
        index = torch.stack([torch.randperm(150, generator=seeded(i))[:k] for i in range(20)])
        out = np.full((3, 20), np.nan)
        count_neighbourhoods((x @ x.T).numpy(), index.numpy(), spectrum._start(k), FRACTION, False, out)
        near = (x[index] - x[index].mean(1, keepdim=True)).numpy()
        values = np.linalg.svd(near, compute_uv=False) ** 2
        known = out[0] >= 0
        assert known.mean() > 0.8
        assert out[0][known].tolist() == (values > 0.05 * values[:, :1]).sum(1)[known].tolist()
        np.testing.assert_allclose(out[1], values.sum(1), rtol=1e-10)
        np.testing.assert_allclose(out[2], (values**2).sum(1), rtol=1e-10)
