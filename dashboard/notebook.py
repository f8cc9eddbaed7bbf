"""The views inside a notebook cell."""

from __future__ import annotations

from typing import Any

import panel as pn

from dashboard.laboratory import Laboratory
from dashboard.state import DATA, State
from dashboard.views import VIEWS

__all__ = ["explore"]


def explore(view: str = "manifolds", **settings: Any) -> pn.viewable.Viewable:
    """One view of the laboratory with its controls, live in a cell.

    Args:
        view: ``"manifolds"``, ``"images"``, ``"dimension"`` or ``"training"``. A curve of dimension that
            takes more than a few seconds is shown as far as it is then; *Go on* under it, or another γ,
            takes it up.
        **settings: Where to start: ``data``, ``n``, ``gamma``, ``alpha``, ``seed`` and the other names that a
            link of the dashboard holds.

    Raises:
        ValueError: The view or a setting is unknown, or a value is out of its range.

    Example:
        >>> explore("manifolds", data="helix-r3", n=128, gamma=2.4)  # doctest: +SKIP
    """
    if view not in VIEWS:
        raise ValueError(f"view = {view!r}: expected one of {', '.join(VIEWS)}.")
    if "data" in settings:
        settings[DATA[view]] = settings.pop("data")
    unknown = set(settings) - set(State.param)
    if unknown:
        raise ValueError(
            f"unknown settings {sorted(unknown)}; expected some of {sorted(State.param)} or data."
        )
    # Scripts inside the notebook, none from the network.
    pn.extension(inline=True)
    laboratory = Laboratory(State(view=view, **settings), [view])
    return laboratory.shell(laboratory.front.layout())
