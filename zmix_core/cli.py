"""The command line, ``zmix ...``. A command is a function below and a line in `COMMANDS`."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from zmix_core.training.commands import data_check, data_fetch, data_list
from zmix_core.training.sweep_commands import sweep
from zmix_core.training.train_commands import results, train

__all__ = ["COMMANDS", "main"]

Run = Callable[[argparse.Namespace], None]
Command = Callable[[argparse.ArgumentParser], Run]
"""Adds its arguments to a parser, and returns what is done with them."""


def speed_id(parser: argparse.ArgumentParser) -> Run:
    """Measure local intrinsic dimension beside scikit-dimension."""
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="fewer points and no CIFAR-10: half a minute")
    size.add_argument("--full", action="store_true", help="scikit-dimension at every point: half an hour")
    parser.add_argument("--cifar", type=Path, metavar="FOLDER", help="CIFAR-10's pictures, a folder a class")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write what is measured here")

    def run(options: argparse.Namespace) -> None:
        from zmix_core import speed_id

        _writable(options.json)
        which = speed_id.cases(quick=options.quick, full=options.full, cifar=options.cifar)
        limits = (5, 1.0) if options.quick else speed_id.LIMITS
        measured = speed_id.measure(which, limits=limits, say=_tell)
        _write(options.json, measured)
        print(speed_id.table(measured))

    return run


def speed_of(bench: str, measured: str) -> Command:
    """The command that measures with ``zmix_core.speed_<bench>``, and says what is ``measured``."""

    def command(parser: argparse.ArgumentParser) -> Run:
        parser.add_argument("--quick", action="store_true", help="fewer and smaller sizes: under 40 seconds")
        parser.add_argument("--json", type=Path, metavar="FILE", help="also write what is measured here")

        def run(options: argparse.Namespace) -> None:
            module = _bench(bench)
            _writable(options.json)
            limits = module.QUICK_LIMITS if options.quick else module.LIMITS
            found = module.measure(quick=options.quick, limits=limits, say=_tell)
            _write(options.json, found)
            print(module.table(found))

        return run

    command.__doc__ = f"Measure {measured}."
    return command


def speed_table(parser: argparse.ArgumentParser) -> Run:
    """Print the table of a measurement that was written to a file."""
    parser.add_argument("file", type=Path, help="what a measurement wrote with --json")

    def run(options: argparse.Namespace) -> None:
        try:
            measured = json.loads(options.file.read_text(encoding="utf-8"))
            table = _bench(BENCHES[BENCHES.index(measured.get("bench", "id"))]).table(measured)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            expected = f"expected what `zmix speed {'|'.join(BENCHES)} --json` writes"
            raise ValueError(f"{options.file}: {expected}, but {error!r}.") from error
        print(table)

    return run


def oracle_train(parser: argparse.ArgumentParser) -> Run:
    """Train an oracle, LeNet-5, on a set of pictures, and keep it with its card."""
    parser.add_argument("data", help="a set's name, or a path to a folder of pictures or an .npz")
    parser.add_argument("--seed", type=int, default=0, help="of weights and batches (0)")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="a .safetensors; else the data folder's oracles"
    )

    def run(options: argparse.Namespace) -> None:
        from zmix_core.oracle import own_folder
        from zmix_core.oracle_training import split, train

        data, test, of = split(options.data)
        out = options.out or own_folder() / f"{data.name}.safetensors"
        if out.suffix != ".safetensors":
            raise ValueError(f"--out {out}: expected a name that ends in .safetensors.")
        for step in train(data, test, of=of, seed=options.seed):
            if step.epoch % max(1, step.epochs // 20) == 0:
                _tell(f"epoch {step.epoch} of {step.epochs}: loss {step.loss:.4f}, {step.left:.0f} s left")
            if step.oracle is not None:
                step.oracle.save(out)
                print(f"{step.oracle.accuracy} right: {out}, and its card beside it")

    return run


def oracle_check(parser: argparse.ArgumentParser) -> Run:
    """Count again how many pictures an oracle has right that it was not trained on."""
    parser.add_argument("oracle", help="the set it is for, or a path to a .safetensors")

    def run(options: argparse.Namespace) -> None:
        from zmix_core.oracle import load
        from zmix_core.oracle_training import split

        oracle = load(options.oracle)
        _, test, of = split(oracle.name)
        print(json.dumps(oracle.card, indent=1, ensure_ascii=False))
        print(f"counted now: {oracle.correct(test):,} of {len(test):,} {of} right")

    return run


def realism(parser: argparse.ArgumentParser) -> Run:
    """Measure how realistic mixup's and ζ-mixup's samples are, and how correct their labels."""
    parser.add_argument("data", nargs="+", help="manifolds, or pictures that there is an oracle for")
    parser.add_argument("-n", type=int, default=32, help="N, the samples mixed into one output (32)")
    parser.add_argument("--gamma", type=float, nargs="+", default=[2.8], help="exponents of ζ-mixup (2.8)")
    parser.add_argument("--alpha", type=float, default=1.0, help="of mixup (1), one λ a sample")
    parser.add_argument("--samples", type=int, default=1000, help="samples, as many as there are (1,000)")
    parser.add_argument("--seed", type=int, default=0, help="of who is mixed with whom (0)")

    def run(options: argparse.Namespace) -> None:
        from zmix_core import realism_table

        which = realism_table.methods(options.n, options.gamma, options.alpha)
        for name in options.data:
            data, judge = realism_table.samples(name, options.samples)
            print(realism_table.table(data, judge, which, seed=options.seed), end="\n\n")

    return run


BENCHES = ("id", "mix", "grow", "train")
"""What `zmix speed` measures; a file without a name holds the first."""

COMMANDS: dict[str, Command | dict[str, Command]] = {
    "oracle": {"train": oracle_train, "check": oracle_check},
    "realism": realism,
    "speed": {
        "id": speed_id,
        "mix": speed_of("mix", "mixing a batch beside torchvision, timm, kornia and the paper's listing"),
        "grow": speed_of("grow", "how the time to mix a whole set grows with its size"),
        "train": speed_of("train", "what mixing adds to a step of training ResNet-18"),
        "table": speed_table,
    },
    "data": {"list": data_list, "check": data_check, "fetch": data_fetch},
    "train": train,
    "results": results,
    "sweep": sweep,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """What ``zmix`` runs; the exit status is 2 where a command or an argument is wrong, 130 after Ctrl-C.

    Args:
        arguments: Those of the command line if None.
    """
    parser = argparse.ArgumentParser(prog="zmix", description="Multi-sample mixing augmentation.")
    _add(parser, COMMANDS)
    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except (ValueError, OSError) as error:
        print(f"zmix: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("zmix: stopped.", file=sys.stderr)
        return 130
    return 0


def _add(parser: argparse.ArgumentParser, commands: Mapping[str, Any]) -> None:
    """Commands by name, each a function or further commands."""
    below = parser.add_subparsers(required=True, metavar="|".join(commands))
    for name, command in commands.items():
        if callable(command):
            help_line = (command.__doc__ or "").strip()
            one = below.add_parser(name, help=help_line, description=help_line)
            one.set_defaults(run=command(one))
        else:
            _add(below.add_parser(name, help=f"{', '.join(command)}"), command)


def _bench(name: str) -> Any:
    return importlib.import_module(f"zmix_core.speed_{name}")


def _writable(file: Path | None) -> None:
    if file is not None and not file.absolute().parent.is_dir():
        raise FileNotFoundError(f"{file.parent}: no such folder; expected one to write into.")


def _write(file: Path | None, measured: Mapping[str, Any]) -> None:
    if file is not None:
        file.write_text(json.dumps(measured, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
