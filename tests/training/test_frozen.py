"""Splits that are drawn: stratified, whole by group, and frozen beside the pictures."""

import dataclasses
import json
from collections import Counter

import numpy as np
import pytest
import torch
from fake_files import picture, write

from zmix_core import images
from zmix_core.training import folders
from zmix_core.training.data import splits
from zmix_core.training.frozen import FILE, frozen, stratified
from zmix_core.training.protocols import PROTOCOLS

PARTS = ("train", "val", "test")
PH2 = dataclasses.replace(PROTOCOLS["ph2"], size=8)


# A split is drawn


@pytest.mark.parametrize("seed", range(3))
def test_a_drawn_split_is_stratified_70_10_20(seed):
    labels = ["a"] * 300 + ["b"] * 97 + ["c"] * 10
    drawn = stratified(labels, seed=seed)
    assert Counter(drawn) == {"train": 407 - 81 - 41, "val": 41, "test": 81}
    for label, count in Counter(labels).items():
        shares = Counter(split for split, of in zip(drawn, labels, strict=True) if of == label)
        for split, share in (("train", 0.7), ("val", 0.1), ("test", 0.2)):
            assert abs(shares[split] - share * count) <= 1.5
    assert drawn == stratified(labels, seed=seed)
    assert drawn != stratified(labels, seed=seed + 1)


@pytest.mark.parametrize("name", ["msk", "uda", "dermofit", "derm7point-c", "ph2", "med-node"])
def test_as_many_are_tested_as_the_papers_f1_scores_show(name):
    tested = {"msk": 710, "uda": 120, "dermofit": 260, "derm7point-c": 202, "ph2": 40, "med-node": 34}
    entry = PROTOCOLS[name]
    labels = [str(k % entry.classes) for k in range(entry.pictures)]
    assert stratified(labels, seed=0).count("test") == tested[name]


def test_a_group_is_never_parted():
    rng = np.random.default_rng(1)
    groups = [f"patient {k}" for k in rng.integers(0, 90, 600)]
    labels = ["melanoma" if int(g.split()[1]) % 4 == 0 else "nevus" for g in groups]
    drawn = stratified(labels, groups, seed=0)
    of = {}
    for group, split in zip(groups, drawn, strict=True):
        assert of.setdefault(group, split) == split
    for label in ("melanoma", "nevus"):
        shares = Counter(split for split, is_ in zip(drawn, labels, strict=True) if is_ == label)
        assert shares["train"] / labels.count(label) == pytest.approx(0.7, abs=0.08)
        assert min(shares[split] for split in PARTS) > 0


def test_too_few_to_split_are_told():
    with pytest.raises(ValueError, match=r"class 'b' has 9 pictures; expected at least 10 .* column split"):
        stratified(["a"] * 20 + ["b"] * 9, seed=0)
    with pytest.raises(ValueError, match="class 'a' has 2 groups; expected at least 10"):
        stratified(["a", "b"] * 20, ["x", "x", "y", "y"] * 10, seed=0)


def test_the_digits_split_that_comes_with_the_project_is_the_one_that_is_drawn():
    from sklearn.datasets import load_digits

    drawn = stratified([str(label) for label in load_digits().target], seed=0)
    whole = images.load("digits")
    for name, part in zip(PARTS, splits(PROTOCOLS["digits"], seed=5), strict=True):
        index = [k for k, split in enumerate(drawn) if split == name]
        assert torch.equal(part.x, whole.x[index])
        assert torch.equal(part.y, whole.y[index])


# A split is frozen


def test_a_folders_pictures_are_split_labelled_and_kept(lesions):
    found = splits(PH2, lesions)
    assert [len(part) for part in found] == [70, 10, 20]
    drawn = json.loads((lesions / "ph2" / FILE).read_text())
    assert drawn["seed"] == 0
    seen = []
    for name, part in zip(PARTS, found, strict=True):
        assert part.x.shape[1:] == (3, 8, 8)
        assert part.x.dtype == torch.uint8
        assert part.classes == ("melanoma", "nevus")
        for x, y in zip(part.x, part.y, strict=True):
            k = int(x[0, 0, 0])
            seen.append(k)
            assert x.flatten(1).unique(dim=1).flatten().tolist() == [k, 2 * k, 255 - k]
            assert int(y) == (1 if k % 5 else 0)
            path = f"{part.classes[int(y)]}/{k:02}.png"
            assert drawn["pictures"][path][0] == name
    assert sorted(seen) == list(range(100))


def test_a_frozen_split_is_read_again_whatever_is_drawn_now(lesions, monkeypatch):
    first = splits(PH2, lesions)
    monkeypatch.setattr("zmix_core.training.frozen.stratified", None)
    again = splits(PH2, lesions, seed=7)
    assert all(torch.equal(a.x, b.x) for a, b in zip(first, again, strict=True))


def test_pictures_that_changed_since_the_split_was_frozen_are_told(lesions):
    splits(PH2, lesions)
    (lesions / "ph2/nevus/01.png").unlink()
    picture(lesions / "ph2/nevus/new.png", (9, 9))
    picture(lesions / "ph2/nevus/02.png", (90, 90))
    with pytest.raises(ValueError, match="changed since its split was frozen") as caught:
        splits(PH2, lesions)
    for said in (
        "1 are gone (nevus/01.png)",
        "1 are new (nevus/new.png)",
        "1 have another",
        "zmix-split.json",
    ):
        assert said in str(caught.value)
    (lesions / "ph2" / FILE).unlink()
    assert sum(len(part) for part in splits(PH2, lesions)) == 100


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"pictures": {"a": ["fly"]}}', b'{"pictures": {"a": 1}}'])
def test_a_damaged_split_is_told(lesions, content):
    write(lesions / "ph2" / FILE, content)
    with pytest.raises(ValueError, match=r"zmix-split.json: not a frozen split .* delete zmix-split.json"):
        splits(PH2, lesions)


def test_of_several_that_draw_at_once_all_get_the_same_split(lesions, together, monkeypatch):
    """Each draws its own, as another version of scikit-learn might."""
    calls = iter(range(100))
    drawn = stratified
    monkeypatch.setattr(
        "zmix_core.training.frozen.stratified", lambda *args, seed: drawn(*args, seed=next(calls))
    )
    found = folders.read(lesions / "ph2")
    results = together(lambda k: frozen(lesions / "ph2", found))
    assert all(result == results[0] for result in results)
    assert sorted(path.name for path in (lesions / "ph2").iterdir()) == ["melanoma", "nevus", FILE]
