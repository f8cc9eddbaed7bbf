"""The README's table of what the page shows at its defaults: ``python -m dashboard.table``."""

from __future__ import annotations

from dashboard import mixes
from dashboard.state import State
from dashboard.views.manifolds import measured
from dashboard.words import number, percent
from zmix_core.manifolds import MANIFOLDS

__all__ = ["table"]


def table() -> str:
    """Distance off the manifold and label errors of mixup and zeta-mixup, a row a manifold, as Markdown."""
    lines = [
        "| | off the manifold: mixup | ζ-mixup | label errors: mixup | ζ-mixup |",
        "|---|---|---|---|---|",
    ]
    for name, manifold in MANIFOLDS.items():
        settings = State(view="manifolds", manifold=name).settings()
        mixed = mixes.mix(settings)
        (off, wrong, _), (zeta_off, zeta_wrong, _) = (measured(name, mixed[m]) for m in ("mixup", "zeta"))
        cells = [manifold.title, number(off), number(zeta_off), percent(wrong), percent(zeta_wrong)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
