"""The page as a test sees it: controls by role and name, and the numbers behind the pictures."""

from __future__ import annotations

import base64
import re
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import torch
from playwright.sync_api import Locator, Page

from dashboard import mixes
from dashboard.colours import blend
from dashboard.state import State
from dashboard.words import TITLES, setting
from zmix_core.dataset import Dataset
from zmix_core.projection import principal_axes

PATIENCE = 30
"""Seconds after which a condition is given up: no measure of speed, only an end."""

DIALS = {"n": "N", "gamma": "γ", "alpha": "α", "seed": "Seed"}
"""What the controls of the numbers are called."""

SCREENSHOTS = Path(__file__).parents[2] / ".screenshots"

CHARTS = ("Local ID over γ", "Local ID at the present γ")
"""The pictures of the Intrinsic dimension tab."""

# The numbers that a figure of Bokeh draws, from the source with this name or with such a column.
SOURCE = """(name) => {
  for (const doc of window.Bokeh?.documents ?? []) {
    for (const model of doc._all_models.values()) {
      if (model.type !== "ColumnDataSource" || !(model.name === name || name in model.data)) continue
      return Object.fromEntries(Object.entries(model.data).map(([key, column]) => [key, Array.from(column)]))
    }
  }
  return null
}"""

# Parameters of the components of one kind, in the order of the page; bytes in base64.
READ = """([kind, title, keys]) => {
  const text = (bytes) => {
    let out = ""
    for (let i = 0; i < bytes.length; i += 32768) out += String.fromCharCode(...bytes.subarray(i, i + 32768))
    return btoa(out)
  }
  const plain = (v) => v instanceof ArrayBuffer ? {base64: text(new Uint8Array(v))}
    : ArrayBuffer.isView(v) ? {base64: text(new Uint8Array(v.buffer, v.byteOffset, v.byteLength))} : v
  const found = []
  for (const doc of window.Bokeh?.documents ?? []) {
    for (const model of doc._all_models.values()) {
      if (model.class_name !== kind || (title !== null && model.data.title !== title)) continue
      found.push(Object.fromEntries(keys.map((key) => [key, plain(model.data[key])])))
    }
  }
  return found
}"""


# What scrolls sideways around the pictures, and what stands out of the window; through shadow roots.
SIDEWAYS = """() => {
  const wide = []
  const up = (node) => node.assignedSlot ?? node.parentElement ?? node.getRootNode().host
  const stages = []
  const search = (root) => {
    for (const node of root.querySelectorAll("*")) {
      if (node.shadowRoot) search(node.shadowRoot)
      if (node.classList.contains("stage") || node.classList.contains("plot")) stages.push(node)
      const box = node.getBoundingClientRect()
      const seen = box.width && box.height && node.checkVisibility({visibilityProperty: true})
      const outside = box.right > innerWidth + 1 || box.left < -1
      if (seen && outside && node.matches("button, input, select, canvas, h1, h2, h3, p")) {
        wide.push(`${node.tagName} ${node.textContent.slice(0, 40)} from ${box.left} to ${box.right}`)
      }
    }
  }
  search(document)
  for (const stage of stages) {
    for (let node = stage; node; node = up(node)) {
      if (node.scrollWidth > node.clientWidth + 1 && getComputedStyle(node).overflowX !== "visible") {
        wide.push(`${node.tagName}.${node.className} scrolls: ${node.scrollWidth} in ${node.clientWidth}`)
      }
    }
  }
  const page = document.documentElement
  if (page.scrollWidth > page.clientWidth) wide.push(`the page: ${page.scrollWidth} in ${page.clientWidth}`)
  return [...new Set(wide)]
}"""


