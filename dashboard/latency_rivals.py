"""What `dashboard.latency` measures: the laboratory itself, and two plain ways to bind the same pictures.

Each rival draws zeta-mixup's samples alone, without the originals behind them and the two panels beside them:
it has less to draw than the laboratory. All of them compute a picture by the same calls of `zmix_core`.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dashboard.colours import palette
from zmix_core import images, manifolds
from zmix_core.dataset import Dataset
from zmix_core.dimension import curve
from zmix_core.methods import ZetaMixup
from zmix_core.weights import zeta_weights

__all__ = [
    "PICTURES",
    "Picture",
    "Server",
    "at_once",
    "dynamic_map",
    "interact",
    "jupyter",
    "lacking",
    "serving",
    "stop",
]

DENSE = 8192
"""Points of the crescents, as of the helix; the laboratory otherwise shows fewer."""

N, SEED = 32, 0


@dataclass(frozen=True)
class Picture:
    """One picture that follows a slider, for both rivals.

    Attributes:
        compute: From the slider's value to arrays.
        element: HoloViews' class for it.
        data: From the arrays to what this class takes.
        options: How it looks.
        plot: Draws the arrays into an axis of Matplotlib.
        columns: What the data hold besides coordinates.
        backend: What HoloViews draws it with.
        projection: Matplotlib's of the axis.
        slider: Its name, first and last value, and step.
    """

    compute: Callable[[float], Any]
    element: str
    data: Callable[[Any], Any]
    options: dict[str, Any]
    plot: Callable[[Any, Any], Any]
    columns: Sequence[str] | None = None
    backend: str = "bokeh"
    projection: str | None = None
    slider: tuple[str, float, float, float] = ("γ", 0.0, 15.0, 0.05)


# The same arrays


@cache
def _drawn(name: str) -> tuple[Dataset, Any]:
    if name == "digits":
        data = images.load("digits").first_of_each_class(10)
    else:
        data = manifolds.load(name, DENSE, seed=0)
    return data, ZetaMixup(N, 0.0).draw(len(data), generator=torch.Generator().manual_seed(SEED))


def mixed(name: str, gamma: float) -> tuple[Tensor, Tensor]:
    """Zeta-mixup's samples ``(m, ...)`` and the class of the largest share of each; draws nothing anew."""
    data, recipe = _drawn(name)
    recipe = recipe.reweight(zeta_weights(N, gamma))
    return recipe.apply(data.x), recipe.apply_labels(data.y, data.num_classes).argmax(1)


def grid(gamma: float) -> Tensor:
    """A hundred digits as one picture, ``(80, 80)``."""
    x = mixed("digits", gamma)[0][:, 0]
    return x.reshape(10, 10, *x.shape[1:]).transpose(1, 2).flatten(2).flatten(0, 1)


@cache
def _helix() -> Tensor:
    return manifolds.load("helix-r3", DENSE, seed=0).x


def first_points(n: float) -> list[tuple[float, float]]:
    """Gamma and mean local ID of the first points of the helix's curve."""
    for known in curve(_helix(), n=round(n), seed=SEED):
        if any(known.points.values()):
            return [(gamma, level.mean) for p in known.points.values() for gamma, level in p.items()]
    return []


# One picture each, by HoloViews and by Matplotlib


def _columns(arrays: tuple[Tensor, Tensor]) -> tuple[Any, ...]:
    x, label = arrays
    return (*x.T.numpy(), label.numpy())


def _scatter(arrays: tuple[Tensor, Tensor], axis: Any, colours: list[str]) -> None:
    from matplotlib.colors import ListedColormap

    *x, label = _columns(arrays)
    axis.scatter(*x, c=label, cmap=ListedColormap(colours), s=3)


def _points(kind: str, manifold: str, classes: int, size: float, **more: Any) -> Picture:
    colours = palette(classes)
    return Picture(
        partial(mixed, manifold),
        kind,
        _columns,
        {"color": "label", "cmap": colours, "size": size},
        partial(_scatter, colours=colours),
        columns=["label"],
        **more,
    )


PICTURES = {
    "Manifolds 2-D": _points("Points", "crescents", 2, 3),
    "Manifolds 3-D": _points("Scatter3D", "helix-r3", 4, 2, backend="plotly", projection="3d"),
    "image grid": Picture(
        grid, "Image", Tensor.numpy, {"cmap": "gray"}, lambda pixels, axis: axis.imshow(pixels, cmap="gray")
    ),
    "first point of the curve": Picture(
        first_points,
        "Points",
        list,
        {"size": 8, "xlim": (0, 15), "ylim": (0, 3)},
        lambda points, axis: axis.plot(*zip(*points, strict=True), "o"),
        slider=("N", 2, 200, 1),
    ),
}


# Bound to a slider


