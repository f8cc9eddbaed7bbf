"""A page under the stopwatch: what `dashboard.latency` reads in the browser, for every contender alike.

A page logs three kinds of events, each with the slider's value and the browser's own clock:

- ``moved``: the slider says a new value (its ``aria-valuetext``); the time is that of the pointer's move that
  led to it, as the browser received it, so that a page too busy to listen does not gain by it.
- ``arrived``: the numbers for this value are in the browser.
- ``painted``: two animation frames after the picture of this value was drawn. When it was drawn tells the
  laboratory's ``data-painted-at``, Bokeh's signal ``repainted``, Plotly's event ``plotly_afterplot``, and in
  a notebook the output's new ``img``, once it is decoded.

Which value a picture is of stands in it: in the laboratory's name of a file to save, else in its title.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, Locator, Page

__all__ = [
    "CHROMIUM",
    "SOFTWARE_GL",
    "Log",
    "Watched",
    "laboratory_page",
    "launch_options",
    "notebook_page",
    "opened",
    "panel_page",
]

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SOFTWARE_GL = (
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
)

PATIENCE = 30.0
"""Seconds after which a picture is given up."""

REST = 0.2
"""Seconds between a picture and what is done next: what follows on a picture is not counted to the next."""

PROBE = r"""
window.stopwatch = (() => {
  const log = []
  let hand = null
  for (const type of ["pointermove", "pointerdown", "keydown"]) {
    addEventListener(type, (event) => { hand = event.timeStamp }, true)
  }
  const note = (kind, value, at = performance.now()) => log.push([kind, value, at])
  const drawn = (value) => requestAnimationFrame(() => requestAnimationFrame(() => note("painted", value)))
  const last = (text) => Number(String(text ?? "").match(/= *([-0-9.e]+)\s*$/)?.[1] ?? NaN)
  const everything = () => (window.Bokeh?.documents ?? []).flatMap((doc) => [...doc._all_models.values()])
  const models = (wanted) => everything().filter(wanted)
  const watch = (node, options, found) => new MutationObserver(found).observe(node, options)

  return {
    log,
    slider(node) {
      const value = () => Number(node.getAttribute("aria-valuetext"))
      let told = value()
      watch(node, {attributeFilter: ["aria-valuetext"]}, () => {
        if (value() !== told) note("moved", told = value(), hand)
      })
    },
    laboratory(stage, [title, key]) {
      const [model] = models((model) => model.data?.title === title)
      const value = () => Number(model.data.file_name.match(new RegExp(`-${key}([0-9.]+)`))?.[1])
      // All that is sent together is there when the first of it has been told of.
      model.data.properties.file_name.change.connect(() => queueMicrotask(() => note("arrived", value())))
      watch(stage, {attributeFilter: ["data-painted-at"]}, () => drawn(value()))
    },
    chart(stage, [title, key]) {
      const [model] = models((model) => model.data?.title === title)
      const [source] = models((model) => model.name === "curve")
      const value = () => Number(model.data.file_name.match(new RegExp(`-${key}([0-9.]+)`))?.[1])
      // A new curve is sent just before its name, and may have been drawn by then.
      let named = false, fresh = false
      const both = () => { if (named && fresh) { named = fresh = false; drawn(value()) } }
      source.properties.data.change.connect(() => { fresh = false })
      Bokeh.index.find_one(model.data.figure).repainted.connect(() => { fresh = true; both() })
      model.data.properties.file_name.change.connect(() => queueMicrotask(() => {
        note("arrived", value())
        named = true
        both()
      }))
    },
    bokeh() {
      const [plot] = models((model) => model.type === "Figure" || model.type === "Plot")
      const value = () => last(plot.title.text)
      let fresh = NaN
      for (const source of models((model) => model.type === "ColumnDataSource")) {
        const found = () => { note("arrived", fresh = value()) }
        source.properties.data.change.connect(() => queueMicrotask(found))
      }
      Bokeh.index.find_one(plot).repainted.connect(() => { if (value() === fresh) drawn(fresh) })
    },
    plotly(node) {
      const [model] = models((model) => model.type.endsWith("PlotlyPlot"))
      const value = (layout) => last(layout?.title?.text ?? layout?.title)
      model.properties.layout.change.connect(() => queueMicrotask(() => note("arrived", value(model.layout))))
      node.on("plotly_afterplot", () => drawn(value(node.layout)))
    },
    notebook(output) {
      let seen = null
      watch(output, {childList: true, subtree: true}, async () => {
        const image = [...output.querySelectorAll("img")].at(-1)
        if (!image || image === seen) return
        seen = image
        const value = last(output.querySelector("pre")?.textContent)
        note("arrived", value)
        await image.decode()
        drawn(value)
      })
    },
  }
})()
"""

SETTLED = """() => {
  const last = (kind) => stopwatch.log.findLast((entry) => entry[0] === kind)
  const moved = last("moved"), painted = last("painted")
  return moved && painted && Math.abs(painted[1] - moved[1]) < 1e-6 && painted[2] > moved[2]
}"""
"""Whether the slider's last value is on screen."""

