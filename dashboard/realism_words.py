"""Realism and label correctness in words: never more than the intervals say."""

from __future__ import annotations

from dashboard.scores import Found
from dashboard.words import TITLES, percent
from zmix_core.realism import FLOOR, MEASURES, Interval

__all__ = ["NOTE", "mean_words", "rows", "verdicts"]

SUBJECTS = {
    "H": "Realism",
    "CE": "Correctness of the labels",
    "off the manifold": "Distance off the manifold",
    "label errors": "Label errors",
}
"""The measures that a verdict is given on; of all of them less is better."""

NOTE = (
    "In brackets 95 % bootstrap intervals over the outputs; H and CE are means, in nats. In CE a class that "
    f"a label leaves out counts as {FLOOR:.7f}."
)


def verdicts(found: Found) -> list[list[str]]:
    """[mark, words, basis] for each measure that tells ζ-mixup from mixup, or does not."""
    said = []
    for key, subject in SUBJECTS.items():
        if key in found.differences:
            difference = found.differences[key]
            mark = "yes" if difference.high < 0 else "no" if difference.low > 0 else "open"
            word = MEASURES[key].word(difference)
            words = f"{subject}: {word}" if mark == "open" else f"ζ-mixup: {word} than mixup"
            said.append([mark, words, _difference(key, difference)])
    return said


def rows(found: Found) -> tuple[list[str], list[list[str]]]:
    """The header and the rows of the table: each method's means with their intervals."""
    keys = list(next(iter(found.means.values())))
    body = [
        [TITLES[name], *(mean_words(key, means[key]) for key in keys)] for name, means in found.means.items()
    ]
    return ["", *keys], body


def mean_words(key: str, interval: Interval) -> str:
    """A mean and its interval."""
    if MEASURES[key].share:
        return f"{percent(interval.mean)} ({100 * interval.low:.1f} to {100 * interval.high:.1f})"
    return f"{interval.mean:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def _difference(key: str, difference: Interval) -> str:
    by, digits, unit = (100, 1, " percentage points") if MEASURES[key].share else (1, 3, "")
    name = f"mean {key}" if key in ("H", "CE") else key
    mean, low, high = (
        f"{by * v:+.{digits}f}".replace("-", "−") for v in (difference.mean, difference.low, difference.high)
    )
    return f"{name} {mean}{unit} (95 %: {low} to {high}) beside mixup"
