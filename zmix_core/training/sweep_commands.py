"""``zmix sweep``."""

from __future__ import annotations

import argparse
import csv
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zmix_core.training.train_commands import add_root, tell

if TYPE_CHECKING:
    from zmix_core.training.study import Trial

__all__ = ["best_table", "gamma_min_words", "sweep"]

BEST = 10
"""Trials in the table."""


def sweep(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], None]:
    """Search γ and weight decay of ζ-mixup (Appendix E); the same command goes on where it was stopped."""
    low_high: Any = {"nargs": 2, "type": float, "metavar": ("LOW", "HIGH")}
    parser.add_argument("protocol", help="a protocol, or pictures of one's own")
    parser.add_argument("--trials", type=int, default=200, help="settings to try, in all launches (200)")
    parser.add_argument("--workers", type=int, help="processes at a time (one a GPU, else one); 0: none")
    parser.add_argument("--gamma", default=[1.0, 6.0], help="range of γ (1 6)", **low_high)
    parser.add_argument(
        "--weight-decay", default=[5e-5, 1e-3], help="range of weight decay (5e-5 1e-3)", **low_high
    )
    parser.add_argument("-n", "--n", type=int, help="N of ζ-mixup (the whole batch)")
    parser.add_argument("--seed", type=int, default=0, help="of all runs and of the search (0)")
    parser.add_argument("--epochs", type=int, help="in the place of the protocol's")
    parser.add_argument("--fraction", type=float, default=1.0, help="share of the training pictures (1)")
    parser.add_argument("--network", help="in the place of the protocol's")
    parser.add_argument(
        "--objective",
        default="auto",
        help="pictures to choose by: validation, test, or auto: validation where there are such",
    )
    parser.add_argument("--name", help="of the sweep (the protocol's, and eight digits of the settings)")
    parser.add_argument("--storage", metavar="URL", help="database for several machines (a file in the root)")
    add_root(parser, "folder of all runs")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write all trials there")

    def run(options: argparse.Namespace) -> None:
        from zmix_core.training.study import trials
        from zmix_core.training.sweep import sweep

        if options.csv is not None and not options.csv.absolute().parent.is_dir():
            raise FileNotFoundError(f"--csv {options.csv}: no such folder; expected one to write into.")
        given = ("trials", "workers", "n", "seed", "epochs", "fraction", "network", "objective", "storage")
        progresses = sweep(
            options.protocol,
            options.root,
            name=options.name,
            gammas=tuple(options.gamma),
            weight_decays=tuple(options.weight_decay),
            **{name: getattr(options, name) for name in given},
        )
        for progress in progresses:
            tell(progress, progress.finished + progress.failed)
        found = trials(options.root, progress.name, storage=options.storage)
        if options.csv is not None:
            _write(options.csv, found)
        print(best_table(found))
        print()
        print(gamma_min_words(found))
        for trial in found:
            if trial.state == "failed":
                print(f"failed: trial {trial.number}, γ = {trial.gamma:.3f}: {trial.error}")
        storage = f" --storage '{options.storage}'" if options.storage else ""
        print(
            f"To see it: python -m dashboard.sweep_figures {options.root} {progress.name} sweep.html{storage}"
        )

    return run


def best_table(found: Sequence[Trial]) -> str:
    """The ten best trials as markdown.

    Example:
        >>> best_table([])
        'No finished trials.'
    """
    from zmix_core.speed import markdown

    done = [trial for trial in found if trial.value is not None]
    if not done:
        return "No finished trials."
    best = sorted(done, key=lambda trial: -(trial.value or 0))[:BEST]
    rows = [
        [str(t.number), f"{t.gamma:.3f}", f"{t.weight_decay:.2e}", _shown(t.value, t.measure)] for t in best
    ]
    return markdown(["trial", "γ", "weight decay", best[0].measure], rows)


def gamma_min_words(found: Sequence[Trial]) -> str:
    """How the trials below γ_min did beside the others.

    Example:
        >>> from zmix_core.training.study import Trial
        >>> one = Trial(0, 2.4, 1e-4, 93.0, "test ACC", "finished", "", "")
        >>> print(gamma_min_words([one, Trial(1, 1.2, 1e-4, 91.0, "test ACC", "finished", "", "")]))
        median test ACC: 93.00 for γ ≥ γ_min (1 trial), 91.00 for γ < γ_min = 1.729 (1 trial)
    """
    from statistics import median

    from zmix_core.weights import GAMMA_MIN

    done = [(t.gamma >= GAMMA_MIN, t.value) for t in found if t.value is not None and t.gamma is not None]
    words = []
    for above, name in ((True, "γ ≥ γ_min"), (False, f"γ < γ_min = {GAMMA_MIN:.3f}")):
        values = [value for side, value in done if side == above]
        count = f"({len(values)} trial{'' if len(values) == 1 else 's'})"
        words.append(f"{_shown(median(values), found[0].measure) if values else 'none'} for {name} {count}")
    measure = next((trial.measure for trial in found if trial.measure), "value")
    return f"median {measure}: {', '.join(words)}"


def _shown(value: float | None, measure: str) -> str:
    """Percent with two digits, what runs from 0 to 1 with four."""
    return f"{value:.2f}" if "ACC" in measure else f"{value:.4f}"


def _write(file: Path, found: Sequence[Trial]) -> None:
    from zmix_core.training.study import Trial

    with file.open("w", encoding="utf-8", newline="") as out:
        table = csv.DictWriter(out, [field.name for field in dataclasses.fields(Trial)])
        table.writeheader()
        table.writerows(dataclasses.asdict(trial) for trial in found)
