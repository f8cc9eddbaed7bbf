"""The pictures of a protocol: what is trained on, what validates, what is tested."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import torch

from zmix_core import images
from zmix_core.arguments import whole
from zmix_core.dataset import Dataset
from zmix_core.training import folders
from zmix_core.training.frozen import frozen
from zmix_core.training.protocols import STRATIFIED, Protocol
from zmix_core.training.squares import squares

__all__ = ["Splits", "splits", "where"]

Say = Callable[[str], None]


class Splits(NamedTuple):
    """A protocol's pictures.

    Args:
        train: Learned from.
        val: Chosen by, or None where there is no such split.
        test: Judged on.
    """

    train: Dataset
    val: Dataset | None
    test: Dataset


def splits(
    protocol: Protocol, root: str | os.PathLike[str] | None = None, *, seed: int = 0, say: Say | None = None
) -> Splits:
    """Opens a protocol's pictures (Appendix D); nothing is downloaded.

    Folders of pictures are cropped and resized once and kept in the data folder's ``.zmix/``. A split that
    its owners do not give is drawn once, with a seed of its own, and frozen beside the pictures: see
    `zmix_core.training.frozen`.

    Args:
        protocol: From ``PROTOCOLS``, or of one's own by `zmix_core.training.protocols.protocol`.
        root: Data folder; see `zmix_core.images.data_root`.
        seed: The run's. ``"mnist-1000"`` draws its training pictures by it; everything else is the same for
            all seeds.
        say: Is told how far it is where pictures have to be decoded first.

    Returns:
        Each with ``x`` uint8 ``(m, C, H, W)`` in 0..255, ``y`` int64 ``(m,)``, and the classes' names in the
        same order.

    Raises:
        FileNotFoundError: The data is not there; the message says how to get it.
        ValueError: It is damaged, not in its layout, has not the protocol's classes, or its files changed
            since its split was frozen.

    Example:
        >>> from zmix_core.training.protocols import PROTOCOLS
        >>> [len(part) for part in splits(PROTOCOLS["digits"])]
        [1258, 180, 359]
    """
    seed = whole("seed", seed, 0)
    folder = images.data_root(root)
    open_it = {"library": _library, "npz": _npz, "folder": _folder}[protocol.reader]
    found = open_it(protocol, folder, say)
    if protocol.name == "mnist-1000":
        found = found._replace(train=_balanced(found.train, 100, seed))
    for part in found:
        if part is not None and part.num_classes != protocol.classes:
            raise ValueError(
                f"{protocol.name}: {part.num_classes} classes in {where(protocol, root)} "
                f"({', '.join(part.classes[:12])}); expected {protocol.classes}. {protocol.by_hand}".rstrip()
            )
    return found


def where(protocol: Protocol, root: str | os.PathLike[str] | None = None) -> Path:
    """The file or folder that a protocol's pictures are looked for in; the data folder for library sets.

    Example:
        >>> from zmix_core.training.protocols import PROTOCOLS
        >>> where(PROTOCOLS["ph2"], "data").as_posix()
        'data/ph2'
    """
    folder = images.data_root(root)
    # One's own have an absolute path, which joining leaves as it is.
    return folder if protocol.reader == "library" else folder / protocol.data


def _library(protocol: Protocol, root: Path, say: Say | None) -> Splits:
    if protocol.data == "digits":
        return _digits(root)
    if images.IMAGES[protocol.data].resizable:
        return Splits(_resized(protocol, root, "train", say), None, _resized(protocol, root, "test", say))
    train, test = (images.load(protocol.data, split=split, root=root) for split in ("train", "test"))
    return Splits(train, None, test)


def _digits(root: Path) -> Splits:
    digits = images.load("digits", root=root)
    kept = json.loads(resources.files(__package__).joinpath("digits_split.json").read_text(encoding="utf-8"))
    number = torch.tensor([int(digit) for digit in kept["splits"]])
    return Splits(*(digits.take(torch.nonzero(number == k).flatten()) for k in range(3)))


def _resized(protocol: Protocol, root: Path, split: str, say: Say | None) -> Dataset:
    """A folder of the library, at the protocol's size and kept: decoding it takes minutes."""
    one = images.load(protocol.data, split=split, root=root, limit=1, size=8)  # says so if it is not whole
    (part,) = images.IMAGES[protocol.data].parts(split)
    return replace(
        _of(protocol, root / part, folders.read(root / part), root, split, say), classes=one.classes
    )


