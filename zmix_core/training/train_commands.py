"""``zmix train`` and ``zmix results``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zmix_core.training.records import measured_records, read_records, runs_folder, save_records

if TYPE_CHECKING:
    from zmix_core.training.progress import Progress
    from zmix_core.training.spec import Spec

__all__ = ["results", "train"]

METHODS = ["erm", "mixup", "zeta-2.4", "zeta-2.8", "zeta-4"]
"""The columns of the paper's Tables 1 and 2."""


def train(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], None]:
    """Train every method on a protocol, seed by seed; what is done already is not done again.

    Under ``accelerate launch --multi_gpu`` or ``torchrun``, as in ``torchrun --nproc-per-node 2 -m
    zmix_core.cli train digits``, all processes train each network together.
    """
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
    parser.add_argument("--n", type=int, help="N of ζ-mixup (the whole batch)")
    parser.add_argument("--network", help="in the place of the protocol's: lenet-5, resnet-18, resnet-50")
    parser.add_argument("--precision", default="no", help="mixed precision: no, fp16, bf16 (no)")
    parser.add_argument("--workers", type=int, help="processes at a time (one a GPU, else one)")
    parser.add_argument("--cluster", help="a dask scheduler's address, or how many workers of dask to start")
    _root(parser, "folder of all runs")

    def run(options: argparse.Namespace) -> None:
        from zmix_core.arguments import whole
        from zmix_core.training.devices import is_main, processes
        from zmix_core.training.spec import grid

        seeds = range(whole("seeds", options.seeds, 1))
        same = {name: getattr(options, name) for name in ("n", "network", "epochs", "fraction")}
        same["mixed_precision"] = options.precision
        specs = [spec for name in options.protocols for spec in grid(name, options.methods, seeds, **same)]
        failed = _together(specs, options.root) if processes() > 1 else _launch(specs, options)
        if is_main():
            _print_table(read_records(options.root))
        if failed:
            raise ValueError(f"{failed} of {len(specs)} runs failed; the same command tries them again.")

    return run


def results(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], None]:
    """Print what the runs say so far: means, and paired differences to ERM and to mixup."""
    _root(parser, "folder of all runs, or a file that --save wrote")
    parser.add_argument("--measured", action="store_true", help="of the runs that come with zmix instead")
    parser.add_argument("--save", type=Path, metavar="FILE", help="also put the finished runs in one file")

    def run(options: argparse.Namespace) -> None:
        if not options.measured and not options.root.exists():
            raise FileNotFoundError(f"--root {options.root}: no such folder; `zmix train` makes it.")
        records = measured_records() if options.measured else read_records(options.root)
        _print_table(records)
        if options.save is not None:
            print(f"{save_records(options.save, records)} runs in {options.save}", file=sys.stderr)

    return run


def _root(parser: argparse.ArgumentParser, what: str) -> None:
    default = runs_folder()
    parser.add_argument("--root", type=Path, default=default, metavar="PATH", help=f"{what} ({default})")


def _launch(specs: list[Spec], options: argparse.Namespace) -> int:
    from zmix_core.training.launch import launch

    failed, here = 0, options.cluster is None
    for progress in (
        launch(specs, options.root, workers=options.workers) if here else _on_cluster(specs, options)
    ):
        failed = progress.failed
        if progress.what not in ("epoch", "idle"):
            left = "" if progress.left is None else f", {_duration(progress.left)} left"
            done = f"{progress.finished} of {progress.total}{left}"
            print(f"[{done}] {progress.what}: {progress.message}", file=sys.stderr, flush=True)
    return failed


def _on_cluster(specs: list[Spec], options: argparse.Namespace) -> Iterator[Progress]:
    from zmix_core.training.cluster import launch_on

    try:
        yield from launch_on(options.cluster, specs, options.root)
    except (ImportError, RuntimeError) as error:
        raise ValueError(f"--cluster {options.cluster}: {error}") from error


def _together(specs: list[Spec], root: Path) -> int:
    """Every run by all processes of the group, one run after another."""
    from zmix_core.training.devices import is_main
    from zmix_core.training.run import run

    failed = 0
    for done, spec in enumerate(specs, start=1):
        record = run(spec, root)
        failed += record["status"] == "failed"
        if is_main():
            said = record["error"]["message"] if record["status"] == "failed" else "finished"
            which = f"{spec.protocol}, {record['name']}, seed {spec.seed}"
            print(f"[{done} of {len(specs)}] {which}: {said}", file=sys.stderr, flush=True)
    return failed


def _print_table(records: list[dict[str, Any]]) -> None:
    from zmix_core.training.results import results, table

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
