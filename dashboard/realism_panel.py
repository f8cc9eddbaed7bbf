"""What an oracle says of the pictures on screen: densities, verdicts, numbers; and the training of one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import panel as pn

from dashboard import mixes, scores
from dashboard.components import Action, Chart, Findings, Meter
from dashboard.live import Pump
from dashboard.realism_figures import DensityFigure
from dashboard.realism_words import NOTE, mean_words, rows, verdicts
from dashboard.scores import Found
from dashboard.state import Settings
from dashboard.words import TITLES, file_name, percent, setting, trouble
from zmix_core import oracle_training
from zmix_core.oracle_training import Step
from zmix_core.realism import REALISTIC

__all__ = ["Realism"]

SHOWN = ("mixup", "zeta")
CE_END = 3.0
"""Nats at the end of the axis of CE: beyond lie samples whose label leaves out what the oracle sees."""

ROW = """
:host { display: grid !important; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 24px; }
@media (max-width: 1000px) { :host { grid-template-columns: minmax(0, 1fr); } }
"""
BELOW = ":host { gap: 10px 18px; flex-wrap: wrap; align-items: center; }"
WIDE = {"sizing_mode": "stretch_width", "margin": 0}


class Realism:
    """The lower half of the Images tab.

    Args:
        again: Called when there is an oracle where there was none.
    """

    def __init__(self, again: Callable[[], None]) -> None:
        self._again = again
        self.found: Found | None = None
        self.settings: Settings | None = None
        self.entropy = DensityFigure(
            "H", "H / nats: less is more realistic", "density on a log scale", log=True
        )
        self.cross_entropy = DensityFigure(
            "CE", "CE / nats: less is more correct", f"where H < {REALISTIC:g}", log=False
        )
        self.charts = {
            "H": Chart(title="Realism: H of the oracle's predictions", figure=self.entropy.plot, **WIDE),
            "CE": Chart(title="Correctness: CE with the soft labels", figure=self.cross_entropy.plot, **WIDE),
        }
        for key, chart in self.charts.items():
            chart.table = lambda key=key: self._table(key)
        self.verdicts = Findings(label="ζ-mixup beside mixup, by the oracle", **WIDE)
        self.numbers = Findings(label="What the oracle says of each method's samples", **WIDE)
        self.button = Action(label="Train an oracle", visible=False, margin=0)
        self.button.pressed = self._pressed
        self.meter = Meter(label="Training of the oracle", visible=False, **WIDE)
        self.trainer: Pump[Settings] = Pump(self._train, self._trained, self._failed)
        self._charts = pn.Column(*self.charts.values(), stylesheets=[ROW], **WIDE)

    def above(self) -> pn.viewable.Viewable:
        """The verdicts, or why there are none and the offer to train an oracle."""
        offer = pn.Row(self.button, self.meter, stylesheets=[BELOW], **WIDE)
        return pn.Column(self.verdicts, offer, sizing_mode="stretch_width", margin=(14, 0, 20, 0))

    def below(self) -> pn.viewable.Viewable:
        """The densities, and all numbers."""
        return pn.Column(self._charts, self.numbers, sizing_mode="stretch_width", margin=(20, 0, 0, 0))

    def show(self, found: Found) -> None:
        """Put on screen what was found."""
        if self.found is found:
            return
        self.found = found
        settings = found.settings
        header, body = rows(found)
        self._visible(True)
        count = len(next(iter(found.measured["zeta"].values())))
        what = f"{count:,} pictures of {settings.data} from as many, {setting('zeta', settings)}"
        judged = f"Judged by LeNet-5, which has {found.judge} right."
        note = f"{what}; mixup: {setting('mixup', settings)}. {judged} {NOTE}"
        self.verdicts.verdicts = verdicts(found)
        self.numbers.param.update(header=header, rows=body, note=note)
        for key, chart in self.charts.items():
            end = self._end(key)
            beyond = {n: float((found.measured[n][key] > end).float().mean()) for n in SHOWN}
            more = " and ".join(f"{percent(share)} of {TITLES[n]}'s" for n, share in beyond.items() if share)
            further = f" {more} lie beyond {end:g} nats." if more else ""
            chart.param.update(
                caption=[[f"mean {key}, {TITLES[n]}", mean_words(key, found.means[n][key])] for n in SHOWN],
                summary=f"Density of {key} over {what}.{further}",
                file_name=file_name("zeta", settings) + f"-{key}",
            )
        # Bokeh's own objects change at a time that Panel finds for them, and as it is by then.
        pn.state.execute(self._draw)

    def refuse(self, settings: Settings, why: str) -> None:
        """Say why there is nothing to show, and offer to train an oracle."""
        self.found, self.settings = None, settings
        self.verdicts.verdicts = [["open", "Not judged:", why]]
        self._visible(False)

    def _visible(self, judged: bool) -> None:
        for part in (*self.charts.values(), self.numbers):
            part.visible = judged
        self.button.visible = not judged

    def _draw(self) -> None:
        if self.found is None:
            return
        with pn.io.unlocked():
            measured = {name: self.found.measured[name] for name in SHOWN}
            h = {name: m["H"] for name, m in measured.items()}
            ce = {name: m["CE"] for name, m in measured.items()}
            self.entropy.draw(h, h, self._end("H"))
            realistic = {name: ce[name][h[name] < REALISTIC] for name in SHOWN}
            self.cross_entropy.draw(ce, realistic, self._end("CE"))
        pn.io.push_notebook(*self.charts.values())

    def _end(self, key: str) -> float:
        """Nats at the end of an axis; H reaches the logarithm of the number of classes."""
        return (
            CE_END if key == "CE" else round(1.02 * math.log(mixes.data(self.found.settings).num_classes), 2)
        )

    def _table(self, key: str) -> tuple[list[str], Iterator[list]]:
        found = self.found
        if found is None:
            return [], iter([])
        columns = [found.measured[name][key].tolist() for name in TITLES]
        header = ["output", *(f"{key}, {title}" for title in TITLES.values())]
        return header, ([k, *values] for k, values in enumerate(zip(*columns, strict=True)))

    # Training one, for pictures that no oracle knows

    def _pressed(self) -> None:
        if self.trainer.busy:
            self.trainer.cancel()
            self._training(False)
        elif self.settings is not None:
            self._training(True)
            self.trainer.push(self.settings)

    def _training(self, on: bool) -> None:
        self.button.label = "Cancel" if on else "Train an oracle"
        self.meter.param.update(visible=on, share=0.0, text="")

    def _train(self, settings: Settings) -> Iterator[tuple[Settings, Step]]:
        data, test = oracle_training.held_out(mixes.everything(settings.data))
        for step in oracle_training.train(data, test, of="held-out pictures"):
            yield settings, step

    def _trained(self, result: tuple[Settings, Step]) -> None:
        settings, step = result
        left = f"about {step.left:.0f} s left"
        self.meter.param.update(
            share=step.epoch / step.epochs, text=f"epoch {step.epoch} of {step.epochs} · {left}"
        )
        if step.oracle is not None:
            scores.keep(settings.data, step.oracle)
            self._training(False)
            self._again()

    def _failed(self, error: Exception) -> None:
        self._training(False)
        self.verdicts.verdicts = [["no", "No oracle could be trained", trouble(error)]]
