"""The training loop (Sec. 4.5, Appendix D): mixed batches, SGD, tests, exact resume."""

from __future__ import annotations

import hashlib
import io
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor, nn

from zmix_core.dataset import Dataset
from zmix_core.labels import one_hot
from zmix_core.training.data import Splits, splits
from zmix_core.training.devices import accelerator, is_main
from zmix_core.training.protocols import Protocol
from zmix_core.training.spec import Spec

__all__ = ["CHECKPOINT", "DamagedCheckpoint", "Diverged", "Epoch", "evaluate", "fit", "metrics"]

CHECKPOINT = "checkpoint.pt"
TESTED = 500
"""Pictures tested at a time."""


class Diverged(ArithmeticError):
    """The loss, or what the network says of the test pictures, is no longer finite."""


class DamagedCheckpoint(ValueError):
    """A checkpoint cannot be read; it is gone, and the next attempt starts from the beginning."""


@dataclass(frozen=True)
class Epoch:
    """How far a run is.

    Args:
        done: Epochs done, of ``epochs``; at first those that a checkpoint had.
        epochs: All of them.
        curves: What was measured in each epoch done, for JSON: ``epoch`` (from 1), ``learning_rate``,
            ``loss`` (training, nats), ``test`` and ``val`` (as `metrics` has them; None where the protocol
            does not test, ``val`` too where it has no such pictures), ``images_per_second``,
            ``step_seconds`` (median), and ``seconds``: ``train``, of that ``mix``, and ``evaluate``.
        network: Trained so far.
    """

    done: int
    epochs: int
    curves: list[dict[str, Any]]
    network: nn.Module


def fit(
    spec: Spec, folder: Path, *, data: Splits | None = None, device: str | torch.device = "auto"
) -> Iterator[Epoch]:
    """Trains, and tells after every epoch how far it is; not asking for more is the cancel.

    A checkpoint is written at the end of each epoch. All that is random in an epoch comes from generators of
    (seed, epoch, purpose), so a run that was killed and is started again ends with the very same weights, on
    the same device with the same versions and number of threads. Pixels are 0..1, and nothing more is done
    to them: the paper names no normalization. A last batch of one picture joins the one before it. In
    a group of processes (``accelerate launch``, ``torchrun``) each learns from its share of every batch, of
    at least two pictures; batch normalization sees the share.

    Args:
        spec: What to train.
        folder: Where the checkpoint is, or will be; it exists, and no one else writes to it.
        data: The pictures; by default `zmix_core.training.data.splits` opens them.
        device: ``"auto"``: CUDA, else the CPU.

    Yields:
        First how far the checkpoint was (0 without one), then an `Epoch` each.

    Raises:
        Diverged: The loss is not finite.
        DamagedCheckpoint: The checkpoint is cut off or not one of this run's.
        ValueError: There are fewer than two pictures to learn from, or the device has no such precision.
        OSError: No data; or the disk is full.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     *_, last = fit(Spec("digits", epochs=1, fraction=0.1), Path(folder), device="cpu")
        >>> last.done, sorted(last.curves[0]["test"])
        (1, ['ACC', 'ACC_bal', 'AUC', 'ERR', 'F1-macro', 'F1-micro', 'loss'])
    """
    on = accelerator(device, spec.mixed_precision)
    at, least = on.device, 2 * on.num_processes
    protocol = spec.resolved()
    train, val, test = data or splits(protocol, seed=spec.seed)
    train = _share(train, spec)
    if len(train) < least:
        raise ValueError(f"{protocol.name}: {len(train)} pictures to learn from; expected at least {least}.")
    with _seeded(at, spec.seed, 0, "weights"):
        network = spec.make_network().to(at)
    optimizer = torch.optim.SGD(
        network.parameters(),
        lr=protocol.learning_rate,
        momentum=protocol.momentum,
        nesterov=protocol.nesterov,
        weight_decay=protocol.weight_decay,
    )
    curves = _restore(folder / CHECKPOINT, network, optimizer, on)
    model, stepper = on.prepare(network, optimizer)
    yield Epoch(len(curves), protocol.epochs, curves, network)
    for epoch in range(len(curves), protocol.epochs):
        for group in optimizer.param_groups:
            group["lr"] = protocol.learning_rate_at(epoch)
        with _seeded(at, spec.seed, epoch, "torch"):
            measured = _epoch(spec, epoch, model, stepper, train, on, protocol)
            start = time.perf_counter()
            tested = protocol.is_tested(epoch + 1)
            measured["test"] = evaluate(network, test) if tested else None
            measured["val"] = evaluate(network, val) if tested and val is not None else None
            measured["seconds"]["evaluate"] = time.perf_counter() - start
        curves = [
            *curves,
            {"epoch": epoch + 1, "learning_rate": protocol.learning_rate_at(epoch), **measured},
        ]
        if is_main():
            _keep(folder / CHECKPOINT, network, optimizer, on, curves)
        yield Epoch(epoch + 1, protocol.epochs, curves, network)


