"""Two sets with few pictures, which a laptop trains on in a minute; all of their settings are ours."""

from __future__ import annotations

from functools import partial

from zmix_core.training.protocols.base import STRATIFIED, Protocol

__all__ = ["SMALL"]

# The learning rates: the best of a few on pictures that were neither trained on nor tested, without mixing.
# On the digits at 0.05, one seed of ten never gets better than chance.
_small = partial(
    Protocol,
    group="small",
    reader="library",
    channels=1,
    classes=10,
    networks=("lenet-5",),
    metrics=("ERR",),
    epochs=60,
    batch=32,
    decay=0.2,
    decay_epochs=(30, 45),
    tested=5,
)

SMALL = (
    _small(
        name="mnist-1000",
        title="MNIST, 1,000 training pictures",
        source="Y. LeCun, L. Bottou, Y. Bengio, P. Haffner 1998; yann.lecun.com/exdb/mnist",
        licence="CC BY-SA 3.0",
        data="mnist",
        pictures=11_000,
        size=28,
        learning_rate=0.05,
        split="100 training pictures of each class, drawn by the run's seed; all 10,000 test pictures",
        note="Not in the paper: the network is its oracle's, everything else is our choice.",
    ),
    _small(
        name="digits",
        title="Digits, embedded in scikit-learn",
        source="E. Alpaydin, C. Kaynak 1998, UCI Machine Learning Repository; sklearn.datasets.load_digits",
        licence="CC BY 4.0 (UCI)",
        data="digits",
        pictures=1_797,
        size=8,
        learning_rate=0.02,
        split=STRATIFIED,
        note=(
            "Not in the paper: everything is our choice. Its split comes with this project, so that it is "
            "the same everywhere."
        ),
    ),
)
