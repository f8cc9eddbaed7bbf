"""``zmix train`` and ``zmix results``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

__all__ = ["results", "train"]

ROOT = Path("zmix-runs")
"""Where runs lie unless another folder is named: here, so that a data folder may be read-only."""

METHODS = ["erm", "mixup", "zeta-2.4", "zeta-2.8", "zeta-4"]
"""The columns of the paper's Tables 1 and 2."""


def train(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], None]:
    """Train every method on a protocol, seed by seed; what is done already is not done again."""
    parser.add_argument(
        "protocols", nargs="+", metavar="protocol", help="a protocol, or pictures of one's own"
    )
    parser.add_argument(
        "--methods",
        nargs="+",
        default=METHODS,
        help=f"erm, mixup, cutmix, cutmix+zeta, zeta-2.4 ({_these()})",
    )
    parser.add_argument("--seeds", type=int, default=10, help="seeds, from 0 (10)")
    parser.add_argument("--epochs", type=int, help="in the place of the protocol's")
    parser.add_argument("--fraction", type=float, default=1.0, help="share of the training pictures (1)")
    parser.add_argument("--workers", type=int, help="processes at a time (one a GPU, else one)")
    parser.add_argument("--root", type=Path, default=ROOT, metavar="FOLDER", help=f"of all runs ({ROOT})")

    def run(options: argparse.Namespace) -> None:
        from zmix_core.arguments import whole
        from zmix_core.training.launch import launch
        from zmix_core.training.spec import grid

        seeds = range(whole("seeds", options.seeds, 1))
        same = {"epochs": options.epochs, "fraction": options.fraction}
        specs = [spec for name in options.protocols for spec in grid(name, options.methods, seeds, **same)]
        failed = 0
        for progress in launch(specs, options.root, workers=options.workers):
            failed = progress.failed
            if progress.what != "epoch":
                left = "" if progress.left is None else f", {_duration(progress.left)} left"
                done = f"{progress.finished} of {progress.total}{left}"
                print(f"[{done}] {progress.what}: {progress.message}", file=sys.stderr, flush=True)
        _print_table(options.root)
        if failed:
            raise ValueError(f"{failed} of {len(specs)} runs failed; the same command tries them again.")

    return run


def results(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], None]:
    """Print what the runs say so far: means, and paired differences to ERM and to mixup."""
    parser.add_argument("--root", type=Path, default=ROOT, metavar="FOLDER", help=f"of all runs ({ROOT})")

    def run(options: argparse.Namespace) -> None:
        if not options.root.is_dir():
            raise FileNotFoundError(f"--root {options.root}: no such folder; `zmix train` makes it.")
        _print_table(options.root)

    return run


def _print_table(root: Path) -> None:
    from zmix_core.training.records import read_records
    from zmix_core.training.results import results, table

    records = read_records(root)
    print(table(results(records)))
    for record in records:
        if record["status"] == "failed":
            which = f"{record['settings']['protocol']}, {record['name']}, seed {record['settings']['seed']}"
            print(f"failed: {which}: {record['error']['message']}")


def _these() -> str:
    return " ".join(METHODS)


def _duration(seconds: float) -> str:
    """Time left in words.

    Example:
        >>> _duration(42.4), _duration(4000)
        ('42 s', '1 h 07 min')
    """
    minutes = round(seconds / 60)
    return (
        f"{seconds:.0f} s"
        if seconds < 90
        else f"{minutes} min"
        if minutes < 60
        else (f"{minutes // 60} h {minutes % 60:02d} min")
    )
