"""How the time to mix a whole set grows with its size, N = m, ``zmix speed grow``."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from zmix_core.methods import ZetaMixup
from zmix_core.speed import beside, machine, markdown, provenance, seconds

__all__ = ["SIZES", "exponent", "measure", "table"]

SIZES = (32, 128, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536)
QUICK = (32, 1024, 4096, 16384)
WIDTHS = (3, 3072)
CIFAR = (50_000, 3072)
"""The images of CIFAR-10 and the values of each; random ones will do."""

LARGE = 1024
"""From this m on the exponent of the growth is taken."""

LIMITS = 7, 3.0
"""Runs at most of each computation, and the seconds after which it is not run again."""

QUICK_LIMITS = 3, 1.0

ENOUGH = 8.0
"""Seconds; the independent scheme, which is quadratic, is not measured where it is to take longer."""

GOALS = {"exponent": 1.15, "seconds": 5.0, "GB": 4.0}
"""At most this much, for the circulant scheme; the last two for `CIFAR`."""

SCHEMES = ("circulant", "independent")


def measure(
    *,
    quick: bool = False,
    sizes: Sequence[int] | None = None,
    cifar: tuple[int, int] | None = None,
    limits: tuple[int, float] = LIMITS,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Draw a recipe of all m samples for each and apply it to float32 samples ``(m, D)``, on the CPU.

    Args:
        quick: Fewer sizes, and a tenth of CIFAR-10.
        sizes: The m to take, instead of `SIZES`.
        cifar: m and D of the last row, instead of `CIFAR`.
        limits: See `LIMITS`.
        say: Is told what is being measured.

    Returns:
        What the JSON file holds: machine, versions, date, one row a scheme, m and D; the set of CIFAR-10's
        size with the memory that the process took at most until then; the exponents; what was skipped.
    """
    sizes = sizes or (QUICK if quick else SIZES)
    rows, skipped = [], []
    m, width = cifar or ((CIFAR[0] // 10, CIFAR[1]) if quick else CIFAR)
    say(f"circulant, m = {m:,}, D = {width:,}")
    # First, as a process's memory is known only at its highest.
    whole = _row("circulant", m, width, limits) | {"GB": _peak()}
    for scheme in SCHEMES:
        for width in WIDTHS:
            due, last = 0.0, sizes[0]
            for m in sizes:
                if scheme == "independent" and due * (m / last) ** 2 > ENOUGH:
                    what = f"The independent scheme was measured up to m = {last:,} at D = {width:,}"
                    skipped.append(f"{what}: the time grows with its square.")
                    break
                say(f"{scheme}, m = {m:,}, D = {width:,}")
                rows.append(_row(scheme, m, width, limits))
                due, last = rows[-1]["time"]["median"], m
    exponents = {
        f"{scheme}, D = {width:,}": exponent(points)
        for scheme in SCHEMES
        for width in WIDTHS
        if len(points := _points(rows, scheme, width)) > 1
    }
    measured = {"rows": rows, "whole": whole, "exponents": exponents, "skipped": skipped}
    return {"bench": "grow", **machine(["torch"]), **measured}


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """The p of time ~ m^p, by least squares on the logarithms of ``(m, seconds)``.

    Example:
        >>> exponent([(1, 2.0), (2, 8.0), (4, 32.0)])
        2.0
    """
    logs = [(math.log(m), math.log(time)) for m, time in points]
    x, y = (sum(values) / len(logs) for values in zip(*logs, strict=True))
    return sum((a - x) * (b - y) for a, b in logs) / sum((a - x) ** 2 for a, _ in logs)


def _row(scheme: Any, m: int, width: int, limits: tuple[int, float]) -> dict[str, Any]:
    x = torch.rand(m, width, generator=torch.Generator().manual_seed(0))
    method = ZetaMixup(scheme=scheme)

    def mix() -> None:  # gives nothing back, so that but one result is in memory
        method.draw(m).apply(x)

    if m <= 2 * LARGE:
        mix()  # what is allocated or planned at first
    return {"scheme": scheme, "m": m, "D": width, "time": beside({"mix": mix}, *limits)[1]["mix"].record()}


def _points(rows: Sequence[Mapping[str, Any]], scheme: str, width: int) -> list[tuple[float, float]]:
    return [
        (row["m"], row["time"]["median"])
        for row in rows
        if row["scheme"] == scheme and row["D"] == width and row["m"] >= LARGE
    ]


def _peak() -> float | None:
    """The most memory this process has taken so far, in GB; None where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def table(measured: Mapping[str, Any]) -> str:
    """What `measure` gave, as Markdown."""
    found = {(row["scheme"], row["D"], row["m"]): seconds(row["time"]) for row in measured["rows"]}
    columns = list(dict.fromkeys((row["scheme"], row["D"]) for row in measured["rows"]))
    sizes = sorted({row["m"] for row in measured["rows"]})
    cells = [[f"{m:,}", *(found.get((*column, m), "") for column in columns)] for m in sizes]
    header = ["m = N", *(f"{scheme}, D = {width:,}" for scheme, width in columns)]
    exponents = measured["exponents"]
    if exponents:
        cells.append([f"exponent from {LARGE:,} on", *(f"{exponents[name]:.2f}" for name in header[1:])])
    whole, goal = measured["whole"], f"at most {GOALS['exponent']}"
    aims = [[f"exponent, {name}", f"{p:.2f}", goal] for name, p in exponents.items() if "circulant" in name]
    what = f"m = {whole['m']:,}, D = {whole['D']:,}"
    is_cifar = (whole["m"], whole["D"]) == CIFAR
    aims.append([f"{what}: time", seconds(whole["time"]), f"at most {GOALS['seconds']:.0f} s" * is_cifar])
    if whole["GB"] is not None:
        memory = f"at most {GOALS['GB']:.0f} GB" * is_cifar
        aims.append([f"{what}: memory of the process", f"{whole['GB']:.1f} GB", memory])
    lines = [markdown(header, cells), "", markdown(["circulant scheme", "measured", "goal"], aims), ""]
    return "\n".join([*lines, provenance(measured), *(f"\n{line}" for line in measured["skipped"])])
