"""Files of oracles: one's own, saved and found again, and all that can be wrong with them."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from fake_files import Booby
from safetensors.torch import load, save

from zmix_core import images, oracle
from zmix_core.lenet import LeNet5
from zmix_core.oracle import Oracle

SHIPPED = Path(oracle.__file__).parent / "oracles"


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    """Where one's own oracles lie, in a data folder that is not there yet."""
    monkeypatch.setenv("ZMIX_DATA", str(tmp_path / "data"))
    return tmp_path / "data" / "oracles"


@pytest.fixture
def pair(tmp_path):
    """A copy of the digits' oracle, to be damaged: its weights; the card lies beside them."""
    for ending in ("safetensors", "json"):
        shutil.copy(SHIPPED / f"digits.{ending}", tmp_path / f"mine.{ending}")
    return tmp_path / "mine.safetensors"


def card_of(path):
    return json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))


def change_card(path, **changed):
    path.with_suffix(".json").write_text(json.dumps({**card_of(path), **changed}))


def swear(path, content):
    """Other weights, with a card that holds them for the right ones."""
    path.write_bytes(content)
    change_card(path, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


def untrained(data="digits"):
    card = {"data": data, "classes": ["left", "right"], "picture": [3, 9, 12], "seed": 0, "training": {}}
    return Oracle(LeNet5((3, 9, 12), 2), {**card, "accuracy": {"of": "x", "pictures": 7, "correct": 5}})


# --- one's own ---------------------------------------------------------------------------------------------


def test_saved_and_loaded_again(tmp_path):
    made = untrained()
    x = torch.rand(5, 3, 9, 12, generator=torch.Generator().manual_seed(0))
    path = tmp_path / "not" / "yet" / "mine.safetensors"
    made.save(path)
    state = torch.random.get_rng_state()
    found = oracle.load(path)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(found.predict(x), made.predict(x))
    assert {key: found.card[key] for key in made.card} == made.card
    assert set(found.card) - set(made.card) == {"bytes", "sha256"}
    found.save(path)
    assert oracle.load(str(path)).card == found.card
    assert sorted(p.name for p in path.parent.iterdir()) == ["mine.json", "mine.safetensors"]
    with pytest.raises(ValueError, match=r"x.json: expected a name that ends in .safetensors"):
        made.save(tmp_path / "x.json")


def test_ones_own_goes_before_the_shipped_one(own):
    assert oracle.find("digits") == SHIPPED / "digits.safetensors"
    assert oracle.available() == ["digits", "mnist"]
    untrained().save(own / "digits.safetensors")
    untrained("pets").save(own / "pets.v2.safetensors")
    assert oracle.find("digits") == own / "digits.safetensors"
    assert oracle.load("digits").classes == ("left", "right")
    assert oracle.load("pets.v2").name == "pets"
    assert oracle.find("mnist") == SHIPPED / "mnist.safetensors"
    assert oracle.available() == ["digits", "mnist", "pets.v2"]
    assert images.available() == ["digits"], "a folder of oracles is no set of pictures"


def test_no_such_oracle(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"'pets'; there are digits, mnist.*zmix oracle train pets"):
        oracle.load("pets")
    with pytest.raises(FileNotFoundError, match=r"gone.json: the oracle's card cannot be read"):
        oracle.load(tmp_path / "gone.safetensors")


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("good", range(4))
def test_a_save_that_is_cut_short_leaves_no_wrong_pair(pair, monkeypatch, before, good):
    """Weights are written and moved to their place, then the card; one of these four steps fails."""
    expected = oracle.load(pair).card
    if not before:
        pair.unlink()
        pair.with_suffix(".json").unlink()
    done = []

    def failing(method):
        def run(self, *arguments):
            done.append(self)
            if len(done) > good:
                raise OSError("disk full")
            return method(self, *arguments)

        return run

    with monkeypatch.context() as patched:
        for name in ("write_bytes", "replace"):
            patched.setattr(Path, name, failing(getattr(Path, name)))
        with pytest.raises(OSError, match="disk full"):
            untrained().save(pair)
    if before and good < 2:
        assert oracle.load(pair).card == expected
    else:
        with pytest.raises(ValueError if before else FileNotFoundError, match=r"mine\."):
            oracle.load(pair)
    untrained().save(pair)
    assert oracle.load(pair).classes == ("left", "right")


# --- damage ------------------------------------------------------------------------------------------------

SIZE = (SHIPPED / "digits.safetensors").stat().st_size


@pytest.mark.parametrize("size", [0, 7, SIZE - 1, SIZE + 1])
def test_a_file_of_another_size_is_not_read(pair, monkeypatch, size):
    pair.write_bytes(pair.read_bytes()[:size].ljust(size, b"0"))
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("read"))
    with pytest.raises(ValueError, match=rf"mine.safetensors: has {size:,} bytes, expected {SIZE:,}.*again"):
        oracle.load(pair)


