"""Local dimension of well-behaved data is scikit-dimension's, point by point."""

from __future__ import annotations

import math

import numpy as np
import pytest
import skdim
import torch
from by_hand import seeded
from id_reference import (
    assert_nearest,
    by_hand,
    by_skdim,
    gaussian,
    mle_by_skdim,
    nearest_by_hand,
    two_nn_by_skdim,
)

from zmix_core import local_dimension, manifolds
from zmix_core.dimension import estimate, local_id
from zmix_core.local_dimension import local_ids
from zmix_core.methods import ERM, Mixup, ZetaMixup
from zmix_core.steps import finish

NOISE = {"spirals": 0.02, "crescents": 0.1}
NAMES = list(manifolds.MANIFOLDS)
WIDTHS = [2, 3, 5, 12, 20, 80, 200]


def manifold(name, m=300):
    return manifolds.load(name, m=m, noise=NOISE.get(name), dtype=torch.float64).x


def assert_parity(x, k, rows=None):
    """Count and participation ratio of every point, or of some, are scikit-dimension's."""
    ids = local_id(x, k)
    some = slice(None) if rows is None else rows
    assert not ids.coincident.any()
    assert ids.count[some].tolist() == by_skdim(x, k, rows=rows).tolist()
    theirs = by_skdim(x, k, "participation_ratio", rows)
    np.testing.assert_allclose(ids.participation[some], theirs, rtol=1e-9)
    return ids


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("k", [2, 3, 8, 60])
def test_manifolds(name, k):
    ids = assert_parity(manifold(name), k)
    assert ids.count.dtype == torch.int64
    assert ids.coincident.dtype == torch.bool


@pytest.mark.parametrize("d", WIDTHS)
@pytest.mark.parametrize("k", [2, 3, 8, 60, 128, 199])
def test_any_width(d, k):
    # k below D, above it, at 10 D and more (where the reference takes another way), and m - 1.
    x = gaussian(200, d)
    ids = assert_parity(x, k, np.arange(0, 200, 10 if k < 60 else 50))
    assert int(ids.count.max()) <= min(k - 1, d)


def test_a_larger_set():
    x = manifold("swiss-roll", 1500)
    assert_parity(x, 16, np.arange(0, 1500, 5))
    # Several blocks of queries, and of products.
    x = gaussian(1300, 70)
    assert_parity(x, 12, np.arange(0, 1300, 26))


@pytest.mark.parametrize("gamma", [0.5, 1.73, 4.0, 15.0])
@pytest.mark.parametrize("source", ["helix-r12", "swiss-roll", 80])
def test_mixed_sets(source, gamma):
    x = manifold(source) if isinstance(source, str) else gaussian(300, source)
    mixed = ZetaMixup(32, gamma).draw(len(x), generator=seeded(1)).apply(x)
    for k in (8, 60):
        assert_parity(mixed, k, np.arange(0, 300, 5 if k < 60 else 30))


@pytest.mark.parametrize("d", [3, 80])
def test_mixup_and_no_mixing(d):
    x = gaussian(300, d)
    for method in (Mixup(per_sample=True), Mixup(0.3), ERM()):
        assert_parity(method.draw(300, generator=seeded(0)).apply(x), 8, np.arange(0, 300, 4))


@pytest.mark.parametrize("d", [2, 12, 20, 64, 65, 100])
def test_float32(d):
    x = gaussian(300, d).float()
    for k in (3, 8, 60):
        ids = local_id(x, k)
        assert_nearest(x, ids.neighbours, ids.distances, rtol=1e-9)
        rows = np.arange(0, 300, 5)
        # Centred before it is multiplied; the reference's float32 may lose the last digits.
        count, ratio, doubtful = by_hand(x, ids.neighbours[rows], width=1e-6)
        assert doubtful.mean() < 0.02
        assert np.array_equal(ids.count.numpy()[rows][~doubtful], count[~doubtful])
        np.testing.assert_allclose(ids.participation.numpy()[rows], ratio, rtol=1e-5)
        _, _, doubtful = by_hand(x, ids.neighbours[rows], width=1e-5)
        theirs = by_skdim(x, k, rows=rows)
        assert doubtful.mean() < 0.1
        assert np.array_equal(ids.count.numpy()[rows][~doubtful], theirs[~doubtful])


@pytest.mark.parametrize("name", NAMES)
def test_float32_manifolds(name):
    x = manifold(name).float()
    for k in (8, 25):
        ids = local_id(x, k)
        _, _, doubtful = by_hand(x, ids.neighbours, width=1e-4)
        assert doubtful.mean() < 0.05
        assert np.array_equal(ids.count.numpy()[~doubtful], by_skdim(x, k)[~doubtful])


@pytest.mark.parametrize("d", [2, 12, 20, 80])
@pytest.mark.parametrize("k", [2, 3, 20, 128])
def test_mle(d, k):
    x = gaussian(300, d)
    np.testing.assert_allclose(local_id(x, k).mle, mle_by_skdim(x, k), rtol=1e-9)


@pytest.mark.parametrize("d", [2, 3, 12, 25, 26, 80])
@pytest.mark.parametrize("m", [37, 400])
def test_two_nn(d, m):
    # Above 25 dimensions the reference takes products of all pairs.
    x = gaussian(m, d)
    for k in (2, 8):
        assert local_id(x, k).two_nn == pytest.approx(two_nn_by_skdim(x), rel=1e-8)


