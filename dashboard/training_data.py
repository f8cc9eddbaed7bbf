"""Runs on record: read again only where a file changed, and sorted into settings that are compared."""

from __future__ import annotations

import operator
import os
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zmix_core.training import records as on_disk
from zmix_core.training.fit import CHECKPOINT
from zmix_core.training.results import Result, compared, natural, results

__all__ = ["Group", "Known", "Records", "known"]

ALIVE = 120.0
"""Seconds since its last checkpoint in which a run that is not finished counts as being at work."""

SHARED = ("key", "name", "settings", "metrics")
FINISHED = (*SHARED, "final", "curves")
FAILED = (*SHARED, "error")


@dataclass(frozen=True, eq=False)
class Group:
    """Finished runs that share every setting but method and seed.

    Args:
        setting: The protocol's name, and what is not as the protocol has it.
        protocol: Its name, of one's own pictures their path.
        network: What was trained.
        metrics: What the protocol's table reports, the first one first.
        runs: By the method's name and the seed.
        results: By the method's name and the metric.
    """

    setting: str
    protocol: str
    network: str
    metrics: tuple[str, ...]
    runs: dict[str, dict[int, Mapping[str, Any]]]
    results: dict[tuple[str, str], Result]


@dataclass(frozen=True, eq=False)
class Known:
    """What is on record at one moment.

    Args:
        groups: Finished runs, by setting.
        failed: Records of runs that failed and were not finished since.
        at_work: How many runs wrote a checkpoint just now.
        keys: Of all finished runs.
    """

    groups: tuple[Group, ...]
    failed: tuple[Mapping[str, Any], ...]
    at_work: int
    keys: frozenset[str]


class Records:
    """The records that come with zmix, and those below a folder, which win over a shipped one of their key.

    Args:
        root: Folder of all runs; it need not be there.

    Example:
        >>> Records(Path("no/such/folder")).read().at_work
        0
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()
        self._files: dict[str, tuple[tuple[int, int], Mapping[str, Any] | None]] = {}
        self._shipped: dict[str, Mapping[str, Any]] | None = None
        self._groups: dict[str, tuple[list[Mapping[str, Any]], Group]] = {}
        self._known: Known | None = None

    def read(self) -> Known:
        """What is on record now; the very same object as long as nothing changed."""
        with self._lock:
            changed, at_work = self._look()
            if self._shipped is None:
                self._shipped = {record["key"]: record for record in on_disk.measured_records()}
            known = self._known
            if known is None or changed:
                own = {record["key"]: record for _, record in self._files.values() if record}
                known = self._sorted({**self._shipped, **_over(own, self._shipped)}, at_work)
            elif known.at_work != at_work:
                known = replace(known, at_work=at_work)
            self._known = known
            return known

    def _look(self) -> tuple[bool, int]:
        """Reads what changed; whether anything did, and how many runs are at work."""
        files: dict[str, tuple[tuple[int, int], Mapping[str, Any] | None]] = {}
        changed, at_work = False, 0
        try:
            folders = sorted(entry.path for entry in os.scandir(self.root) if entry.is_dir())
        except OSError:  # none yet, or not to be read: then there are no records
            folders = []
        for folder in folders:
            at_work += _age(os.path.join(folder, CHECKPOINT)) < ALIVE
            try:
                stat = os.stat(os.path.join(folder, on_disk.FILE))
            except OSError:
                continue
            sign = stat.st_mtime_ns, stat.st_size
            kept = self._files.get(folder)
            if kept is None or kept[0] != sign:
                kept, changed = (sign, _last(Path(folder))), True
            files[folder] = kept
        changed = changed or len(files) != len(self._files)
        self._files = files
        return changed, at_work

    def _sorted(self, records: Mapping[str, Mapping[str, Any]], at_work: int) -> Known:
        sets: dict[str, list[Mapping[str, Any]]] = {}
        for record in records.values():
            if record["status"] == "finished":
                sets.setdefault(compared(record["settings"]), []).append(record)
        groups = {}
        for text, members in sets.items():
            kept = self._groups.get(text)
            same = kept and len(kept[0]) == len(members) and all(map(operator.is_, kept[0], members))
            groups[text] = kept if kept and same else (members, _group(members))
        self._groups = groups
        failed = tuple(record for record in records.values() if record["status"] == "failed")
        found = sorted((group for _, group in groups.values()), key=lambda group: natural(group.setting))
        keys = frozenset(records) - {record["key"] for record in failed}
        return Known(tuple(_named_apart(found)), failed, at_work, keys)


def known() -> Known:
    """What is on record in the runs' folder now; all sessions share what was read."""
    root = on_disk.runs_folder()
    with _all_lock:
        records = _all.setdefault(root, Records(root))
    return records.read()


_all: dict[Path, Records] = {}
_all_lock = threading.Lock()


def _group(records: list[Mapping[str, Any]]) -> Group:
    found = results(records)
    settings = records[0]["settings"]
    runs: dict[str, dict[int, Mapping[str, Any]]] = {}
    for record in records:
        runs.setdefault(record["name"], {})[record["settings"]["seed"]] = record
    return Group(
        found[0].setting if found else settings["protocol"],
        settings["protocol"],
        settings["network"],
        tuple(records[0]["metrics"]),
        runs,
        {(result.method, result.metric): result for result in found},
    )


def _named_apart(groups: list[Group]) -> list[Group]:
    """Of one's own pictures there is no protocol to differ from: settings of one name are numbered."""
    seen: Counter[str] = Counter()
    apart = []
    for group in groups:
        seen[group.setting] += 1
        count = seen[group.setting]
        apart.append(group if count == 1 else replace(group, setting=f"{group.setting} ({count})"))
    return apart


def _last(folder: Path) -> Mapping[str, Any] | None:
    """That a run is finished, else its last failure; None where neither can be read."""
    log = on_disk.read_log(folder)
    whole = [record for record in log if _is_whole(record)]
    done = [record for record in whole if record["status"] == "finished"]
    return (done or whole)[-1] if whole else None


def _is_whole(record: Mapping[str, Any]) -> bool:
    needed = {"finished": FINISHED, "failed": FAILED}.get(str(record["status"]))
    return needed is not None and all(name in record for name in needed)


def _over(own: Mapping[str, Any], shipped: Mapping[str, Any]) -> dict[str, Any]:
    """What lies in the folder, but for failures of what a shipped record has finished."""
    return {
        key: record for key, record in own.items() if record["status"] == "finished" or key not in shipped
    }


def _age(file: str) -> float:
    try:
        return time.time() - os.stat(file).st_mtime
    except OSError:
        return float("inf")
