"""The paper's protocols by name (Appendix D), and one of any folder of pictures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from zmix_core import images
from zmix_core.training import folders
from zmix_core.training.protocols.base import OWN_SPLIT, STRATIFIED, Protocol
from zmix_core.training.protocols.med import MED
from zmix_core.training.protocols.natural import NATURAL
from zmix_core.training.protocols.skin import SKIN
from zmix_core.training.protocols.small import SMALL

__all__ = ["OWN_SPLIT", "PROTOCOLS", "STRATIFIED", "Protocol", "protocol"]

PROTOCOLS: dict[str, Protocol] = {entry.name: entry for entry in (*NATURAL, *SKIN, *MED, *SMALL)}
"""Every protocol by its name: MNIST, the 24 sets of Tables 1 to 3, and two with few pictures."""

OWN_NOTE = "Not in the paper: the settings are those of its skin lesions (Appendix D.2), with a flip."


def protocol(
    name_or_path: str | os.PathLike[str], *, root: str | os.PathLike[str] | None = None, size: int = 64
) -> Protocol:
    """A protocol by its name, or one for pictures of one's own.

    Its settings may be changed with ``dataclasses.replace``.

    Args:
        name_or_path: A name in ``PROTOCOLS``; or an image folder (one sub-folder a class, or that below
            ``train/``, ``val/`` and ``test/``), a folder with ``manifest.csv`` (path, label, and where known
            split and group), or an ``.npz`` in MedMNIST's layout: a path, or its name in the data folder.
            A name in ``PROTOCOLS`` wins over a folder of that name: give that as a ``Path``.
        root: Data folder; see `zmix_core.images.data_root`.
        size: Sides in pixels that an own folder's pictures are brought to; 64 by default. An ``.npz`` has
            pictures of one size.

    Raises:
        FileNotFoundError: No such name, folder or file.
        ValueError: It is not in its layout, or ``size`` is below 8.

    Example:
        >>> protocol("isic-2018").epochs
        20
    """
    if isinstance(name_or_path, str) and name_or_path in PROTOCOLS:
        return PROTOCOLS[name_or_path]
    if size < 8:
        raise ValueError(f"size = {size}: expected at least 8 pixels.")
    path = _find(name_or_path, images.data_root(root))
    return _of_npz(path) if path.suffix == ".npz" else _of_folder(path, size)


def _find(name_or_path: str | os.PathLike[str], folder: Path) -> Path:
    path = Path(name_or_path).expanduser()
    for candidate in (folder / path, path) if isinstance(name_or_path, str) else (path,):
        if str(name_or_path) and (candidate.is_dir() or (candidate.suffix == ".npz" and candidate.is_file())):
            return candidate.resolve()
    raise FileNotFoundError(
        f"{str(name_or_path)!r} is no folder and no .npz file, here or in {folder}, and no protocol; "
        f"expected one of {', '.join(PROTOCOLS)}, or a path to a folder of pictures or an .npz."
    )


def _own(path: Path, **settings: Any) -> Protocol:
    """What all protocols of one's own pictures have in common."""
    return Protocol(
        title=path.name,
        group="own",
        source=str(path),
        licence="your own",
        data=str(path),
        networks=("resnet-18", "resnet-50", "lenet-5"),
        learning_rate=0.01,
        **settings,
    )


def _of_folder(path: Path, size: int) -> Protocol:
    pictures = folders.read(path)
    own = any(picture.split for picture in pictures)
    return _own(
        path,
        name=path.name,
        reader="folder",
        pictures=len(pictures),
        size=size,
        channels=3,
        classes=len(folders.labels(pictures)),
        class_names=folders.labels(pictures),
        split=OWN_SPLIT if own else STRATIFIED,
        metrics=("ACC_bal", "F1-micro", "F1-macro"),
        crop=1.0,
        flip=True,
        epochs=50,
        batch=32,
        decay=0.1,
        decay_epochs=(10, 20, 30, 40),
        note=OWN_NOTE,
    )


def _of_npz(path: Path) -> Protocol:
    parts = [images.read_npz(path, split=split) for split in ("train", "test")]
    _, channels, height, width = parts[0].x.shape
    if height != width or any(part.x.shape[1:] != parts[0].x.shape[1:] for part in parts):
        shapes = " and ".join(str(tuple(part.x.shape[1:])) for part in parts)
        raise ValueError(f"{path.name}: pictures of shape {shapes}; expected squares (C, H, H) of one size.")
    return _own(
        path,
        name=path.stem,
        reader="npz",
        pictures=sum(len(part) for part in parts),
        size=height,
        channels=channels,
        classes=parts[0].num_classes,
        class_names=parts[0].classes,
        metrics=("AUC", "ACC"),
        epochs=100,
        batch=128,
        weight_decay=0.0,
        nesterov=False,
        note="Not in the paper: the settings are those of its MedMNIST sets (Appendix D.3).",
    )
