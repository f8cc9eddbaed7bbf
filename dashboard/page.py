"""The laboratory: sidebar, strip and views around one state."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import panel as pn
import panel_material_ui as pmui
import param

from dashboard import mixes
from dashboard.components import Address, Dial, Notice, Share, Strip
from dashboard.state import State
from dashboard.views import VIEWS
from dashboard.weights_strip import strip_values
from zmix_core.weights import GAMMA_MIN, zeta_weights

__all__ = ["Laboratory", "page"]

MARKS = [[0, "0"], [GAMMA_MIN, "γ_min"], [2.4, "2.4"], [2.8, "2.8"], [4.0, "4.0"], [15, "15"]]

SHELL = """
:host { display: grid !important; grid-template-columns: 290px minmax(0, 1fr); gap: 28px; align-items: start; padding: 18px 22px; }
.side { position: sticky; top: 18px; }
@media (max-width: 900px) {
  :host { grid-template-columns: minmax(0, 1fr); gap: 10px; padding: 10px 12px; }
  .side, .main { display: contents !important; }
}
"""
SIDE = """
:host { gap: 14px; }
@media (max-width: 900px) {
  .data { order: 1 } .n { order: 2 }
  .gamma { order: 3; position: sticky; top: 0; z-index: 11; background: var(--zmix-page); }
  .rest { order: 6 }
}
"""
MAIN = """
:host { gap: 14px; }
.strip { position: sticky; top: 0; z-index: 10; background: var(--zmix-page); padding: 8px 0 12px; border-bottom: 1px solid #868b9444; }
@media (max-width: 900px) { .strip { order: 4; top: 104px; } .views { order: 5 } }
"""


class Laboratory:
    """Controls, weights and views, all following one `State`.

    Args:
        state: What is set; every part shows it and changes it.
        views: Names of the views to offer, from `VIEWS`.
    """

    def __init__(self, state: State, views: list[str] | None = None) -> None:
        self.state = state
        self.notice = Notice()
        self.strip = Strip(title="Weights", css_classes=["strip"], sizing_mode="stretch_width", margin=0)
        self.strip.table = self._weights_table
        self.share = Share(sizing_mode="stretch_width", margin=0)
        self.views = {name: VIEWS[name](state, self.notice.tell) for name in views or VIEWS}
        for view in self.views.values():
            view.shown = self._shown
        self.n = self._dial("n", "N", 2, whole=True, scale="log", marks=[[2, "2"], [32, "32"], [100, "100"], [1000, "1000"]])
        self.n.help = "Samples mixed into one output, 2 to all m."
        self.gamma = self._dial("gamma", "γ", 0.05, scale="root", marks=MARKS)
        self.gamma.help = "Exponent of the weights: large keeps close to the original samples."
        self.alpha = self._dial("alpha", "α of mixup", 0.05, scale="root", marks=[[0.2, "0.2"], [1, "1"], [4, "4"]])
        self.alpha.help = "mixup draws λ from Beta(α, α)."
        self.play = pmui.Toggle(label="Play γ", color="primary", variant="outlined", size="small", margin=(4, 0))
        self._sweep = 1
        self._player = None
        self.play.param.watch(self._played, "value")
        state.param.watch(self._changed, list(state.param))
        self._fresh()
        self.front.start()

    @property
    def front(self):
        """The view on screen."""
        return self.views[self.state.view]

    # Layout

    def sidebar(self) -> pn.Column:
        """Everything that can be set."""
        state = self.state
        wide = {"size": "small", "sizing_mode": "stretch_width", "margin": 0, "description": ""}
        data = [
            pmui.Select.from_param(state.param[key], label="Data", **wide)
            for key in ("manifold", "images")
        ]
        for select, view in zip(data, ("manifolds", "images"), strict=True):
            select.visible = pn.bind(lambda now, view=view: now == view, state.param.view)
        resample = pmui.Button(label="Resample", variant="outlined", size="small", margin=(0, 0, 0, 10), on_click=self._resample)
        reset = pmui.Button(label="Reset", variant="text", size="small", margin=0, on_click=lambda _: state.reset())
        seed = pmui.IntInput.from_param(state.param.seed, label="Seed", **wide)
        batch = pmui.Switch.from_param(state.param.per_sample, label="mixup: one λ a sample", margin=0, description="")
        rest = pn.Column(
            self.alpha,
            batch,
            pn.Row(seed, resample, sizing_mode="stretch_width", margin=0),
            pmui.Select.from_param(state.param.anchor, label="ζ-mixup: output k starts from", **wide),
            pmui.Select.from_param(state.param.scheme, label="ζ-mixup: rows drawn", **wide),
            reset,
            self.share,
            css_classes=["rest"],
            stylesheets=[":host { gap: 14px; }"],
            sizing_mode="stretch_width",
            margin=0,
        )
        return pn.Column(
            pn.Column(*data, css_classes=["data"], sizing_mode="stretch_width", margin=0),
            self.n,
            pn.Column(self.gamma, self.play, css_classes=["gamma"], sizing_mode="stretch_width", margin=0),
            rest,
            css_classes=["side"],
            stylesheets=[SIDE],
            margin=0,
        )

    def main(self) -> pn.Column:
        """The strip, and the views as tabs."""
        if len(self.views) == 1:
            views = self.front.layout()
        else:
            names = list(self.views)
            views = pmui.Tabs(
                *((view.title, view.layout()) for view in self.views.values()),
                active=names.index(self.state.view),
                dynamic=True,
                sizing_mode="stretch_width",
            )
            views.param.watch(lambda event: setattr(self.state, "view", names[event.new]), "active")
            self.state.param.watch(lambda event: setattr(views, "active", names.index(event.new)), "view")
        body = pn.Column(views, css_classes=["views"], sizing_mode="stretch_width", margin=0)
        return pn.Column(self.strip, body, css_classes=["main"], stylesheets=[MAIN], sizing_mode="stretch_width", margin=0)

    def shell(self) -> pn.Column:
        """Sidebar beside main, or below 900 pixels all in one column."""
        return pn.Column(
            self.sidebar(), self.main(), self.notice, css_classes=["shell"], stylesheets=[SHELL], sizing_mode="stretch_width"
        )

    # What follows what

    def _dial(self, key: str, label: str, step: float, **options) -> Dial:
        declared = self.state.param[key]
        low, high = declared.bounds
        dial = Dial(
            label=label,
            start=low,
            end=high if high is not None else max(low, getattr(self.state, key)),
            step=1 if options.get("whole") else step,
            value=getattr(self.state, key),
            css_classes=[key],
            sizing_mode="stretch_width",
            margin=0,
            **options,
        )
        dial.refused = self.notice.tell
        dial.param.watch(lambda _: setattr(self.state, key, dial.sanitized()), "value")
        self.state.param.watch(lambda event: setattr(dial, "value", event.new), key)
        return dial

    def _changed(self, *events: param.parameterized.Event) -> None:
        changed = {event.name for event in events}
        self._fresh()
        if changed - {"camera", "theme"}:
            self.front.refresh()

    def _fresh(self) -> None:
        self.strip.param.update(**strip_values(self.state.n, float(self.state.gamma)))
        if self.share.query:
            self.share.query = self.state.query()

    def _shown(self, m: int, n: int) -> None:
        """A view has shown m samples mixed N at a time: fewer than were asked for if m is small."""
        self.n.end = m
        if n < self.state.n and n == m:
            self.notice.tell(f"N = {self.state.n} is more than the m = {m} samples there are: it is {n} now.")
            self.state.n = n
        self.share.code = mixes.code(self.state.settings())

    def _resample(self, _: object) -> None:
        self.state.seed = (self.state.seed + 1) % 2**31

    def _played(self, event: param.parameterized.Event) -> None:
        if event.new and self._player is None:
            self._player = pn.state.add_periodic_callback(self._step, period=80)
        elif not event.new and self._player is not None:
            self._player.stop()
            self._player = None

    def _step(self) -> None:
        if self.front.pump.busy:
            return
        low, high = self.state.param.gamma.bounds
        gamma = self.state.gamma
        if not low < gamma < high:
            self._sweep = 1 if gamma <= low else -1
        # Slower where the picture changes most.
        gamma += self._sweep * (0.03 + 0.012 * gamma)
        self.state.gamma = round(min(max(gamma, low), high), 4)

    def _weights_table(self):
        weights = zeta_weights(self.state.n, float(self.state.gamma)).tolist()
        return ["rank", "weight"], ([rank, weight] for rank, weight in enumerate(weights, start=1))


def page(query: Mapping[str, str]) -> pmui.Page:
    """The whole page, in the state that a link's query says."""
    state = State()
    problems = state.read_query(query)
    laboratory = Laboratory(state)
    for problem in problems:
        laboratory.notice.tell(problem)
    laboratory.share.query = state.query()
    address = Address(query=laboratory.share.param.query)
    whole = pmui.Page(
        title="zmix: the ζ-mixup laboratory",
        main=[laboratory.shell(), address],
        dark_theme=state.theme == "dark",
        favicon="data:image/svg+xml," + quote(ICON),
        raw_css=[PAGE],
        theme_config=THEME,
    )
    whole.param.watch(lambda event: setattr(state, "theme", "dark" if event.new else "light"), "dark_theme")
    return whole


ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#c23b4e"/>'
    '<text x="16" y="24" font-size="24" text-anchor="middle" fill="#fff" font-family="serif">ζ</text></svg>'
)
THEME = {
    mode: {
        "palette": {"primary": {"main": main}},
        "components": {"MuiButtonBase": {"styleOverrides": {"root": {"textTransform": "none !important"}}}},
    }
    for mode, main in (("light", "#a8324a"), ("dark", "#ee8a99"))
}
PAGE = ":root { --zmix-page: var(--panel-background-color, #fff); }"
