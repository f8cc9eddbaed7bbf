"""Mixing a batch beside other libraries, ``zmix speed mix``: the paper's Table A1 and beyond."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from zmix_core.methods import ZetaMixup
from zmix_core.speed import awaited, beside, machine, markdown, provenance, seconds

__all__ = ["LIMITS", "QUICK_LIMITS", "SHAPES", "goals", "measure", "rivals", "table"]

SHAPES = ((32, 3, 224, 224), (128, 3, 224, 224), (128, 3, 32, 32), (32, 1, 28, 28))
QUICK = SHAPES[0], SHAPES[2]
LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
DTYPES = (torch.float32, torch.bfloat16)

LIMITS = 40, 2.0
"""Runs at most of each computation, and the seconds after which it is not run again."""

QUICK_LIMITS = 15, 0.5

CLASSES = 10
GAMMA = 2.8
SEED = 0

OURS, IN_PLACE, CLONE, LISTING = "zmix", "zmix in place", "clone", "Listing A1"
PACKAGES = {"torchvision": "torchvision", "timm": "timm", "kornia": "kornia"}
"""Rivals to be installed, and what they are imported as."""

GOALS = {CLONE: 1 / 1.5, "torchvision": 2.0, "timm": 2.0, "original": 4.0, "kornia": 8.0, LISTING: 1.5}
"""How many times zmix's time each is to take, for `SHAPES[0]`, float32 and contiguous, on the CPU."""

Call = Callable[[], Any]


def rivals(x: Tensor, y: Tensor) -> dict[str, Call]:
    """What mixes the samples ``(m, C, H, W)`` and the integer labels ``(m,)``, by name.

    Each draws anew every time. Those that change the samples get their own. A package that is not installed
    is left out.
    """
    m, own, theirs = len(x), x.clone(), x.clone()
    zeta, beta = ZetaMixup(gamma=GAMMA), torch.distributions.Beta(1.0, 1.0)

    def ours(out: Tensor | None = None) -> tuple[Tensor, Tensor]:
        recipe = zeta.draw(m, device=x.device)
        return recipe.apply(x if out is None else out, out=out), recipe.apply_labels(y, CLASSES)

    def original() -> tuple[Tensor, ...]:  # as in the authors' code
        lam, index = float(beta.sample()), torch.randperm(m, device=x.device)
        return lam * x + (1 - lam) * x[index, :], y, y[index]

    def lerp() -> tuple[Tensor, ...]:
        lam, index = float(beta.sample()), torch.randperm(m, device=x.device)
        return torch.lerp(x[index], x, lam), y, y[index]

    calls: dict[str, Call] = {
        CLONE: x.clone,
        OURS: ours,
        IN_PLACE: lambda: ours(own),
        LISTING: lambda: listing_a1(x, y),
        "lerp": lerp,
        "original": original,
    }
    if find_spec("torchvision"):
        from torchvision.transforms import v2

        mixup = v2.MixUp(num_classes=CLASSES)
        calls["torchvision"] = lambda: mixup(x, y)
    if find_spec("timm"):
        from timm.data import Mixup

        batchwise = Mixup(num_classes=CLASSES, label_smoothing=0.0)
        calls["timm"] = lambda: batchwise(theirs, y)
    if find_spec("kornia"):
        from kornia.augmentation import RandomMixUpV2

        random = RandomMixUpV2(p=1.0, data_keys=["input", "class"])
        calls["kornia"] = lambda: random(x, y)
    return calls


