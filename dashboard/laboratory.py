"""The laboratory: controls, strip and views around one state."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import panel as pn
import param

from dashboard import mixes
from dashboard.components import Action, Choice, Dial, Notice, Share, Strip, Upload
from dashboard.live import Pump
from dashboard.state import DATA, Settings, State
from dashboard.views import VIEWS
from dashboard.weights_strip import strip_values
from dashboard.words import trouble
from zmix_core import images
from zmix_core.weights import GAMMA_MIN, zeta_weights

__all__ = ["Laboratory"]

# One style sheet serves all columns of the page; each finds in it the classes it has.
SHEET = (Path(__file__).parent / "laboratory.css").read_text(encoding="utf-8")
AT_ONCE = 6.0
"""Seconds of computing before a notebook cell is shown."""

SOON = 30
"""Milliseconds until strip and link follow a change: most pictures are on their way by then."""

LABELS = {"training": "Results of"}
"""What data are called on a tab that has none to mix."""

WIDE: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}


class Shown(NamedTuple):
    """What goes on screen, and where."""

    view: Any
    result: Any

    @property
    def unfinished(self) -> bool:
        """See `Pump`."""
        return getattr(self.result, "unfinished", False)


class Laboratory:
    """Controls, weights and views, all following one `State`.

    Args:
        state: What is set; every part shows it and changes it.
        views: Names of the views to offer, from `VIEWS`; all of them by default.
    """

    def __init__(self, state: State, views: list[str] | None = None) -> None:
        self.state = state
        self.notice = Notice()
        self.strip = Strip(title="Weights", css_classes=["strip"], **WIDE)
        self.strip.table = self._weights_table
        self.share = Share(**WIDE)
        self.views = {name: VIEWS[name](state) for name in views or VIEWS}
        self.pump: Pump[Settings] = Pump(self._compute, self._show, self._failed)
        for view in self.views.values():
            view.stop, view.refused = self.pump.cancel, self.notice.tell
            view.newer, view.go_on = lambda: self.pump.newer, lambda: self.pump.push(self.state.settings())
        marks = [[2, "2"], [32, "32"], [100, "100"], [1000, "1000"]]
        self.n = self._dial("n", "N", step=1, whole=True, scale="log", marks=marks)
        marks = [[0, "0"], [GAMMA_MIN, "γ_min"], [2.4, "2.4"], [2.8, "2.8"], [4.0, "4.0"], [15, "15"]]
        self.gamma = self._dial("gamma", "γ", step=0.05, scale="root", marks=marks)
        self.alpha = self._dial(
            "alpha", "α", step=0.05, scale="root", marks=[[0.2, "0.2"], [1, "1"], [4, "4"]]
        )
        self.seed = self._dial("seed", "Seed", step=1, whole=True, slider=False)
        self.play = Action(label="Play γ", switches=True, margin=0)
        self.play.pressed = self._played
        self._sweep, self._player, self._stale = 1, None, False
        self._choices: dict[str, Choice] = {}
        state.param.watch(self._changed, list(state.param))
        self._opening = True
        self._start()
        self._opening = False
        self._fresh()

    @property
    def front(self) -> Any:
        """The view on screen."""
        return self.views[self.state.view]

    # Layout

    def sidebar(self) -> pn.Column:
        """Everything that can be set."""
        resample = Action(label="Resample", margin=0)
        resample.pressed = self._resample
        reset = Action(label="Reset", margin=0)
        reset.pressed = self.state.reset
        view = self.state.param.view.rx()
        pictures = (view == "images") | (view == "dimension")
        own = Upload(label="Own pictures (.npz)…", accept=".npz", visible=pictures, margin=0)
        own.taken, own.refused = self._own_pictures, self.notice.tell
        # Runs draw by their own seeds, and mix as the paper does.
        mixing = view != "training"
        for control in (self.play, resample, self.alpha, self.seed):
            control.visible = mixing
        data = pn.Column(
            *(
                self._choice(key, LABELS.get(name, "Data"), visible=view == name)
                for name, key in DATA.items()
            ),
            own,
            css_classes=["data"],
            stylesheets=[":host { gap: 8px; }"],
            **WIDE,
        )
        draws = {"one λ a sample": True, "one λ for all": False}
        starts = {"is sample k": "self", "is any sample": "random"}
        rest = pn.Column(
            pn.Row(self.play, resample, reset, margin=0, stylesheets=[":host { gap: 8px; }"]),
            self.alpha,
            self._choice("per_sample", "mixup draws", draws, visible=mixing),
            self._choice("anchor", "ζ-mixup: rank 1 of output k", starts, visible=mixing),
            self._choice("scheme", "ζ-mixup: rows are drawn", visible=mixing),
            self.seed,
            self.share,
            css_classes=["rest"],
            stylesheets=[":host { gap: 14px; }"],
            **WIDE,
        )
        gamma = pn.Column(self.gamma, css_classes=["gamma"], **WIDE)
        return pn.Column(data, self.n, gamma, rest, css_classes=["side"], stylesheets=[SHEET], margin=0)

    def shell(self, views: pn.viewable.Viewable) -> pn.Column:
        """Sidebar beside strip and views, or below 900 pixels all in one column."""
        body = pn.Column(views, css_classes=["views"], **WIDE)
        main = pn.Column(self.strip, body, css_classes=["main"], stylesheets=[SHEET], **WIDE)
        return pn.Column(
            self.sidebar(), main, self.notice, css_classes=["shell"], stylesheets=[SHEET], **WIDE
        )

    # Controls, each bound to one key of the state

    def _dial(self, key: str, label: str, **options: Any) -> Dial:
        declared = self.state.param[key]
        low, high = declared.bounds
        value = getattr(self.state, key)
        dial = Dial(
            label=label,
            help=declared.doc,
            start=low,
            end=high,
            value=value,
            css_classes=[key],
            **options,
            **WIDE,
        )
        dial.refused = self.notice.tell
        return self._bound(dial, key)

    def _choice(self, key: str, label: str, titles: dict[str, Any] | None = None, **options: Any) -> Choice:
        titles = titles or self.state.param[key].get_range()
        value = getattr(self.state, key)
        choice = Choice(
            label=label,
            help=self.state.param[key].doc,
            options=list(map(list, titles.items())),
            value=value,
            **options,
            **WIDE,
        )
        self._choices[key] = choice
        return self._bound(choice, key)

    def _bound(self, control: Any, key: str) -> Any:
        def take(event: param.parameterized.Event) -> None:
            try:
                setattr(self.state, key, control.sanitized() if isinstance(control, Dial) else event.new)
            except ValueError as error:
                self.notice.tell(str(error))

        control.param.watch(take, "value")
        self.state.param.watch(lambda event: setattr(control, "value", event.new), key)
        return control

    # What follows what

    def _changed(self, *events: param.parameterized.Event) -> None:
        # What the first picture changes, like N, is in it already; a browser that is just about to have the
        # page would miss some of a computation begun now.
        if self._opening:
            return
        if {event.name for event in events} - {"camera", "theme"}:
            self.pump.push(self.state.settings())
        # The picture comes first: strip and link follow soon, once for many changes.
        doc = pn.state.curdoc
        if doc is None or doc.session_context is None:
            self._fresh()
        elif not self._stale:
            self._stale = True
            doc.add_timeout_callback(self._fresh, SOON)

    def _fresh(self) -> None:
        self._stale = False
        self.strip.param.update(**strip_values(self.state.n, float(self.state.gamma)))
        if self.share.query:
            self.share.query = self.state.query()

    def _start(self) -> None:
        """The first picture, made at once so that the page opens with it.

        What takes longer follows when a browser has the page; a notebook cell, which could lose what is sent
        while it is being shown, gets it now, and what takes too long for that when it is asked for.
        """
        end = time.monotonic() + AT_ONCE
        try:
            for result in self._compute(self.state.settings()):
                self._show(result)
                if pn.state.curdoc:
                    pn.state.onload(lambda: self.pump.push(self.state.settings()))
                    pn.state.on_session_destroyed(lambda _: self.pump.cancel())
                    break
                if time.monotonic() > end and self.front.pause():
                    break
        except Exception as error:
            self._failed(error)

    def _compute(self, settings: Settings) -> Iterator[Shown]:
        view = self.views[settings.view]
        for result in view.compute(settings):
            yield Shown(view, result)

    def _show(self, shown: Shown) -> None:
        view, result = shown
        view.update(result)
        # Fewer samples than were asked for are mixed where there are fewer.
        m, n = view.samples(), view.settings.n
        self.n.end = m
        current = view is self.front and view.settings.data == self.state.settings().data
        if current and n == m < self.state.n:
            self.notice.tell(f"N = {self.state.n} is more than the m = {m} samples there are: N is {n} now.")
            self.state.n = n
        self.share.code = view.code()

    def _failed(self, error: Exception) -> None:
        self.notice.tell(f"{trouble(error)} The last picture stays.")
        # The menu and the link go back to what is on screen.
        shown = self.front.settings
        if shown is not None:
            self.state.param.update({DATA[shown.view]: shown.data, "ks": list(shown.ks)})

    def _resample(self) -> None:
        self.state.seed = (self.state.seed + 1) % 2**31

    def _played(self) -> None:
        if self._player is None:
            self._player = pn.state.add_periodic_callback(self._step, period=80)
        else:
            self._player.stop()
            self._player = None
        self.play.on_now = self._player is not None

    def _step(self) -> None:
        if self.state.view == "training":
            self._played()
            return
        if self.pump.busy and not self.front.ready(self.state.gamma):
            return
        low, high = self.state.param.gamma.bounds
        gamma = self.state.gamma
        if not low < gamma < high:
            self._sweep = 1 if gamma <= low else -1
        # Slower where the picture changes most.
        gamma += self._sweep * (0.03 + 0.012 * gamma)
        self.state.gamma = round(min(max(gamma, low), high), 3)

    def _own_pictures(self, name: str, content: bytes) -> None:
        key = f"{name} ({hashlib.sha256(content).hexdigest()[:8]})"
        try:
            dataset = images.read_npz(io.BytesIO(content), name=name)
            mixes.keep(key, dataset)
        except (ValueError, OSError) as error:
            self.notice.tell(f"{error} The data stay as they were.")
            return
        self.state.offer_images(key)
        for menu in ("images", "dimension"):
            self._choices[menu].options = list(map(list, self.state.param[menu].get_range().items()))
        setattr(self.state, DATA[self.state.view], key)

    def _weights_table(self) -> tuple[list[str], Iterator[list[float]]]:
        weights = zeta_weights(self.state.n, float(self.state.gamma)).tolist()
        return ["rank", "weight"], ([rank, weight] for rank, weight in enumerate(weights, start=1))
