"""Records of runs: one line of JSON each, only ever appended, in the run's own folder."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["FILE", "append", "finished", "read_log", "read_records"]

FILE = "records.jsonl"
"""In the folder of each run: its failures, and last that it is finished. One writer holds the run's lock."""


def append(folder: Path, record: Mapping[str, Any]) -> None:
    """Add a record to a run's folder; when this returns, it is on the disk.

    Args:
        folder: The run's.
        record: Anything that JSON has; NaN and infinities it has not.

    Raises:
        OSError: The disk is full, or may not be written to.

    Example:
        ``append(root / spec.key(), {"status": "finished"})``
    """
    line = json.dumps(record, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    with (folder / FILE).open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                line = b"\n" + line  # what was cut off here must not spoil this line
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def read_log(folder: Path) -> list[dict[str, Any]]:
    """All that was recorded in a run's folder, oldest first; lines that were cut off are passed over.

    Example:
        >>> read_log(Path("no/such/folder"))
        []
    """
    try:
        lines = (folder / FILE).read_bytes().split(b"\n")
    except (FileNotFoundError, NotADirectoryError):
        return []
    found = []
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:  # empty, or cut off by a full disk or the power
            continue
        if isinstance(record, dict) and "status" in record:
            found.append(record)
    return found


def finished(folder: Path) -> dict[str, Any] | None:
    """The record of a run that is finished, else None."""
    return next((record for record in read_log(folder) if record["status"] == "finished"), None)


def read_records(root: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The records of all runs below a folder, each run once.

    Args:
        root: What `zmix_core.training.run.run` was given. Where there is none, there are no records.

    Returns:
        Of each run the record that it is finished, else its last failure; in the order of the runs' keys.

    Example:
        >>> read_records("no/such/folder")
        []
    """
    found = []
    for file in sorted(Path(root).glob(f"*/{FILE}")):
        log = read_log(file.parent)
        if log:
            found.append(finished(file.parent) or log[-1])
    return found
