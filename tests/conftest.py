"""For all tests: one thread (on tensors of a few elements threads only wait), and recipes of every kind."""

import hypothesis
import pytest
import torch
from recipe_cases import CASES, FEW

torch.set_num_threads(1)

# The same examples in every run, and no verdict that depends on how busy the machine is.
hypothesis.settings.register_profile("zmix", deadline=None, derandomize=True)
hypothesis.settings.load_profile("zmix")


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


@pytest.fixture(params=FEW)
def few(request):
    return CASES[request.param]
