"""What a run computes on: one device, or processes that ``accelerate launch`` or ``torchrun`` started."""

from __future__ import annotations

import os

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import patch_environment

from zmix_core.device import resolve_device

__all__ = ["accelerator", "is_main", "processes"]


def accelerator(device: str | torch.device, mixed_precision: str) -> Accelerator:
    """The accelerator of one run.

    Accelerate keeps one for a process; here every run of a process has its own device and precision. In a
    group of processes the device is the one that the group gives to this process.

    Args:
        device: ``"auto"``: CUDA, else the CPU.
        mixed_precision: ``"no"``, ``"fp16"`` or ``"bf16"``.

    Raises:
        ValueError: The device is not there, or cannot compute in this precision.

    Example:
        >>> accelerator("cpu", "no").device
        device(type='cpu')
    """
    AcceleratorState._reset_state(reset_partial_state=processes() == 1)
    auto = "cuda" if torch.cuda.is_available() else "cpu"  # not MPS: no float64 there to be exact with
    at = torch.device(auto) if device == "auto" else resolve_device(device)
    if mixed_precision == "fp16" and at.type == "cpu":
        raise ValueError(
            "mixed_precision = 'fp16' on the CPU: expected a CUDA device for it; 'bf16' works on the CPU too."
        )
    chosen = {} if processes() > 1 else {"ACCELERATE_TORCH_DEVICE": str(at)}
    with patch_environment(**chosen):
        return Accelerator(cpu=at.type == "cpu", mixed_precision=mixed_precision)


def processes() -> int:
    """How many processes train one network together, this one among them.

    Example:
        >>> processes()
        1
    """
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main() -> bool:
    """Whether this process is the one that writes files.

    Example:
        >>> is_main()
        True
    """
    return int(os.environ.get("RANK", "0")) == 0
