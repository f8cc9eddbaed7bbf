"""Data sets of pictures: fakes written byte by byte in each format, and real MNIST where it is on disk."""

import dataclasses
import gzip
import io
import os
import pickle
import struct
import subprocess
import sys
import tarfile
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from fake_files import RNG, Booby, picture, write

from zmix_core import images

LIBRARY = [name for name in images.IMAGES if name != "digits"]
SHARED = Path(__file__).parents[2] / "shared" / "data"


def fake_idx(raw, stem, count):
    """Five random pictures, the rest black, in files of the full size."""
    x, y = RNG.integers(0, 256, (5, 28, 28), np.uint8), np.array([3, 1, 9, 0, 7], np.uint8)
    size = 16 + count * 784
    write(raw / f"{stem}-images-idx3-ubyte", struct.pack(">4i", 2051, count, 28, 28) + x.tobytes(), size)
    write(raw / f"{stem}-labels-idx1-ubyte", struct.pack(">2i", 2049, count) + y.tobytes(), 8 + count)
    return x, y


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A data folder with every library set in it, CIFAR and Imagenette at a tiny size."""
    for name, files in {
        "cifar10": {"train": {f"data_batch_{k}.bin": 4 for k in range(1, 6)}, "test": {"test_batch.bin": 4}},
        "cifar100": {"train": {"train.bin": 6}, "test": {"test.bin": 4}},
    }.items():
        entry = dataclasses.replace(images.IMAGES[name], files=files)
        monkeypatch.setitem(images.IMAGES, name, entry)
        for split in files.values():
            for file, count in split.items():
                rows = RNG.integers(0, 256, (count, entry.label_bytes + 3072), np.uint8)
                rows[:, : entry.label_bytes] = RNG.integers(0, 10, (count, entry.label_bytes))
                write(tmp_path / entry.folder / file, rows.tobytes())
    coarse = "".join(f"class_{k}\n" for k in range(10)) + "\n"  # the original ends in an empty line as well
    write(tmp_path / "cifar-10-batches-bin/batches.meta.txt", coarse.encode())
    fine = "".join(f"fine_{k}\n" for k in range(100))
    write(tmp_path / "cifar-100-binary/fine_label_names.txt", fine.encode())
    for folder in ("MNIST", "FashionMNIST"):
        for stem, count in (("train", 60_000), ("t10k", 10_000)):
            fake_idx(tmp_path / folder / "raw", stem, count)
    for split, count in (("train", 5_000), ("test", 8_000)):
        x = RNG.integers(0, 256, (3, 3 * 96 * 96), np.uint8)
        write(tmp_path / f"stl10_binary/{split}_X.bin", x.tobytes(), count * x.shape[1])
        write(
            tmp_path / f"stl10_binary/{split}_y.bin",
            (np.arange(count, dtype=int) % 10 + 1).astype("u1").tobytes(),
        )
    write(tmp_path / "stl10_binary/class_names.txt", "\n".join(f"stl_{k}" for k in range(10)).encode())
    for kind in map(type, (images.IMAGES["imagenette"], images.IMAGES["imagewoof"])):
        for split, folder in (("train", "train"), ("test", "val")):
            for synset in kind.names:
                picture(tmp_path / kind.folder / folder / synset / f"{split}.JPEG", (200, 160))
        monkeypatch.setattr(kind, "counts", {"train": 10, "test": 10})
    return tmp_path


@pytest.fixture
def marker(tmp_path):
    return tmp_path / "unpickled"


@pytest.fixture
def any_content(monkeypatch):
    """Files are judged by size alone, for fakes of sets whose md5 is known."""
    for kind in {type(entry) for entry in images.IMAGES.values()}:
        monkeypatch.setattr(kind, "checksums", lambda self: {})


# --- what comes with scikit-learn, and what import costs ---------------------------------------------------


def test_digits_are_scikit_learns_in_bytes():
    from sklearn.datasets import load_digits

    data = images.load("digits", root="no/such/folder")
    assert data.x.dtype == torch.uint8
    assert data.x.shape == (1797, 1, 8, 8)
    assert (int(data.x.min()), int(data.x.max())) == (0, 255)
    torch.testing.assert_close(
        data.x.flatten(1) * (16 / 255), torch.tensor(load_digits().data).float(), atol=0.04, rtol=0
    )
    assert data.y.tolist() == load_digits().target.tolist()
    assert data.classes == tuple("0123456789")
    assert images.load("digits", split="test", limit=7).y.tolist() == data.y[:7].tolist()


def test_import_is_light_and_nothing_is_fetched_unasked():
    code = (
        "import sys; from zmix_core import images; images.available('no/such/folder');"
        "print([m for m in ('torchvision', 'sklearn', 'PIL') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_data_root(monkeypatch, tmp_path):
    monkeypatch.setenv("ZMIX_DATA", str(tmp_path / "env"))
    assert images.data_root() == tmp_path / "env"
    assert images.data_root(tmp_path) == tmp_path
    monkeypatch.setenv("ZMIX_DATA", "")
    assert images.data_root().name == "zmix"


# --- sets known by name ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("split", "stem", "count"), [("train", "train", 60_000), ("test", "t10k", 10_000)])
def test_idx(tmp_path, split, stem, count):
    x, y = fake_idx(tmp_path / "FashionMNIST/raw", stem, count)
    data = images.load("fashion-mnist", root=tmp_path, split=split, limit=5)
    assert data.x.shape == (5, 1, 28, 28)
    assert data.x[:, 0].numpy().tobytes() == x.tobytes()
    assert data.y.tolist() == y.tolist()
    assert data.classes[9] == "Ankle boot"
    assert data.name == "fashion-mnist"
    whole = images.load("fashion-mnist", root=tmp_path, split=split)
    assert len(whole) == count
    assert int(whole.x[5:].max()) == 0


def test_idx_of_the_right_size_with_another_content(root):
    path = root / "FashionMNIST/raw/train-images-idx3-ubyte"
    write(path, size=path.stat().st_size)
    with pytest.raises(ValueError, match="IDX"):
        images.load("fashion-mnist", root=root)
    with pytest.raises(ValueError, match=r"MNIST.raw.train-images.* md5 .* expected 6bbc9ace"):
        images.load("mnist", root=root)


@pytest.mark.parametrize(("name", "label_bytes"), [("cifar10", 1), ("cifar100", 2)])
@pytest.mark.parametrize("split", ["train", "test"])
def test_cifar(root, name, label_bytes, split):
    entry = images.IMAGES[name]
    content = b"".join((root / entry.folder / file).read_bytes() for file in entry.files[split])
    data = images.load(name, root=root, split=split)
    assert len(content) == len(data) * (label_bytes + 3072)
    for k in range(len(data)):
        record = content[k * (label_bytes + 3072) :]
        assert data.y[k] == record[label_bytes - 1]
        assert data.x[k, 2, 5, 7] == record[label_bytes + 2 * 1024 + 5 * 32 + 7]
        assert bytes(data.x[k].flatten().tolist()) == record[label_bytes : label_bytes + 3072]
    assert data.classes[3] == {"cifar10": "class_3", "cifar100": "fine_3"}[name]
    some = images.load(name, root=root, split=split, limit=3)
    assert torch.equal(some.x, data.x[:3])


@pytest.mark.usefixtures("any_content")
def test_stl10_goes_down_columns_and_counts_from_one(root):
    content = (root / "stl10_binary/test_X.bin").read_bytes()[: 3 * 27648]
    data = images.load("stl10", root=root, split="test", limit=3)
    assert data.y.tolist() == [0, 1, 2]
    assert data.classes[2] == "stl_2"
    for k, channel, row, column in RNG.integers(0, [3, 3, 96, 96], (50, 4)).tolist():
        assert data.x[k, channel, row, column] == content[k * 27648 + channel * 9216 + column * 96 + row]


def test_imagenette(root):
    from torchvision.datasets import Imagenette

    data = images.load("imagenette", root=root, split="test", size=32)
    assert data.x.shape == (10, 3, 32, 32)
    assert data.classes == tuple(names[0] for _, names in sorted(Imagenette._WNID_TO_CLASS.items()))
    assert images.load("imagenette", root=root, limit=4).x.shape == (4, 3, 160, 160)


def test_known_sizes():
    assert images.IMAGES["cifar10"].parts("train")["cifar-10-batches-bin/data_batch_5.bin"] == 30_730_000
    assert images.IMAGES["cifar100"].parts("train")["cifar-100-binary/train.bin"] == 153_700_000
    assert images.IMAGES["stl10"].parts("test")["stl10_binary/test_X.bin"] == 221_184_000
    assert set(images.IMAGES["stl10"].checksums()) > {"stl10_binary/train_X.bin", "stl10_binary/test_y.bin"}


def test_available_lists_what_is_whole(root):
    assert images.available(root) == list(images.IMAGES)
    assert images.default(root) == "mnist"
    (root / "MNIST/raw/t10k-labels-idx1-ubyte").unlink()
    os.truncate(root / "stl10_binary/test_X.bin", 100)
    (root / "imagenette2-160/val/n01440764/test.JPEG").unlink()
    (root / "imagewoof2-160/val/n02115641/test.JPEG").unlink()
    assert images.available(root) == ["digits", "fashion-mnist", "cifar10", "cifar100"]
    assert images.default(root) == "digits"


@pytest.mark.parametrize("name", LIBRARY)
def test_missing(tmp_path, name):
    with pytest.raises(FileNotFoundError) as caught:
        images.load(name, root=tmp_path)
    for part in (f"{name}:", str(tmp_path), f"images.load('{name}', download=True)", "ZMIX_DATA"):
        assert part in str(caught.value)
    assert images.available(tmp_path) == ["digits"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [name for name in LIBRARY if not images.IMAGES[name].resizable])
def test_truncated(root, name):
    part, size = next(iter(images.IMAGES[name].parts("train").items()))
    os.truncate(root / part, 1234)
    with pytest.raises(
        ValueError, match=rf"{name}: .*{Path(part).name} has 1,234 bytes; expected {size:,}.*download"
    ):
        images.load(name, root=root)
    (root / part).unlink()
    with pytest.raises(ValueError, match=f"{Path(part).name} is missing; expected {size:,} bytes"):
        images.load(name, root=root)
    assert name not in images.available(root)


def test_imagenette_with_too_few_pictures(root):
    (root / "imagenette2-160/train/n01440764/train.JPEG").unlink()
    with pytest.raises(ValueError, match="imagenette2-160/train has 9 pictures; expected 10"):
        images.load("imagenette", root=root)


def test_pickled_cifar_is_never_read(tmp_path, marker):
    write(tmp_path / "cifar-10-batches-py/data_batch_1", pickle.dumps(Booby(marker)))
    with pytest.raises(FileNotFoundError, match=r"cifar-10-batches-py is there.*never read.*cifar-10-binary"):
        images.load("cifar10", root=tmp_path)
    assert not marker.exists()


def test_old_mnist_layout_is_never_unpickled(root, marker):
    for file in ("training.pt", "test.pt"):
        write(root / "FashionMNIST/processed" / file, pickle.dumps(Booby(marker)))
    assert len(images.load("fashion-mnist", root=root, limit=2)) == 2
    assert not marker.exists()


def test_options_out_of_range(root):
    for options, message in (
        ({"limit": 0}, "limit = 0"),
        ({"size": -1}, "size = -1"),
        ({"split": "val"}, "split = 'val'"),
        ({"size": 64}, "size = 64"),
    ):
        with pytest.raises(ValueError, match=message):
            images.load("fashion-mnist", root=root, **options)


def test_device(monkeypatch):
    monkeypatch.setattr(images.Dataset, "to", lambda data, device: (len(data), device))
    assert images.load("digits", limit=2, device="cuda") == (2, "cuda")


def test_unknown_name(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"'mnits' is no folder .*mnist, fashion-mnist"):
        images.load("mnits", root=tmp_path)


def real_mnist():
    for folder in filter(None, (os.environ.get("ZMIX_DATA"), SHARED)):
        if (Path(folder) / "MNIST/raw/train-images-idx3-ubyte").exists():
            return Path(folder)
    return None


@pytest.mark.skipif(real_mnist() is None, reason="no MNIST in ZMIX_DATA nor beside the checkout")
@pytest.mark.parametrize(("split", "stem"), [("train", "train"), ("test", "t10k")])
def test_real_mnist(split, stem):
    data = images.load("mnist", root=real_mnist(), split=split)
    raw = real_mnist() / "MNIST/raw"
    x = np.fromfile(raw / f"{stem}-images-idx3-ubyte", np.uint8)[16:].reshape(-1, 1, 28, 28)
    y = np.fromfile(raw / f"{stem}-labels-idx1-ubyte", np.uint8)[8:]
    assert np.array_equal(data.x.numpy(), x)
    assert np.array_equal(data.y.numpy(), y)
    assert data.classes == tuple("0123456789")


# --- downloads: the one function that reaches out is replaced ----------------------------------------------


class Server:
    """Stands in for the network: hands out archives by name, and keeps what was asked for."""

    def __init__(self, archives):
        self.archives, self.asked = archives, []

    def __call__(self, url, root, filename=None, md5=None, max_redirect_hops=3):
        self.asked.append((url, md5))
        write(Path(root, filename or Path(url).name), self.archives[Path(url).name])


@pytest.fixture
def serve(monkeypatch):
    def replace(download_url):
        monkeypatch.setattr("torchvision.datasets.utils.download_url", download_url)
        return download_url

    return replace


def tar(root, folder):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        archive.add(root / folder, folder)
    return buffer.getvalue()


def files_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_download_of_a_missing_and_of_a_damaged_set(root, tmp_path_factory, serve):
    entry = images.IMAGES["cifar100"]
    server = serve(Server({"cifar-100-binary.tar.gz": tar(root, "cifar-100-binary")}))
    fresh = tmp_path_factory.mktemp("fresh") / "not yet there"
    data = images.load("cifar100", root=fresh, download=True)
    assert torch.equal(data.x, images.load("cifar100", root=root).x)
    assert files_in(fresh) == [
        f"cifar-100-binary/{file}" for file in ("fine_label_names.txt", "test.bin", "train.bin")
    ]
    assert server.asked == [("https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz", entry.md5)]

    images.load("cifar100", root=fresh, download=True)
    assert len(server.asked) == 1, "a whole set was fetched again"

    os.truncate(fresh / "cifar-100-binary/train.bin", 10)
    assert torch.equal(images.load("cifar100", root=fresh, download=True).x, data.x)
    assert len(server.asked) == 2


def test_download_through_torchvisions_classes(root, tmp_path_factory, serve):
    fresh = tmp_path_factory.mktemp("fresh")
    raw = root / "FashionMNIST/raw"
    archives = {f"{path.name}.gz": gzip.compress(path.read_bytes(), 1) for path in raw.iterdir()}
    serve(Server(archives | {"imagenette2-160.tgz": tar(root, "imagenette2-160")}))
    data = images.load("fashion-mnist", root=fresh, download=True, split="test", limit=5)
    assert torch.equal(data.x, images.load("fashion-mnist", root=root, split="test", limit=5).x)

    images.load("imagenette", root=fresh, download=True)
    (fresh / "imagenette2-160/val/n01440764/test.JPEG").unlink()
    assert len(images.load("imagenette", root=fresh, download=True, split="test")) == 10
    assert images.available(fresh) == ["digits", "fashion-mnist", "imagenette"]
    assert not [path for path in fresh.iterdir() if path.name.startswith(".")]


@pytest.mark.usefixtures("any_content")
def test_download_of_stl10(root, tmp_path_factory, serve, monkeypatch):
    serve(Server({"stl10_binary.tar.gz": tar(root, "stl10_binary")}))
    fresh = tmp_path_factory.mktemp("fresh")
    assert len(images.load("stl10", root=fresh, download=True, limit=3)) == 3
    assert len(files_in(fresh)) == 5


@pytest.mark.parametrize("interruption", [URLError("half way"), KeyboardInterrupt()])
def test_interrupted_download_leaves_nothing_that_looks_whole(root, tmp_path_factory, serve, interruption):
    fresh = tmp_path_factory.mktemp("fresh")

    def half(url, root, *args, **kwargs):
        write(Path(root, "cifar-100-binary/train.bin"), b"half")
        raise interruption

    serve(half)
    with pytest.raises((ConnectionError, KeyboardInterrupt)):
        images.load("cifar100", root=fresh, download=True)
    assert files_in(fresh) == []


@pytest.mark.parametrize("name", LIBRARY)
def test_no_network(tmp_path, serve, name):
    def unreachable(*args, **kwargs):
        raise URLError("Name or service not known")

    serve(unreachable)
    with pytest.raises(ConnectionError, match=rf"(?s){name}: could not be fetched .*images.load\('digits'\)"):
        images.load(name, root=tmp_path, download=True)
    assert list(tmp_path.iterdir()) == []
