"""Records of runs: one line of JSON each, only ever appended, in the run's own folder."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

__all__ = [
    "FILE",
    "append",
    "finished",
    "measured_records",
    "read_log",
    "read_records",
    "runs_folder",
    "save_records",
]

FILE = "records.jsonl"
"""In the folder of each run: its failures, and last that it is finished. One writer holds the run's lock."""


MEASURED = Path(__file__).parent / "measured"
"""Records that come with this project, a file a protocol."""


def runs_folder() -> Path:
    """Where runs lie unless another folder is named: ``ZMIX_RUNS``, else ``zmix-runs`` here.

    Example:
        >>> runs_folder().name
        'zmix-runs'
    """
    return Path(os.environ.get("ZMIX_RUNS") or "zmix-runs")


def measured_records() -> list[dict[str, Any]]:
    """The records of the runs that this project states, of `PROTOCOLS` in `protocols.small`.

    Example:
        >>> {record["status"] for record in measured_records()}
        {'finished'}
    """
    return [record for file in sorted(MEASURED.glob("*.jsonl")) for record in read_records(file)]


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
    return _read(folder / FILE)


def finished(folder: Path) -> dict[str, Any] | None:
    """The record of a run that is finished, else None."""
    return _finish(read_log(folder))


def read_records(root: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The records of all runs below a folder, or in a file, each run once.

    Args:
        root: What `zmix_core.training.run.run` was given, or a file of records, one line each. Where there is
            none, there are no records.

    Returns:
        Of each run the record that it is finished, else its last failure; in the order of the runs' keys.

    Example:
        >>> read_records("no/such/folder")
        []
    """
    root = Path(root)
    if root.is_file():
        by_key: dict[str, list[dict[str, Any]]] = {}
        for record in _read(root):
            by_key.setdefault(record["key"], []).append(record)
        logs = [by_key[key] for key in sorted(by_key)]
    else:
        logs = [_read(file) for file in sorted(root.glob(f"*/{FILE}"))]
    return [_finish(log) or log[-1] for log in logs if log]


def save_records(file: str | os.PathLike[str], records: Iterable[Mapping[str, Any]]) -> int:
    """Write records to one file, for `read_records`; how many are finished, which are those that it holds.

    Numbers of the curves are rounded to six digits, which halves the file; all others stay as they are.

    Example:
        ``save_records("digits.jsonl", read_records("zmix-runs"))``
    """
    done = [record for record in records if record["status"] == "finished"]
    Path(file).write_text(
        "".join(
            json.dumps({**record, "curves": _rounded(record["curves"])}, ensure_ascii=False) + "\n"
            for record in done
        ),
        encoding="utf-8",
    )
    return len(done)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    return [_rounded(part) for part in value] if isinstance(value, list) else value


def _finish(log: list[dict[str, Any]]) -> dict[str, Any] | None:
    return next((record for record in log if record["status"] == "finished"), None)


def _read(file: Path) -> list[dict[str, Any]]:
    try:
        lines = file.read_bytes().split(b"\n")
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
