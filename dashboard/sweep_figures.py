"""Fig. A1 by Bokeh: a sweep over γ and weight decay in parallel coordinates, and the error over γ.

``python -m dashboard.sweep_figures zmix-runs NAME sweep.html`` writes the first one for a sweep.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bokeh.embed import components
from bokeh.models import ColumnDataSource, HoverTool, Label, LegendItem, Range1d, Span
from bokeh.plotting import figure
from bokeh.resources import INLINE

from dashboard.colours import ramp
from dashboard.plots import GREY, legend, plot
from zmix_core.training.sensitivity import curve
from zmix_core.training.study import Trial, trials
from zmix_core.weights import GAMMA_MIN

__all__ = ["gamma_curve", "parallel_coordinates"]

COLOURS = ramp(101)
"""From the worst trial to the best."""

BLUE = "#2f7ed8"
SIZE = "15px"
"""Of words, so that they can be read from the back of a room."""

WORDED = {"text_color": GREY, "text_font_size": SIZE}
CHIP = {"text_color": "white", "background_fill_color": "#5d626b", "padding": 3, "border_radius": 4}

NICE = (1, 2, 5, 10)
WORDS = {"test ACC": "test accuracy (%)", "validation ACC": "validation accuracy (%)"}


def parallel_coordinates(trials: Iterable[Trial], *, height: int = 480) -> figure:
    """One line a trial, from γ over weight decay to what came of it (Fig. A1 c, d).

    Lines are coloured by their right end, those with γ < γ_min are light grey and lie behind.

    Args:
        trials: As of `zmix_core.training.study.trials`; those without a value are left out.
        height: In pixels; the width is that of its place.

    Raises:
        ValueError: No trial is finished.

    Example:
        ``parallel_coordinates(trials("zmix-runs"))``
    """
    done = sorted((t for t in trials if t.value is not None), key=lambda t: t.value)
    if not done:
        raise ValueError("no trial is finished; expected at least one to draw.")
    measure = done[0].measure
    columns = [[t.gamma for t in done], [t.weight_decay for t in done], [t.value for t in done]]
    axes = [_ticks(columns[0]), _ticks(columns[1], log=True), _ticks(columns[2])]
    made = plot(x_range=Range1d(-0.17, 2.2), y_range=Range1d(-0.06, 1.13))
    made.update(sizing_mode="stretch_width", height=height)
    made.axis.visible = made.grid.visible = False
    heights = [
        [_place(value, ticks, log=k == 1) for value in column]
        for k, (column, ticks) in enumerate(zip(columns, axes, strict=True))
    ]
    # The scale is that of the coloured lines; those below γ_min are gray, and may lie far below.
    coloured = [value for gamma, _, value in zip(*columns, strict=True) if gamma >= GAMMA_MIN] or columns[2]
    low, high = min(coloured), max(coloured)
    shares = [min(1.0, max(0.0, (value - low) / ((high - low) or 1))) for value in columns[2]]
    data = {
        "xs": [[0, 1, 2]] * len(done),
        "ys": [list(ys) for ys in zip(*heights, strict=True)],
        "trial": [t.number for t in done],
        "gamma": columns[0],
        "decay": [f"{value:.2e}" for value in columns[1]],
        "value": columns[2],
        "colour": [COLOURS[round(100 * share)] for share in shares],
    }
    below = [gamma < GAMMA_MIN for gamma in columns[0]]
    items, lines = [], []
    for name, behind in (("γ < γ_min", True), ("γ ≥ γ_min", False)):
        rows = [k for k, is_below in enumerate(below) if is_below == behind]
        source = ColumnDataSource({key: [values[k] for k in rows] for key, values in data.items()}, name=name)
        look = (
            {"line_color": GREY, "line_alpha": 0.45}
            if behind
            else {"line_color": "colour", "line_alpha": 0.85}
        )
        line = made.multi_line(
            "xs", "ys", source=source, line_width=2, hover_line_width=5, hover_line_alpha=1, **look
        )
        line.hover_glyph.line_color = look["line_color"]
        lines.append(line)
        if rows:
            items.append(LegendItem(label=name, renderers=[line], index=len(rows) - 1))
    titles = ["γ", "weight decay (log scale)", WORDS.get(measure, measure)]
    for k, (title, ticks) in enumerate(zip(titles, axes, strict=True)):
        _axis(made, k, title, ticks)
    _scale(made, _place(low, axes[2]), _place(high, axes[2]))
    if axes[0][0] <= GAMMA_MIN <= axes[0][-1]:
        at = _place(GAMMA_MIN, axes[0])
        made.segment(-0.045, at, 0.045, at, line_color=GREY, line_width=3, line_dash="dotted")
        made.text(-0.055, at, ["γ_min"], text_align="right", text_baseline="middle", **WORDED)
    said = [("trial", "@trial"), ("γ", "@gamma{0.000}"), ("weight decay", "@decay")]
    said.append((measure, "@value{0.00[00]}"))
    made.add_tools(HoverTool(renderers=lines, line_policy="interp", tooltips=said))
    made.add_layout(legend(items=items[::-1], label_text_font_size=SIZE), "above")
    return made


def gamma_curve(records: Iterable[Mapping[str, Any]], *, height: int = 420) -> figure:
    """The mean error over γ with a band of one standard deviation over seeds (Fig. A1 a, b).

    Args:
        records: Of ``grid(protocol, CURVE_METHODS, seeds)``; see `zmix_core.training.sensitivity.curve`.
        height: In pixels; the width is that of its place.

    Raises:
        ValueError: No ζ-mixup run is finished, or runs differ in more than γ and seed.

    Example:
        ``gamma_curve(read_records("zmix-runs"))``
    """
    points = curve(records)
    if not points:
        raise ValueError("no run of ζ-mixup is finished; expected some to draw.")
    metric = points[0].metric
    unit = " (%)" if metric in ("ERR", "ACC", "ACC_bal") else ""
    spread = [p.std or 0.0 for p in points]
    source = ColumnDataSource(
        {
            "gamma": [p.gamma for p in points],
            "mean": [p.mean for p in points],
            "low": [p.mean - s for p, s in zip(points, spread, strict=True)],
            "high": [p.mean + s for p, s in zip(points, spread, strict=True)],
            "said": [f"{p.mean:.2f}" + (f" ± {p.std:.2f}" if p.std is not None else "") for p in points],
            "seeds": [p.seeds for p in points],
        },
        name="curve",
    )
    made = plot(x_axis_label="γ", y_axis_label=f"test {metric}{unit}: mean ± standard deviation over seeds")
    made.update(sizing_mode="stretch_width", height=height)
    made.axis.axis_label_text_font_size = made.axis.major_label_text_font_size = SIZE
    made.varea("gamma", "low", "high", source=source, color=BLUE, fill_alpha=0.2)
    made.line("gamma", "mean", source=source, color=BLUE, line_width=3)
    marks = made.scatter("gamma", "mean", source=source, color=BLUE, size=9)
    made.add_layout(
        Span(location=GAMMA_MIN, dimension="height", line_dash="dotted", line_color=GREY, line_width=2)
    )
    made.add_layout(Label(x=GAMMA_MIN, y=6, y_units="screen", x_offset=5, text="γ_min", **WORDED))
    lowest, highest = min(GAMMA_MIN, points[0].gamma), max(GAMMA_MIN, points[-1].gamma)
    pad = 0.04 * (highest - lowest)
    made.x_range = Range1d(lowest - pad, highest + pad)
    tooltips = [("γ", "@gamma{0.0[00]}"), (f"test {metric}", "@said"), ("seeds", "@seeds")]
    made.add_tools(HoverTool(renderers=[marks], mode="vline", tooltips=tooltips))
    return made


def _axis(made: figure, x: int, title: str, ticks: Sequence[float]) -> None:
    heights = [_place(tick, ticks, log=x == 1) for tick in ticks]
    made.segment(x, 0, x, 1, line_color=GREY, line_width=2)
    made.segment([x - 0.012] * len(ticks), heights, x, heights, line_color=GREY, line_width=2)
    side = {"text_align": "left" if x == 2 else "right", "text_baseline": "middle"}
    texts = [f"{tick:.0e}".replace("e-0", "e-") if x == 1 else f"{tick:g}" for tick in ticks]
    look = {**WORDED, **(CHIP if x == 1 else {})}  # lines go behind the words of the axis in the middle
    made.text([x + (0.055 if x == 2 else -0.03)] * len(ticks), heights, texts, **side, **look)
    made.text(x, 1.07, [title], text_align="center", **WORDED)


def _scale(made: figure, low: float, high: float) -> None:
    """The colours, along the axis that they tell."""
    step = (high - low) / len(COLOURS)
    bottom = [low + k * step for k in range(len(COLOURS))]
    made.quad(2.01, 2.04, [y + step for y in bottom], bottom, fill_color=COLOURS, line_color=COLOURS)


def _ticks(values: Sequence[float], *, log: bool = False) -> list[float]:
    """Round numbers from below the lowest value to above the highest."""
    low, high = min(values), max(values)
    if log:
        first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
        rounds = [k * 10.0**power for power in range(first, last + 1) for k in NICE[:3]]
        start = max(k for k, tick in enumerate(rounds) if tick <= low * (1 + 1e-9))
        end = min(k for k, tick in enumerate(rounds) if tick >= high * (1 - 1e-9))
        return rounds[start : max(end, start + 1) + 1]
    width = (high - low) or max(abs(low), 1.0) / 10
    power = 10.0 ** math.floor(math.log10(width / 4))
    step = next(k * power for k in NICE if k * power >= width / 6)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(k * step, 12) for k in range(first, max(last, first + 1) + 1)]


def _place(value: float, ticks: Sequence[float], *, log: bool = False) -> float:
    """Where a value lies on an axis of height 1."""
    low, high = ticks[0], ticks[-1]
    if log:
        value, low, high = math.log(value), math.log(low), math.log(high)
    return (value - low) / (high - low)


def main() -> None:
    """Writes a page that needs no network."""
    parser = argparse.ArgumentParser(prog="python -m dashboard.sweep_figures", description=main.__doc__)
    parser.add_argument("root", type=Path, help="folder of all runs")
    parser.add_argument("name", help="of the sweep")
    parser.add_argument("out", type=Path, help="an .html")
    parser.add_argument("--storage", metavar="URL", help="the database, where the sweep was given one")
    given = parser.parse_args()
    script, place = components(parallel_coordinates(trials(given.root, given.name, storage=given.storage)))
    head = f'<meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>{given.name}</title>'
    # Not render_js: that would add a script of Panel's, from a server that is not there.
    head += "".join(f"<script>{code}</script>" for code in INLINE.js_raw) + script
    page = f"<!DOCTYPE html><html><head>{head}</head><body>{place}</body></html>"
    given.out.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