def test_two_nn_without_duplicates():
    x = gaussian(100, 3)
    x = torch.cat([x, x[:5]])
    ids = local_id(x, 8)
    assert ids.two_nn == pytest.approx(two_nn_by_skdim(x), rel=1e-9)
    assert (ids.mle == 0).sum() == 10
    np.testing.assert_array_equal(ids.mle == 0, mle_by_skdim(x, 8) == 0)
    few = local_id(torch.tensor([[0.0, 0.0], [0.0, 1.0], [3.0, 0.0]]), 2)
    assert not math.isnan(few.two_nn)
    assert math.isnan(local_id(torch.zeros(9, 2), 2).two_nn)


@pytest.mark.parametrize("d", WIDTHS)
@pytest.mark.parametrize("k", [2, 8, 128, 199])
def test_neighbours_are_the_nearest(d, k):
    x = gaussian(200, d)
    ids = local_id(x, k)
    assert_nearest(x, ids.neighbours, ids.distances, rtol=1e-9)
    assert np.array_equal(ids.neighbours, nearest_by_hand(x, k))
    assert ids.k == k


@pytest.mark.parametrize("d", [3, 20, 80])
def test_queries_are_rows_of_the_whole(d):
    x = gaussian(300, d)
    queries = torch.randperm(300, generator=seeded(0))[:70]
    whole, some = local_id(x, 12), local_id(x, 12, queries=queries)
    for name in ("count", "coincident", "neighbours"):
        assert torch.equal(getattr(some, name), getattr(whole, name)[queries])
    for name in ("participation", "distances", "mle"):
        torch.testing.assert_close(getattr(some, name), getattr(whole, name)[queries], rtol=1e-9, atol=0)
    single = local_id(x, 12, queries=queries[:1])
    assert single.count.tolist() == whole.count[queries[:1]].tolist()


@pytest.mark.parametrize("d", [3, 20, 80])
def test_several_k_at_once(d):
    x = gaussian(300, d)
    together = finish(local_ids(x, [60, 3, 8, 299]))
    assert sorted(together) == [3, 8, 60, 299]
    for k, ids in together.items():
        alone = local_id(x, k)
        assert ids.k == k
        assert torch.equal(ids.count, alone.count)
        assert torch.equal(ids.neighbours, alone.neighbours)
        torch.testing.assert_close(ids.distances, alone.distances, rtol=1e-9, atol=0)
        torch.testing.assert_close(ids.participation, alone.participation, rtol=1e-9, atol=0)


@pytest.mark.parametrize("d", [3, 20, 80])
@pytest.mark.parametrize("threads", [1, 2])
def test_steps_and_threads(d, threads):
    x = gaussian(2000, d)
    alone = local_id(x, 10)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        steps, seen = local_ids(x, [10]), []
        while True:
            try:
                seen.append(next(steps))
            except StopIteration as end:
                ids = end.value[10]
                break
    finally:
        torch.set_num_threads(before)
    assert seen == sorted(seen)
    assert len(seen) > 1
    assert seen[0] > 0
    assert seen[-1] == 1
    assert torch.equal(ids.count, alone.count)
    assert torch.equal(ids.neighbours, alone.neighbours)


@pytest.mark.parametrize("d", [80, 200])
def test_without_room_for_all_pairs(d, monkeypatch):
    for x in (gaussian(300, d), gaussian(300, d).float(), (gaussian(300, d) * 30 + 128).to(torch.uint8)):
        by_pairs = local_id(x, 12)
        monkeypatch.setattr(local_dimension, "PAIRS", 1000)
        monkeypatch.setattr(local_dimension, "gram", None)
        by_coordinates = local_id(x, 12)
        monkeypatch.undo()
        torch.testing.assert_close(by_coordinates.distances, by_pairs.distances, rtol=1e-9, atol=0)
        # Of distances that tie, either may be taken.
        same = (by_coordinates.neighbours.sort().values == by_pairs.neighbours.sort().values).all(1)
        assert same.double().mean() > 0.9
        assert torch.equal(by_coordinates.count[same], by_pairs.count[same])
        torch.testing.assert_close(
            by_coordinates.participation[same], by_pairs.participation[same], rtol=1e-9, atol=0
        )


def test_what_it_looks_like():
    x = torch.rand(500, 2, generator=seeded(0))
    ids = local_id(x, 8)
    count = ids.count.double().numpy()
    assert repr(ids) == f"<LocalID: k = 8, 500 points, {count.mean():.2f} ± {count.std():.2f}>"
    assert torch.equal(local_id(x.view(500, 1, 2, 1), 8).count, ids.count)
    assert torch.equal(local_id(x.T.contiguous().T, 8).count, ids.count)
    assert torch.equal(local_id(x.clone().requires_grad_(), 8).count, ids.count)


@pytest.mark.parametrize("name", ["CorrInt", "MADA", "MOM", "TLE", "MLE", "lPCA", "TwoNN"])
def test_other_estimators_by_name(name):
    x = manifold("swiss-roll", 200)
    with np.errstate(all="ignore"):
        theirs = getattr(skdim.id, name)().fit(x.numpy()).dimension_
        ours = estimate(x.view(200, 1, 3), name)
    assert ours.shape == ()
    assert ours.dtype == torch.float64
    assert float(ours) == pytest.approx(float(theirs))


@pytest.mark.parametrize(
    ("name", "settings"), [("MLE", {}), ("TLE", {}), ("MADA", {}), ("lPCA", {}), ("lPCA", {"ver": "ratio"})]
)
def test_local_estimators_by_name(name, settings):
    x = manifold("swiss-roll", 60)
    estimator = getattr(skdim.id, name)(**settings)
    local = estimator.fit_pw if name == "lPCA" else estimator.fit
    with np.errstate(all="ignore"):
        theirs = local(x.numpy(), n_neighbors=20).dimension_pw_
        ours = estimate(x, name, 20, **settings)
    assert ours.shape == (60,)
    np.testing.assert_allclose(ours, theirs)