Log = Sequence[tuple[str, float, float]]
"""What a page has seen: (kind, value, milliseconds)."""


def launch_options() -> dict[str, Any]:
    """For Playwright's ``chromium.launch``.

    Raises:
        FileNotFoundError: There is no Chromium.
    """
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        raise FileNotFoundError(f"none of {', '.join(CHROMIUM)} was found; install one of them.")
    return {"executable_path": path, "args": ["--no-sandbox", *SOFTWARE_GL]}


@dataclass
class Watched:
    """One page with its slider.

    Attributes:
        page: The browser's page.
        track: x of the slider's first and last place, and its y, in pixels.
    """

    page: Page
    track: tuple[float, float, float]

    @classmethod
    def of(cls, page: Page, slider: Locator, rail: Locator, inset: float) -> Watched:
        """Watch a slider, ``inset`` pixels of whose ``rail`` are beyond its ends on each side."""
        slider.evaluate("node => stopwatch.slider(node)")
        rail.scroll_into_view_if_needed()
        box, last = rail.bounding_box(), None
        while box != last:  # pages settle
            page.wait_for_timeout(150)
            box, last = rail.bounding_box(), box
        return cls(page, (box["x"] + inset, box["x"] + box["width"] - inset, box["y"] + box["height"] / 2))

    def to(self, share: float) -> None:
        """Move the pointer to a share of the slider's way."""
        first, last, y = self.track
        self.page.mouse.move(first + share * (last - first), y)

    def drag(self, shares: Sequence[float], pace: float | None) -> Log:
        """Take hold of the slider at the first share, drag it over the others, and let go.

        Args:
            shares: Of the slider's way, 0 to 1.
            pace: Seconds from one move to the next; None to wait for each picture.

        Returns:
            What the page logged from the first move to `REST` after the last picture, if it came in time.
        """
        self.to(shares[0])
        self.page.mouse.down()
        self.page.mouse.up()
        self.settle()
        self.page.mouse.down()  # now there is a thumb under the pointer
        self.page.evaluate("() => { stopwatch.log.length = 0 }")
        due = time.monotonic()
        for share in shares[1:]:
            self.to(share)
            if pace is None:
                if not self.settle():
                    break
            else:
                due += pace
                time.sleep(max(0.0, due - time.monotonic()))
        self.settle()
        self.page.mouse.up()
        return [(kind, value, at) for kind, value, at in self.page.evaluate("() => stopwatch.log")]

    def settle(self) -> bool:
        """Wait for the picture of the slider's last value, and `REST` more; False where it does not come."""
        end = time.monotonic() + PATIENCE
        self.page.wait_for_timeout(40)  # a move is told of in the next frame
        while (
            not (there := self.page.evaluate(f"() => !stopwatch.log.length || ({SETTLED})()"))
            and time.monotonic() < end
        ):
            time.sleep(0.02)
        self.page.wait_for_timeout(1000 * REST)
        return there


