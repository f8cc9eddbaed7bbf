"""The stopwatch of `python -m dashboard.latency` in a real page: it says what the page shows."""

from __future__ import annotations

import pytest

from dashboard.latency_page import laboratory_page, opened
from dashboard.latency_table import VIEWS, ended, waits

pytestmark = pytest.mark.browser


def test_a_drag_is_timed_and_ends_on_its_last_value(server, browser):
    points = next(view for view in VIEWS if view.name == "Manifolds 2-D")
    watched = laboratory_page(browser, server.address, points.link, points.title, *points.slider)
    page = watched.page
    try:
        log = watched.drag([0.3, 0.35, 0.4, 0.45, 0.5], 0.025)
        assert ended(log)
        moved = [value for kind, value, _ in log if kind == "moved"]
        assert len(moved) > 1
        assert moved == sorted(moved)
        shown = page.get_by_role("figure").nth(2).locator(".summary")
        assert f"γ = {moved[-1]:g}" in shown.inner_text()
        arrived, painted = waits(log, "arrived"), waits(log, "painted")
        # Numbers cannot be painted before they are there.
        assert all(0 < a < p for a, p in zip(arrived, painted, strict=True))
        # Step by step, every move has a picture of its own.
        log = watched.drag([0.5, 0.45, 0.4], None)
        values = {kind: [v for k, v, _ in log if k == kind] for kind in ("moved", "arrived", "painted")}
        assert values["moved"] == values["arrived"] == sorted(values["moved"], reverse=True)
        assert sorted(set(values["painted"]), reverse=True) == values["moved"]
    finally:
        page.context.close()


def test_a_visit_is_timed(server, browser):
    painted, answered = opened(browser, server.address)
    assert 0 < painted < answered
    # Nothing of it stays open.
    addresses = [page.url for context in browser.contexts for page in context.pages]
    assert server.address not in [address.rstrip("/") for address in addresses]
