"""The protocols beside Appendix D, and the paper's own numbers beside what its text says of them."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from fake_files import picture

from zmix_core import METHODS, images
from zmix_core.training.paper import TABLES, paper_results
from zmix_core.training.protocols import OWN_SPLIT, PROTOCOLS, STRATIFIED, Protocol, protocol

NATURAL = ("cifar10", "cifar100", "fashion-mnist", "stl10", "imagenette", "imagewoof")
OWNERS = ("isic-2016", "isic-2017", "isic-2018")
DRAWN = ("msk", "uda", "dermofit", "derm7point-c", "derm7point-d", "ph2", "med-node")
MED = ("path", "derma", "oct", "pneumonia", "breast", "organa", "organc", "organs")
PAPER = (*NATURAL, *OWNERS, *DRAWN, *(f"{name}mnist" for name in MED))


def test_there_are_the_papers_24_sets_and_three_more():
    assert len(PAPER) == 24
    assert set(PROTOCOLS) == {*PAPER, "mnist", "mnist-1000", "digits"}
    assert all(name == entry.name for name, entry in PROTOCOLS.items())
    assert {entry.name for entry in PROTOCOLS.values() if entry.table} == set(PAPER)


@pytest.mark.parametrize(
    ("names", "epochs", "batch", "rate", "decay", "at"),
    [
        (("cifar10", "cifar100"), 200, 128, 0.1, 0.2, (80, 120, 160)),
        (("fashion-mnist",), 200, 32, 0.1, 0.2, (80, 120, 160)),
        (("stl10",), 120, 32, 0.1, 0.2, (80,)),
        (("imagenette", "imagewoof"), 80, 32, 0.01, 0.2, (25, 50, 65)),
        ({*OWNERS, *DRAWN} - {"isic-2018"}, 50, 32, 0.01, 0.1, (10, 20, 30, 40)),
        (("isic-2018",), 20, 32, 0.01, 0.1, (4, 8, 12, 16)),
    ],
)
def test_settings_are_those_of_appendix_d_1_and_2(names, epochs, batch, rate, decay, at):
    for entry in (PROTOCOLS[name] for name in names):
        assert (entry.epochs, entry.batch, entry.learning_rate) == (epochs, batch, rate)
        assert (entry.decay, entry.decay_epochs) == (decay, at)
        assert (entry.weight_decay, entry.momentum, entry.nesterov) == (5e-4, 0.9, True)


def test_settings_are_those_of_appendix_d_3():
    for name in MED:
        entry = PROTOCOLS[f"{name}mnist"]
        assert (entry.learning_rate, entry.batch, entry.size, entry.split) == (0.01, 128, 28, OWN_SPLIT)
        assert entry.metrics == ("AUC", "ACC")
        assert entry.channels == (3 if name in ("path", "derma") else 1)
        assert "train.py" in entry.note


def test_pictures_are_those_of_appendix_d():
    sizes = {name: PROTOCOLS[name].size for name in NATURAL}
    assert list(sizes.values()) == [32, 32, 28, 96, 224, 224]
    assert all(PROTOCOLS[name].flip for name in NATURAL)
    for name in (*OWNERS, *DRAWN):
        entry = PROTOCOLS[name]
        assert (entry.size, entry.crop, entry.channels) == (256, 0.8, 3)
        assert entry.networks == ("resnet-18", "resnet-50")
        assert entry.split == (OWN_SPLIT if name in OWNERS else STRATIFIED)
        assert entry.transforms == (
            "square about the centre, 0.8 of the shorter side",
            "resized to 256 x 256",
        )


def test_classes_and_pictures_are_those_of_the_tables():
    skin = {
        "isic-2016": (1279, 2), "isic-2017": (2750, 3), "isic-2018": (10015, 5), "msk": (3551, 4),
        "uda": (601, 2), "dermofit": (1300, 5), "derm7point-c": (1011, 5), "derm7point-d": (1011, 5),
        "ph2": (200, 2), "med-node": (170, 2),
    }  # fmt: skip
    med = dict(
        zip(
            MED,
            [
                (107180, 9),
                (10005, 7),
                (109309, 4),
                (5856, 2),
                (780, 2),
                (58850, 11),
                (23660, 11),
                (25221, 11),
            ],
            strict=True,
        )
    )
    for name, expected in (skin | {f"{name}mnist": counts for name, counts in med.items()}).items():
        assert (PROTOCOLS[name].pictures, PROTOCOLS[name].classes) == expected


@pytest.mark.parametrize("entry", PROTOCOLS.values(), ids=lambda e: e.name)
def test_every_protocol_says_where_from_and_under_which_licence(entry):
    assert entry.source
    assert entry.licence
    assert entry.note
    assert entry.stem == ("" if entry.network == "lenet-5" else "3x3" if entry.size <= 64 else "7x7")
    assert entry.class_names == () or len(entry.class_names) == entry.classes
    assert bool(entry.url) == bool(entry.md5) == (entry.reader == "npz")
    assert bool(entry.by_hand) == (entry.reader == "folder")
    if entry.reader == "library":
        assert entry.data in images.IMAGES


@pytest.mark.parametrize("name", ["cifar10", "stl10", "imagenette", "ph2", "isic-2018", "octmnist", "digits"])
def test_the_learning_rate_is_that_of_pytorchs_schedule(name):
    entry = PROTOCOLS[name]
    sgd = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=entry.learning_rate)
    schedule = torch.optim.lr_scheduler.MultiStepLR(sgd, entry.decay_epochs, entry.decay)
    for epoch in range(entry.epochs):
        assert entry.learning_rate_at(epoch) == pytest.approx(sgd.param_groups[0]["lr"])
        sgd.step()
        schedule.step()


# Pictures of one's own


@pytest.fixture
def pets(tmp_path):
    for label, k in itertools.product(("cat", "dog"), range(3)):
        picture(tmp_path / "pets" / label / f"{k}.png", (20, 16))
    return tmp_path / "pets"


def test_a_folder_of_ones_own_has_a_protocol(pets):
    entry = protocol(pets, size=32)
    assert (entry.group, entry.reader, entry.split) == ("own", "folder", STRATIFIED)
    assert (entry.pictures, entry.classes, entry.class_names) == (6, 2, ("cat", "dog"))
    assert (entry.size, entry.channels, entry.stem) == (32, 3, "3x3")
    assert dataclasses.replace(entry, epochs=2).epochs == 2


def test_a_folder_in_the_data_folder_is_found_by_its_name(pets):
    assert protocol("pets", root=pets.parent).pictures == 6
    assert protocol("pets", root=pets.parent) == protocol(pets)


def test_a_name_of_the_paper_wins_over_a_folder(pets):
    pets.rename(pets.with_name("ph2"))
    assert protocol("ph2", root=pets.parent) is PROTOCOLS["ph2"]
    assert protocol(pets.with_name("ph2")).group == "own"


def test_an_npz_of_ones_own_has_a_protocol(tmp_path):
    arrays = {f"{s}_images": np.zeros((4, 9, 9), "u1") for s in ("train", "test")}
    arrays |= {f"{s}_labels": np.array([0, 1, 2, 1]) for s in ("train", "test")}
    np.savez(tmp_path / "mine.npz", **arrays)
    entry = protocol("mine.npz", root=tmp_path)
    assert isinstance(entry, Protocol)
    assert (entry.size, entry.channels, entry.classes, entry.pictures) == (9, 1, 3, 8)
    np.savez(tmp_path / "wide.npz", **(arrays | {"train_images": np.zeros((4, 9, 8), "u1")}))
    with pytest.raises(
        ValueError, match=r"wide.npz: pictures of shape \(1, 9, 8\) and \(1, 9, 9\); expected"
    ):
        protocol(tmp_path / "wide.npz")


def test_what_is_no_protocol_is_told(tmp_path, pets):
    with pytest.raises(FileNotFoundError, match=r"'cifar-10' is no folder .* one of mnist, cifar10, .* path"):
        protocol("cifar-10", root=tmp_path)
    with pytest.raises(FileNotFoundError, match="'' is no folder"):
        protocol("", root=tmp_path)
    with pytest.raises(ValueError, match="size = 4: expected at least 8"):
        protocol(pets, size=4)


# The paper's results


def numbers(table):
    return {(r.dataset, r.network, r.method, r.gamma, r.metric): r.mean for r in paper_results(table)}


def test_every_number_belongs_to_a_protocol_and_a_method():
    for result in paper_results():
        entry = PROTOCOLS[result.dataset]
        assert result.metric in entry.metrics
        assert result.network in entry.networks
        assert result.method in METHODS
        assert (result.gamma is not None) == (result.method == "zeta-mixup")
        assert result.std is None
        assert result.mean < (1 if result.metric in ("AUC", "F1-micro", "F1-macro") else 100)
    assert {r.dataset for r in paper_results()} == set(PAPER)
    assert [len(numbers(table)) for table in TABLES] == [
        6 * 5,
        10 * 2 * 5,
        8 * 2 * 3,
        8 * 2 * 5 * 3 + 2 * 2 * 2 * 3,
    ]


def test_table_1_has_the_improvements_that_are_printed_beside_its_numbers():
    printed = {
        2.4: (5.56, 1.60, 0.00, 4.62, 6.42, 0.26),
        2.8: (0.21, 2.29, 5.63, 1.94, 3.58, 1.92),
        4.0: (5.56, 2.61, 2.48, 1.54, 1.73, 0.42),
    }
    table = numbers("1")
    for gamma, shares in printed.items():
        for name, share in zip(NATURAL, shares, strict=True):
            mixup = table[name, "resnet-18", "mixup", None, "ERR"]
            zeta = table[name, "resnet-18", "zeta-mixup", gamma, "ERR"]
            assert 100 * (mixup - zeta) / mixup == pytest.approx(share, abs=0.0051)


def test_table_1_has_17_of_18_models_better_than_both_rivals():
    table, better = numbers("1"), 0  # as Sec. 4.5 counts
    for name, gamma in itertools.product(NATURAL, (2.4, 2.8, 4.0)):
        rivals = [table[name, "resnet-18", method, None, "ERR"] for method in ("erm", "mixup")]
        better += table[name, "resnet-18", "zeta-mixup", gamma, "ERR"] < min(rivals)
    assert better == 17


def test_tables_2_and_a3_agree_but_for_the_two_numbers_that_are_exchanged():
    table = numbers("2")
    both = {key: value for key, value in numbers("A3").items() if key[-1] == "ACC_bal"}
    assert len(both) == 88
    differ = {key[0]: (table[key], value) for key, value in both.items() if table[key] != value}
    assert differ == {"derm7point-d": (74.64, 55.46), "med-node": (55.46, 74.64)}
    noted = {r.dataset for r in paper_results("2") if r.note}
    assert noted == set(differ)


def test_zeta_mixup_is_best_on_every_skin_set_of_table_2():
    table = numbers("2") | {k: v for k, v in numbers("A3").items() if k[-1] == "ACC_bal"}  # as Sec. 4.5 says
    for name, network in itertools.product((*OWNERS, *DRAWN), ("resnet-18", "resnet-50")):
        rivals = [table[name, network, method, None, "ACC_bal"] for method in ("erm", "mixup")]
        zeta = [table[name, network, "zeta-mixup", gamma, "ACC_bal"] for gamma in (2.4, 2.8, 4.0)]
        assert max(zeta) >= max(rivals)


def test_f1_micro_is_a_share_of_the_tested_pictures():
    """It is accuracy, so a multiple of 1 / their number: one digit misread, and it would fit no more."""
    tested = {"isic-2016": 379, "isic-2017": 600, "isic-2018": 193}
    tested |= {name: round(0.2 * PROTOCOLS[name].pictures) for name in DRAWN}
    for result in paper_results("A3"):
        if result.metric == "F1-micro":
            n = tested[result.dataset]
            assert result.mean == pytest.approx(round(result.mean * n) / n, abs=5.1e-5), result


@pytest.mark.parametrize(("name", "melanoma", "nevus"), [("ph2", 8, 32), ("med-node", 14, 20)])
def test_of_two_classes_the_three_numbers_come_from_one_table_of_counts(name, melanoma, nevus):
    table = numbers("A3")
    for network, method in itertools.product(("resnet-18", "resnet-50"), ("erm", "mixup")):
        printed = [table[name, network, method, None, metric] for metric in PROTOCOLS[name].metrics]
        printed[0] /= 100
        fits = []
        for a, b in itertools.product(range(melanoma + 1), range(nevus + 1)):
            wrong = melanoma - a + nevus - b
            f1 = [2 * right / (2 * right + wrong) if right else 0 for right in (a, b)]
            found = ((a / melanoma + b / nevus) / 2, (a + b) / (melanoma + nevus), sum(f1) / 2)
            fits.append([abs(x - y) < 5.1e-5 for x, y in zip(found, printed, strict=True)])
        at_odds = (name, network, method) == ("ph2", "resnet-18", "erm")  # its F1-micro, as its note says
        assert ([True, False, True] if at_odds else [True, True, True]) in fits
        assert at_odds == ([True, True, True] not in fits)


def test_results_of_one_set_or_table():
    assert {r.table for r in paper_results(dataset="msk")} == {"2", "A3"}
    assert paper_results(dataset="mnist") == []
    with pytest.raises(ValueError, match="table = '4': expected one of 1, 2, 3, A3"):
        paper_results("4")
