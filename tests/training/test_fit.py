"""The training loop, recomputed by hand; and that it goes on exactly where it stopped."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections import Counter

import numpy as np
import pytest
import torch
from by_hand import seeded
from scipy import stats
from tiny_pictures import tiny

from zmix_core.training import fit as loop
from zmix_core.training.data import Splits, splits
from zmix_core.training.fit import CHECKPOINT, DamagedCheckpoint, Diverged, evaluate, fit, metrics
from zmix_core.training.protocols import PROTOCOLS
from zmix_core.training.spec import Spec


def trained(spec, folder, **options):
    folder.mkdir(exist_ok=True)
    return list(fit(spec, folder, device="cpu", **options))[-1]


def weights(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def untimed(curves):
    times = ("seconds", "images_per_second", "step_seconds")
    return [{name: value for name, value in epoch.items() if name not in times} for epoch in curves]


# --- the loop by hand --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["erm", "mixup", "cutmix", "zeta-mixup"])
@pytest.mark.parametrize("flip", [False, True])
def test_two_epochs_are_sgd_with_nesterov_on_mixed_batches(method, flip, tmp_path, monkeypatch):
    changed = dataclasses.replace(PROTOCOLS["digits"], flip=flip, batch=8, weight_decay=0.01)
    monkeypatch.setitem(PROTOCOLS, "digits", changed)
    spec = Spec("digits", method, n=4, seed=5, epochs=2, learning_rate=0.1)
    every = splits(PROTOCOLS["digits"])
    data = Splits(every.train.take(slice(0, 20)), None, every.test.take(slice(0, 10)))

    with torch.random.fork_rng():
        torch.manual_seed(loop._number(5, 0, "weights"))
        network = spec.make_network()
    parameters = list(network.parameters())
    velocity = [torch.zeros_like(p) for p in parameters]
    for epoch in range(2):
        order, flips, mixing = (loop._generator(5, epoch, p) for p in ("order", "flips", "mixing"))
        permutation = torch.randperm(20, generator=order)
        rate = 0.1 if epoch == 0 else 0.1 * 0.2  # 30 and 45 of 60 epochs: after 1 (and after 2) of 2
        for first in (0, 8, 16):
            index = permutation[first : first + 8]
            x, m = data.train.x[index] / 255, len(index)
            if flip:
                for k, turned in enumerate(torch.rand(m, generator=flips) < 0.5):
                    x[k] = x[k].flip(2) if turned else x[k]
            recipe = spec.mixing((8, 8), m).draw(m, generator=mixing)
            y = recipe.matrix(torch.float32) @ torch.eye(10)[data.train.y[index]]
            x = (
                recipe.apply(x)
                if method == "cutmix"
                else torch.einsum("km,mchw->kchw", recipe.matrix().float(), x)
            )
            loss = -(y * network(x).log_softmax(1)).sum(1).mean()
            for p, v, gradient in zip(
                parameters, velocity, torch.autograd.grad(loss, parameters), strict=True
            ):
                with torch.no_grad():
                    gradient = gradient + 0.01 * p
                    v.mul_(0.9).add_(gradient)
                    p -= rate * (gradient + 0.9 * v)
    last = trained(spec, tmp_path, data=data)
    for ours, theirs in zip(last.network.parameters(), parameters, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    assert [epoch["learning_rate"] for epoch in last.curves] == pytest.approx([0.1, 0.02])


def test_three_epochs_of_digits_beat_chance_and_ten_with_mixed_pictures(tmp_path):
    # Mixed pictures are learned from more slowly at first.
    for method, epochs in (("erm", 3), ("zeta-mixup", 10)):
        found = trained(Spec("digits", method, epochs=epochs), tmp_path / method).curves[-1]["test"]
        right = round(360 * found["ACC"] / 100)
        assert stats.binomtest(right, 360, 0.12, alternative="greater").pvalue < 1e-6


def test_a_last_batch_of_one_joins_the_one_before_and_small_batches_mix_all_they_have(tmp_path, monkeypatch):
    drawn = []
    mixing = Spec.mixing
    monkeypatch.setattr(Spec, "mixing", lambda self, sides, m: drawn.append(m) or mixing(self, sides, m))
    every = splits(PROTOCOLS["digits"])
    for count, expected in {33: [33], 65: [32, 33], 66: [32, 32, 2], 2: [2], 31: [31]}.items():
        data = every._replace(train=every.train.take(slice(0, count)))
        trained(Spec("digits", n=40, epochs=1), tmp_path / str(count), data=data)
        assert drawn == expected
        drawn.clear()
    with pytest.raises(ValueError, match="1 pictures to learn from; expected at least 2"):
        trained(Spec("digits"), tmp_path, data=every._replace(train=every.train.take(slice(0, 1))))


def test_a_fraction_keeps_the_classes_and_is_the_same_for_every_method():
    train = splits(PROTOCOLS["digits"]).train
    part = loop._share(train, Spec("digits", fraction=0.1, seed=1))
    of_all, of_part = Counter(train.y.tolist()), Counter(part.y.tolist())
    assert of_part == {c: round(0.1 * of_all[c]) for c in range(10)}
    assert torch.equal(part.x, loop._share(train, Spec("digits", "erm", fraction=0.1, seed=1)).x)
    assert not torch.equal(part.x, loop._share(train, Spec("digits", fraction=0.1, seed=2)).x)
    assert Counter(loop._share(train, Spec("digits", fraction=1e-4)).y.tolist()) == dict.fromkeys(
        range(10), 1
    )


# --- metrics -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [2, 3, 5])
def test_metrics_by_counting(k):
    generator = seeded(k)
    y = torch.randint(k, (60,), generator=generator)
    p = torch.rand(60, k, generator=generator).softmax(1)
    said, found = p.argmax(1), metrics(p, y)
    hit = [int(((said == c) & (y == c)).sum()) for c in range(k)]
    truly, called = [int((y == c).sum()) for c in range(k)], [int((said == c).sum()) for c in range(k)]
    assert found["ACC"] == pytest.approx(100 * sum(hit) / 60)
    assert found["ERR"] == pytest.approx(100 - found["ACC"])
    assert found["F1-micro"] == pytest.approx(sum(hit) / 60)
    assert found["ACC_bal"] == pytest.approx(100 * np.mean([h / t for h, t in zip(hit, truly, strict=True)]))
    f1 = [2 * h / (t + c) for h, t, c in zip(hit, truly, called, strict=True)]
    assert found["F1-macro"] == pytest.approx(np.mean(f1))
    areas = []
    for c in range(k):
        pairs = itertools.product(p[y == c, c].tolist(), p[y != c, c].tolist())
        areas.append(np.mean([(a > b) + (a == b) / 2 for a, b in pairs]))
    assert found["AUC"] == pytest.approx(areas[1] if k == 2 else np.mean(areas))


def test_metrics_where_a_class_has_no_pictures_or_there_is_one_class():
    p = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7], [0.3, 0.6, 0.1]])
    assert metrics(p, torch.tensor([0, 0, 1]))["ACC_bal"] == 75.0
    assert metrics(p, torch.tensor([0, 0, 0]))["AUC"] is None


# --- going on ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["mixup", "cutmix+zeta"])
def test_stopped_after_every_epoch_it_ends_with_the_same_weights(method, tmp_path):
    spec = tiny(tmp_path, method=method, epochs=4)
    whole = trained(spec, tmp_path / "whole")
    (tmp_path / "parts").mkdir()
    for k in range(4):
        parts = fit(spec, tmp_path / "parts", device="cpu")
        assert next(parts).done == k
        torch.rand(k)  # what others draw meanwhile does not matter
        last = next(parts)
        parts.close()
    assert same(weights(last.network), weights(whole.network))
    assert untimed(last.curves) == untimed(whole.curves)
    assert [e.done for e in fit(spec, tmp_path / "parts", device="cpu")] == [4]


def test_batch_normalization_goes_on_exactly_too(tmp_path):
    spec = tiny(tmp_path, network="resnet-18", epochs=2, fraction=0.3)
    whole = trained(spec, tmp_path / "whole")
    (tmp_path / "parts").mkdir()
    parts = fit(spec, tmp_path / "parts", device="cpu")
    next(parts), next(parts)
    parts.close()
    assert same(weights(trained(spec, tmp_path / "parts").network), weights(whole.network))


def test_methods_of_one_seed_start_from_the_same_weights_and_other_seeds_do_not(tmp_path):
    def first(method, seed):
        return weights(next(fit(tiny(tmp_path, method=method, seed=seed), tmp_path, device="cpu")).network)

    assert same(first("erm", 3), first("zeta-mixup", 3))
    assert not same(first("erm", 3), first("erm", 4))


def test_torchs_own_random_numbers_are_left_alone(tmp_path):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    trained(tiny(tmp_path, epochs=1), tmp_path)
    assert torch.equal(torch.get_rng_state(), before)


def test_no_two_purposes_share_a_seed():
    purposes = ("weights", "torch", "order", "flips", "mixing", "fraction")
    numbers = [loop._number(s, e, p) for s in range(20) for e in range(20) for p in purposes]
    assert len(set(numbers)) == len(numbers)


# --- what goes wrong ---------------------------------------------------------------------------------------


def test_a_loss_that_is_not_finite_ends_it(tmp_path):
    with pytest.raises(
        Diverged, match=r"epoch \d: the loss is (nan|inf); .* try a smaller one|outputs are not"
    ):
        trained(tiny(tmp_path, learning_rate=1e12), tmp_path)
    network = next(fit(tiny(tmp_path), tmp_path / ".", device="cpu")).network
    next(network.parameters()).data.fill_(math.nan)
    with pytest.raises(Diverged, match="outputs are not finite"):
        evaluate(network, splits(tiny(tmp_path).resolved()).test)


@pytest.mark.parametrize("kept", [0, 1, 100, 0.5, 0.99])
def test_a_checkpoint_that_is_cut_off_is_told_and_gone(kept, tmp_path):
    spec = tiny(tmp_path, epochs=1)
    whole = trained(spec, tmp_path)
    file = tmp_path / CHECKPOINT
    content = file.read_bytes()
    file.write_bytes(content[: kept if isinstance(kept, int) else int(kept * len(content))])
    with pytest.raises(DamagedCheckpoint, match=r"cannot be read .* starts from the beginning"):
        trained(spec, tmp_path)
    assert same(weights(trained(spec, tmp_path).network), weights(whole.network))


def test_a_checkpoint_of_another_network_is_told(tmp_path):
    trained(tiny(tmp_path, epochs=1), tmp_path)
    with pytest.raises(DamagedCheckpoint):
        trained(Spec("digits", epochs=1, fraction=0.05), tmp_path)
