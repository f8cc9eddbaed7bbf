"""Local dimension of pictures, whose distances tie; and of any samples on an accelerator."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from id_reference import (
    assert_nearest,
    by_hand,
    by_skdim,
    gaussian,
    mle_by_skdim,
    mnist,
    nearest_by_hand,
    two_nn_by_skdim,
    without_ties,
)

from zmix_core import images
from zmix_core.dimension import local_id

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@functools.cache
def set_of_pictures(name):
    x = mnist(300) if name == "mnist" else images.load("digits").x[:400]
    if x is None:
        pytest.skip("no MNIST in ZMIX_DATA nor beside the checkout")
    return x


@pytest.mark.parametrize("name", ["digits", "mnist"])
@pytest.mark.parametrize("k", [2, 3, 8, 60, 128])
def test_pictures(name, k):
    x = set_of_pictures(name)
    ids = local_id(x, k)
    assert_nearest(x, ids.neighbours, ids.distances)
    sure = without_ties(x, k)
    assert sure.mean() > 0.7
    rows = np.flatnonzero(sure)[:: 5 if k < 60 else 30]
    theirs = nearest_by_hand(x, k)[rows]
    assert np.array_equal(np.sort(ids.neighbours.numpy()[rows]), np.sort(theirs))
    assert ids.count[rows].tolist() == by_skdim(x, k, rows=rows).tolist()
    ratio = by_skdim(x, k, "participation_ratio", rows)
    np.testing.assert_allclose(ids.participation[rows], ratio, rtol=1e-9)
    np.testing.assert_allclose(ids.mle, mle_by_skdim(x, k), rtol=1e-7)
    assert ids.two_nn == pytest.approx(two_nn_by_skdim(x), rel=1e-7)


@pytest.mark.parametrize("name", ["digits", "mnist"])
@pytest.mark.parametrize("k", [8, 60])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_pictures_in_other_types(name, k, dtype):
    x = set_of_pictures(name)
    whole = local_id(x, k)
    sure = torch.from_numpy(without_ties(x, k))
    for other, unit in ((x.to(dtype) / 255, 255), (x.to(dtype), 1), (x.to(torch.int64), 1)):
        ids = local_id(other, k)
        assert torch.equal(ids.count[sure], whole.count[sure])
        torch.testing.assert_close(ids.distances * unit, whole.distances, rtol=1e-6, atol=0)
        torch.testing.assert_close(ids.participation[sure], whole.participation[sure], rtol=1e-5, atol=0)
        if x.flatten(1).shape[1] > 64:
            # Exact integers: which of those that tie is taken does not depend on the type.
            assert torch.equal(ids.neighbours, whole.neighbours)


# On an accelerator


@needs_cuda
@pytest.mark.parametrize("d", [2, 3, 12, 20, 60, 80, 200])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.uint8])
def test_cuda_and_cpu_agree(d, dtype):
    x = gaussian(500, d)
    x = (40 * x + 128).clamp(0, 255).to(dtype) if dtype == torch.uint8 else x.to(dtype)
    for k in (3, 8, 60):
        here, there = local_id(x, k), local_id(x.cuda(), k)
        assert there.count.device.type == "cuda"
        sure = torch.from_numpy(without_ties(x, k, 1e-12) & ~by_hand(x, here.neighbours, width=1e-6)[2])
        assert sure.double().mean() > 0.3
        assert torch.equal(there.count.cpu()[sure], here.count[sure])
        assert torch.equal(there.coincident.cpu(), here.coincident)
        torch.testing.assert_close(there.distances.cpu(), here.distances, rtol=1e-7, atol=0)
        assert there.two_nn == pytest.approx(here.two_nn, rel=1e-7)
        some = local_id(x.cuda(), k, queries=torch.tensor([4, 2], device="cuda"))
        assert torch.equal(some.count, there.count[[4, 2]])
