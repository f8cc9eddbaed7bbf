"""How real synthetic samples are, and how right their labels: by an oracle, or from ground truth (Sec. 4)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zmix_core.intervals import Interval, bootstrap, verdict
from zmix_core.manifolds import Manifold

if TYPE_CHECKING:
    from zmix_core.dataset import Dataset
    from zmix_core.methods import Method
    from zmix_core.oracle import Oracle

__all__ = [
    "FLOOR",
    "MEASURES",
    "REALISTIC",
    "Interval",
    "Measure",
    "bootstrap",
    "compare",
    "cross_entropy",
    "density",
    "entropy",
    "label_errors",
    "measure",
    "oracle",
    "spread",
    "verdict",
]

REALISTIC = 0.1
"""Nats of H below which a picture counts as highly realistic (Sec. 4.2)."""

FLOOR = 1e-7
"""The least weight of a class in a soft label, as far as CE is concerned."""


@dataclass(frozen=True)
class Measure:
    """What can be said of a sample, and the words for one method having less of it than another, or more.

    Args:
        less: Said of the method whose mean is lower.
        more: Said of the method whose mean is higher.
        share: Whether it is 0 or 1, so that its mean is a share.
    """

    less: str
    more: str
    share: bool = False

    def word(self, difference: Interval) -> str:
        """The verdict: `less`, `more`, or ``"not decided"`` where the interval has 0 inside or at an end.

        Example:
            >>> MEASURES["H"].word(Interval(-0.2, -0.3, -0.1))
            'more realistic'
        """
        return self.less if difference.high < 0 else self.more if difference.low > 0 else "not decided"


MEASURES = {
    "H": Measure("more realistic", "less realistic"),
    "CE": Measure("labels more correct", "labels less correct"),
    "label errors": Measure("fewer label errors", "more label errors", share=True),
    "H < 0.1": Measure("fewer samples with H < 0.1", "more samples with H < 0.1", share=True),
    "off the manifold": Measure("nearer to the manifold", "further off the manifold"),
}
"""Everything that `measure` gives, by its name."""


def oracle(name_or_path: str = "mnist") -> Oracle:
    """The oracle for a data set, or from a file; see `zmix_core.oracle.load`.

    Example:
        >>> oracle("digits")
        <Oracle for digits: LeNet-5, 351 of 355 held-out pictures right>
    """
    from zmix_core.oracle import load

    return load(name_or_path)


def entropy(log_p: Tensor) -> Tensor:
    """H, the entropy of predictions: the lower, the surer the oracle and so the more realistic the sample.

    Args:
        log_p: ``(M, K)`` logarithms of probabilities, as `Oracle.log_probabilities` gives them; a
            probability of 0 may be ``-inf``.

    Returns:
        ``(M,)`` in nats, from 0 to log K.

    Example:
        >>> entropy(torch.tensor([[0.5, 0.5], [1.0, 0.0]]).log())
        tensor([0.6931, 0.0000])
    """
    _two_dimensions("log_p", log_p)
    return torch.special.entr(log_p.exp()).sum(1)


def cross_entropy(log_p: Tensor, soft: Tensor) -> Tensor:
    """CE, the cross entropy of predictions with soft labels: the lower, the more correct they are (Sec. 4.2).

    It is ``-sum(p * log(soft))``: how badly the label foretells what the oracle sees. The other way round,
    ``-sum(soft * log(p))``, as a training loss has it, is never below the entropy of the soft label itself,
    and so could not gather at 0 as it does in Fig. 3 (g). A class that the oracle sees and the label leaves
    out would cost infinitely much: weights in the label below `FLOOR` count as `FLOOR`, or 16.1 nats.

    Args:
        log_p: ``(M, K)`` logarithms of probabilities.
        soft: ``(M, K)`` soft labels.

    Returns:
        ``(M,)`` in nats, from 0 to ``-log(FLOOR)``.

    Example:
        >>> log_p = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).log()
        >>> cross_entropy(log_p, torch.tensor([[0.5, 0.5], [1.0, 0.0]]))
        tensor([ 0.6931, 16.1181])
    """
    _two_dimensions("log_p", log_p)
    if soft.shape != log_p.shape:
        raise ValueError(
            f"soft has shape {tuple(soft.shape)} and log_p {tuple(log_p.shape)}; expected (M, K) both."
        )
    return -(log_p.exp() * soft.clamp(FLOOR, 1).log()).sum(1)


def label_errors(soft: Tensor, true_class: Tensor) -> Tensor:
    """Which samples carry a wrong label: the heaviest class of the soft label is not the true one (Sec. 4.1).

    Args:
        soft: ``(M, K)`` soft labels. Where two classes weigh the same, the first counts.
        true_class: ``(M,)`` int64, the class of the place where each sample lies, or the oracle's.

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