@pytest.mark.parametrize("at", [0, 9, 400, SIZE // 2, SIZE - 1])
def test_one_bit_that_flipped(pair, at):
    content = bytearray(pair.read_bytes())
    content[at] ^= 1
    pair.write_bytes(content)
    with pytest.raises(ValueError, match=r"mine.safetensors: damaged, its SHA-256 .*again"):
        oracle.load(pair)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"bytes": SIZE - 1}, f"safetensors: has {SIZE:,} bytes, expected {SIZE - 1:,} by its card"),
        ({"sha256": "0" * 64}, "safetensors: damaged"),
        ({"picture": [1, 28, 28]}, r"safetensors: holds .*120, 64.*expected .*120, 400.*\(1, 28, 28\)"),
        ({"picture": [3, 8, 8]}, "safetensors: holds"),
        ({"picture": [1, 10**6, 10**6]}, "safetensors: holds"),  # a terabyte of weights, if it were believed
        ({"classes": ["0", "1"]}, "safetensors: holds"),
    ],
)
def test_a_card_that_does_not_fit_its_weights(pair, changed, message):
    change_card(pair, **changed)
    with pytest.raises(ValueError, match=rf"mine.{message}.*zmix oracle train"):
        oracle.load(pair)


def test_other_weights_with_the_right_checksum(pair):
    good = load(pair.read_bytes())
    first = "features.0.weight"
    for weights in (
        LeNet5((1, 28, 28), 10).state_dict(),
        {name: value for name, value in good.items() if name != first},
        {**good, "more": torch.zeros(1)},
        {**good, first: good[first].double()},
        {**good, first: good[first].flatten()},
        {},
    ):
        swear(pair, save(weights))
        with pytest.raises(ValueError, match=r"mine.safetensors: holds .*expected .*features.0.weight"):
            oracle.load(pair)
    swear(pair, save(good))
    assert oracle.load(pair).correct(images.load("digits")) > 1700


@pytest.mark.parametrize("content", [b"", b"x" * 100, (2**62).to_bytes(8, "little") + b"{}"])
def test_no_safetensors_with_the_right_checksum(pair, content):
    swear(pair, content)
    with pytest.raises(ValueError, match=r"mine.safetensors: no safetensors \("):
        oracle.load(pair)


@pytest.mark.parametrize("dump", [pickle.dump, torch.save])
def test_nothing_is_ever_unpickled(pair, dump, tmp_path):
    marker = tmp_path / "unpickled"
    with pair.open("wb") as file:
        dump(Booby(marker), file)
    swear(pair, pair.read_bytes())
    with pytest.raises(ValueError, match=r"mine.safetensors: no safetensors"):
        oracle.load(pair)
    shutil.copy(pair, pair.with_suffix(".json"))
    with pytest.raises(ValueError, match=r"mine.json: expected an oracle's card"):
        oracle.load(pair)
    assert not marker.exists()
    with pair.open("rb") as file:
        pickle.load(file) if dump is pickle.dump else torch.load(file, weights_only=False)
    assert marker.exists(), "unpickling leaves no mark, so its absence shows nothing"


def test_half_a_pair(pair):
    pair.rename(pair.with_name("other.safetensors"))
    with pytest.raises(FileNotFoundError, match=r"mine.safetensors"):
        oracle.load(pair)
    with pytest.raises(FileNotFoundError, match=r"other.json: the oracle's card cannot be read"):
        oracle.load(pair.with_name("other.safetensors"))


@pytest.mark.parametrize(
    "text",
    ["", "not JSON", "[]", "[1, 2]", "3", "null", '"digits"', "{}", "[" * 100_000, b"\xff\xfe{}"],
    ids=lambda text: repr(text[:9]),
)
def test_something_else_than_a_card(pair, text):
    pair.with_suffix(".json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=r"mine.json: expected an oracle's card, but .*again"):
        oracle.load(pair)


@pytest.mark.parametrize("key", ["data", "classes", "picture", "accuracy", "bytes", "sha256"])
def test_a_card_without_what_it_needs(pair, key):
    card = card_of(pair)
    del card[key]
    pair.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(ValueError, match=rf"mine.json: expected an oracle's card, but .*{key}"):
        oracle.load(pair)


@pytest.mark.parametrize(
    "changed",
    [
        {"picture": [8, 8]},
        {"picture": [1, 1, 8, 8]},
        {"picture": [1, 4, 4]},
        {"picture": [0, 8, 8]},
        {"picture": ["1", "8", "8"]},
        {"picture": [1, 8.5, 8]},
        {"picture": [1, 10**12, 10**12]},
        {"picture": 8},
        {"classes": 10},
        {"classes": ["0"]},
        {"classes": list(range(10))},
        {"accuracy": 0.99},
        {"accuracy": ["of", "pictures", "correct"]},
        {"accuracy": {"of": "x", "pictures": 355}},
        {"accuracy": {"of": "x", "pictures": "all", "correct": "many"}},
        {"bytes": None},
        {"bytes": float("inf")},
        {"bytes": float("nan")},
    ],
    ids=str,
)
def test_a_card_with_something_else_in_it(pair, changed):
    change_card(pair, **changed)
    with pytest.raises(ValueError, match=r"mine.json: expected an oracle's card, but "):
        oracle.load(pair)
