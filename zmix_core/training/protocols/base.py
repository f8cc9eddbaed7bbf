"""What a protocol is: everything that has to be settled before one number of a table can be measured."""

from __future__ import annotations

from dataclasses import dataclass

from zmix_core.resnet import SMALL

__all__ = ["OWN_SPLIT", "STRATIFIED", "Protocol"]

OWN_SPLIT = "own"
STRATIFIED = "stratified 70:10:20"


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One data set and how a network is trained and judged on it (Appendix D).

    Args:
        name: What it is listed under.
        title: For people.
        group: ``"natural"``, ``"skin"``, ``"medmnist"``, ``"small"``, or ``"own"``.
        source: Address of its owners, or citation.
        licence: As its owners state it.
        reader: ``"library"``: by `zmix_core.images.load`; ``"npz"``: a file in MedMNIST's layout;
            ``"folder"``: an image folder, or one with ``manifest.csv``.
        data: Its name there: in ``images.IMAGES``, or of the file or folder in the data folder.
        pictures: How many it has, as the paper says; of one's own, as many as there are.
        size: Sides of a picture in pixels, as the network sees it.
        channels: 1 (gray) or 3 (RGB).
        classes: How many.
        metrics: What the paper's table reports: ``"ERR"``, ``"ACC"``, ``"ACC_bal"``, ``"F1-micro"``,
            ``"F1-macro"``, ``"AUC"``.
        epochs: Passes over the training pictures.
        batch: Pictures a step.
        learning_rate: The first one.
        split: ``"own"``: its owners'; ``"stratified 70:10:20"``: drawn once and frozen; or in words.
        class_names: In the order of the labels, where they are known beforehand.
        networks: ``"resnet-18"``, ``"resnet-50"``, ``"lenet-5"``; the first is the default.
        crop: The share of the shorter side that a square about the centre keeps, before it is resized to
            ``size``; None where the pictures have their size already.
        flip: Whether a training picture is flipped left to right with probability 1/2.
        decay: What the learning rate is multiplied with at each of ``decay_epochs``.
        decay_epochs: Epochs done when it is.
        weight_decay: Of SGD.
        momentum: Of SGD.
        nesterov: Whether momentum is Nesterov's.
        judged: The network of which epoch is tested: ``"last"``, or of the epoch with the best value of this
            metric on the validation pictures.
        tested: The network is tested after every so many epochs, and after the last.
        table: The paper's table with its results; empty where there is none.
        url: Of a single file that may be downloaded; empty where that is no way to get it.
        md5: Of that file.
        by_hand: What to do where nothing may be downloaded.
        note: Where the paper is silent, garbled or at odds with itself, and what was settled instead.

    Example:
        >>> from zmix_core.training.protocols import PROTOCOLS
        >>> PROTOCOLS["cifar10"].epochs, PROTOCOLS["cifar10"].stem
        (200, '3x3')
    """

    name: str
    title: str
    group: str
    source: str
    licence: str
    reader: str
    data: str
    pictures: int
    size: int
    channels: int
    classes: int
    metrics: tuple[str, ...]
    epochs: int
    batch: int
    learning_rate: float
    split: str = OWN_SPLIT
    class_names: tuple[str, ...] = ()
    networks: tuple[str, ...] = ("resnet-18",)
    crop: float | None = None
    flip: bool = False
    decay: float = 1.0
    decay_epochs: tuple[int, ...] = ()
    weight_decay: float = 5e-4
    momentum: float = 0.9
    nesterov: bool = True
    judged: str = "last"
    tested: int = 1
    table: str = ""
    url: str = ""
    md5: str = ""
    by_hand: str = ""
    note: str = ""

    @property
    def network(self) -> str:
        """The network that is trained unless another one is asked for."""
        return self.networks[0]

    @property
    def stem(self) -> str:
        """A ResNet's first layers: ``"3x3"`` or ``"7x7"``; ``""`` for LeNet-5.

        The paper says nothing of it. Pictures of up to 64 pixels get the stem that is usual for CIFAR, one
        3 x 3 convolution of stride 1 and no pooling, which is our choice: ImageNet's 7 x 7 of stride 2 and
        its pooling would leave an 8 x 8 map of a 32 x 32 picture.
        """
        if not self.network.startswith("resnet"):
            return ""
        return "3x3" if self.size <= SMALL else "7x7"

    @property
    def transforms(self) -> tuple[str, ...]:
        """What is done to a picture, in words and in this order."""
        square = () if self.crop is None else (f"square about the centre, {self.crop:g} of the shorter side",)
        resized = () if self.crop is None else (f"resized to {self.size} x {self.size}",)
        return (*square, *resized, *(("flipped left to right at random",) if self.flip else ()))

    def is_tested(self, epoch: int) -> bool:
        """Whether the network is tested after an epoch, the first one being 1.

        Example:
            >>> from zmix_core.training.protocols import PROTOCOLS
            >>> [epoch for epoch in range(1, 12) if PROTOCOLS["digits"].is_tested(epoch)]
            [5, 10]
        """
        return epoch % self.tested == 0 or epoch == self.epochs

    def learning_rate_at(self, epoch: int) -> float:
        """The learning rate of an epoch, the first one being 0.

        Example:
            >>> from zmix_core.training.protocols import PROTOCOLS
            >>> [round(PROTOCOLS["cifar10"].learning_rate_at(epoch), 6) for epoch in (79, 80, 160)]
            [0.1, 0.02, 0.0008]
        """
        return self.learning_rate * self.decay ** sum(epoch >= decayed for decayed in self.decay_epochs)
