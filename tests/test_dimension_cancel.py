"""A curve in steps, on several threads: cancelled, it leaves nothing running."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from id_reference import gaussian

from zmix_core.dimension import curve
from zmix_core.gram import Gram
from zmix_core.points import Points
from zmix_core.steps import _pool


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def busy():
    """Whether a thread still has something to do: each is asked, and answers when it is done."""
    return any(_pool(2).submit(int).result(timeout=0.5) != 0 for _ in range(4))


@pytest.mark.parametrize("d", [3, 20, 80])
@pytest.mark.parametrize("how", ["close", "forget"])
def test_a_cancelled_curve_leaves_nothing_running(d, how, two_threads, monkeypatch):
    looks = []
    for kind in (Points, Gram):

        def counted(self, queries, ks, nearest=kind.nearest):
            looks.append(len(queries))
            return nearest(self, queries, ks)

        monkeypatch.setattr(kind, "nearest", counted)
    for stop in (1, 4, 12):
        steps = curve(gaussian(2500, d), [1.0, 2.0], [8], n=4)
        for _ in range(stop):
            next(steps)
        if how == "close":
            steps.close()
        del steps
        done = len(looks)
        assert not busy()
        time.sleep(0.05)
        assert len(looks) == done
    # Steps are small: no look takes more than a part of the samples.
    assert max(looks) <= 1250


@pytest.mark.parametrize("d", [3, 20, 80])
def test_many_steps_a_set(d, two_threads):
    whole = list(curve(gaussian(2500, d), [2.0], [8], n=4, baselines={}))
    assert len(whole) >= 3
    widest = np.diff([0.0] + [step.progress for step in whole]).max()
    assert widest <= 0.6


@pytest.mark.parametrize("d", [3, 80])
def test_threads_change_nothing(d, two_threads):
    x = gaussian(1500, d)
    by_two = [*curve(x, [2.0], [8], n=4)][-1]
    torch.set_num_threads(1)
    by_one = [*curve(x, [2.0], [8], n=4)][-1]
    assert by_two.points[8][2.0].mean == pytest.approx(by_one.points[8][2.0].mean, abs=2e-3)
    assert by_two.levels["original"] == by_one.levels["original"]


def test_an_error_in_a_thread_is_raised(two_threads, monkeypatch):
    def fails(self, queries, ks):
        raise MemoryError("no room")

    monkeypatch.setattr(Points, "nearest", fails)
    with pytest.raises(MemoryError, match="no room"):
        list(curve(gaussian(3000, 3), [2.0], [8], n=4))
    assert not busy()
