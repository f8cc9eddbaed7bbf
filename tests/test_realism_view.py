"""What an oracle says on the Images tab, and formulas on the Manifolds tab; and where there is no oracle."""

from __future__ import annotations

import contextlib
import io
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from dashboard import mixes, scores
from dashboard.realism_figures import BANDWIDTH, DensityFigure
from dashboard.realism_words import rows, verdicts
from dashboard.scores import Found
from dashboard.state import State
from dashboard.views import images as images_view
from dashboard.views.images import Frame, Images
from dashboard.views.manifolds import Manifolds
from zmix_core import images, oracle_training
from zmix_core.dataset import Dataset
from zmix_core.methods import ERM, Mixup, ZetaMixup
from zmix_core.oracle import SHIPPED, load
from zmix_core.oracle_training import Training
from zmix_core.realism import Interval, compare, measure, verdict


@pytest.fixture(autouse=True)
def only_the_digits(monkeypatch, tmp_path):
    monkeypatch.setenv("ZMIX_DATA", str(tmp_path))
    monkeypatch.setattr(scores, "_trained", type(scores._trained)())


def digits(**values) -> State:
    return State(view="images", **{"images": "digits", **values})


def frames(view, state: State) -> list[Frame]:
    found = []
    for frame in view.compute(state.settings()):
        view.update(frame)
        found.append(frame)
    return found


def stripes() -> Dataset:
    """Pictures that no oracle knows: bright above, or bright below."""
    x = torch.zeros(40, 1, 9, 9, dtype=torch.uint8)
    y = torch.arange(40) % 2
    x[y == 0, :, :4], x[y == 1, :, 5:] = 255, 255
    return Dataset("stripes", x, y, ("above", "below"))


# The numbers


def test_a_thousand_pictures_are_judged_as_the_library_judges_them():
    state = digits(n=7, gamma=2.1, seed=3)
    *_, last = frames(Images(state), state)
    data = images.load("digits").first_of_each_class(100)
    methods = {"original": ERM(), "mixup": Mixup(per_sample=True), "zeta": ZetaMixup(7, 2.1)}
    expected = compare(data, methods, load("digits"), seed=3)
    for name, measured in expected.items():
        for key, values in measured.items():
            torch.testing.assert_close(last.found.measured[name][key], values, rtol=1e-4, atol=1e-4)
            assert last.found.means[name][key].mean == pytest.approx(values.mean().item(), abs=1e-5)
    for key, difference in last.found.differences.items():
        alone = verdict(expected["zeta"][key], expected["mixup"][key])
        np.testing.assert_allclose(
            [difference.mean, difference.low, difference.high], [alone.mean, alone.low, alone.high], atol=1e-4
        )


def test_points_are_judged_by_their_formula():
    state = State(view="manifolds", manifold="crescents", gamma=4.0)
    view = Manifolds(state)
    *_, last = frames(view, state)
    for name in ("mixup", "zeta"):
        text = " ".join(f"{key} {value}" for key, value in view.panels[name].caption)
        off = last.found.means[name]["off the manifold"].mean
        assert f"off the manifold {off:.3g}" in text
        assert f"label errors {100 * last.found.means[name]['label errors'].mean:.1f} %" in text
    assert view.verdicts.verdicts == verdicts(last.found)
    assert [line[1] for line in view.verdicts.verdicts] == [
        "ζ-mixup: nearer to the manifold than mixup",
        "ζ-mixup: fewer label errors than mixup",
    ]


def test_another_gamma_judges_only_what_it_changes():
    state = digits(gamma=2.0)
    view = Images(state)
    *_, first = frames(view, state)
    state.gamma = 3.0
    *_, second = frames(view, state)
    for name in ("original", "mixup"):
        assert first.found.measured[name] is second.found.measured[name]
    assert first.found.measured["zeta"]["H"].mean() > second.found.measured["zeta"]["H"].mean()


