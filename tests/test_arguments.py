"""Arguments of the wrong kind: the message names the argument, its value and the remedy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from zmix_core import Mixup, Recipe, ZetaMixup, images, manifolds, zeta_mixup, zeta_weights
from zmix_core.labels import one_hot
from zmix_core.transforms import ZetaMixUp
from zmix_core.weights import gamma_to_lambda, lambda_to_gamma

X, Y = torch.rand(4, 2), torch.tensor([0, 1, 0, 1])
RECIPE = Recipe(torch.tensor([[0, 1]]), torch.tensor([0.5, 0.5]), m=2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: zeta_weights("8", 2.8), "N = '8': expected a number"),
        (lambda: zeta_weights(8, "2.8"), "gamma = '2.8': expected a number"),
        (lambda: zeta_weights(8, True), "gamma = True: expected a number"),
        (lambda: ZetaMixup(gamma=None), "gamma = None: expected a number"),
        (lambda: ZetaMixup(n="8"), "N = '8': expected a number"),
        (lambda: ZetaMixup().draw("8"), "m = '8': expected a number"),
        (lambda: ZetaMixup().draw(8, generator=0), r"generator = 0: expected torch\.Generator"),
        (lambda: Mixup(alpha="a"), "alpha = 'a': expected a number"),
        (lambda: gamma_to_lambda("a"), "gamma = 'a': expected a number"),
        (lambda: lambda_to_gamma("a"), "lambda = 'a': expected a number"),
        (lambda: ZetaMixUp(p="1"), "p = '1': expected a number"),
        (lambda: one_hot(Y, "3"), "num_classes = '3': expected a number"),
        (lambda: zeta_mixup(X.numpy(), Y), r"x is a ndarray; expected a tensor: torch\.as_tensor\(x\)"),
        (lambda: zeta_mixup(X, Y.tolist()), "y is a list; expected a tensor"),
        (lambda: RECIPE.apply([1, 2]), "x is a list; expected a tensor"),
        (lambda: RECIPE.apply_labels(np.zeros(2)), "y is a ndarray; expected a tensor"),
        (lambda: manifolds.load("crescents", noise="a"), "noise = 'a': expected a number"),
    ],
)
def test_what_is_of_the_wrong_kind(call, message):
    with pytest.raises(TypeError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: zeta_weights(8, 2.8, dtype=torch.int64), "expected a floating one"),
        (lambda: one_hot(Y, 2.5), "num_classes = 2.5: integer labels need"),
        (lambda: manifolds.load("crescents", m=10.5), "m = 10.5: expected at least 2 samples"),
        (lambda: manifolds.load("crescents", seed=0.5), "seed = 0.5: expected a whole number"),
        (lambda: images.load("MNIST"), "'MNIST': expected 'mnist', in small letters"),
        (lambda: images.load(""), "names no set"),
        (
            lambda: ZetaMixUp(num_classes=10)(X, torch.rand(4, 3)),
            "soft labels of 3 classes, but num_classes = 10",
        ),
    ],
)
def test_what_is_out_of_range(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_numbers_of_other_libraries_are_numbers():
    expected = zeta_weights(8, 2.8)
    assert torch.equal(zeta_weights(np.int64(8), np.float64(2.8)), expected)
    assert torch.equal(zeta_weights(8, torch.tensor(2.8, dtype=torch.float64)), expected)


def test_integers_that_are_one_hot_already_stay_so():
    hot = torch.tensor([[1, 0, 0], [0, 0, 1]])
    for classes in (3, None):
        assert torch.equal(RECIPE.apply_labels(hot, classes), torch.tensor([[0.5, 0.0, 0.5]]))


def test_they_say_what_they_are():
    assert repr(RECIPE) == "<Recipe: M = 1 outputs of N = 2 of m = 2 samples>"
    shown = "<Dataset crescents: x (512, 2) torch.float32, 2 classes>"
    assert repr(manifolds.load("crescents")) == shown
