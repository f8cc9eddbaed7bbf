"""Oracles: those that come with this project, what their cards say, and data that they do not know."""

from __future__ import annotations

import datetime
import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from zmix_core import images, oracle
from zmix_core.dataset import Dataset
from zmix_core.oracle import OracleMismatch
from zmix_core.oracle_training import Training

SHIPPED = Path(oracle.__file__).parent / "oracles"
NAMES = ("digits", "mnist")
ROOTS = (images.data_root(), Path(__file__).parents[2] / "shared" / "data")
MNIST = next((root for root in ROOTS if "mnist" in images.available(root)), None)
needs_mnist = pytest.mark.skipif(MNIST is None, reason="no MNIST in ZMIX_DATA nor beside the checkout")


@pytest.fixture(autouse=True)
def _no_oracles_of_ones_own(tmp_path, monkeypatch):
    monkeypatch.setenv("ZMIX_DATA", str(tmp_path / "data"))


def card_of(name):
    return json.loads((SHIPPED / f"{name}.json").read_text(encoding="utf-8"))


def arrays(path):
    """The arrays of a .safetensors by its format: eight bytes of length, a header in JSON, the numbers."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    entries = json.loads(content[8:start])
    entries.pop("__metadata__", None)
    assert {entry["dtype"] for entry in entries.values()} == {"F32"}
    return {
        name: np.frombuffer(content[start:][slice(*entry["data_offsets"])], "<f4").reshape(entry["shape"])
        for name, entry in entries.items()
    }


def arrays_in_order(name):
    found = arrays(SHIPPED / f"{name}.safetensors")
    layers = ("features.0", "features.3", "classifier.0", "classifier.2", "classifier.4")
    assert set(found) == {f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias")}
    return [found[f"{layer}.{kind}"].astype("f8") for layer in layers for kind in ("weight", "bias")]


def held_out_by_hand(data):
    """The indices of the fifth, tenth, ... picture of each class, counted one by one."""
    seen, held = [0] * data.num_classes, []
    for k, label in enumerate(data.y.tolist()):
        seen[label] += 1
        if seen[label] % 5 == 0:
            held.append(k)
    return held


def unseen(name):
    if name == "mnist":
        return images.load("mnist", root=MNIST, split="test")
    digits = images.load("digits")
    return digits.take(torch.tensor(held_out_by_hand(digits)))


def random_pictures(count, *shape):
    return torch.randint(256, (count, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


# --- what comes with this project --------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_what_a_card_says_is_true(name):
    path = SHIPPED / f"{name}.safetensors"
    card, content = card_of(name), path.read_bytes()
    assert len(content) + path.with_suffix(".json").stat().st_size < 2**20
    assert card["bytes"] == len(content)
    assert card["sha256"] == hashlib.sha256(content).hexdigest()
    assert card["parameters"] == sum(array.size for array in arrays(path).values())
    assert card["data"] == name
    assert card["network"] == "LeNet-5"
    assert card["classes"] == list("0123456789")
    assert card["picture"] == {"mnist": [1, 28, 28], "digits": [1, 8, 8]}[name]
    assert card["accuracy"]["of"] == {"mnist": "test pictures", "digits": "held-out pictures"}[name]
    digits = len(images.load("digits"))
    pictures = {"mnist": (60_000, 10_000), "digits": (digits - 355, 355)}[name]
    assert (card["training"]["pictures"], card["accuracy"]["pictures"]) == pictures
    training, default = card["training"], Training()
    assert all(training[key] == getattr(default, key) for key in default.__dataclass_fields__)
    assert training["epochs"] == math.ceil(default.steps / math.ceil(pictures[0] / default.batch))
    assert isinstance(card["seed"], int)
    assert datetime.date.fromisoformat(card["date"]).year >= 2024
    assert set(card["versions"]) == {"python", "torch"}
    assert card["processor"]


def test_a_shipped_oracle_is_what_its_card_describes():
    found = oracle.load("mnist")
    assert (found.name, found.picture, found.classes) == ("mnist", (1, 28, 28), tuple("0123456789"))
    assert repr(found) == "<Oracle for mnist: LeNet-5, 9,950 of 10,000 test pictures right>"
    assert found.card == card_of("mnist")
    assert repr(oracle.load()) == repr(found)
    assert not any(p.requires_grad for p in found.network.parameters())


@pytest.mark.parametrize(
    ("name", "least"), [("digits", 0.98), pytest.param("mnist", 0.992, marks=needs_mnist)]
)
def test_accuracy_counted_again_from_the_raw_arrays(name, least):
    data, w = unseen(name), [torch.tensor(array).float() for array in arrays_in_order(name)]
    right = 0
    for x, y in zip(data.x.split(500), data.y.split(500), strict=True):
        h = F.max_pool2d(F.conv2d(x.float() / 255, w[0], w[1], padding=2).relu(), 2)
        h = F.max_pool2d(F.conv2d(h, w[2], w[3], padding=2 if name == "digits" else 0).relu(), 2).flatten(1)
        for k in (4, 6):
            h = (h @ w[k].T + w[k + 1]).relu()
        right += sum(int(row.argmax()) == label for row, label in zip(h @ w[8].T + w[9], y, strict=True))
    said = card_of(name)["accuracy"]
    assert said["pictures"] == len(data)
    assert right >= least * len(data)
    # Another machine may round another way.
    assert abs(right - said["correct"]) <= 2
    assert abs(oracle.load(name).correct(data) - said["correct"]) <= 2


@pytest.mark.parametrize(("name", "padding"), [("digits", 2), ("mnist", 0)])
def test_predictions_pixel_by_pixel(name, padding):
    w = arrays_in_order(name)

    def convolved(x, weight, bias, pad):
        x = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
        out = np.empty((len(weight), x.shape[1] - 4, x.shape[2] - 4))
        for o, r, c in np.ndindex(out.shape):
            out[o, r, c] = max(0.0, bias[o] + (weight[o] * x[:, r : r + 5, c : c + 5]).sum())
        pooled = np.empty((len(out), out.shape[1] // 2, out.shape[2] // 2))
        for o, r, c in np.ndindex(pooled.shape):
            pooled[o, r, c] = out[o, 2 * r : 2 * r + 2, 2 * c : 2 * c + 2].max()
        return pooled

    found = oracle.load(name)
    x = random_pictures(3, *found.picture)
    for k in range(3):
        h = convolved(convolved(x[k].numpy() / 255, w[0], w[1], 2), w[2], w[3], padding).reshape(-1)
        h = np.maximum(w[6] @ np.maximum(w[4] @ h + w[5], 0) + w[7], 0)
        raised = np.exp(w[8] @ h + w[9])
        np.testing.assert_allclose(found.predict(x)[k], raised / raised.sum(), rtol=1e-4, atol=1e-6)


def test_uint8_and_floats_give_the_same():
    found, x = oracle.load("digits"), images.load("digits", limit=50).x
    expected = found.log_probabilities(x)
    assert torch.equal(found.log_probabilities(x.float() / 255), expected)
    assert torch.equal(found.log_probabilities((x.double() / 255).requires_grad_()), expected)
    assert torch.equal(found.predict(x), expected.exp())
    assert not expected.is_inference()  # of use in what is differentiated


def test_more_pictures_than_are_looked_at_together(monkeypatch):
    found, x = oracle.load("digits"), images.load("digits").x
    expected = found.log_probabilities(x)
    for at_once in (1796, 1797, 100):
        monkeypatch.setattr(oracle, "AT_ONCE", at_once)
        torch.testing.assert_close(found.log_probabilities(x), expected, rtol=1e-4, atol=1e-4)
    assert found.log_probabilities(x[:0]).shape == (0, 10)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("brightness", [0.0, 1.0, 1e4])
def test_log_probabilities_are_finite_and_sum_to_one(name, brightness):
    found = oracle.load(name)
    log_p = found.log_probabilities(random_pictures(100, *found.picture) / 255 * brightness)
    assert (log_p.shape, log_p.dtype) == ((100, 10), torch.float32)
    assert log_p.isfinite().all()
    assert log_p.max() <= 0
    np.testing.assert_allclose(log_p.double().exp().sum(1), 1, atol=1e-5)


# --- data that an oracle does not know ---------------------------------------------------------------------


def test_other_classes_or_pictures_are_refused():
    found, digits = oracle.load("digits"), images.load("digits", limit=30)
    for data in (
        Dataset("pets", digits.x, digits.y, tuple("abcdefghij")),
        Dataset("pets", digits.x, digits.y, tuple("1023456789")),
        Dataset("pets", digits.x, digits.y, (*digits.classes, "10")),
        Dataset("pets", digits.x.repeat(1, 3, 1, 1), digits.y, digits.classes),
    ):
        with pytest.raises(OracleMismatch, match=r"digits knows .*; pets has .*zmix oracle train pets") as it:
            found.correct(data)
        for told in ((1, 8, 8), tuple(data.x.shape[1:]), "0, 1, 2, 3, …", ", ".join(data.classes[:4])):
            assert str(told) in str(it.value)
    found.check(digits)


@pytest.mark.parametrize("shape", [(), (1,), (2, 8, 8), (2, 1, 8, 9), (2, 3, 8, 8)])
def test_pictures_of_another_size_are_refused(shape):
    with pytest.raises(OracleMismatch, match=r"x has shape .*expects \(M, 1, 8, 8\).*zmix oracle train"):
        oracle.load("digits").predict(torch.zeros(shape))


def test_integers_of_no_known_range_are_refused():
    with pytest.raises(ValueError, match=r"x is torch.int64; expected torch.uint8"):
        oracle.load("digits").predict(torch.zeros(1, 1, 8, 8, dtype=torch.int64))