def _npz(protocol: Protocol, root: Path, say: Say | None) -> Splits:
    file = where(protocol, root)
    if not file.is_file():
        raise FileNotFoundError(
            f"{protocol.name}: no {file}. Fetch it with `zmix data fetch {protocol.name}`, or set ZMIX_DATA "
            "to the folder that has it."
        )

    def part(split: str) -> Dataset:
        data = images.read_npz(file, protocol.name, split=split)
        known = protocol.class_names if data.num_classes == protocol.classes else ()
        if data.x.shape[1:] != (protocol.channels, protocol.size, protocol.size):
            expected = (protocol.channels, protocol.size, protocol.size)
            raise ValueError(
                f"{file}: {split} pictures of shape {tuple(data.x.shape[1:])}; expected {expected}."
            )
        return replace(data, classes=known or data.classes)

    train = part("train")
    with zipfile.ZipFile(file) as archive:
        has_val = "val_images.npy" in archive.namelist()
    return Splits(train, part("val") if has_val else None, part("test"))


def _folder(protocol: Protocol, root: Path, say: Say | None) -> Splits:
    folder = where(protocol, root)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{protocol.name}: no folder {folder}. `zmix data check {protocol.name}` says how to get it; or "
            "set ZMIX_DATA to the folder that has it."
        )
    found = folders.read(folder)
    if not found[0].split:
        if protocol.split != STRATIFIED:
            raise ValueError(
                f"{folder}: no picture has a split, but {protocol.name} is split by its owners; expected a "
                f"column split in manifest.csv, or train/ and test/. {protocol.by_hand}".rstrip()
            )
        drawn = frozen(folder, found)
        found = [replace(picture, split=drawn[picture.path]) for picture in found]
    elif protocol.split == STRATIFIED and protocol.group != "own" and say:
        say(f"{protocol.name}: split as {folder} has it; the paper drew one, {STRATIFIED}.")
    train, val, test = (
        _of(protocol, folder, found, root, split, say) if any(p.split == split for p in found) else None
        for split in ("train", "val", "test")
    )
    assert train is not None  # folders.read has seen to it
    assert test is not None
    return Splits(train, val, test)


def _of(
    protocol: Protocol, folder: Path, found: list[folders.Picture], root: Path, split: str, say: Say | None
) -> Dataset:
    """One split of a folder's pictures; the classes are those of all of them."""
    names = folders.labels(found)
    number = {name: k for k, name in enumerate(names)}
    these = [picture for picture in found if picture.split in ("", split)]
    crop = 1.0 if protocol.crop is None else protocol.crop
    x = squares(
        folder, these, size=protocol.size, crop=crop, root=root, name=f"{protocol.name}-{split}", say=say
    )
    return Dataset(protocol.name, x, torch.tensor([number[picture.label] for picture in these]), names)


def _balanced(data: Dataset, count: int, seed: int) -> Dataset:
    """``count`` samples of each class, drawn by a seed, in the order that they have in the whole set."""
    generator = torch.Generator().manual_seed(seed)
    picks = []
    for label in range(data.num_classes):
        index = torch.nonzero(data.y == label).flatten()
        if len(index) < count:
            raise ValueError(
                f"{data.name}: {len(index)} pictures of class {label}; expected at least {count}."
            )
        picks.append(index[torch.randperm(len(index), generator=generator)[:count]])
    return data.take(torch.cat(picks).sort().values)