def dynamic_map(name: str) -> Any:
    """A minimal Panel app: a slider, and a DynamicMap bound to it."""
    import holoviews as hv
    import panel as pn

    picture = PICTURES[name]
    label, low, high, step = picture.slider
    slider = pn.widgets.FloatSlider(name=label, start=low, end=high, step=step, value=low, width=500)

    def draw(value: float) -> Any:
        # What is on screen says what it shows, for a stopwatch.
        data, title = picture.data(picture.compute(value)), f"{label} = {value:g}"
        return getattr(hv, picture.element)(data, vdims=picture.columns, label=title)

    bound = hv.DynamicMap(pn.bind(draw, value=slider))
    bound = bound.opts(width=500, height=500, **picture.options, backend=picture.backend)
    return pn.Column(slider, pn.pane.HoloViews(bound, backend=picture.backend))


def interact(name: str) -> None:
    """A cell of a notebook: ``interact`` with a figure of Matplotlib."""
    import ipywidgets
    import matplotlib.pyplot as plt

    picture = PICTURES[name]
    label, low, high, step = picture.slider

    def draw(value: float) -> None:
        figure = plt.figure(figsize=(5, 5))
        picture.plot(picture.compute(value), figure.add_subplot(projection=picture.projection))
        print(f"{label} = {value:g}")  # what a stopwatch reads; a picture cannot say what it shows
        plt.show()

    slider = ipywidgets.FloatSlider(min=low, max=high, step=step, value=low, description=label)
    slider.layout.width = "500px"
    ipywidgets.interact(draw, value=slider)


# Served, each by a process of its own


def _laboratory() -> None:
    """``panel serve dashboard`` with as many crescents, and pumps that say how much they compute at once."""
    from panel.command import main

    from dashboard import laboratory

    class Pump(laboratory.Pump):
        def __init__(self, compute: Callable, *rest: Callable) -> None:
            super().__init__(partial(told, compute), *rest)

    manifolds.MANIFOLDS["crescents"].default_m = DENSE
    laboratory.Pump = Pump
    sys.argv = ["panel", "serve", str(Path(__file__).parent), "--port", "0"]
    main()


def told(compute: Callable[[Any], Iterator[Any]], *value: Any, say: Callable = print) -> Iterator[Any]:
    """What ``compute(value)`` yields; says each time how many of its computations run at once."""
    results = compute(*value)
    while True:
        with _lock:
            _running[compute] = _running.get(compute, 0) + 1
            say(f"computing: {_running[compute]} at once", flush=True)
        try:
            result = next(results, results)
        finally:
            with _lock:
                _running[compute] -= 1
        if result is results:
            return
        yield result


_running: dict[Callable, int] = {}
_lock = threading.Lock()


def at_once(log: str) -> tuple[int, int]:
    """Computations that a server's log tells of: how many there were, and how many at once at most."""
    found = [int(n) for n in re.findall(r"computing: (\d+) at once", log)]
    return len(found), max(found, default=0)


def _panel() -> None:
    """The DynamicMaps, each under its number in `PICTURES`."""
    import holoviews as hv
    import panel as pn

    backends = {picture.backend for picture in PICTURES.values() if not lacking(picture.backend)}
    hv.extension(*sorted(backends))
    pn.extension(*sorted(backends - {"bokeh"}))
    apps = {str(i): (lambda name=name: dynamic_map(name)) for i, name in enumerate(PICTURES)}
    pn.serve(apps, port=0, show=False)


def lacking(*packages: str) -> list[str]:
    """Those of some packages that are not installed."""
    return [name for name in packages if importlib.util.find_spec(name) is None]


def jupyter(folder: Path) -> list[str]:
    """The command that serves a folder by JupyterLab, after putting a notebook a picture into it."""
    for i, name in enumerate(PICTURES):
        source = f"%matplotlib inline\nfrom dashboard.latency_rivals import interact\ninteract({name!r})"
        cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": source}
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = {"cells": [cell], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 4}
        (folder / f"{i}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    return [
        *("-m", "jupyterlab", "--no-browser", "--allow-root", "--port=0", "--ServerApp.ip=127.0.0.1"),
        *("--IdentityProvider.token=", "--LabApp.news_url=None", f"--ServerApp.root_dir={folder}"),
    ]


@dataclass
class Server:
    """A process that serves pages.

    Attributes:
        address: Where.
        log: A file with what it has said.
    """

    address: str
    log: Path


@contextmanager
def serving(*arguments: str, patience: float = 90) -> Iterator[Server]:
    """Runs Python with these arguments until it says where it serves, and ends it afterwards.

    Raises:
        TimeoutError: It did not say so.
    """
    bin_folder = str(Path(sys.executable).parent)
    # The kernels of a notebook are found on the path.
    environment = {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
    }
    with tempfile.TemporaryDirectory() as folder:
        log, end = Path(folder) / "log.txt", time.monotonic() + patience
        with log.open("wb") as out:
            command = [sys.executable, *arguments]
            process = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT)
        try:
            while not (said := re.search(r"https?://(localhost|127\.0\.0\.1):\d+[/\w]*", log.read_text())):
                if process.poll() is not None or time.monotonic() > end:
                    raise TimeoutError(f"{' '.join(command)}: not served in {patience} s:\n{log.read_text()}")
                time.sleep(0.02)
            yield Server(said[0], log)
        finally:
            stop(process)


def stop(process: subprocess.Popen) -> None:
    """Ends a server, by force where it takes too long."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    {"laboratory": _laboratory, "panel": _panel}[sys.argv[1]]()
