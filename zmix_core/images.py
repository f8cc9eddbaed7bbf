"""Data sets of pictures: digits that need no network, the paper's natural images, and a user's own."""

from __future__ import annotations

import os
import tempfile
from http.client import HTTPException
from pathlib import Path

import platformdirs
import torch

from zmix_core import own_images
from zmix_core.dataset import Dataset
from zmix_core.library_images import IMAGES, ImageSet
from zmix_core.own_images import read_npz

__all__ = ["IMAGES", "ImageSet", "available", "data_root", "default", "load", "read_npz"]


def load(
    name_or_path: str | os.PathLike[str],
    *,
    split: str = "train",
    root: str | os.PathLike[str] | None = None,
    limit: int | None = None,
    size: int | None = None,
    download: bool = False,
    device: str | torch.device | None = None,
) -> Dataset:
    """Opens a data set of pictures (those of Appendix D.1 of the paper, or one's own).

    Nothing is fetched unless ``download`` says so, and nothing is ever unpickled.

    Args:
        name_or_path: A name in ``IMAGES``; or a folder or ``.npz`` that lies in the data folder, by its bare
            name; or a path to one. A name in ``IMAGES`` wins over a folder of that name: give that as a
            ``Path``. Layouts of one's own: as ``torchvision.datasets.ImageFolder`` has them, one sub-folder
            a class, optionally below ``train/``, ``val/``, ``test/``; or MedMNIST's ``.npz``
            (:func:`read_npz`).
        split: ``"train"`` (default) or ``"test"``, and ``"val"`` for one's own. ``"digits"`` has one split,
            which it gives for either; Imagenette gives its validation partition for ``"test"``.
        root: Data folder; see :func:`data_root`.
        limit: Most samples to read, the first ones; of folders of pictures (Imagenette too) the first ones
            of every class, evenly. All by default, but 10,000 of a folder.
        size: For folders of pictures only: sides in pixels, by default 64, Imagenette 160. The shorter side
            is resized to it and the longer one cropped about the centre.
        download: Whether to fetch a set in ``IMAGES`` that is missing or damaged.
        device: Where the result lies; the CPU by default.

    Returns:
        ``x`` uint8 ``(m, C, H, W)``, ``y`` int64 ``(m,)``, and the classes' names.

    Raises:
        FileNotFoundError: It is not there.
        ValueError: It is there but incomplete, damaged, or not in its layout; or an argument is out of range.
        ConnectionError: It could not be fetched.

    Example:
        >>> load("digits", limit=3).x.shape
        torch.Size([3, 1, 8, 8])
    """
    own_images.check_positive(limit=limit, size=size)
    folder = data_root(root)
    if name_or_path in IMAGES:
        data = _load_library_set(str(name_or_path), folder, split, limit, size, download)
    else:
        path = _find_own(name_or_path, folder)
        if path.is_dir():
            data = own_images.read_folder(path, split=split, limit=limit, size=size)
        elif size is not None:
            raise ValueError(f"size = {size}: {path.name} has pictures of one size. Leave size out.")
        else:
            data = read_npz(path, split=split, limit=limit)
    return data if device is None else data.to(device)


def data_root(root: str | os.PathLike[str] | None = None) -> Path:
    """The data folder: ``root``, else the environment's ``ZMIX_DATA``, else the user's cache folder.

    Example:
        >>> data_root("pictures").name
        'pictures'
    """
    return Path(root or os.environ.get("ZMIX_DATA") or platformdirs.user_cache_dir("zmix")).expanduser()


def available(root: str | os.PathLike[str] | None = None) -> list[str]:
    """What :func:`load` opens now, without network, judged from names, sizes and headers alone.

    Args:
        root: Data folder; see :func:`data_root`.

    Returns:
        Names in ``IMAGES``, in that order and ``"digits"`` always first, then one's own folders and
        ``.npz`` files in the data folder, sorted.

    Example:
        >>> available("no/such/folder")
        ['digits']
    """
    folder = data_root(root)
    known = [name for name in IMAGES if _is_whole(name, folder)]
    if not folder.is_dir():
        return known
    taken = {Path(part).parts[0] for entry in IMAGES.values() for part in _all_parts(entry)}
    own = [
        path.name
        for path in folder.iterdir()
        if not path.name.startswith(".") and path.name not in taken and path.name not in IMAGES
        if (path.is_dir() or path.suffix == ".npz") and own_images.opens(path)
    ]
    return known + sorted(own)


def default(root: str | os.PathLike[str] | None = None) -> str:
    """The set to start with: ``"mnist"``, the paper's example, where it is on disk, else ``"digits"``.

    Example:
        >>> default("no/such/folder")
        'digits'
    """
    return "mnist" if _is_whole("mnist", data_root(root)) else "digits"


