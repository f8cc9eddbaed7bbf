"""Every way to mix against the plain one: by columns, by oneDNN, into `out`, in place, compiled."""

from __future__ import annotations

import copy
import shutil
import warnings

import pytest
import torch
from by_hand import TOLERANCES, assert_mixed, matrix, mix, mix_with, seeded
from recipe_cases import samples
from torch._dynamo.testing import CompileCounter

from zmix_core import products
from zmix_core import recipe as recipe_module
from zmix_core.methods import ZetaMixup
from zmix_core.products import dense
from zmix_core.recipe import Recipe
from zmix_core.transforms import ZetaMixUp

WIDE = 5000
"""Columns, so many that oneDNN multiplies."""


@pytest.fixture
def narrow(monkeypatch):
    """Some columns at a time, though they are few."""
    monkeypatch.setattr(recipe_module, "CACHE", 1)


# Some columns at a time


@pytest.mark.parametrize("dtype", [*TOLERANCES, torch.uint8, torch.bool], ids=str)
def test_any_columns_at_a_time(case, dtype, narrow):
    x = samples(case.recipe.m, 3, 37).sigmoid()
    x = (x * 256).to(dtype) if dtype == torch.uint8 else (x - 0.5 > 0 if dtype == torch.bool else x.to(dtype))
    before = x.clone()
    out = case.recipe.apply(x)
    assert out.dtype == (dtype if dtype.is_floating_point else torch.float32)
    expected = mix(case.parents, case.weights, x.double() / (255 if dtype == torch.uint8 else 1))
    assert_mixed(out, expected)
    assert torch.equal(x, before)


def test_gradients_by_columns(case, narrow):
    x = samples(case.recipe.m, 111).requires_grad_()
    upstream = samples(case.recipe.size, 111, seed=1)
    out = case.recipe.apply(x)
    assert_mixed(out.detach(), mix(case.parents, case.weights, x.detach()))
    out.backward(upstream)
    assert_mixed(x.grad, matrix(case.parents, case.weights, case.recipe.m).T @ upstream)


def test_no_more_than_some_columns_are_widened(few, narrow, monkeypatch):
    widths = []
    widened = products._widened
    monkeypatch.setattr(products, "_widened", lambda x, work: widths.append(x.shape[1]) or widened(x, work))
    few.recipe.apply(samples(few.recipe.m, 1000).bfloat16())
    assert max(widths) <= 16


# The product of oneDNN


@pytest.mark.parametrize("rows", [1, 5, 32])
@pytest.mark.parametrize("m", [2, 7, 32])
@pytest.mark.parametrize("shape", [(WIDE,), (3, 40, 41)], ids=str)
def test_wide_batches_are_multiplied_alike(m, rows, shape):
    x, w = samples(m, *shape).float().flatten(1), samples(rows, m, seed=1).softmax(1)
    assert_mixed(dense(w.float(), x), w @ x.double())
    # And where the samples do not lie one after another.
    for odd in (x.T.contiguous().T, x[:, 100:], x.expand(2, -1, -1)[1]):
        assert_mixed(dense(w.float(), odd), w @ odd.double())
    assert_mixed(dense(w.float().T.contiguous().T, x), w @ x.double())


