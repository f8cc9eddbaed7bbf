"""A grid in processes that are watched: killed, failing, stopped, and two at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter

import pytest
import torch
from safetensors.torch import load_file
from tiny_pictures import tiny

from zmix_core.training import launch as launching
from zmix_core.training.launch import launch
from zmix_core.training.records import read_log, read_records
from zmix_core.training.run import WEIGHTS, run


@pytest.fixture(autouse=True)
def one_core(monkeypatch):
    """So that a worker has one thread, as these tests have."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0}, raising=False)


@pytest.fixture
def started(monkeypatch):
    """The processes that were started, in this order."""
    processes, popen = [], subprocess.Popen

    def recorded(*arguments, **options):
        processes.append(popen(*arguments, **options))
        return processes[-1]

    monkeypatch.setattr(launching.subprocess, "Popen", recorded)
    return processes


def what(progresses):
    return Counter(progress.what for progress in progresses)


@pytest.mark.slow
def test_what_is_killed_is_tried_again_and_what_fails_does_not_stop_the_rest(tmp_path, started):
    root = tmp_path / "runs"
    killed, broken = tiny(tmp_path, epochs=25), tiny(tmp_path, learning_rate=1e12)
    specs = [killed, broken, tiny(tmp_path, method="erm"), tiny(tmp_path, method="erm", alpha=0.3)]
    whole = run(killed, tmp_path / "whole", device="cpu")
    progresses, kills = [], 0
    for progress in launch(specs, root, workers=1, device="cpu", attempts=3):
        progresses.append(progress)
        epoch_of_it = progress.what == "epoch" and progress.spec == killed
        if epoch_of_it and not kills and "epoch 2 " in progress.message:
            started[-1].kill()
            kills += 1
    counts = what(progresses)
    assert (kills, counts["killed"]) == (1, 1)
    assert counts["finished"] == 2  # two of the three good ones are one run
    assert counts["failed"] == 1
    assert (progresses[-1].finished, progresses[-1].failed, progresses[-1].total) == (2, 1, 3)
    assert progresses[-1].left == 0
    again = run(killed, root, device="cpu")
    assert again["final"] == whole["final"]
    for name, value in load_file(tmp_path / "whole" / killed.key() / WEIGHTS).items():
        assert torch.equal(value, load_file(root / killed.key() / WEIGHTS)[name])
    assert sorted(record["status"] for record in read_records(root)) == ["failed", "finished", "finished"]
    assert all(process.poll() is not None for process in started)


def test_a_process_that_always_dies_is_given_up_and_put_on_record(tmp_path, started, monkeypatch):
    monkeypatch.setattr(launching.sys, "executable", "false")
    specs = [tiny(tmp_path), tiny(tmp_path, method="erm")]
    progresses = list(launch(specs, tmp_path / "runs", workers=1, device="cpu", attempts=2))
    assert what(progresses) == {"start": 1, "killed": 2, "failed": 2}
    assert len(started) == 4
    for record in read_records(tmp_path / "runs"):
        assert record["error"]["kind"] == "killed"
        assert "its process ended with status 1, 2 times" in record["error"]["message"]


@pytest.mark.slow
def test_two_launches_on_one_folder_do_every_run_once(tmp_path, together):
    specs = [tiny(tmp_path, method=method, epochs=12) for method in ("erm", "mixup", "cutmix", "zeta-mixup")]
    both = together(lambda k: list(launch(specs, tmp_path / "runs", workers=1, device="cpu")), count=2)
    for progresses in both:
        assert (progresses[-1].finished, progresses[-1].failed) == (4, 0)
    assert len(read_records(tmp_path / "runs")) == 4
    for spec in specs:
        assert [record["status"] for record in read_log(tmp_path / "runs" / spec.key())] == ["finished"]


@pytest.mark.slow
def test_stopped_it_ends_its_processes_and_another_launch_goes_on(tmp_path, started):
    spec, root = tiny(tmp_path, epochs=400), tmp_path / "runs"
    progresses = launch([spec], root, workers=1, device="cpu")
    for progress in progresses:
        if "epoch 3 " in progress.message:
            assert progress.left > 0
            break
    assert started[0].poll() is None
    progresses.close()
    assert started[0].poll() is not None
    assert read_records(root) == []
    again = launch([spec], root, workers=1, device="cpu")
    assert next(p for p in again if p.what == "epoch").message.split("epoch ")[1] >= "3"
    again.close()


@pytest.mark.slow
def test_a_worker_ends_with_whoever_started_it(tmp_path):
    command = [sys.executable, "-m", "zmix_core.training.worker", str(tmp_path / "runs"), "cpu", "1"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as worker:
        print(json.dumps(tiny(tmp_path, epochs=10_000).record()), file=worker.stdin, flush=True)
        said = [json.loads(worker.stdout.readline()) for _ in range(3)]
        worker.stdin.close()
        assert worker.wait(timeout=60) == 0
    assert [line["epoch"] for line in said] == [0, 1, 2]
    assert read_records(tmp_path / "runs") == []


def test_what_is_finished_needs_no_process(tmp_path, started):
    spec = tiny(tmp_path)
    run(spec, tmp_path / "runs", device="cpu")
    (progress,) = launch([spec, spec], tmp_path / "runs", device="cpu")
    assert (progress.what, progress.finished, progress.total) == ("start", 1, 1)
    assert started == []


def test_what_cannot_be_launched_is_told_before_anything_starts(tmp_path, started):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="cannot be written to"):
        next(launch([tiny(tmp_path)], tmp_path / "file" / "runs", device="cpu"))
    with pytest.raises(ValueError, match="workers = 0"):
        next(launch([tiny(tmp_path)], tmp_path, workers=0, device="cpu"))
    with pytest.raises(ValueError, match="attempts = 0"):
        next(launch([tiny(tmp_path)], tmp_path, attempts=0, device="cpu"))
    assert started == []