def _epoch(
    spec: Spec,
    epoch: int,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    train: Dataset,
    on: Accelerator,
    protocol: Protocol,
) -> dict[str, Any]:
    """One pass over the training pictures.

    In a group every process draws the same batches and recipes, and learns from its share of each batch.
    """
    at, count = on.device, on.num_processes
    order, flips, mixing = (_generator(spec.seed, epoch, purpose) for purpose in ("order", "flips", "mixing"))
    sides = (train.x.shape[2], train.x.shape[3])
    batches = list(torch.randperm(len(train), generator=order).split(protocol.batch))
    if len(batches) > 1 and len(batches[-1]) < 2 * count:
        # One picture has nothing to be mixed with, and batch normalization needs two.
        batches[-2:] = [torch.cat(batches[-2:])]
    model.train()
    total, mix_seconds, steps = torch.zeros((), device=at), 0.0, []
    start = then = time.perf_counter()
    for index in batches:
        x, y = train.x[index].to(at), train.y[index].to(at)
        if protocol.flip:
            flipped = (torch.rand(len(x), generator=flips) < 0.5).to(at)
            x = torch.where(flipped.view(-1, 1, 1, 1), x.flip(3), x)
        before = _now(at)
        recipe = spec.mixing(sides, len(x)).draw(len(x), generator=mixing, device=at)
        x, y = recipe.apply(x), recipe.apply_labels(one_hot(y, train.num_classes))
        mix_seconds += _now(at) - before
        share = x.tensor_split(count)[on.process_index], y.tensor_split(count)[on.process_index]
        # Gradients are averaged over processes, whose shares may differ by one picture.
        loss = F.cross_entropy(model(share[0]), share[1]) * (len(share[0]) * count / len(x))
        optimizer.zero_grad()
        on.backward(loss)
        optimizer.step()
        total += loss.detach() * len(x)  # summed where it is: to read it would wait for the device
        steps.append(time.perf_counter() - then)
        then += steps[-1]
    mean = float(on.reduce(total, "mean")) / len(train)
    seconds = _now(at) - start
    if not math.isfinite(mean):
        raise Diverged(
            f"epoch {epoch + 1}: the loss is {mean}; expected a finite number. The learning rate was "
            f"{optimizer.param_groups[0]['lr']:g}: try a smaller one."
        )
    return {
        "loss": mean,
        "images_per_second": len(train) / seconds,
        "step_seconds": sorted(steps)[len(steps) // 2],
        "seconds": {"train": seconds, "mix": mix_seconds},
    }


def evaluate(network: nn.Module, data: Dataset) -> dict[str, float | None]:
    """What `metrics` says of a network on pictures it was not trained on.

    Raises:
        Diverged: Its logits are not finite.
    """
    at = next(network.parameters()).device
    network.eval()
    with torch.inference_mode():
        parts = [network(x.to(at).to(torch.float32) / 255).cpu() for x in data.x.split(TESTED)]
    logits = torch.cat(parts).double()
    if not logits.isfinite().all():
        raise Diverged(
            "the network's outputs are not finite. The learning rate is too large: try a smaller one."
        )
    return {**metrics(logits.softmax(1), data.y.cpu()), "loss": float(F.cross_entropy(logits, data.y.cpu()))}


def metrics(probability: Tensor, y: Tensor) -> dict[str, float | None]:
    """The paper's metrics, by scikit-learn and in the units of its tables.

    Args:
        probability: ``(m, K)``.
        y: ``(m,)`` int64.

    Returns:
        ``ERR``, ``ACC``, ``ACC_bal`` (the mean recall of the classes in ``y``) in percent; ``F1-micro``,
        ``F1-macro`` and ``AUC`` from 0 to 1. AUC is one class against the others, averaged over classes that
        have pictures, for two classes the second's; None where there is one class only.

    Example:
        >>> found = metrics(torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]]), torch.tensor([0, 0, 1]))
        >>> found["ACC_bal"], found["AUC"]
        (50.0, 1.0)
    """
    from sklearn import metrics as sk

    classes = y.unique().tolist()
    truth, score, said = y.numpy(), probability.numpy(), probability.argmax(1).numpy()
    right = float(sk.accuracy_score(truth, said))
    if len(classes) < 2:
        auc = None
    elif score.shape[1] == 2:
        auc = float(sk.roc_auc_score(truth, score[:, 1]))
    else:
        auc = sum(float(sk.roc_auc_score(truth == c, score[:, c])) for c in classes) / len(classes)
    recall = sk.recall_score(truth, said, labels=classes, average="macro", zero_division=0)
    return {
        "ERR": 100 * (1 - right),
        "ACC": 100 * right,
        "ACC_bal": 100 * float(recall),
        "F1-micro": float(sk.f1_score(truth, said, average="micro")),
        "F1-macro": float(sk.f1_score(truth, said, average="macro", zero_division=0)),
        "AUC": auc,
    }


def _share(train: Dataset, spec: Spec) -> Dataset:
    """The training pictures that the spec's fraction leaves, in the order they have."""
    if spec.fraction == 1:
        return train
    generator, picks = _generator(spec.seed, 0, "fraction"), []
    for label in train.y.unique().tolist():
        index = torch.nonzero(train.y == label).flatten()
        count = max(1, round(spec.fraction * len(index)))
        picks.append(index[torch.randperm(len(index), generator=generator)[:count]])
    return train.take(torch.cat(picks).sort().values)


def _keep(
    file: Path,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    on: Accelerator,
    curves: list[dict[str, Any]],
) -> None:
    """Written beside its place and moved there whole: a run killed at any moment leaves the one before."""
    state = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "curves": curves}
    if on.scaler is not None:
        state["scaler"] = on.scaler.state_dict()
    buffer = io.BytesIO()  # torch.save to a file tells of a full disk as a RuntimeError
    torch.save(state, buffer)
    replace_with(file, buffer.getbuffer())


