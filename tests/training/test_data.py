"""The pictures of a protocol, from small fakes: read, cropped, split and kept."""

import csv
import dataclasses
import os
import pickle

import numpy as np
import pytest
import torch
from fake_files import RNG, Booby, picture, write
from PIL import Image

from zmix_core import images
from zmix_core.training import data, folders, squares
from zmix_core.training.data import splits, where
from zmix_core.training.frozen import FILE, frozen
from zmix_core.training.protocols import PROTOCOLS, protocol
from zmix_core.training.squares import CACHE, square

PARTS = ("train", "val", "test")


def manifest(folder, rows, headings=("path", "label", "split", "group")):
    with open(folder / "manifest.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([headings[: len(rows[0])], *rows])


PH2 = dataclasses.replace(PROTOCOLS["ph2"], size=8)


# Crop


@pytest.mark.parametrize("shape", [(320, 400), (400, 320), (320, 320)])
def test_the_crop_is_the_middle_of_the_picture(tmp_path, shape):
    """At 320 pixels 0.8 of the shorter side are 256, so nothing is resized."""
    pixels = picture(tmp_path / "a.png", shape[::-1])
    top, left = ((side - 256) // 2 for side in shape)
    expected = pixels[top : top + 256, left : left + 256].transpose(2, 0, 1)
    assert np.array_equal(square(tmp_path / "a.png", size=256, crop=0.8), expected)


def test_a_large_jpeg_is_cropped_as_it_would_be_without_haste(tmp_path):
    ramp = np.linspace(0, 255, 3000 * 4000).reshape(3000, 4000).astype(np.uint8)
    whole = Image.fromarray(np.stack([ramp, ramp.T.reshape(3000, 4000), 255 - ramp], axis=2))
    whole.save(tmp_path / "a.jpg", quality=95)
    middle = whole.crop((800, 300, 3200, 2700)).resize((64, 64), Image.Resampling.BOX)
    found = square(tmp_path / "a.jpg", size=64, crop=0.8)
    assert np.abs(found[::2].astype(int) - np.asarray(middle).transpose(2, 0, 1)[::2]).mean() < 3


def test_gray_and_deep_pictures_have_three_channels(tmp_path):
    picture(tmp_path / "gray.png", (20, 20), "L")
    Image.fromarray(np.full((20, 20), 40_000, np.uint16)).save(tmp_path / "deep.png")
    assert (np.ptp(square(tmp_path / "gray.png", size=10, crop=1.0), axis=0) == 0).all()
    assert set(square(tmp_path / "deep.png", size=10, crop=1.0).flat) == {40_000 >> 8}


def test_an_unreadable_picture_is_named(lesions):
    write(lesions / "ph2/nevus/01.png", b"not a picture")
    with pytest.raises(ValueError, match=r"nevus.01.png: unreadable picture .* Repair it or take it out"):
        splits(PH2, lesions)
    assert list((lesions / CACHE).glob(".*")) == []  # nothing half made stays


# What is kept is used


def test_of_several_that_decode_at_once_all_get_the_same_pictures(lesions, together):
    results = together(lambda k: splits(PH2, lesions))
    assert all(torch.equal(r.train.x, results[0].train.x) for r in results)
    assert len(list((lesions / CACHE).iterdir())) == 3


def test_pictures_are_decoded_once(lesions, monkeypatch):
    lines = []
    first = splits(PH2, lesions, say=lines.append)
    assert any("70 of 70 pictures" in line for line in lines)
    monkeypatch.setattr(squares, "square", None)
    again = splits(PH2, lesions)
    assert torch.equal(again.train.x, first.train.x)
    again.train.x.zero_()  # in memory alone
    assert torch.equal(splits(PH2, lesions).train.x, first.train.x)


def test_what_is_cut_off_is_made_again(lesions):
    first = splits(PH2, lesions).test.x.clone()
    (kept,) = (lesions / CACHE).glob("*-test-*")
    os.truncate(kept, 500)
    assert torch.equal(splits(PH2, lesions).test.x, first)


def test_another_size_or_a_newer_picture_is_decoded_anew(lesions):
    splits(PH2, lesions)
    assert splits(dataclasses.replace(PH2, size=4), lesions).val.x.shape == (10, 3, 4, 4)
    path = lesions / "ph2/melanoma/00.png"
    changed = Image.new("RGB", (20, 16), (9, 9, 9))
    size = path.stat().st_size
    changed.save(path)
    os.truncate(path, size)  # as many bytes as before: the frozen split stands
    os.utime(path, ns=(0, 12345))
    assert any((part.x.flatten(1) == 9).all(dim=1).any() for part in splits(PH2, lesions))


def test_a_data_folder_that_cannot_be_written_is_told(lesions):
    write(lesions / CACHE, b"a file where the folder should be")
    with pytest.raises(OSError, match=r"\.zmix: cannot be written to .* set ZMIX_DATA"):
        splits(PH2, lesions)


# Splits of the owners, and manifests


def test_a_folder_with_splits_of_its_own_keeps_them(tmp_path):
    for split, label, k in [(s, c, k) for s in ("train", "test") for c in "ab" for k in range(2)]:
        picture(tmp_path / "mine" / split / label / f"{k}.png", (9, 9))
    found = splits(protocol(tmp_path / "mine", size=8), tmp_path)
    assert (len(found.train), found.val, len(found.test)) == (4, None, 4)
    assert not (tmp_path / "mine" / FILE).exists()


def test_a_manifest_gives_label_split_and_group(tmp_path):
    rows = []
    for k in range(12):
        picture(tmp_path / f"isic-2016/all/{k}.png", (10, 10))
        rows.append(
            (f"all/{k}.png", "malignant" if k % 3 else "benign", "test" if k > 8 else "train", f"p{k}")
        )
    manifest(tmp_path / "isic-2016", rows)
    found = splits(dataclasses.replace(PROTOCOLS["isic-2016"], size=8), tmp_path)
    assert found.train.y.tolist() == [1 if k % 3 else 0 for k in range(9)]
    # In the order of the paths: 10, 11, 9.
    assert found.test.y.tolist() == [1, 1, 0]


def test_groups_of_a_manifest_are_heeded_when_a_split_is_drawn(tmp_path):
    rows = []
    for k in range(120):
        picture(tmp_path / f"skin/{k}.png", (8, 8))
        rows.append((f"{k}.png", "ab"[k // 2 % 2], f"lesion {k // 2}"))
    manifest(tmp_path / "skin", rows, ("path", "label", "group"))
    drawn = frozen(tmp_path / "skin", folders.read(tmp_path / "skin"))
    assert all(drawn[f"{k}.png"] == drawn[f"{k + 1}.png"] for k in range(0, 120, 2))
    assert len(set(drawn.values())) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "headings are missing; expected"),
        ("file,label\n", "headings are file, label; expected"),
        ("path,label\n1.png\n", "line 2: expected 2 values"),
        ("path,label\n1.png,a,b\n", "line 2: expected 2 values.*quote"),
        ("path,label\n1.png,\n", "line 2: no label"),
        ("path,label\n1.png,a\n1.png,b\n", "line 3: path = '1.png' for the second time"),
        ("path,label\n../1.png,a\n", "line 2: path = '../1.png' leads out of the folder"),
        ("path,label\n/etc/1.png,a\n", "leads out of the folder"),
        ("path,label\nlink.png,a\n", "'link.png' leads out of the folder"),
        ("path,label\n1.txt,a\n", "expected a picture: .jpg"),
        ("path,label\n9.png,a\n", "9.png is not there. Put it there or take the line out"),
        ("path,label,split\n1.png,a,fly\n", "split = 'fly'; expected train, val, test"),
        ("path,label,split\n1.png,a,train\n2.png,b,val\n", "train: 1, val: 1; expected some in train and"),
        ("path,label\n1.png,a\n2.png,a\n", "2 pictures in 1 classes; expected at least 2"),
        ("path,label\n1.png,\xe9\n".encode("latin-1"), "expected UTF-8"),
    ],
)
def test_a_manifest_not_in_its_layout_is_told_with_its_line(tmp_path, text, message):
    for name in ("m/1.png", "m/2.png", "1.png"):
        picture(tmp_path / name, (8, 8))
    (tmp_path / "m/link.png").symlink_to(tmp_path / "1.png")
    write(tmp_path / "m/manifest.csv", text if isinstance(text, bytes) else text.encode())
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        folders.read(tmp_path / "m")


def test_what_is_missing_or_has_other_classes_is_told(lesions):
    with pytest.raises(FileNotFoundError, match=r"uda: no folder .*uda.*`zmix data check uda`.*ZMIX_DATA"):
        splits(PROTOCOLS["uda"], lesions)
    (lesions / "ph2").rename(lesions / "isic-2016")
    with pytest.raises(ValueError, match="no picture has a split, but isic-2016 is split by its owners"):
        splits(PROTOCOLS["isic-2016"], lesions)
    (lesions / "isic-2016").rename(lesions / "msk")
    with pytest.raises(ValueError, match=r"msk: 2 classes in .*\(melanoma, nevus\); expected 4"):
        splits(dataclasses.replace(PROTOCOLS["msk"], size=8), lesions)


# MedMNIST


def npz(path, name, count=4, **other):
    entry = PROTOCOLS[name]
    shape = (count, 28, 28, 3)[: 3 if entry.channels == 1 else 4]
    arrays = {f"{split}_images": RNG.integers(0, 256, shape, np.uint8) for split in PARTS}
    arrays |= {f"{s}_labels": np.arange(count)[:, None] % entry.classes for s in PARTS}
    np.savez_compressed(path / f"{name}.npz", **(arrays | other))
    return arrays


def test_medmnist_has_its_three_splits_and_the_names_of_its_classes(tmp_path):
    arrays = npz(tmp_path, "pathmnist", 9)
    found = splits(PROTOCOLS["pathmnist"], tmp_path)
    for name, part in zip(PARTS, found, strict=True):
        assert np.array_equal(part.x.numpy(), arrays[f"{name}_images"].transpose(0, 3, 1, 2))
        assert part.y.tolist() == list(range(9))
        assert part.classes[7] == "cancer-associated stroma"


def test_medmnist_that_is_missing_or_is_another_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"octmnist: no .*octmnist.npz.*`zmix data fetch octmnist`"):
        splits(PROTOCOLS["octmnist"], tmp_path)
    npz(tmp_path, "octmnist", train_labels=np.arange(4))
    npz(tmp_path, "breastmnist", train_labels=np.arange(4))
    assert splits(PROTOCOLS["octmnist"], tmp_path).train.classes[1] == "diabetic macular edema"
    with pytest.raises(ValueError, match=r"breastmnist: 4 classes in .* expected 2"):
        splits(PROTOCOLS["breastmnist"], tmp_path)
    npz(tmp_path, "organamnist", 11, test_images=np.zeros((11, 28, 28, 3), np.uint8))
    with pytest.raises(ValueError, match=r"test pictures of shape \(3, 28, 28\); expected \(1, 28, 28\)"):
        splits(PROTOCOLS["organamnist"], tmp_path)


def test_an_npz_without_validation_pictures_has_none(tmp_path):
    arrays = {k: v for k, v in npz(tmp_path, "octmnist").items() if not k.startswith("val")}
    np.savez(tmp_path / "mine.npz", **arrays)
    assert splits(protocol(tmp_path / "mine.npz")).val is None


def test_nothing_is_unpickled(tmp_path):
    marker = tmp_path / "unpickled"
    npz(tmp_path, "octmnist", train_labels=np.array([Booby(marker)] * 4))
    write(tmp_path / "breastmnist.npz", pickle.dumps(Booby(marker)))
    for name in ("octmnist", "breastmnist"):
        with pytest.raises(ValueError, match=name):
            splits(PROTOCOLS[name], tmp_path)
    assert not marker.exists()


# The library's sets


@pytest.mark.parametrize("name", ["imagenette", "imagewoof"])
def test_imagenette_and_imagewoof_are_read_as_the_library_reads_them(tmp_path, monkeypatch, name):
    kind = type(images.IMAGES[name])
    monkeypatch.setattr(kind, "counts", {"train": 20, "test": 10})
    for split, synset, k in [("train", s, k) for s in kind.names for k in range(2)] + [
        ("val", s, 0) for s in kind.names
    ]:
        picture(tmp_path / kind.folder / split / synset / f"{k}.JPEG", (30, 24))
    found = splits(dataclasses.replace(PROTOCOLS[name], size=20), tmp_path)
    assert found.val is None
    for split, part in (("train", found.train), ("test", found.test)):
        expected = images.load(name, split=split, root=tmp_path, size=20)
        assert torch.equal(part.x, expected.x)
        assert torch.equal(part.y, expected.y)
        assert part.classes == expected.classes == tuple(kind.names.values())


def test_imagenette_that_is_incomplete_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="imagewoof: no train files"):
        splits(PROTOCOLS["imagewoof"], tmp_path)


