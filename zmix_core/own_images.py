"""Pictures a user brings: a folder with one sub-folder a class, or an ``.npz`` in MedMNIST's layout.

They may come from anyone, so what a file claims is read from its header and judged before a picture is
decoded or an array decompressed, and nothing is ever unpickled.
"""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import torch

from zmix_core.dataset import Dataset

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

__all__ = ["check_positive", "opens", "pictures", "read_folder", "read_npz", "to_rgb"]

SPLITS = ("train", "val", "test")
MAX_BYTES = 2 * 2**30
MAX_PIXELS = 50_000_000
MAX_CLASSES = 65_536
# torchvision.datasets.folder.IMG_EXTENSIONS, written out because importing torchvision takes a second.
EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
# What these endings promise and no more: Pillow goes by content, and some of its readers run other programs.
FORMATS = ("JPEG", "PNG", "PPM", "BMP", "TIFF", "WEBP")
GRAY_MODES = ("1", "L", "LA", "I;16", "I;16B")
FOLDER_LAYOUT = "one sub-folder a class, as in pets/cat/1.jpg, or that below train/, val/ and test/"
NPZ_LAYOUT = (
    "arrays train_images, train_labels, and the same with val_ and test_: images uint8 (n, H, W), "
    "(n, H, W, 1) or (n, H, W, 3), labels integer (n,) or (n, 1)"
)


def read_folder(
    folder: Path, *, split: str = "train", limit: int | None = None, size: int | None = None
) -> Dataset:
    """Reads a folder of pictures as ``torchvision.datasets.ImageFolder`` lays it out.

    Args:
        folder: One sub-folder a class, or that below ``train/``, ``val/`` and ``test/``. Symbolic links and
            hidden files in it are skipped.
        split: ``"train"``, ``"val"`` or ``"test"``. A folder without these has only ``"train"``.
        limit: Most pictures to read, 10,000 by default: the first of every class, then the second of every
            class, and so on, so that classes stay as even as they can.
        size: Sides of a picture in pixels, 64 by default: the shorter side is resized to it and the longer
            one cropped about the centre.

    Returns:
        Class by class in the order of their names, ``x`` uint8 ``(m, 3, size, size)``, or
        ``(m, 1, size, size)`` where every picture is grayscale. All splits share one list of classes.

    Raises:
        ValueError: No pictures in class folders, no such split, a picture that is unreadable or above 50
            megapixels, or more than 2 GiB of pixels.

    Example:
        ``read_folder(Path("pets"), split="test", size=96)``
    """
    limit = 10_000 if limit is None else limit
    size = 64 if size is None else size
    splits = _split_folders(folder)
    classes = _class_names(splits)
    if not classes:
        raise ValueError(f"{folder}: no pictures in class folders. Expected {FOLDER_LAYOUT}.")
    if split not in splits:
        raise ValueError(
            f"split = {split!r}: {folder} has only {', '.join(splits)}. Expected {FOLDER_LAYOUT}."
        )
    found = {path.name: sorted(pictures(path)) for path in _subfolders(splits[split])}
    files = [found.get(name, []) for name in classes]
    first = sorted((rank, label) for label, paths in enumerate(files) for rank in range(len(paths)))[:limit]
    picks = sorted((label, rank) for rank, label in first)
    if not picks:
        raise ValueError(f"{splits[split]}: no pictures. Expected {FOLDER_LAYOUT}.")
    if len(picks) * 3 * size**2 > MAX_BYTES:
        raise ValueError(
            f"{folder}: {len(picks):,} pictures of size = {size} are more than 2 GiB. Lower limit or size."
        )
    x = np.empty((len(picks), 3, size, size), np.uint8)
    gray = True
    for k, (label, rank) in enumerate(picks):
        x[k], is_gray = _read_picture(files[label][rank], size)
        gray = gray and is_gray
    return Dataset(
        folder.name,
        # The three channels of a grayscale picture are equal, so any one of them is the picture.
        torch.from_numpy(x[:, :1].copy() if gray else x),
        torch.tensor([label for label, _ in picks]),
        tuple(classes),
    )


