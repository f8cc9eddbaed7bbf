"""Where tensors live: one rule for every function that takes a device."""

from __future__ import annotations

import torch

__all__ = ["resolve_device"]


def resolve_device(device: str | torch.device = "auto") -> torch.device:
    """The device a name stands for; ``"auto"`` takes CUDA, else MPS, else the CPU.

    Raises:
        ValueError: The name is unknown to torch, or names a device this machine does not have.

    Example:
        >>> resolve_device("cpu")
        device(type='cpu')
    """
    have = ["cpu"]
    if torch.backends.mps.is_available():
        have.insert(0, "mps")
    if torch.cuda.is_available():
        have.insert(0, "cuda")
    if device == "auto":
        return torch.device(have[0])
    try:
        found = torch.device(device)
    except RuntimeError:
        raise ValueError(f"device = {str(device)!r}: expected 'auto' or one of {have}.") from None
    if found.type not in have:
        raise ValueError(
            f"device = {str(device)!r}: this machine has {have}. Use one of them, or 'auto' for the first."
        )
    return found
