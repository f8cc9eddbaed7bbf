"""The small pieces: the data record, one-hot labels, devices, and how far samples stray."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from by_hand import seeded
from hypothesis import given
from hypothesis import strategies as st

from zmix_core.dataset import Dataset
from zmix_core.device import resolve_device
from zmix_core.labels import one_hot
from zmix_core.realism import label_errors, spread


@pytest.fixture
def data():
    x = torch.arange(12.0).reshape(6, 2)
    return Dataset("six", x, torch.tensor([2, 0, 2, 1, 0, 2]), ("a", "b", "c", "none"))


# Dataset


def test_a_dataset_counts_samples_and_classes(data):
    assert (len(data), data.num_classes) == (6, 4)
    with pytest.raises(AttributeError):
        data.name = "seven"


def test_take(data):
    for index, expected in (
        (torch.tensor([5, 0, 0]), [5, 0, 0]),
        (torch.tensor([], dtype=torch.int64), []),
        (torch.tensor([-1]), [5]),
    ):
        taken = data.take(index)
        assert taken.x[:, 0].tolist() == [2.0 * k for k in expected]
        assert taken.y.tolist() == [data.y[k] for k in expected]
        assert (taken.name, taken.classes) == (data.name, data.classes)
    assert len(data) == 6


@pytest.mark.parametrize(
    ("count", "expected"), [(1, [1, 3, 0]), (2, [1, 4, 3, 0, 2]), (10, [1, 4, 3, 0, 2, 5])]
)
def test_the_first_of_each_class(data, count, expected):
    first = data.first_of_each_class(count)
    assert (first.x[:, 0] / 2).tolist() == expected
    assert first.y.tolist() == sorted(first.y.tolist())


def test_the_default_is_ten_of_each():
    data = Dataset("many", torch.zeros(60, 1), torch.arange(60) % 3, ("a", "b", "c"))
    assert data.first_of_each_class().y.tolist() == [0] * 10 + [1] * 10 + [2] * 10


def test_a_dataset_goes_to_a_device(data):
    device = resolve_device()
    there = data.to(device)
    assert (there.x.device.type, there.y.device.type) == (device.type, device.type)
    assert torch.equal(there.x.cpu(), data.x)
    assert (there.y.tolist(), there.name, there.classes) == (data.y.tolist(), data.name, data.classes)


def test_an_empty_dataset_is_one():
    assert len(Dataset("empty", torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64), ())) == 0


BAD_DATA = [
    (torch.zeros(3, 2), torch.zeros(2, dtype=torch.int64), r"six: x has shape \(3, 2\) and y \(2,\)"),
    (torch.zeros(3), torch.zeros(3, 1, dtype=torch.int64), "expected one label a sample"),
    (torch.tensor(1.0), torch.zeros(1, dtype=torch.int64), "expected one label a sample"),
    (torch.zeros(2), torch.tensor([0, 2]), "labels run from 0 to 2, but there are 2 classes; .* 0 to 1"),
    (torch.zeros(2), torch.tensor([-1, 1]), "labels run from -1 to 1"),
]


@pytest.mark.parametrize(("x", "y", "message"), BAD_DATA)
def test_samples_and_labels_that_do_not_fit(x, y, message):
    with pytest.raises(ValueError, match=message):
        Dataset("six", x, y, ("a", "b"))


@pytest.mark.parametrize("count", [0, -1])
def test_no_samples_of_each_class(data, count):
    with pytest.raises(ValueError, match=f"count = {count}: expected at least 1"):
        data.first_of_each_class(count)


# Labels


@given(
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    classes=st.integers(1, 6),
    dtype=st.sampled_from([torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8]),
    seed=st.integers(0, 100),
)
def test_one_hot_marks_the_class_of_each_place(shape, classes, dtype, seed):
    y = torch.randint(classes, shape, generator=seeded(seed)).to(dtype)
    out = one_hot(y, classes)
    assert out.dtype == torch.float32
    if y.ndim == 2 and y.shape[1] == classes > 1:  # taken for one-hot already
        assert torch.equal(out, y.float())
        return
    expected = F.one_hot(y.long(), classes).float()
    if y.ndim == 2 and y.shape[1] == 1:
        expected = expected.squeeze(1)
    assert torch.equal(out, expected.movedim(-1, 1))


def test_one_hot_of_bools_and_of_none():
    assert one_hot(torch.tensor([True, False]), 2).tolist() == [[0, 1], [1, 0]]
    assert one_hot(torch.zeros(0, dtype=torch.int64), 3).shape == (0, 3)


BAD_LABELS = [
    (torch.tensor([0, 3]), 3, "labels run from 0 to 3; expected 0 to 2 for num_classes = 3"),
    (torch.tensor([-1, 1]), 3, "labels run from -1 to 1"),
    (torch.tensor([0]), None, "num_classes = None: integer labels need the number of classes"),
    (torch.tensor([0]), 0, "num_classes = 0: integer labels need"),
    (torch.tensor([0.0]), 2, r"y has dtype torch\.float32; expected integers"),
    (torch.tensor(0), 2, "expected one label a sample"),
]


@pytest.mark.parametrize(("y", "classes", "message"), BAD_LABELS)
def test_labels_that_do_not_fit(y, classes, message):
    with pytest.raises(ValueError, match=message):
        one_hot(y, classes)


# Devices


@pytest.mark.parametrize("has", [(), ("mps",), ("cuda",), ("cuda", "mps")], ids=str)
def test_auto_takes_cuda_then_mps_then_the_cpu(has, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in has)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in has)
    assert resolve_device() == torch.device((*sorted(has), "cpu")[0])
    assert resolve_device("cpu") == resolve_device(torch.device("cpu")) == torch.device("cpu")
    for name in ("cuda", "mps"):
        if name in has:
            assert resolve_device(f"{name}:0") == torch.device(name, 0)
        else:
            with pytest.raises(ValueError, match=rf"device = '{name}': this machine has \[.*'cpu'\]"):
                resolve_device(name)


def test_a_device_that_is_none():
    with pytest.raises(ValueError, match=r"device = 'gpu': expected 'auto' or one of \[.*'cpu'\]"):
        resolve_device("gpu")


# Realism


@given(
    soft=st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3), min_size=1, max_size=6), k=st.data()
)
def test_a_label_is_wrong_where_another_class_is_the_heaviest(soft, k):
    true = k.draw(st.lists(st.integers(0, 2), min_size=len(soft), max_size=len(soft)))
    wrong = label_errors(torch.tensor(soft, dtype=torch.float32), torch.tensor(true))
    assert wrong.dtype == torch.bool
    # list.index finds the first of several that weigh the same.
    assert wrong.tolist() == [row.index(max(row)) != c for row, c in zip(soft, true, strict=True)]


@pytest.mark.parametrize(("soft", "true"), [((3, 2), (2,)), ((3,), (3,)), ((3, 2), (3, 1))])
def test_label_errors_of_what_does_not_fit(soft, true):
    with pytest.raises(ValueError, match=r"expected \(M, K\) and \(M,\)"):
        label_errors(torch.zeros(soft), torch.zeros(true, dtype=torch.int64))


@pytest.mark.parametrize("shape", [(1,), (7,), (7, 3), (5, 2, 3)])
def test_spread_is_the_rms_distance_from_the_mean(shape):
    x = torch.randn(shape, generator=seeded(0))
    points = [row.flatten().tolist() if row.ndim else [float(row)] for row in x]
    mean = [math.fsum(column) / len(points) for column in zip(*points, strict=True)]
    squares = [math.dist(point, mean) ** 2 for point in points]
    assert spread(x) == pytest.approx(math.sqrt(math.fsum(squares) / len(points)), rel=1e-12)


def test_spread_of_float32_far_from_the_origin():
    assert spread(torch.tensor([[4096.0], [4098.0]])) == 1.0


@pytest.mark.parametrize("x", [torch.zeros(0, 3), torch.tensor(1.0)])
def test_spread_of_nothing(x):
    with pytest.raises(ValueError, match="expected at least one sample"):
        spread(x)