def read_npz(
    file: str | os.PathLike[str] | BinaryIO,
    name: str | None = None,
    *,
    split: str = "train",
    limit: int | None = None,
) -> Dataset:
    """Reads an ``.npz`` in MedMNIST's layout (Appendix D.3 of the paper uses eight of its sets).

    Args:
        file: A path, or a binary file open for reading, such as ``io.BytesIO`` of an upload. It holds
            ``train_images`` and ``train_labels``, and the same with ``val_`` and ``test_``: images uint8
            ``(n, H, W)``, ``(n, H, W, 1)`` or ``(n, H, W, 3)``, labels integer ``(n,)`` or ``(n, 1)``.
        name: Name of the data set; the file's own by default, ``"upload.npz"`` where it has none.
        split: ``"train"`` (default), ``"val"`` or ``"test"``.
        limit: Only the first ``limit`` samples; all by default.

    Returns:
        ``x`` uint8 ``(m, C, H, W)`` and classes ``"0"`` to ``"K-1"``, with K over all splits in the file.

    Raises:
        FileNotFoundError: No such file.
        ValueError: Not that layout, pickled (object) arrays, more than one label a picture, more than 2 GiB
            uncompressed or 50 megapixels a picture. All but the values of labels is judged from headers.

    Example:
        >>> import io
        >>> upload = io.BytesIO()
        >>> np.savez(upload, train_images=np.zeros((2, 8, 8), "u1"), train_labels=[0, 1])
        >>> read_npz(upload, "pair.npz").x.shape
        torch.Size([2, 1, 8, 8])
    """
    check_positive(limit=limit)
    if name is None:
        name = Path(file).name if isinstance(file, str | os.PathLike) else "upload.npz"
    with _open_npz(file, name) as archive:
        _check_arrays(archive, split)
        labels = {key: _read_array(archive, key) for key in _label_keys(archive)}
        for key, values in labels.items():
            if len(values) and (values.min() < 0 or values.max() >= MAX_CLASSES):
                raise ValueError(
                    f"{key} run from {values.min()} to {values.max()}, not within 0 to {MAX_CLASSES - 1}"
                )
        images = _read_array(archive, f"{split}_images")[:limit]
        num_classes = 1 + max(int(values.max()) for values in labels.values() if len(values))
    images = images[..., None] if images.ndim == 3 else images
    return Dataset(
        name,
        torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))),
        torch.from_numpy(labels[f"{split}_labels"].reshape(-1)[:limit].astype(np.int64)),
        tuple(str(label) for label in range(num_classes)),
    )


def check_positive(**options: int | None) -> None:
    """Raises a ValueError where an option is below 1; None stands for its default."""
    for option, value in options.items():
        if value is not None and value < 1:
            raise ValueError(f"{option} = {value}: expected at least 1, or None for the default.")


def opens(path: Path) -> bool:
    """Whether a folder or ``.npz`` holds pictures in the layout above, from names and headers alone."""
    try:
        if path.is_dir():
            return bool(_class_names(_split_folders(path)))
        with _open_npz(path, path.name) as archive:
            _check_arrays(archive, "train")
    except (OSError, ValueError):
        return False
    return True


def pictures(folder: Path | str) -> Iterator[str]:
    """The picture files below a folder, at any depth, in no particular order.

    Links are skipped, as they may lead outside the folder, and so are hidden files.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or entry.is_symlink():
                continue
            if entry.is_dir():
                yield from pictures(entry.path)
            elif entry.name.lower().endswith(EXTENSIONS):
                yield entry.path


def _subfolders(folder: Path) -> list[Path]:
    return [
        path
        for path in folder.iterdir()
        if path.is_dir() and not path.is_symlink() and not path.name.startswith(".")
    ]


def _split_folders(folder: Path) -> dict[str, Path]:
    below = {path.name: path for path in _subfolders(folder) if path.name in SPLITS and _subfolders(path)}
    return below or {"train": folder}


def _class_names(splits: dict[str, Path]) -> list[str]:
    """All splits' classes, so that a label means the same in each of them."""
    folders = (path for split in splits.values() for path in _subfolders(split))
    return sorted({path.name for path in folders if next(pictures(path), None)})


