"""The Training tab in a browser: tables, filters, figures as files, and a small run from start to pin."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ElementTree

import pytest
from PIL import Image
from playwright.sync_api import expect

from browser.lab import SCREENSHOTS, SIDEWAYS
from zmix_core.training.paper import paper_results

pytestmark = pytest.mark.browser

TABLE = {"view": "training", "training": "table-1"}


def board(lab):
    return lab.page.locator("figure.board table")


def columns(lab) -> list[str]:
    return [column["name"] for column in lab.read("Board", "columns")["columns"]]


def test_the_papers_table_is_read_filtered_and_saved(lab, tmp_path):
    lab.open()
    lab.tab("Training")
    lab.choose("Results of", "Table 1: natural pictures")
    expect(board(lab)).to_contain_text("Imagewoof")
    printed = {(r.dataset, r.method, r.gamma): r.mean for r in paper_results("1")}
    expect(board(lab)).to_contain_text(f"paper {printed['cifar100', 'zeta-mixup', 2.8]:.2f}")
    # A row that is pressed is the one in the figure.
    board(lab).get_by_role("button").filter(has_text="STL-10").click()
    lab.until(lambda: lab.state().setting == "stl10", "the row in the address bar")
    lab.until(lambda: "STL-10" in lab.summary("Differences"), "the row in the figure's words")
    lab.choose("Compare with", "ERM")
    title = "Differences"
    lab.until(lambda: "with ERM's" in lab.summary(title), "ERM in the figure's words")
    drawn = lab.source("paper's differences")
    expected = printed["stl10", "mixup", None] - printed["stl10", "erm", None]
    assert drawn["mean"][drawn["method"].index("mixup")] == pytest.approx(expected)
    # Without mixup.
    lab.press("mixup")
    lab.until(lambda: "mixup" not in columns(lab), "one column less")
    lab.until(lambda: lab.state().hidden == ["mixup"], "that in the address bar")
    lab.until(lambda: "mixup" not in lab.source("paper's differences")["method"], "one point less")
    # Files.
    png, svg = (lab.save(title, kind, tmp_path) for kind in ("PNG", "SVG"))
    with Image.open(png) as picture:
        assert min(picture.size) > 500
    assert "minus ERM" in "".join(ElementTree.parse(svg).getroot().itertext())
    with lab.save("Table 1: natural pictures", "CSV", tmp_path).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {float(row["paper"]) for row in rows if row["data"] == "stl10"} == {
        value for (data, method, _), value in printed.items() if data == "stl10" and method != "mixup"
    }
    markdown = lab.save("Table 1: natural pictures", "Markdown", tmp_path).read_text(encoding="utf-8")
    assert "| STL-10 " in markdown
    assert lab.alerts() == ""


def test_a_small_run_is_trained_watched_and_pinned(lab, runs_folder):
    lab.open(view="training", n=4, gamma=3.5, seeds=1, epochs=2, beside="none")
    lab.press("Train at N = 4, γ = 3.5")
    meter = lab.page.get_by_role("progressbar", name="Training", exact=True)
    lab.until(lambda: (meter.get_attribute("aria-valuetext") or "").startswith("finished in"), "the end")
    [file] = runs_folder.glob("*/records.jsonl")
    final = json.loads(file.read_text(encoding="utf-8"))["final"]
    expect(board(lab)).to_contain_text(f"{final['ERR']:.2f}")
    lab.until(lambda: lab.state().setting == "digits, epochs 2", "its row in front")
    lab.until(lambda: lab.source("loss")["method"] == ["ζ-mixup, γ = 3.5, N = 4"], "its curve")
    # Its N and gamma come back with it, and so they do with a press on its column.
    pin = lab.page.get_by_role("button", name="● digits")
    head = board(lab).get_by_role("button", name="N = 4")
    for back in (pin, head):
        lab.type("γ", "9")
        lab.until(lambda: lab.state().gamma == 9, "another gamma")
        back.click()
        lab.until(lambda: (lab.state().n, lab.state().gamma) == (4, 3.5), "its N and gamma")
    # What takes long is cancelled.
    lab.type("Epochs", "200")
    lab.until(lambda: lab.state().epochs == 200, "more epochs")
    lab.type("Seeds", "10")
    lab.press("Train at N = 4, γ = 3.5")
    lab.until(lambda: "epoch" in meter.get_attribute("aria-valuetext"), "an epoch")
    lab.press("Cancel")
    lab.until(lambda: meter.get_attribute("aria-valuetext").startswith("cancelled"), "the end")
    assert len(list(runs_folder.glob("*/records.jsonl"))) < 11
    assert lab.alerts() == ""


def test_controls_that_mean_nothing_here_are_hidden(lab):
    lab.open(**TABLE)
    for kind, name in (("button", "Resample"), ("button", "Play γ"), ("combobox", "mixup draws")):
        expect(lab.page.get_by_role(kind, name=name)).to_be_hidden()
    lab.tab("Images")
    expect(lab.page.get_by_role("button", name="Resample")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_sideways_scrolling_at_any_width(lab, theme):
    SCREENSHOTS.mkdir(exist_ok=True)
    lab.open(**TABLE, theme=theme)
    for width, height in ((400, 1800), (1440, 900), (1920, 1080)):
        lab.page.set_viewport_size({"width": width, "height": height})
        lab.at_rest(lab.figure("Differences"))
        lab.page.screenshot(path=SCREENSHOTS / f"training-{width}-{theme}.png")
        # The table scrolls in a box of its own.
        wide = [it for it in lab.page.evaluate(SIDEWAYS) if not it.startswith("BUTTON ζ-mixupγ")]
        assert wide == [], f"{width} pixels, {theme}"
