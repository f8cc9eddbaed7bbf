"""A small folder of pictures, and several that want the same at the same time."""

import threading

import pytest
from PIL import Image


@pytest.fixture
def lesions(tmp_path):
    """PH2 at a tiny size: 20 melanomas and 80 nevi in an image folder, each of one colour."""
    for k in range(100):
        path = tmp_path / "ph2" / ("nevus" if k % 5 else "melanoma") / f"{k:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 16), (k, 2 * k, 255 - k)).save(path)
    return tmp_path


@pytest.fixture
def together():
    return _together


def _together(work, count=4):
    """What `work(k)` gives when all start at the same time."""
    barrier, results = threading.Barrier(count), [None] * count

    def one(k):
        barrier.wait()
        results[k] = work(k)

    threads = [threading.Thread(target=one, args=(k,)) for k in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
