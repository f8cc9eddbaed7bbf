"""Folders of pictures and .npz files, good ones and hostile ones."""

import io
import struct
import warnings
import zipfile
import zlib

import numpy as np
import pytest
import torch
from fake_files import RNG, Booby, picture, write
from PIL import Image, ImageFile

from zmix_core import images, own_images


@pytest.fixture
def marker(tmp_path):
    return tmp_path / "unpickled"


# --- folders of pictures -----------------------------------------------------------------------------------


def test_folder_is_read_as_image_folder_does(tmp_path):
    from torchvision.datasets import ImageFolder

    for name, count in (("dog", 2), ("ant", 3), ("cat", 1)):
        for k in range(count):
            picture(tmp_path / "pets" / name / f"{k}.png", (16, 16))
    expected = ImageFolder(tmp_path / "pets")
    for where in ("pets", tmp_path / "pets", str(tmp_path / "pets")):
        data = images.load(where, root=tmp_path, size=16)
        assert (data.name, data.classes) == ("pets", ("ant", "cat", "dog"))
        assert data.y.tolist() == expected.targets
        for x, (pil, _) in zip(data.x, expected, strict=True):
            assert np.array_equal(x.permute(1, 2, 0), np.asarray(pil))


@pytest.mark.parametrize(("size", "ending"), [((100, 70), "png"), ((70, 100), "png"), ((900, 700), "jpg")])
def test_shorter_side_is_resized_and_the_longer_one_cropped(tmp_path, size, ending):
    from torchvision.transforms import CenterCrop, Compose, Resize

    # Smooth, as two ways of resizing differ on noise; 900 x 700 is where a JPEG is decoded at a fraction.
    u, v = np.meshgrid(np.linspace(0, 255, size[0]), np.linspace(0, 255, size[1]))
    smooth = Image.fromarray(np.stack([u, v, (u + v) / 2], -1).astype(np.uint8))
    (tmp_path / "own/a").mkdir(parents=True)
    smooth.save(tmp_path / f"own/a/0.{ending}")
    expected = np.asarray(Compose([Resize(64), CenterCrop(64)])(smooth)).transpose(2, 0, 1)
    data = images.load("own", root=tmp_path)
    assert data.x.shape == (1, 3, 64, 64)
    assert np.abs(data.x[0].numpy().astype(int) - expected).max() <= 6


def test_grayscale_keeps_one_channel_only_if_all_are(tmp_path):
    gray = picture(tmp_path / "own/a/0.png", (8, 8), "L")
    deep = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1024
    Image.fromarray(deep).save(tmp_path / "own/a/1.png")
    data = images.load("own", root=tmp_path, size=8)
    assert np.array_equal(data.x[0, 0], gray)
    assert np.array_equal(data.x[1, 0], deep // 256)
    assert data.x.shape == (2, 1, 8, 8)
    picture(tmp_path / "own/b/0.png", (8, 8))
    data = images.load("own", root=tmp_path, size=8)
    assert data.x.shape == (3, 3, 8, 8)
    assert all(np.array_equal(data.x[0, c], gray) for c in range(3))


def test_limit_takes_the_first_of_every_class_in_turn(tmp_path):
    counts = {"a": 5, "b": 1, "c": 3}
    for name, count in counts.items():
        for k in range(count):
            picture(tmp_path / "own" / name / f"{k}.png", (4, 4))
    for limit in range(1, 12):
        left, turns = dict(counts), []
        while any(left.values()) and len(turns) < limit:  # deal them out one by one
            for name in sorted(left):
                if left[name] and len(turns) < limit:
                    left[name] -= 1
                    turns.append(name)
        data = images.load("own", root=tmp_path, limit=limit, size=4)
        assert [data.classes[label] for label in data.y] == sorted(turns)
    whole = images.load("own", root=tmp_path, size=4)
    assert torch.equal(images.load("own", root=tmp_path, limit=6, size=4).x, whole.x[[0, 1, 2, 5, 6, 7]])


def test_splits_of_a_folder_share_their_classes(tmp_path):
    for path in ("train/ant/0", "train/bee/0", "test/bee/0", "test/cow/0"):
        picture(tmp_path / "own" / f"{path}.png", (4, 4))
    data = images.load("own", root=tmp_path, split="test")
    assert data.classes == ("ant", "bee", "cow")
    assert data.y.tolist() == [1, 2]
    assert images.load("own", root=tmp_path).y.tolist() == [0, 1]
    with pytest.raises(ValueError, match="split = 'val'"):
        images.load("own", root=tmp_path, split="val")
    with pytest.raises(ValueError, match="split = 'test'"):
        images.load(tmp_path / "own/train", split="test")


def test_links_and_hidden_files_are_skipped(tmp_path):
    picture(tmp_path / "own/a/0.png", (4, 4))
    picture(tmp_path / "own/.cache/0.png", (4, 4))
    picture(tmp_path / "own/a/._0.png", (4, 4))
    picture(tmp_path / "elsewhere/0.png", (4, 4))
    (tmp_path / "own/a/1.png").symlink_to(tmp_path / "elsewhere/0.png")
    (tmp_path / "own/b").symlink_to(tmp_path / "elsewhere")
    data = images.load("own", root=tmp_path)
    assert (len(data), data.classes) == (1, ("a",))
    picture(tmp_path / "both/train/a/0.png", (4, 4))
    picture(tmp_path / "both/test/b/0.png", (4, 4))
    (tmp_path / "both/test/a").symlink_to(tmp_path / "elsewhere")
    assert images.load("both", root=tmp_path, split="test").y.tolist() == [1]


@pytest.mark.parametrize("names", [[], ["a/notes.txt"], ["0.png"]])
def test_folder_without_classes(tmp_path, names):
    (tmp_path / "own").mkdir()
    for name in names:
        write(tmp_path / "own" / name)
    with pytest.raises(ValueError, match="one sub-folder a class"):
        images.load("own", root=tmp_path)


def test_unreadable_pictures(tmp_path):
    path = tmp_path / "own/a/0.png"
    picture(path, (32, 32))
    whole = path.read_bytes()
    other = io.BytesIO()
    Image.new("L", (9, 9)).save(other, "GIF")  # Pillow can read it, but no ending allowed promises it
    for content in (whole[:200], whole.replace(b"IDAT", b"XDAT"), b"", b"not a picture", other.getvalue()):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"own.a.0.png: unreadable picture"):
            images.load("own", root=tmp_path)


