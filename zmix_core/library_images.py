"""The data sets that are known by name: which files each needs, how it is read and how it is fetched.

Everything is read from plain bytes. Nothing is unpickled, since unpickling a file runs whatever code is in
it: so CIFAR comes from its binary archives, and those torchvision classes that unpickle (``CIFAR10``,
``CIFAR100``) or may call ``torch.load`` (``MNIST`` on its old layout) never open a file here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from zmix_core.own_images import read_folder

__all__ = ["IMAGES", "ImageSet"]

Samples = tuple[Tensor, Tensor, Sequence[str]]


@dataclass(frozen=True)
class ImageSet:
    """One data set. To add another: a subclass, where none fits, and a line in ``IMAGES``.

    Args:
        title: What it is, for people.
    """

    title: str
    # Whether its pictures come in many sizes, so that `read` heeds `size`.
    resizable = False

    def parts(self, split: str) -> dict[str, int | None]:
        """The paths below the data folder that a split, ``"train"`` or ``"test"``, is read from.

        With each goes what it holds when whole: bytes of a file, None if these vary, or pictures of a folder.
        """
        return {}

    def checksums(self) -> dict[str, str]:
        """The md5 of those of the parts where it is known."""
        return {}

    def read(self, root: Path, split: str, limit: int | None, size: int | None) -> Samples:
        """Pictures, uint8 ``(m, C, H, W)``, labels, int64 ``(m,)``, and the classes' names."""
        raise NotImplementedError

    def fetch(self, folder: Path) -> None:
        """Downloads the parts of all splits below an empty folder."""
        raise NotImplementedError

    def hint(self, root: Path) -> str:
        """What else in the data folder explains that the set is missing, as the end of a message."""
        return ""


class Digits(ImageSet):
    """The 8 x 8 digits inside scikit-learn, which are not partitioned: every split is all of them."""

    def read(self, root: Path, split: str, limit: int | None, size: int | None) -> Samples:
        from sklearn.datasets import load_digits

        digits = load_digits()
        x = np.round(digits.images[:limit, None] * (255 / 16)).astype(np.uint8)
        y = digits.target[:limit].astype(np.int64)
        return torch.from_numpy(x), torch.from_numpy(y), [str(name) for name in digits.target_names]