@pytest.mark.parametrize("scheme", ["independent", "circulant"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
def test_a_batch_of_pictures(scheme, dtype, memory_format):
    x = samples(16, 3, 40, 42).to(dtype).to(memory_format=memory_format)
    recipe = ZetaMixup(scheme=scheme).draw(16, generator=seeded(0))
    out = recipe.apply(x)
    assert out.is_contiguous(memory_format=memory_format)
    assert_mixed(out, mix_with(recipe, x), dtype=dtype)


def test_gradients_flow_through_wide_batches():
    recipe = ZetaMixup().draw(6, generator=seeded(0))
    x = samples(6, WIDE).float().requires_grad_()
    upstream = samples(6, WIDE, seed=1).float()
    out = recipe.apply(x)
    assert_mixed(out.detach(), mix_with(recipe, x.detach()))
    out.backward(upstream)
    assert_mixed(x.grad, recipe.matrix().T @ upstream.double())


def test_gradients_flow_to_the_weights():
    recipe = ZetaMixup().draw(6, generator=seeded(0))
    weights = recipe.weights.clone().requires_grad_()
    x = samples(6, WIDE).float()
    recipe.reweight(weights).apply(x)[2].sum().backward()
    expected = x[recipe.parents[2]].double().sum(1)
    torch.testing.assert_close(weights.grad, expected, rtol=1e-4, atol=1e-4)


# Into another tensor, and in place


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("cache", [1, 2**21])
def test_out_takes_the_result(case, dtype, cache, monkeypatch):
    monkeypatch.setattr(recipe_module, "CACHE", cache)
    x = samples(case.recipe.m, 3, 4, 5).to(dtype)
    before = x.clone()
    expected = mix(case.parents, case.weights, x)
    lies_so = torch.full((case.recipe.size, 3, 4, 5), 7.0, dtype=dtype)
    for out in (
        lies_so,
        lies_so.clone().to(memory_format=torch.channels_last),
        torch.full((case.recipe.size, 6, 4, 5), 7.0, dtype=dtype)[:, ::2],
    ):
        assert case.recipe.apply(x, out=out) is out
        assert_mixed(out, expected)
    assert torch.equal(x, before)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
@pytest.mark.parametrize("cache", [1, 2**21])
def test_in_place(case, memory_format, cache, monkeypatch):
    monkeypatch.setattr(recipe_module, "CACHE", cache)
    x = samples(case.recipe.m, 3, 4, 5).to(memory_format=memory_format)
    expected = mix(case.parents, case.weights, x)
    if case.recipe.size != case.recipe.m:
        with pytest.raises(ValueError, match="out has shape"):
            case.recipe.apply(x, out=x)
        return
    assert case.recipe.apply(x, out=x) is x
    assert x.is_contiguous(memory_format=memory_format)
    assert_mixed(x, expected)


@pytest.mark.parametrize("elements", [1, 30])
def test_in_place_where_rows_are_made_in_chunks(case, elements, monkeypatch):
    if case.recipe.size == case.recipe.m:
        monkeypatch.setattr(recipe_module, "CHUNK", elements)
        x = samples(case.recipe.m, 7)
        expected = mix(case.parents, case.weights, x)
        assert_mixed(case.recipe.apply(x, out=x), expected)


def test_out_that_shares_memory_with_the_samples(few):
    m = few.recipe.m
    if few.recipe.size == m:
        both = samples(m + 1, 5)
        expected = mix(few.parents, few.weights, both[1:])
        assert_mixed(few.recipe.apply(both[1:], out=both[:-1]), expected)


def test_wide_samples_in_place():
    recipe = ZetaMixup().draw(5, generator=seeded(0))
    x = samples(5, WIDE).float()
    expected = mix_with(recipe, x)
    assert_mixed(recipe.apply(x, out=x), expected)


@pytest.mark.parametrize(
    ("x", "out"),
    [
        (torch.zeros(4, 3), torch.zeros(4, 2)),
        (torch.zeros(4, 3), torch.zeros(4, 3, dtype=torch.float64)),
        (torch.zeros(4, 3, dtype=torch.uint8), torch.zeros(4, 3, dtype=torch.uint8)),
        (torch.zeros(4, 3, requires_grad=True), torch.zeros(4, 3)),
        (torch.zeros(4, 3), torch.zeros(4, 3, requires_grad=True)),
    ],
)
def test_out_that_does_not_fit_is_told(x, out):
    recipe = ZetaMixup().draw(4, generator=seeded(0))
    with pytest.raises(ValueError, match="out "):
        recipe.apply(x, out=out)


def test_out_takes_the_floats_of_bytes():
    recipe = ZetaMixup().draw(4, generator=seeded(0))
    x = torch.arange(12, dtype=torch.uint8).reshape(4, 3)
    assert_mixed(recipe.apply(x, out=torch.empty(4, 3)), mix_with(recipe, x / 255))


def test_the_transform_in_place():
    x, y = samples(6, 3, 4, 4).float(), torch.arange(6)
    mixed, soft = ZetaMixUp(num_classes=6, seed=3)(x, y)
    again = x.clone()
    found, labels = ZetaMixUp(num_classes=6, seed=3, inplace=True)(again, y)
    assert found.data_ptr() == again.data_ptr()
    torch.testing.assert_close(found, mixed, rtol=2e-6, atol=2e-6)
    assert torch.equal(labels, soft)
    with pytest.raises(ValueError, match="out has"):
        ZetaMixUp(num_classes=6, inplace=True)((x * 20).to(torch.uint8), y)


# Around it


@pytest.fixture
def compiler():
    """A fresh one; counts the graphs that were made, as they are run as they are."""
    torch._dynamo.reset()
    return CompileCounter()


@pytest.mark.parametrize("scheme", ["independent", "circulant"])
@pytest.mark.parametrize("n", [2, 8])
def test_one_graph_serves_all_recipes(scheme, n, compiler):
    x = samples(8, 3, 40, 40).float()
    apply = torch.compile(lambda recipe, x: recipe.apply(x), fullgraph=True, backend=compiler)
    for seed in range(12):
        recipe = ZetaMixup(n, scheme=scheme).draw(8, generator=seeded(seed))
        assert_mixed(apply(recipe, x), mix_with(recipe, x))
    assert compiler.frame_count == 1


def test_the_weights_of_one_draw_are_not_those_of_the_next():
    first = ZetaMixup().draw(4, generator=seeded(0))
    before = first.weights.clone()
    first.weights.fill_(0.25)
    assert torch.equal(ZetaMixup().draw(4, generator=seeded(0)).weights, before)


@pytest.mark.parametrize("scheme", ["independent", "circulant"])
@pytest.mark.parametrize("n", [2, 8])
def test_apply_compiles_in_one_graph(scheme, n, compiler):
    # Traced and differentiated as a whole, but not turned into machine code, which takes a compiler.
    recipe = ZetaMixup(n, scheme=scheme).draw(8, generator=seeded(0))
    x = samples(8, 3, 40, 40).float()
    compiled = torch.compile(recipe.apply, fullgraph=True, backend="aot_eager")
    assert_mixed(compiled(x), mix_with(recipe, x))
    other = copy.deepcopy(x).requires_grad_()
    compiled(other).sum().backward()
    assert_mixed(other.grad[:, 0, 0, 0], recipe.matrix().sum(0))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
@pytest.mark.parametrize("n", [2, 8])
def test_apply_compiles_to_machine_code(n, compiler):
    recipe = ZetaMixup(n).draw(8, generator=seeded(0))
    x = samples(8, 3, 40, 40).float()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the compiler's own making
        out = torch.compile(recipe.apply, fullgraph=True)(x)
    assert_mixed(out, mix_with(recipe, x))


def test_a_recipe_of_one_parent_gathers_it_exactly():
    order = torch.randperm(40, generator=seeded(0))
    recipe = Recipe(order.unsqueeze(1), torch.ones(1), 40)
    x = samples(40, WIDE).float()
    assert torch.equal(recipe.apply(x), x[order])