def test_float_pictures_have_no_known_range(tmp_path):
    (tmp_path / "own/a").mkdir(parents=True)
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "own/a/0.tif")
    with pytest.raises(ValueError, match=r"0.tif: .*mode F"):
        images.load("own", root=tmp_path)


# Below, between and above the sizes at which Pillow itself warns and refuses.
@pytest.mark.parametrize(("width", "height"), [(10_000, 5_001), (10_000, 10_000), (50_000, 50_000)])
@pytest.mark.parametrize("action", ["error", "ignore"])
def test_huge_pictures_are_refused_before_they_are_decoded(tmp_path, monkeypatch, width, height, action):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    write(tmp_path / "own/a/huge.png", b"\x89PNG\r\n\x1a\n" + header + body)
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("decoded"))
    with warnings.catch_warnings():
        warnings.simplefilter(action)
        with pytest.raises(ValueError, match=r"huge.png: .*at most 50 megapixels") as caught:
            images.load("own", root=tmp_path)
    assert f"{width} x {height}" in str(caught.value) or f"{width * height} pixels" in str(caught.value)


def test_too_much_for_memory(tmp_path):
    picture(tmp_path / "own/a/0.png", (4, 4))
    with pytest.raises(ValueError, match="size = 40000 are more than 2 GiB"):
        images.load("own", root=tmp_path, size=40_000)


def test_endings_are_torchvisions():
    from torchvision.datasets.folder import IMG_EXTENSIONS

    assert own_images.EXTENSIONS == IMG_EXTENSIONS


# --- .npz in MedMNIST's layout -----------------------------------------------------------------------------


def npz(**arrays):
    """A file of four 6 x 5 pictures, with some arrays replaced or, if None, left out."""
    good = {"train_images": RNG.integers(0, 256, (4, 6, 5), np.uint8), "train_labels": np.array([0, 2, 1, 2])}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{k: v for k, v in (good | arrays).items() if v is not None})
    return buffer


