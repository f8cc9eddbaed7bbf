"""The paper's own results, as its tables print them: beside what is measured here, never instead of it."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib import resources

__all__ = ["TABLES", "PaperResult", "paper_results"]

TABLES = ("1", "2", "3", "A3")


@dataclass(frozen=True)
class PaperResult:
    """One number of a table.

    Args:
        table: Its table: one of ``TABLES``.
        dataset: The protocol's name.
        network: ``"resnet-18"`` or ``"resnet-50"``.
        method: ``"erm"``, ``"mixup"`` or ``"zeta-mixup"``: names in `zmix_core.METHODS`.
        gamma: γ of ζ-mixup, else None.
        metric: ``"ERR"``, ``"ACC"`` and ``"ACC_bal"`` in percent; ``"AUC"``, ``"F1-micro"`` and
            ``"F1-macro"`` from 0 to 1.
        mean: As printed. Table 1 averages 3 runs; the other tables do not say how many.
        std: None: the paper gives no standard deviation in these tables.
        note: Where the text we have is scrambled or at odds with itself.
    """

    table: str
    dataset: str
    network: str
    method: str
    gamma: float | None
    metric: str
    mean: float
    std: float | None
    note: str


def paper_results(table: str | None = None, *, dataset: str | None = None) -> list[PaperResult]:
    """The numbers of Tables 1, 2, 3 and A3.

    Of Table A3's last block, PH2 and MED-NODE, the text we have keeps ERM and mixup only; Table 2 has the
    balanced accuracy of all methods.

    Args:
        table: One of ``TABLES``; all of them if None.
        dataset: Only those of this protocol's name.

    Returns:
        In the order of the tables; empty for a data set that is in none of them.

    Raises:
        ValueError: There is no such table.

    Example:
        >>> paper_results("1", dataset="cifar10")[0].mean
        5.48
    """
    if table is not None and table not in TABLES:
        raise ValueError(f"table = {table!r}: expected one of {', '.join(TABLES)}.")
    found = [result for name in TABLES if table in (None, name) for result in _read(name)]
    return [result for result in found if dataset in (None, result.dataset)]


def _read(table: str) -> list[PaperResult]:
    text = resources.files(__name__).joinpath(f"table_{table}.csv").read_text(encoding="utf-8")
    return [
        PaperResult(
            table,
            row["dataset"],
            row["network"],
            row["method"],
            float(row["gamma"]) if row["gamma"] else None,
            row["metric"],
            float(row["mean"]),
            float(row["std"]) if row["std"] else None,
            row["note"],
        )
        for row in csv.DictReader(text.splitlines())
    ]
