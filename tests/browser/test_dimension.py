"""The Intrinsic dimension tab: a curve that completes, follows what is set, stops, and can be saved."""

from __future__ import annotations

import csv
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from browser.conftest import HOSTILE_FILE
from browser.lab import CHARTS, SCREENSHOTS, SIDEWAYS, Lab
from dashboard import id_jobs
from dashboard.state import State
from zmix_core.dimension import GAMMAS, Curve
from zmix_core.manifolds import MANIFOLDS

pytestmark = pytest.mark.browser

CURVE, BARS = CHARTS
QUICK = {"view": "dimension", "quick": 1}


def computed(state: State) -> id_jobs.Job:
    """The same curve, computed here."""
    job = id_jobs.job(state.settings())
    for _ in job.finish():
        pass
    return job


def check_curve(lab: Lab) -> Curve:
    """The numbers on screen are those of the state in the address bar."""
    lab.complete()
    state = lab.state()
    curve = computed(state).curve
    shown = lab.source("curve")
    assert shown["gamma"] == list(curve.gammas)
    for i, k in enumerate(state.ks):
        np.testing.assert_allclose(shown[f"mean{i}"], [level.mean for level in curve.points[k].values()])
    return curve


def check_bars(lab: Lab) -> None:
    """The histogram is of the gamma in the address bar, and so are the words."""
    state = lab.state()
    job = computed(state)
    for _ in job.at(state.gamma):
        pass
    counts = [points for k in state.ks for points in job.found[state.gamma].counts[k]]
    lab.until(lambda: lab.source("points")["points"] == counts, "the histogram at this gamma")
    for title in CHARTS:
        lab.until(lambda title=title: f"γ = {state.gamma:g}" in lab.summary(title), "gamma in the words")


def test_the_tab_opens_and_the_curve_of_the_helix_completes(lab):
    lab.open()
    lab.tab("Intrinsic dimension")
    lab.until(lambda: lab.state().view == "dimension", "the tab in the address bar")
    state = lab.state()
    assert (state.dimension, state.ks) == ("helix-r3", [8, 128])
    curve = check_curve(lab)
    assert curve.gammas == GAMMAS
    assert (curve.queries, curve.m) == (8192, 8192)
    check_bars(lab)
    assert "original 1.00" in lab.summary(CURVE)
    expect(lab.page.get_by_role("button", name="Cancel", exact=True)).to_be_hidden()
    # There and back again: the figures are as they were.
    for tab, view in (("Manifolds", "manifolds"), ("Intrinsic dimension", "dimension")):
        lab.tab(tab)
        lab.until(lambda view=view: lab.state().view == view, "the tab in the address bar")
    check_curve(lab)
    assert lab.alerts() == ""


def test_the_handle_on_the_curve_drags_gamma(lab):
    lab.open(**QUICK)
    check_curve(lab)
    box = lab.at_rest(lab.handle())
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    lab.page.mouse.move(x, y)
    lab.page.mouse.down()
    before = lab.source("points")["points"]
    lab.page.mouse.move(x + 90, y, steps=10)
    # It follows while the handle is still held.
    lab.until(lambda: lab.source("points")["points"] != before, "another histogram during the drag")
    lab.page.mouse.move(x + 120, y + 30, steps=5)
    lab.page.mouse.up()
    held = float(lab.handle().get_attribute("aria-valuenow"))
    assert held > 3.5
    lab.until(lambda: lab.state().gamma == held, "gamma in the address bar")
    assert lab.dial("γ") == held
    check_bars(lab)
    state = lab.state()
    exact = computed(state).found[held].levels
    means = [exact[k].mean for k in state.ks]
    lab.until(lambda: np.allclose(lab.source("y")["y"], means), "the knobs at the very mean")
    assert set(lab.source("y")["x"]) == {held}


