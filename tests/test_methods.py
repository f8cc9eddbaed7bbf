"""What the methods draw: enumerated where it is small, tested for its distribution where it is not."""

from __future__ import annotations

import math
from collections import Counter
from itertools import permutations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from by_hand import ALL, ANCHORS, SCHEMES, UNLIKELY, assert_equally_likely, assert_mixed, seeded
from scipy import stats
from torchvision.transforms import v2

from zmix_core.methods import ERM, Mixup, ZetaMixup, mixup, zeta_mixup
from zmix_core.recipe import Recipe
from zmix_core.weights import gamma_to_lambda, lambda_to_gamma, zeta_weights

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


# zeta-mixup: what comes out


def listing_a1(x, y, n_classes, weights):
    """The paper's Listing A1, its labels ([N]) made floats so that the product exists."""
    x_new = torch.einsum("ijkl,pi->pjkl", x, weights)
    y_onehot = F.one_hot(y, n_classes).to(weights.dtype)
    return x_new, torch.einsum("pq,qj->pj", weights, y_onehot)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("anchor", ANCHORS)
@pytest.mark.parametrize(("m", "n"), [(32, None), (32, 3), (8, 5)])
def test_zeta_mixup_is_listing_a1(m, n, anchor, scheme):
    x = torch.randn(m, 3, 6, 5, dtype=torch.float64, generator=seeded(0))
    y = torch.randint(10, (m,), generator=seeded(1))
    settings = {"n": n, "gamma": 2.8, "anchor": anchor, "scheme": scheme}
    x_new, y_new = zeta_mixup(x, y, num_classes=10, generator=seeded(2), **settings)
    weights = ZetaMixup(**settings).draw(m, generator=seeded(2)).matrix()
    x_paper, y_paper = listing_a1(x, y, 10, weights)
    assert_mixed(x_new, x_paper)
    assert_mixed(y_new, y_paper)
    assert y_new.dtype == torch.float32


@pytest.mark.parametrize("m", [2, 5, 8])
def test_zeta_mixup_is_eq_2_and_3_in_plain_python(m):
    x = torch.randn(m, 2, dtype=torch.float64, generator=seeded(0))
    out, _ = zeta_mixup(x, torch.zeros(m, 1), gamma=1.9, generator=seeded(1))
    parents = ZetaMixup(gamma=1.9).draw(m, generator=seeded(1)).parents.tolist()
    c = math.fsum(j**-1.9 for j in range(1, m + 1))
    for k in range(m):
        for d in range(2):
            terms = [(s + 1) ** -1.9 / c * float(x[i, d]) for s, i in enumerate(parents[k])]
            assert float(out[k, d]) == pytest.approx(math.fsum(terms), rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("lam", [0.5, 0.6, 0.75, 0.9, 0.999])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_theorem_2_on_data(lam, scheme):
    m = 12
    x = torch.randn(m, 4, dtype=torch.float64, generator=seeded(0))
    y = F.one_hot(torch.arange(m) % 3).double()
    recipe = ZetaMixup(2, math.log2(lam / (1 - lam)), scheme=scheme).draw(m, generator=seeded(1))
    partner = recipe.parents[:, 1]
    assert_mixed(recipe.apply(x), lam * x + (1 - lam) * x[partner])
    assert_mixed(recipe.apply_labels(y), lam * y + (1 - lam) * y[partner])
    as_mixup = Recipe(
        torch.stack([torch.arange(m), partner], 1), torch.tensor([lam, 1 - lam], dtype=torch.float64), m
    )
    assert_mixed(recipe.reweight(zeta_weights(2, lambda_to_gamma(lam))).apply(x), as_mixup.apply(x))


def test_theorem_2_holds_for_what_mixup_draws():
    x = torch.randn(9, 4, dtype=torch.float64, generator=seeded(0))
    recipe = Mixup(1.0).draw(9, generator=seeded(1))
    gamma = lambda_to_gamma(float(recipe.weights[0]))
    assert_mixed(recipe.reweight(zeta_weights(2, gamma)).apply(x), recipe.apply(x), torch.float32)
    assert gamma_to_lambda(gamma) == pytest.approx(float(recipe.weights[0]), rel=1e-12)


# mixup


def partners(recipe: Recipe) -> list[int]:
    """Who stands beside k in row k of a mixup."""
    found = []
    for k, (a, b) in enumerate(recipe.parents.tolist()):
        assert k in (a, b)
        found.append(b if a == k else a)
    return found


def lambdas(recipe: Recipe) -> np.ndarray:
    """lambda of Eq. 1, the weight of sample k itself; of the rows where the partner is another."""
    parents, weights = recipe.rows(torch.arange(recipe.size))
    own = torch.arange(recipe.size)
    lam = torch.where(parents[:, 0] == own, weights[:, 0], weights[:, 1])
    return lam[parents[:, 0] != parents[:, 1]].numpy()


@pytest.mark.parametrize("per_sample", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_mixup_is_eq_1(per_sample, seed):
    m = 11
    recipe = Mixup(0.7, per_sample).draw(m, generator=seeded(seed))
    assert (recipe.n, recipe.size, recipe.m) == (2, m, m)
    partner = partners(recipe)
    assert sorted(partner) == list(range(m))
    _, weights = recipe.rows(torch.arange(m))
    assert (weights[:, 0] >= 0.5).all()  # the dominant parent first
    lam = lambdas(recipe)
    assert len(set(lam)) == (len(lam) if per_sample else 1)
    x = torch.randn(m, 3, dtype=torch.float64, generator=seeded(9))
    y = torch.arange(m) % 4
    x_new, y_new = mixup(x, y, alpha=0.7, per_sample=per_sample, num_classes=4, generator=seeded(seed))
    others = iter(lam)
    for k, j in enumerate(partner):
        share = float(next(others)) if j != k else 1.0
        assert_mixed(x_new[k], share * x[k] + (1 - share) * x[j])
        for c in range(4):
            expected = share * (y[k] == c) + (1 - share) * (y[j] == c)
            assert float(y_new[k, c]) == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0, 100.0])
