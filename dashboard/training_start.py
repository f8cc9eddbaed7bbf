"""The line that starts, watches and cancels a small grid of runs, and the runs that were made with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import panel as pn

from dashboard.components import Action, Choice, Dial, Findings, Meter
from dashboard.live import Pump
from dashboard.state import Settings, State
from dashboard.training_data import Group, Known
from dashboard.training_jobs import Order, order, train
from dashboard.training_words import duration, method_title, ours_words
from dashboard.words import trouble
from zmix_core.training.launch import Progress
from zmix_core.training.protocols import PROTOCOLS
from zmix_core.training.records import runs_folder

__all__ = ["Start"]

LINE = ":host { gap: 10px 14px; flex-wrap: wrap; align-items: center; }"
WIDE: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}


class Start:
    """A button at the present N and γ, what else is trained, how far it is, and what it has made.

    Args:
        state: What the user has set.
        refused: Called with a sentence when something is not taken or goes wrong.
        again: Called when there may be new records.
    """

    def __init__(self, state: State, refused: Callable[[str], None], again: Callable[[], None]) -> None:
        self.state, self._refused, self._again = state, refused, again
        self.pins: list[Order] = []
        self._done: frozenset[str] = frozenset()
        self._new = False
        self._since = 0.0
        self._last: Progress | None = None
        self.button = Action(label="Train", main=True, margin=0)
        self.button.pressed = self._pressed
        self.cancel = Action(label="Cancel", visible=False, margin=0)
        self.cancel.pressed = self._stop
        self.meter = Meter(label="Training", visible=False, **WIDE)
        self.hint = Findings(label="What is mixed", visible=False, **WIDE)
        self.pinned = pn.Row(stylesheets=[":host { gap: 8px; flex-wrap: wrap; }"], visible=False, **WIDE)
        self.trainer: Pump[tuple[Order, frozenset[str]]] = Pump(self._train, self._progress, self._failed)
        if pn.state.curdoc:
            pn.state.on_session_destroyed(lambda _: self.trainer.cancel())

    def layout(self) -> pn.viewable.Viewable:
        """The button and its choices in a line; below it how far the runs are, and those that were made."""
        line = pn.Row(
            self.button,
            self._choice("train", "on", 130 + 80 * (len(self.state.param.train.objects) > 1)),
            self._number("seeds", "Seeds", 146),
            self._number("epochs", "Epochs", 152),
            self._choice("beside", "with", 190),
            self.cancel,
            stylesheets=[LINE],
            **WIDE,
        )
        parts = (line, self.hint, self.meter, self.pinned)
        return pn.Column(*parts, stylesheets=[":host { gap: 6px; }"], **WIDE)

    def show(self, settings: Settings, known: Known) -> None:
        """Follow N, γ and what is on record."""
        self._done = known.keys
        self.button.label = f"Train at N = {settings.n}, γ = {settings.gamma:g}"
        batch = PROTOCOLS[settings.runs.train].batch
        capped = f"A step has {batch} pictures: N = {settings.n} mixes all of them, like N = {batch}."
        self.hint.param.update(note=capped, visible=settings.n > batch)
        self._show_pins(known)

    def _show_pins(self, known: Known) -> None:
        groups = [_group(pin, known) for pin in self.pins]
        if self._new and groups[-1] is not None:  # what was just trained comes to the front
            self._new = False
            self.state.param.update(training="small", setting=groups[-1].setting)
        labels = [_pin_words(pin, group) for pin, group in zip(self.pins, groups, strict=True)]
        if [button.label for button in self.pinned] == labels:
            return
        buttons = []
        for pin, group, label in zip(self.pins, groups, labels, strict=True):
            button = Action(label=label, help="Back to its N and γ", margin=0)
            button.pressed = lambda pin=pin, group=group: self._take(pin, group)
            buttons.append(button)
        self.pinned.objects = buttons
        self.pinned.visible = bool(buttons)

    def _take(self, pin: Order, group: Group | None) -> None:
        """Back to the N and γ of what was trained, and to all else that it was trained with."""
        batch = PROTOCOLS[pin.protocol].batch
        values = {"n": pin.n or batch, "gamma": pin.gamma, "train": pin.protocol, "epochs": pin.epochs}
        values |= {"training": "small", "setting": group.setting if group else self.state.setting}
        self.state.param.update(values)

    # Training

    def _pressed(self) -> None:
        if self.trainer.busy:
            self._refused("Runs are being trained already: wait for them, or cancel them.")
            return
        self._since, self._last = time.monotonic(), None
        self.cancel.visible = True
        self.meter.param.update(visible=True, share=0.0, text="starts a process to train in …")
        self.trainer.push((order(self.state.settings()), self._done))

    def _train(self, asked: tuple[Order, frozenset[str]]) -> Iterator[Progress | Order | None]:
        wanted, done = asked
        try:
            yield from train(wanted, runs_folder(), done)
        except GeneratorExit:  # cancelled: its processes are gone
            self.meter.text = "cancelled; the same button goes on from the last epoch"
            raise
        yield wanted

    def _progress(self, result: Progress | Order | None) -> None:
        if result is None:
            self.meter.text = "waits for runs that another page trains"
        elif isinstance(result, Order):
            self._finish(result)
        elif result.what not in ("start", "idle"):
            self._tell(result)

    def _tell(self, progress: Progress) -> None:
        self._last, left = progress, progress.left
        spent = time.monotonic() - self._since
        share = progress.finished / progress.total if left is None else spent / (spent + left)
        more = "" if left is None else f" · about {duration(left)} left"
        runs = f"{progress.finished} of {progress.total} runs"
        self.meter.param.update(share=min(1.0, share), text=f"{runs} · {progress.message}{more}")
        if progress.what == "finished":
            self._again()

    def _finish(self, made: Order) -> None:
        last = self._last
        self.cancel.visible = False
        said = f"finished in {duration(time.monotonic() - self._since)}"
        if last is None:
            said = "all of it was on record already"
        elif last.failed:
            said = f"{last.failed} of {last.total} runs failed"
        self.meter.param.update(share=1.0, text=said)
        self.pins = [*(pin for pin in self.pins if pin != made), made]
        self._new = True
        self._again()

    def _stop(self) -> None:
        # Not asking for more ends the processes: at their next sign of life.
        self.trainer.cancel()
        self.cancel.visible = False
        self.meter.text = "stops …"

    def _failed(self, error: Exception) -> None:
        self.cancel.visible = self.meter.visible = False
        self._refused(f"The runs could not be trained: {trouble(error)}")

    # Controls, each bound to one key of the state

    def _choice(self, key: str, label: str, width: int) -> Choice:
        declared = self.state.param[key]
        options = list(map(list, declared.get_range().items()))
        choice = Choice(label=label, help=declared.doc, options=options, inline=True, margin=0)
        choice.param.update(value=getattr(self.state, key), align="center", styles=_wide(width))
        return self._bound(choice, key)

    def _number(self, key: str, label: str, width: int) -> Dial:
        declared = self.state.param[key]
        low, high = declared.bounds
        dial = Dial(
            label=label,
            help=declared.doc,
            start=low,
            end=high,
            value=getattr(self.state, key),
            whole=True,
            slider=False,
            align="center",
            styles=_wide(width),
            margin=0,
        )
        dial.refused = self._refused
        return self._bound(dial, key)

    def _bound(self, control: Any, key: str) -> Any:
        def take(event: Any) -> None:
            value = control.sanitized() if isinstance(control, Dial) else event.new
            setattr(self.state, key, value)

        control.param.watch(take, "value")
        self.state.param.watch(lambda event: setattr(control, "value", event.new), key)
        return control


def _wide(width: int) -> dict[str, str]:
    """As a style: of a width that it knows Panel would make a least width of the whole page."""
    return {"width": f"{width}px"}


def _group(pin: Order, known: Known) -> Group | None:
    """The setting on record that has what was trained."""
    keys = {spec.key() for spec in pin.specs()[:1]}
    for group in known.groups:
        if any(record["key"] in keys for record in group.runs.get(pin.name, {}).values()):
            return group
    return None


def _pin_words(pin: Order, group: Group | None) -> str:
    """What was trained, and what came of it."""
    what = f"● {pin.protocol}, {method_title(pin.name)}, {pin.epochs} epochs"
    if group is None:
        return what
    found = group.results[pin.name, group.metrics[0]]
    return f"{what}: {found.metric} {ours_words(found)}"