def test_the_handle_follows_the_dial_and_takes_keys(lab):
    lab.open(**QUICK)
    lab.complete()
    lab.type("γ", "6")
    expect(lab.handle()).to_have_attribute("aria-valuenow", "6")
    lab.handle().focus()
    for key, value in {"ArrowRight": 6.05, "PageDown": 5.55, "End": 15, "Home": 0}.items():
        lab.page.keyboard.press(key)
        expect(lab.handle()).to_have_attribute("aria-valuenow", f"{value:g}")
        lab.until(lambda value=value: lab.dial("γ") == pytest.approx(value), "gamma on its dial")
    lab.until(lambda: lab.state().gamma == 0, "gamma in the address bar")
    check_bars(lab)


def test_cancel_stops_the_curve_and_go_on_takes_it_up(lab):
    lab.open(view="dimension", dimension="helix-r12", n=11)
    lab.press("Cancel")
    lab.until(lambda: lab.progress().startswith("stopped at "), "that it was cancelled")
    stopped = lab.progress()
    known = lab.source("curve")["gamma"]
    lab.page.wait_for_timeout(600)  # that nothing happens takes a while to see
    assert lab.progress() == stopped
    assert lab.source("curve")["gamma"] == known
    assert len(known) < len(GAMMAS)
    lab.press("Go on")
    check_curve(lab)


def test_other_settings_begin_anew_and_earlier_ones_are_still_there(lab):
    lab.open(**QUICK, gamma=5)
    first = check_curve(lab)
    for name, value in (("N", "7"), ("Seed", "3")):
        lab.type(name, value)
        lab.until(lambda: not lab.progress().startswith("33 of 33") or lab.state().seed == 3, "a new curve")
        lab.until(lambda value=value: f"={value}" in lab.page.url, "it in the address bar")
        assert check_curve(lab).points != first.points
    assert "N = 7" in lab.summary(CURVE)
    lab.press("Reset")
    lab.choose("Data", MANIFOLDS["crescents"].title)
    lab.until(lambda: "crescents" in lab.summary(CURVE), "the other data")
    check_curve(lab)
    # An N above m comes down to it.
    lab.page.get_by_role("textbox", name="k", exact=True).fill("6")
    lab.page.get_by_role("textbox", name="k", exact=True).press("Enter")
    lab.until(lambda: lab.state().ks == [6], "another k in the address bar")
    lab.until(lambda: "k = 6" in lab.summary(BARS), "the histogram at another k")
    check_curve(lab)


def test_what_does_not_fit_is_refused(lab):
    lab.open(**QUICK, dimension="crescents")
    for name, typed, parts in (
        ("k", "1", ("k = '1'", "at least 2")),
        ("k", "8,9,10", ("one or two",)),
        ("k", "8,512", ("k = 512", "m = 512")),
        ("γ from, to", "4,2", ("smaller one first",)),
    ):
        field = lab.page.get_by_role("textbox", name=name, exact=True)
        held = field.input_value()
        field.fill(typed)
        field.press("Enter")
        lab.told(*parts)
        expect(field).to_have_value(held)
    lab.until(lambda: lab.state().ks == [8, 128], "the last k in the address bar")
    check_curve(lab)


def test_a_link_brings_back_the_curve(lab, new_lab):
    link = {
        **QUICK,
        "dimension": "swiss-roll",
        "ks": "5,30",
        "gammas": "1,4",
        "gamma": 2.2,
        "n": 9,
        "seed": 4,
    }
    lab.open(**link, theme="dark")
    curve = check_curve(lab)
    assert (curve.ks, curve.gammas[0], curve.gammas[-1]) == ((5, 30), 1.0, 4.0)
    check_bars(lab)
    other = new_lab().open_link(lab.page.url)
    other.complete()
    assert other.source("curve") == lab.source("curve")
    assert other.state().query() == lab.state().query()
    # Pictures are data of this tab, too; N is at most as many as there are.
    lab.open(**QUICK, dimension=HOSTILE_FILE, ks="4", n=100)
    lab.told("N = 100", "m = 24")
    check_curve(lab)
    assert lab.state().n == 24


def table(path) -> tuple[list[str], list[list[str]]]:
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    return header, rows