def _find_own(name_or_path: str | os.PathLike[str], folder: Path) -> Path:
    meant = str(name_or_path).lower()
    if meant in IMAGES:
        raise ValueError(f"{str(name_or_path)!r}: expected {meant!r}, in small letters, for this set.")
    if not meant:
        raise ValueError(f"'' names no set; expected one of {', '.join(IMAGES)}, or a path.")
    path = Path(name_or_path).expanduser()
    for candidate in (folder / path, path) if isinstance(name_or_path, str) else (path,):
        if candidate.is_dir() or (candidate.is_file() and candidate.suffix == ".npz"):
            return candidate
    raise FileNotFoundError(
        f"{str(name_or_path)!r} is no folder and no .npz file, here or in {folder}, and none of "
        f"{', '.join(IMAGES)}. Give one of these, or a path to a folder of pictures or an .npz."
    )


def _load_library_set(
    name: str, folder: Path, split: str, limit: int | None, size: int | None, download: bool
) -> Dataset:
    entry = IMAGES[name]
    if split not in ("train", "test"):
        raise ValueError(f"split = {split!r}: {name} has 'train' and 'test'.")
    if size is not None and not entry.resizable:
        raise ValueError(f"size = {size}: {name} has pictures of one size. Leave size out.")
    fault = _fault(name, folder, split, checksums=True)
    if fault and download:
        _download(name, folder)
        fault = _fault(name, folder, split, checksums=True)
    if fault:
        raise fault
    x, y, classes = entry.read(folder, split, limit, size)
    return Dataset(name, x, y, tuple(classes))


def _is_whole(name: str, folder: Path) -> bool:
    return not any(_fault(name, folder, split) for split in ("train", "test"))


def _all_parts(entry: ImageSet) -> dict[str, int | None]:
    return {**entry.parts("train"), **entry.parts("test")}


def _fault(
    name: str, folder: Path, split: str, *, checksums: bool = False
) -> FileNotFoundError | ValueError | None:
    """What keeps a split from being read, as the error to raise; comparing md5 reads every byte."""
    entry = IMAGES[name]
    parts = entry.parts(split)
    if parts and not any((folder / part).exists() for part in parts):
        return FileNotFoundError(
            f"{name}: no {split} files in {(folder / next(iter(parts))).parent}.{entry.hint(folder)} "
            f"Fetch it with images.load({name!r}, download=True), or set ZMIX_DATA to the folder that has it."
        )
    md5 = entry.checksums() if checksums else {}
    for part, expected in parts.items():
        wrong = _wrong(folder / part, expected, md5.get(part))
        if wrong:
            return ValueError(
                f"{name}: {folder / part} {wrong}, so the set is incomplete or damaged. "
                f"Fetch it again with images.load({name!r}, download=True)."
            )
    return None


def _wrong(path: Path, expected: int | None, md5: str | None) -> str | None:
    if not path.exists():
        return "is missing" if expected is None else f"is missing; expected {expected:,} bytes"
    is_dir = path.is_dir()
    found = sum(1 for _ in own_images.pictures(path)) if is_dir else path.stat().st_size
    if expected is not None and found != expected:
        return f"has {found:,} {'pictures' if is_dir else 'bytes'}; expected {expected:,}"
    if md5:
        from torchvision.datasets.utils import calculate_md5

        found_md5 = calculate_md5(path)
        if found_md5 != md5:
            return f"has {found:,} bytes as expected, but md5 {found_md5}; expected {md5}"
    return None


def _download(name: str, folder: Path) -> None:
    """Fetches a whole set beside its place, and moves it there when it is whole: no half of it ever shows."""
    entry = IMAGES[name]
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".zmix-", dir=folder) as temporary:
        fresh, old = Path(temporary, "fresh"), Path(temporary, "old")
        fresh.mkdir()
        try:
            entry.fetch(fresh)
        # torchvision raises RuntimeError where an md5 differs or no mirror answers.
        except (OSError, HTTPException, RuntimeError) as error:
            raise ConnectionError(
                f"{name}: could not be fetched ({error}). Try again with a network, or put its files into "
                f"{folder} by hand. images.load('digits') opens without network."
            ) from error
        for split in ("train", "test"):
            fault = _fault(name, fresh, split, checksums=True)
            if fault:
                raise fault
        for part in _all_parts(entry):
            target = folder / part
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.is_dir():  # a folder, unlike a file, cannot be replaced in one step
                (old / part).parent.mkdir(parents=True, exist_ok=True)
                target.replace(old / part)
            (fresh / part).replace(target)
