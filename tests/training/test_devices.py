"""Precision, and several processes that train one network."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file
from tiny_pictures import tiny

from zmix_core.training.fit import CHECKPOINT, fit
from zmix_core.training.records import read_records
from zmix_core.training.run import WEIGHTS, run
from zmix_core.training.spec import Spec

ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(tmp_path):
    arguments = ["digits", "--methods", "zeta-2.8", "--seeds", "1", "--epochs", "2", "--fraction", "0.2"]
    command = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "zmix_core.cli", "train"]
    root = tmp_path / "two"
    two = subprocess.run(
        [sys.executable, *command, *arguments, "--root", str(root)],
        capture_output=True,
        text=True,
        env=ONE_THREAD,
    )
    assert two.returncode == 0, two.stderr
    assert two.stdout.count("zeta-2.8") == 1  # one of them prints
    assert "[1 of 1] digits, zeta-2.8, seed 0: finished" in two.stderr
    [record] = read_records(root)
    assert record["machine"]["processes"] == 2
    spec = Spec("digits", "zeta-mixup", epochs=2, fraction=0.2)
    alone = run(spec, tmp_path / "one", device="cpu")
    assert alone["machine"]["processes"] == 1
    assert [epoch["loss"] for epoch in record["curves"]] == pytest.approx(
        [epoch["loss"] for epoch in alone["curves"]], rel=1e-5
    )
    ours, theirs = (load_file(tmp_path / name / spec.key() / WEIGHTS) for name in ("two", "one"))
    for name, weights in theirs.items():
        torch.testing.assert_close(ours[name], weights, rtol=1e-4, atol=1e-6)


def test_bfloat16_rounds_what_is_computed_and_goes_on_exactly(tmp_path):
    spec = tiny(tmp_path, mixed_precision="bf16")
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    *_, whole = fit(spec, tmp_path / "whole", device="cpu")
    for _ in range(spec.epochs):
        steps = fit(spec, tmp_path / "parts", device="cpu")
        next(steps)
        last = next(steps)
        steps.close()
    *_, exact = fit(tiny(tmp_path), tmp_path, device="cpu")
    assert (tmp_path / "parts" / CHECKPOINT).exists()
    for ours, same, other in zip(
        *(e.network.state_dict().values() for e in (whole, last, exact)), strict=True
    ):
        assert ours.dtype == torch.float32
        assert torch.equal(ours, same)
        assert not torch.equal(ours, other)
        assert (ours - other).norm() < 0.05 * other.norm()


def test_precisions_that_are_not_there_are_told(tmp_path):
    with pytest.raises(ValueError, match="mixed_precision = 'fp8': expected one of no, fp16, bf16"):
        Spec("digits", mixed_precision="fp8")
    with pytest.raises(ValueError, match="'fp16' on the CPU: expected a CUDA device"):
        next(fit(tiny(tmp_path, mixed_precision="fp16"), tmp_path, device="cpu"))


def test_precision_is_one_of_the_settings_that_name_a_run():
    assert Spec("digits").key() != Spec("digits", mixed_precision="bf16").key()