def test_densities_wait_until_a_slider_rests_or_has_moved_for_long(monkeypatch):
    state = digits()
    view = Images(state)
    view.newer = lambda: False
    assert view._may_be_drawn()
    view.newer = lambda: True
    assert not view._may_be_drawn()  # it moves, and not for long
    view._moving -= images_view.FOLLOW
    assert view._may_be_drawn()
    assert not view._may_be_drawn()  # and then no more for as long


def test_while_a_slider_moves_the_oracle_goes_on_with_what_it_had_begun(monkeypatch):
    state = digits(gamma=2.0)
    view = Images(state)
    view.newer = lambda: True
    monkeypatch.setattr(images_view, "FOLLOW", 0.0)  # as after a second
    said = []
    while not said:
        state.gamma += 0.01
        steps = list(view.compute(state.settings()))
        assert steps[0].settings.gamma == state.gamma  # the pictures never wait
        said = [frame.found for frame in steps if frame.found is not None]
        assert state.gamma < 3
    [found] = said
    assert found.settings.gamma == pytest.approx(2.01)
    assert state.gamma > 2.05  # it took several
    view.newer = lambda: False
    state.gamma += 0.01
    *_, last = view.compute(state.settings())
    assert last.found.settings.gamma == state.gamma


def test_what_an_oracle_had_begun_on_other_pictures_is_left(monkeypatch):
    monkeypatch.setattr(mixes, "_own", type(mixes._own)())
    mixes.keep("stripes", stripes())
    view = Images(digits())
    view.newer = lambda: True
    assert [frame.found for frame in view.compute(digits().settings())] == [None]
    other = replace(digits().settings(), data="stripes")
    *_, last = view.compute(other)
    assert (last.found, bool(last.without)) == (None, True)


# The words


@pytest.mark.parametrize(
    ("interval", "mark", "words"),
    [
        (Interval(-0.2, -0.3, -0.1), "yes", "ζ-mixup: more realistic than mixup"),
        (Interval(0.2, 0.1, 0.3), "no", "ζ-mixup: less realistic than mixup"),
        (Interval(0.1, -0.1, 0.3), "open", "Realism: not decided"),
        (Interval(0.1, 0.0, 0.3), "open", "Realism: not decided"),
    ],
)
def test_a_verdict_says_what_its_interval_allows(interval, mark, words):
    state = digits()
    found = Found(state.settings(), {}, {}, {"H": interval})
    signed = [f"{v:+.3f}".replace("-", "−") for v in (interval.mean, interval.low, interval.high)]
    basis = f"mean H {signed[0]} (95 %: {signed[1]} to {signed[2]}) beside mixup"
    assert verdicts(found) == [[mark, words, basis]]


def test_shares_are_told_as_percentages():
    state = digits()
    means = {"mixup": {"label errors": Interval(0.25, 0.2, 0.3), "H": Interval(0.25, 0.2, 0.3)}}
    found = Found(state.settings(), {}, means, {"label errors": Interval(-0.05, -0.1, -0.01)})
    assert verdicts(found)[0][2] == "label errors −5.0 percentage points (95 %: −10.0 to −1.0) beside mixup"
    header, [row] = rows(found)
    assert header == ["", "label errors", "H"]
    assert row == ["mixup", "25.0 % (20.0 to 30.0)", "0.250 (0.200 to 0.300)"]


def test_the_panel_names_who_judges_and_what():
    state = digits(gamma=2.4, n=16)
    view = Images(state)
    frames(view, state)
    note = view.realism.numbers.note
    for part in ("1,000 pictures of digits", "N = 16 mixed at γ = 2.4", "α = 1", "held-out pictures right"):
        assert part in note
    assert [row[0] for row in view.realism.numbers.rows] == ["original", "mixup", "ζ-mixup"]


# The densities


