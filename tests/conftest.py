"""For all tests: one thread, since on tensors of a few elements threads only wait for one another."""

import hypothesis
import torch

torch.set_num_threads(1)

# The same examples in every run, and no verdict that depends on how busy the machine is.
hypothesis.settings.register_profile("zmix", deadline=None, derandomize=True)
hypothesis.settings.load_profile("zmix")
