"""Local dimension of what hypothesis makes: few points of few values, where duplicates and ties abound."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from id_reference import assert_nearest, by_hand, by_skdim, squared_distances, without_ties

from zmix_core.dimension import local_id
from zmix_core.local_dimension import local_ids
from zmix_core.steps import finish


@st.composite
def points(draw, widths=(2, 3, 5, 16, 70), kinds=("bytes", "whole", "halves", "offset", "float32")):
    """Points ``(m, D)`` of few values in few of their coordinates, and a k."""
    m, width = draw(st.integers(3, 14)), draw(st.sampled_from(widths))
    varied, values = draw(st.integers(1, min(width, 4))), draw(st.integers(1, 4))
    entries = draw(st.lists(st.integers(0, values), min_size=m * varied, max_size=m * varied))
    x = torch.zeros(m, width, dtype=torch.float64)
    x[:, :varied] = torch.tensor(entries, dtype=torch.float64).view(m, varied)
    kind = draw(st.sampled_from(kinds))
    x = {
        "bytes": lambda: x.to(torch.uint8),
        "whole": lambda: x - 1,
        "halves": lambda: x / 2 - 1,
        "offset": lambda: x * 0.5 + 2.0**27,
        "float32": lambda: (x * 0.5 + 100).float(),
    }[kind]()
    return x, draw(st.integers(2, m - 1))


@settings(max_examples=300)
@given(points())
def test_neighbours_and_counts(case):
    x, k = case
    ids = local_id(x, k)
    assert_nearest(x, ids.neighbours, ids.distances, rtol=1e-7)
    near = x.double()[ids.neighbours]
    one_place = (near == near[:, :1]).all(2).all(1)
    assert torch.equal(ids.coincident, one_place)
    assert torch.equal(ids.participation.isnan(), one_place)
    count, ratio, doubtful = by_hand(x, ids.neighbours)
    sure = ~doubtful & ~one_place.numpy()
    assert not ids.count[one_place].any()
    assert ids.count[sure].tolist() == count[sure].tolist()
    some = ~one_place.numpy()
    np.testing.assert_allclose(ids.participation.numpy()[some], ratio[some], rtol=1e-6)
    assert (ids.count[some] >= 1).all()
    assert int(ids.count.max()) <= min(k - 1, x.shape[1])


@settings(max_examples=150)
@given(points(widths=(2, 3, 5), kinds=("whole", "halves")))
def test_scikit_dimension_where_nothing_ties(case):
    x, k = case
    # At k = m - 1 all others are neighbours: nothing to choose.
    sure = without_ties(x, k) if k < len(x) - 1 else np.full(len(x), True)
    ids = local_id(x, k)
    sure &= ~by_hand(x, ids.neighbours)[2] & ~ids.coincident.numpy()
    if sure.any():
        assert ids.count[sure].tolist() == by_skdim(x, k)[sure].tolist()


@settings(max_examples=150)
@given(points(), st.data())
def test_queries_and_several_k(case, data):
    x, k = case
    ks = sorted({k, *data.draw(st.lists(st.integers(2, len(x) - 1), max_size=3))})
    queries = torch.tensor(data.draw(st.lists(st.integers(0, len(x) - 1), min_size=1, max_size=6)))
    together = finish(local_ids(x, ks, queries))
    squared = np.sort(squared_distances(x), 1)
    for each, ids in together.items():
        assert ids.neighbours.shape == (len(queries), each)
        expected = np.sqrt(squared[queries.numpy(), :each])
        np.testing.assert_allclose(ids.distances, expected, rtol=1e-7)
        count, _, doubtful = by_hand(x, ids.neighbours)
        sure = ~doubtful & ~ids.coincident.numpy()
        assert ids.count[sure].tolist() == count[sure].tolist()


@settings(max_examples=100)
@given(points(kinds=("whole", "halves", "bytes")), st.sampled_from([0.25, 2.0, 8.0]), st.randoms())
def test_unit_and_order_change_nothing(case, unit, random):
    x, k = case
    x = x.double()
    order = list(range(len(x)))
    random.shuffle(order)
    ids, other = local_id(x, k), local_id(unit * x[order], k)
    torch.testing.assert_close(other.distances, unit * ids.distances[order], rtol=1e-9, atol=1e-9)
    sure = without_ties(x, k) if k < len(x) - 1 else np.full(len(x), True)
    some = torch.from_numpy(sure[order])
    assert torch.equal(other.coincident[some], ids.coincident[order][some])
