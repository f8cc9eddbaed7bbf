"""The picture on the README's first screen: ``pytest tests/browser/test_readme_picture.py`` makes it anew."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

ROOT = Path(__file__).parents[2]


def test_the_picture_of_the_laboratory(server, browser):
    page = browser.new_page(viewport={"width": 1440, "height": 960})
    page.goto(f"{server.address}?manifold=helix-r3&n=8&gamma=2.4")
    zeta = page.locator("figure.picture").nth(2)
    expect(zeta.locator(".summary")).to_contain_text("γ = 2.4", timeout=30_000)
    stage = zeta.locator(".stage")
    box = stage.bounding_box()
    stage.hover(position={"x": 0.45 * box["width"], "y": 0.4 * box["height"]})
    expect(page.locator(".card .parents li")).to_have_count(8)
    (ROOT / ".screenshots").mkdir(exist_ok=True)
    path = ROOT / ".screenshots" / "laboratory.png"
    page.screenshot(path=path)
    page.close()
    assert path.stat().st_size > 50_000
    committed = ROOT / "dashboard" / "static" / "laboratory.png"
    assert committed.read_bytes().startswith(b"\x89PNG"), f"copy {path} to {committed}"
