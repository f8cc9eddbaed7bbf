"""What the Training tab says in sentences: what its signs mean, what is decided, what to do, what failed."""

from __future__ import annotations

from dashboard.training_data import Known
from dashboard.training_table import Row, Table
from dashboard.training_words import decided, method_title, needed_words
from zmix_core.training.records import runs_folder
from zmix_core.training.results import Difference

__all__ = ["curve_words", "dot_words", "failures", "missing", "note"]

NOTE = (
    "Mean ± standard deviation (seeds); below it the paper's. Bold: best of the row. ✓ better, ✗ worse than "
    "{against} by the 95 % interval of paired differences. Press a row for its figures, ζ-mixup for N and γ."
)

COMMANDS = {"small": "digits", "own": "FOLDER"}
"""What to train where a table has no rows."""

FAILURES = 8
"""Failures told one by one."""

MIXED = " Labels are mixed, too: its level says nothing of which method is better."


def missing(table: Table, known: Known) -> str:
    """What to do where a table has none of our runs; ``""`` where it has some."""
    if any(row.group for row in table.rows):
        return ""
    command = f"zmix train {COMMANDS.get(table.name) or table.rows[0].setting} --root {runs_folder()}"
    paper = ": the numbers are the paper's" if table.rows else ""
    button = "press Train above, or " if table.name == "small" else ""
    words = f"No runs of these yet{paper}. To make some, {button}run: {command}. They appear here."
    return words + _at_work(known)


def note(table: Table, known: Known, against: str) -> str:
    """How many runs there are, and what the signs mean; ``""`` where there are none."""
    groups = {row.setting: row.group for row in table.rows if row.group}
    if not groups:
        return ""
    runs = sum(len(seeds) for group in groups.values() for seeds in group.runs.values())
    where = f"{runs:,} runs below {runs_folder()} or shipped with zmix."
    return f"{where}{_at_work(known)} {NOTE.format(against=method_title(against))}"


def dot_words(row: Row, differences: list[tuple[str, Difference]], against: str) -> str:
    """What the differences of a row decide, and how many seeds it takes where they do not."""
    diamonds = " Hollow diamonds: the paper's, without intervals." if row.paper else ""
    if not differences:
        return f"No runs of {row.title} share seeds with {method_title(against)}'s yet.{diamonds}"
    said = []
    for name, found in differences:
        seeds = f"not decided ({needed_words(found)} seeds needed)"
        said.append(f"{method_title(name)}: {decided(row.metric, found) or seeds}")
    return f"{row.title}, {row.metric} beside {method_title(against)}'s. {'; '.join(said)}.{diamonds}"


def curve_words(row: Row, key: str) -> str:
    """What the curves of a row are."""
    mean = f"{row.title}: mean over the seeds, band: ± their standard deviation."
    return mean + (MIXED if key == "loss" else " The height is that of the second half of training.")


def failures(known: Known) -> tuple[list[list[str]], str]:
    """[mark, which, why] of the first few, and how many more there are."""
    told = []
    for record in known.failed[:FAILURES]:
        settings = record["settings"]
        which = f"{settings['protocol']}, {method_title(record['name'])}, seed {settings['seed']} failed:"
        told.append(["no", which, record["error"]["message"]])
    more = len(known.failed) - len(told)
    return told, f"{more} more failed." if more else ""


def _at_work(known: Known) -> str:
    return f" {known.at_work} at work." if known.at_work else ""
