"""How far synthetic samples stray: label errors and spread, from ground truth."""

from __future__ import annotations

from torch import Tensor

__all__ = ["label_errors", "spread"]


def label_errors(soft: Tensor, true_class: Tensor) -> Tensor:
    """Which samples carry a wrong label: the heaviest class of the soft label is not the true one (Sec. 4.1).

    Args:
        soft: ``(M, K)`` soft labels. Where two classes weigh the same, the first counts.
        true_class: ``(M,)`` int64, the class of the place where each sample lies.

    Returns:
        ``(M,)`` bool; its mean is the share of label errors.

    Example:
        >>> label_errors(torch.tensor([[0.9, 0.1], [0.6, 0.4]]), torch.tensor([0, 1]))
        tensor([False,  True])
    """
    if soft.ndim != 2 or true_class.shape != soft.shape[:1]:
        raise ValueError(
            f"soft has shape {tuple(soft.shape)} and true_class {tuple(true_class.shape)}; "
            "expected (M, K) and (M,)."
        )
    return soft.argmax(dim=1) != true_class


def spread(x: Tensor) -> float:
    """The root mean square distance of the samples from their mean, in the units of ``x``.

    Args:
        x: ``(M, ...)`` floats, M at least 1.

    Example:
        >>> spread(torch.tensor([[-1.0], [1.0]]))
        1.0
    """
    if x.ndim == 0 or len(x) == 0:
        raise ValueError(f"x has shape {tuple(x.shape)}; expected at least one sample.")
    flat = x.reshape(len(x), -1).double()
    return float((flat - flat.mean(0)).square().sum(1).mean().sqrt())
