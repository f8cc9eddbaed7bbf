"""A user's own file, handed over by the browser: read, mixed and shown, or refused with a reason."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch

from browser.conftest import write_npz
from browser.lab import tiles
from dashboard.words import TITLES
from zmix_core import images
from zmix_core.methods import ZetaMixup

pytestmark = pytest.mark.browser

ORIGINAL, MIXUP, ZETA = TITLES.values()
NAME = "<svg onload=window.pwned=1>.npz"


def test_own_pictures_are_mixed_like_any_other(lab, tmp_path, monkeypatch):
    lab.open(view="images", n=9, gamma=1.5, seed=2)
    before = lab.read("Mosaic", "tiles", title=ZETA)

    def hand_over(name: str, content: bytes) -> None:
        with lab.page.expect_file_chooser() as chooser:
            lab.page.get_by_role("button", name="Own pictures").click()
        file = {"name": name, "mimeType": "application/octet-stream", "buffer": content}
        chooser.value.set_files(files=[file])

    # What is no such file is refused, and the picture stays.
    hand_over("broken.npz", b"PK no archive")
    lab.told("broken.npz", "The data stay as they were")
    pickled = io.BytesIO()
    np.savez(pickled, train_images=np.array([{}]), train_labels=np.array([0]))
    hand_over("pickled.npz", pickled.getvalue())
    lab.told("pickled.npz", "The data stay as they were")
    assert lab.read("Mosaic", "tiles", title=ZETA) == before

    write_npz(tmp_path / "own.npz", classes=4, count=40)
    content = (tmp_path / "own.npz").read_bytes()
    hand_over(NAME, content)
    data = images.read_npz(io.BytesIO(content), name=NAME).first_of_each_class(25)
    recipe = ZetaMixup(9, 1.5).draw(40, generator=torch.Generator().manual_seed(2))
    for title, x in ((ORIGINAL, data.x), (ZETA, recipe.apply(data.x))):
        lab.until(
            lambda title=title, x=x: lab.read("Mosaic", "tiles", title=title)["tiles"] == tiles(x),
            f"{title} of own",
        )
    labels = recipe.apply_labels(data.y, 4).numpy().tobytes()
    assert lab.read("Mosaic", "labels", title=ZETA)["labels"] == labels
    assert NAME in lab.summary(ZETA)
    lab.until(lambda: lab.is_painted(ZETA), "the pictures painted")

    # The code expects the file where it is run.
    (tmp_path / NAME).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    lab.until(lambda: NAME in lab.read("Share", "code")["code"], "the code for own pictures")
    names: dict[str, object] = {"__name__": "copied"}
    exec(compile(lab.read("Share", "code")["code"], "copied", "exec"), names)
    assert tiles(names["zeta_x"]) == lab.read("Mosaic", "tiles", title=ZETA)["tiles"]
