"""The page opens with its pictures painted, and asks the network for nothing."""

from __future__ import annotations

import pytest

from dashboard.state import State
from dashboard.words import TITLES

pytestmark = pytest.mark.browser


def test_opens_with_three_pictures_and_no_request_to_the_network(lab):
    asked = []
    lab.page.on("request", lambda request: asked.append(request.url))
    lab.open()
    assert "zmix" in lab.page.title()
    state = lab.settled()
    assert state.query() == State().query()
    for title in TITLES.values():
        assert lab.frame(title) >= 1
        assert lab.is_painted(title)
        assert not lab.figure(title).get_by_text("no WebGL").is_visible()
    # That there are some shows that they are seen; the fixture fails on one that leaves this machine.
    assert len(asked) > 5
    assert lab.alerts() == ""
