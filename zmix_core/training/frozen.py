"""Splits that their owners do not give: drawn once, stratified 70:10:20, and frozen beside the pictures."""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zmix_core.training.folders import Picture

__all__ = ["FILE", "LEAST", "frozen", "stratified"]

FILE = "zmix-split.json"
LEAST = 10
"""Pictures that a class needs, so that each of the three splits has one of it."""

SEED = 0
"""Of every split that is drawn: a run's seed does not change what it is tested on."""


def frozen(folder: Path, found: Sequence[Picture]) -> dict[str, str]:
    """The split of every picture of a folder: as it was drawn once, or drawn now.

    It is kept in ``zmix-split.json`` in the folder, with its seed and each picture's label, group and bytes,
    and is read again ever after.

    Args:
        folder: Where the pictures lie.
        found: All of them, as `zmix_core.training.folders.read` gives them.

    Returns:
        For each path ``"train"``, ``"val"`` or ``"test"``.

    Raises:
        ValueError: The pictures are no longer those of the frozen split, or are too few to draw one.
        OSError: It cannot be written.

    Example:
        ``frozen(Path("skin"), folders.read(Path("skin")))["nevus/1.jpg"]``
    """
    file = folder / FILE
    if not file.exists():
        groups = [picture.group for picture in found]
        try:
            drawn = stratified([p.label for p in found], groups if all(groups) else None, seed=SEED)
        except ValueError as error:
            raise ValueError(f"{folder}: {error}") from error
        _keep(file, found, drawn)
    return _checked(file, found)


def stratified(labels: Sequence[str], groups: Sequence[str] | None = None, *, seed: int) -> list[str]:
    """A split 70:10:20 with each class in the same shares (Appendix D.2).

    Args:
        labels: The classes.
        groups: Of the same length; those of one group stay together. The shares are then met as well as
            groups allow.
        seed: Of the draw, by scikit-learn.

    Returns:
        ``"train"``, ``"val"`` or ``"test"`` for each. Without groups ``round(0.2 m)`` are tested and
        ``round(0.1 m)`` validate.

    Raises:
        ValueError: A class has fewer than 10 samples, or with groups, fewer than 10 groups.

    Example:
        >>> drawn = stratified(["cat", "dog"] * 50, seed=0)
        >>> [drawn.count(split) for split in ("train", "val", "test")]
        [70, 10, 20]
    """
    pairs = set(zip(labels, groups or range(len(labels)), strict=True))
    for label, count in sorted(Counter(label for label, _ in pairs).items()):
        if count < LEAST:
            raise ValueError(
                f"class {label!r} has {count} {'groups' if groups else 'pictures'}; expected at least "
                f"{LEAST} to split 70:10:20. Add pictures, or give every picture its "
                "split: in the manifest's column split, or below train/, val/ and test/."
            )
    y = np.array(labels)
    drawn = np.full(len(y), "train", dtype="<U5")
    if groups is not None:
        from sklearn.model_selection import StratifiedGroupKFold

        folds = StratifiedGroupKFold(10, shuffle=True, random_state=seed).split(y, y, np.array(groups))
        for split, (_, held) in zip(("test", "test", "val"), folds, strict=False):
            drawn[held] = split
        return [str(split) for split in drawn]
    from sklearn.model_selection import train_test_split

    rest = np.arange(len(y))
    for split, share in (("test", 0.2), ("val", 0.1)):
        rest, held = train_test_split(
            rest, test_size=round(share * len(y)), stratify=y[rest], random_state=seed
        )
        drawn[held] = split
    return [str(split) for split in drawn]


def _keep(file: Path, found: Sequence[Picture], drawn: Sequence[str]) -> None:
    pictures = {p.path: [split, p.label, p.group, p.size] for p, split in zip(found, drawn, strict=True)}
    content = {
        "what": "a split 70:10:20, stratified by class, drawn once: split, label, group and bytes",
        "seed": SEED,
        "pictures": pictures,
    }
    lines = json.dumps(content, ensure_ascii=False, indent=0)
    try:
        handle, name = tempfile.mkstemp(prefix=".zmix-", dir=file.parent)
        with open(handle, "w", encoding="utf-8") as temporary:
            temporary.write(lines)
    except OSError as error:
        raise OSError(
            f"{file}: cannot be written ({error}); the split is frozen there. Make the folder writable, or "
            "give every picture its split in a manifest.csv."
        ) from error
    try:
        # Of several processes the first one's split stands: unlike replacing, a link fails where one is.
        os.link(name, file)
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        if not file.exists():
            os.replace(name, file)
            return
    os.unlink(name)


def _checked(file: Path, found: Sequence[Picture]) -> dict[str, str]:
    """The kept split, if its pictures are those that are there."""
    remedy = (
        f"Bring the pictures back as they were; or delete {file.name} so that another split is drawn, with "
        "which results cannot be compared with those before."
    )
    try:
        kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))["pictures"]
        splits = {path: str(entry[0]) for path, entry in kept.items()}
        if not set(splits.values()) <= {"train", "val", "test"}:
            raise ValueError(f"its splits are {', '.join(sorted(set(splits.values())))}")
        was = {path: tuple(entry[1:]) for path, entry in kept.items()}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{file}: not a frozen split ({error!r}). {remedy}") from error
    now = {p.path: (p.label, p.group, p.size) for p in found}
    differences = {
        "are gone": was.keys() - now.keys(),
        "are new": now.keys() - was.keys(),
        "have another label, group or number of bytes": {
            p for p in was.keys() & now.keys() if was[p] != now[p]
        },
    }
    said = [f"{len(d)} {what} ({', '.join(sorted(d)[:3])})" for what, d in differences.items() if d]
    if said:
        raise ValueError(
            f"{file.parent}: its pictures changed since its split was frozen: {'; '.join(said)}. {remedy}"
        )
    return splits
