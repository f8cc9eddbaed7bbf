"""Local ID over gamma: the levels of sets that the test mixes by its own draw; steps and progress."""

from __future__ import annotations

import functools
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from by_hand import seeded
from id_reference import by_skdim, gaussian, mnist, pictures

from zmix_core import id_curve, images, local_dimension, manifolds
from zmix_core.dimension import GAMMAS, KS, Level, Sweep, curve, local_id
from zmix_core.methods import ERM, Mixup, ZetaMixup

BASELINES = {"original": ERM(), "mixup": Mixup(per_sample=True)}


def last_of(*args, **settings):
    *_, last = curve(*args, **settings)
    return last


def level_by_hand(method, x, k, seed=0, queries=None):
    """Mean, standard deviation and standard error over the set that ``method`` makes of ``x``."""
    mixed = method.draw(len(x), generator=seeded(seed)).apply(x)
    count = local_id(mixed, k, queries=queries).count.numpy()
    return count.mean(), count.std(), count.std() / math.sqrt(len(count))


def assert_level(level, expected, atol=0.0):
    assert isinstance(level, Level)
    np.testing.assert_allclose((level.mean, level.std, level.error), expected, rtol=1e-12, atol=atol)


def assert_curve(last, x, gammas, ks, n, method=ZetaMixup, baselines=BASELINES, atol=0.0, **drawn):
    """Every level is the one of a set mixed on its own."""
    assert last.complete
    assert (last.gammas, last.ks, last.m) == (tuple(sorted(gammas)), tuple(sorted(ks)), len(x))
    assert set(last.levels) == set(baselines)
    assert list(last.points) == sorted(ks)
    for k in ks:
        assert list(last.points[k]) == sorted(gammas)
        for name, baseline in baselines.items():
            assert_level(last.levels[name][k], level_by_hand(baseline, x, k, **drawn), atol)
        for gamma in gammas:
            assert_level(last.points[k][gamma], level_by_hand(method(n, gamma), x, k, **drawn), atol)


