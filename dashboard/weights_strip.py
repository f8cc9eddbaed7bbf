"""What the strip says about the weights of an N and a gamma."""

from __future__ import annotations

from zmix_core.weights import GAMMA_MIN, gamma_to_lambda, theorem_1_holds, zeta_weights

__all__ = ["strip_values"]

BARS = 32
"""Ranks with a bar of their own; those after them share one."""


def strip_values(n: int, gamma: float) -> dict[str, object]:
    """Bars and sentences for `dashboard.components.Strip`."""
    weights = zeta_weights(n, gamma).tolist()
    bars: list[list] = [[str(rank), weight] for rank, weight in enumerate(weights[:BARS], start=1)]
    if n > BARS:
        bars.append([f"{BARS + 1}+", sum(weights[BARS:])])
    first, rest = weights[0], sum(weights[1:])
    holds = theorem_1_holds(n, gamma)
    relation = "is more than" if holds else "is not more than"
    words = [
        [
            f"w₁ = {first:.4f} {relation} all others together, {rest:.4f}: Theorem 1 "
            f"{'holds' if holds else 'does not hold'} here.",
            "yes" if holds else "no",
        ]
    ]
    if gamma >= GAMMA_MIN:
        words.append([f"γ ≥ γ_min = {GAMMA_MIN:.5f}, so it holds for every N.", "aside"])
    elif holds:
        words.append([f"γ is below γ_min = {GAMMA_MIN:.5f}: it holds for so small an N only.", "aside"])
    else:
        words.append([f"From γ_min = {GAMMA_MIN:.5f} on it holds for every N.", "aside"])
    if n == 2:
        words.append([f"N = 2 is mixup with λ = {gamma_to_lambda(gamma):.4f} (Theorem 2).", ""])
    return {
        "weights": bars,
        "words": words,
        "summary": f"Weights of N = {n} at γ = {gamma:g}: w₁ = {first:.4f}, all others together {rest:.4f}.",
        "file_name": f"zmix-weights-n{n}-gamma{gamma:g}",
        "frame": 0,
    }