@dataclass(frozen=True)
class Idx(ImageSet):
    """MNIST and its likes: 60,000 and 10,000 pictures of 28 x 28 in the IDX format.

    Args:
        folder: Name of torchvision's class, and so of the folder.
        md5: Of the uncompressed files, where known.
    """

    folder: str
    md5: dict[str, str] = field(default_factory=dict)

    def parts(self, split: str) -> dict[str, int | None]:
        stem, count = {"train": ("train", 60_000), "test": ("t10k", 10_000)}[split]
        raw = f"{self.folder}/raw/{stem}"
        return {f"{raw}-images-idx3-ubyte": 16 + count * 28 * 28, f"{raw}-labels-idx1-ubyte": 8 + count}

    def checksums(self) -> dict[str, str]:
        return {f"{self.folder}/raw/{file}": md5 for file, md5 in self.md5.items()}

    def read(self, root: Path, split: str, limit: int | None, size: int | None) -> Samples:
        from torchvision import datasets
        from torchvision.datasets.mnist import read_image_file, read_label_file

        images, labels = (root / part for part in self.parts(split))
        try:
            x, y = read_image_file(str(images)).view(-1, 28, 28), read_label_file(str(labels))
        except (AssertionError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise ValueError(
                f"{images}, {labels.name}: not in the IDX format. Delete and fetch them."
            ) from error
        # torchvision calls MNIST's first class "0 - zero".
        names = [name.split(" - ")[0] for name in getattr(datasets, self.folder).classes]
        return x[:limit, None].clone(), y[:limit].clone(), names

    def fetch(self, folder: Path) -> None:
        from torchvision import datasets

        # Its check for the old layout, which it would torch.load, finds nothing in an empty folder.
        getattr(datasets, self.folder)(folder, download=True)


@dataclass(frozen=True)
class Cifar(ImageSet):
    """CIFAR's binary version: a record is its label bytes, the finest label last, and 3 x 32 x 32 pixels.

    Args:
        folder: Where the archive unpacks to.
        archive: Its file name, beside the pickled version's on the same host.
        md5: Of the archive.
        pickled: Where the pickled version unpacks to.
        label_bytes: Label bytes a record.
        names: File of class names.
        files: For each split its files and their records.
    """

    folder: str
    archive: str
    md5: str
    pickled: str
    label_bytes: int
    names: str
    files: dict[str, dict[str, int]]

    def parts(self, split: str) -> dict[str, int | None]:
        record = self.label_bytes + 3072
        sizes = {f"{self.folder}/{file}": count * record for file, count in self.files[split].items()}
        return {**sizes, f"{self.folder}/{self.names}": None}

    def read(self, root: Path, split: str, limit: int | None, size: int | None) -> Samples:
        folder, record = root / self.folder, self.label_bytes + 3072
        rows = np.concatenate([_rows(folder / file, record)[:limit] for file in self.files[split]])[:limit]
        x = np.ascontiguousarray(rows[:, self.label_bytes :]).reshape(-1, 3, 32, 32)
        y = rows[:, self.label_bytes - 1].astype(np.int64)
        return torch.from_numpy(x), torch.from_numpy(y), (folder / self.names).read_text().split()

    def fetch(self, folder: Path) -> None:
        from torchvision.datasets import CIFAR10
        from torchvision.datasets.utils import download_and_extract_archive

        url = CIFAR10.url.replace(CIFAR10.filename, self.archive)
        download_and_extract_archive(url, folder, md5=self.md5)

    def hint(self, root: Path) -> str:
        if not (root / self.pickled).exists():
            return ""
        return (
            f" {self.pickled} is there, but it is the pickled version: unpickling a file runs whatever code "
            f"is in it, so it is never read, only the binary version ({self.archive})."
        )


class Stl10(ImageSet):
    """STL-10's labelled pictures; torchvision's class would also hash 2.6 GB of unlabelled ones."""

    def parts(self, split: str) -> dict[str, int | None]:
        count = {"train": 5_000, "test": 8_000}[split]
        return {
            f"stl10_binary/{split}_X.bin": count * 3 * 96 * 96,
            f"stl10_binary/{split}_y.bin": count,
            "stl10_binary/class_names.txt": None,
        }

    def checksums(self) -> dict[str, str]:
        from torchvision.datasets import STL10

        return {f"stl10_binary/{file}": md5 for file, md5 in STL10.train_list + STL10.test_list}

    def read(self, root: Path, split: str, limit: int | None, size: int | None) -> Samples:
        images, labels, names = (root / part for part in self.parts(split))
        # The file goes down a column first, and counts labels from 1.
        x = _rows(images, 3 * 96 * 96)[:limit].reshape(-1, 3, 96, 96).swapaxes(2, 3).copy()
        y = np.fromfile(labels, np.uint8)[:limit].astype(np.int64) - 1
        return torch.from_numpy(x), torch.from_numpy(y), names.read_text().split()

    def fetch(self, folder: Path) -> None:
        from torchvision.datasets import STL10
        from torchvision.datasets.utils import download_and_extract_archive

        download_and_extract_archive(STL10.url, folder, filename=STL10.filename, md5=STL10.tgz_md5)


class Imagenette(ImageSet):
    """Imagenette at 160 pixels, read like a user's own folder; its validation partition is ``"test"``."""

    resizable = True
    folder = "imagenette2-160"
    counts = {"train": 9_469, "test": 3_925}  # noqa: RUF012  (never written to)
    # Table A2 of the paper.
    names = {  # noqa: RUF012  (never written to)
        "n01440764": "tench",
        "n02102040": "English springer",
        "n02979186": "cassette player",
        "n03000684": "chain saw",
        "n03028079": "church",
        "n03394916": "French horn",
        "n03417042": "garbage truck",
        "n03425413": "gas pump",
        "n03445777": "golf ball",
        "n03888257": "parachute",
    }

    def parts(self, split: str) -> dict[str, int | None]:
        return {f"{self.folder}/{'train' if split == 'train' else 'val'}": self.counts[split]}

    def read(self, root: Path, split: str, limit: int | None, size: int | None) -> Samples:
        (part,) = self.parts(split)
        data = read_folder(root / part, limit=limit, size=160 if size is None else size)
        return data.x, data.y, [self.names.get(synset, synset) for synset in data.classes]

    def fetch(self, folder: Path) -> None:
        from torchvision import datasets

        datasets.Imagenette(folder, size="160px", download=True)


class Imagewoof(Imagenette):
    """Imagenette's sibling of ten breeds of dogs, on the same host."""

    folder = "imagewoof2-160"
    counts = {"train": 9_025, "test": 3_929}  # noqa: RUF012  (never written to)
    # Table A2 of the paper.
    names = {  # noqa: RUF012  (never written to)
        "n02086240": "Shih-Tzu",
        "n02087394": "Rhodesian ridgeback",
        "n02088364": "Beagle",
        "n02089973": "English foxhound",
        "n02093754": "Border terrier",
        "n02096294": "Australian terrier",
        "n02099601": "Golden retriever",
        "n02105641": "Old English sheepdog",
        "n02111889": "Samoyed",
        "n02115641": "Dingo",
    }

    def fetch(self, folder: Path) -> None:
        from torchvision.datasets.utils import download_and_extract_archive

        # torchvision has no class for it.
        url = f"https://s3.amazonaws.com/fast-ai-imageclas/{self.folder}.tgz"
        download_and_extract_archive(url, folder, md5="fcd23cc7dfce8837c95a8f9d63a128b7")


def _rows(path: Path, width: int) -> np.ndarray:
    """A file as uint8 ``(n, width)``, of which only what is used is read from the disk."""
    return np.memmap(path, np.uint8, "r").reshape(-1, width)


IMAGES: dict[str, ImageSet] = {
    "digits": Digits("Digits: 1,797 of 8 x 8, embedded"),
    "mnist": Idx(
        "MNIST: 70,000 handwritten digits of 28 x 28",
        folder="MNIST",
        md5={
            "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
            "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
            "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
            "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
        },
    ),
    "fashion-mnist": Idx("Fashion-MNIST: 70,000 garments of 28 x 28", folder="FashionMNIST"),
    "cifar10": Cifar(
        "CIFAR-10: 60,000 photographs of 32 x 32 in 10 classes",
        folder="cifar-10-batches-bin",
        archive="cifar-10-binary.tar.gz",
        md5="c32a1d4ab5d03f1284b67883e8d87530",
        pickled="cifar-10-batches-py",
        label_bytes=1,
        names="batches.meta.txt",
        files={
            "train": {f"data_batch_{k}.bin": 10_000 for k in range(1, 6)},
            "test": {"test_batch.bin": 10_000},
        },
    ),
    "cifar100": Cifar(
        "CIFAR-100: 60,000 photographs of 32 x 32 in 100 classes",
        folder="cifar-100-binary",
        archive="cifar-100-binary.tar.gz",
        md5="03b5dce01913d631647c71ecec9e9cb8",
        pickled="cifar-100-python",
        label_bytes=2,
        names="fine_label_names.txt",
        files={"train": {"train.bin": 50_000}, "test": {"test.bin": 10_000}},
    ),
    "stl10": Stl10("STL-10: 13,000 photographs of 96 x 96 in 10 classes"),
    "imagenette": Imagenette("Imagenette: 13,394 photographs in 10 classes, 160 pixels on the shorter side"),
    "imagewoof": Imagewoof("Imagewoof: 12,954 photographs of 10 breeds, 160 pixels on the shorter side"),
}
