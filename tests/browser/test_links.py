"""The link holds the whole state; one that was tampered with opens on what is good of it and says so."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit

import numpy as np
import pytest
from playwright.sync_api import expect

from browser.conftest import HOSTILE_CLASSES, HOSTILE_FILE
from browser.lab import pictures
from dashboard.state import KEYS, State
from dashboard.words import TITLES
from zmix_core.manifolds import MANIFOLDS

pytestmark = pytest.mark.browser

ORIGINAL, MIXUP, ZETA = TITLES.values()
SCRIPTS = [
    "<img src=x onerror=window.pwned=1>",
    "<script>window.pwned=1</script>",
    "<svg onload=window.pwned=1>",
]


def test_a_link_brings_back_everything_and_back_leaves_the_page(lab, new_lab, tmp_path):
    page = lab.page
    page.goto("about:blank")
    lab.open()
    entries = page.evaluate("history.length")
    lab.choose("Data", MANIFOLDS["helix-r3"].title)
    lab.settled(manifold="helix-r3")
    for name, text in {"N": "200", "γ": "1.37", "α": "0.4", "Seed": "11"}.items():
        lab.type(name, text)
    stage = lab.stage(MIXUP).bounding_box()
    middle = stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 60, middle[1] + 25, steps=6)
    page.mouse.up()
    page.mouse.move(5, 5)
    page.get_by_role("button", name="Toggle theme").click()
    lab.until(lambda: lab.state().camera, "the camera in the address bar")
    state = lab.settled(n=200, gamma=1.37, alpha=0.4, seed=11, theme="dark")
    cameras = lab.read_all("Scatter", "camera")
    assert [one["camera"] for one in cameras] == 3 * [state.camera]
    assert state.camera[:2] != [-60, 25]

    other = new_lab().open_link(page.url)
    assert other.settled().query() == state.query()
    keys = ["points", "colours", "base", "base_colours", "bounds", "camera", "summary", "caption"]
    assert other.read_all("Scatter", *keys) == lab.read_all("Scatter", *keys)
    # Seen from the same side; a link rounds angles to a thousandth of a degree.
    there, here = (np.sort(one.circles(ZETA, tmp_path), axis=0) for one in (other, lab))
    np.testing.assert_allclose(there, here, rtol=0, atol=0.1)
    # What is opened from a link is not yet another state.
    assert urlsplit(other.page.url).query == urlsplit(page.url).query

    assert page.evaluate("history.length") == entries
    page.go_back()
    assert page.url == "about:blank"


def test_copy_link_gives_the_address(new_lab):
    lab = new_lab(permissions=["clipboard-read", "clipboard-write"]).open(gamma=1.25, view="images")
    lab.press("Resample")
    lab.settled(seed=1)
    lab.press("Copy link")
    expect(lab.page.get_by_role("status").filter(has_text="Link copied")).to_be_visible()
    link = lab.page.evaluate("navigator.clipboard.readText()")
    assert link.startswith(lab.address + "?")
    query = dict(parse_qsl(urlsplit(link).query))
    assert query == dict(parse_qsl(lab.state().query()))
    assert (query["gamma"], query["seed"], query["view"]) == ("1.25", "1", "images")


# Tampered with


def groups(size: int = 5) -> list[list[str]]:
    """Keys to be tampered with at a time: no more than there is room for messages."""
    keys = [*KEYS, "no_such_key", SCRIPTS[0]]
    return [keys[i : i + size] for i in range(0, len(keys), size)]


@pytest.mark.parametrize("keys", groups(), ids=lambda keys: keys[0][:12])
def test_markup_in_a_link_is_shown_and_never_run(lab, keys):
    bad = {key: SCRIPTS[i % 3] for i, key in enumerate(keys)}
    lab.open(**bad)
    for key, value in bad.items():
        lab.told(repr(key), value)  # as text, every sign of it
    for title, arrays in pictures(State()).items():
        assert lab.read("Scatter", *arrays, title=title) == arrays
    assert lab.read("Share", "query")["query"] == State().query()
    assert lab.page.locator("img[src=x]").count() == 0
    # The page works as ever, and what it then writes to the address bar is clean.
    lab.slider("γ").press("ArrowUp")
    lab.until(lambda: urlsplit(lab.page.url).query == State(gamma=2.85).query(), "a clean address")
    lab.settled(gamma=2.85)


NUMBERS = [
    {"n": "1", "gamma": "nan", "seed": "-1", "camera": "1,2"},
    {"gamma": "-1", "alpha": "1e999", "seed": "9" * 5000, "camera": "0,0,1e20,0,0"},
    {"gamma": "1e999", "alpha": "-0.5", "n": "²", "camera": "0,0,1,nan,0"},
]


@pytest.mark.parametrize("bad", NUMBERS, ids=["too small", "too large", "no numbers"])
def test_numbers_that_make_no_sense_are_left_out(lab, bad):
    lab.open(**bad)
    for key in bad:
        lab.told(repr(key), "left out")
    assert lab.read("Share", "query")["query"] == State().query()
    assert lab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    lab.slider("γ").press("ArrowUp")
    lab.until(lambda: urlsplit(lab.page.url).query == State(gamma=2.85).query(), "a clean address")
    lab.settled(gamma=2.85)


def test_what_is_good_of_a_link_is_taken(lab):
    # Of keys that stand twice the last counts; what is far too long is cut in the message.
    query = urlencode([("gamma", "9"), ("gamma", "3.5"), ("seed", "4"), ("theme", "x" * 10_000), ("n", "")])
    lab.open(query)
    lab.told("'theme'", "left out", "xxx...")
    lab.told("'n'", "left out")
    assert len(lab.alerts()) < 1000
    assert lab.read("Share", "query")["query"] == State(gamma=3.5, seed=4).query()
    for title, arrays in pictures(State(gamma=3.5, seed=4)).items():
        assert lab.read("Scatter", *arrays, title=title) == arrays


def test_a_huge_n_and_many_bad_keys_leave_the_page_usable(lab):
    lab.open("&".join(f"nothing{i}=1" for i in range(60)) + "&n=99999999")
    lab.told("99999999")
    assert lab.dial("N") <= 512
    lab.slider("γ").click(trial=True)
    for box in (message.bounding_box() for message in lab.page.get_by_role("alert").locator("span").all()):
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 900


# Names of data that are markup


def test_names_of_data_that_are_markup_are_text_everywhere(lab, tmp_path):
    lab.open(view="images", images=HOSTILE_FILE, n=24)
    state = lab.settled(images=HOSTILE_FILE)
    assert HOSTILE_FILE in lab.summary(ZETA)
    option = lab.page.get_by_role("combobox", name="Data").locator("option:checked")
    assert option.inner_text() == HOSTILE_FILE
    assert "<" not in lab.save(ZETA, "PNG", tmp_path).name

    # Classes that are markup, chosen from the list.
    lab.choose("Data", "pets")
    state = lab.settled(images="pets")
    assert state.view == "images"
    lab.stage(ZETA).focus()
    lab.page.keyboard.press("ArrowRight")
    card = lab.card()
    lab.until(lambda: card.get_by_role("listitem").count() == 8, "the card with its eight parents")
    text = card.inner_text()
    for name in HOSTILE_CLASSES:
        assert name in text
    lab.press("Copy code")
    assert HOSTILE_CLASSES[0] in lab.save(ZETA, "CSV", tmp_path).read_text(encoding="utf-8").splitlines()[0]
    assert lab.page.locator("img[src=x]").count() == 0