def test_both_pictures_as_files(lab, tmp_path):
    lab.open(**QUICK, gamma=6, theme="dark")
    curve = check_curve(lab)
    check_bars(lab)
    for title in CHARTS:
        png, svg, text = (lab.save(title, kind, tmp_path) for kind in ("PNG", "SVG", "CSV"))
        assert {path.stem for path in (png, text)} == {svg.stem}
        assert svg.stem.startswith("zmix-helix-r3-local-id")
        assert ("gamma6" in svg.stem) == (title == BARS)
        with Image.open(png) as picture:
            assert min(picture.size) > 500
            assert max(picture.convert("RGB").getpixel((2, 2))) < 60  # dark as the page is
            assert len(picture.convert("RGB").getcolors(picture.width * picture.height)) > 50
        root = ElementTree.parse(svg).getroot()
        assert root.find("{http://www.w3.org/2000/svg}title").text == lab.summary(title)
        drawn = "".join(root.itertext())
        assert "k = 128" in drawn
        assert "local ID" in drawn
        header, rows = table(text)
        if title == BARS:
            points = lab.source("points")
            for column, k in enumerate((8, 128), start=1):
                shown = [p for p, of in zip(points["points"], points["k"], strict=True) if of == f"k = {k}"]
                assert [int(row[column]) for row in rows][: len(shown)] == shown
            continue
        assert header[:4] == ["k", "samples", "gamma", "mean local ID"]
        for k in (8, 128):
            known = [row for row in rows if row[0] == str(k) and row[1] == "ζ-mixup"]
            assert [float(row[2]) for row in known] == list(curve.gammas)
            np.testing.assert_allclose(
                [[float(v) for v in row[3:]] for row in known],
                [[level.mean, level.std, level.error] for level in curve.points[k].values()],
            )


def test_points_are_coloured_by_their_local_id(lab):
    lab.open(manifold="helix-r3", n=5)
    before = lab.read("Scatter", "colours", title="mixup")
    lab.choose("Colour by", "local ID, k = 128")
    lab.until(lambda: lab.read("Scatter", "colours", title="mixup") != before, "other colours")
    expect(lab.page.get_by_role("list", name="Local ID, k = 128")).to_contain_text("local ID 3")
    lab.until(lambda: "with k = 128" in lab.summary("mixup"), "it in the words")
    assert lab.state().colours == "second"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_sideways_scrolling_at_any_width(lab, theme):
    SCREENSHOTS.mkdir(exist_ok=True)
    lab.open(**QUICK, theme=theme)
    lab.complete()
    for width, height in ((400, 1800), (1440, 900), (1920, 1080)):
        lab.page.set_viewport_size({"width": width, "height": height})
        boxes = [lab.at_rest(lab.figure(title)) for title in CHARTS]
        side_by_side = boxes[0]["y"] == boxes[1]["y"]
        assert side_by_side == (width > 1000)
        lab.page.screenshot(path=SCREENSHOTS / f"dimension-{width}-{theme}.png")
        assert lab.page.evaluate(SIDEWAYS) == [], f"{width} pixels, {theme}"


def test_the_handle_is_dragged_by_a_finger(new_lab):
    lab = new_lab(viewport={"width": 400, "height": 850}, has_touch=True, is_mobile=True)
    lab.open(**QUICK)
    lab.complete()
    lab.handle().scroll_into_view_if_needed()
    box = lab.at_rest(lab.handle())
    x, y = box["x"] + box["width"] / 2, box["y"] + 60
    finger = lab.page.context.new_cdp_session(lab.page)

    def touch(kind: str, *points: dict[str, float]) -> None:
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})

    touch("touchStart", {"x": x, "y": y})
    for step in range(1, 16):
        touch("touchMove", {"x": x + 6 * step, "y": y})
    touch("touchEnd")
    held = float(lab.handle().get_attribute("aria-valuenow"))
    assert held > 4
    lab.until(lambda: lab.state().gamma == held, "gamma in the address bar")
    lab.until(lambda: lab.dial("γ") == held, "gamma on its dial")
