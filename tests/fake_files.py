"""What the tests of data sets write to disk."""

import os

import numpy as np
from PIL import Image

RNG = np.random.default_rng(0)


def write(path, data=b"", size=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    if size is not None:
        os.truncate(path, size)  # sparse: whole by its size, without its weight on the disk


def picture(path, size, mode="RGB"):
    width, height = size
    x = RNG.integers(0, 256, (height, width, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    made = Image.fromarray(x).convert(mode)
    made.save(path)
    return np.asarray(made)


class Booby:
    """Unpickling it makes a folder."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return os.mkdir, (self.marker,)
