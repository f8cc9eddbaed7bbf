"""How an oracle is trained: who is held out, how pictures are changed, what is learned; and LeNet-5."""

from __future__ import annotations

import itertools
import math
from importlib.metadata import version

import numpy as np
import pytest
import torch
from by_hand import UNLIKELY, seeded
from scipy import stats

from zmix_core import images, oracle_training
from zmix_core.dataset import Dataset
from zmix_core.lenet import LeNet5
from zmix_core.oracle import OracleMismatch
from zmix_core.oracle_training import Training, held_out, split, train

FEW = Training(steps=150, batch=16)


def sides(m=60, seed=0, shape=(1, 8, 8)):
    """Noise, brighter on the left or on the right."""
    generator = seeded(seed)
    y = torch.arange(m) % 2
    x = torch.randint(100, (m, *shape), generator=generator)
    half = shape[2] // 2
    x[y == 0, :, :, :half] += 120
    x[y == 1, :, :, half:] += 120
    return Dataset("sides", x.to(torch.uint8), y, ("left", "right"))


def last_of(*arguments, **options):
    return list(train(*arguments, **options))[-1].oracle


def weights_of(oracle):
    return torch.cat([p.flatten() for p in oracle.network.parameters()])


# --- who is held out ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_held_out_pictures_are_every_fifth_of_each_class(seed):
    generator = seeded(seed)
    y = torch.cat([torch.full((5,), c) for c in range(4)] + [torch.randint(4, (83,), generator=generator)])
    y = y[torch.randperm(len(y), generator=generator)]
    data = Dataset("numbered", torch.arange(len(y)).reshape(-1, 1, 1, 1), y, tuple("abcd"))
    seen, learned, held = [0] * 4, [], []
    for k, label in enumerate(y.tolist()):
        seen[label] += 1
        (learned if seen[label] % 5 else held).append(k)
    left, right = held_out(data)
    assert left.x.flatten().tolist() == learned
    assert right.x.flatten().tolist() == held
    assert sorted(learned + held) == list(range(len(y)))
    assert torch.equal(left.y, y[learned])
    assert torch.equal(right.y, y[held])
    assert {left.name, right.name} == {"numbered"}
    assert left.classes == right.classes == data.classes
    for c in range(4):
        assert int((right.y == c).sum()) == seen[c] // 5 >= 1


@pytest.mark.parametrize("count", [0, 4])
def test_too_few_of_a_class_to_hold_some_out(count):
    y = torch.tensor([0] * 9 + [1] * count + [2] * 5)
    data = Dataset("pets", torch.zeros(len(y), 1, 8, 8, dtype=torch.uint8), y, ("cat", "dog", "owl"))
    with pytest.raises(ValueError, match=rf"pets: class 'dog' has {count} pictures; expected at least 5"):
        held_out(data)


def test_split_takes_the_test_split_where_there_is_one(monkeypatch):
    monkeypatch.setattr(images, "load", lambda name, split="train": f"{name}, {split}")
    for name in set(images.IMAGES) - {"digits"}:
        assert split(name) == (f"{name}, train", f"{name}, test", "test pictures")
    monkeypatch.undo()
    digits = images.load("digits")
    data, test, of = split("digits")
    expected = held_out(digits)
    assert torch.equal(data.x, expected[0].x)
    assert torch.equal(test.x, expected[1].x)
    assert of == "held-out pictures"


# --- how pictures are changed ------------------------------------------------------------------------------


def blobs(m, h, w, row, column, width=1.5):
    """The same soft spot m times, at a place counted from the middle, in pixels."""
    r = torch.arange(h) - (h - 1) / 2 - row
    c = torch.arange(w) - (w - 1) / 2 - column
    spot = torch.exp(-(r[:, None].square() + c.square()) / (2 * width**2))
    return spot.expand(m, 1, h, w).clone()


def places(x):
    """Where the spots are: their centres of mass, in pixels from the middle."""
    h, w = x.shape[2:]
    mass = x.sum((1, 2, 3))
    r, c = torch.arange(h) - (h - 1) / 2, torch.arange(w) - (w - 1) / 2
    row, column = (x.sum((1, 3)) * r).sum(1) / mass, (x.sum((1, 2)) * c).sum(1) / mass
    return row.double().numpy(), column.double().numpy()


