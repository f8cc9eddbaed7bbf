"""The curve of local ID on screen: its order, its numbers, and that it stops, goes on and is kept."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from dashboard import id_jobs, mixes
from dashboard.colours import ramp, rgba
from dashboard.laboratory import Laboratory
from dashboard.live import Pump
from dashboard.state import State
from dashboard.views import VIEWS
from dashboard.views.dimension import Dimension, Frame
from zmix_core.dataset import Dataset
from zmix_core.dimension import GAMMAS, curve, local_id
from zmix_core.manifolds import MANIFOLDS

TOTAL = id_jobs.INTERVALS + 1 + 2


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch, tmp_path):
    """Every test computes its own curves; only the digits are on disk."""
    monkeypatch.setenv("ZMIX_DATA", str(tmp_path))
    id_jobs._jobs._kept.clear()
    id_jobs._awake.clear()


def small(**values) -> State:
    """A curve that takes no time."""
    return State(**{"view": "dimension", "dimension": "crescents", "ks": [8, 20], "gamma": 3.3, **values})


def frames(view: Dimension, state: State) -> list[Frame]:
    found = []
    for frame in view.compute(state.settings()):
        view.update(frame)
        found.append(frame)
    return found


# What comes when


def test_first_the_points_then_the_histogram_then_the_rest():
    state = small(dimension="helix-r3", quick=True)
    found = frames(Dimension(state), state)
    assert (found[0].curve, found[0].here) == (None, None)
    begun = next(i for i, frame in enumerate(found) if frame.curve and frame.curve.points[8])
    here = next(i for i, frame in enumerate(found) if frame.here)
    assert begun <= here < len(found) - 1
    shares = [frame.curve.progress for frame in found if frame.curve]
    assert shares == sorted(shares)
    last = found[-1]
    assert last.job.complete
    assert tuple(last.curve.points[8]) == GAMMAS
    assert set(last.curve.levels) == {"original", "mixup"}


def test_what_was_computed_is_there_at_once():
    state = small()
    frames(Dimension(state), state)
    again = next(iter(Dimension(state).compute(state.settings())))
    assert len(again.curve.points[8]) == len(GAMMAS)
    assert again.here is not None
    assert not again.unfinished
    # Gamma, tab and colours change nothing of a curve; everything else does.
    job = id_jobs.job(state.settings())
    for same in ({"gamma": 5.0}, {"colours": "first"}):
        assert id_jobs.job(replace(state.settings(), **same)) is job
    others = [{"n": 5}, {"alpha": 0.3}, {"per_sample": False}, {"anchor": "random"}, {"seed": 1}]
    others += [{"ks": (8,)}, {"gammas": (0.0, 4.0)}, {"quick": True}, {"data": "spirals"}]
    others += [{"scheme": "circulant"}]
    for other in others:
        assert id_jobs.job(replace(state.settings(), **other)) is not job


def test_a_curve_broken_off_goes_on_where_it_was():
    state = small(dimension="helix-r3", quick=True)
    view = Dimension(state)
    steps = view.compute(state.settings())
    while not (frame := next(steps)).curve or len(frame.curve.points[8]) < 3:
        pass
    known = len(frame.curve.points[8])
    steps.close()
    state.gamma = 9.0
    frame = next(iter(view.compute(state.settings())))
    assert len(frame.curve.points[8]) == known
    assert frame.job.complete is False
    assert frames(view, state)[-1].curve.complete


def test_two_sessions_may_ask_for_one_curve_at_once():
    state = small()
    ends, errors = [], []

    def ask():
        try:
            *_, last = Dimension(small()).compute(state.settings())
            ends.append(last.curve)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert len(ends) == 3
    assert all(end.points == ends[0].points for end in ends)


def test_of_many_curves_only_a_few_are_ready_to_go_on():
    jobs = []
    for seed in range(id_jobs.AWAKE + 2):
        jobs.append(id_jobs.job(small(seed=seed).settings()))
        next(jobs[-1].begin())
    assert [job._sweep is not None for job in jobs] == 2 * [False] + id_jobs.AWAKE * [True]
    for _ in jobs[0].finish():  # begun anew
        pass
    assert jobs[0].curve.complete


# The numbers


def zeta(state: State) -> torch.Tensor:
    settings = state.settings()
    method = mixes.methods(settings)["zeta"]
    x = mixes.data(settings).x
    x = x.flatten(1).double() / (255 if x.dtype == torch.uint8 else 1)
    return method.draw(len(x), generator=torch.Generator().manual_seed(settings.seed)).apply(x)


@pytest.mark.parametrize("chosen", [{}, {"gamma": 6.25, "n": 7, "seed": 3, "anchor": "random", "ks": [5]}])
def test_the_histogram_counts_the_points_of_each_local_id(chosen):
    state = small(**chosen)
    view = Dimension(state)
    frames(view, state)
    bars = view.histogram.bars.data
    header, rows = view._bars_table()
    rows = list(rows)
    assert header == ["local ID", *(f"points at k = {k}" for k in state.ks)]
    for column, k in enumerate(state.ks, start=1):
        count = local_id(zeta(state), k).count
        expected = count.bincount().tolist()
        shown = [p for p, of in zip(bars["points"], bars["k"], strict=True) if of == f"k = {k}"]
        assert shown == expected
        assert [row[column] for row in rows][: len(expected)] == expected
        assert sum(row[column] for row in rows) == 512
        assert view.chart.here[0] == state.gamma
        assert view.chart.here[column] == pytest.approx(float(count.double().mean()))
    assert f"γ = {state.gamma:g}" in view.chart.summary
    assert f"γ = {state.gamma:g}" in view.bars.summary


CURVES = [
    {},
    {"n": 5, "alpha": 0.3, "per_sample": False, "anchor": "random", "scheme": "circulant", "seed": 9},
    {"dimension": "digits", "ks": [8], "gammas": (1.0, 3.5), "quick": True},
]


@pytest.mark.parametrize("chosen", CURVES, ids=["points", "settings", "pictures"])
def test_the_code_gives_the_very_curve_on_screen(chosen, capsys):
    state = small(**chosen)
    view = Dimension(state)
    frames(view, state)
    names: dict[str, object] = {"__name__": "copied"}
    exec(compile(view.code(), "copied", "exec"), names)
    result = names["result"]
    assert result.complete
    assert (result.points, result.levels) == (view.curve.points, view.curve.levels)
    assert (result.m, result.queries) == (view.curve.m, view.curve.queries)
    shown = view.curve_figure.curve.data
    low, high = state.gammas
    np.testing.assert_allclose(shown["gamma"], np.linspace(low, high, len(GAMMAS)), atol=1e-6)
    for i, k in enumerate(state.ks):
        levels = list(result.points[k].values())
        np.testing.assert_array_equal(shown[f"mean{i}"], [level.mean for level in levels])
        np.testing.assert_allclose(shown[f"high{i}"], [level.mean + level.std for level in levels])
        for name in ("original", "mixup"):
            level = result.levels[name][k]
            assert view.curve_figure.levels[name, i].data["mean"] == [level.mean, level.mean]
    # What is printed and what is saved is the same.
    header, rows = view._curve_table()
    rows = list(rows)
    assert len(rows) == len(state.ks) * TOTAL
    assert all(len(row) == len(header) for row in rows)
    assert rows[0][3] == result.levels["original"][state.ks[0]].mean
    assert f"original: {rows[0][3]:.3f}" in capsys.readouterr().out


def test_the_defaults_are_those_of_the_library():
    state = small(ks=[8, 128])
    view = Dimension(state)
    frames(view, state)
    *_, result = curve(mixes.data(state.settings()).x)
    assert result.points == view.curve.points
    assert result.levels == view.curve.levels


def test_the_sentence_says_no_more_than_there_is():
    state = small(dimension="helix-r12", ks=[8], quick=True)
    view = Dimension(state)
    steps = view.compute(state.settings())
    view.update(next(steps))
    assert "is being computed" in view.chart.summary
    assert view.meter.text == f"0 of {TOTAL}"
    for frame in steps:
        view.update(frame)
    assert "original 1.00" in view.chart.summary
    assert "can show 7 dimensions at most" in view.chart.summary
    assert "1,000 of 8,192 points" in view.meter.text
    assert view.meter.text.startswith(f"{TOTAL} of {TOTAL} in ")
    assert not view.button.visible


# Stopping


def test_a_cancelled_curve_stops_and_leaves_nothing_running():
    state = small(dimension="helix-r3")
    view = Dimension(state)
    pump: Pump = Pump(view.compute, view.update, lambda error: pytest.fail(str(error)))
    view.stop = pump.cancel
    view.go_on = lambda: pump.push(state.settings())

    async def scenario():
        pump.push(state.settings())
        while view.here is None:
            await asyncio.sleep(0.001)
        view._pressed()
        assert view.button.label == "Go on"
        while pump.busy:
            await asyncio.sleep(0.001)
        stopped = view._job.curve
        assert not stopped.complete
        assert view.meter.text.startswith("stopped at ")
        # Another gamma computes its histogram, and no more.
        state.gamma = 7.0
        pump.push(state.settings())
        while pump.busy:
            await asyncio.sleep(0.001)
        assert view.here[0].gamma == 7.0
        assert view._job.curve is stopped
        view._pressed()
        assert view.button.label == "Cancel"
        while pump.busy:
            await asyncio.sleep(0.001)
        assert view._job.complete

    asyncio.run(scenario())


def test_other_settings_keep_the_last_picture_until_there_is_one_of_them():
    state = small(dimension="helix-r3", quick=True)
    view = Dimension(state)
    frames(view, state)
    state.n = 5
    steps = view.compute(state.settings())
    view.update(next(steps))
    assert view.settings.n == 32
    for frame in steps:
        view.update(frame)
    assert view.settings.n == 5
    # Other data are another matter: what was of the old ones must not stand under the new name.
    state.dimension = "helix-r12"
    steps = view.compute(state.settings())
    view.update(next(steps))
    assert view.settings.data == "helix-r12"
    assert len(view.curve_figure.curve.data["gamma"]) == 0
    assert len(view.histogram.bars.data["points"]) == 0


# Refusals


def test_a_k_that_is_too_large_is_refused_and_taken_back():
    state = State(view="dimension", dimension="crescents", ks=[8], quick=True)
    laboratory = Laboratory(state, ["dimension"])
    assert laboratory.front.settings.ks == (8,)
    state.ks = [8, 512]
    [message] = laboratory.notice.messages
    assert "k = 512" in message
    assert "m = 512" in message
    assert state.ks == [8]


def test_what_is_typed_is_taken_or_refused_with_a_reason():
    state = small()
    view = Dimension(state)
    said: list[str] = []
    view.refused = said.append
    entry = view._entry("ks", "k")
    entry.typed(" 20, 6 ")
    assert (state.ks, entry.value) == ([6, 20], "6,20")
    for text in ("1", "6,7,8", "six", ""):
        entry.typed(text)
        assert "expected one or two whole numbers" in said[-1]
    assert state.ks == [6, 20]
    entry = view._entry("gammas", "γ from, to")
    entry.typed("1.5,4")
    assert state.gammas == (1.5, 4.0)
    entry.typed("4,1.5")
    assert "smaller one first" in said[-1]


# The handle


def test_the_handle_and_the_state_hold_one_gamma():
    state = small()
    view = Dimension(state)
    view.chart.gamma = 4.2
    assert state.gamma == 4.2
    state.gamma = 1.0
    assert view.chart.gamma == 1.0


# Data


def test_pictures_are_more_than_on_their_own_tab():
    settings = small(dimension="digits").settings()
    assert len(mixes.data(settings)) == 1797
    assert mixes.fit(replace(settings, n=10**6)).n == 1797
    pixels = torch.zeros(12, 1, 2, 2, dtype=torch.uint8)
    mixes.keep("my upload", Dataset("mine", pixels, torch.arange(12) % 2, ("a", "b")))
    assert len(mixes.data(replace(settings, data="my upload"))) == 12


def test_uploaded_pictures_are_offered_on_both_tabs():
    state = small()
    state.offer_images("mine")
    state.dimension = "mine"
    state.images = "mine"
    assert set(MANIFOLDS) < set(state.param["dimension"].objects)


# In a notebook


def test_in_a_notebook_a_short_curve_is_there_at_once_and_a_long_one_waits(monkeypatch):
    laboratory = Laboratory(small(), ["dimension"])
    assert laboratory.front._job.complete
    monkeypatch.setattr("dashboard.laboratory.AT_ONCE", 0)
    laboratory = Laboratory(small(seed=8), ["dimension"])
    assert not laboratory.front._job.complete
    assert laboratory.front.button.label == "Go on"
    laboratory.front.button.pressed()
    assert laboratory.front._job.complete


# On manifolds


def test_points_are_coloured_by_their_local_id():
    state = State(manifold="helix-r3", colours="second", ks=[8, 20], n=8)
    view = VIEWS["manifolds"](state)

    def run() -> None:
        for frame in view.compute(state.settings()):
            view.update(frame)

    run()
    for name, panel in view.panels.items():
        count = local_id(view.mixed[name].x, 20).count
        assert panel.colours == rgba(count, 4).numpy().tobytes()
        assert f"{float(count.double().mean()):.2f} ±" in panel.summary
        header, rows = panel.table()
        assert header[-1] == "local ID, k = 20"
        assert [row[-1] for row in rows] == count.tolist()
    assert view.classes.label == "Local ID, k = 20"
    assert [colour for _, colour in view.classes.classes] == ramp(4)
    # While gamma is dragged the points move first, in the colours they had.
    before = {name: panel.colours for name, panel in view.panels.items()}
    state.gamma = 9.0
    steps = view.compute(state.settings())
    first = next(steps)
    assert set(first.points) == {"zeta"}
    assert first.colours == {}
    view.update(first)
    for frame in steps:
        view.update(frame)
    assert view.panels["zeta"].colours != before["zeta"]
    assert view.panels["mixup"].colours == before["mixup"]
    # And back to the labels.
    state.colours = "class"
    run()
    assert view.classes.label == "Classes"
    assert view.panels["mixup"].colours != before["mixup"]


def test_colours_of_whole_numbers():
    assert len(set(ramp(13))) == 13
    colours = rgba(torch.tensor([0, 2, 1]), 3)
    assert colours.dtype == torch.uint8
    for row, level in zip(colours.tolist(), (0, 2, 1), strict=True):
        text = ramp(3)[level]
        assert row[:3] == [int(text[i : i + 2], 16) for i in (1, 3, 5)]