def listing_a1(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """zeta-mixup as the paper lists it, with the weights of Eq. 3: each row the p-series in random order."""
    series = torch.arange(1, len(x) + 1, device=x.device, dtype=torch.float32) ** -GAMMA
    series /= series.sum()
    weights = series[torch.rand(len(x), len(x), device=x.device).argsort(1)]
    x_new = torch.einsum("ijkl,pi->pjkl", x, weights.to(x.dtype))
    return x_new, torch.einsum("pq,qj->pj", weights, F.one_hot(y, CLASSES).float())


def measure(
    *,
    quick: bool = False,
    shapes: Sequence[tuple[int, ...]] | None = None,
    limits: tuple[int, float] = LIMITS,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Mix batches of pictures in turns, on the CPU and, where there is one, on a CUDA device.

    Args:
        quick: Fewer shapes.
        shapes: Of the batches, instead of `SHAPES`.
        limits: See `LIMITS`.
        say: Is told what is being measured.

    Returns:
        What the JSON file holds: machine, versions, date, one row a batch, and what was skipped.
    """
    missing = [name for name, package in PACKAGES.items() if find_spec(package) is None]
    skipped = [f"{name} was skipped: it is not installed (pip install -e '.[speed]')." for name in missing]
    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    if len(devices) == 1:
        skipped.append("A GPU was skipped: there is none.")
    rows = []
    for device in devices:
        for shape in shapes or (QUICK if quick else SHAPES):
            for dtype in DTYPES:
                for layout, memory_format in LAYOUTS.items():
                    x = torch.rand(shape, generator=torch.Generator().manual_seed(SEED))
                    x = x.to(device, dtype).to(memory_format=memory_format)
                    if layout == "channels_last" and x.is_contiguous():
                        continue  # pictures of one channel lie both ways
                    say(f"{list(shape)} {_name(dtype)} {layout} on {device}")
                    y = torch.arange(len(x), device=device) % CLASSES
                    row = {"device": device, "shape": list(shape), "dtype": _name(dtype), "layout": layout}
                    rows.append(row | {"times": _times(rivals(x, y), device, limits)})
    found = ["torch", *(name for name in PACKAGES if name not in missing)]
    return {"bench": "mix", **machine(found), "device": _devices(devices), "rows": rows, "skipped": skipped}


def _times(calls: dict[str, Call], device: str, limits: tuple[int, float]) -> dict[str, Any]:
    beside(calls, repeats=2)  # what is compiled, chosen or allocated at first
    if device == "cuda":
        calls = calls | {OURS: _graph(calls[OURS])}
    calls = {name: awaited(call, device) for name, call in calls.items()}
    return {name: timing.record() for name, timing in beside(calls, *limits)[1].items()}


def _graph(call: Call) -> Call:
    """Drawing and applying as one CUDA graph; recording it fails where the host would have to wait."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return graph.replay


def _devices(devices: Sequence[str]) -> str:
    return ", ".join(torch.cuda.get_device_name() if device == "cuda" else device for device in devices)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def goals(measured: Mapping[str, Any]) -> list[tuple[str, float, float]]:
    """For each rival: how many times zmix's time it takes where we have a goal, and that goal."""
    task = ("cpu", list(SHAPES[0]), "float32", "contiguous")
    for row in measured["rows"]:
        if (row["device"], row["shape"], row["dtype"], row["layout"]) == task:
            times = {name: record["median"] for name, record in row["times"].items()}
            return [(name, times[name] / times[OURS], goal) for name, goal in GOALS.items() if name in times]
    return []


def table(measured: Mapping[str, Any]) -> str:
    """What `measure` gave, as Markdown."""
    rows = measured["rows"]
    names = list(dict.fromkeys(name for row in rows for name in row["times"]))
    cells = [
        [
            f"{row['shape']} {row['dtype']} {row['layout']}"
            + (f", {row['device']}" * (row["device"] != "cpu")),
            *(seconds(row["times"][name]) if name in row["times"] else "" for name in names),
        ]
        for row in rows
    ]
    lines = [markdown(["batch", *names], cells)]
    aims = goals(measured)
    if aims:
        words = []
        for name, ratio, goal in aims:
            if name == CLONE:
                words.append([f"zmix, times {name}", f"{1 / ratio:.1f} ×", f"at most {1 / goal:.1f} ×"])
            else:
                words.append([f"{name}, times zmix", f"{ratio:.1f} ×", f"at least {goal:.1f} ×"])
        title = f"{list(SHAPES[0])} float32 contiguous"
        lines += ["", markdown([title, "measured", "goal"], words)]
    return "\n".join([*lines, "", provenance(measured), *(f"\n{line}" for line in measured["skipped"])])
