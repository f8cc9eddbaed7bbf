"""The page that is served: the laboratory with a header, tabs, a theme and a link."""

from __future__ import annotations

from collections.abc import Mapping

import panel_material_ui as pmui
from panel.util import edit_readonly

from dashboard.components import Address
from dashboard.laboratory import Laboratory
from dashboard.state import State

__all__ = ["page"]

FEW = 6
"""Keys of a link that are reported one by one."""

# The page's frame has a bar of progress that is always full and an empty heading: neither has a name.
QUIET = "header [role=progressbar], main h5 { display: none; }"
STYLE = ":root { --zmix-page: var(--panel-background-color, #fff); }"
NARROW = {"padding": "12px 9px", "minWidth": 0}
THEME = {
    mode: {
        "palette": {"primary": {"main": main}},
        "components": {
            "MuiButtonBase": {"styleOverrides": {"root": {"textTransform": "none !important"}}},
            # On a phone the tabs stand close together.
            "MuiTab": {"styleOverrides": {"root": {"@media (max-width: 600px)": NARROW}}},
            "MuiAppBar": {
                "styleOverrides": {"root": {"backgroundColor": f"{bar} !important", "color": "#fff"}}
            },
        },
    }
    for mode, main, bar in (("light", "#a8324a", "#8f2a40"), ("dark", "#ee8a99", "#571b2a"))
}


def page(query: Mapping[str, str]) -> pmui.Page:
    """The whole page, in the state that a link's query says.

    Keys that are unknown or do not fit are reported on the page and left out.
    """
    state = State()
    problems = state.read_query(query)
    laboratory = Laboratory(state)
    if len(problems) > FEW:
        laboratory.notice.tell(f"{len(problems) - FEW} more keys of the link are left out.")
    for problem in problems[:FEW]:
        laboratory.notice.tell(problem)
    laboratory.share.query = state.query()
    whole = pmui.Page(
        title="zmix: the ζ-mixup laboratory",
        main=[laboratory.shell(tabs(laboratory)), Address(query=laboratory.share.param.query)],
        dark_theme=state.theme == "dark",
        theme_config=THEME,
        stylesheets=[QUIET],
        raw_css=[STYLE],
    )
    # The bar of progress is hidden: following it would go through all of the page twice for every change.
    with edit_readonly(whole):
        whole.busy = False
    whole.param.watch(lambda event: setattr(state, "theme", "dark" if event.new else "light"), "dark_theme")
    return whole


def tabs(laboratory: Laboratory) -> pmui.Tabs:
    """One tab a view; only the one in front is computed and drawn."""
    state, names = laboratory.state, list(laboratory.views)
    views = pmui.Tabs(
        *((view.title, view.layout()) for view in laboratory.views.values()),
        active=names.index(state.view),
        dynamic=True,
        sizing_mode="stretch_width",
    )
    views.param.watch(lambda event: setattr(state, "view", names[event.new]), "active")
    state.param.watch(lambda event: setattr(views, "active", names.index(event.new)), "view")
    return views