def _read_picture(path: str, size: int) -> tuple[np.ndarray, bool]:
    """One picture as uint8 ``(3, size, size)``, and whether its file is grayscale."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path, formats=FORMATS) as picture:
            pixels = f"{picture.width} x {picture.height} pixels"
            if picture.width * picture.height <= MAX_PIXELS:
                gray = picture.mode in GRAY_MODES
                # A large JPEG is decoded at a fraction of its size, never below twice what is wanted.
                picture.draft("RGB", (2 * size, 2 * size))
                square = ImageOps.fit(to_rgb(picture), (size, size), Image.Resampling.BILINEAR)
                return np.asarray(square).transpose(2, 0, 1), gray
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        # Pillow's own, looser limit, which it applies before it tells the size: its message has the pixels.
        pixels = str(error)
    except Exception as error:  # what a decoder raises on damaged bytes is anyone's guess
        raise ValueError(f"{path}: unreadable picture ({error}). Repair it or take it out.") from error
    raise ValueError(f"{path}: {pixels}; expected at most 50 megapixels. Make it smaller or take it out.")


def to_rgb(picture: Picture) -> Picture:
    """A picture of Pillow's in 8-bit RGB; of 16 bits the upper ones.

    Raises:
        ValueError: Its values have no known range.
    """
    from PIL import Image

    if picture.mode.startswith("I;16"):  # Pillow would clip at 255 rather than scale
        picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if picture.mode in ("I", "F"):
        raise ValueError(f"mode {picture.mode}: its range is unknown; expected 8 or 16 bits a channel")
    return picture.convert("RGB")


@contextmanager
def _open_npz(file: str | os.PathLike[str] | BinaryIO, name: str) -> Iterator[zipfile.ZipFile]:
    """The zip archive; whatever goes wrong inside becomes a ValueError with the name and the layout."""
    try:
        with zipfile.ZipFile(file) as archive:
            total = sum(member.file_size for member in archive.infolist())
            if total > MAX_BYTES:
                raise ValueError(f"{total:,} bytes uncompressed, above the 2 GiB allowed")
            yield archive
    except FileNotFoundError:
        raise
    except Exception as error:  # zipfile, zlib and numpy each raise their own on damaged bytes
        raise ValueError(f"{name}: {error}. Expected {NPZ_LAYOUT}.") from error


def _label_keys(archive: zipfile.ZipFile) -> list[str]:
    return [f"{split}_labels" for split in SPLITS if f"{split}_labels.npy" in archive.namelist()]


def _check_arrays(archive: zipfile.ZipFile, split: str) -> None:
    """Raises a ValueError unless the headers are in the layout."""
    keys = (f"{split}_images", f"{split}_labels")
    missing = [key for key in keys if f"{key}.npy" not in archive.namelist()]
    if missing:
        raise ValueError(f"no {' and no '.join(missing)} among {archive.namelist()[:9]}")
    shape, dtype = _read_header(archive, keys[0])
    if dtype != np.uint8:
        raise ValueError(f"{keys[0]} is {dtype}, not uint8")
    if len(shape) not in (3, 4) or min(shape) < 1 or shape[3:] not in ((), (1,), (3,)):
        raise ValueError(f"{keys[0]} has shape {shape}")
    if shape[1] * shape[2] > MAX_PIXELS:
        raise ValueError(f"{keys[0]} are {shape[1]} x {shape[2]} pixels, above the 50 megapixels allowed")
    for key in _label_keys(archive):
        label_shape, dtype = _read_header(archive, key)
        if dtype.kind not in "iu":
            raise ValueError(f"{key} is {dtype}, not integer")
        if len(label_shape) not in (1, 2) or label_shape[1:] not in ((), (1,)):
            raise ValueError(f"{key} has shape {label_shape}: one label a picture is needed")
        if key == keys[1] and label_shape[0] != shape[0]:
            raise ValueError(f"{shape[0]} {keys[0]} but {label_shape[0]} {key}")


def _read_header(archive: zipfile.ZipFile, key: str) -> tuple[tuple[int, ...], np.dtype]:
    with archive.open(f"{key}.npy") as member:
        # 1.0 is all that numpy writes for plain arrays; later versions allow headers of any length.
        if np.lib.format.read_magic(member) != (1, 0):
            raise ValueError(f"{key} is not in version 1.0 of the .npy format")
        shape, _, dtype = np.lib.format.read_array_header_1_0(member)
        header = member.tell()
    if dtype.hasobject:
        raise ValueError(f"{key} holds pickled objects, which are never read")
    size = archive.getinfo(f"{key}.npy").file_size
    if size != header + math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{key} is {size:,} bytes, which is not what its shape {shape} takes")
    return shape, dtype


def _read_array(archive: zipfile.ZipFile, key: str) -> np.ndarray:
    with archive.open(f"{key}.npy") as member:
        return np.lib.format.read_array(member, allow_pickle=False)
