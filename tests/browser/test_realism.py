"""What the oracle says, on screen: it follows gamma, stands beside a picture's label, and can be saved."""

from __future__ import annotations

import csv
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from browser.lab import SIDEWAYS, Lab
from dashboard import mixes, scores
from dashboard.realism_figures import BANDWIDTH
from dashboard.realism_words import rows, verdicts
from dashboard.scores import Found
from dashboard.state import State
from zmix_core.manifolds import MANIFOLDS
from zmix_core.oracle import load

pytestmark = pytest.mark.browser

H, CE = "Realism: H of the oracle's predictions", "Correctness: CE with the soft labels"


def judged(state: State) -> Found:
    """What the page must show."""
    return scores.found(mixes.fit(state.settings()), load("digits"))


def says(lab: Lab, found: Found) -> None:
    """Waits for the verdicts, the table and the density of H, to the last number."""
    section = lab.page.get_by_role("region", name="ζ-mixup beside mixup, by the oracle")
    expected = [f"{words} {basis}" for _, words, basis in verdicts(found)]
    lab.until(
        lambda: section.get_by_role("listitem").all_inner_texts() == expected,
        lambda: f"{expected} in {section.inner_text()}",
    )
    header, body = rows(found)
    cells = lab.page.get_by_role("row").all_inner_texts()
    assert [text.split("\t") for text in cells] == [header, *body]
    for name in ("mixup", "zeta"):
        x = np.linspace(0, lab.source(f"density of H, {name}")["x"][-1], 240)
        away = x[:, None] - np.concatenate([found.measured[name]["H"], -found.measured[name]["H"]])
        kernels = np.exp(-((away / BANDWIDTH) ** 2) / 2).sum(1) / 1000 / BANDWIDTH / np.sqrt(2 * np.pi)
        lab.until(
            lambda name=name, y=kernels: np.allclose(
                lab.source(f"density of H, {name}")["y"], y, rtol=1e-3, atol=1e-4
            ),
            f"the density of {name}",
        )


def test_what_the_oracle_says_follows_gamma(lab):
    lab.open(view="images", images="digits")
    says(lab, judged(lab.state()))
    move = lab.grab("γ")
    for share in (0.2, 0.35, 0.6, 0.33):
        move(share)
    lab.release()
    state = lab.settled()
    assert state.gamma != State().gamma
    says(lab, judged(state))
    lab.type("N", "2")
    says(lab, judged(lab.settled(n=2)))


def test_the_prediction_stands_beside_the_soft_label(lab):
    state = lab.open(view="images", images="digits").state()
    stage = lab.stage("mixup")
    stage.focus()
    for _ in range(3):
        stage.press("ArrowDown")
    k = 20
    lab.until(lambda: f"mixup, sample {k}" in lab.card().inner_text(), "the card of the picture")
    mixed = mixes.mix(state.settings())["mixup"]
    shares = load("digits").predict(mixed.x[k : k + 1])[0].tolist()
    label, prediction = lab.card().inner_text().split("The oracle's prediction")
    for c, share in enumerate(shares):
        if share >= 0.0005:
            assert re.search(rf"^{c}\n{share:.3f}$", prediction, flags=re.MULTILINE)
    for c, share in enumerate(mixed.y[k].tolist()):
        if share > 0:
            assert re.search(rf"^{c}\n{share:.3f}$", label, flags=re.MULTILINE)
    assert re.search(r"H \S+, CE \S+ nats", prediction)


def test_the_densities_are_saved(lab, tmp_path):
    state = lab.open(view="images", images="digits").state()
    found = judged(state)
    says(lab, found)
    with lab.save(CE, "CSV", tmp_path).open(encoding="utf-8") as file:
        header, *body = csv.reader(file)
    assert header == ["output", "CE, original", "CE, mixup", "CE, ζ-mixup"]
    np.testing.assert_allclose([float(row[3]) for row in body], found.measured["zeta"]["CE"], rtol=1e-5)
    root = ElementTree.parse(lab.save(H, "SVG", tmp_path)).getroot()
    said = " ".join(root.itertext())
    assert "density on a log scale" in said
    assert "H / nats" in said
    picture = lab.save(H, "PNG", tmp_path).read_bytes()
    assert picture.startswith(b"\x89PNG")


def test_pictures_that_no_oracle_knows_are_shown_without_one(lab):
    lab.open(view="images", images="pets")
    section = lab.page.get_by_role("region", name="ζ-mixup beside mixup, by the oracle")
    lab.until(lambda: "No oracle for 'pets'" in section.inner_text(), "why there is none")
    assert lab.page.get_by_role("button", name="Train an oracle").is_visible()
    assert not lab.figure(H).is_visible()
    lab.type("γ", "4")
    lab.settled(gamma=4.0)
    # Back on pictures that one knows, there are the densities.
    lab.choose("Data", "Digits: 1,797 of 8 x 8, embedded")
    state = lab.settled(images="digits")
    says(lab, judged(state))
    assert lab.figure(H).is_visible()
    assert not lab.page.get_by_role("button", name="Train an oracle").is_visible()


@pytest.mark.parametrize("width", [400, 1440])
def test_nothing_stands_out_of_the_window(new_lab, width):
    lab = new_lab(viewport={"width": width, "height": 900}).open(view="images", images="digits")
    says(lab, judged(lab.state()))
    assert lab.page.evaluate(SIDEWAYS) == []


def test_manifolds_have_verdicts_from_their_formulas(lab):
    state = lab.open(view="manifolds", manifold="crescents", gamma=4).state()
    found = scores.found(state.settings(), MANIFOLDS["crescents"])
    section = lab.page.get_by_role("region", name="ζ-mixup beside mixup, from the manifold's formula")
    expected = [f"{words} {basis}" for _, words, basis in verdicts(found)]
    lab.until(lambda: section.get_by_role("listitem").all_inner_texts() == expected, f"{expected}")
