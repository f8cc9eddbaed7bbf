"""Methods, numbers and differences of training runs in words, the same in table, figures and files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from zmix_core.training.protocols import PROTOCOLS
from zmix_core.training.results import FEWEST, MOST, PERCENT, Difference, Result

__all__ = [
    "AXES",
    "colours",
    "decided",
    "difference_words",
    "duration",
    "method_title",
    "needed_words",
    "ours_words",
    "paper_words",
    "setting_title",
    "signed",
    "sorted_methods",
    "value_words",
]

FIRST = ("erm", "mixup", "cutmix", "cutmix+zeta")
FIXED = {
    "erm": "#868b94",
    "mixup": "#e4572e",
    "cutmix": "#c9a227",
    "cutmix+zeta": "#2e9e6b",
    "zeta-2.4": "#17a2b8",
    "zeta-2.8": "#2f7ed8",
    "zeta-4": "#8a5cc2",
}
FURTHER = ("#d6568f", "#6ab04c", "#a83232", "#7a6f5d", "#3f6894", "#b07aa1")

AXES = {
    "ERR": "ERR / %",
    "ACC": "ACC / %",
    "ACC_bal": "balanced ACC / %",
    "AUC": "AUC",
    "F1-micro": "F1-micro",
    "F1-macro": "F1-macro",
}
"""What a metric's axis says."""


def method_title(name: str) -> str:
    """A method as a person says it.

    Example:
        >>> method_title("zeta-2.8, N = 8"), method_title("erm")
        ('ζ-mixup, γ = 2.8, N = 8', 'ERM')
    """
    titles = {"erm": "ERM", "cutmix": "CutMix"}
    head, *rest = name.split(", ")
    head = titles.get(head, re.sub(r"^cutmix", "CutMix", head))
    head = re.sub(r"zeta-(?:mixup-)?([\d.e+-]+)$", r"ζ-mixup, γ = \1", head)
    return ", ".join([re.sub(r"\+zeta$", " + ζ-mixup", head).replace("+ζ", " + ζ"), *rest])


def setting_title(setting: str, protocol: str) -> str:
    """A setting as a person says it: of one's own pictures with the folder they are in, and no more of it.

    Example:
        >>> setting_title("cifar10, epochs 2", "cifar10")
        'CIFAR-10, epochs 2'
    """
    known = PROTOCOLS.get(protocol)
    name = (
        "/".join(Path(protocol).parts[1:][-2:])
        if known is None
        else protocol
        if known.group == "small"
        else known.title
    )
    return name + setting.removeprefix(protocol).replace("_", " ")


def sorted_methods(names: set[str]) -> list[str]:
    """ERM and mixup first, then as their names and their gammas go."""

    def place(name: str) -> tuple[int, float, str]:
        gamma = re.search(r"zeta-([\d.]+)", name)
        return FIRST.index(name) if name in FIRST else len(FIRST), float(gamma[1]) if gamma else 0.0, name

    return sorted(names, key=place)


def colours(names: Iterable[str]) -> dict[str, str]:
    """A CSS colour for each method; the paper's have always the same."""
    further = [name for name in names if name not in FIXED]
    return FIXED | {name: FURTHER[k % len(FURTHER)] for k, name in enumerate(further)}


def value_words(metric: str, value: float) -> str:
    """Percent with two digits, what runs from 0 to 1 with four."""
    return f"{value:.2f}" if metric in PERCENT else f"{value:.4f}"


def ours_words(ours: Result) -> str:
    """Mean ± standard deviation (seeds)."""
    spread = "" if ours.std is None else f" ± {value_words(ours.metric, ours.std)}"
    return f"{value_words(ours.metric, ours.mean)}{spread} ({ours.seeds})"


def paper_words(metric: str, value: float) -> str:
    """As the paper prints it."""
    digits = {"ERR": 2, "ACC_bal": 2, "ACC": 1, "AUC": 3}.get(metric, 4)
    return f"{value:.{digits}f}"


def signed(metric: str, value: float) -> str:
    """A difference with its sign.

    Example:
        >>> signed("ERR", -0.5)
        '−0.50'
    """
    digits = 2 if metric in PERCENT else 4
    return f"{value:+.{digits}f}".replace("-", "−")


def decided(metric: str, difference: Difference | None) -> str:
    """``"better"`` or ``"worse"``; ``""`` where the interval of the difference leaves it open."""
    if difference is None or difference.low is None or difference.high is None:
        return ""
    if difference.low <= 0 <= difference.high:
        return ""
    return "better" if (difference.mean < 0) == (metric == "ERR") else "worse"


def difference_words(metric: str, difference: Difference, against: str) -> str:
    """A difference with its interval, and how many seeds it rests on."""
    unit = " percentage points" if metric in PERCENT else ""
    seeds = f"{difference.seeds} seed{'s' if difference.seeds > 1 else ''}"
    mean = f"{metric} {signed(metric, difference.mean)}{unit} beside {method_title(against)}"
    if difference.low is None or difference.high is None:
        return f"{mean}, {seeds}: no interval"
    low, high = signed(metric, difference.low), signed(metric, difference.high)
    return f"{mean} (95 %: {low} to {high}), {seeds}"


def needed_words(difference: Difference) -> str:
    """How many seeds a decision takes."""
    if difference.seeds < FEWEST:
        return f"{FEWEST} or more"
    return f"{difference.needed:,}" if difference.needed else f"more than {MOST:,}"


def duration(seconds: float) -> str:
    """Time in words.

    Example:
        >>> duration(42.4), duration(4000)
        ('42 s', '67 min')
    """
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
