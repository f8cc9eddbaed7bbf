"""Local intrinsic dimension over gamma (Fig. 4 of the paper), and its histogram at the present gamma."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import panel as pn

from dashboard import id_jobs, mixes
from dashboard.components import Action, Chart, Choice, Entry, Meter
from dashboard.id_figures import CurveFigure, Histogram
from dashboard.id_jobs import Here, Job
from dashboard.id_words import histogram_sentence, progress, sentence
from dashboard.state import Settings, State
from dashboard.views.base import Asks
from dashboard.words import TITLES, file_name, spread_words
from zmix_core.dimension import Curve

__all__ = ["Dimension"]

BLINK = 0.6
"""Seconds in which a histogram is finished even if another gamma waits: else a drag would show none."""

PACE = 0.06
"""Seconds from one picture to the next: the page has to keep up, and Cancel waits no longer."""

ROW = """
:host { display: grid !important; grid-template-columns: minmax(0, 2fr) minmax(0, 1fr); gap: 24px; }
@media (max-width: 1000px) { :host { grid-template-columns: minmax(0, 1fr); } }
"""
ABOVE = """
:host { display: grid !important; gap: 8px 18px; }
:host { grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); }
"""
BELOW = ":host { gap: 10px 18px; flex-wrap: wrap; align-items: center; min-height: 34px; }"


@dataclass(frozen=True)
class Frame:
    """What is known: the curve so far, and what is at the present gamma."""

    settings: Settings
    job: Job
    curve: Curve | None
    here: Here | None
    unfinished: bool = False


class Dimension(Asks):
    """The curve with a handle on gamma, and the histogram beside it.

    Args:
        state: What the user has set; the handle and the fields above the curve set some of it.
    """

    name = "dimension"
    title = "Intrinsic dimension"

    def __init__(self, state: State) -> None:
        self.state = state
        self.settings: Settings | None = None
        self.curve: Curve | None = None
        self.here: tuple[Settings, Here] | None = None
        self._stopped: set[Job] = set()
        self._job: Job | None = None
        self.curve_figure, self.histogram = CurveFigure(), Histogram()
        self.curve_figure.draw(None, state.ks, *state.gammas)
        wide = {"sizing_mode": "stretch_width", "margin": 0}
        self.chart = Chart(
            title="Local ID over γ",
            figure=self.curve_figure.plot,
            handle=True,
            gamma=state.gamma,
            **wide,
        )
        self.chart.table = self._curve_table
        self.bars = Chart(title="Local ID at the present γ", figure=self.histogram.plot, **wide)
        self.bars.table = self._bars_table
        self.meter = Meter(label="Curve of local ID", margin=0, sizing_mode="stretch_width")
        self.button = Action(label="Cancel", margin=0)
        self.button.pressed = self._pressed
        self.chart.param.watch(lambda event: setattr(state, "gamma", event.new), "gamma")
        state.param.watch(lambda event: setattr(self.chart, "gamma", float(event.new)), "gamma")

    # Computed in a thread

    def compute(self, settings: Settings) -> Iterator[Frame]:
        """Yield what there is already, the first points, the histogram at the present gamma, then the rest.

        A curve that is broken off is taken up where it was by whoever asks for it next.
        """
        settings = mixes.fit(settings)
        job, gamma = id_jobs.job(settings), round(settings.gamma, 4)

        def frame(unfinished: bool = False) -> Frame:
            return Frame(settings, job, job.curve, job.found.get(gamma), unfinished)

        try:
            yield frame(unfinished=gamma not in job.found)
            if job not in self._stopped:
                for _ in _paced(job.begin()):
                    yield frame()
                yield frame(unfinished=gamma not in job.found)
            end = time.monotonic() + BLINK
            for _ in _paced(job.at(gamma)):
                yield frame(unfinished=time.monotonic() < end)
            yield frame()
            if job not in self._stopped:
                for _ in _paced(job.finish()):
                    yield frame()
                yield frame()
        except Exception:
            self._stopped.add(job)
            yield frame()
            raise

    # On screen

    def update(self, frame: Frame) -> None:
        """Put what is known on screen; as long as there is nothing of a new curve the last one stays."""
        settings, shown = frame.settings, self.settings
        self._job = frame.job
        other = shown is None or shown.data != settings.data
        if other or frame.job.begun or frame.here:
            curve, here = self.curve, self.here
            self.settings = settings
            if other or _drawn(shown) != _drawn(settings) or self._is_news(frame.curve):
                self.curve = frame.curve
            if frame.here:
                self.here = settings, frame.here
            elif other:
                self.here = None
            if other or self.curve is not curve or self.here != here:
                # Bokeh's own objects change at a time that Panel finds for them, and as it is by then.
                pn.state.execute(self._draw)
            self._words()
        first = frame.job.begun and frame.here is None and not frame.unfinished
        self._progress(frame.job, f" · first the histogram at γ = {settings.gamma:g}" if first else "")

    def _draw(self) -> None:
        with pn.io.unlocked():
            self.curve_figure.draw(self.curve, self.settings.ks, *self.settings.gammas)
            self.histogram.draw(self.here[1] if self.here else None)
        pn.io.push_notebook(self.chart, self.bars)

    def _is_news(self, curve: Curve | None) -> bool:
        shown = self.curve
        return curve is None or shown is None or (curve.points, curve.levels) != (shown.points, shown.levels)

    def _words(self) -> None:
        settings, curve = self.settings, self.curve
        low, high = settings.gammas
        # While the numbers at another gamma are computed, the last ones stay, with the gamma they are of.
        at, here = self.here if self.here and _same(self.here[0], settings) else (settings, None)
        self.chart.param.update(
            low=low,
            high=high,
            here=[at.gamma, *(here.levels[k].mean for k in settings.ks)] if here else [],
            caption=[
                [f"ζ-mixup at γ = {at.gamma:g}, k = {k}", spread_words(here.levels[k]) if here else "…"]
                for k in settings.ks
            ],
            summary=sentence(at, curve, here),
            file_name=file_name("local-id-curve", settings),
        )
        if self.here is None:
            self.bars.param.update(summary="", file_name="zmix", caption=[])
            return
        settings, here = self.here
        self.bars.param.update(
            caption=[["γ", f"{settings.gamma:g}"], ["points", f"{sum(here.counts[settings.ks[0]]):,}"]],
            summary=histogram_sentence(settings, here),
            file_name=file_name("local-id", settings),
        )

    def _progress(self, job: Job, aside: str = "") -> None:
        curve, stopped = job.curve, job in self._stopped
        said = progress(job, stopped)
        self.meter.param.update(share=curve.progress if curve else 0.0, text=said + aside)
        self.button.param.update(label="Go on" if stopped else "Cancel", visible=not job.complete)

    def _pressed(self) -> None:
        job = self._job
        if job is None:
            return
        if job in self._stopped:
            self.resume()
        else:
            self.pause()

    def pause(self) -> bool:
        """Stop the curve where it is, until it is told to go on."""
        self._stopped.add(self._job)
        self.stop()
        self._progress(self._job)
        return True

    def resume(self) -> None:
        """Take up the curve that was stopped."""
        self._stopped.discard(self._job)
        self._progress(self._job)
        self.go_on()

    def ready(self, gamma: float) -> bool:
        """Whether what belongs to ``gamma`` is on screen, though the rest of the curve may not be."""
        return self.here is not None and self.here[0].gamma == gamma

    def samples(self) -> int:
        """How many there are to mix."""
        return len(mixes.data(self.settings))

    def code(self) -> str:
        """A script that gives the curve on screen."""
        return id_jobs.code(self.settings)

    # Layout

    def layout(self) -> pn.viewable.Viewable:
        """What is asked for, the pictures side by side or one below the other, and how far the curve is."""
        wide = {"sizing_mode": "stretch_width", "margin": 0}
        above = pn.Column(
            self._entry("ks", "k"),
            self._entry("gammas", "γ from, to"),
            self._quick(),
            stylesheets=[ABOVE],
            sizing_mode="stretch_width",
            margin=(0, 0, 10, 0),
        )
        row = pn.Column(self.chart, self.bars, stylesheets=[ROW], **wide)
        below = pn.Row(self.button, self.meter, stylesheets=[BELOW], **wide)
        return pn.Column(above, row, below, sizing_mode="stretch_width", margin=(12, 0))

    def _entry(self, key: str, label: str) -> Entry:
        state = self.state
        entry = Entry(
            label=label,
            help=state.param[key].doc,
            value=state.text(key),
            sizing_mode="stretch_width",
            margin=0,
        )

        def typed(text: str) -> None:
            try:
                state.take(key, text)
            except ValueError as error:
                self.refused(f"{label} = {text[:40]!r}: {error} It stays at {state.text(key)}.")

        entry.typed = typed
        state.param.watch(lambda event: setattr(entry, "value", state.text(key)), key)
        return entry

    def _quick(self) -> Choice:
        choice = Choice(
            label="Local ID at",
            help=self.state.param.quick.doc,
            options=[["all points", False], [f"{id_jobs.QUICK:,} at random", True]],
            value=self.state.quick,
            sizing_mode="stretch_width",
            margin=0,
        )
        choice.param.watch(lambda event: setattr(self.state, "quick", event.new), "value")
        self.state.param.watch(lambda event: setattr(choice, "value", event.new), "quick")
        return choice

    # Saved as CSV

    def _curve_table(self) -> tuple[list[str], Iterator[list]]:
        rows: list[list] = []
        if self.curve:
            for k in self.curve.ks:
                for name, levels in self.curve.levels.items():
                    rows.append([k, TITLES[name], "", *_numbers(levels[k])])
                for gamma, level in self.curve.points[k].items():
                    rows.append([k, TITLES["zeta"], gamma, *_numbers(level)])
        header = ["k", "samples", "gamma", "mean local ID", "standard deviation", "standard error"]
        return header, iter(rows)

    def _bars_table(self) -> tuple[list[str], Iterator[list]]:
        counts = self.here[1].counts if self.here else {}
        length = max(map(len, counts.values()), default=0)
        rows = ([d, *(c[d] if d < len(c) else 0 for c in counts.values())] for d in range(length))
        return ["local ID", *(f"points at k = {k}" for k in counts)], rows


def _paced(steps: Iterator[None]) -> Iterator[None]:
    """Takes all steps, and yields once in a while."""
    last = time.monotonic()
    for _ in steps:
        if time.monotonic() - last > PACE:
            yield
            last = time.monotonic()


def _numbers(level) -> tuple[float, float, float]:
    return level.mean, level.std, level.error


def _drawn(settings: Settings) -> Settings:
    """What the curve depends on."""
    return replace(settings, gamma=0.0)


def _same(one: Settings, other: Settings) -> bool:
    """Whether they differ in no more than where on the curve one looks."""
    return replace(one, gamma=other.gamma, gammas=other.gammas) == other