class Lab:
    """One browser page with the laboratory on it.

    Args:
        page: The browser's page.
        address: Of the dashboard, without a query.
    """

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address

    # Opening

    def open(self, query: str | None = None, **values: Any) -> Lab:
        """Open the page by a link, given as it is or as keys and values, and wait for its pictures."""
        link = urlencode(values) if query is None else query
        return self.open_link(f"{self.address}?{link}" if link else self.address)

    def open_link(self, link: str) -> Lab:
        self.page.goto(link)
        self.painted()
        return self

    def painted(self) -> None:
        """Waits for all pictures with their words: the page takes what a user does from here on."""
        self.until(
            lambda: self.read("Share", "code")["code"] and self.pictures_are_there(),
            "all pictures painted, and their code",
        )

    def pictures_are_there(self) -> bool:
        """Whether the pictures of the view in front are painted, and there are words for them."""
        if self.kind() == "Board":
            return self.page.locator("figure.board").is_visible()
        if self.kind() == "Chart":
            return self.handle().is_visible() and all(map(self.summary, CHARTS))
        return self.page.locator(".stage[data-painted]").count() == 3 and all(
            map(self.summary, TITLES.values())
        )

    def until(self, condition: Callable[[], Any], what: str | Callable[[], str]) -> Any:
        """Waits for a condition and gives what it gave; an error that says what was waited for."""
        end = time.monotonic() + PATIENCE
        while not (result := condition()):
            if time.monotonic() > end:
                raise AssertionError(f"not seen in {PATIENCE} s: {what() if callable(what) else what}")
            self.page.wait_for_timeout(40)
        return result

    # Controls

    def slider(self, name: str) -> Locator:
        return self.page.get_by_role("slider", name=name, exact=True)

    def field(self, name: str) -> Locator:
        return self.page.get_by_role("spinbutton", name=re.compile(rf"^{re.escape(name)}(,|$)"))

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def choose(self, name: str, option: str) -> None:
        self.page.get_by_role("combobox", name=name, exact=True).select_option(label=option)

    def type(self, name: str, text: str) -> None:
        """Type into the field of a number, and leave it with Enter."""
        self.field(name).fill(text)
        self.field(name).press("Enter")

    def grab(self, name: str, steps: int = 10) -> Callable[[float], None]:
        """Take hold of a slider's thumb; call the result to drag it to a share of the way, 0 to 1."""
        slider = self.slider(name)
        slider.scroll_into_view_if_needed()
        box = self.at_rest(slider)
        thumb = 16

        def at(share: float) -> tuple[float, float]:
            return box["x"] + thumb / 2 + share * (box["width"] - thumb), box["y"] + box["height"] / 2

        self.page.mouse.move(*at(float(slider.input_value())))
        self.page.mouse.down()
        return lambda share: self.page.mouse.move(*at(share), steps=steps)

    def at_rest(self, thing: Locator) -> dict[str, float]:
        """The place of something on the page, once it has stopped moving there."""
        last = None
        while (box := thing.bounding_box()) != last:
            last = box
            self.page.wait_for_timeout(400)  # a page scrolls smoothly, and may begin to a little later
        return box

    def release(self) -> None:
        self.page.mouse.up()

    def stage(self, title: str) -> Locator:
        """The picture of a panel."""
        return self.page.get_by_role("application", name=re.compile(rf"^{re.escape(title)}\."))

    def tab(self, title: str) -> None:
        """Bring a tab to the front."""
        self.page.get_by_role("tab", name=title).click()
        self.painted()

    # What is set

    def state(self) -> State:
        """What the address bar says; every key of it must be good."""
        state, problems = self.address_bar()
        assert problems == []
        return state

    def address_bar(self) -> tuple[State, list[str]]:
        """What the address bar says, and what is wrong with it."""
        state = State()
        return state, state.read_query(dict(parse_qsl(urlsplit(self.page.url).query)))

    def dial(self, name: str) -> float:
        """The value of a number's control."""
        [value] = [dial["value"] for dial in self.read_all("Dial", "label", "value") if dial["label"] == name]
        return value

    def settled(self, **expected: Any) -> State:
        """Waits until all say the same: controls, address bar, words, and every bit of the pictures.

        Args:
            **expected: What must be set by then.
        """

        def agreed() -> bool:
            state, problems = self.address_bar()
            if problems or state.query() != self.read("Share", "query")["query"]:
                return False
            return all(getattr(state, key) == value for key, value in expected.items()) and all(
                self.dial(name) == getattr(state, key) for key, name in DIALS.items()
            )

        self.until(agreed, lambda: f"{expected} in controls and address: {self.page.url}")
        state = self.state()
        said = setting("zeta", state.settings())
        self.until(lambda: said in self.summary(TITLES["zeta"]), f"{said!r} below the picture")
        for title, arrays in pictures(state).items():
            self.until(
                lambda title=title, arrays=arrays: self.read(self.kind(), *arrays, title=title) == arrays,
                f"the numbers of {title} for {state.query()}",
            )
            self.until(lambda title=title: self.is_painted(title), f"the last frame of {title} painted")
        return state

    # What is on screen

    def read_all(self, kind: str, *keys: str, title: str | None = None) -> list[dict[str, Any]]:
        """Parameters of the components of a kind."""
        found = self.page.evaluate(READ, [kind, title, list(keys)])
        return [
            {
                k: base64.b64decode(v["base64"]) if isinstance(v, dict) and "base64" in v else v
                for k, v in one.items()
            }
            for one in found
        ]

    def read(self, kind: str, *keys: str, title: str | None = None) -> dict[str, Any]:
        """Parameters of the one component of a kind, or of the one with a title; None where there is none."""
        found = self.read_all(kind, *keys, title=title)
        assert len(found) < 2
        return found[0] if found else dict.fromkeys(keys)

    def points(self) -> dict[str, bytes]:
        """The points of every panel."""
        return {title: self.read("Scatter", "points", title=title)["points"] for title in TITLES.values()}

    def kind(self) -> str:
        """The kind of pictures in front."""
        view = dict(parse_qsl(self.read("Share", "query")["query"]))["view"]
        return {"manifolds": "Scatter", "images": "Mosaic", "dimension": "Chart", "training": "Board"}[view]

    def frame(self, title: str) -> int:
        """How many times the browser was sent the numbers of a panel in front."""
        return self.read(self.kind(), "frame", title=title)["frame"]

    def is_painted(self, title: str) -> bool:
        """Whether the numbers last sent are the ones on screen."""
        return self.stage(title).get_attribute("data-painted") == str(self.frame(title))

    def figure(self, title: str) -> Locator:
        heading = self.page.get_by_role("heading", name=title, exact=True)
        return self.page.get_by_role("figure").filter(has=heading)

    def summary(self, title: str) -> str:
        """The sentence below a picture, as it is read."""
        return self.figure(title).locator("p").last.inner_text()

    def alerts(self) -> str:
        """All messages."""
        return self.page.get_by_role("alert").inner_text()

    def told(self, *parts: str) -> None:
        """Waits for a message in which all of this stands."""
        messages = self.page.get_by_role("alert").locator("span")
        self.until(
            lambda: any(all(part in text for part in parts) for text in messages.all_inner_texts()),
            lambda: f"a message with {parts} among {messages.all_inner_texts()}",
        )

    def card(self) -> Locator:
        """The recipe of the sample pointed at."""
        return self.page.get_by_role("region", name="Recipe of the sample pointed at")

    def pointed(self, title: str) -> int:
        return self.read(self.kind(), "pointed", title=title)["pointed"]

    # The Intrinsic dimension tab

    def handle(self) -> Locator:
        """The present gamma on the curve."""
        return self.slider("γ on the curve")

    def source(self, name: str) -> dict[str, list]:
        """What a figure draws: of the source of this name, or with a column of this name."""
        return self.page.evaluate(SOURCE, name)

    def progress(self) -> str:
        """How far the curve is, in words."""
        return self.page.get_by_role("progressbar", name="Curve of local ID").get_attribute("aria-valuetext")

    def complete(self) -> None:
        """Waits for the whole curve."""
        self.until(lambda: self.progress().startswith("33 of 33 in"), lambda: f"33 of 33: {self.progress()}")

    # What can be saved

    def save(self, title: str, kind: str, folder: Path) -> Path:
        """Save a picture as PNG, SVG or CSV."""
        with self.page.expect_download() as download:
            self.press(f"Save {title} as {kind}")
        path = folder / download.value.suggested_filename
        download.value.save_as(path)
        return path

    def circles(self, title: str, folder: Path) -> list[tuple[float, float]]:
        """Where a flat picture shows its points, in pixels from its upper left corner, as its SVG says."""
        root = ElementTree.parse(self.save(title, "SVG", folder)).getroot()
        found = [
            (float(c.get("cx")), float(c.get("cy"))) for c in root.iter("{http://www.w3.org/2000/svg}circle")
        ]
        return found[-len(self.read("Scatter", "points", title=title)["points"]) // 12 :]


def triples(x: torch.Tensor, data: Dataset) -> bytes:
    """Points as they are seen: padded to three dimensions, or along three principal axes of the data."""
    if x.shape[1] > 3:
        x = principal_axes(data.x)(x)
    out = torch.zeros(len(x), 3, dtype=torch.float32)
    out[:, : x.shape[1]] = x
    return out.numpy().tobytes()


def tiles(x: torch.Tensor) -> bytes:
    """Pictures in 0..1, or uint8, as bytes ``(m, h, w, channels)``."""
    if x.dtype != torch.uint8:
        x = (x * 255).round().to(torch.uint8)
    return x.permute(0, 2, 3, 1).contiguous().numpy().tobytes()


def arrays(view: str, x: torch.Tensor, soft: torch.Tensor, data: Dataset) -> dict[str, bytes]:
    """What a panel holds that shows these samples with these soft labels."""
    if view == "manifolds":
        return {"points": triples(x, data), "colours": blend(soft).numpy().tobytes()}
    return {"tiles": tiles(x), "labels": soft.numpy().tobytes()}


def pictures(state: State) -> dict[str, dict[str, bytes]]:
    """What the panels must hold, by their titles."""
    settings = mixes.fit(state.settings())
    return {
        TITLES[name]: arrays(settings.view, mixed.x, mixed.y, mixes.data(settings))
        for name, mixed in mixes.mix(settings).items()
    }
