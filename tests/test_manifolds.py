"""The synthetic manifolds, against the generators they are named for, brute force, scipy and closed forms."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import torch
from by_hand import seeded
from scipy import stats
from scipy.optimize import minimize
from scipy.spatial.distance import cdist
from skdim.datasets import BenchmarkManifolds
from sklearn.datasets import make_moons, make_s_curve, make_swiss_roll

from zmix_core import manifolds
from zmix_core.curves import least
from zmix_core.manifolds import MANIFOLDS, load

NAMES = list(MANIFOLDS)
DIMENSIONS = {
    "crescents": (1, 2, 512, 0.1),
    "spirals": (1, 2, 512, 0.1),
    "helix-r3": (1, 3, 8192, 0),
    "helix-r12": (1, 12, 8192, 0),
    "paraboloid-r12": (3, 12, 8192, 0),
    "swiss-roll": (2, 3, 2048, 0),
    "s-curve": (2, 3, 2048, 0),
}
every_manifold = pytest.mark.parametrize("name", NAMES)
exact = partial(load, noise=0, dtype=torch.float64)


def points(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def dense(name):
    """The manifold once more, by formulas written out again: points over a fine grid, and their classes."""
    if name == "crescents":
        t = np.linspace(0, np.pi, 20_001)
        x = np.r_[np.c_[np.cos(t), np.sin(t)], np.c_[1 - np.cos(t), 0.5 - np.sin(t)]]
        return x, np.repeat([0, 1], len(t))
    if name == "spirals":
        t = np.linspace(np.pi / 2, 4.5 * np.pi, 20_001)
        arm = (t / np.pi)[:, None] * np.c_[np.cos(t), np.sin(t)]
        return np.r_[arm, -arm], np.repeat([0, 1], len(t))
    if name.startswith("helix"):
        t = np.linspace(0, 2 * np.pi, 40_001)
        ring = 2 + np.cos(8 * t)
        x = np.c_[ring * np.cos(t), ring * np.sin(t), np.sin(8 * t)]
        return np.c_[x, np.zeros((len(t), MANIFOLDS[name].ambient - 3))], np.minimum(t // (np.pi / 2), 3)
    if name == "swiss-roll":
        t, height = np.meshgrid(np.linspace(1.5 * np.pi, 4.5 * np.pi, 2001), np.linspace(0, 21, 101))
        x = np.stack([t * np.cos(t), height, t * np.sin(t)], -1).reshape(-1, 3)
        return x, np.minimum((t - 1.5 * np.pi) // (0.75 * np.pi), 3).reshape(-1)
    if name == "s-curve":
        t, height = np.meshgrid(np.linspace(-1.5 * np.pi, 1.5 * np.pi, 2001), np.linspace(0, 2, 101))
        x = np.stack([np.sin(t), height, np.sign(t) * (np.cos(t) - 1)], -1).reshape(-1, 3)
        return x, np.minimum((t + 1.5 * np.pi) // (0.75 * np.pi), 3).reshape(-1)
    u = np.stack(np.meshgrid(*[np.linspace(0, 1, 41)] * 3, indexing="ij"), -1).reshape(-1, 3)
    return paraboloid(u), u.argmax(1)


def paraboloid(u):
    v = np.c_[u, (u**2).sum(1)]
    return np.c_[v, np.sin(v), v**2]


def queries(name, m=40):
    """Points on and near the manifold, mixtures of its points, and points far away."""
    x = exact(name, m, seed=3).x
    g = seeded(4)
    noise = torch.randn(x.shape, generator=g, dtype=x.dtype)
    mean = x[torch.randint(m, (m, 8), generator=g)].mean(1)
    return torch.cat([x + 0.05 * noise, (x + 2 * x.flip(0)) / 3, mean, x + noise, 100 * noise])


# What is listed


@every_manifold
def test_what_is_listed(name):
    manifold = MANIFOLDS[name]
    assert manifold.name == name
    assert manifold.title
    listed = (manifold.dimension, manifold.ambient, manifold.default_m, manifold.default_noise)
    assert listed == DIMENSIONS[name]
    data = load(name)
    assert (data.name, data.classes, data.x.shape) == (name, manifold.classes, (listed[2], listed[1]))
    assert set(data.y.tolist()) == set(range(len(manifold.classes)))


# Samples


@every_manifold
def test_samples_lie_on_the_manifold_in_their_class(name):
    data = exact(name, 3000)
    assert MANIFOLDS[name].distance(data.x).max() < 1e-8
    assert torch.equal(MANIFOLDS[name].true_class(data.x), data.y)


def sorted_rows(x):
    return x[np.lexsort(np.round(x, 9).T)]


def test_crescents_are_those_of_scikit_learn():
    for m in (512, 7, 2):
        data = exact("crescents", m)
        x, y = make_moons(m, noise=None)
        for label in (0, 1):
            ours = data.x[data.y == label].numpy()
            np.testing.assert_allclose(sorted_rows(ours), sorted_rows(x[y == label]), atol=1e-12)


def test_samples_of_the_arms_are_evenly_spaced_and_shuffled():
    data = exact("spirals", 512)
    assert data.y.bincount().tolist() == [256, 256]
    assert 0 < data.y[:20].sum() < 20
    for label in (0, 1):
        arm = data.x[data.y == label]
        arm = arm[arm.norm(dim=1).argsort()]
        radius = arm.norm(dim=1)
        assert radius[[0, -1]].tolist() == pytest.approx([0.5, 4.5])
        step = arm.diff(dim=0).norm(dim=1)
        assert step[10:].max() < 1.05 * step[10:].min()  # the square root leaves only the centre denser
        turns = torch.atan2(arm[:, 1], arm[:, 0]) / math.pi + label
        torch.testing.assert_close(((radius - turns + 1) % 2), torch.ones_like(radius))


@pytest.mark.parametrize("name", ["helix-r3", "helix-r12"])
def test_helix_is_that_of_scikit_dimension(name):
    data = exact(name, 2000)
    t = torch.atan2(data.x[:, 1], data.x[:, 0]).numpy() % (2 * np.pi)
    assert stats.kstest(t / (2 * np.pi), "uniform").pvalue > 0.01
    assert data.y.tolist() == (t // (np.pi / 2)).tolist()

    class FixedState:
        def rand(self, n):
            return (t - 2 * np.pi / n) / (2 * np.pi)

    theirs = BenchmarkManifolds(random_state=0)
    theirs.random_state = FixedState()
    expected = theirs._gen_helix1_data(2000, MANIFOLDS[name].ambient)
    np.testing.assert_allclose(data.x.numpy(), expected, atol=1e-12)


def test_paraboloid_is_that_of_scikit_dimension():
    data = exact("paraboloid-r12", 2000)
    u = data.x[:, :3].numpy()

    class FixedState:
        def exponential(self, scale, size):
            assert (scale, size) == (1, (4, 2000))
            return np.r_[np.ones((1, 2000)), (1 / u - 1).T]

    theirs = BenchmarkManifolds(random_state=0)
    drawn = theirs.generate("Mp1_Paraboloid", n=2000, dim=12, d=3)[:, :3]
    for ours, other in zip(u.T, drawn.T, strict=True):
        assert stats.ks_2samp(ours, other).pvalue > 0.01
    theirs.random_state = FixedState()
    np.testing.assert_allclose(data.x.numpy(), theirs._gen_paraboloid_data(2000, 12, 3), atol=1e-12)
    assert data.y.tolist() == u.argmax(1).tolist()


@pytest.mark.parametrize(("name", "make"), [("swiss-roll", make_swiss_roll), ("s-curve", make_s_curve)])
def test_sheets_are_those_of_scikit_learn(name, make):
    theirs, t = make(2000, random_state=0)
    theirs = torch.from_numpy(theirs)
    assert MANIFOLDS[name].distance(theirs).max() < 1e-8
    start = {"swiss-roll": 1.5 * np.pi, "s-curve": -1.5 * np.pi}[name]
    assert MANIFOLDS[name].true_class(theirs).tolist() == ((t - start) // (0.75 * np.pi)).tolist()
    for ours, other in zip(exact(name, 2000).x.T, theirs.T, strict=True):
        assert stats.ks_2samp(ours, other).pvalue > 0.01


@every_manifold
def test_noise_has_the_standard_deviation_asked_for(name):
    clean = exact(name, 4000)
    for noise in (0.1, 2.0):
        noisy = load(name, 4000, noise=noise, dtype=torch.float64)
        assert torch.equal(noisy.y, clean.y)
        added = noisy.x - clean.x
        assert added.mean().item() == pytest.approx(0, abs=0.05 * noise)
        assert added.std(dim=0).tolist() == pytest.approx([noise] * added.shape[1], rel=0.06)
    default = MANIFOLDS[name].default_noise
    assert torch.equal(load(name).x, load(name, noise=default).x)


@every_manifold
def test_a_seed_fixes_the_samples(name):
    a, b, other = load(name, 50, seed=1), load(name, 50, seed=1), load(name, 50, seed=2)
    assert torch.equal(a.x, b.x)
    assert torch.equal(a.y, b.y)
    assert not torch.equal(a.x, other.x)
    same = MANIFOLDS[name].sample(50, generator=torch.Generator().manual_seed(1))
    assert torch.equal(a.x, same.x)
    # Whatever the type, the same points, rounded once.
    wide = load(name, 50, seed=1, dtype=torch.float64)
    assert (a.x.dtype, wide.x.dtype) == (torch.float32, torch.float64)
    assert torch.equal(a.x, wide.x.float())
    before = torch.get_rng_state()
    load(name, 50)
    assert torch.equal(torch.get_rng_state(), before)


# Distance and true class


@every_manifold
def test_distance_and_class_against_a_fine_grid(name):
    x = queries(name)
    grid, label = dense(name)
    distance, y = MANIFOLDS[name].nearest(x)
    # Never longer than the way to a point of the grid, and shorter by no more than the grid is coarse.
    coarse = {"paraboloid-r12": 0.12, "swiss-roll": 0.11, "s-curve": 0.011}.get(name, 1e-3)
    for i in range(len(x)):
        to_grid = cdist(x[i : i + 1].numpy(), grid)[0]
        best = to_grid.argmin()
        assert to_grid[best] - coarse <= distance[i] <= to_grid[best] + 1e-6
        if to_grid[label != label[best]].min() > to_grid[best] + coarse:
            assert y[i] == label[best]


def test_paraboloid_distance_against_scipy():
    x = queries("paraboloid-r12", 3)
    for point, ours in zip(x.numpy(), MANIFOLDS["paraboloid-r12"].distance(x).tolist(), strict=True):
        ends = [
            minimize(
                lambda u, point=point: np.square(paraboloid(u[None]) - point).sum(),
                start,
                bounds=[(0, 1)] * 3,
                options={"ftol": 1e-15, "gtol": 1e-9},
            ).fun
            for start in ([0.5, 0.5, 0.5], [0.1, 0.1, 0.9], [0.1, 0.9, 0.1], [0.9, 0.1, 0.1], [0.9, 0.9, 0.9])
        ]
        assert ours == pytest.approx(math.sqrt(min(ends)), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "point", "distance", "label"),
    [
        ("crescents", [0, 1.5], 0.5, 0),
        ("crescents", [0, 0], math.hypot(1, 0.5) - 1, 1),
        ("crescents", [-1, -2], 2, 0),  # straight below an end point
        ("crescents", [0.5, 0.25], 1 - math.hypot(0.5, 0.25), 0),  # the centre of symmetry: a tie
        ("spirals", [0, 0], 0.5, 0),  # again a tie
        ("spirals", [0, 0.4], 0.1, 0),
        ("spirals", [0, -0.4], 0.1, 1),
        ("spirals", [0, 104.5], 100, 0),
        ("helix-r3", [0, 0, 0], 1, 0),  # the centre of the torus, and eight nearest points in four classes
        ("helix-r3", [5, 0, 0], 2, 0),  # where the first class meets the last
        ("helix-r3", [-3, 3, 0], math.sqrt(18) - 3, 1),
        ("helix-r12", [0, 0, 0, 3, 0, 4, *[0] * 6], math.sqrt(26), 0),
        ("paraboloid-r12", [-1, 0, -2] + [0] * 9, math.sqrt(5), 0),  # a corner of the cube
        ("swiss-roll", [0, -3, -1.5 * math.pi], 3, 0),
        ("swiss-roll", [0, 26, 1 + 4.5 * math.pi], math.hypot(5, 1), 3),
        ("s-curve", [0, 1, 0], 0, 1),  # where the second class meets the third
        ("s-curve", [0, 1, 1], 1, 0),  # the centre of the arc of the first two
        ("s-curve", [0, 3, -3], math.hypot(1, 1), 3),
        ("s-curve", [-2, 1, -1], 1, 3),
    ],
)
def test_known_distances(name, point, distance, label):
    ours, y = MANIFOLDS[name].nearest(points(point))
    assert ours.item() == pytest.approx(distance, abs=1e-8)
    assert y.item() == label


@pytest.mark.parametrize("share", [0.98, 1, 1.05])
@pytest.mark.parametrize("curve", [manifolds._ARM, manifolds._HELIX, manifolds._ROLL])
def test_distance_where_the_foot_is_ill_conditioned(curve, share):
    """At a centre of curvature the distance is flat along the curve; just beyond, it has two minima."""
    t, h = np.linspace(curve.t[0], curve.t[-1], 32)[1:-1], 1e-4
    here, slope = curve.point(t), (curve.point(t + h) - curve.point(t - h)) / (2 * h)
    bend = (curve.point(t + h) - 2 * here + curve.point(t - h)) / h**2
    speed = np.square(slope).sum(1, keepdims=True)
    normal = bend - slope * (bend * slope).sum(1, keepdims=True) / speed
    x = here + share * normal * speed / np.square(normal).sum(1, keepdims=True)
    row, _, distance = curve.candidates(x)
    fine = curve.point(np.linspace(curve.t[0], curve.t[-1], 100_001))
    expected = [cdist(point[None], fine).min() for point in x]
    np.testing.assert_allclose(least(row, distance), expected, rtol=0, atol=1e-6)


@every_manifold
def test_distance_has_the_type_of_the_points(name):
    x = queries(name, 20)
    distance, y = MANIFOLDS[name].nearest(x)
    assert (distance.dtype, y.dtype) == (torch.float64, torch.int64)
    narrow = MANIFOLDS[name].distance(x.float())
    assert narrow.dtype == torch.float32
    torch.testing.assert_close(narrow.double(), distance, rtol=1e-6, atol=1e-5)
    assert torch.equal(MANIFOLDS[name].distance(x), distance)
    assert torch.equal(MANIFOLDS[name].true_class(x), y)
    empty = torch.zeros(0, MANIFOLDS[name].ambient)
    assert (MANIFOLDS[name].distance(empty).shape, MANIFOLDS[name].true_class(empty).dtype) == (
        (0,),
        torch.int64,
    )


@every_manifold
def test_each_point_is_measured_on_its_own(name):
    x = queries(name, 130)  # more than are measured at a time
    distance, y = MANIFOLDS[name].nearest(x)
    index = torch.tensor([0, 255, 256, 300, 649])
    alone = [MANIFOLDS[name].nearest(x[i : i + 1]) for i in index]
    torch.testing.assert_close(torch.cat([a[0] for a in alone]), distance[index], rtol=1e-12, atol=1e-12)
    assert torch.equal(torch.cat([a[1] for a in alone]), y[index])


def test_the_helix_is_the_same_after_a_turn_by_one_coil():
    x = queries("helix-r3")
    c, s = math.cos(math.pi / 4), math.sin(math.pi / 4)
    turned = x @ points([c, s, 0], [-s, c, 0], [0, 0, 1])
    distance = MANIFOLDS["helix-r3"].distance
    torch.testing.assert_close(distance(turned), distance(x), rtol=0, atol=1e-7)


# Errors


def test_an_unknown_name_is_answered_with_the_list():
    with pytest.raises(ValueError, match=r"name = 'moons': no such manifold; pass one of crescents, spirals"):
        load("moons")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"m": 1}, r"m = 1: expected at least 2 samples"),
        ({"m": -3}, r"m = -3: expected at least 2 samples"),
        ({"noise": -0.1}, r"noise = -0.1: expected a standard deviation"),
        ({"noise": math.nan}, r"noise = nan: expected a standard deviation"),
        ({"noise": math.inf}, r"noise = inf: expected a standard deviation"),
        ({"dtype": torch.int64}, r"dtype = torch.int64: expected a floating one"),
    ],
)
def test_bad_samples(arguments, message):
    with pytest.raises(ValueError, match=message):
        load("helix-r3", **arguments)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(4, 2), r"shape \(4, 2\); expected one floating point in R\^3 a row: reshape"),
        (torch.zeros(3), r"shape \(3,\); expected one floating point in R\^3"),
        (torch.zeros(4, 3, dtype=torch.int64), r"x is torch.int64 .* call x.float\(\)"),
        (torch.tensor([[0, 0, 0], [1, math.nan, 2]]), r"x\[1, 1\] = nan; expected finite coordinates"),
        (torch.tensor([[0, 0, math.inf]]), r"x\[0, 2\] = inf; expected finite coordinates"),
    ],
)
def test_bad_points(x, message):
    for ask in (MANIFOLDS["helix-r3"].distance, MANIFOLDS["helix-r3"].true_class):
        with pytest.raises(ValueError, match=message):
            ask(x)