def test_lambda_per_sample_is_beta_distributed(alpha):
    lam = lambdas(Mixup(alpha, per_sample=True).draw(400_000, generator=seeded(1)))
    assert len(lam) > 399_900
    assert stats.kstest(lam, stats.beta(alpha, alpha).cdf).pvalue > UNLIKELY


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_lambda_of_a_batch_is_beta_distributed(alpha):
    generator, lam = seeded(2), []
    while len(lam) < 2500:
        lam.extend(lambdas(Mixup(alpha).draw(3, generator=generator))[:1])
    assert stats.kstest(lam, stats.beta(alpha, alpha).cdf).pvalue > UNLIKELY


@pytest.mark.parametrize("alpha", [1e-12, 1e-6, 1e-3, 3e-3])
def test_a_small_alpha_mixes_next_to_nothing(alpha):
    # Where both Gamma variates of a naive Beta underflow, every lambda would be one half.
    recipe = Mixup(alpha, per_sample=True).draw(20_000, generator=seeded(1))
    dominant = recipe.rows(torch.arange(20_000))[1][:, 0]
    inside = int((dominant < 0.99).sum())
    beta = stats.beta(alpha, alpha)
    expected = float(1 - 2 * beta.cdf(0.01))
    assert stats.binomtest(inside, 20_000, max(expected, 1e-12)).pvalue > UNLIKELY
    lam = lambdas(recipe)
    assert stats.binomtest(int((lam < 0.5).sum()), len(lam)).pvalue > UNLIKELY


def test_an_alpha_too_small_for_its_inverse_mixes_nothing():
    weights = Mixup(1e-320, per_sample=True).draw(64, generator=seeded(0)).weights
    assert torch.equal(weights, torch.tensor([1.0, 0.0], dtype=torch.float64).expand(64, 2))


def test_a_huge_alpha_halves():
    recipe = Mixup(1e12, per_sample=True).draw(100, generator=seeded(0))
    torch.testing.assert_close(
        recipe.weights, torch.full((100, 2), 0.5, dtype=torch.float64), rtol=0, atol=1e-5
    )


def test_alpha_0_is_erm():
    recipe = Mixup(0.0).draw(9, generator=seeded(0))
    assert torch.equal(recipe.matrix(), torch.eye(9, dtype=torch.float64))
    assert torch.equal(recipe.matrix(), ERM().draw(9).matrix())
    x = torch.randn(9, 4, generator=seeded(1))
    assert torch.equal(recipe.apply(x), x)
    assert torch.equal(ERM().draw(9).apply(x), x)
    assert torch.equal(ERM().draw(9).apply_labels(torch.arange(9), 9), torch.eye(9))


