"""What leaves the page is what is on screen: the code bit for bit, and the files."""

from __future__ import annotations

import csv
import xml.etree.ElementTree as ElementTree
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from browser.conftest import HOSTILE_FILE
from browser.lab import Lab, arrays, pictures
from dashboard import mixes
from dashboard.words import TITLES
from zmix_core.dataset import Dataset
from zmix_core.manifolds import MANIFOLDS
from zmix_core.weights import zeta_weights

pytestmark = pytest.mark.browser

ORIGINAL, MIXUP, ZETA = TITLES.values()


# Code


def check_code(lab: Lab) -> None:
    """The copied code, run as a reader runs it, gives what is on screen."""
    state = lab.settled()
    lab.press("Copy code")
    expect(lab.page.get_by_role("status").filter(has_text="Code copied")).to_be_visible()
    code = lab.page.evaluate("navigator.clipboard.readText()")
    names: dict[str, object] = {"__name__": "copied"}
    exec(compile(code, "copied", "exec"), names)
    data = names["data"]
    assert isinstance(data, Dataset)
    for title, x, y in ((MIXUP, "mixup_x", "mixup_y"), (ZETA, "zeta_x", "zeta_y")):
        expected = arrays(state.view, names[x], names[y], data)
        assert lab.read(lab.kind(), *expected, title=title) == expected


def test_the_copied_code_gives_the_very_bits_on_screen(new_lab):
    lab = new_lab(permissions=["clipboard-read", "clipboard-write"]).open(seed=3)
    check_code(lab)
    for name in ("helix-r3", "helix-r12", "paraboloid-r12"):
        lab.choose("Data", MANIFOLDS[name].title)
        lab.settled(manifold=name)
        check_code(lab)


OTHER_SETTINGS = [
    {"n": 300, "gamma": 0.7, "scheme": "circulant", "anchor": "random", "per_sample": 0, "alpha": 0.3},
    {"view": "images", "n": 50, "gamma": 1.9, "anchor": "random", "seed": 2147483647},
    {"view": "images", "images": HOSTILE_FILE, "n": 24, "gamma": 0.5},
]


@pytest.mark.parametrize("settings", OTHER_SETTINGS, ids=["points", "digits", "own"])
def test_the_copied_code_follows_every_setting(new_lab, settings):
    check_code(new_lab(permissions=["clipboard-read", "clipboard-write"]).open(urlencode(settings)))


# Files; at most nine a page, since Chromium drops what follows on ten in a row.


def check_png(path) -> None:
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 100
        # Not a blank one: points, tiles or bars in more than one colour.
        assert len(picture.convert("RGB").getcolors(picture.width * picture.height)) > 10


def shapes(path, kind: str) -> list[ElementTree.Element]:
    return list(ElementTree.parse(path).getroot().iter("{http://www.w3.org/2000/svg}" + kind))


def table(path) -> tuple[list[str], np.ndarray]:
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    return header, np.array(rows, dtype=np.float64)


def test_points_as_files(lab, tmp_path):
    lab.open(n=40, gamma=1.9, seed=5)
    state = lab.settled()
    mixed = mixes.mix(state.settings())
    for name, title in TITLES.items():
        png, svg, text = (lab.save(title, kind, tmp_path) for kind in ("PNG", "SVG", "CSV"))
        check_png(png)
        # The name says how it was made.
        assert {path.stem for path in (png, svg, text)} == {svg.stem}
        assert "crescents" in svg.stem
        assert ("gamma1.9" in svg.stem) == (name == "zeta")
        # The original samples are seen in grey behind the others.
        assert len(shapes(svg, "circle")) == (512 if name == "original" else 1024)
        assert shapes(svg, "title")[0].text == lab.summary(title)
        header, numbers = table(text)
        assert header == ["x1", "x2", "label upper", "label lower"]
        expected = np.concatenate([mixed[name].x.numpy(), mixed[name].y.numpy()], axis=1)
        np.testing.assert_array_equal(numbers.astype(np.float32), expected)


def test_pictures_as_files(lab, tmp_path):
    lab.open(view="images", n=10, gamma=1.2)
    state = lab.settled()
    mixed = mixes.mix(state.settings())["zeta"]
    check_png(lab.save(ZETA, "PNG", tmp_path))
    svg = lab.save(ZETA, "SVG", tmp_path)
    assert len(shapes(svg, "image")) == 100
    assert all(image.get("href").startswith("data:image/png") for image in shapes(svg, "image"))
    assert len(shapes(svg, "rect")) == 1 + int((mixed.y > 0).sum())
    header, numbers = table(lab.save(ZETA, "CSV", tmp_path))
    assert header == [f"label {i}" for i in range(10)] + [f"pixel {i}" for i in range(64)]
    expected = np.concatenate([mixed.y.numpy(), mixed.x.flatten(1).numpy()], axis=1)
    np.testing.assert_array_equal(numbers.astype(np.float32), expected)


def test_a_turned_picture_in_space_and_the_weights_as_files(lab, tmp_path):
    lab.open(manifold="swiss-roll", n=40, gamma=1.9, camera="10,40,1.5,0,0", theme="dark")
    state = lab.settled()
    svg = lab.save(ZETA, "SVG", tmp_path)
    assert len(shapes(svg, "circle")) == 2 * 2048
    background = shapes(svg, "rect")[0].get("fill")
    assert max(int(part) for part in background.strip("rgb()").split(",")[:3]) < 100  # dark as the page is
    check_png(lab.save(ZETA, "PNG", tmp_path))
    header, numbers = table(lab.save(ZETA, "CSV", tmp_path))
    assert numbers.shape == (2048, 3 + 4)
    assert numbers[:, :3].astype(np.float32).tobytes() == pictures(state)[ZETA]["points"]

    png, svg, text = (lab.save("Weights", kind, tmp_path) for kind in ("PNG", "SVG", "CSV"))
    check_png(png)
    assert len(shapes(svg, "rect")) == 1 + 33  # page, 32 ranks, and one bar for the others
    header, numbers = table(text)
    assert header == ["rank", "weight"]
    np.testing.assert_array_equal(numbers[:, 0], np.arange(1, 41))
    np.testing.assert_array_equal(numbers[:, 1], zeta_weights(40, 1.9).numpy())
