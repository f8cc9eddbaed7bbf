"""One server and one Chromium for all tests of this package; a page of its own for each test."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from browser.lab import Lab
from dashboard.latency_page import CHROMIUM, SOFTWARE_GL
from dashboard.latency_rivals import stop

ROOT = Path(__file__).parents[2]

HOSTILE_FILE = "<img src=x onerror=window.pwned=1>.npz"
HOSTILE_CLASSES = ("<img src=x onerror=window.pwned=1>", "<svg onload=window.pwned=1>")


@dataclass
class Server:
    """A dashboard that is served, and what it has written so far."""

    address: str
    log: Path
    read: int = field(default=0)

    def complaints(self) -> list[str]:
        """Errors in the log since the last time this was asked."""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        new, self.read = text[self.read :], len(text)
        entries = re.split(r"^(?=\d{4}-\d\d-\d\d )", new, flags=re.MULTILINE)
        errors = [entry for entry in entries if re.search(r"Traceback|\b(ERROR|CRITICAL)\b", entry)]
        # A page that is closed while something is on its way to it is no error.
        return [entry for entry in errors if "WebSocketClosedError" not in entry]


def write_npz(path: Path, classes: int = 3, count: int = 24) -> None:
    """Pictures of a user's own, in MedMNIST's layout."""
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (count, 6, 6, 3), dtype=np.uint8)
    labels = (np.arange(count) % classes)[:, None]
    splits = ("train", "val", "test")
    np.savez(path, **{f"{s}_images": pixels for s in splits}, **{f"{s}_labels": labels for s in splits})


@pytest.fixture(scope="package")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose names are markup."""
    folder = tmp_path_factory.mktemp("data")
    write_npz(folder / HOSTILE_FILE)
    generator = np.random.default_rng(1)
    for name in HOSTILE_CLASSES:
        (folder / "pets" / name).mkdir(parents=True)
        for i in range(4):
            pixels = generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "pets" / name / f"{i}.png")
    return folder


@pytest.fixture(scope="package")
def runs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where training runs go."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="package")
def server(
    launch: Callable[..., Browser],
    data_folder: Path,
    runs_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    """The dashboard, served for all tests; without a browser to look at it, ``launch`` skips first."""
    log = tmp_path_factory.mktemp("server") / "log.txt"
    environment = {**os.environ, "ZMIX_DATA": str(data_folder), "ZMIX_RUNS": str(runs_folder)}
    environment["PYTHONUNBUFFERED"] = "1"
    command = [sys.executable, "-m", "panel", "serve", str(ROOT / "dashboard"), "--port", "0"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT)
    try:
        yield Server(_address(process, log), log)
    finally:
        stop(process)


def _address(process: subprocess.Popen, log: Path) -> str:
    """Where the server says that it runs, once it has answered there."""
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        said = re.search(r"running at: (http://localhost:\d+/dashboard)", log.read_text(encoding="utf-8"))
        if said:
            # The first answer takes long, as the dashboard is imported for it.
            direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with direct.open(said[1], timeout=120) as answer:
                assert answer.status == 200
            return said[1]
        time.sleep(0.1)
    pytest.fail(f"the dashboard was not served:\n{log.read_text(encoding='utf-8')}")


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="package")
def launch(playwright: Playwright) -> Callable[..., Browser]:
    """Starts a Chromium with some more switches."""
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        reason = f"none of {', '.join(CHROMIUM)} is installed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return lambda *switches: playwright.chromium.launch(
        executable_path=path, args=["--no-sandbox", *switches]
    )


@pytest.fixture(scope="package")
def browser(launch: Callable[..., Browser]) -> Iterator[Browser]:
    with launch(*SOFTWARE_GL) as started:
        yield started


class Watch:
    """Keeps a context off the network and notes whatever must not happen in it."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.context, self.problems = context, []
        host = re.escape(address.removeprefix("http://").removesuffix("/dashboard"))
        local = rf"data:|about:|(blob:)?(http|ws)://{host}/"
        self._local = re.compile(f"^({local})")
        context.route(re.compile(f"^(?!{local})"), lambda route: route.abort())
        context.on("request", lambda request: self._asked(request.url))
        context.on(
            "console", lambda m: self.problems.append(f"console: {m.text}") if m.type == "error" else None
        )
        context.on("weberror", lambda error: self.problems.append(f"error: {error.error}"))
        context.on("page", self._opened)

    def _opened(self, page: Page) -> None:
        page.on("websocket", lambda socket: self._asked(socket.url))
        page.on("crash", lambda _: self.problems.append("the page crashed"))
        page.on(
            "dialog", lambda dialog: (self.problems.append(f"dialog: {dialog.message}"), dialog.dismiss())
        )

    def _asked(self, url: str) -> None:
        if not self._local.match(url):
            self.problems.append(f"asked the network for {url[:200]}")

    def close(self) -> list[str]:
        """Look for scripts that ran, close the context, and give what went wrong."""
        for page in self.context.pages:
            try:
                if page.locator(":root").evaluate("() => window.pwned", timeout=10_000) is not None:
                    self.problems.append("markup was run as a script")
            except PlaywrightTimeout:
                self.problems.append("the page hangs")
        self.context.unroute_all(behavior="ignoreErrors")
        self.context.close()
        return self.problems


@pytest.fixture
def open_context(
    server: Server, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Lab]]:
    """Makes a page in a context of its own, and fails the test at its end if anything went wrong in it."""
    monkeypatch.setenv("ZMIX_DATA", str(data_folder))  # what the test computes is from the same data
    server.complaints()
    watches: list[Watch] = []

    def make(browser: Browser, **options: Any) -> Lab:
        options = {"viewport": {"width": 1440, "height": 900}, **options}
        context = browser.new_context(**options)
        watches.append(Watch(context, server.address))
        return Lab(context.new_page(), server.address)

    yield make
    problems = [problem for watch in watches for problem in watch.close()]
    assert problems + server.complaints() == []


@pytest.fixture
def new_lab(open_context: Callable[..., Lab], browser: Browser) -> Callable[..., Lab]:
    """Makes a page in a new context of the one browser; takes the context's options."""
    return lambda **options: open_context(browser, **options)


@pytest.fixture
def lab(new_lab: Callable[..., Lab]) -> Lab:
    """A page in a new context, to be opened by the test."""
    return new_lab()
