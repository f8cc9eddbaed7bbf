"""ZetaMixUp in the place of torchvision's MixUp: what goes in, what comes out, and in a real loader."""

from __future__ import annotations

import copy
import math
import pickle
from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch
from by_hand import assert_mixed
from scipy import stats
from torch.utils.data import DataLoader, TensorDataset, default_collate
from torchvision.transforms import v2

from zmix_core.transforms import ZetaMixUp
from zmix_core.weights import zeta_weights

# Newer Pythons warn of any fork in a process with threads, which every loader with workers is.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")

UNLIKELY = 1e-4


def batch(m: int = 8, *shape: int, classes: int = 10) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(m)
    x = torch.rand(m, *(shape or (3, 6, 5)), generator=generator)
    return x, torch.randint(classes, (m,), generator=generator)


def recipe_of(mix: ZetaMixUp, m: int) -> torch.Tensor:
    """W, read off from labels that are one's own number each."""
    return mix(torch.zeros(m, 1), torch.eye(m, dtype=torch.float64))[1]


# Shaped like torchvision's


class Pair(NamedTuple):
    image: torch.Tensor
    label: torch.Tensor


FORMS = {
    "two": lambda x, y: (x, y),
    "tuple": lambda x, y: ((x, y),),
    "list": lambda x, y: ([x, y],),
    "named-tuple": lambda x, y: (Pair(x, y),),
    "dict": lambda x, y: ({"image": x, "label": y},),
    "dict-labels-first": lambda x, y: ({"Labels": y, "image": x, "label_name": ["a"] * len(y)},),
    "dict-among-others": lambda x, y: ({"id": "seven", "image": x, "n": 3, "the_label": y},),
    "dict-in-tuple": lambda x, y: ((x, {"labels": y}),),
    "extra": lambda x, y: (x, y, "name", 4),
    "extra-tensor": lambda x, y: (x, y, torch.arange(len(y))),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
@pytest.mark.parametrize("labels", ["integer", "one-hot"])
def test_a_drop_in_for_torchvision_mixup(form, dtype, labels):
    x, y = batch()
    x = x.to(dtype)
    if labels == "one-hot":
        y = torch.nn.functional.one_hot(y, 10).to(dtype)
    theirs = v2.MixUp(num_classes=10)(*form(x.clone(), y.clone()))
    ours = ZetaMixUp(num_classes=10, seed=0)(*form(x, y))

    def compare(one, other):
        assert type(one) is type(other)
        if isinstance(one, torch.Tensor):
            assert (one.shape, one.dtype, one.device) == (other.shape, other.dtype, other.device)
        elif isinstance(one, dict):
            assert list(one) == list(other)
            for key in one:
                compare(one[key], other[key])
        elif isinstance(one, (tuple, list)):
            assert len(one) == len(other)
            for a, b in zip(one, other, strict=True):
                compare(a, b)
        else:
            assert one == other

    compare(ours, theirs)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_samples_and_labels_are_mixed_by_one_recipe(form):
    x = torch.randn(8, 8, dtype=torch.float64)
    mixed = ZetaMixUp(n=3, gamma=2.0, seed=1)(*form(x, torch.eye(8, dtype=torch.float64)))
    expected = recipe_of(ZetaMixUp(n=3, gamma=2.0, seed=1), 8)
    leaves = [t for t in torch.utils._pytree.tree_leaves(mixed) if isinstance(t, torch.Tensor)]
    w = next(t for t in leaves if torch.equal(t, expected))
    assert any(t.shape == x.shape and torch.allclose(t, w @ x) for t in leaves)
    for row in w.sort(dim=1, descending=True).values:
        assert_mixed(row[:3], zeta_weights(3, 2.0))
        assert (row[3:] == 0).all()


def test_what_is_beside_samples_and_labels_passes():
    x, y = batch()
    ids, name = torch.arange(8), object()
    out = ZetaMixUp(num_classes=10)(x, y, ids, name)
    assert out[2] is ids
    assert out[3] is name


@pytest.mark.parametrize("shape", [(8,), (8, 4), (8, 2, 5), (8, 3, 4, 5), (8, 3, 2, 4, 5)], ids=str)
def test_samples_of_any_rank(shape):
    x = torch.randn(shape, dtype=torch.float64)
    x_new, w = ZetaMixUp(seed=2)(x, torch.eye(8, dtype=torch.float64))
    assert_mixed(x_new.reshape(8, -1), w @ x.reshape(8, -1))
    assert x_new.shape == x.shape


@pytest.mark.parametrize("scheme", ["independent", "circulant"])
@pytest.mark.parametrize("anchor", ["self", "random"])
def test_settings_reach_the_method(scheme, anchor):
    w = recipe_of(ZetaMixUp(n=4, gamma=3.0, anchor=anchor, scheme=scheme, seed=0), 40)
    assert ((w > 0).sum(1) == 4).all()
    torch.testing.assert_close(w.max(1).values, zeta_weights(4, 3.0)[:1].expand(40))
    assert (w.argmax(1) == torch.arange(40)).all() == (anchor == "self")
    assert torch.allclose(w.sum(0), torch.ones(40).double()) == (scheme == "circulant")


def test_pictures_of_bytes_and_masks():
    x = torch.randint(256, (6, 3, 4, 4), dtype=torch.uint8)
    mask = torch.randint(3, (6, 4, 4))
    for p in (0.0, 1.0):
        x_new, y_new = ZetaMixUp(num_classes=3, p=p, seed=0)(x, mask)
        assert (x_new.dtype, y_new.dtype) == (torch.float32, torch.float32)
        assert x_new.max() <= 1
        assert y_new.shape == (6, 3, 4, 4)
        torch.testing.assert_close(y_new.sum(1), torch.ones(6, 4, 4))


def test_a_getter_for_labels():
    x, y = batch()
    sample = {"meta": {"target": y}, "pixels": x}
    out = ZetaMixUp(num_classes=10, labels_getter=lambda s: s["meta"]["target"])(sample)
    assert out["meta"]["target"].shape == (8, 10)
    assert out["pixels"].shape == x.shape
    assert sample["meta"]["target"] is y  # what came in is left alone


def test_beside_torchvision_in_a_random_choice():
    choice = v2.RandomChoice([v2.MixUp(num_classes=16), ZetaMixUp(n=4, num_classes=16)])
    x, y = batch(16)[0], torch.arange(16)
    torch.manual_seed(0)
    parents = {int((choice(x, y)[1] > 0).sum(1).max()) for _ in range(30)}
    assert parents == {2, 4}
    assert v2.Compose([ZetaMixUp(num_classes=16)])(x, y)[1].shape == (16, 16)


# With what probability, and with how many


@pytest.mark.parametrize("labels", ["integer", "one-hot"])
def test_p_0_only_makes_labels_soft(labels):
    x, y = batch()
    one_hot = torch.nn.functional.one_hot(y, 10).float()
    mix = ZetaMixUp(num_classes=10, p=0.0)
    for _ in range(20):
        x_new, y_new = mix(x, y if labels == "integer" else one_hot)
        assert torch.equal(x_new, x)
        assert torch.equal(y_new, one_hot)


def test_p_is_the_share_of_mixed_batches():
    eye = torch.eye(4, dtype=torch.float64)
    for p in (0.5, 0.1, 1.0):
        mix = ZetaMixUp(p=p, seed=3)
        mixed = sum(not torch.equal(recipe_of(mix, 4), eye) for _ in range(1000))
        assert mixed == 1000 if p == 1.0 else stats.binomtest(mixed, 1000, p).pvalue > UNLIKELY


def test_a_short_batch_mixes_all_it_has():
    mix = ZetaMixUp(n=8, gamma=2.0, seed=0)
    for m, n in ((8, 8), (5, 5), (20, 8), (2, 2)):
        w = recipe_of(mix, m)
        assert ((w > 0).sum(1) == n).all()
        for row in w.sort(dim=1, descending=True).values:
            assert_mixed(row[:n], zeta_weights(n, 2.0))


def test_the_last_batch_of_a_loader_is_short():
    mix = ZetaMixUp(n=4, num_classes=2, seed=0)
    data = TensorDataset(torch.rand(11, 3), torch.arange(11) % 2)
    sizes = [len(mix(x, y)[0]) for x, y in DataLoader(data, batch_size=4)]
    assert sizes == [4, 4, 3]
    *_, (x, y) = DataLoader(data, batch_size=5)
    with pytest.raises(ValueError, match=r"m = 1: mixing needs a batch .* use drop_last=True"):
        mix(x, y)


# What is random


def test_every_batch_is_mixed_anew():
    mix = ZetaMixUp(seed=0)
    drawn = [recipe_of(mix, 8) for _ in range(20)]
    assert len({w.numpy().tobytes() for w in drawn}) == 20


def test_a_seed_repeats_whatever_torch_has_drawn():
    first = [recipe_of(mix, 8) for mix in [ZetaMixUp(seed=5)] for _ in range(3)]
    torch.rand(7)
    second = [recipe_of(mix, 8) for mix in [ZetaMixUp(seed=5)] for _ in range(3)]
    assert all(map(torch.equal, first, second))
    assert not torch.equal(first[0], recipe_of(ZetaMixUp(seed=6), 8))


def test_without_a_seed_torch_manual_seed_decides():
    def drawn(seed: int) -> list[torch.Tensor]:
        mix = ZetaMixUp()
        torch.manual_seed(seed)
        return [recipe_of(mix, 8) for _ in range(3)]

    assert all(map(torch.equal, drawn(1), drawn(1)))
    assert not torch.equal(drawn(1)[0], drawn(2)[0])


def test_after_its_first_use_it_leaves_torchs_generator_alone():
    mix = ZetaMixUp()
    recipe_of(mix, 8)
    before = torch.get_rng_state()
    recipe_of(mix, 8)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("make", [lambda mix: pickle.loads(pickle.dumps(mix)), copy.deepcopy], ids=str)
def test_copies(make):
    mix = ZetaMixUp(n=3, gamma=2.0, num_classes=8, p=0.7, anchor="random", scheme="circulant", seed=9)
    recipe_of(mix, 8)  # a generator of its own by now
    other = make(mix)
    assert repr(other) == repr(mix)
    fresh = ZetaMixUp(n=3, gamma=2.0, num_classes=8, p=0.7, anchor="random", scheme="circulant", seed=9)
    for _ in range(5):
        assert torch.equal(recipe_of(other, 8), recipe_of(fresh, 8))
    assert list(mix.parameters()) == []
    assert mix.state_dict() == {}


def test_its_settings_are_shown():
    shown = repr(ZetaMixUp(n=3, gamma=2.0, num_classes=4, p=0.7))
    for part in ("ZetaMixUp(", "n=3", "gamma=2.0", "num_classes=4", "p=0.7", "anchor='self'"):
        assert part in shown


# In a loader

LENGTH, BATCH = 24, 6


@dataclass
class Collate:
    """Mixes as the loader collates; a class, so that it can be sent to a worker."""

    mix: ZetaMixUp

    def __call__(self, samples):
        return self.mix(*default_collate(samples))


def loader(mix: ZetaMixUp, workers: int, **options) -> DataLoader:
    x = torch.arange(LENGTH, dtype=torch.float64).unsqueeze(1)
    return DataLoader(
        TensorDataset(x, torch.arange(LENGTH)),
        batch_size=BATCH,
        collate_fn=Collate(mix),
        num_workers=workers,
        persistent_workers=options.pop("persistent_workers", False),
        **options,
    )


def epoch(batches: DataLoader) -> list[torch.Tensor]:
    """W of each batch of an epoch; labels are the samples' own numbers, so that parents can be read off."""
    drawn = []
    for b, (x, y) in enumerate(batches):
        own = slice(b * BATCH, (b + 1) * BATCH)
        w = y[:, own]
        assert y.shape == (BATCH, LENGTH)
        assert w.sum() == pytest.approx(BATCH, rel=1e-5)  # nothing from another batch
        torch.testing.assert_close(x[:, 0], y.double() @ torch.arange(LENGTH).double(), rtol=1e-5, atol=1e-5)
        assert (w.argmax(1) == torch.arange(BATCH)).all()
        drawn.append(w)
    assert len(drawn) == LENGTH // BATCH
    return drawn


def all_differ(matrices: list[torch.Tensor]) -> bool:
    return len({w.numpy().tobytes() for w in matrices}) == len(matrices)


def test_the_documented_line_for_a_loader():
    mix = ZetaMixUp(num_classes=2)
    data = TensorDataset(torch.rand(8, 3), torch.arange(8) % 2)
    batches = DataLoader(data, batch_size=4, collate_fn=lambda samples: mix(*default_collate(samples)))
    assert [(x.shape, y.shape) for x, y in batches] == [((4, 3), (4, 2))] * 2


@pytest.mark.parametrize("seed", [None, 5])
@pytest.mark.parametrize(("workers", "persistent"), [(0, False), (2, False), (2, True)])
def test_batches_workers_and_epochs_differ_and_torchs_seed_repeats_them(workers, persistent, seed):
    def two_epochs(torch_seed: int) -> list[torch.Tensor]:
        mix = ZetaMixUp(num_classes=LENGTH, seed=seed)
        torch.manual_seed(torch_seed)
        batches = loader(mix, workers, persistent_workers=persistent)
        return epoch(batches) + epoch(batches)

    first = two_epochs(1)
    assert all_differ(first)
    assert all(map(torch.equal, first, two_epochs(1)))
    other = two_epochs(2)
    if workers == 0 and seed is not None:  # here its own seed is all there is
        assert all(map(torch.equal, first, other))
    else:
        assert all_differ(first + other)


def test_workers_follow_the_loaders_own_generator():
    def one_epoch(seed: int) -> list[torch.Tensor]:
        mix = ZetaMixUp(num_classes=LENGTH)
        torch.seed()  # whatever torch's own is
        return epoch(loader(mix, 2, generator=torch.Generator().manual_seed(seed)))

    first = one_epoch(3)
    assert all(map(torch.equal, first, one_epoch(3)))
    assert all_differ(first + one_epoch(4))


def test_a_transform_used_before_differs_in_workers():
    # A fork copies the generator that has been used: each worker must start its own.
    mix = ZetaMixUp(num_classes=LENGTH)
    torch.manual_seed(0)
    here = epoch(loader(mix, 0))
    there = epoch(loader(mix, 2))
    after = epoch(loader(mix, 0))
    assert all_differ(here + there + after)


# What is refused


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_a_p_that_is_no_probability(p):
    with pytest.raises(ValueError, match=f"p = {p}: expected a probability from 0 to 1"):
        ZetaMixUp(p=p)


def test_settings_out_of_range():
    with pytest.raises(ValueError, match="N = 1: expected a whole number of at least 2"):
        ZetaMixUp(n=1)
    with pytest.raises(ValueError, match=r"gamma = -1\.0: expected"):
        ZetaMixUp(gamma=-1.0)
    with pytest.raises(ValueError, match="anchor = 'x'"):
        ZetaMixUp(anchor="x")


@pytest.mark.parametrize("p", [0.0, 1.0])
@pytest.mark.parametrize("m", [0, 1])
def test_a_batch_that_is_too_small(m, p):
    with pytest.raises(ValueError, match=f"m = {m}: mixing needs a batch of at least 2 samples"):
        ZetaMixUp(num_classes=2, p=p)(torch.rand(m, 3), torch.zeros(m, dtype=torch.int64))


def test_batches_that_do_not_fit():
    x, y = batch()
    with pytest.raises(ValueError, match=r"samples of shape \(8, 3, 6, 5\) and labels of shape \(7,\)"):
        ZetaMixUp(num_classes=10)(x, y[:7])
    with pytest.raises(ValueError, match="num_classes = None: integer labels need"):
        ZetaMixUp()(x, y)
    with pytest.raises(ValueError, match="labels run from 2 to 9; expected 0 to 1 for num_classes = 2"):
        ZetaMixUp(num_classes=2)(x, torch.arange(8) + 2)


@pytest.mark.parametrize(
    "sample",
    [torch.rand(4, 2), (torch.rand(4, 2),), {"image": torch.rand(4, 2)}, (1, torch.arange(4)), "text"],
)
def test_structures_without_samples_or_labels(sample):
    with pytest.raises(
        ValueError, match=r"expected a tensor of samples and one of labels, got .* labels_getter"
    ):
        ZetaMixUp(num_classes=4)(sample)


def test_labels_that_are_not_part_of_the_sample():
    with pytest.raises(ValueError, match="pass labels_getter"):
        ZetaMixUp(num_classes=4, labels_getter=lambda sample: torch.arange(4))(
            torch.rand(4, 2), torch.arange(4)
        )


def test_a_torchvision_image_is_found_and_stays_one():
    from torchvision import tv_tensors

    picture = tv_tensors.Image(torch.rand(4, 3, 5, 5))
    sample = {"score": torch.rand(4), "picture": picture, "labels": torch.arange(4)}
    mixed = ZetaMixUp(num_classes=4, seed=0)(sample)
    assert type(mixed["picture"]) is tv_tensors.Image
    assert not torch.equal(mixed["picture"], picture)
    assert torch.equal(mixed["score"], sample["score"])
