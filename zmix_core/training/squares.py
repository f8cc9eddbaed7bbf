"""Pictures as squares of one size, decoded once and kept in the data folder as one array a split."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from zmix_core.own_images import FORMATS, MAX_PIXELS, to_rgb
from zmix_core.training.folders import Picture

__all__ = ["CACHE", "square", "squares"]

CACHE = ".zmix"
"""The folder below the data folder; hidden, so that it is no data set."""

THREADS = min(8, os.cpu_count() or 1)


def square(path: Path, *, size: int, crop: float) -> np.ndarray:
    """A picture's centre as a square (Appendix D.2: 0.8 of the shorter side, then 256 x 256).

    Args:
        path: A picture of 8 or 16 bits a channel, of at most 50 megapixels.
        size: Sides of the result in pixels.
        crop: Its side as a share of the picture's shorter one, above 0 and up to 1.

    Returns:
        uint8 ``(3, size, size)``, bilinear.

    Raises:
        ValueError: It is unreadable or too large.

    Example:
        ``square(Path("nevus/1.jpg"), size=256, crop=0.8)``
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path, formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise ValueError(f"{picture.width} x {picture.height} pixels; expected at most 50 megapixels")
            # A large JPEG is decoded at a fraction of its size, its square never below twice what is wanted.
            wanted = round(2 * size / crop)
            picture.draft("RGB", (wanted, wanted))
            # bleed takes its share off every edge, so that of the shorter side `crop` is left.
            fitted = ImageOps.fit(
                to_rgb(picture), (size, size), Image.Resampling.BILINEAR, bleed=(1 - crop) / 2
            )
            return np.asarray(fitted).transpose(2, 0, 1)
    except Exception as error:  # what a decoder raises on damaged bytes is anyone's guess
        raise ValueError(f"{path}: unreadable picture ({error}). Repair it or take it out.") from error


def squares(
    folder: Path,
    found: Sequence[Picture],
    *,
    size: int,
    crop: float,
    root: Path,
    name: str,
    say: Callable[[str], None] | None = None,
) -> Tensor:
    """Some pictures of a folder as one array, which is made once and then mapped from the disk.

    Several processes may ask for it at the same time: each makes its own beside the place, and moves it there
    when it is whole.

    Args:
        folder: Where they lie.
        found: Which, in this order.
        size: Sides in pixels.
        crop: See :func:`square`.
        root: The data folder, in which ``.zmix/`` keeps the arrays.
        name: What the array's name begins with, for people.
        say: Is told how far it is, about ten times.

    Returns:
        uint8 ``(m, 3, size, size)``. Pages are read as they are used, and writing to it changes no file.

    Raises:
        ValueError: A picture is unreadable.
        OSError: No room, or the folder cannot be written to.

    Example:
        ``squares(folder, folders.read(folder), size=256, crop=0.8, root=data_root(), name="ph2")``
    """
    shape = (len(found), 3, size, size)
    made_of = json.dumps([size, crop, [(p.path, p.size, p.modified) for p in found]])
    digest = hashlib.sha256(made_of.encode()).hexdigest()[:16]
    file = root / CACHE / f"{name}-{size}-{digest}.npy"
    x = _mapped(file, shape)
    if x is None:
        _make(file, folder, found, shape, crop, say or (lambda line: None))
        x = _mapped(file, shape)
    if x is None:
        raise OSError(f"{file}: cannot be read right after it was written. Delete it and try again.")
    return torch.from_numpy(x)


def _mapped(file: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    try:
        # "c": torch wants memory that may be written to; what is written stays in memory.
        x = np.load(file, mmap_mode="c", allow_pickle=False)
    except (OSError, ValueError):  # not there, or cut off
        return None
    return x if x.shape == shape and x.dtype == np.uint8 else None


def _make(
    file: Path,
    folder: Path,
    found: Sequence[Picture],
    shape: tuple[int, ...],
    crop: float,
    say: Callable[[str], None],
) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{file.stem}-", suffix=".npy", dir=file.parent)
        os.close(handle)
    except OSError as error:
        raise OSError(
            f"{file.parent}: cannot be written to ({error}); decoded pictures are kept there. Make the data "
            "folder writable, or set ZMIX_DATA to one that is and has the pictures."
        ) from error
    needed, free = int(np.prod(shape)), shutil.disk_usage(file.parent).free
    try:
        if needed > free:
            raise OSError(
                f"{file.parent}: {free / 1e9:.1f} GB are free, but {file.name} needs {needed / 1e9:.1f} GB."
            )
        x = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
        step = max(1, len(found) // 10)
        with ThreadPoolExecutor(THREADS) as pool:
            # A tenth at a time: an unreadable picture ends it soon, and what is decoded need not wait.
            for start in range(0, len(found), step):
                part = found[start : start + step]
                decoded = pool.map(lambda p: square(folder / p.path, size=shape[-1], crop=crop), part)
                for k, pixels in enumerate(decoded, start):
                    x[k] = pixels
                say(f"{file.stem}: {min(start + step, len(found)):,} of {len(found):,} pictures")
        x.flush()
        del x
        os.replace(temporary, file)
    finally:
        Path(temporary).unlink(missing_ok=True)
