"""Timing computations beside other libraries', in one run on one machine, for ``zmix speed``."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

__all__ = ["Timing", "awaited", "beside", "machine", "markdown", "provenance", "ratio", "seconds"]


@dataclass(frozen=True)
class Timing:
    """Seconds that a computation took, each time it was run."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Of all runs."""
        return statistics.median(self.seconds)

    @property
    def spread(self) -> float:
        """Half of what lies between the fastest and the slowest run."""
        return (max(self.seconds) - min(self.seconds)) / 2

    def record(self) -> dict[str, float]:
        """For JSON."""
        return {"median": self.median, "spread": self.spread, "runs": len(self.seconds)}


def beside(
    calls: Mapping[str, Callable[[], Any]], repeats: int = 5, seconds: float = 10.0
) -> tuple[dict[str, Any], dict[str, Timing]]:
    """Time computations in turns, so that what else the machine does slows all of them alike.

    Args:
        calls: By name; run in this order.
        repeats: Turns at most; each is run at least once.
        seconds: A computation that has taken so long altogether is not run again.

    Returns:
        What each gave, the last time; and how long it took.

    Example:
        >>> found, times = beside({"sum": lambda: sum(range(100)), "formula": lambda: 99 * 100 // 2})
        >>> found, len(times["sum"].seconds)
        ({'sum': 4950, 'formula': 4950}, 5)
    """
    found: dict[str, Any] = {}
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            if not taken[name] or sum(taken[name]) < seconds:
                start = time.perf_counter()
                found[name] = call()
                taken[name].append(time.perf_counter() - start)
    return found, {name: Timing(tuple(each)) for name, each in taken.items()}


def awaited(call: Callable[[], Any], device: str | torch.device) -> Callable[[], Any]:
    """The call, and on a CUDA device, which works on its own, the wait until it is done.

    Example:
        >>> awaited(lambda: 1, "cpu")()
        1
    """
    if torch.device(device).type != "cuda":
        return call

    def run() -> Any:
        found = call()
        torch.cuda.synchronize(device)
        return found

    return run


def ratio(ours: Timing, rivals: Mapping[str, Timing]) -> dict[str, Any]:
    """Timings for JSON, and how many times longer than ours the fastest rival takes.

    Example:
        >>> ratio(Timing((2.0,)), {"theirs": Timing((9.0,))})["ratio"]
        4.5
    """
    records = {name: timing.record() for name, timing in {"ours": ours, **rivals}.items()}
    return {**records, "ratio": min(timing.median for timing in rivals.values()) / ours.median}


def machine(packages: Sequence[str]) -> dict[str, Any]:
    """Where and with what something is measured, for JSON: processor, threads, date, versions.

    Args:
        packages: Whose versions matter, besides Python's.

    Example:
        >>> sorted(machine(["torch"]))
        ['date', 'device', 'processor', 'threads', 'versions']
    """
    versions = {"python": platform.python_version()} | {name: version(name) for name in packages}
    return {
        "device": "cpu",
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "date": date.today().isoformat(),
        "versions": versions,
    }


def provenance(measured: Mapping[str, Any]) -> str:
    """What `machine` says, in a sentence."""
    versions = ", ".join(f"{name} {number}" for name, number in measured["versions"].items())
    threads = f"{measured['threads']} thread{'s' if measured['threads'] > 1 else ''}"
    device = "" if measured["device"] == "cpu" else f" ({measured['device']})"
    return f"{measured['date']}, {measured['processor']}{device}, {threads}; {versions}."


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table that reads well in a terminal too.

    Example:
        >>> print(markdown(["data", "time"], [["helix", "2 s"]]))
        | data  | time |
        | ----- | ---- |
        | helix | 2 s  |
    """
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    rule = ["-" * width for width in widths]
    lines = []
    for row in (header, rule, *rows):
        lines.append(f"| {' | '.join(cell.ljust(w) for cell, w in zip(row, widths, strict=True))} |")
    return "\n".join(lines)


def seconds(timing: Mapping[str, float]) -> str:
    """A `Timing.record` in words: the median, and the spread where there were several runs.

    Example:
        >>> seconds({"median": 0.01234, "spread": 0.0021, "runs": 5}), seconds({"median": 71.6, "runs": 1})
        ('12 ± 2 ms', '72 s')
    """
    unit, name = (1e-3, "ms") if timing["median"] < 0.0995 else (1.0, "s")
    median = timing["median"] / unit
    digits = 0 if median >= 9.95 else 1 if median >= 0.995 else 2
    spread = f" ± {timing['spread'] / unit:.{digits}f}" if timing["runs"] > 1 else ""
    return f"{median:,.{digits}f}{spread} {name}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