def uniform_between(values, low, high):
    assert low - 0.02 < min(values)
    assert max(values) < high + 0.02
    assert len(np.unique(values)) > 0.99 * len(values), "pictures share their amounts"
    assert stats.kstest(values, stats.uniform(low, high - low).cdf).pvalue > UNLIKELY


@pytest.mark.parametrize("shape", [(3, 1, 28, 28), (2, 3, 9, 14)])
def test_no_change_changes_nothing(shape):
    x = torch.rand(shape, generator=seeded(0))
    same = oracle_training._warped(x, Training(turn=0, shift=0, zoom=0), seeded(1))
    torch.testing.assert_close(same, x, rtol=0, atol=1e-5)


def test_a_shift_is_a_share_of_each_side():
    x = blobs(2000, 40, 60, 0, 0)
    row, column = places(oracle_training._warped(x, Training(turn=0, shift=0.1, zoom=0), seeded(0)))
    uniform_between(row, -4, 4)
    uniform_between(column, -6, 6)
    assert stats.pearsonr(row, column).pvalue > UNLIKELY


def test_a_turn_turns_pictures_that_are_not_square_too():
    x = blobs(2000, 40, 60, 0, 15)
    row, column = places(oracle_training._warped(x, Training(turn=30, shift=0, zoom=0), seeded(0)))
    np.testing.assert_allclose(np.hypot(row, column), 15, atol=0.1)
    uniform_between(np.degrees(np.arctan2(row, column)), -30, 30)


def test_a_zoom_enlarges_and_makes_smaller():
    x = blobs(2000, 40, 60, 8, 10, width=2.5)
    warped = oracle_training._warped(x, Training(turn=0, shift=0, zoom=0.2), seeded(0))
    row, column = places(warped)
    np.testing.assert_allclose(row / 8, column / 10, atol=0.01)
    uniform_between(row / 8, 0.8, 1.2)
    # A spot that is further out is larger, too: its mass grows with the area.
    np.testing.assert_allclose(warped.sum((1, 2, 3)) / x[0].sum(), (row / 8) ** 2, rtol=0.03)


def test_changes_are_drawn_from_the_generator_alone():
    x, state = torch.rand(4, 1, 9, 9, generator=seeded(0)), torch.random.get_rng_state()
    first, again, other = (oracle_training._warped(x, Training(), seeded(s)) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), state)


# --- what is learned ---------------------------------------------------------------------------------------


def test_what_can_be_told_apart_is_learned_and_progress_is_told():
    data, test = sides(), sides(50, seed=1)
    steps = list(train(data, test, of="fresh ones", seed=3, training=FEW))
    epochs = math.ceil(150 / math.ceil(60 / 16))
    assert [step.epoch for step in steps] == list(range(1, epochs + 1))
    assert {step.epochs for step in steps} == {epochs}
    assert all(step.left > 0 for step in steps[:-1])
    assert steps[-1].left == 0
    assert steps[0].loss == pytest.approx(math.log(2), abs=0.1)
    assert steps[-1].loss < 0.1
    assert [step.oracle for step in steps[:-1]] == [None] * (epochs - 1)
    oracle = steps[-1].oracle
    right = sum(int(row.argmax()) == label for row, label in zip(oracle.predict(test.x), test.y, strict=True))
    assert right >= 49
    assert oracle.accuracy == f"{right} of 50 fresh ones"
    card = oracle.card
    assert (card["data"], card["classes"], card["picture"]) == ("sides", ["left", "right"], [1, 8, 8])
    assert card["seed"] == 3
    assert card["training"] == {"pictures": 60, "epochs": epochs, **vars(FEW)}
    assert card["parameters"] == len(weights_of(oracle))
    assert card["versions"]["torch"] == version("torch")
    assert oracle.network.training is False


def test_one_seed_gives_one_oracle_whatever_torchs_own_generator_does():
    data, few = sides(), Training(steps=8, batch=16)
    torch.manual_seed(7)
    state = torch.random.get_rng_state()
    first = weights_of(last_of(data, data, seed=1, training=few))
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.manual_seed(8)
    assert torch.equal(weights_of(last_of(data, data, seed=1, training=few)), first)
    other = weights_of(last_of(data, data, seed=2, training=few))
    assert (other != first).float().mean() > 0.99