def test_the_densities_are_those_of_the_samples():
    figure = DensityFigure("H", "H", "log", log=True)
    generator = torch.Generator().manual_seed(0)
    values = {name: torch.rand(50, generator=generator) for name in ("mixup", "zeta")}
    figure.draw(values, values, end=2.0)
    for name, sample in values.items():
        x, y = (figure.sources[name].data[key] for key in ("x", "y"))
        assert (x[0], x[-1]) == (0, 2)
        assert np.trapezoid(y, x) == pytest.approx(1, abs=1e-3)
        kernels = [
            np.exp(-(((x[40] - sign * v) / BANDWIDTH) ** 2) / 2) / BANDWIDTH / np.sqrt(2 * np.pi)
            for v in sample.tolist()
            for sign in (1, -1)
        ]
        assert y[40] == pytest.approx(sum(kernels) / 50, rel=1e-3)
        small = figure.inset_sources[name].data["y"]
        # From 0.001 at the bottom to 100 at 0.88 of the inset's height; less is not drawn.
        np.testing.assert_allclose(small[40], 0.88 * (np.log10(y[40]) + 3) / 5, rtol=1e-4)
        np.testing.assert_array_equal(np.isnan(small), y < 1e-3)
    ticks = figure._ticks.data
    places = dict(zip(ticks["text"], ticks["y"], strict=True))
    assert places["0.1"] == pytest.approx(0.88 * 2 / 5)


def test_the_axis_grows_in_steps_and_the_inset_stays_in_its_corner():
    figure = DensityFigure("CE", "CE", "sure", log=False)
    narrow, wide = torch.full((9,), 1.0), torch.linspace(0, 3, 200)
    for sample, top in ((wide, 1.0), (narrow, 8.0)):
        figure.draw({"mixup": wide, "zeta": sample}, {"mixup": wide, "zeta": sample[:0]}, end=3.0)
        assert figure.y_range.end == pytest.approx(1.04 * top)
        box = {key: column[0] for key, column in figure._box.data.items()}
        assert 0.4 * 3 < box["left"] < box["right"] < 3
        assert 0.3 * top < box["bottom"] < box["top"] < figure.y_range.end
        assert (figure._x_target.start, figure._y_target.end) == (box["left"], box["top"])
    assert not figure.inset_sources["zeta"].data["y"].any()  # no sample is that sure


# What comes when


def test_pictures_come_first_and_what_the_oracle_says_keeps_up():
    state = digits()
    view = Images(state)
    first, second = frames(view, state)
    assert first.found is None
    assert first.unfinished  # a newer gamma waits until the oracle has done a piece
    assert second.found is not None
    assert view.ready(2.8)
    assert not view.ready(3.3)


def test_the_card_has_the_prediction_beside_the_soft_label():
    state = digits()
    view = Images(state)
    frames(view, state)
    view.panels["mixup"].pointed = 34
    card, mixed = view.card.card, mixes.mix(view.settings)["mixup"]
    shares = load("digits").predict(mixed.x[34:35])[0]
    said = measure(mixed.x[34:35], mixed.y[34:35], load("digits"))
    assert [row[0] for row in card["oracle"]] == [str(c) for c in range(10) if shares[c] >= 0.0005]
    assert [row[1] for row in card["oracle"]] == pytest.approx(
        [s for s in shares.tolist() if s >= 0.0005], abs=1e-5
    )
    h, ce = map(float, re.match(r"H (\S+), CE (\S+) nats", card["judged"]).groups())
    assert (h, ce) == pytest.approx((said["H"].item(), said["CE"].item()), rel=0.01)
    assert ("another class" in card["judged"]) == bool(said["label errors"])


def test_the_code_gives_the_numbers_on_screen():
    state = digits(n=5, gamma=2.2, seed=1)
    view = Images(state)
    *_, last = frames(view, state)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(view.code(), {})
    line = next(line for line in printed.getvalue().splitlines() if line.startswith("zeta-mixup less mixup"))
    mean, low, high = (float(v) for v in re.findall(r"=(-?[\d.e-]+)", line))
    expected = last.found.differences["H"]
    assert (mean, low, high) == pytest.approx((expected.mean, expected.low, expected.high), abs=1e-5)


