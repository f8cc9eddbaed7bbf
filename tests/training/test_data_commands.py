"""`zmix data ...`, with a server on this machine in the place of the owners' hosts."""

import dataclasses
import hashlib
import http.server
import threading

import numpy as np
import pytest
from fake_files import RNG, picture, write

from zmix_core import images
from zmix_core.cli import main
from zmix_core.training import fetch as fetching
from zmix_core.training.fetch import fetch, md5_of
from zmix_core.training.protocols import PROTOCOLS


class Host:
    """Serves one content at every path, and does as it is told: ranges or not, cut off or not."""

    def __init__(self):
        self.content = RNG.bytes(3 * fetching.CHUNK + 17)
        self.ranges, self.cut, self.status, self.asked = True, None, None, []
        host = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                host.answer(self)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/set.npz"

    def answer(self, request):
        asked = request.headers.get("Range")
        self.asked.append(asked)
        if self.status:
            return request.send_error(self.status)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.ranges else 0
        if asked and self.ranges and start >= len(self.content):
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{len(self.content)}")
            request.send_header("Content-Length", "0")
            return request.end_headers()
        body = self.content[start:]
        request.send_response(206 if asked and self.ranges else 200)
        if asked and self.ranges:
            total = len(self.content)
            request.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body if self.cut is None else body[: self.cut])

    @property
    def md5(self):
        return hashlib.md5(self.content).hexdigest()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def host(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    host = Host()
    yield host
    host.close()


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("ZMIX_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# One file


def test_a_file_is_fetched_whole(tmp_path, host):
    lines = []
    fetch(host.url, tmp_path / "new/set.npz", md5=host.md5, say=lines.append)
    assert (tmp_path / "new/set.npz").read_bytes() == host.content
    assert names(tmp_path / "new") == ["set.npz"]
    assert host.asked == [None]
    assert lines
    assert all(line.startswith("set.npz: ") and line.endswith(" of 3.1 MB") for line in lines)


def test_what_was_cut_off_goes_on_where_it_was(tmp_path, host):
    file, half = tmp_path / "set.npz", fetching.CHUNK + 5
    host.cut = half
    with pytest.raises(ConnectionError, match=rf"{half:,} bytes of it are kept in .*set.npz.part.*goes on"):
        fetch(host.url, file, md5=host.md5)
    assert names(tmp_path) == ["set.npz.part"]
    host.cut = None
    fetch(host.url, file, md5=host.md5)
    assert host.asked == [None, f"bytes={half}-"]
    assert file.read_bytes() == host.content
    assert names(tmp_path) == ["set.npz"]


def test_a_host_that_cannot_resume_begins_again(tmp_path, host):
    write(tmp_path / "set.npz.part", host.content[:1000])
    host.ranges = False
    fetch(host.url, tmp_path / "set.npz", md5=host.md5)
    assert (tmp_path / "set.npz").read_bytes() == host.content


@pytest.mark.parametrize("more", [0, 1])
def test_a_part_that_is_whole_or_too_long_is_put_right(tmp_path, host, more):
    write(tmp_path / "set.npz.part", host.content + b"x" * more)
    fetch(host.url, tmp_path / "set.npz", md5=host.md5)
    assert (tmp_path / "set.npz").read_bytes() == host.content
    assert len(host.asked) == 1 + more


def test_another_content_is_thrown_away(tmp_path, host):
    write(tmp_path / "set.npz", b"what was there")
    with pytest.raises(ValueError, match=rf"set.npz with md5 {host.md5}; expected {'0' * 32}.*thrown away"):
        fetch(host.url, tmp_path / "set.npz", md5="0" * 32)
    assert names(tmp_path) == ["set.npz"]
    assert (tmp_path / "set.npz").read_bytes() == b"what was there"


@pytest.mark.parametrize("status", [404, 503])
def test_a_host_that_refuses_is_told(tmp_path, host, status):
    host.status = status
    write(tmp_path / "set.npz.part", b"some")
    with pytest.raises(ConnectionError, match=rf"could not be fetched \(HTTP Error {status}.*by hand"):
        fetch(host.url, tmp_path / "set.npz", md5=host.md5)
    assert names(tmp_path) == ["set.npz.part"]


def test_a_host_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConnectionError, match=r"127.0.0.1:9/set.npz could not be fetched.*network.*by hand"):
        fetch("http://127.0.0.1:9/set.npz", tmp_path / "set.npz", md5="0" * 32)
    with pytest.raises(ValueError, match="expected an address that begins with https://"):
        fetch("file:///etc/passwd", tmp_path / "set.npz", md5="0" * 32)


def test_the_checksum_is_hashlibs(tmp_path):
    content = RNG.bytes(100_000)
    write(tmp_path / "a", content)
    assert md5_of(tmp_path / "a") == hashlib.md5(content).hexdigest()


# Commands


@pytest.fixture
def breastmnist(host, tmp_path, monkeypatch):
    """BreastMNIST in its layout, on the host."""
    arrays = {f"{s}_images": RNG.integers(0, 256, (6, 28, 28), np.uint8) for s in ("train", "val", "test")}
    arrays |= {f"{s}_labels": np.arange(6)[:, None] % 2 for s in ("train", "val", "test")}
    np.savez(tmp_path / "made.npz", **arrays)
    host.content = (tmp_path / "made.npz").read_bytes()
    entry = dataclasses.replace(PROTOCOLS["breastmnist"], url=host.url, md5=host.md5)
    monkeypatch.setitem(PROTOCOLS, "breastmnist", entry)
    return entry


def test_a_set_is_missing_then_half_there_then_whole_then_damaged(root, host, breastmnist, capsys):
    def state():
        assert main(["data", "list"]) == 0
        (line,) = (ln for ln in capsys.readouterr().out.splitlines() if ln.startswith("breastmnist "))
        return line.split("resnet-18")[1].strip()

    assert state() == "to be fetched"
    assert main(["data", "check", "breastmnist"]) == 2
    said = capsys.readouterr()
    for part in (
        "BreastMNIST",
        "CC BY 4.0",
        "medmnist.com",
        host.md5,
        host.url,
        str(root / "breastmnist.npz"),
    ):
        assert part in said.out
    assert "breastmnist.npz. `zmix data fetch breastmnist` downloads it." in said.err

    host.cut = 500
    assert main(["data", "fetch", "breastmnist"]) == 2
    assert "goes on from there" in capsys.readouterr().err
    assert state() == "0.0 MB of it on disk"

    host.cut = None
    assert main(["data", "fetch", "breastmnist"]) == 0
    assert host.asked[-1] == "bytes=500-"
    assert "breastmnist is whole" in capsys.readouterr().out
    assert state() == "on disk"
    assert main(["data", "check", "breastmnist"]) == 0
    assert "whole, md5 right" in capsys.readouterr().out

    asked = len(host.asked)
    assert main(["data", "fetch", "breastmnist"]) == 0
    assert "on disk already" in capsys.readouterr().out
    assert len(host.asked) == asked, "a whole set was fetched again"

    write(root / "breastmnist.npz", host.content[:-1])
    assert main(["data", "check", "breastmnist"]) == 2
    assert f"expected {host.md5}. It is damaged" in capsys.readouterr().err
    assert main(["data", "fetch", "breastmnist"]) == 0
    assert (root / "breastmnist.npz").read_bytes() == host.content


def test_the_list_has_every_protocol(root, capsys):
    assert main(["data", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1 : 1 + len(PROTOCOLS)]] == list(PROTOCOLS)
    assert lines[-1].startswith(f"looked for in {root};")
    state = {line.split()[0]: line.split("  ")[-1].strip() for line in lines[1 : 1 + len(PROTOCOLS)]}
    assert (state["digits"], state["cifar10"], state["dermofit"]) == ("on disk", "to be fetched", "by hand")


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_set_can_be_checked_where_there_is_none(root, name, capsys):
    assert main(["data", "check", name]) == (0 if name == "digits" else 2)
    said = capsys.readouterr()
    for heading in ("name:", "source:", "licence:", "pictures:", "expected:", "in:", "note:"):
        assert f"\n{heading}" in f"\n{said.out}"
    assert ("digits" in name) or name.split("-1000")[0] in said.err
    assert not root.exists(), "a check wrote something"


@pytest.mark.parametrize("name", [entry.name for entry in PROTOCOLS.values() if entry.group == "skin"])
def test_what_may_not_be_downloaded_is_told_with_what_to_do(root, name, capsys):
    assert main(["data", "fetch", name]) == 2
    said = capsys.readouterr()
    assert PROTOCOLS[name].source in said.out
    assert str(root / name) in said.out
    assert "manifest.csv" in said.err
    assert "Its labels" in said.err


def test_a_folder_is_checked_with_its_split(root, capsys):
    for k in range(40):
        picture(root / "ph2" / ("nevus" if k % 2 else "melanoma") / f"{k}.png", (9, 9))
    assert main(["data", "check", "ph2"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "40 pictures on disk, but the paper has 200; its split is drawn and frozen when" in said

    from zmix_core.training.data import splits

    splits(dataclasses.replace(PROTOCOLS["ph2"], size=8))
    assert main(["data", "check", "ph2"]) == 0
    assert "split as frozen in zmix-split.json" in capsys.readouterr().out
    (root / "ph2/nevus/1.png").unlink()
    assert main(["data", "check", "ph2"]) == 2
    assert "1 are gone (nevus/1.png)" in capsys.readouterr().err
    picture(root / "ph2/other/1.png", (9, 9))
    assert main(["data", "check", "ph2"]) == 2
    assert "3 classes (melanoma, nevus, other); expected 2" in capsys.readouterr().err


def test_a_library_set_is_fetched_by_the_library(root, monkeypatch, capsys):
    asked = []

    def load(name, **options):
        asked.append((name, options.get("download", False)))
        if not any(download for _, download in asked):
            raise FileNotFoundError("cifar10: no train files")

    monkeypatch.setattr(images, "load", load)
    assert main(["data", "fetch", "cifar10"]) == 0
    assert ("cifar10", True) in asked
    assert "none stated by its owners" in capsys.readouterr().out


def test_an_unknown_name_is_told(root, capsys):
    for command in ("check", "fetch"):
        assert main(["data", command, "cifar-10"]) == 2
        assert "'cifar-10' is no folder" in capsys.readouterr().err
