"""The oracle: a classifier so good that its doubts tell how real a mixed picture looks (Sec. 4.2).

An oracle is two files: its weights as safetensors, and a card beside them, JSON, that says what it knows, how
it was trained and how often it is right. Both are read as data; nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as read_safetensors
from safetensors.torch import save as to_safetensors
from torch import Tensor, nn

from zmix_core.dataset import Dataset
from zmix_core.images import data_root
from zmix_core.lenet import LeNet5

__all__ = ["Oracle", "OracleMismatch", "available", "find", "load", "own_folder"]

SHIPPED = Path(__file__).parent / "oracles"
AT_ONCE = 2000
"""Pictures that are looked at together."""


class OracleMismatch(ValueError):
    """An oracle knows other classes, or pictures of another size, than the data have."""


class Oracle:
    """A trained LeNet-5 and its card.

    Args:
        network: Gives logits ``(M, K)`` for pictures ``(M, C, H, W)`` in 0..1.
        card: What it knows and how it came about: ``data``, ``classes``, ``picture`` (C, H, W), ``seed``,
            ``training``, ``accuracy`` (``of``, ``pictures``, ``correct``), ``versions``, ``date``.

    Example:
        >>> load("digits").predict(torch.zeros(1, 1, 8, 8)).shape
        torch.Size([1, 10])
    """

    def __init__(self, network: nn.Module, card: Mapping[str, Any]) -> None:
        self.network = network.eval().requires_grad_(False)
        self.card = dict(card)

    def __repr__(self) -> str:
        return f"<Oracle for {self.name}: LeNet-5, {self.accuracy} right>"

    @property
    def name(self) -> str:
        """The data set that it was trained on."""
        return self.card["data"]

    @property
    def accuracy(self) -> str:
        """How many pictures it has right that it had not seen, in words."""
        found = self.card["accuracy"]
        return f"{found['correct']:,} of {found['pictures']:,} {found['of']}"

    @property
    def picture(self) -> tuple[int, ...]:
        """``(C, H, W)`` of the pictures that it knows."""
        return tuple(self.card["picture"])

    @property
    def classes(self) -> tuple[str, ...]:
        """Their classes, in the order of its predictions."""
        return tuple(self.card["classes"])

    def check(self, data: Dataset) -> None:
        """See that it knows these pictures and classes.

        Raises:
            OracleMismatch: It does not; the message says how to train one that does.

        Example:
            >>> from zmix_core import images
            >>> load("digits").check(images.load("digits"))
        """
        picture = tuple(data.x.shape[1:])
        if picture != self.picture or tuple(data.classes) != self.classes:
            raise OracleMismatch(
                f"The oracle for {self.name} knows pictures {self.picture} of {len(self.classes)} classes "
                f"({_few(self.classes)}); {data.name} has {picture} of {data.num_classes} classes "
                f"({_few(data.classes)}). Train one for these: zmix oracle train {data.name}"
            )

    def log_probabilities(self, x: Tensor) -> Tensor:
        """The logarithm of `predict`, which stays finite where a probability is too small for a float.

        Args:
            x: ``(M, C, H, W)``; uint8 as 0..255, floats as 0..1.

        Returns:
            ``(M, K)`` float32, on the device of ``x``.

        Raises:
            OracleMismatch: Pictures of another size.
            ValueError: Integers other than uint8, whose range is not known.
        """
        if tuple(x.shape[1:]) != self.picture:
            raise OracleMismatch(
                f"x has shape {tuple(x.shape)}; the oracle for {self.name} expects (M, "
                f"{', '.join(map(str, self.picture))}). Train one for such pictures: zmix oracle train NAME"
            )
        if x.dtype != torch.uint8 and not x.is_floating_point():
            raise ValueError(f"x is {x.dtype}; expected torch.uint8 for 0..255, or floats for 0..1.")
        if x.dtype == torch.uint8:
            x = x.to(torch.float32) / 255
        network = self.network.to(x.device)
        with torch.inference_mode():
            logits = [network(part) for part in x.to(torch.float32).split(AT_ONCE)]
        return torch.cat(logits).log_softmax(dim=1).clone()

    def predict(self, x: Tensor) -> Tensor:
        """The probability of every class: ``(M, K)`` float32, for pictures as `log_probabilities` takes them.

        Example:
            >>> from zmix_core import images
            >>> digits = images.load("digits", limit=5)
            >>> load("digits").predict(digits.x).argmax(1)
            tensor([0, 1, 2, 3, 4])
        """
        return self.log_probabilities(x).exp()

    def correct(self, data: Dataset) -> int:
        """How many of the pictures it gives their own class."""
        self.check(data)
        return int((self.log_probabilities(data.x).argmax(1) == data.y).sum())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the weights to ``path`` (``.safetensors``) and the card beside them (``.json``)."""
        path = Path(path)
        if path.suffix != ".safetensors":
            raise ValueError(f"{path}: expected a name that ends in .safetensors, as `load` opens it.")
        weights = to_safetensors({k: v.cpu().contiguous() for k, v in self.network.state_dict().items()})
        proof = {"bytes": len(weights), "sha256": hashlib.sha256(weights).hexdigest()}
        card = json.dumps({**self.card, **proof}, indent=1, ensure_ascii=False) + "\n"
        path.parent.mkdir(parents=True, exist_ok=True)
        # Each in one step, the card last: what is cut short leaves a pair that does not open.
        for target, content in ((path, weights), (path.with_suffix(".json"), card.encode())):
            part = target.with_name(target.name + ".part")
            part.write_bytes(content)
            part.replace(target)


