"""One run, once: in a folder by its key, under a lock, taken up where it was left, and put on record."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from safetensors.torch import save

from zmix_core.speed import machine
from zmix_core.training.data import splits
from zmix_core.training.devices import is_main, processes
from zmix_core.training.fit import CHECKPOINT, DamagedCheckpoint, Diverged, Epoch, fit, replace_with
from zmix_core.training.protocols import Protocol
from zmix_core.training.records import append, finished
from zmix_core.training.spec import Spec, name_of

__all__ = ["LOCK", "WEIGHTS", "Busy", "judged", "run"]

LOCK = "lock"
WEIGHTS = "weights.safetensors"
PACKAGES = ["zmix", "torch", "torchvision", "scikit-learn", "numpy"]


class Busy(RuntimeError):
    """Another process is at this run."""


def run(
    spec: Spec,
    root: str | os.PathLike[str],
    *,
    device: str | torch.device = "auto",
    say: Callable[[Epoch], None] | None = None,
) -> dict[str, Any]:
    """Trains what was not trained yet, and gives its record.

    A run that is finished is never run again; one that was killed goes on from its last whole epoch; one that
    failed is tried again. The trained network is in the run's folder as ``weights.safetensors``.

    Args:
        spec: What to train.
        root: Folder of all runs; made if it is not there.
        device: ``"auto"``: CUDA, else the CPU.
        say: Is told after every epoch how far it is.

    Returns:
        ``status``: ``"finished"`` or ``"failed"``; ``key``, ``name``, ``spec``, ``settings`` and ``metrics``
        (those of the paper's table); ``machine``: device, processor, threads, date, versions, processes;
        ``curves``, see `zmix_core.training.fit.Epoch`. When finished, ``final``: the ``epoch`` that is judged
        and the test's metrics; ``seconds`` in all, ``parameters``. When failed, ``error``: ``kind``
        (``"diverged"``, ``"memory"``, ``"data"``, ``"disk"``, ``"checkpoint"``, else ``"error"``),
        ``message``, and for the last kind ``trace``.

    Raises:
        Busy: Another process is at it.
        FileNotFoundError: There is no such protocol.
        OSError: ``root`` cannot be written to, so that nothing could be recorded.

    Example:
        >>> import tempfile
        >>> spec = Spec("digits", "erm", epochs=1, fraction=0.1)
        >>> with tempfile.TemporaryDirectory() as root:
        ...     run(spec, root, device="cpu")["final"]["epoch"]
        1
    """
    folder = Path(root) / spec.key()
    done = finished(folder)
    if done is not None:
        (folder / CHECKPOINT).unlink(missing_ok=True)  # killed between the two, it would stay for ever
        return done
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / LOCK, timeout=0) if is_main() else nullcontext():
            # Between the look above and the lock another process may have finished it.
            return finished(folder) or _attempt(spec, folder, device, say)
    except Timeout:
        raise Busy(f"{folder}: another process is at this run. Wait for it, or end it.") from None
    except OSError as error:
        raise type(error)(
            error.errno,
            f"{folder} cannot be written to ({error.strerror or error}); expected a folder with room for "
            "the runs. Name another one, or make room",
        ) from error


def _attempt(
    spec: Spec, folder: Path, device: str | torch.device, say: Callable[[Epoch], None] | None
) -> dict[str, Any]:
    """One try, whatever comes of it put on record."""
    protocol, settings = spec.resolved(), spec.settings()
    record: dict[str, Any] = {
        "status": "failed",
        "key": folder.name,
        "name": name_of(settings),
        "spec": spec.record(),
        "settings": settings,
        "metrics": list(protocol.metrics),
        "machine": {**machine(PACKAGES), "processes": processes()},
        "curves": [],
    }
    stage, last = "data", None
    try:
        data = splits(protocol, seed=spec.seed)
        stage = "fit"
        for last in fit(spec, folder, data=data, device=device):
            record["curves"] = last.curves
            if say is not None:
                say(last)
        assert last is not None
        network = last.network
        record["machine"]["device"] = _device(next(network.parameters()).device)
        if is_main():
            state = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
            replace_with(folder / WEIGHTS, save(state))
        record |= {
            "status": "finished",
            "final": judged(protocol, last.curves),
            "seconds": sum(sum(e["seconds"][part] for part in ("train", "evaluate")) for e in last.curves),
            "parameters": sum(p.numel() for p in network.parameters()),
        }
    except Exception as error:  # one run that fails must not take the others with it, and must say why
        record["error"] = _why(error, stage)
    if is_main():
        append(folder, record)
        if record["status"] == "finished":
            (folder / CHECKPOINT).unlink(missing_ok=True)
    return record


def judged(protocol: Protocol, curves: list[dict[str, Any]]) -> dict[str, Any]:
    """The test's metrics of the epoch that counts: the last, or the first best on the validation pictures.

    Args:
        protocol: Its ``judged`` says which.
        curves: As `zmix_core.training.fit.Epoch` has them.

    Example:
        >>> from zmix_core.training.protocols import PROTOCOLS
        >>> curves = [{"epoch": 1, "val": {"AUC": 0.7}, "test": {"AUC": 0.5}}]
        >>> curves += [{"epoch": 2, "val": {"AUC": 0.6}, "test": {"AUC": 0.9}}]
        >>> judged(PROTOCOLS["breastmnist"], curves)
        {'epoch': 1, 'AUC': 0.5}
    """
    tested = [epoch for epoch in curves if epoch["test"] is not None]
    best = tested[-1]
    if protocol.judged != "last" and best["val"] is not None:
        sign = -1 if protocol.judged == "ERR" else 1
        # A metric may be None (no AUC of one class), and then no epoch is better than another.
        best = max(tested, key=lambda epoch: sign * (epoch["val"][protocol.judged] or 0.0))
    return {"epoch": best["epoch"], **best["test"]}


def _device(at: torch.device) -> str:
    return torch.cuda.get_device_name(at) if at.type == "cuda" else at.type


def _why(error: Exception, stage: str) -> dict[str, str]:
    out_of_memory = isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "allocate memory" in str(
        error
    )
    kinds = {
        "diverged": isinstance(error, Diverged),
        "checkpoint": isinstance(error, DamagedCheckpoint),
        "memory": out_of_memory,
        "data": stage == "data" and isinstance(error, (OSError, ValueError)),
        "disk": isinstance(error, OSError),
    }
    kind = next((kind for kind, is_it in kinds.items() if is_it), "error")
    message = f"{error}" or type(error).__name__
    if kind == "memory":
        message += " Use fewer workers at a time, a smaller network, or another device."
    trace = {"trace": "".join(traceback.format_exception(error))} if kind == "error" else {}
    return {"kind": kind, "message": message, **trace}