def _page(browser: Browser, address: str) -> Page:
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.set_default_timeout(1000 * 2 * PATIENCE)
    page.add_init_script(PROBE)
    page.goto(address)
    return page


def laboratory_page(browser: Browser, address: str, link: str, title: str, slider: str, key: str) -> Watched:
    """The laboratory, opened with a link; the picture with this title is watched.

    Args:
        browser: To open it in, in a context of its own.
        address: Of the laboratory.
        link: What is set, as a query.
        title: Of a picture.
        slider: The name of the slider.
        key: What comes before its value in the names of files.
    """
    page = _page(browser, f"{address}?{link}")
    stage = _stage(page, title)
    range_input = page.get_by_role("slider", name=slider, exact=True)
    range_input.wait_for()
    kind = "chart" if "plot" in stage.get_attribute("class").split() else "laboratory"
    wait = stage.locator("canvas").first if kind == "chart" else _painted(page).first
    wait.wait_for(state="attached")
    page.wait_for_timeout(500)
    stage.evaluate(f"(node, what) => stopwatch.{kind}(node, what)", [title, key])
    thumb = 16  # Chromium's own; the ends of the way are half of it inside
    return Watched.of(page, range_input, range_input, thumb / 2)


def _stage(page: Page, title: str) -> Locator:
    heading = page.get_by_role("heading", name=title, exact=True)
    return page.get_by_role("figure").filter(has=heading).locator(".stage, .plot")


def _painted(page: Page) -> Locator:
    return page.locator(".stage[data-painted]")


def opened(browser: Browser, address: str) -> tuple[float, float]:
    """Open the laboratory in a new context, as a visitor does who has nothing of it in a cache.

    Returns:
        Seconds from the visit's start until all three pictures are painted, and until the slider, moved as
        soon as they are, has been answered by a picture.
    """
    page = _page(browser, address)
    for i in range(3):
        _painted(page).nth(i).wait_for()
    first = page.evaluate("() => performance.now()")
    title, slider = "ζ-mixup", page.get_by_role("slider", name="γ", exact=True)
    _stage(page, title).evaluate("(node, what) => stopwatch.laboratory(node, what)", [title, "gamma"])
    slider.evaluate("node => stopwatch.slider(node)")
    slider.press("ArrowRight")
    page.wait_for_function(SETTLED, polling=20)
    answered = page.evaluate("() => stopwatch.log.findLast((entry) => entry[0] === 'painted')[2]")
    page.context.close()
    return first / 1000, answered / 1000


def panel_page(browser: Browser, address: str, i: int) -> Watched:
    """The i-th of the DynamicMaps."""
    page = _page(browser, f"{address}/{i}")
    page.locator(".noUi-handle").wait_for()
    plot = page.locator(".js-plotly-plot, .bk-Figure").first
    plot.wait_for()
    page.wait_for_timeout(500)
    plotly = "js-plotly-plot" in plot.get_attribute("class")
    plot.evaluate(f"node => stopwatch.{'plotly' if plotly else 'bokeh'}(node)")
    return Watched.of(page, page.locator(".noUi-handle"), page.locator(".noUi-base"), 0)


def notebook_page(browser: Browser, address: str, i: int) -> Watched:
    """The i-th notebook, run."""
    page = _page(browser, f"{address.removesuffix('/lab')}/lab/workspaces/{i}/tree/{i}.ipynb")
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    page.get_by_role("button", name="Python 3 (ipykernel) | Idle").wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    page.locator(".jp-OutputArea img:visible").first.wait_for()
    page.locator(".widget-interact").first.evaluate("node => stopwatch.notebook(node)")
    return Watched.of(page, page.locator(".noUi-handle"), page.locator(".noUi-base"), 0)