def replace_with(file: Path, content: bytes | memoryview) -> None:
    """A file's new content, on the disk before the old one is gone."""
    beside = file.with_name(f"{file.name}.new")
    with beside.open("wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    beside.replace(file)


def _restore(
    file: Path, network: nn.Module, optimizer: torch.optim.Optimizer, on: Accelerator
) -> list[dict[str, Any]]:
    """The curves up to the checkpoint, whose network and optimizer are loaded; none without one."""
    if not file.exists():
        return []
    try:
        kept = torch.load(file, map_location=on.device, weights_only=True)
        network.load_state_dict(kept["network"])
        optimizer.load_state_dict(kept["optimizer"])
        if on.scaler is not None:
            on.scaler.load_state_dict(kept["scaler"])
        return list(kept["curves"])
    except Exception as error:  # cut off, a zip reader, an unpickler, and the two above each raise their own
        if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
            raise
        file.unlink()
        raise DamagedCheckpoint(
            f"{file} cannot be read ({type(error).__name__}); expected a checkpoint of this run. It was "
            "deleted, so that the next attempt starts from the beginning."
        ) from error


@contextmanager
def _seeded(at: torch.device, seed: int, epoch: int, purpose: str) -> Iterator[None]:
    """Torch's own generators set for what knows no other, and left as they were."""
    with (
        torch.random.fork_rng(devices=[at] if at.type == "cuda" else []),
        torch.backends.cudnn.flags(deterministic=True, benchmark=False),
    ):
        torch.manual_seed(_number(seed, epoch, purpose))
        yield


def _generator(seed: int, epoch: int, purpose: str) -> torch.Generator:
    return torch.Generator().manual_seed(_number(seed, epoch, purpose))


def _number(seed: int, epoch: int, purpose: str) -> int:
    """Unlike a sum, no two of these meet: seed 0's second epoch is not seed 1's first."""
    digest = hashlib.sha256(f"{seed} {epoch} {purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _now(at: torch.device) -> float:
    """Seconds on the clock, once the device has done what it was asked to."""
    if at.type == "cuda":
        torch.cuda.synchronize(at)
    return time.perf_counter()
