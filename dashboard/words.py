"""Numbers and recipes in words, the same in every view."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.colours import palette
from dashboard.state import Settings
from zmix_core.dataset import Dataset
from zmix_core.dimension import Level
from zmix_core.recipe import Recipe

__all__ = ["TITLES", "file_name", "number", "percent", "recipe_card", "setting", "spread_words", "trouble"]

TITLES = {"original": "original", "mixup": "mixup", "zeta": "ζ-mixup"}
SHOWN = 12
"""Parents listed one by one; the rest are summed up."""


def number(value: float) -> str:
    """Three significant digits; what rounding alone leaves counts as 0."""
    if abs(value) < 1e-6:
        return "0"
    return f"{value:.3g}" if 1e-4 <= abs(value) < 1e5 else f"{value:.1e}"


def percent(share: float) -> str:
    """A share as a percentage with one decimal."""
    return f"{100 * share:.1f} %"


def spread_words(level: Level) -> str:
    """Mean and standard deviation of local ID."""
    return f"{level.mean:.2f} ± {level.std:.2f}"


def trouble(error: Exception) -> str:
    """What went wrong: the message where it is meant for users, else whatever names the error."""
    return str(error) if isinstance(error, (ValueError, OSError)) else repr(error)


def setting(method: str, settings: Settings) -> str:
    """How a panel's samples were made."""
    if method == "original":
        return "as given"
    if method == "mixup":
        draws = "one λ a sample" if settings.per_sample else "one λ for all"
        return f"pairs mixed with {draws}, α = {settings.alpha:g}"
    return f"N = {settings.n} mixed at γ = {settings.gamma:g}"


def file_name(method: str, settings: Settings) -> str:
    """A name for saved files that tells how they were made, of a method's samples or of a figure."""
    how = {
        "original": "",
        "mixup": f"-alpha{settings.alpha:g}",
        "zeta": f"-n{settings.n}-gamma{settings.gamma:g}",
        "local-id-curve": f"-n{settings.n}-k{'-'.join(map(str, settings.ks))}",
        "local-id": f"-n{settings.n}-gamma{settings.gamma:g}-k{'-'.join(map(str, settings.ks))}",
    }[method]
    data = "".join(c if c.isalnum() or c in "-_" else "-" for c in settings.data)
    return f"zmix-{data}-{method}{how}-seed{settings.seed}"


def recipe_card(
    title: str, dataset: Dataset, recipe: Recipe, k: int, soft: Sequence[float]
) -> tuple[dict, list[tuple[int, float]]]:
    """The card of output k, and its parents as (index, weight), heaviest first."""
    parents, weights = recipe.rows(k)
    # Mixup may pair a sample with itself: one parent, with both weights.
    total: dict[int, float] = {}
    for parent, weight in zip(parents.tolist(), weights.tolist(), strict=True):
        total[parent] = total.get(parent, 0.0) + weight
    pairs = sorted(total.items(), key=lambda pair: -pair[1])
    colours = palette(dataset.num_classes)
    shown = [
        [f"#{parent} · {dataset.classes[label]}", weight, colours[label]]
        for parent, weight in pairs[:SHOWN]
        for label in [int(dataset.y[parent])]
    ]
    heaviest = sorted(range(len(soft)), key=lambda c: -soft[c])
    left = pairs[SHOWN:]
    card = {
        "title": title,
        "labels": [[dataset.classes[c], soft[c], colours[c]] for c in sorted(heaviest[:10]) if soft[c] > 0],
        "parents": shown,
        "more": f"and {len(left)} more with {sum(w for _, w in left):.4f} together" if left else "",
    }
    return card, pairs
