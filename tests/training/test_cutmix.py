"""CutMix recomputed pixel by pixel, as the authors' code has it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from by_hand import seeded

from zmix_core.cutmix import CutMix, CutMixOrZeta, CutMixRecipe
from zmix_core.methods import METHODS

CASES = [
    ((28, 28), 0.3, (0.5, 0.5)),
    ((28, 28), 0.9, (0.02, 0.97)),
    ((8, 12), 0.01, (0.4, 0.99)),
    ((7, 5), 0.5, (0.0, 0.0)),
    ((5, 9), 1.0, (0.3, 0.3)),
    ((6, 6), 0.0, (0.5, 0.5)),
    ((1, 1), 0.2, (0.5, 0.5)),
]


def box(sides, lam, centre):
    """`rand_bbox` of the authors' code, with the random numbers given: what is covered, pixel by pixel."""
    h, w = sides
    cut_h, cut_w = int(h * np.sqrt(1.0 - lam)), int(w * np.sqrt(1.0 - lam))
    cy, cx = int(h * centre[0]), int(w * centre[1])
    top, bottom = np.clip(cy - cut_h // 2, 0, h), np.clip(cy + cut_h // 2, 0, h)
    left, right = np.clip(cx - cut_w // 2, 0, w), np.clip(cx + cut_w // 2, 0, w)
    return [[top <= i < bottom and left <= j < right for j in range(w)] for i in range(h)]


def recipe_of(partner, lam, centre, sides=None):
    double = {"dtype": torch.float64}
    return CutMixRecipe(
        torch.tensor(partner), torch.tensor(centre, **double), torch.tensor(lam, **double), sides
    )


@pytest.mark.parametrize(("sides", "lam", "centre"), CASES)
def test_every_pixel_comes_from_the_picture_that_the_authors_code_takes_it_from(sides, lam, centre):
    partner, x = [2, 0, 1], torch.rand(3, 2, *sides, generator=seeded(0))
    mixed, covered = recipe_of(partner, lam, centre, sides).apply(x), box(sides, lam, centre)
    for k in range(3):
        for i in range(sides[0]):
            for j in range(sides[1]):
                assert torch.equal(mixed[k, :, i, j], x[partner[k] if covered[i][j] else k, :, i, j])


@pytest.mark.parametrize(("sides", "lam", "centre"), CASES)
def test_a_label_is_the_share_of_pixels_of_each_class(sides, lam, centre):
    partner, y = [2, 0, 1], torch.tensor([0, 3, 1])
    share = np.mean(box(sides, lam, centre))
    expected = torch.zeros(3, 4, dtype=torch.float64)
    for k in range(3):
        expected[k, y[k]] += 1 - share
        expected[k, y[partner[k]]] += share
    recipe = recipe_of(partner, lam, centre, sides)
    torch.testing.assert_close(recipe.apply_labels(y, 4).double(), expected, rtol=0, atol=1e-7)
    torch.testing.assert_close(
        recipe.matrix(), torch.eye(3).double() * (1 - share) + share * torch.eye(3)[partner].double()
    )


@pytest.mark.parametrize("seed", range(20))
def test_pictures_that_show_their_class_agree_with_their_soft_labels(seed):
    y = torch.arange(6)
    recipe = CutMix(alpha=0.7, sides=(9, 14)).draw(6, generator=seeded(seed))
    shown = recipe.apply(y.view(6, 1, 1, 1).expand(6, 1, 9, 14).double())
    counted = torch.stack([(shown == c).flatten(1).double().mean(1) for c in range(6)], dim=1)
    torch.testing.assert_close(recipe.apply_labels(y, 6).double(), counted, rtol=0, atol=1e-7)
    assert (recipe.weights[0] >= recipe.weights[1]).all()


def test_one_draw_fits_pictures_of_any_size():
    drawn = CutMix().draw(4, generator=seeded(3))
    for sides in [(8, 8), (100, 40)]:
        y = torch.arange(4)
        shown = drawn.apply(y.view(4, 1, 1, 1).expand(4, 3, *sides).float())
        again = CutMix(sides=sides).draw(4, generator=seeded(3))
        assert torch.equal(shown, again.apply(y.view(4, 1, 1, 1).expand(4, 3, *sides).float()))
        assert torch.equal(drawn.at(sides).apply_labels(y, 4), again.apply_labels(y, 4))
    large = drawn.at((4000, 4000))
    torch.testing.assert_close(large.matrix(), drawn.matrix(), rtol=0, atol=2e-3)


def test_boxes_are_as_large_as_the_authors_draw_them():
    drawn = [float(1 - CutMix(sides=(32, 32)).draw(2, generator=seeded(s))._lam) for s in range(2000)]
    assert np.mean(drawn) == pytest.approx(0.5, abs=4 * np.sqrt(1 / 12 / 2000))  # Beta(1, 1) is uniform
    centres = torch.stack([CutMix().draw(2, generator=seeded(s))._centre for s in range(2000)])
    assert centres.mean(0).tolist() == pytest.approx([0.5, 0.5], abs=4 * np.sqrt(1 / 12 / 2000))


def test_alpha_of_zero_changes_nothing():
    x = torch.rand(5, 1, 6, 6)
    recipe = CutMix(alpha=0, sides=(6, 6)).draw(5, generator=seeded(1))
    assert torch.equal(recipe.apply(x), x)
    assert torch.equal(recipe.apply_labels(torch.arange(5), 5), torch.eye(5))


def test_other_dtypes_formats_and_places_give_the_same_picture():
    recipe = recipe_of([1, 2, 0], 0.4, (0.6, 0.3), (8, 8))
    x = torch.randint(256, (3, 3, 8, 8), generator=seeded(0), dtype=torch.uint8)
    mixed = recipe.apply(x)
    assert mixed.dtype == torch.float32
    torch.testing.assert_close(mixed, recipe.apply(x.float() / 255))
    assert recipe.apply(x.half()).dtype == torch.float16
    assert recipe.apply(x > 100).unique().tolist() == [0.0, 1.0]
    last = (x / 255).contiguous(memory_format=torch.channels_last)
    assert recipe.apply(last).is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(recipe.apply(last), mixed)
    inplace = x / 255
    assert recipe.apply(inplace, out=inplace) is inplace
    torch.testing.assert_close(inplace, mixed)
    weighed = (x / 255).requires_grad_()
    recipe.apply(weighed).sum().backward()
    assert torch.equal(weighed.grad, torch.ones_like(weighed))  # every pixel is somewhere, once


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda r: r.apply(torch.zeros(3, 1, 8, 9)), "recipe was drawn for"),
        (lambda r: r.apply(torch.zeros(4, 1, 8, 8)), "expected m = 3 pictures"),
        (lambda r: r.apply(torch.zeros(3, 8)), "points need another method"),
        (lambda r: r.apply(torch.zeros(3, 1, 8, 8, dtype=torch.int64)), "expected floating point"),
        (lambda r: r.at(None).apply_labels(torch.arange(3), 3), "CutMix(sides=(H, W))"),
        (lambda r: r.apply_labels(torch.zeros(3, 8, 8)), "Masks are cut as pictures are"),
        (lambda r: r.reweight(torch.ones(1)), "area of its box"),
        (lambda r: CutMix(alpha=-1), "alpha = -1"),
        (lambda r: CutMix(sides=(0, 8)), "sides = 0"),
        (lambda r: CutMix(sides=(8, 8, 8)), "expected (H, W)"),
        (lambda r: CutMixOrZeta(gamma=-1), "gamma"),
    ],
)
def test_what_does_not_fit_is_told(broken, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the messages are compared)
        broken(recipe_of([1, 2, 0], 0.4, (0.6, 0.3), (8, 8)))
    assert message in str(caught.value)


def test_half_of_the_batches_are_cut_and_half_are_zeta():
    method = CutMixOrZeta(alpha=0.5, n=3, gamma=2.0, sides=(8, 8))
    recipes = [method.draw(6, generator=seeded(s)) for s in range(400)]
    cut = [isinstance(recipe, CutMixRecipe) for recipe in recipes]
    assert 150 < sum(cut) < 250
    weights = torch.tensor([1, 2**-2.0, 3**-2.0]).double()
    for recipe, is_cut in zip(recipes, cut, strict=True):
        if not is_cut:
            torch.testing.assert_close(recipe.weights, weights / weights.sum())


def test_both_are_listed():
    assert METHODS["cutmix"] is CutMix
    assert METHODS["cutmix+zeta"] is CutMixOrZeta
