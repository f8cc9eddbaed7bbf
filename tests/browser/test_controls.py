"""Setting things by mouse, keyboard and typing: all on the page follows, and nothing else."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser.lab import pictures
from dashboard.state import State
from dashboard.words import TITLES
from zmix_core.manifolds import MANIFOLDS

pytestmark = pytest.mark.browser

ORIGINAL, MIXUP, ZETA = TITLES.values()


def check_gamma_everywhere(lab, state: State) -> None:
    """One gamma in control, address bar, field, slider, words and strip."""
    assert lab.dial("γ") == state.gamma
    assert float(lab.field("γ").input_value()) == state.gamma
    assert float(lab.slider("γ").get_attribute("aria-valuetext")) == state.gamma
    assert f"γ = {state.gamma:g}" in lab.summary(ZETA)
    assert f"γ = {state.gamma:g}" not in lab.summary(MIXUP)
    weights = lab.page.get_by_role("img", name=f"Weights of N = {state.n} at γ = {state.gamma:g}:")
    expect(weights).to_be_visible()


# By mouse


def test_dragging_gamma_moves_the_points_of_zeta_mixup_alone(lab):
    lab.open()
    before, frames = lab.points(), {title: lab.frame(title) for title in TITLES.values()}
    drag = lab.grab("γ")
    drag(0.7)
    # It follows while the thumb is still held.
    lab.until(lambda: lab.points()[ZETA] != before[ZETA], "the points moving during the drag")
    drag(0.2)
    lab.release()
    state = lab.settled()
    assert 0 < state.gamma < 1.5
    check_gamma_everywhere(lab, state)
    after = lab.points()
    assert after[ZETA] != before[ZETA]
    assert (after[ORIGINAL], after[MIXUP]) == (before[ORIGINAL], before[MIXUP])
    # What stays as it was is not even sent again.
    assert (lab.frame(ORIGINAL), lab.frame(MIXUP)) == (frames[ORIGINAL], frames[MIXUP])
    assert lab.frame(ZETA) > frames[ZETA]


def test_two_quick_drags_against_each_other_end_at_the_last(lab):
    # Large enough for a computation to be under way when the next values come.
    lab.open(manifold="paraboloid-r12", n=600, scheme="independent")
    drag = lab.grab("γ", steps=1)
    for share in (0.95, 0.1, 0.9, 0.05, 0.6):
        drag(share)
    lab.release()
    last = lab.dial("γ")
    state = lab.settled(gamma=last)
    check_gamma_everywhere(lab, state)


def test_dragging_n_to_its_end_takes_all_samples(lab):
    lab.open()
    lab.grab("N")(1.0)
    lab.release()
    assert lab.settled(n=512).n == MANIFOLDS["crescents"].default_m
    assert "N = 512" in lab.summary(ZETA)
    # A mark takes its value.
    lab.press("γ = 4")
    check_gamma_everywhere(lab, lab.settled(gamma=4.0))


# By keyboard and typing


STEPS = [
    ("γ", "gamma", {"ArrowUp": 2.85, "ArrowLeft": 2.8, "PageUp": 3.3, "PageDown": 2.8, "End": 15, "Home": 0}),
    ("N", "n", {"ArrowRight": 33, "ArrowDown": 32, "PageUp": 64, "PageDown": 32, "Home": 2, "End": 512}),
    ("α", "alpha", {"ArrowUp": 1.05, "ArrowDown": 1.0, "PageUp": 1.5}),
]


def test_sliders_by_keyboard(lab):
    lab.open()
    for name, key, steps in STEPS:
        lab.slider(name).focus()
        for press, value in steps.items():
            before = lab.points()
            lab.page.keyboard.press(press)
            assert getattr(lab.settled(), key) == pytest.approx(value)
        after = lab.points()
        # The last step moved the points of its method alone.
        assert after[ORIGINAL] == before[ORIGINAL]
        assert (after[MIXUP] != before[MIXUP]) == (name == "α")
        assert (after[ZETA] != before[ZETA]) == (name != "α")


def test_typing_takes_values_between_the_steps(lab):
    lab.open()
    lab.type("γ", "3.14159265")
    lab.type("N", "77")
    lab.type("α", "0.123")
    lab.type("Seed", "2147483647")
    state = lab.settled(gamma=3.14159265, n=77, alpha=0.123, seed=2147483647)
    check_gamma_everywhere(lab, state)
    assert "α = 0.123" in lab.summary(MIXUP)


REFUSED = [
    ("N", "n", "513", ("N = 513", "whole number from 2 to 512", "stays at 32")),
    ("N", "n", "1", ("N = 1", "from 2 to 512", "stays at 32")),
    ("N", "n", "2.5", ("N = 2.5", "whole number", "stays at 32")),
    ("γ", "gamma", "-1", ("γ = -1", "from 0 to 15", "stays at 2.8")),
    ("γ", "gamma", "1e999", ("γ", "from 0 to 15", "stays at 2.8")),
    ("α", "alpha", "11", ("α = 11", "from 0 to 10", "stays at 1")),
    ("Seed", "seed", "-1", ("Seed = -1", "from 0 to 2147483647", "stays at 0")),
]


def test_a_typed_value_out_of_range_leaves_the_last_and_says_why(lab):
    lab.open()
    points = lab.points()
    for name, key, typed, parts in REFUSED:
        lab.type(name, typed)
        lab.told(*parts)
        last = getattr(State(), key)
        assert float(lab.field(name).input_value()) == last
        assert getattr(lab.settled(), key) == last
    assert lab.points() == points
    # A message goes when it is closed, and the page is as it was.
    while lab.alerts():
        lab.page.get_by_role("button", name="Close this message").first.click()
    assert lab.settled().query() == State().query()


# Buttons


def test_play_moves_gamma_until_it_is_pressed_again(lab):
    lab.open()
    play = lab.page.get_by_role("button", name="Play γ")
    expect(play).to_have_attribute("aria-pressed", "false")
    play.click()
    expect(play).to_have_attribute("aria-pressed", "true")
    seen = set()

    def moves() -> bool:
        seen.add(lab.dial("γ"))
        return len(seen) > 3

    lab.until(moves, "gamma moving by itself")
    play.click()
    expect(play).to_have_attribute("aria-pressed", "false")
    stopped = lab.settled().gamma
    assert stopped not in (0, 2.8)
    # That nothing happens takes a while to see: several of its steps.
    lab.page.wait_for_timeout(500)
    assert lab.settled().gamma == stopped


def test_resample_draws_anew_from_the_next_seed(lab):
    lab.open()
    before = lab.points()
    lab.press("Resample")
    assert lab.settled(seed=1).gamma == State().gamma
    after = lab.points()
    assert after[ORIGINAL] == before[ORIGINAL]
    assert after[MIXUP] != before[MIXUP]
    assert after[ZETA] != before[ZETA]


def test_reset_takes_back_all_but_the_data(lab):
    lab.open(
        manifold="spirals", n=7, gamma=0.5, alpha=3, seed=5, per_sample=0, anchor="random", scheme="circulant"
    )
    lab.settled(n=7)
    lab.press("Reset")
    assert lab.settled(n=32, seed=0).query() == State(manifold="spirals").query()


def test_other_data_and_an_n_that_is_too_large_for_them(lab):
    lab.open(manifold="helix-r3", n=600)
    lab.settled(manifold="helix-r3", n=600)
    for name in ("helix-r12", "crescents"):
        lab.choose("Data", MANIFOLDS[name].title)
        state = lab.settled(manifold=name, n=min(600, MANIFOLDS[name].default_m))
        assert lab.read("Scatter", "dims", title=ZETA)["dims"] == min(3, MANIFOLDS[name].ambient)
        assert set(pictures(state)) == set(TITLES.values())
    lab.told("600", "m = 512")
    assert state.n == 512
    assert [dial["end"] for dial in lab.read_all("Dial", "label", "end") if dial["label"] == "N"] == [512]
