"""Pointing at a synthetic sample shows its recipe: the parents and weights it was truly made of."""

from __future__ import annotations

import re

import numpy as np
import pytest

from browser.lab import Lab, tiles
from dashboard import mixes
from dashboard.state import State
from dashboard.words import TITLES

pytestmark = pytest.mark.browser

ORIGINAL, MIXUP, ZETA = TITLES.values()
NAMES = {title: name for name, title in TITLES.items()}


def recipe(state: State, title: str, k: int) -> list[tuple[int, float]]:
    """Parents of a sample with their weights, heaviest first; one that stands twice counts once."""
    parents, weights = mixes.mix(state.settings())[NAMES[title]].recipe.rows(k)
    pairs: list[tuple[int, float]] = []
    for parent in dict.fromkeys(parents.tolist()):
        pairs.append(
            (parent, sum(w for p, w in zip(parents.tolist(), weights.tolist(), strict=True) if p == parent))
        )
    return sorted(pairs, key=lambda pair: -pair[1])


def shows_recipe(lab: Lab, state: State, title: str, k: int) -> None:
    """Waits for the card of a sample, and checks every number on it."""
    data, soft = mixes.data(state.settings()), mixes.mix(state.settings())[NAMES[title]].y[k].tolist()
    pairs, card = recipe(state, title, k), lab.card()
    expected = [(f"#{parent} · {data.classes[data.y[parent]]}", weight) for parent, weight in pairs[:12]]

    def agreed() -> bool:
        if card.get_by_role("heading", name=re.compile(rf"^{title}, sample {k}$")).count() == 0:
            return False
        rows = [text.split("\n") for text in card.get_by_role("listitem").all_inner_texts()]
        return [name for name, _ in rows] == [name for name, _ in expected] and np.allclose(
            [float(number) for _, number in rows], [weight for _, weight in expected], rtol=0, atol=5.1e-5
        )

    lab.until(agreed, lambda: f"{expected} in {card.inner_text()!r}")
    text = card.inner_text()
    if len(pairs) > 12:
        assert f"and {len(pairs) - 12} more with {sum(w for _, w in pairs[12:]):.4f} together" in text
    for name, share in zip(data.classes, soft, strict=True):
        if share > 0:
            assert re.search(rf"^{re.escape(name)}\n{share:.3f}$", text, flags=re.MULTILINE), (
                name,
                share,
                text,
            )


def lets_go(lab: Lab) -> None:
    """Waits for the card to be empty again."""
    lab.until(lambda: lab.card().get_by_role("listitem").count() == 0, "an empty card")
    assert "Point at" in lab.card().inner_text()


def lonely(circles: list[tuple[float, float]]) -> int:
    """The point with the widest empty space around it."""
    at = np.array(circles)
    apart = np.linalg.norm(at[:, None] - at[None], axis=2) + 1e9 * np.eye(len(at))
    return int(apart.min(1).argmax())


def test_hovering_over_a_sample_shows_its_parents(lab, tmp_path):
    lab.open(n=20, gamma=1.5)
    state = lab.settled()
    for title in (ZETA, MIXUP, ORIGINAL):
        circles = lab.circles(title, tmp_path)
        k = lonely(circles)
        stage = lab.stage(title)
        stage.scroll_into_view_if_needed()
        stage.hover(position={"x": circles[k][0], "y": circles[k][1]})
        shows_recipe(lab, state, title, k)
        assert lab.pointed(title) == k
        # Lines are drawn from the sample to all its parents, as thick as they weigh.
        lines = np.frombuffer(lab.read("Scatter", "lines", title=title)["lines"], np.float32).reshape(-1, 2)
        np.testing.assert_array_equal(lines, np.array(recipe(state, title, k), np.float32))
        assert [lab.pointed(other) for other in TITLES.values() if other != title] == [-1, -1]
    assert recipe(state, ORIGINAL, k) == [(k, 1.0)]
    lab.page.mouse.move(5, 5)
    lets_go(lab)


