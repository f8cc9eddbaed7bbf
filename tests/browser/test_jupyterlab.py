"""The view inside a notebook cell, in a real JupyterLab with the network cut off."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def jupyterlab(tmp_path):
    """The address of a JupyterLab over a copy of the notebooks."""
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    # All cells are in the page at once, also those that are scrolled out of sight.
    tracker = tmp_path / "settings/@jupyterlab/notebook-extension/tracker.jupyterlab-settings"
    tracker.parent.mkdir(parents=True)
    tracker.write_text(json.dumps({"windowingMode": "none"}))
    environment = {
        **os.environ,
        "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings"),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port=0"),
        *("--IdentityProvider.token=", "--LabApp.news_url=None", "--ServerApp.ip=127.0.0.1"),
        f"--ServerApp.root_dir={tmp_path / 'notebooks'}",
    ]
    log = tmp_path / "log.txt"
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + 90
        while not (said := re.search(r"(http://127\.0\.0\.1:\d+/lab)", log.read_text())):
            if time.monotonic() > end or process.poll() is not None:
                pytest.fail(f"JupyterLab did not start:\n{log.read_text()}")
            time.sleep(0.2)
        yield said[1]
    finally:
        process.terminate()
        process.wait(20)


def test_the_first_notebook_runs_and_its_slider_moves_the_points(jupyterlab, browser):
    asked = []
    context = browser.new_context(viewport={"width": 1600, "height": 1100})
    home = jupyterlab.removesuffix("/lab")
    local = (home, home.replace("http", "ws"), "data:", "blob:")
    context.route(
        lambda url: not url.startswith(local), lambda route: (asked.append(route.request.url), route.abort())
    )
    page = context.new_page()
    page.goto(f"{jupyterlab}/tree/01_explore.ipynb")
    page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=60_000)
    page.get_by_role("button", name="Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()

    zeta = page.locator("figure.picture").last
    stage = zeta.locator(".stage")
    expect(stage).to_have_attribute("data-painted", re.compile(r"\d"), timeout=120_000)
    expect(zeta.locator(".summary")).to_contain_text("γ = 2.4")
    painted = stage.get_attribute("data-painted")

    slider = page.get_by_role("slider", name="γ", exact=True)
    slider.focus()
    for _ in range(4):
        slider.press("ArrowRight")
    expect(zeta.locator(".summary")).to_contain_text("γ = 2.6", timeout=30_000)
    expect(page.locator(".strip .words")).to_contain_text("w₁ = 0.7")
    expect(stage).not_to_have_attribute("data-painted", painted)
    stage.scroll_into_view_if_needed()
    (ROOT / ".screenshots").mkdir(exist_ok=True)
    page.screenshot(path=ROOT / ".screenshots" / "jupyterlab.png")
    context.close()
    assert not asked
