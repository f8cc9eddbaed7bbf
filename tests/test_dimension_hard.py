"""Local dimension where rounding, duplicates and ties make it hard: against exact or brute-force answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from by_hand import seeded
from id_reference import (
    assert_nearest,
    by_hand,
    by_skdim,
    gaussian,
    mle_by_skdim,
    two_nn_by_skdim,
    without_ties,
)

from zmix_core import manifolds
from zmix_core.dimension import local_id
from zmix_core.methods import ERM, Mixup, ZetaMixup

WIDTHS = [2, 3, 12, 20, 60, 80, 200]


def assert_right(x, ids, rtol=1e-6):
    """Neighbours, distances, count and participation ratio are those of ``x``, in extended precision."""
    assert_nearest(x, ids.neighbours, ids.distances, rtol)
    count, ratio, doubtful = by_hand(x, ids.neighbours, width=1e-6)
    assert doubtful.mean() < 0.02
    assert not ids.coincident.any()
    assert np.array_equal(ids.count.numpy()[~doubtful], count[~doubtful])
    np.testing.assert_allclose(ids.participation, ratio, rtol=rtol)


# Far from the origin


def on_grid(d, m=250, steps=2**20):
    """Numbers to which 1e8 is added without rounding."""
    return (gaussian(m, d) * steps).round() / steps


@pytest.mark.parametrize("d", WIDTHS)
@pytest.mark.parametrize("k", [3, 8, 60, 128])
def test_an_offset_changes_nothing(d, k):
    x = on_grid(d)
    far = x + 1e8
    assert torch.equal(far - 1e8, x)
    near, ids = local_id(x, k), local_id(far, k)
    assert torch.equal(ids.count, near.count)
    assert torch.equal(ids.neighbours, near.neighbours)
    torch.testing.assert_close(ids.distances, near.distances, rtol=1e-7, atol=0)
    torch.testing.assert_close(ids.participation, near.participation, rtol=1e-7, atol=0)
    assert not ids.coincident.any()
    rows = np.arange(0, 250, 50 if k > 8 else 10)
    assert ids.count[rows].tolist() == by_skdim(x, k, rows=rows).tolist()


@pytest.mark.parametrize("d", [3, 20, 80])
def test_an_offset_in_one_coordinate(d):
    x = on_grid(d)
    far = x.clone()
    far[:, d // 2] -= 1e8
    assert torch.equal(local_id(far, 8).count, local_id(x, 8).count)
    assert local_id(far, 8).two_nn == pytest.approx(two_nn_by_skdim(x), rel=1e-7)


@pytest.mark.parametrize("d", [3, 20, 80])
def test_two_sets_far_apart(d):
    x = on_grid(d, 120)
    both = torch.cat([x, x + 1e8])
    alone, ids = local_id(x, 8), local_id(both, 8)
    assert torch.equal(ids.count, alone.count.repeat(2))
    assert torch.equal(ids.neighbours, torch.cat([alone.neighbours, alone.neighbours + 120]))
    assert torch.equal(local_id(both, 130).count, torch.ones(240, dtype=torch.int64))


@pytest.mark.parametrize("d", [2, 12, 20, 80])
def test_an_offset_of_float32(d):
    x = on_grid(d, steps=2**10)
    far = (x + 4096).float()
    assert torch.equal(far.double() - 4096, x)
    for k in (8, 60):
        ids = local_id(far, k)
        count, ratio, doubtful = by_hand(x, ids.neighbours, width=1e-6)
        assert doubtful.mean() < 0.02
        assert np.array_equal(ids.count.numpy()[~doubtful], count[~doubtful])
        np.testing.assert_allclose(ids.participation, ratio, rtol=1e-6)


@pytest.mark.parametrize("d", [3, 20, 80])
@pytest.mark.parametrize(("dtype", "outlier"), [(torch.float32, 1e6), (torch.float64, 1e14)])
def test_one_sample_far_out(d, dtype, outlier):
    # A wrong entry in one sample says nothing on how exact the others are.
    x = 0.1 * gaussian(200, d).to(dtype)
    alone = local_id(x, 8)
    x = torch.cat([x, torch.full((1, d), outlier, dtype=dtype)])
    ids = local_id(x, 8)
    assert not ids.coincident[:-1].any()
    assert torch.equal(ids.count[:-1], alone.count)


@pytest.mark.parametrize("d", [3, 20, 80])
@pytest.mark.parametrize("power", [-100, 100, -170, 170])
def test_any_unit(d, power):
    x = gaussian(200, d)
    for k in (3, 8):
        alone, ids = local_id(x, k), local_id(x * 2.0**power, k)
        assert torch.equal(ids.count, alone.count)
        assert torch.equal(ids.neighbours, alone.neighbours)
        torch.testing.assert_close(ids.participation, alone.participation, rtol=1e-9, atol=0)


@pytest.mark.parametrize("d", [30, 100])
@pytest.mark.parametrize("k", [8, 19, 30, 60])
def test_tiny_clusters(d, k):
    # Points 1e-7 from one another; clusters 1 from one another.
    centres = torch.randn(10, d, dtype=torch.float64, generator=seeded(0))
    x = centres.repeat(20, 1) + 1e-7 * gaussian(200, d)
    # Where k is more than a cluster, centres tie but for what is tiny: right to a part in 1e-7.
    assert_right(x, local_id(x, k), rtol=1e-6)
    assert_right(x + 1e3, local_id(x + 1e3, 8), rtol=1e-5)


# Duplicates


@pytest.mark.parametrize("d", WIDTHS)
@pytest.mark.parametrize("k", [2, 3, 8, 19, 50, 60])
def test_more_duplicates_than_neighbours(d, k):
    for x in (gaussian(4, d), 1e8 + gaussian(4, d), gaussian(4, d).float()):
        x = x.repeat(k + 3, 1)
        ids = local_id(x, k)
        assert ids.coincident.all()
        assert not ids.count.any()
        assert ids.participation.isnan().all()
        assert torch.equal(ids.distances, torch.zeros_like(ids.distances))
        assert ids.mle.isnan().all() or not ids.mle.any()
        assert np.isnan(ids.two_nn)
        for i, row in enumerate(ids.neighbours.tolist()):
            assert i not in row
            assert len(set(row)) == k
            assert {j % 4 for j in row} == {i % 4}


@pytest.mark.parametrize("d", [2, 20, 65, 784])
@pytest.mark.parametrize("k", [2, 3, 8, 48, 49, 60, 99])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64])
def test_pictures_with_more_duplicates_than_neighbours(d, k, dtype):
    x = torch.randint(256, (3, d), generator=seeded(k)).to(torch.uint8).repeat(k + 2, 1)
    x = x if dtype == torch.uint8 else x.to(dtype) / 255
    ids = local_id(x, k)
    assert ids.coincident.all()
    assert not ids.count.any()
    assert ids.participation.isnan().all()
    assert not ids.distances.any()


@pytest.mark.parametrize("d", WIDTHS)
@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, -1e8])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_all_samples_the_same(d, value, dtype):
    ids = local_id(torch.full((70, d), value, dtype=dtype), 60)
    assert ids.coincident.all()
    assert not ids.count.any()
    assert not ids.distances.any()


@pytest.mark.parametrize("d", WIDTHS)
@pytest.mark.parametrize("copies", [2, 3])
def test_samples_twice_and_three_times(d, copies):
    x = torch.cat([gaussian(40, d)] * copies)
    for k in (3, 8, 9, 50):
        # Copies tie but lie in one place: whichever is taken, the answer is the same.
        ids = local_id(x, k)
        rows = np.arange(0, len(x), 9)
        assert ids.count[rows].tolist() == by_skdim(x, k, rows=rows).tolist()
        assert not ids.coincident.any() or k < copies
        assert_nearest(x, ids.neighbours, ids.distances, rtol=1e-9)
        # The reference's distances have rounding in more than 15 dimensions.
        assert not ids.mle.any()
        assert d > 15 or not mle_by_skdim(x, k).any()


@pytest.mark.parametrize("value", [0.0, 1.0, 1e6])
@pytest.mark.parametrize("d", [5, 20, 80])
def test_coordinates_that_never_change(d, value):
    x = gaussian(200, 3)
    wide = torch.full((200, d), value, dtype=torch.float64)
    wide[:, [0, d // 2, d - 1]] = x
    for k in (2, 8, 60):
        alone, ids = local_id(x, k), local_id(wide, k)
        assert torch.equal(ids.count, alone.count)
        assert torch.equal(ids.neighbours, alone.neighbours)
        torch.testing.assert_close(ids.participation, alone.participation, rtol=1e-7, atol=0)


@pytest.mark.parametrize("d", [2, 49, 52, 60, 64, 80])
def test_one_number_in_every_coordinate(d):
    x = gaussian(200, 1).expand(200, d)
    for k in (2, 8, 60, 128):
        ids = local_id(x, k)
        assert (ids.count == 1).all()
        torch.testing.assert_close(ids.participation, torch.ones(200, dtype=torch.float64))


@pytest.mark.parametrize("d", [8, 49, 50, 64])
@pytest.mark.parametrize("brightness", [1.0, 10.0])
def test_coordinates_that_move_together(d, brightness):
    # 2 along every axis, and along the diagonal 2 + 2 d brightness².
    one, all_ones = torch.eye(d, dtype=torch.float64), torch.full((1, d), brightness, dtype=torch.float64)
    x = torch.cat([0 * all_ones, one, -one, all_ones, -all_ones])
    count = local_id(x, 2 * d + 2, queries=torch.tensor([0])).count
    assert count.tolist() == [d if 0.05 * (1 + d * brightness**2) < 1 else 1]


# gamma = 0 and lambda = 1


@pytest.mark.parametrize("source", ["crescents", "helix-r12", 20, 80])
@pytest.mark.parametrize("scheme", ["independent", "circulant"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gamma_0_over_all_samples_is_one_place(source, scheme, dtype):
    if isinstance(source, str):
        x = manifolds.load(source, m=150, dtype=torch.float64).x
    else:
        x = gaussian(150, source)
    # Centred data are the curve's business: what is left of them after mixing is nothing but rounding.
    x = (x + 3).to(dtype)
    mixed = ZetaMixup(None, 0.0, scheme=scheme).draw(150, generator=seeded(0)).apply(x)
    ids = local_id(mixed, 8)
    assert ids.coincident.all()
    assert not ids.count.any()


def test_lambda_1_of_few_samples():
    # Mixup without mixing, of a set that is one sample over and over.
    x = gaussian(1, 5).repeat(40, 1)
    for method in (Mixup(0.0), ERM(), Mixup(1.0), ZetaMixup(4, 0.0)):
        ids = local_id(method.draw(40, generator=seeded(0)).apply(x), 8)
        assert ids.coincident.all()


# Ties


def cross(wide, narrow, dtype=torch.float64):
    """The origin, and points on two axes whose squares add up to ``wide`` and ``narrow``."""
    points = [
        (0, 0),
        *((s * a, 0) for a in wide for s in (1, -1)),
        *((0, s * a) for a in narrow for s in (1, -1)),
    ]
    return torch.tensor(points, dtype=dtype)


@pytest.mark.parametrize("unit", [1.0, 0.5, 4.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_eigenvalue_at_the_threshold_does_not_count(unit, dtype):
    origin = torch.tensor([0])
    # 16 + 4 = 20 times 1; then a little more, and a little less.
    for narrow, count in ((1.0, 1), (1.001, 2), (0.999, 1)):
        x = unit * cross((4.0, 2.0), (narrow,), dtype)
        assert local_id(x, 6, queries=origin).count.tolist() == [count]


@pytest.mark.parametrize("d", [2, 20, 80])
def test_the_threshold_is_compared_in_the_precision_of_the_data(d):
    # 5473 / 24476 is above the root of 1/20 by 3e-9: more than a rounding of float64, less than of float32.
    disagree = 0
    for scale in (1.0, 0.75, 0.625, 1.25, 1.1):
        for dtype, numpy in ((torch.float64, np.float64), (torch.float32, np.float32)):
            a, b = (float(torch.tensor(v * scale, dtype=dtype)) for v in (24476.0, 5473.0))
            x = torch.zeros(5, d, dtype=dtype)
            x[:, :2] = cross((a,), (b,), dtype)
            largest, least = numpy(2 * a * a / 3), numpy(2 * b * b / 3)
            expected = 1 + int(least > numpy(0.05) * largest)
            assert local_id(x, 4, queries=torch.tensor([0])).count.tolist() == [expected]
            disagree += expected == 1
    assert 0 < disagree < 10


@pytest.mark.parametrize(("d", "k"), [(2, 4), (2, 8), (2, 12), (3, 6), (3, 18), (3, 26)])
def test_points_of_a_grid(d, k):
    axis = torch.arange(7, dtype=torch.float64)
    x = torch.cartesian_prod(*[axis] * d)
    ids = local_id(x, k)
    assert_nearest(x, ids.neighbours, ids.distances)
    sure = without_ties(x, k)
    _, _, doubtful = by_hand(x, ids.neighbours)
    some = sure & ~doubtful
    assert sure.any()
    assert ids.count[some].tolist() == by_skdim(x, k)[some].tolist()