@pytest.mark.parametrize("name", ["crescents", "helix-r12", "swiss-roll"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_levels_of_manifolds(name, dtype):
    x = manifolds.load(name, m=250, dtype=dtype).x
    gammas, ks = [4.0, 0.0, 1.5], [20, 8]
    assert_curve(last_of(x, gammas, ks), x, gammas, ks, 32)


def test_levels_are_scikit_dimensions():
    x = manifolds.load("paraboloid-r12", m=250, dtype=torch.float64).x
    last = last_of(x, [2.5], [8], n=16, seed=3)
    for method, level in (
        (ZetaMixup(16, 2.5), last.points[8][2.5]),
        (BASELINES["mixup"], last.levels["mixup"][8]),
        (BASELINES["original"], last.levels["original"][8]),
    ):
        count = by_skdim(method.draw(250, generator=seeded(3)).apply(x), 8)
        assert_level(level, (count.mean(), count.std(), count.std() / math.sqrt(250)))


@pytest.mark.parametrize("d", [20, 64])
def test_levels_of_floats(d):
    x = gaussian(250, d)
    assert_curve(last_of(x, [0.5, 6.0], [8, 60]), x, [0.5, 6.0], [8, 60], 32)


@functools.cache
def wide(name):
    if name == "mnist" and mnist(300) is None:
        pytest.skip("no MNIST in ZMIX_DATA nor beside the checkout")
    digits = images.load("digits").x[:300]
    return {
        "mnist": lambda: mnist(300),
        "digits": lambda: digits,
        "digits twice": lambda: torch.cat([digits, digits], 3),
        "fractions": lambda: pictures(300, 100).float() / 255,
        "floats": lambda: gaussian(300, 100),
        "far": lambda: gaussian(300, 100) + 1e4,
    }[name]()


@pytest.mark.parametrize("name", ["mnist", "digits", "digits twice", "fractions", "floats", "far"])
def test_levels_of_pictures(name):
    # By products of pairs in float32: a count in some hundred may fall on the other side.
    x = wide(name)
    gammas, ks = [0.5, 2.5, 15.0], [8, 60]
    direct = x.double() / 255 if x.dtype == torch.uint8 else x.double()
    assert_curve(last_of(x, gammas, ks), direct, gammas, ks, 32, atol=1e-2)
    if name in ("mnist", "floats"):
        sweep = Sweep(x, ks)
        for gamma in gammas:
            mixed = ZetaMixup(32, gamma).draw(300, generator=seeded(0)).apply(direct)
            ids = finish_of(sweep.at(gamma))
            for k in ks:
                same = ids[k].count == local_id(mixed, k).count
                assert float(same.double().mean()) > 0.99


def finish_of(steps):
    return local_dimension.finish(steps)


METHODS = {
    "circulant": functools.partial(ZetaMixup, scheme="circulant"),
    "random": functools.partial(ZetaMixup, anchor="random"),
    "circulant-random": functools.partial(ZetaMixup, anchor="random", scheme="circulant"),
}


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("d", [3, 80])
@pytest.mark.parametrize("n", [4, 200])
def test_other_settings_of_zeta_mixup(method, d, n):
    x = gaussian(200, d)
    last = last_of(x, [1.0, 4.0], [8], n=n, method=method, seed=5)
    assert_curve(last, x, [1.0, 4.0], [8], n, method, atol=1e-2 if d > 64 else 0.0, seed=5)


def test_baselines_by_name():
    x = gaussian(200, 3)
    baselines = {"half": Mixup(100.0), "few": ZetaMixup(3, 1.0), "ERM": ERM()}
    last = last_of(x, [2.0], [8], n=8, baselines=baselines)
    assert_curve(last, x, [2.0], [8], 8, baselines=baselines)
    assert list(last.levels) == list(baselines)
    none = last_of(x, [2.0], [8], n=8, baselines={})
    assert none.complete
    assert none.levels == {}
    sweep = Sweep(x, [8], n=8, baselines=baselines)
    assert Level.of(finish_of(sweep.baseline("few"))[8].count) == last.levels["few"][8]


@pytest.mark.parametrize("d", [3, 80])
@pytest.mark.parametrize("seed", [0, 7])
def test_queries(d, seed):
    x = gaussian(300, d)
    last = last_of(x, [1.0, 4.0], [8, 60], n=8, queries=70, seed=seed)
    assert (last.m, last.queries) == (300, 70)
    chosen = torch.randperm(300, generator=seeded(seed))[:70]
    atol = 2e-2 if d > 64 else 0.0
    assert_curve(last, x, [1.0, 4.0], [8, 60], 8, atol=atol, seed=seed, queries=chosen)
    assert last_of(x, [1.0], [8], n=8, queries=300).queries == 300


@pytest.mark.parametrize("d", [3, 80])
def test_the_parents_stay(d):
    # One recipe for every gamma: at the largest gammas all is as in the original set, for the anchor is own.
    x = gaussian(200, d)
    sweep = Sweep(x, [8], n=16, seed=2)
    recipe = ZetaMixup(16, 1.0).draw(200, generator=seeded(2))
    assert torch.equal(sweep._zeta.parents, recipe.parents)
    for gamma in (0.0, 1.0, 9.0):
        assert torch.equal(ZetaMixup(16, gamma).draw(200, generator=seeded(2)).parents, recipe.parents)
    far = finish_of(sweep.at(200.0))[8]
    original = finish_of(sweep.baseline("original"))[8]
    assert torch.equal(far.neighbours, original.neighbours)
    assert torch.equal(far.count, original.count)


@pytest.mark.parametrize("d", [3, 20, 80])
@pytest.mark.parametrize("scheme", ["independent", "circulant"])
@pytest.mark.parametrize("kind", ["centred", "far", "bytes"])
def test_gamma_0_over_all_samples_is_0(d, scheme, kind):
    x = {"centred": gaussian(150, d), "far": gaussian(150, d) + 100, "bytes": pictures(150, d)}[kind]
    x = x - x.mean(0) if kind == "centred" else x
    sweep = Sweep(x, [8, 60], n=150, method=functools.partial(ZetaMixup, scheme=scheme))
    for ids in finish_of(sweep.at(0.0)).values():
        assert not ids.count.any()
        assert ids.coincident.all()


# Steps


def test_coarse_to_fine():
    x = gaussian(100, 3)
    order = []
    for step in curve(x, [float(g) for g in range(9)], [8], n=4):
        known = [*step.levels, *step.points[8]]
        order += [name for name in known if name not in order]
        assert list(step.points[8]) == sorted(step.points[8])
        assert len(order) == len(known)
    gammas = [name for name in order if not isinstance(name, str)]
    assert set(gammas[:2]) == {0.0, 8.0}
    assert gammas[2] == 4.0
    assert gammas[3:5] == [2.0, 6.0]
    assert sorted(gammas[5:]) == [1.0, 3.0, 5.0, 7.0]
    # What they are compared with comes before the gaps are filled.
    assert max(order.index("original"), order.index("mixup")) < order.index(4.0)


@pytest.mark.parametrize("gammas", [[2.0], [3.0, 1.0], [1.0, 1.0, 1.0], [5, 0, 2, 9], list(range(20))])
def test_any_gammas(gammas):
    last = last_of(gaussian(60, 3), gammas, [4], n=3)
    assert last.gammas == tuple(sorted(set(map(float, gammas))))
    assert list(last.points[4]) == list(last.gammas)


def test_what_is_asked_for_by_default():
    assert list(GAMMAS) == [i / 2 for i in range(31)]
    assert KS == (8, 128)
    first = next(curve(gaussian(200, 3)))
    assert (first.gammas, first.ks, first.m, first.queries) == (GAMMAS, KS, 200, 200)


@pytest.mark.parametrize("d", [3, 80])
def test_progress(d):
    steps = list(curve(gaussian(200, d), [1.0, 2.0, 3.0], [8], n=4))
    progress = [step.progress for step in steps]
    assert progress == sorted(progress)
    assert progress[0] >= 0
    assert progress[-1] == 1
    elapsed = [step.elapsed for step in steps]
    assert elapsed == sorted(elapsed)
    assert [step.complete for step in steps] == [False] * (len(steps) - 1) + [True]
    # Each is a picture of its moment: what comes later does not change it.
    known = [len(step.levels) + len(step.points[8]) for step in steps]
    assert known == sorted(known)
    assert known[0] == 0
    assert set(known) == {0, 1, 2, 3, 4, 5}
    for step, count in zip(steps, known, strict=True):
        assert count / 5 <= step.progress + 1e-12
        assert step.progress <= (count + 1) / 5 + 1e-12


def test_the_time_left(monkeypatch):
    ticks = iter(range(10**6))
    monkeypatch.setattr(id_curve, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    steps = list(curve(gaussian(200, 3), [1.0, 2.0, 3.0], [8], n=4))
    # A clock that ticks once a look: every piece of work takes a second, whatever the reader does between.
    assert steps[0].elapsed == 1
    for step in steps:
        if step.progress == 0:
            assert step.left is None
        else:
            assert step.left == pytest.approx(step.elapsed / step.progress * (1 - step.progress))
    assert steps[-1].left == 0


def test_the_readers_time_is_not_counted(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(id_curve, "time", SimpleNamespace(monotonic=lambda: now[0]))
    for step in curve(gaussian(100, 3), [1.0], [8], n=4):
        now[0] += 1000
        assert step.elapsed == 0


# Too many pairs


@pytest.mark.parametrize("kind", ["bytes", "floats"])
def test_without_room_for_all_pairs(kind, monkeypatch):
    x = pictures(300, 80) if kind == "bytes" else gaussian(300, 80)
    gammas, ks = [1.0, 4.0], [8, 60]
    monkeypatch.setattr(id_curve, "PAIRS", 1000)
    monkeypatch.setattr(local_dimension, "PAIRS", 1000)
    monkeypatch.setattr(id_curve, "FEW", 50)
    monkeypatch.setattr(id_curve, "gram", None)
    last = last_of(x, gammas, ks, n=8, seed=4)
    assert last.queries == 50
    chosen = torch.randperm(300, generator=seeded(4))[:50]
    direct = x.float() / 255 if kind == "bytes" else x
    assert_curve(last, direct, gammas, ks, 8, seed=4, queries=chosen, atol=1e-2)
    assert last_of(x, [1.0], [8], n=8, queries=120).queries == 120
    sweep = Sweep(x, ks, n=8, seed=4)
    found = finish_of(sweep.at(1.0))
    mixed = ZetaMixup(8, 1.0).draw(300, generator=seeded(4)).apply(direct)
    chosen = chosen.sort().values
    for k in ks:
        ids = local_id(mixed, k, queries=chosen)
        assert torch.equal(found[k].neighbours, ids.neighbours)
        assert torch.equal(found[k].count, ids.count)
