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
    from zmix_core.training.sweep import SweepProgress

__all__ = ["add_root", "results", "tell", "train"]

METHODS = ["erm", "mixup", "zeta-2.4", "zeta-2.8", "zeta-4"]
"""The columns of the paper's Tables 1 and 2."""


def train(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], None]:
    """Train every method on a protocol, seed by seed; what is done already is not done again.

    Under ``accelerate launch --multi_gpu`` or ``torchrun``, as in ``torchrun --nproc-per-node 2 -m
    zmix_core.cli train digits``, all processes train each network together.
    """
    parser.add_argument(
        "protocols",
        nargs="+",
        metavar="protocol",
        help="as `zmix data list` has it, or a folder of pictures (a sub-folder a class) or an .npz",
    )
    parser.add_argument(
        "--methods",
        nargs="+",
        default=METHODS,
        help="of erm, mixup, cutmix, cutmix+zeta, and zeta-2.4, zeta-2.8, … with γ "
        f"(default: {' '.join(METHODS)})",
    )
    parser.add_argument("--seeds", type=int, default=10, help="how many, from 0 (default: 10)")
    parser.add_argument(
        "--epochs",
        type=int,
        help="instead of the protocol's; with few, mixed pictures are not yet learned and plain ones win",
    )
    parser.add_argument("--fraction", type=float, default=1.0, help="share of training pictures (default: 1)")
    parser.add_argument("--n", type=int, help="N of ζ-mixup (default: the whole batch)")
    parser.add_argument(
        "--network", help="instead of the protocol's: lenet-5 (small gray pictures), resnet-18, resnet-50"
    )
    parser.add_argument("--precision", default="no", help="mixed precision: fp16, bf16 (default: no)")
    parser.add_argument("--workers", type=int, help="processes at a time (default: one a GPU, else one)")
    parser.add_argument("--cluster", help="a dask scheduler's address, or how many workers of dask to start")
    add_root(parser, "folder of all runs")

    def run(options: argparse.Namespace) -> None:
        from zmix_core.arguments import whole
        from zmix_core.training.devices import is_main, processes
        from zmix_core.training.results import compared
        from zmix_core.training.spec import grid

        seeds = range(whole("seeds", options.seeds, 1))
        same = {name: getattr(options, name) for name in ("n", "network", "epochs", "fraction")}
        same["mixed_precision"] = options.precision
        specs = [spec for name in options.protocols for spec in grid(name, options.methods, seeds, **same)]
        there = _with_data(specs) if options.cluster is None else specs  # a cluster's workers have their own
        failed = len(specs) - len(there)
        failed += _together(there, options.root) if processes() > 1 else _launch(there, options)
        if is_main():
            mine = {compared(spec.settings()) for spec in there}
            records = read_records(options.root)
            _print_table([record for record in records if compared(record["settings"]) in mine], options.root)
        if failed:
            raise ValueError(f"{failed} of {len(specs)} runs failed; the same command tries them again.")

    return run


def results(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], None]:
    """Print what the runs say so far: means, and paired differences to ERM and to mixup."""
    add_root(parser, "folder of all runs, or a file that --save wrote")
    parser.add_argument("--measured", action="store_true", help="of the runs that come with zmix instead")
    parser.add_argument("--save", type=Path, metavar="FILE", help="also put the finished runs in one file")

    def run(options: argparse.Namespace) -> None:
        if not options.measured and not options.root.exists():
            raise FileNotFoundError(f"--root {options.root}: no such folder; `zmix train` makes it.")
        if options.save is not None and not options.save.absolute().parent.is_dir():
            raise FileNotFoundError(f"--save {options.save}: no such folder; expected one to write into.")
        records = measured_records() if options.measured else read_records(options.root)
        if not records and options.root.is_file() and not options.measured:
            raise ValueError(f"--root {options.root}: no records in it; expected what --save wrote.")
        _print_table(records, None if options.measured else options.root)
        if options.save is not None:
            print(f"{save_records(options.save, records)} runs in {options.save}", file=sys.stderr)

    return run


def add_root(parser: argparse.ArgumentParser, what: str) -> None:
    """The option that says where runs lie."""
    default = runs_folder()
    parser.add_argument("--root", type=Path, default=default, metavar="PATH", help=f"{what} ({default})")


def _with_data(specs: list[Spec]) -> list[Spec]:
    """Those whose pictures are there, and a word about each data set that is not.

    Raises:
        OSError, ValueError: There are none of any of them.
    """
    from zmix_core.training.commands import fault_of

    protocols = {spec.protocol: spec.resolved() for spec in specs}
    faults = {name: fault for name, found in protocols.items() if (fault := fault_of(found)) is not None}
    there = [spec for spec in specs if spec.protocol not in faults]
    for name, fault in faults.items():
        if not there:
            raise fault
        print(f"{name} is left out: {fault}", file=sys.stderr, flush=True)
    return there


def _launch(specs: list[Spec], options: argparse.Namespace) -> int:
    from zmix_core.training.launch import launch

    failed, here = 0, options.cluster is None
    try:
        for progress in (
            launch(specs, options.root, workers=options.workers) if here else _on_cluster(specs, options)
        ):
            failed = progress.failed
            tell(progress, progress.finished)
    except KeyboardInterrupt:
        print("The same command goes on from the last whole epochs.", file=sys.stderr)
        raise
    return failed


def tell(progress: Progress | SweepProgress, done: int) -> None:
    """Say what happened, and how many are ``done``; epochs and idle seconds are passed over."""
    if progress.what not in ("epoch", "idle"):
        left = "" if progress.left is None else f", {_duration(progress.left)} left"
        print(
            f"[{done} of {progress.total}{left}] {progress.what}: {progress.message}",
            file=sys.stderr,
            flush=True,
        )


def _on_cluster(specs: list[Spec], options: argparse.Namespace) -> Iterator[Progress]:
    from zmix_core.training.cluster import launch_on

    print(f"connecting to {options.cluster} …", file=sys.stderr, flush=True)
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


def _print_table(records: list[dict[str, Any]], root: Path | None = None) -> None:
    """The tables, then what failed, and, of a folder of runs, how many were begun."""
    from zmix_core.training.fit import CHECKPOINT
    from zmix_core.training.results import natural, results, table

    print(table(results(records)))
    failures: dict[str, list[str]] = {}
    for record in records:
        if record["status"] == "failed":
            where = "{protocol}, epochs {epochs}".format(**record["settings"])
            which = f"{where}, {record['name']}, seed {record['settings']['seed']} ({record['key']})"
            failures.setdefault(record["error"]["message"], []).append(which)
    for message, runs in failures.items():
        print(f"\nfailed: {message}\n- " + "\n- ".join(sorted(runs, key=natural)))
    if failures:
        print("\nThe command that trained them tries them again; without their folders they are forgotten.")
    done = {record["key"] for record in records if record["status"] == "finished"}
    begun = [] if root is None else sorted({file.parent.name for file in root.glob(f"*/{CHECKPOINT}")} - done)
    if begun:
        print(f"\n{len(begun)} begun and not finished: {', '.join(begun)}")


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