def test_the_dogs_are_those_of_table_a2():
    dogs = {"Australian terrier", "Border terrier", "Samoyed", "Beagle", "Shih-Tzu", "English foxhound"}
    dogs |= {"Rhodesian ridgeback", "Dingo", "Golden retriever", "Old English sheepdog"}
    woof = images.IMAGES["imagewoof"]
    assert set(woof.names.values()) == dogs
    assert sum(woof.counts.values()) == PROTOCOLS["imagewoof"].pictures
    assert sum(images.IMAGES["imagenette"].counts.values()) == PROTOCOLS["imagenette"].pictures


@pytest.fixture
def numbered_mnist(monkeypatch):
    """MNIST in which every picture is its own number, and the classes are uneven."""
    y = torch.arange(3000) % 13 % 10

    def load(name, *, split, root):
        x = torch.arange(3000).reshape(-1, 1, 1, 1)
        return images.Dataset("mnist", x if split == "train" else -x - 1, y, tuple("0123456789"))

    monkeypatch.setattr(images, "load", load)
    return y


def test_a_thousand_of_mnist_are_balanced_and_drawn_by_the_runs_seed(numbered_mnist):
    drawn = []
    for seed in range(4):
        train, val, test = splits(PROTOCOLS["mnist-1000"], seed=seed)
        index = train.x.flatten()
        assert val is None
        assert len(test) == 3000
        assert (test.x < 0).all()
        assert torch.bincount(train.y).tolist() == [100] * 10
        assert torch.equal(train.y, numbered_mnist[index])
        assert index.tolist() == sorted(set(index.tolist()))
        drawn.append(frozenset(index.tolist()))
        again = splits(PROTOCOLS["mnist-1000"], seed=seed).train.x.flatten()
        assert torch.equal(index, again)
    assert len(set(drawn)) == 4
    assert len(splits(PROTOCOLS["mnist"], seed=3).train) == 3000


def test_a_seed_out_of_range_is_told():
    with pytest.raises(ValueError, match="seed = -1"):
        splits(PROTOCOLS["digits"], seed=-1)


def test_where_pictures_are_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("ZMIX_DATA", str(tmp_path))
    assert where(PROTOCOLS["octmnist"]) == tmp_path / "octmnist.npz"
    assert where(PROTOCOLS["cifar10"]) == tmp_path
    assert data.where(PROTOCOLS["ph2"], tmp_path / "other") == tmp_path / "other/ph2"
