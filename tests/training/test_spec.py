"""What a run is called: equal runs alike, others not."""

from __future__ import annotations

import dataclasses
import json

import pytest
from tiny_pictures import write

from zmix_core.methods import ERM, METHODS, Mixup, ZetaMixup
from zmix_core.training.protocols import PROTOCOLS
from zmix_core.training.spec import Spec, grid, name_of


def test_a_spec_goes_to_json_and_back():
    spec = Spec("cifar10", "mixup", alpha=0.4, network="lenet-5", seed=7, epochs=3, fraction=0.5)
    assert Spec.of(json.loads(json.dumps(spec.record()))) == spec
    assert Spec.of({"protocol": "digits"}) == Spec("digits")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Spec("digits", "erm", gamma=2.4, n=5, alpha=0.2), Spec("digits", "erm")),
        (Spec("digits", "mixup", gamma=4), Spec("digits", "mixup")),
        (Spec("digits", "zeta-mixup", alpha=0.1), Spec("digits", "zeta-mixup")),
        (Spec("digits", gamma=4), Spec("digits", gamma=4.0)),
        (Spec("digits", n=32), Spec("digits")),
        (Spec("digits", n=1000), Spec("digits")),
        (
            Spec("digits", network="lenet-5", epochs=60, learning_rate=0.02, weight_decay=5e-4),
            Spec("digits", fraction=1),
        ),
    ],
)
def test_settings_that_make_no_difference_make_one_run(one, other):
    assert one.key() == other.key()


def test_every_setting_that_makes_a_difference_makes_another_run():
    base = {"protocol": "digits"}
    changed = [{}, {"n": 5}, {"gamma": 2.4}, {"network": "resnet-18"}, {"seed": 1}, {"epochs": 3}]
    changed += [{"fraction": 0.5}, {"learning_rate": 0.1}, {"weight_decay": 0.0}, {"protocol": "mnist-1000"}]
    changed += [{"method": m} for m in METHODS if m != "zeta-mixup"]
    changed += [{"method": m, "alpha": 0.3} for m in ("mixup", "cutmix", "cutmix+zeta")]
    keys = [Spec(**{**base, **change}).key() for change in changed]
    assert len(set(keys)) == len(changed)


def test_a_protocol_that_changes_makes_another_run(monkeypatch):
    before = Spec("digits").key()
    for change in ({"batch": 64}, {"flip": True}, {"momentum": 0.8}, {"decay_epochs": (10,)}, {"decay": 0.1}):
        monkeypatch.setitem(PROTOCOLS, "digits", dataclasses.replace(PROTOCOLS["digits"], **change))
        assert Spec("digits").key() != before
        monkeypatch.undo()
    assert Spec("digits").key() == before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"protocol": ""}, "expected one of mnist"),
        ({"method": "zeta"}, "method = 'zeta': expected one of erm, mixup"),
        ({"n": 1}, "n = 1"),
        ({"gamma": -1}, "gamma = -1: expected a finite number"),
        ({"gamma": float("nan")}, "gamma = nan"),
        ({"alpha": float("inf")}, "alpha = inf"),
        ({"network": "vgg"}, "network = 'vgg': expected one of lenet-5"),
        ({"seed": -1}, "seed = -1"),
        ({"epochs": 0}, "epochs = 0"),
        ({"fraction": 0}, "fraction = 0"),
        ({"fraction": 1.5}, "fraction = 1.5"),
        ({"learning_rate": 0}, "learning_rate = 0"),
        ({"weight_decay": -1e-4}, "weight_decay = -0.0001"),
    ],
)
def test_what_is_out_of_range_is_told(settings, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the messages are compared)
        Spec(**{"protocol": "digits", **settings})
    assert message in str(caught.value)


def test_unknown_settings_and_protocols_are_told():
    with pytest.raises(
        ValueError, match="a spec with 'protocol', 'gama'; expected 'protocol', and of method"
    ):
        Spec.of({"protocol": "digits", "gama": 2})
    with pytest.raises(ValueError, match="a spec with nothing"):
        Spec.of({})
    with pytest.raises(FileNotFoundError, match="no protocol"):
        Spec("cifar11").key()


def test_the_learning_rate_decays_at_the_same_shares_of_a_shorter_training():
    assert Spec("cifar10", epochs=20).resolved().decay_epochs == (8, 12, 16)
    assert Spec("cifar10").resolved() == PROTOCOLS["cifar10"]


def test_a_method_gets_its_settings_and_no_more_parents_than_there_are():
    assert Spec("digits", "erm").mixing((8, 8), 32) == ERM()
    assert Spec("digits", "mixup", alpha=0.2).mixing((8, 8), 32) == Mixup(alpha=0.2)
    assert Spec("digits", n=50, gamma=2.4).mixing((8, 8), 32) == ZetaMixup(n=32, gamma=2.4)
    assert Spec("digits", "cutmix").mixing((8, 9), 32).sides == (8, 9)


def test_a_grid_has_every_method_with_every_seed_and_starts_with_pairs():
    specs = grid("digits", ["erm", "zeta-4", "cutmix+zeta-2.4", "zeta-mixup"], [3, 5], epochs=2)
    assert [(s.method, s.gamma, s.seed) for s in specs] == [
        (method, gamma, seed)
        for seed in (3, 5)
        for method, gamma in [("erm", 2.8), ("zeta-mixup", 4), ("cutmix+zeta", 2.4), ("zeta-mixup", 2.8)]
    ]
    assert {s.epochs for s in specs} == {2}
    with pytest.raises(ValueError, match=r"method = 'zeta-': expected .* or zeta-2\.4"):
        grid("digits", ["zeta-"], [0])


@pytest.mark.parametrize(
    "name", ["erm", "mixup", "cutmix", "cutmix+zeta", "cutmix+zeta-2.4", "zeta-2.4", "zeta-4"]
)
def test_names_in_tables_are_those_of_the_command_line(name):
    assert name_of(grid("digits", [name], [0])[0].settings()) == name


def test_names_tell_other_settings_apart():
    assert name_of(Spec("digits", "mixup", alpha=0.4).settings()) == "mixup, α = 0.4"
    assert name_of(Spec("digits", n=4).settings()) == "zeta-2.8, N = 4"


def test_pictures_of_ones_own_are_recorded_by_their_whole_path(tmp_path, monkeypatch):
    write(tmp_path)
    monkeypatch.chdir(tmp_path)
    spec = Spec("tiny.npz", network="lenet-5")
    record = spec.record()
    assert record["protocol"] == spec.settings()["protocol"] == str(tmp_path / "tiny.npz")
    monkeypatch.chdir("/")
    assert Spec.of(record).key() == spec.key()


@pytest.mark.parametrize("wrong", [("erm", range(3)), (["erm"], 3)])
def test_a_grid_takes_several(wrong):
    with pytest.raises(ValueError, match="expected several of each, for instance"):
        grid("digits", *wrong)
