"""What `zmix speed train` measures and prints, and the networks of the benchmarks. No time is asserted."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from zmix_core import cli, speed_train
from zmix_core.methods import ERM, ZetaMixup
from zmix_core.resnet import resnet


@pytest.fixture
def small(monkeypatch):
    """A network of one layer in place of ResNet-18, on few pictures; gives what was built."""
    built = []

    def network(depth, picture, num_classes):
        built.append((depth, picture, num_classes))
        return nn.Sequential(nn.Flatten(), nn.Linear(torch.Size(picture).numel(), num_classes))

    monkeypatch.setattr(speed_train, "resnet", network)
    monkeypatch.setattr(speed_train, "QUICK_BATCH", 8)
    return built


def test_the_table_says_what_was_measured(small, tmp_path, capsys):
    path = tmp_path / "train.json"
    assert cli.main(["speed", "train", "--quick", "--json", str(path)]) == 0
    shown = capsys.readouterr().out
    measured = json.loads(path.read_text(encoding="utf-8"))
    assert measured["shape"] == [8, 3, 32, 32]
    cpu = {row["method"]: row for row in measured["rows"] if row["device"] == "cpu"}
    assert list(cpu) == ["ERM", "mixup", "ζ-mixup"]
    for row in cpu.values():
        alone = row["mixing"]["median"] - cpu["ERM"]["mixing"]["median"]
        assert row["added"] == pytest.approx(alone / cpu["ERM"]["step"]["median"])
        if row["method"] != "ERM":
            assert f"{100 * row['added']:.2f} %" in shown
    assert set(small) == {(18, (3, 32, 32), 10)}
    assert cli.main(["speed", "table", str(path)]) == 0
    assert capsys.readouterr().out == shown


def test_a_step_learns_from_what_is_mixed(monkeypatch):
    weights = nn.Linear(3 * 32 * 32, 10)
    monkeypatch.setattr(speed_train, "resnet", lambda *_: nn.Sequential(nn.Flatten(), weights))
    x, y = torch.rand(8, 3, 32, 32), torch.arange(8)
    before = weights.weight.detach().clone()
    speed_train._step(ZetaMixup(gamma=2.8), x, y)()
    assert not torch.equal(weights.weight, before)
    kept, labels = speed_train._mixed(ERM(), x, y)
    assert kept is x
    assert torch.equal(labels.argmax(1), y)


@pytest.mark.parametrize("depth", [18, 50])
def test_small_pictures_keep_their_size_in_the_stem(depth):
    small, large = resnet(depth, (1, 28, 28), 4), resnet(depth, (3, 224, 224), 4)
    assert small.conv1.stride == (1, 1)
    assert isinstance(small.maxpool, nn.Identity)
    assert large.conv1.kernel_size == (7, 7)
    assert small(torch.zeros(2, 1, 28, 28)).shape == (2, 4)
    assert resnet(depth, (1, 65, 65), 4)(torch.zeros(2, 1, 65, 65)).shape == (2, 4)


def test_another_depth_is_refused():
    with pytest.raises(ValueError, match="depth = 34: expected 18 or 50"):
        resnet(34, (3, 32, 32), 10)
