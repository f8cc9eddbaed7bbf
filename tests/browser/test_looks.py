"""Widths and themes, names for a screen reader, and the way through the page by keyboard."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page

from browser.lab import SCREENSHOTS, SIDEWAYS, Lab
from dashboard.words import TITLES

pytestmark = pytest.mark.browser

ORIGINAL, MIXUP, ZETA = TITLES.values()

TO_SIZE = """(stage) => {
  const canvas = stage.querySelector("canvas")
  return Math.abs(canvas.width - stage.clientWidth * devicePixelRatio) <= 1
}"""
BACKGROUND = """() => {
  const colour = getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).map(Number)
  return colour.slice(0, 3).reduce((a, b) => a + b) / 3
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_sideways_scrolling_at_any_width(lab, theme):
    SCREENSHOTS.mkdir(exist_ok=True)
    lab.open(theme=theme)
    assert (lab.page.evaluate(BACKGROUND) < 128) == (theme == "dark")
    for view, tab in (("manifolds", None), ("images", "Images")):
        if tab:
            lab.tab(tab)
        lab.settled(view=view, theme=theme)
        lab.stage(ZETA).focus()
        lab.stage(ZETA).press("n" if view == "manifolds" else "ArrowRight")  # with a card below
        lab.until(lambda: lab.card().get_by_role("listitem").count() > 0, "the card")
        for width, height in ((400, 1800), (1440, 900), (1920, 1080)):
            lab.page.set_viewport_size({"width": width, "height": height})
            lab.until(lambda: drawn_to_size(lab), "the pictures drawn at their size")
            lab.page.screenshot(path=SCREENSHOTS / f"{view}-{width}-{theme}.png")
            assert lab.page.evaluate(SIDEWAYS) == [], f"{view}, {width} pixels, {theme}"


def drawn_to_size(lab: Lab) -> bool:
    """Whether the pixels of the pictures are those of the boxes they stand in."""
    return all(lab.stage(title).evaluate(TO_SIZE) for title in TITLES.values())


def test_the_toggle_changes_the_theme_and_the_link(lab):
    lab.open()
    light = lab.page.evaluate(BACKGROUND)
    toggle = lab.page.get_by_role("button", name="Toggle theme")
    toggle.click()
    lab.settled(theme="dark")
    lab.until(lambda: lab.page.evaluate(BACKGROUND) < 128 < light, "a dark page")
    toggle.click()
    lab.settled(theme="light")
    lab.until(lambda: lab.page.evaluate(BACKGROUND) == light, "a light page")


# For a screen reader and the keyboard

NAMED = {
    *("button", "checkbox", "combobox", "link", "menuitem", "radio", "searchbox", "slider", "spinbutton"),
    *("switch", "tab", "textbox", "application", "heading", "image", "img", "progressbar", "region"),
}


def nameless(page: Page) -> list[str]:
    """What the browser offers to a screen reader without a name, by role."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    seen = [node for node in nodes if not node["ignored"] and node.get("role", {}).get("value") in NAMED]
    assert len(seen) > 20
    found = []
    for node in seen:
        if not node.get("name", {}).get("value", "").strip():
            found.append(f"{node['role']['value']} {node.get('description', {}).get('value', '')}".strip())
    return found


def test_everything_has_a_name_for_a_screen_reader(lab):
    lab.open(manifold="helix-r3", gamma="bad")  # with viewpoints and with a message
    lab.told("gamma")
    lab.stage(ZETA).focus()
    lab.stage(ZETA).press("n")
    lab.until(lambda: lab.card().get_by_role("listitem").count() > 0, "the card")
    assert nameless(lab.page) == []
    lab.tab("Images")
    lab.settled(view="images")
    assert nameless(lab.page) == []


def test_pictures_say_what_they_show_and_controls_are_reached_by_tab(lab):
    lab.open()
    lab.settled()
    for title in TITLES.values():
        stage = lab.stage(title)
        assert lab.summary(title) in stage.get_attribute("aria-label")
        stage.focus()
        assert stage.evaluate("stage => stage.getRootNode().activeElement === stage")
        assert stage.evaluate("stage => getComputedStyle(stage).outlineStyle") != "none"
    # The sentence follows what is set.
    lab.slider("γ").press("PageUp")
    lab.settled(gamma=3.3)
    lab.until(lambda: "γ = 3.3" in lab.stage(ZETA).get_attribute("aria-label"), "the new gamma in the label")

    lab.page.evaluate("document.activeElement.blur()")
    lab.page.mouse.click(700, 5)
    reached = []
    for _ in range(60):
        lab.page.keyboard.press("Tab")
        reached.append(
            lab.page.evaluate("""() => {
              let at = document.activeElement
              while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement
              return at?.getAttribute("aria-label") || at?.textContent || ""
            }""")
        )
    labels = [label for label in reached if label]
    # From top to bottom: what is set first comes before the pictures.
    order = [labels.index(name) for name in ("N", "γ", "Play γ", "Save Weights as PNG")]
    assert order == sorted(order)
    stages = [
        next(i for i, label in enumerate(labels) if re.match(rf"{t}\. ", label)) for t in TITLES.values()
    ]
    assert order[-1] < stages[0]
    assert stages == sorted(stages)
