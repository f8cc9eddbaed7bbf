"""``zmix data ...``: what there is to train on, what is missing of it, and how to get it."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zmix_core.training.protocols import Protocol

__all__ = ["data_check", "data_fetch", "data_list", "fault_of"]

Run = Callable[[argparse.Namespace], None]


def data_list(parser: argparse.ArgumentParser) -> Run:
    """List the protocols of the benchmark, and which data is on disk."""

    def run(options: argparse.Namespace) -> None:
        from zmix_core import images
        from zmix_core.training.protocols import PROTOCOLS

        known = images.available()
        rows = [("name", "group", "pictures", "classes", "size", "networks", "data")]
        for entry in PROTOCOLS.values():
            rows.append(
                (
                    entry.name,
                    entry.group,
                    f"{entry.pictures:,}",
                    str(entry.classes),
                    str(entry.size),
                    ", ".join(entry.networks),
                    _state(entry, known),
                )
            )
        widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
        for row in rows:
            texts = zip(row, widths, strict=True)
            cells = (text.rjust(w) if 2 <= k <= 4 else text.ljust(w) for k, (text, w) in enumerate(texts))
            print("  ".join(cells).rstrip())
        print(f"\nlooked for in {images.data_root()}; `zmix data check NAME` says more of one")

    return run


def data_check(parser: argparse.ArgumentParser) -> Run:
    """Tell a data set's address, licence and files, what is missing, and how to put it right."""
    _name(parser)

    def run(options: argparse.Namespace) -> None:
        from zmix_core.training.protocols import protocol

        entry = protocol(options.name)
        for heading, text in _facts(entry).items():
            _say(heading, text)
        fault = fault_of(entry)
        if fault is not None:
            fetched = f" `zmix data fetch {entry.name}` gets it." if entry.reader == "library" else ""
            raise type(fault)(f"{fault}{fetched}") from fault
        _say("state", _whole(entry))

    return run


def data_fetch(parser: argparse.ArgumentParser) -> Run:
    """Download a data set where its licence allows, or tell what to do by hand."""
    _name(parser)

    def run(options: argparse.Namespace) -> None:
        from zmix_core import images
        from zmix_core.training.data import where
        from zmix_core.training.fetch import fetch
        from zmix_core.training.protocols import protocol

        entry = protocol(options.name)
        fault = fault_of(entry)
        if fault is None:
            print(f"{entry.name} is on disk already: {where(entry)}")
            return
        print(f"{entry.title}: {entry.source}\nlicence: {entry.licence}")
        if entry.reader == "library":
            images.load(entry.data, download=True, limit=1)
        elif entry.url:
            fetch(entry.url, where(entry), md5=entry.md5, say=_tell)
        elif entry.by_hand:
            print(f"folder: {where(entry)}")
            raise ValueError(f"{entry.name} is not handed out by download. {entry.by_hand}")
        else:
            raise fault
        print(f"{entry.name} is whole: {where(entry)}")

    return run


def _name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", help="as `zmix data list` has it, or a path to a folder of pictures or an .npz"
    )


def _facts(entry: Protocol) -> dict[str, str]:
    from zmix_core.training.data import where

    facts = {
        "name": f"{entry.name} ({entry.title})",
        "source": entry.source,
        "licence": entry.licence,
        "pictures": f"{entry.pictures:,} in {entry.classes} classes, split: {entry.split}",
        "expected": "; ".join(_expected(entry)),
        "in": str(where(entry)),
        "trains": _training(entry),
        "by hand": entry.by_hand,
        "note": entry.note,
    }
    return {heading: text for heading, text in facts.items() if text}


def _training(entry: Protocol) -> str:
    return (
        f"{' or '.join(entry.networks)} on {entry.size} x {entry.size} pixels, {entry.epochs} epochs in "
        f"batches of {entry.batch}, learning rate {entry.learning_rate:g}, "
        f"weight decay {entry.weight_decay:g}"
    )


def _expected(entry: Protocol) -> list[str]:
    """The files, with what is known of them."""
    if entry.reader == "npz":
        return [Path(entry.data).name + (f", md5 {entry.md5}, from {entry.url}" if entry.md5 else "")]
    if entry.reader == "folder":
        return ["pictures in a folder a class, optionally below train/, val/ and test/; or manifest.csv"]
    from zmix_core.images import IMAGES

    library = IMAGES[entry.data]
    md5 = library.checksums()
    kinds = "pictures" if library.resizable else "bytes"
    parts = {**library.parts("train"), **library.parts("test")}
    return [
        part + (f", {count:,} {kinds}" if count else "") + (f", md5 {md5[part]}" if part in md5 else "")
        for part, count in parts.items()
    ] or ["nothing: it comes with scikit-learn"]


def fault_of(entry: Protocol) -> Exception | None:
    """What keeps a protocol's data from being read; checksums are compared where they are known.

    Example:
        >>> from zmix_core.training.protocols import PROTOCOLS
        >>> fault_of(PROTOCOLS["digits"]) is None
        True
    """
    from zmix_core import images
    from zmix_core.training import folders
    from zmix_core.training.data import where
    from zmix_core.training.fetch import md5_of
    from zmix_core.training.frozen import FILE, frozen

    path = where(entry)
    try:
        if entry.reader == "library":
            for split in ("train", "test"):
                images.load(entry.data, split=split, limit=1)
        elif entry.reader == "npz":
            if not path.is_file():
                return FileNotFoundError(
                    f"{entry.name}: no {path}. `zmix data fetch {entry.name}` downloads it."
                )
            if entry.md5 and (found := md5_of(path)) != entry.md5:
                return ValueError(
                    f"{entry.name}: {path} has md5 {found}; expected {entry.md5}. It is damaged, or of "
                    f"another edition: `zmix data fetch {entry.name}` downloads it anew."
                )
        else:
            pictures = folders.read(path)
            count = len(folders.labels(pictures))
            if count != entry.classes:
                names = ", ".join(folders.labels(pictures)[:12])
                return ValueError(f"{path} has {count} classes ({names}); expected {entry.classes}.")
            if (path / FILE).exists() and not pictures[0].split:
                frozen(path, pictures)
    except (OSError, ValueError) as error:
        return error
    return None


def _whole(entry: Protocol) -> str:
    """What is on disk, of data without a fault."""
    from zmix_core.training import folders
    from zmix_core.training.data import where
    from zmix_core.training.frozen import FILE

    if entry.reader != "folder":
        return "whole" + (", md5 right" if entry.md5 else "")
    pictures = folders.read(where(entry))
    if pictures[0].split:
        drawn = "split as the folder has it"
    elif (where(entry) / FILE).exists():
        drawn = f"split as frozen in {FILE}"
    else:
        drawn = "its split is drawn and frozen when it is first used"
    other = "" if len(pictures) == entry.pictures else f", but the paper has {entry.pictures:,}"
    return f"{len(pictures):,} pictures on disk{other}; {drawn}"


def _state(entry: Protocol, known: list[str]) -> str:
    """Judged from names and sizes alone, for a list."""
    from zmix_core.training.data import where

    path = where(entry)
    here = entry.data in known if entry.reader == "library" else path.exists()
    if here:
        return "on disk"
    part = path.with_name(f"{path.name}.part")
    if entry.url and part.is_file():
        return f"{part.stat().st_size / 1e6:.1f} MB of it on disk"
    return "by hand" if entry.by_hand else "to be fetched"


def _say(heading: str, text: str) -> None:
    lines = textwrap.wrap(text, 98, break_on_hyphens=False, break_long_words=False)
    print(f"{heading + ':':10} " + ("\n" + " " * 11).join(lines))


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
