"""When something is missing: the last good picture stays, and a sentence says what happened."""

from __future__ import annotations

import pytest

from browser.conftest import write_npz
from dashboard.words import TITLES
from zmix_core.images import IMAGES
from zmix_core.manifolds import MANIFOLDS

pytestmark = pytest.mark.browser

ZETA = TITLES["zeta"]

# How many pixels of a 2-D canvas have which colour, the empty ones left out.
PIXELS = """(canvas) => {
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data, count = {}
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3]) { const key = data.subarray(i, i + 4).join(); count[key] = (count[key] ?? 0) + 1 }
  }
  return count
}"""


@pytest.fixture
def own_files(data_folder):
    """Two files in the data folder for as long as the test runs."""
    paths = [data_folder / "deleted.npz", data_folder / "damaged.npz"]
    for path in paths:
        write_npz(path)
    yield paths
    for path in paths:
        path.unlink(missing_ok=True)


def test_data_that_went_bad_leave_the_last_picture(lab, own_files):
    lab.open(view="images", n=10)
    lab.settled(images="digits")
    before = {title: lab.read("Mosaic", "tiles", "labels", title=title) for title in TITLES.values()}
    deleted, damaged = own_files
    deleted.unlink()
    damaged.write_bytes(damaged.read_bytes()[:500])
    for path in own_files:
        lab.choose("Data", path.name)
        lab.told(path.name, "The last picture stays")
        assert {
            title: lab.read("Mosaic", "tiles", "labels", title=title) for title in TITLES.values()
        } == before
        assert all(lab.is_painted(title) for title in TITLES.values())
        # Menu and link go back to what is on screen.
        lab.settled(images="digits")
        assert lab.page.get_by_role("combobox", name="Data").input_value() == IMAGES["digits"].title
    # And it follows the slider as ever.
    lab.slider("γ").press("PageUp")
    lab.settled(images="digits", n=10, gamma=3.3)


@pytest.fixture
def browser_without_webgl(launch):
    switches = ("--disable-gpu", "--disable-3d-apis", "--disable-webgl", "--disable-software-rasterizer")
    with launch(*switches) as started:
        yield started


def test_without_webgl_the_points_are_drawn_and_a_line_says_so(browser_without_webgl, open_context):
    lab = open_context(browser_without_webgl).open(n=10)
    assert lab.page.evaluate("document.createElement('canvas').getContext('webgl')") is None
    lab.settled()
    for title in TITLES.values():
        assert lab.figure(title).get_by_text("no WebGL").is_visible()
    canvas = lab.stage(ZETA).locator("canvas").first
    before = canvas.evaluate(PIXELS)
    assert sum(before.values()) > 500  # points, and in more than one colour
    assert len(before) > 3
    # It follows like any other, and in three dimensions too.
    lab.slider("γ").press("PageDown")
    lab.settled(gamma=2.3)
    lab.until(lambda: canvas.evaluate(PIXELS) != before, "another picture")
    lab.choose("Data", MANIFOLDS["s-curve"].title)
    lab.settled(manifold="s-curve")
    assert sum(canvas.evaluate(PIXELS).values()) > 500