@pytest.mark.parametrize("seed", range(5))
def test_alpha_never_changes_the_partner(seed):
    expected = partners(Mixup(1.0).draw(20, generator=seeded(seed)))
    for alpha in (0.0, 1e-6, 0.2, 4.0, 100.0):
        for per_sample in (False, True):
            assert partners(Mixup(alpha, per_sample).draw(20, generator=seeded(seed))) == expected


def test_every_partnership_is_equally_likely():
    generator, seen = seeded(0), Counter()
    for _ in range(24 * 40):
        recipe = Mixup(1.0).draw(4, generator=generator)
        seen[tuple(partners(recipe))] += 1
    assert_equally_likely(seen, list(permutations(range(4))))


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 5, 4)], ids=str)
def test_mixup_agrees_with_torchvision(shape, monkeypatch):
    # torchvision's partner is the sample before; so wait for the draw whose partners are these.
    m, classes = 4, 5
    before = [3, 0, 1, 2]
    seeds = [s for s in range(400) if partners(Mixup(0.4).draw(m, generator=seeded(s))) == before]
    assert len(seeds) > 5
    x = torch.rand(m, *shape, generator=seeded(0))
    for y in (torch.tensor([4, 0, 0, 2]), torch.rand(m, classes, generator=seeded(1)).softmax(1)):
        for seed in seeds:
            lam = float(lambdas(Mixup(0.4).draw(m, generator=seeded(seed)))[0])
            theirs = v2.MixUp(alpha=0.4, num_classes=classes)
            monkeypatch.setattr(theirs, "make_params", lambda inputs, lam=lam: {"lam": lam})
            x_theirs, y_theirs = theirs(x, y)
            x_ours, y_ours = mixup(x, y, alpha=0.4, num_classes=classes, generator=seeded(seed))
            torch.testing.assert_close(x_ours, x_theirs, rtol=1e-6, atol=1e-6)
            torch.testing.assert_close(y_ours, y_theirs, rtol=1e-6, atol=1e-6)


# The plain functions


@pytest.mark.parametrize(
    ("function", "settings", "method"),
    [
        (zeta_mixup, {}, ZetaMixup()),
        (zeta_mixup, {"n": 3, "gamma": 4.0, "anchor": "random", "scheme": "circulant"}, None),
        (mixup, {}, Mixup()),
        (mixup, {"alpha": 0.3, "per_sample": True}, Mixup(0.3, True)),
    ],
)
def test_a_function_is_its_method(function, settings, method):
    method = method or ZetaMixup(3, 4.0, "random", "circulant")
    x = torch.randn(8, 5, generator=seeded(0)).half()
    y = torch.arange(8) % 3
    x_new, y_new = function(x, y, num_classes=3, generator=seeded(4), **settings)
    recipe = method.draw(8, generator=seeded(4))
    assert torch.equal(x_new, recipe.apply(x))
    assert torch.equal(y_new, recipe.apply_labels(y, 3))
    torch.manual_seed(7)
    first = function(x, y, num_classes=3, **settings)
    torch.manual_seed(7)
    second = function(x, y, num_classes=3, device="cpu", **settings)
    assert all(map(torch.equal, first, second))


@pytest.mark.parametrize("function", [zeta_mixup, mixup])
def test_regression_targets_and_masks(function):
    x = torch.rand(6, 1, 4, 4, dtype=torch.float64, generator=seeded(0))
    # Targets that are the samples: one recipe for both.
    mixed, target = function(x, x.clone(), generator=seeded(1))
    assert torch.equal(mixed, target)
    mask = torch.randint(3, (6, 4, 4), generator=seeded(2))
    assert function(x, mask, num_classes=3, generator=seeded(1))[1].shape == (6, 3, 4, 4)


@pytest.mark.parametrize("function", [zeta_mixup, mixup])
def test_batches_that_do_not_fit(function):
    x = torch.rand(4, 2)
    for y in (torch.zeros(3, dtype=torch.int64), torch.tensor(1), torch.zeros(0, 2)):
        with pytest.raises(
            ValueError, match=r"x has shape \(4, 2\) and y .* expected the same number of both"
        ):
            function(x, y, num_classes=2)
    with pytest.raises(ValueError, match=r"x has shape \(\) and y"):
        function(torch.tensor(1.0), torch.tensor(1), num_classes=2)
    for m in (0, 1):
        with pytest.raises(ValueError, match=rf"m = {m}: mixing needs a batch of at least 2 samples"):
            function(x[:m], torch.zeros(m, dtype=torch.int64), num_classes=2)
    with pytest.raises(ValueError, match="num_classes = None: integer labels need"):
        function(x, torch.zeros(4, dtype=torch.int64))
    with pytest.raises(ValueError, match="labels run from 0 to 3; expected 0 to 2"):
        function(x, torch.arange(4), num_classes=3)


