"""The command line: ``zmix speed id``. A command is a function below and a line in `COMMANDS`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

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

        if options.json is not None and not options.json.absolute().parent.is_dir():
            raise FileNotFoundError(f"{options.json.parent}: no such folder; expected one to write into.")
        which = speed_id.cases(quick=options.quick, full=options.full, cifar=options.cifar)
        limits = (5, 1.0) if options.quick else speed_id.LIMITS
        measured = speed_id.measure(which, limits=limits, say=_tell)
        if options.json is not None:
            text = json.dumps(measured, indent=1, ensure_ascii=False)
            options.json.write_text(text + "\n", encoding="utf-8")
        print(speed_id.table(measured))

    return run


def speed_table(parser: argparse.ArgumentParser) -> Run:
    """Print the table of a measurement that was written to a file."""
    parser.add_argument("file", type=Path, help="what a measurement wrote with --json")

    def run(options: argparse.Namespace) -> None:
        from zmix_core import speed_id

        try:
            table = speed_id.table(json.loads(options.file.read_text(encoding="utf-8")))
        except (ValueError, LookupError, TypeError) as error:
            expected = "expected what `zmix speed id --json` writes"
            raise ValueError(f"{options.file}: {expected}, but {error!r}.") from error
        print(table)

    return run


COMMANDS: dict[str, dict[str, Command]] = {
    "speed": {"id": speed_id, "table": speed_table},
}


def main(arguments: Sequence[str] | None = None) -> int:
    """What ``zmix`` runs; the exit status is 2 where a command or an argument is wrong.

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


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
