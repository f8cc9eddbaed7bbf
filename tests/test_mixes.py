"""From settings to arrays: gamma draws nothing anew, and the code that is copied gives the same bits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from by_hand import assert_mixed, mix_with
from PIL import Image

from dashboard import mixes
from dashboard.state import Settings
from zmix_core.dataset import Dataset
from zmix_core.manifolds import MANIFOLDS
from zmix_core.methods import ZetaMixup
from zmix_core.projection import principal_axes
from zmix_core.recipe import CirculantRecipe
from zmix_core.weights import zeta_weights

CRESCENTS = Settings("manifolds", "crescents", 32, 2.8, 1.0, True, "self", "auto", 0)
DIGITS = replace(CRESCENTS, view="images", data="digits")
FILE = "it's <img src=x onerror=window.pwned=1>.npz"


@pytest.fixture(autouse=True)
def own_data(tmp_path_factory, monkeypatch):
    """A data folder with an .npz and a folder of pictures, made once: what was loaded is kept by name."""
    folder = tmp_path_factory.getbasetemp() / "mixes-data"
    if not folder.exists():
        generator = np.random.default_rng(0)
        (folder / "cats-and-dogs" / "cat").mkdir(parents=True)
        (folder / "cats-and-dogs" / "dog").mkdir()
        for name, count in (("cat", 70), ("dog", 90)):
            for i in range(count):
                pixels = generator.integers(0, 256, (4, 4, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / "cats-and-dogs" / name / f"{i:03}.png")
        pixels, labels = generator.integers(0, 256, (150, 5, 5), dtype=np.uint8), np.arange(150) % 7
        np.savez(folder / FILE, train_images=pixels, train_labels=labels)
    monkeypatch.setenv("ZMIX_DATA", str(folder))


def run(settings: Settings) -> dict[str, object]:
    """The copied code, run as a reader runs it."""
    names: dict[str, object] = {"__name__": "copied"}
    exec(compile(mixes.code(settings), "copied", "exec"), names)
    return names


# The code


SETTINGS = [
    *(replace(CRESCENTS, data=name) for name in MANIFOLDS),
    replace(CRESCENTS, n=2, gamma=0.0),
    replace(CRESCENTS, n=512, gamma=1.7286472389981835, seed=2**31 - 1),
    replace(CRESCENTS, gamma=15.0, alpha=0.0),
    replace(CRESCENTS, gamma=0.1 + 0.2, alpha=1 / 3, per_sample=False),
    replace(CRESCENTS, anchor="random", scheme="independent", n=5),
    replace(CRESCENTS, anchor="random", scheme="circulant", n=300),
    replace(CRESCENTS, data="helix-r3", n=8192, scheme="auto"),
    replace(CRESCENTS, data="swiss-roll", n=600, gamma=0.4, seed=4),
    DIGITS,
    replace(DIGITS, n=100, gamma=1.0, anchor="random", scheme="circulant"),
    replace(DIGITS, data=FILE, gamma=1.2),
    replace(DIGITS, data="cats-and-dogs", n=90, gamma=0.9),
]


@pytest.mark.parametrize(
    "settings", SETTINGS, ids=lambda s: f"{s.data}-{s.n}-{s.gamma:.2g}-{s.scheme}-{s.anchor}"
)
def test_the_code_gives_the_same_bits(settings):
    names, mixed = run(settings), mixes.mix(settings)
    data = names["data"]
    assert torch.equal(data.x, mixes.data(settings).x)
    assert torch.equal(data.y, mixes.data(settings).y)
    assert data.classes == mixes.data(settings).classes
    for name in ("mixup", "zeta"):
        for part, expected in (("x", mixed[name].x), ("y", mixed[name].y)):
            got = names[f"{name}_{part}"]
            assert got.dtype == expected.dtype
            assert torch.equal(got, expected)
    wide = data.x.ndim == 2 and data.x.shape[1] > 3
    assert ("zeta_seen" in names) == wide
    if wide:
        assert torch.equal(names["zeta_seen"], principal_axes(data.x)(mixed["zeta"].x))


def test_the_code_of_another_seed_gives_something_else():
    assert not torch.equal(run(CRESCENTS)["zeta_x"], run(replace(CRESCENTS, seed=1))["zeta_x"])


# The arrays


@pytest.mark.parametrize("settings", [SETTINGS[0], SETTINGS[9], DIGITS], ids=["points", "mixup", "pictures"])
def test_every_output_is_the_weighted_sum_of_its_parents(settings):
    samples = mixes.data(settings)
    x = samples.x.float() / 255 if samples.x.dtype == torch.uint8 else samples.x
    labels = torch.nn.functional.one_hot(samples.y, samples.num_classes)
    for mixed in mixes.mix(settings).values():
        assert_mixed(mixed.x, mix_with(mixed.recipe, x))
        assert_mixed(mixed.y, mix_with(mixed.recipe, labels))


def test_the_original_samples_stay_themselves():
    original = mixes.mix(CRESCENTS)["original"]
    assert torch.equal(original.x, mixes.data(CRESCENTS).x)
    assert torch.equal(original.recipe.parents[:, 0], torch.arange(512))


@pytest.mark.parametrize("scheme", ["independent", "circulant"])
def test_gamma_changes_the_weights_and_never_the_parents(scheme):
    settings = replace(CRESCENTS, scheme=scheme, seed=11)
    before, after = mixes.mix(settings), mixes.mix(replace(settings, gamma=0.5))
    # The very same objects, so that nothing is sent to the browser again.
    assert after["original"] is before["original"]
    assert after["mixup"] is before["mixup"]
    assert torch.equal(after["zeta"].recipe.parents, before["zeta"].recipe.parents)
    assert torch.equal(after["zeta"].recipe.weights, zeta_weights(32, 0.5))
    assert not torch.equal(after["zeta"].x, before["zeta"].x)
    # As if it had been drawn with that gamma in the first place.
    method = ZetaMixup(32, 0.5, "self", scheme)
    drawn = method.draw(512, generator=torch.Generator().manual_seed(11))
    assert torch.equal(after["zeta"].x, drawn.apply(mixes.data(settings).x))


def test_the_same_settings_are_computed_once():
    assert mixes.mix(CRESCENTS)["zeta"] is mixes.mix(replace(CRESCENTS))["zeta"]


def test_n_is_brought_down_to_what_there_is():
    assert mixes.fit(replace(CRESCENTS, n=600)).n == 512
    assert mixes.fit(replace(CRESCENTS, n=512)) == replace(CRESCENTS, n=512)
    assert mixes.fit(replace(DIGITS, n=10**9)).n == 100


def test_auto_is_circulant_where_rows_by_themselves_would_take_long():
    large = replace(CRESCENTS, data="helix-r3")
    for n, kind in ((128, False), (129, True)):  # 128 x 8192 is 2^20
        settings = replace(large, n=n)
        assert isinstance(mixes.mix(settings)["zeta"].recipe, CirculantRecipe) == kind


# The data


def test_pictures_are_the_first_of_every_class():
    assert mixes.data(DIGITS).y.tolist() == [digit for digit in range(10) for _ in range(10)]
    own = mixes.data(replace(DIGITS, data=FILE))
    assert own.y.bincount().tolist() == 7 * [14]  # a hundred, shared by seven classes
    pets = mixes.data(replace(DIGITS, data="cats-and-dogs"))
    assert pets.y.bincount().tolist() == [50, 50]


def test_own_pictures_are_kept_until_newer_ones_take_their_place():
    def dataset(number: int) -> Dataset:
        pixels = torch.full((4, 1, 2, 2), number, dtype=torch.uint8)
        return Dataset(f"{number}", pixels, torch.arange(4) % 2, ("a", "b"))

    for number in range(mixes.OWN + 2):
        mixes.keep(f"upload {number}", dataset(number))
    newest = replace(DIGITS, data=f"upload {mixes.OWN + 1}", n=4)
    assert int(mixes.data(newest).x[0, 0, 0, 0]) == mixes.OWN + 1
    with pytest.raises(FileNotFoundError, match="upload 0"):
        mixes.data(replace(newest, data="upload 0"))


def test_data_that_are_not_there_are_an_error_with_their_name():
    with pytest.raises(FileNotFoundError, match=r"nothing\.npz"):
        mixes.mix(replace(DIGITS, data="nothing.npz"))
    with pytest.raises(ValueError, match="nowhere"):
        mixes.mix(replace(CRESCENTS, data="nowhere"))