# What is refused


@pytest.mark.parametrize("method", ALL.values(), ids=ALL)
@pytest.mark.parametrize("m", [1, 0, -3, 2.5, math.nan, math.inf, True])
def test_an_m_that_cannot_be_mixed(method, m):
    with pytest.raises(ValueError, match=f"m = {m}: mixing needs a batch of at least 2 samples"):
        method.draw(m)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_n_above_m(scheme):
    with pytest.raises(
        ValueError, match="N = 9 is more than the m = 8 samples there are; use an N from 2 to 8"
    ):
        ZetaMixup(9, scheme=scheme).draw(8)
    with pytest.raises(ValueError, match="N = 5 is more than the m = 4"):
        zeta_mixup(torch.rand(4, 2), torch.rand(4, 2), n=5, scheme=scheme)


@pytest.mark.parametrize("n", [1, 0, -2, 2.5, math.nan, math.inf, True])
def test_a_zeta_mixup_of_no_such_n(n):
    with pytest.raises(ValueError, match=f"N = {n}: expected a whole number of at least 2, or None"):
        ZetaMixup(n)


@pytest.mark.parametrize("gamma", [-1.0, math.nan, math.inf])
def test_a_zeta_mixup_of_no_such_gamma(gamma):
    with pytest.raises(ValueError, match=f"gamma = {gamma}: expected a finite number of at least 0"):
        ZetaMixup(gamma=gamma)
    with pytest.raises(ValueError, match=f"gamma = {gamma}: expected a finite number of at least 0"):
        zeta_mixup(torch.rand(4, 2), torch.rand(4, 2), gamma=gamma)


def test_words_that_are_no_setting():
    with pytest.raises(ValueError, match="anchor = 'none': expected 'self' or 'random'"):
        ZetaMixup(anchor="none")
    with pytest.raises(ValueError, match="scheme = 'ring': expected 'independent' or 'circulant'"):
        ZetaMixup(scheme="ring")


@pytest.mark.parametrize("alpha", [-0.1, math.nan, math.inf])
def test_an_alpha_out_of_range(alpha):
    with pytest.raises(ValueError, match=f"alpha = {alpha}: expected a finite number of at least 0"):
        Mixup(alpha)
    with pytest.raises(ValueError, match=f"alpha = {alpha}: expected a finite number of at least 0"):
        mixup(torch.rand(4, 2), torch.rand(4, 2), alpha=alpha)


# On an accelerator


@needs_cuda
@pytest.mark.parametrize("method", ALL.values(), ids=ALL)
@pytest.mark.parametrize("m", [8, 300])
def test_cuda_and_cpu_agree(method, m):
    x = torch.randn(m, 3, 4, 4, generator=seeded(0))
    y = torch.arange(m) % 5
    recipe = method.draw(m, generator=seeded(1))
    there = recipe.to("cuda")
    assert there.device.type == "cuda"
    torch.testing.assert_close(recipe.apply(x.cuda()).cpu(), recipe.apply(x), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(there.apply_labels(y.cuda(), 5).cpu(), recipe.apply_labels(y, 5))
    assert torch.equal(there.parents.cpu(), recipe.parents)
    assert torch.equal(there.to("cpu").matrix(), recipe.matrix())


@needs_cuda
@pytest.mark.parametrize("method", ALL.values(), ids=ALL)
def test_cuda_draws_valid_recipes(method):
    recipe = method.draw(64, generator=torch.Generator("cuda").manual_seed(0))
    assert recipe.device.type == "cuda"
    again = method.draw(64, generator=torch.Generator("cuda").manual_seed(0))
    assert torch.equal(recipe.parents, again.parents)
    parents, weights = (t.cpu() for t in recipe.rows(torch.arange(64, device="cuda")))
    Recipe(parents, weights.contiguous(), 64)  # checks what the accelerator did not
    if isinstance(method, ZetaMixup):
        assert all(len(set(row)) == recipe.n for row in parents.tolist())