def test_a_sample_pinned_by_a_click_stays_while_gamma_moves(lab, tmp_path):
    lab.open(n=20)
    state = lab.settled()
    circles = lab.circles(ZETA, tmp_path)
    k = lonely(circles)
    lab.stage(ZETA).click(position={"x": circles[k][0], "y": circles[k][1]})
    shows_recipe(lab, state, ZETA, k)
    before = recipe(state, ZETA, k)
    drag = lab.grab("γ")
    drag(0.1)
    lab.release()
    state = lab.settled()
    shows_recipe(lab, state, ZETA, k)
    after = recipe(state, ZETA, k)
    # The parents stay; their weights follow.
    assert [parent for parent, _ in after] == [parent for parent, _ in before]
    assert after[0][1] < before[0][1]
    # Another draw has other parents, N of them.
    lab.press("Resample")
    shows_recipe(lab, lab.settled(seed=1), ZETA, k)
    lab.stage(ZETA).press("Escape")
    lets_go(lab)


def test_stepping_through_samples_by_keyboard(lab):
    lab.open(manifold="s-curve", n=5, gamma=0.8)
    state = lab.settled()
    stage = lab.stage(ZETA)
    stage.focus()
    for key, k in {"n": 0, "N": 1, "p": 0, "P": 2047}.items():
        lab.page.keyboard.press(key)
        shows_recipe(lab, state, ZETA, k)
    lab.page.keyboard.press("Escape")
    lets_go(lab)
    assert lab.pointed(ZETA) == -1
    # The arrow keys turn all three pictures, and the link says so.
    lab.page.keyboard.press("ArrowRight")
    lab.page.keyboard.press("ArrowUp")
    state = lab.settled(camera=[-55.0, 30.0, 1.0, 0.0, 0.0])
    assert [one["camera"] for one in lab.read_all("Scatter", "camera")] == 3 * [state.camera]
    # The paper's viewpoints.
    lab.press("view (70°, 0°)")
    assert lab.settled(camera=[0, 70, 1, 0, 0])


def test_images_show_soft_labels_and_parents(lab):
    lab.open(n=10, gamma=1.2)
    lab.tab("Images")
    state = lab.settled(view="images")
    assert lab.read("Mosaic", "count", title=ZETA)["count"] == 100
    mixed = mixes.mix(state.settings())
    box = lab.stage(ZETA).bounding_box()
    lab.stage(ZETA).hover(position={"x": box["width"] * 0.35, "y": box["height"] * 0.75})
    shows_recipe(lab, state, ZETA, 73)

    # The card shows the picture itself, then its parents, pixel by pixel.
    originals = mixes.data(state.settings()).x

    def pixels_of(title: str, k: int) -> bytes:
        own = tiles(mixed[NAMES[title]].x[k : k + 1])
        return own + b"".join(tiles(originals[p : p + 1]) for p, _ in recipe(state, title, k)[:12])

    def as_card(title: str, k: int) -> bool:
        return pixels_of(title, k) in [card["pixels"] for card in lab.read_all("RecipeCard", "pixels")]

    lab.until(lambda: as_card(ZETA, 73), "the pictures of sample 73 and its parents")
    assert lab.card().locator("canvas").count() == 11

    lab.page.mouse.move(5, 5)
    stage = lab.stage(MIXUP)
    stage.focus()
    for key, k in {"ArrowRight": 0, "ArrowDown": 10, "ArrowLeft": 9, "ArrowUp": 0}.items():
        stage.press(key)
        shows_recipe(lab, state, MIXUP, k)
    lab.until(lambda: as_card(MIXUP, 0), "the pictures of sample 0 and its parents")
    stage.press("Escape")
    lets_go(lab)

    # Gamma moves the pictures of zeta-mixup alone.
    before = {title: lab.read("Mosaic", "tiles", title=title)["tiles"] for title in TITLES.values()}
    lab.slider("γ").press("PageDown")
    lab.settled(gamma=0.7)
    after = {title: lab.read("Mosaic", "tiles", title=title)["tiles"] for title in TITLES.values()}
    assert [title for title in before if before[title] != after[title]] == [ZETA]

    # Back on the other tab the picture has caught up.
    lab.tab("Manifolds")
    lab.settled(view="manifolds", gamma=0.7)