def measure(x: Tensor, soft: Tensor, judge: Oracle | Manifold) -> dict[str, Tensor]:
    """What can be said of each sample, by an oracle or from a manifold's formula.

    Args:
        x: ``(M, ...)`` samples.
        soft: ``(M, K)`` their soft labels.
        judge: An `Oracle` for pictures; or the manifold that points come from, whose classes are known.

    Returns:
        ``(M,)`` floats each. By an oracle ``"H"`` and ``"CE"`` in nats, ``"label errors"`` and ``"H < 0.1"``
        as 0 or 1; from a manifold ``"off the manifold"``, the distance to it, and ``"label errors"``.

    Example:
        >>> from zmix_core import manifolds
        >>> crescents = manifolds.load("crescents", 64)
        >>> y = torch.nn.functional.one_hot(crescents.y).float()
        >>> measure(crescents.x, y, manifolds.MANIFOLDS["crescents"])["label errors"].mean()
        tensor(0.)
    """
    if isinstance(judge, Manifold):
        off, true_class = judge.nearest(x)
        return {"off the manifold": off, "label errors": label_errors(soft, true_class).to(off.dtype)}
    log_p = judge.log_probabilities(x)
    return _by_oracle(log_p, soft.to(log_p.dtype))


def _by_oracle(log_p: Tensor, soft: Tensor) -> dict[str, Tensor]:
    h = entropy(log_p)
    return {
        "H": h,
        "CE": cross_entropy(log_p, soft),
        "label errors": label_errors(soft, log_p.argmax(1)).to(h.dtype),
        "H < 0.1": (h < REALISTIC).to(h.dtype),
    }


def compare(
    data: Dataset, methods: Mapping[str, Method], judge: Oracle | Manifold, seed: int = 0
) -> dict[str, dict[str, Tensor]]:
    """`measure` of what several methods make of the same samples; outputs of the same index belong together.

    Args:
        data: Samples; every method makes as many.
        methods: Each by a name.
        judge: See `measure`; an oracle must know the data's classes and the size of its pictures.
        seed: Each method draws from a generator of its own with this seed.

    Raises:
        OracleMismatch: The oracle does not know such data.

    Example:
        >>> from zmix_core import ERM, ZetaMixup, images
        >>> data = images.load("digits", limit=200)
        >>> found = compare(data, {"ERM": ERM(), "zeta": ZetaMixup(32, 2.8)}, oracle("digits"))
        >>> MEASURES["H"].word(verdict(found["ERM"]["H"], found["zeta"]["H"]))
        'more realistic'
    """
    if not isinstance(judge, Manifold):
        judge.check(data)
    found = {}
    for name, method in methods.items():
        recipe = method.draw(len(data), generator=torch.Generator(data.x.device).manual_seed(seed))
        soft = recipe.apply_labels(data.y, data.num_classes)
        found[name] = measure(recipe.apply(data.x), soft, judge)
    return found


def density(values: Tensor, at: Tensor, bandwidth: float) -> Tensor:
    """A Gaussian kernel density estimate of what is never below 0, its area 1 from 0 on (Fig. 3 f, g).

    What the kernels would put below 0 is folded back. One bandwidth for all methods, since a rule that widens
    it with their spread would lower the peak of the one that strays more.

    Args:
        values: ``(M,)``, at least 0; none of them gives a density of 0.
        at: ``(G,)`` where to tell it, at least 0.
        bandwidth: Standard deviation of the kernels, above 0.

    Example:
        >>> density(torch.zeros(3), torch.tensor([0.0]), bandwidth=1.0)
        tensor([0.7979])
    """
    if not bandwidth > 0:
        raise ValueError(f"bandwidth = {bandwidth}: expected a standard deviation above 0.")
    if not len(values):
        return torch.zeros_like(at)
    away = torch.stack([at[:, None] - values, at[:, None] + values]) / bandwidth
    return (-away.square() / 2).exp().sum(0).mean(1) / (bandwidth * math.sqrt(2 * math.pi))


def _two_dimensions(name: str, value: Tensor) -> None:
    if value.ndim != 2:
        raise ValueError(f"{name} has shape {tuple(value.shape)}; expected (M, K).")