def load(name_or_path: str | os.PathLike[str] = "mnist") -> Oracle:
    """Opens an oracle, after a check of its size, its checksum and its shapes.

    Args:
        name_or_path: The data set it is for, ``"mnist"`` and ``"digits"`` among them, or a path to a
            ``.safetensors``. One's own, as ``zmix oracle train`` makes them, go before those that come with
            this project.

    Raises:
        FileNotFoundError: There is none.
        ValueError: It is damaged, or its card does not fit it.

    Example:
        >>> load("mnist").picture
        (1, 28, 28)
    """
    path = Path(name_or_path)
    return _read(path if path.suffix == ".safetensors" else find(str(name_or_path)))


def find(name: str) -> Path:
    """The file that `load` opens for a data set: one's own, else the one that comes with this project.

    Raises:
        FileNotFoundError: There is neither.

    Example:
        >>> find("digits").name
        'digits.safetensors'
    """
    for folder in (own_folder(), SHIPPED):
        path = folder / f"{name}.safetensors"
        if path.exists():
            return path
    raise FileNotFoundError(
        f"No oracle for {name!r}; there are {', '.join(available())}. Train one: zmix oracle train {name}"
    )


def available() -> list[str]:
    """The data sets that there is an oracle for, sorted.

    Example:
        >>> [name for name in available() if name in ("digits", "mnist")]
        ['digits', 'mnist']
    """
    folders = (own_folder(), SHIPPED)
    return sorted({path.stem for folder in folders for path in folder.glob("*.safetensors")})


def own_folder() -> Path:
    """Where one's own oracles lie: ``oracles`` in the data folder."""
    return data_root() / "oracles"


def _read(path: Path) -> Oracle:
    card_path = path.with_suffix(".json")
    again = "Train it again with `zmix oracle train`, or put back the file that came with its card."
    try:
        card = json.loads(card_path.read_text(encoding="utf-8"))
        size, checksum = int(card["bytes"]), str(card["sha256"])
        # Shapes alone: whatever a card claims takes no memory, and no numbers from torch's generator.
        with torch.device("meta"):
            oracle = Oracle(LeNet5(card["picture"], len(card["classes"])), card)
        ", ".join([*oracle.classes, repr(oracle)])  # whatever is said of it is there
    except OSError as error:
        raise FileNotFoundError(f"{card_path}: the oracle's card cannot be read ({error}).") from error
    except (ValueError, LookupError, TypeError, ArithmeticError, RuntimeError) as error:
        raise ValueError(f"{card_path}: expected an oracle's card, but {error!r}. {again}") from error
    # Size first: a file that is far too large is never read.
    found = path.stat().st_size
    if found != size:
        raise ValueError(f"{path}: has {found:,} bytes, expected {size:,} by its card. {again}")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != checksum:
        raise ValueError(f"{path}: damaged, its SHA-256 is not that of its card. {again}")
    try:
        weights = read_safetensors(content)
    except SafetensorError as error:
        raise ValueError(f"{path}: no safetensors ({error}). {again}") from error
    holds, expected = (
        {name: f"{value.dtype} {tuple(value.shape)}" for name, value in state.items()}
        for state in (weights, oracle.network.state_dict())
    )
    if holds != expected:
        raise ValueError(f"{path}: holds {holds}, expected {expected} for {oracle.picture}. {again}")
    oracle.network.load_state_dict(weights, assign=True)
    return oracle


def _few(names: tuple[str, ...]) -> str:
    return ", ".join(names[:4]) + (", …" if len(names) > 4 else "")
