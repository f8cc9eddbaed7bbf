"""One file from its owners' host: resumed where it was cut off, and in its place only when it is whole."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

__all__ = ["fetch", "md5_of"]

CHUNK = 2**20
TIMEOUT = 60.0
"""Seconds without a byte after which a host is given up."""


def fetch(url: str, file: Path, *, md5: str, say: Callable[[str], None] | None = None) -> None:
    """Downloads a file, and goes on where an earlier call was cut off.

    What has come so far is kept beside it as ``NAME.part``. Only when its md5 is right does it get its name,
    so a file of that name is whole.

    Args:
        url: Its address, http or https.
        file: Where it shall lie; what lies there is replaced.
        md5: What it must have, in hexadecimal.
        say: Is told how far it is: at every tenth, at most once a second.

    Raises:
        ConnectionError: The host cannot be reached, refuses, or the connection broke; calling it again
            goes on.
        ValueError: All of it came, but with another md5; nothing of it is kept.

    Example:
        ``fetch(PROTOCOLS["breastmnist"].url, Path("breastmnist.npz"), md5=PROTOCOLS["breastmnist"].md5)``
    """
    if not url.startswith(("https://", "http://")):
        raise ValueError(f"url = {url!r}: expected an address that begins with https:// or http://.")
    part = file.with_name(f"{file.name}.part")
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        _append(url, part, say or (lambda line: None))
    except (OSError, HTTPException) as error:
        kept = f"{part.stat().st_size:,} bytes of it are kept in {part}. " if part.exists() else ""
        raise ConnectionError(
            f"{url} could not be fetched ({error or type(error).__name__}). {kept}Try again with a network, "
            f"and it goes on from there; or put the file, with md5 {md5}, at {file} by hand."
        ) from error
    found = md5_of(part)
    if found != md5:
        part.unlink()
        raise ValueError(
            f"{url} gave {file.name} with md5 {found}; expected {md5}. It was thrown away: try again; if "
            "that changes nothing, its owners changed the file, or something on the way did."
        )
    part.replace(file)


def md5_of(file: Path) -> str:
    """The md5 of a file, in hexadecimal.

    Example:
        ``md5_of(Path("breastmnist.npz")) == PROTOCOLS["breastmnist"].md5``
    """
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _append(url: str, part: Path, say: Callable[[str], None]) -> None:
    """Gets what is missing of a file; what is there already stays if the host can send the rest alone."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "zmix", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        answer = urlopen(Request(url, headers=headers), timeout=TIMEOUT)
    except HTTPError as error:
        # 416: there is nothing behind what we have, so it is whole, or too long to be what we want.
        total = (error.headers.get("Content-Range") or "").rpartition("/")[2]
        error.close()
        if error.code != 416 or not have:
            raise
        if total == str(have):
            return
        part.unlink()
        return _append(url, part, say)
    with answer:
        start = _start(answer) if answer.status == 206 else 0
        if start not in (0, have):
            raise ConnectionError(f"asked for the bytes from {have:,} on, it sent those from {start:,} on")
        _copy(answer, part, start, say)


def _start(answer: HTTPResponse) -> int:
    """Of ``Content-Range: bytes 100-199/200`` the 100."""
    first = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    if not first.isdigit():
        raise ConnectionError(f"Content-Range = {answer.headers.get('Content-Range')!r} in its answer")
    return int(first)


def _copy(answer: HTTPResponse, part: Path, start: int, say: Callable[[str], None]) -> None:
    length = answer.headers.get("Content-Length")
    total = start + int(length) if length else None
    done, tenth, said = start, -1, 0.0
    with open(part, "ab" if start else "wb") as opened:
        while chunk := answer.read(CHUNK):
            opened.write(chunk)
            done += len(chunk)
            now = 10 * done // total if total else done // (10 * CHUNK)
            if now != tenth and time.monotonic() - said > 1:
                tenth, said = now, time.monotonic()
                of = f" of {total / 1e6:.1f}" if total else ""
                say(f"{part.stem}: {done / 1e6:.1f}{of} MB")
    # A connection that breaks ends the reading like the end of the file does.
    if total is not None and done < total:
        raise ConnectionError(f"the connection broke after {done:,} of {total:,} bytes")
