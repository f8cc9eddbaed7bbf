"""The inner products of all pairs: exact for pictures, right for mixed sets without mixing a sample."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from by_hand import seeded
from id_reference import gaussian, pictures, squared_distances

from zmix_core import gram as module
from zmix_core.dimension import local_id
from zmix_core.gram import Gram, as_bytes, by_columns, gram
from zmix_core.local_dimension import measure
from zmix_core.methods import ERM, Mixup, ZetaMixup
from zmix_core.steps import finish

METHODS = {
    "erm": ERM(),
    "mixup": Mixup(),
    "mixup-per-sample": Mixup(per_sample=True),
    "few": ZetaMixup(3),
    "many": ZetaMixup(60),
    "all": ZetaMixup(),
    "random": ZetaMixup(5, anchor="random"),
    "circulant": ZetaMixup(scheme="circulant"),
    "circulant-few": ZetaMixup(5, 1.0, scheme="circulant"),
    "circulant-random": ZetaMixup(100, 1.0, anchor="random", scheme="circulant"),
}


def centred(products):
    """Products about the mean of all samples, as float64."""
    products = products.double().numpy()
    middle = np.eye(len(products)) - 1 / len(products)
    return middle @ products @ middle


def centred_of(x):
    """The same from coordinates."""
    points = x.flatten(1).double().numpy()
    points = points - points.mean(0)
    return points @ points.T


# Pictures as int8


@pytest.mark.parametrize("m", [1, 2, 3, 17, 100, 700])
@pytest.mark.parametrize("d", [65, 784, 3072])
def test_products_of_pictures_are_exact(m, d):
    if m * d > 10**6:
        pytest.skip("no more to be seen in a larger one")
    x = torch.randint(256, (m, d), generator=seeded(m)).to(torch.uint8)
    pairs = finish(gram(x))
    whole = x.numpy().astype(np.int64) - 128
    assert pairs.products.dtype == torch.int32
    assert np.array_equal(pairs.products.numpy(), whole @ whole.T)


@pytest.mark.parametrize("by", ["int_mm", "floats"])
def test_the_extremes_of_pictures(by, monkeypatch):
    if by == "floats":
        monkeypatch.delattr(torch, "_int_mm", raising=False)
    d = 43_690  # of so many columns a sum of products and its threefold fit into an int32
    x = torch.zeros(5, d, dtype=torch.uint8)
    x[1], x[2, ::2], x[3] = 255, 255, 128
    x[4] = torch.randint(256, (d,), generator=seeded(0))
    pairs = finish(gram(x))
    whole = x.numpy().astype(np.int64) - 128
    assert np.array_equal(pairs.products.numpy(), whole @ whole.T)
    ids = local_id(x, 4)
    squared = np.sort(squared_distances(x), 1)[:, :4]
    np.testing.assert_allclose(ids.distances, np.sqrt(squared), rtol=1e-12)
    wider = torch.cat([x, x[:, :1]], 1)
    pairs, whole = finish(gram(wider)), wider.numpy().astype(np.int64) - 128
    assert pairs.products.dtype == torch.int64
    assert np.array_equal(pairs.products.numpy(), whole @ whole.T)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_pictures_too_wide_for_int32(dtype):
    # 128 x 128 pixels of three colours.
    x = torch.randint(256, (12, 3, 128, 128), generator=seeded(0)).to(torch.uint8)
    ids = local_id(x.to(dtype), 5)
    expected = np.sort(squared_distances(x), 1)[:, :5]
    np.testing.assert_allclose(ids.distances, np.sqrt(expected), rtol=1e-12)
    assert ids.count.tolist() == [4] * 12


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 1024, 5), (7, 1025, 7), (40, 3000, 9)])
def test_multiplied_without_a_kernel_for_bytes(shape, monkeypatch):
    rows, d, columns = shape
    a = torch.randint(-128, 128, (rows, d), generator=seeded(0)).to(torch.int8)
    b = torch.randint(-128, 128, (columns, d), generator=seeded(1)).to(torch.int8)
    a[0], b[0] = -128, -128
    expected = a.numpy().astype(np.int64) @ b.numpy().astype(np.int64).T
    assert np.array_equal(module._multiply_bytes(a, b.T).numpy(), expected)
    monkeypatch.delattr(torch, "_int_mm", raising=False)
    plain = module._multiply_bytes(a, b.T)
    assert plain.dtype == torch.int32
    assert np.array_equal(plain.numpy(), expected)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64])
@pytest.mark.parametrize("unit", [1, 255])
def test_what_counts_as_bytes(dtype, unit):
    x = torch.arange(256, dtype=torch.uint8).repeat(2, 1)
    x[1] = x[1].flip(0)
    given = x if dtype == torch.uint8 else x.to(dtype) / unit
    values, scale = as_bytes(given)
    assert values.dtype == torch.int8
    assert torch.equal(values.int() + 128, x.int())
    assert scale == (1 / unit if dtype != torch.uint8 else 1)


@pytest.mark.parametrize(
    "value", [-1.0, 256.0, 0.5, 1.5, 1e-3, 254.9, -1 / 255, 256 / 255, 1e30, 0.1 + 1e-12]
)
def test_what_does_not(value):
    x = torch.zeros(3, 70, dtype=torch.float64)
    x[1, 3] = value
    assert as_bytes(x) is None
    pairs = finish(gram(x))
    assert pairs.products.dtype == torch.float64


def test_pictures_normalized_are_floats():
    x = (pictures(100, 80).float() / 255 - 0.1307) / 0.3081
    assert as_bytes(x) is None
    assert torch.equal(local_id(x, 8).count, local_id(x.double(), 8).count)


# Floats


@pytest.mark.parametrize("m", [2, 100, 600])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_products_of_floats_are_about_their_mean(m, dtype):
    x = (gaussian(m, 70) + 1000).to(dtype)
    pairs = finish(gram(x))
    np.testing.assert_allclose(pairs.products * pairs.unit**2, centred_of(x), atol=1e-9)
    torch.testing.assert_close(pairs.products, pairs.products.T, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("work", [2**18, 2**21])
@pytest.mark.parametrize("kind", ["bytes", "floats"])
def test_in_blocks(kind, work, monkeypatch):
    x = pictures(333, 80) if kind == "bytes" else gaussian(333, 80)
    at_once = finish(gram(x)).products
    monkeypatch.setattr(module, "WORK", work)
    steps, seen = gram(x), []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as end:
            pairs = end.value
            break
    assert len(seen) > 2
    assert seen == sorted(seen)
    assert seen[-1] == 1
    torch.testing.assert_close(pairs.products, at_once, rtol=1e-12, atol=1e-10)


# Mixed


@pytest.mark.parametrize("kind", ["bytes", "fractions", "floats", "far"])
def test_about_the_mean_in_float32(kind):
    x = {
        "bytes": pictures(300, 80),
        "fractions": pictures(300, 80).float() / 255,
        "floats": gaussian(300, 80),
        "far": gaussian(300, 80) + 1e6,
    }[kind]
    pairs = finish(finish(gram(x)).centred())
    expected = centred_of(x)
    assert pairs.products.dtype == torch.float32
    np.testing.assert_allclose(pairs.products * pairs.unit**2, expected, atol=1e-6 * expected.max())


@pytest.mark.parametrize("kind", ["bytes", "fractions", "floats"])
@pytest.mark.parametrize("name", METHODS)
def test_a_mixed_set(name, kind):
    x = {"bytes": pictures(200, 80), "floats": gaussian(200, 80)}.get(kind)
    x = pictures(200, 80).float() / 255 if x is None else x
    recipe = METHODS[name].draw(200, generator=seeded(1))
    mixed = finish(finish(finish(gram(x)).centred()).mixed(recipe))
    in_bytes = kind == "bytes"
    expected = centred_of(recipe.apply(x.double()))
    products = centred(mixed.products) * mixed.unit**2
    np.testing.assert_allclose(products, expected, atol=3e-6 * expected.max())
    found = finish(measure(mixed, [8, 60]))
    for k, ids in found.items():
        direct = local_id(recipe.apply(x.double() if in_bytes else x), k)
        assert float((ids.count == direct.count).double().mean()) > 0.97
        np.testing.assert_allclose(ids.distances, direct.distances, rtol=1e-3)
        np.testing.assert_allclose(ids.participation.mean(), direct.participation.mean(), rtol=1e-3)


@pytest.mark.parametrize("scheme", ["independent", "circulant"])
@pytest.mark.parametrize("kind", ["bytes", "floats"])
def test_gamma_0_over_all_samples_is_one_place(kind, scheme):
    x = pictures(150, 80) if kind == "bytes" else gaussian(150, 80)
    recipe = ZetaMixup(None, 0.0, scheme=scheme).draw(150, generator=seeded(0))
    ids = finish(measure(finish(finish(finish(gram(x)).centred()).mixed(recipe)), [8, 60]))
    for k in (8, 60):
        assert ids[k].coincident.all()
        assert not ids[k].count.any()


@pytest.mark.parametrize("name", METHODS)
def test_by_columns_is_apply(name, monkeypatch):
    recipe = METHODS[name].draw(120, generator=seeded(1))
    x = gaussian(120, 50)
    at_once = recipe.apply(x)
    torch.testing.assert_close(finish(by_columns(recipe, x)), at_once, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(
        finish(by_columns(recipe, x.T.contiguous().T)), at_once, rtol=1e-12, atol=1e-14
    )


def test_rows_at_a_time():
    # Steps of bounded work: no more than some million entries a step, and at least a few rows.
    for m in (10, 3000):
        pairs = Gram(torch.eye(m, dtype=torch.float32))
        for k in (2, 8, 128):
            assert 16 <= pairs.rows(k) <= 1024
            assert pairs.rows(k) == 16 or pairs.rows(k) * max(m, k * k) <= 2**22
