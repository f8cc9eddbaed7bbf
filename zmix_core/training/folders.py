"""What lies in a folder of pictures: which files, of which class, and of which split and group if it says so.

Nothing is decoded here. A folder is laid out as ``torchvision.datasets.ImageFolder`` has it, one sub-folder a
class, optionally below ``train/``, ``val/`` and ``test/``; or it holds ``manifest.csv``.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from zmix_core.own_images import EXTENSIONS, SPLITS, pictures

__all__ = ["MANIFEST", "Picture", "labels", "read"]

MANIFEST = "manifest.csv"
COLUMNS = ("path", "label", "split", "group")
LAYOUT = (
    "one sub-folder a class, as in skin/nevus/1.jpg, or that below train/, val/ and test/; or manifest.csv "
    "with a line of headings path,label[,split][,group] and a line a picture"
)


@dataclass(frozen=True)
class Picture:
    """One file.

    Args:
        path: Below the folder, with ``/``.
        label: Its class.
        split: ``"train"``, ``"val"`` or ``"test"``; empty where the folder does not say.
        group: What a split must not part, a patient or a lesion; empty where the folder does not say.
        size: Its bytes.
        modified: When it was written, in nanoseconds.
    """

    path: str
    label: str
    split: str
    group: str
    size: int
    modified: int


def read(folder: Path) -> list[Picture]:
    """Every picture of a folder, in the order of their paths.

    Symbolic links and hidden files are skipped, and a manifest may not name them.

    Args:
        folder: In the layout above. With a manifest only the pictures that it names count.

    Returns:
        Either all of them have a split, with some in ``"train"`` and in ``"test"``, or none has.

    Raises:
        FileNotFoundError: There is no such folder, or a picture that the manifest names is not there.
        ValueError: No pictures, fewer than two classes, or a manifest that is not in its layout.

    Example:
        ``read(Path("skin"))[0].label``
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; expected {LAYOUT}.")
    named = (folder / MANIFEST).is_file()
    found = sorted(_manifest(folder) if named else _tree(folder), key=lambda picture: picture.path)
    if len(labels(found)) < 2:
        raise ValueError(
            f"{folder}: {len(found)} pictures in {len(labels(found))} classes; expected at least 2 classes. "
            f"Expected {LAYOUT}."
        )
    splits = Counter(picture.split for picture in found)
    if set(splits) != {""} and ("" in splits or not {"train", "test"} <= set(splits)):
        counts = ", ".join(f"{split or 'none'}: {splits[split]}" for split in ("", *SPLITS) if splits[split])
        raise ValueError(
            f"{folder}: pictures by split are {counts}; expected some in train and some in test, or no split "
            "at all: then one is drawn."
        )
    return found


def labels(found: Sequence[Picture]) -> tuple[str, ...]:
    """The classes, sorted; a label's number is its place here.

    Example:
        >>> labels([Picture("1.png", "nevus", "", "", 9, 0), Picture("2.png", "melanoma", "", "", 9, 0)])
        ('melanoma', 'nevus')
    """
    return tuple(sorted({picture.label for picture in found}))


def _subfolders(folder: Path) -> list[Path]:
    return [
        path
        for path in folder.iterdir()
        if path.is_dir() and not path.is_symlink() and not path.name.startswith(".")
    ]


def _tree(folder: Path) -> Iterator[Picture]:
    below = {path.name: path for path in _subfolders(folder) if path.name in SPLITS and _subfolders(path)}
    for split, top in (below or {"": folder}).items():
        for kind in _subfolders(top):
            for path in pictures(kind):
                yield _picture(folder, Path(path), kind.name, split, "")


def _manifest(folder: Path) -> Iterator[Picture]:
    file = folder / MANIFEST
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}: {error}; expected UTF-8. Expected {LAYOUT}.") from error
    rows = csv.DictReader(lines)
    headings = rows.fieldnames or []
    if not {"path", "label"} <= set(headings) or not set(headings) <= set(COLUMNS):
        raise ValueError(f"{file}: its headings are {', '.join(headings) or 'missing'}; expected {LAYOUT}.")
    seen: set[str] = set()
    for row in rows:
        values = {column: row.get(column, "") for column in headings}
        wrong = _wrong(folder, values, headings, len(row) > len(headings), seen)
        if wrong:
            raise ValueError(f"{file}, line {rows.line_num}: {wrong}.")
        path = folder / values["path"]
        if not path.is_file():
            raise FileNotFoundError(
                f"{file}, line {rows.line_num}: {path} is not there. Put it there or take the line out."
            )
        seen.add(values["path"])
        yield _picture(folder, path, values["label"], values.get("split", ""), values.get("group", ""))


def _wrong(
    folder: Path, values: dict[str, str], headings: Sequence[str], too_many: bool, seen: set[str]
) -> str | None:
    """What is the matter with a line of a manifest."""
    if too_many or None in values.values():
        return f"expected {len(headings)} values, {','.join(headings)}; quote a value that has a comma"
    empty = [column for column in headings if not values[column].strip()]
    if empty:
        return f"no {empty[0]}; expected one in every line, or no such column"
    path = values["path"]
    if not path.lower().endswith(EXTENSIONS):
        return f"path = {path!r}; expected a picture: {', '.join(EXTENSIONS)}"
    # A manifest may come from anyone: it must not lead to a picture elsewhere, by .. or by a link.
    if not (folder / path).resolve().is_relative_to(folder.resolve()):
        return f"path = {path!r} leads out of the folder; expected a path below it"
    if path in seen:
        return f"path = {path!r} for the second time; expected every picture once"
    if values.get("split", "train") not in SPLITS:
        return f"split = {values['split']!r}; expected {', '.join(SPLITS)}"
    return None


def _picture(folder: Path, path: Path, label: str, split: str, group: str) -> Picture:
    status = path.stat()
    name = path.relative_to(folder).as_posix()
    return Picture(name, label, split, group, status.st_size, status.st_mtime_ns)