def test_saved_numbers_are_those_of_every_picture():
    state = digits()
    view = Images(state)
    *_, last = frames(view, state)
    header, body = view.realism.charts["CE"].table()
    assert header == ["output", "CE, original", "CE, mixup", "CE, ζ-mixup"]
    body = list(body)
    assert len(body) == 1000
    assert [row[3] for row in body] == last.found.measured["zeta"]["CE"].tolist()


# Without an oracle


def test_pictures_without_an_oracle_are_shown_and_one_is_offered(monkeypatch):
    mixes.keep("stripes (1)", stripes())
    state = State(view="images")
    state.offer_images("stripes (1)")
    state.images = "stripes (1)"
    view = Images(state)
    *_, last = frames(view, state)
    assert last.found is None
    assert view.panels["zeta"].count == 40
    [[mark, _, why]] = view.realism.verdicts.verdicts
    assert mark == "open"
    assert "No oracle for 'stripes'" in why
    assert "zmix oracle train stripes" in why
    assert view.realism.button.visible
    assert not any(chart.visible for chart in view.realism.charts.values())
    view.panels["zeta"].pointed = 3
    assert "oracle" not in view.card.card

    # The button trains one; what it says is on screen from then on.
    again = []
    view.go_on = lambda: again.append(True)
    train = oracle_training.train
    monkeypatch.setattr(
        oracle_training, "train", lambda *args, **o: train(*args, training=Training(steps=40, batch=8), **o)
    )
    view.realism.button.pressed()
    assert again == [True]
    assert not view.realism.meter.visible
    *_, last = frames(view, state)
    assert last.found.means["original"]["label errors"].mean == 0
    assert not view.realism.button.visible
    assert all(chart.visible for chart in view.realism.charts.values())
    assert "compare" not in view.code()  # it lies in no file that a script could open


def test_too_few_pictures_to_train_on_are_told():
    data = stripes().take(slice(6))
    mixes.keep("six", data)
    state = State(view="images")
    state.offer_images("six")
    state.images = "six"
    view = Images(state)
    frames(view, state)
    view.realism.button.pressed()
    [[mark, _, why]] = view.realism.verdicts.verdicts
    assert mark == "no"
    assert "class 'above' has 3 pictures" in why
    assert view.realism.button.label == "Train an oracle"


def test_a_damaged_oracle_is_refused_by_name_and_the_pictures_stay(tmp_path):
    folder = tmp_path / "oracles"
    folder.mkdir()
    for ending in ("safetensors", "json"):
        content = bytearray((SHIPPED / f"digits.{ending}").read_bytes())
        if ending == "safetensors":
            content[-1] ^= 1
        (folder / f"digits.{ending}").write_bytes(content)
    state = digits()
    view = Images(state)
    *_, last = frames(view, state)
    assert last.found is None
    assert view.panels["zeta"].count == 100
    [[_, _, why]] = view.realism.verdicts.verdicts
    assert str(folder / "digits.safetensors") in why
    assert "SHA-256" in why
    # Put right, it is taken at the next change.
    (folder / "digits.safetensors").write_bytes((SHIPPED / "digits.safetensors").read_bytes())
    *_, last = frames(view, state)
    assert last.found is not None


def test_an_oracle_for_other_pictures_says_so(tmp_path):
    folder = tmp_path / "oracles"
    folder.mkdir()
    for ending in ("safetensors", "json"):
        (folder / f"digits.{ending}").write_bytes((SHIPPED / f"mnist.{ending}").read_bytes())
    state = digits()
    view = Images(state)
    frames(view, state)
    [[_, _, why]] = view.realism.verdicts.verdicts
    assert "(1, 28, 28)" in why
    assert "(1, 8, 8)" in why
    assert "zmix oracle train digits" in why


def test_settings_of_a_thousand_keep_the_n_of_the_hundred():
    state = digits(n=500)
    *_, last = frames(Images(state), state)
    assert last.found.settings == replace(mixes.fit(state.settings()), view="realism")
    assert last.found.settings.n == 100