def test_no_other_device_is_seeded(monkeypatch):
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: pytest.fail("CUDA's generator"))
    last_of(sides(), sides(), training=Training(steps=1))


def test_training_that_is_given_up():
    state = torch.random.get_rng_state()
    running = train(sides(), sides(), training=FEW)
    assert [step.epoch for step in itertools.islice(running, 2)] == [1, 2]
    running.close()
    assert list(running) == []
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
@pytest.mark.parametrize("batch", [1, 64])
def test_hardly_any_steps_or_pictures(steps, batch):
    data = sides(4, shape=(3, 8, 11))
    oracle = last_of(data, data, training=Training(steps=steps, batch=batch))
    assert oracle.card["training"]["epochs"] == math.ceil(steps / (4 if batch == 1 else 1))
    assert oracle.predict(data.x).isfinite().all()


def test_what_cannot_be_trained_is_told():
    good, few = sides(), Training(steps=1)
    for x, y, classes, message in (
        (good.x, good.y * 2, ("a", "b", "c"), r"sides: .*without a sample: b; expected pictures"),
        (good.x[:0], good.y[:0], ("a", "b"), r"without a sample: a, b"),
        (good.x[:, 0], good.y, ("a", "b"), r"shape \(60, 8, 8\)"),
        (good.x[:, :, :, :7], good.y, ("a", "b"), r"picture = \(1, 8, 7\): .* at least 8 pixels"),
        (good.x, good.y * 0, ("a",), r"num_classes = 1: expected at least 2"),
    ):
        with pytest.raises(ValueError, match=message):
            next(train(Dataset("sides", x, y, classes), good, training=few))
    for options, message in (
        ({"seed": -1}, "seed = -1"),
        ({"seed": 0.5}, "seed = 0.5"),
        ({"training": Training(steps=0)}, "steps = 0"),
        ({"training": Training(batch=0)}, "batch = 0"),
    ):
        with pytest.raises(ValueError, match=message):
            next(train(good, good, **options))
    with pytest.raises(OracleMismatch, match=r"sides has \(3, 8, 8\)"):
        last_of(good, sides(shape=(3, 8, 8)), training=few)


# --- LeNet-5 -----------------------------------------------------------------------------------------------


def test_lenet_has_the_parameters_of_the_original():
    layers = {"C1": 6 * (25 + 1), "C3": 16 * (6 * 25 + 1), "C5": 120 * 401, "F6": 84 * 121, "out": 10 * 85}
    network = LeNet5((1, 28, 28), 10)
    assert sum(p.numel() for p in network.parameters()) == sum(layers.values()) == 61_706
    assert [len(p) for p in network.parameters()] == [n for n in (6, 16, 120, 84, 10) for _ in range(2)]


@pytest.mark.parametrize(
    "picture", [(1, 8, 8), (3, 9, 15), (1, 19, 19), (3, 20, 20), (1, 19, 64), (3, 32, 32), (2, 64, 65)]
)
@pytest.mark.parametrize("classes", [2, 17])
def test_lenet_takes_pictures_of_many_sizes(picture, classes):
    network = LeNet5(picture, classes)
    assert network(torch.zeros(3, *picture)).shape == (3, classes)
    seen = network.features(torch.zeros(1, *picture)).shape[1]
    assert network.classifier[0].in_features == seen
    assert seen >= 16 * 4, "too little is left of a picture"


@pytest.mark.parametrize(
    ("picture", "classes", "message"),
    [
        ((1, 7, 8), 2, r"picture = \(1, 7, 8\): expected"),
        ((1, 8, 7), 2, r"picture = \(1, 8, 7\): expected"),
        ((0, 8, 8), 2, r"picture = \(0, 8, 8\): expected"),
        ((1, 8, 8), 1, "num_classes = 1: expected at least 2"),
    ],
)
def test_lenet_of_nothing(picture, classes, message):
    with pytest.raises(ValueError, match=message):
        LeNet5(picture, classes)