@pytest.mark.parametrize("shape", [(4, 6, 5), (4, 6, 5, 1), (4, 6, 5, 3)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npz(tmp_path, shape, order):
    x = np.asarray(RNG.integers(0, 256, shape, np.uint8), order=order)
    y = np.array([[0], [2], [1], [2]], np.uint8)
    test = {"test_images": x[:2], "test_labels": np.array([1, 4])}
    (tmp_path / "pets.npz").write_bytes(npz(train_images=x, train_labels=y, **test).getvalue())
    for data in (images.load("pets.npz", root=tmp_path), images.read_npz(tmp_path / "pets.npz")):
        channels = shape[3] if len(shape) == 4 else 1
        assert data.x.shape == (4, channels, 6, 5)
        for k, row, column, channel in np.ndindex(4, 6, 5, channels):
            assert data.x[k, channel, row, column] == x.reshape(4, 6, 5, channels)[k, row, column, channel]
        assert data.y.tolist() == [0, 2, 1, 2]
        assert (data.name, data.classes) == ("pets.npz", tuple("01234"))
    data = images.load(tmp_path / "pets.npz", split="test", limit=1)
    assert (data.y.tolist(), data.classes) == ([1], tuple("01234"))


def test_npz_from_an_upload():
    upload = npz()
    assert images.read_npz(upload).name == "upload.npz"
    assert images.read_npz(upload, "scans.npz").name == "scans.npz"


BAD_ARRAYS = {
    "no pictures": ({"train_images": None}, "no train_images among"),
    "no labels": ({"train_labels": None}, "no train_labels among"),
    "floats": ({"train_images": np.zeros((4, 6, 5))}, "train_images is float64, not uint8"),
    "flat": ({"train_images": np.zeros((4, 30), np.uint8)}, r"shape \(4, 30\)"),
    "volumes": ({"train_images": np.zeros((4, 6, 5, 7), np.uint8)}, r"shape \(4, 6, 5, 7\)"),
    "empty": ({"train_images": np.zeros((0, 6, 5), np.uint8)}, r"shape \(0, 6, 5\)"),
    "float labels": ({"train_labels": np.zeros(4)}, "train_labels is float64, not integer"),
    "truth values": ({"train_labels": np.zeros(4, bool)}, "train_labels is bool"),
    "negative": ({"train_labels": np.array([0, 1, -1, 0])}, "run from -1 to 1"),
    "too many classes": ({"train_labels": np.array([0, 1, 2**63, 0], np.uint64)}, "to 9223372036854775808"),
    "too few labels": ({"train_labels": np.zeros(3, int)}, "4 train_images but 3 train_labels"),
    "several labels": ({"train_labels": np.zeros((4, 14), int)}, "one label a picture"),
    "a bad other split": ({"val_labels": np.array([0.5])}, "val_labels is float64"),
    "huge": (
        {"train_images": np.zeros((1, 10_000, 5_001), np.uint8)},
        "10000 x 5001 pixels, above the 50 mega",
    ),
}


@pytest.mark.parametrize(("arrays", "message"), BAD_ARRAYS.values(), ids=BAD_ARRAYS.keys())
def test_npz_refused(arrays, message):
    with pytest.raises(ValueError, match=rf"own.npz: .*{message}.*Expected arrays train_images"):
        images.read_npz(npz(**arrays), "own.npz")


@pytest.mark.parametrize("key", ["train_images", "train_labels", "val_labels"])
def test_pickled_npz_is_refused_without_unpickling(key, marker):
    upload = npz(**{key: np.array([Booby(marker)] * 4, object)})
    with pytest.raises(ValueError, match=f"{key} (is object|holds pickled)"):
        images.read_npz(upload)
    assert not marker.exists()
    upload.seek(0)
    with np.load(upload, allow_pickle=True) as archive:
        archive[key]
    assert marker.exists(), "unpickling leaves no mark, so its absence shows nothing"


def test_npz_bomb_is_refused_before_it_is_decompressed(monkeypatch):
    upload = npz()
    with zipfile.ZipFile(upload, "a") as archive:
        archive.writestr("val_images.npy", b"0")
        archive.infolist()[-1].file_size = 3 * 2**30  # what the directory declares
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *args, **kwargs: pytest.fail("decompressed"))
    with pytest.raises(ValueError, match=r"bytes uncompressed, above the 2 GiB"):
        images.read_npz(upload)


@pytest.mark.parametrize("shape", [(4, 6, 500), (2**40, 6, 5)])
def test_npz_whose_header_lies(shape, monkeypatch):
    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(member, {"descr": "|u1", "fortran_order": False, "shape": shape})
    member.write(bytes(4 * 6 * 5))
    upload = npz(train_images=None)
    with zipfile.ZipFile(upload, "a") as archive:
        archive.writestr("train_images.npy", member.getvalue())
    monkeypatch.setattr(np.lib.format, "read_array", lambda *args, **kwargs: pytest.fail("allocated"))
    with pytest.raises(ValueError, match="which is not what its shape"):
        images.read_npz(upload)


def test_damaged_npz(tmp_path):
    whole = npz().getvalue()
    first = zipfile.ZipFile(io.BytesIO(whole)).infolist()[0]
    damaged = bytearray(whole)
    damaged[first.compress_size : first.compress_size + 20] = bytes(20)
    for content in (b"", b"not a zip", whole[: len(whole) // 2], bytes(damaged)):
        write(tmp_path / "own.npz", content)
        with pytest.raises(ValueError, match=r"own.npz: "):
            images.load("own.npz", root=tmp_path)
    with pytest.raises(FileNotFoundError):
        images.read_npz(tmp_path / "none.npz")
    with pytest.raises(ValueError, match=r"limit = -1"):
        images.read_npz(npz(), limit=-1)


def test_available_lists_own_files(tmp_path):
    for name in ("pets", "birds/train", ".hidden"):
        picture(tmp_path / name / "a/0.png", (4, 4))
    write(tmp_path / "scans.npz", npz().getvalue())
    write(tmp_path / "floats.npz", npz(train_images=np.zeros((4, 6, 5))).getvalue())
    write(tmp_path / "broken.npz", b"")
    write(tmp_path / "notes/plan.txt")
    assert images.available(tmp_path) == ["digits", "birds", "pets", "scans.npz"]
    for name in images.available(tmp_path):
        assert len(images.load(name, root=tmp_path))
    with pytest.raises(ValueError, match="size = 9: scans"):
        images.load("scans.npz", root=tmp_path, size=9)
