"""A grid in processes that are watched: killed, failing, stopped, and two at once."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
import types
from collections import Counter
from pathlib import Path

import pytest
import torch
from killed_launches import PROCESSES, launch_with_two
from safetensors.torch import load_file
from tiny_pictures import tiny

from zmix_core.training import launch as launching
from zmix_core.training import progress as progressing
from zmix_core.training.fit import CHECKPOINT
from zmix_core.training.launch import launch
from zmix_core.training.records import FILE, append, read_log, read_records
from zmix_core.training.run import LOCK, WEIGHTS, run
from zmix_core.training.spec import name_of


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


def read_only(folder):
    """A folder that nobody here can write to: where the tests are run by root, one of the kernel's."""
    (folder / "read-only").mkdir(mode=0o500)
    return Path("/sys/kernel/runs") if os.access(folder / "read-only", os.W_OK) else folder / "read-only"


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


# --- what else goes wrong ----------------------------------------------------------------------------------


SHORT_OF_MEMORY = """if True:
    import sys, torch
    from zmix_core.training import run as running, worker

    whole = running.fit

    def fit(spec, *arguments, **options):
        for epoch in whole(spec, *arguments, **options):
            if spec.method == "cutmix" and epoch.done == 1:
                torch.empty(2**56)
            yield epoch

    running.fit = fit
    worker.main(*sys.argv[3:])
"""


@pytest.mark.slow
def test_whatever_fails_is_on_record_the_rest_goes_on_and_a_later_launch_mends_it(tmp_path, monkeypatch):
    root, other = tmp_path / "runs", tmp_path / "other"
    other.mkdir()
    specs = [
        tiny(tmp_path, seed=1),
        tiny(tmp_path, seed=2),
        tiny(tmp_path, method="cutmix"),
        tiny(other, seed=3),
        tiny(tmp_path, seed=4),
        tiny(tmp_path, method="erm"),
    ]
    full, torn, short, gone = specs[:4]
    folders = [root / spec.key() for spec in specs]
    for folder in folders[:2] + folders[4:5]:
        folder.mkdir(parents=True)
    (folders[0] / f"{CHECKPOINT}.new").symlink_to("/dev/full")  # a disk without room
    (folders[1] / CHECKPOINT).write_bytes(b"PK")
    (folders[4] / LOCK).write_text("of a process that is dead")
    (tmp_path / "python").write_text(f'#!/bin/sh\nexec {sys.executable} {tmp_path / "short.py"} "$@"\n')
    (tmp_path / "python").chmod(0o700)
    (tmp_path / "short.py").write_text(SHORT_OF_MEMORY)
    with monkeypatch.context() as patched:
        patched.setattr(launching.sys, "executable", str(tmp_path / "python"))
        progresses = launch(specs, root, workers=1, device="cpu")
        next(progresses)
        (other / "tiny.npz").rename(other / "moved.npz")
        *_, last = progresses
    assert (last.finished, last.failed) == (2, 4)
    kinds = {full: "disk", torn: "checkpoint", short: "memory", gone: "data"}
    messages = {
        full: "No space left",
        torn: "cannot be read",
        short: "Use fewer workers",
        gone: "tiny.npz' is no",
    }
    for spec, kind in kinds.items():
        (record,) = read_log(root / spec.key())
        assert record["error"]["kind"] == kind
        assert messages[spec] in record["error"]["message"]
        assert (record["key"], record["name"], record["settings"]["seed"]) == (
            spec.key(),
            name_of(spec.settings()),
            spec.seed,
        )
    (folders[0] / f"{CHECKPOINT}.new").unlink()
    (other / "moved.npz").rename(other / "tiny.npz")
    *_, last = launch(specs, root, workers=1, device="cpu")
    assert (last.finished, last.failed) == (6, 0)
    for spec in specs:
        run(spec, tmp_path / "whole", device="cpu")
        weights = [(tmp_path / name / spec.key() / WEIGHTS).read_bytes() for name in ("runs", "whole")]
        assert weights[0] == weights[1]


@pytest.mark.slow
def test_a_process_that_hangs_is_killed_and_its_run_goes_on(tmp_path, started, monkeypatch):
    spec, late = tiny(tmp_path, epochs=30), [0.0]
    clock = types.SimpleNamespace(monotonic=lambda: time.monotonic() + late[0])
    monkeypatch.setattr(launching, "time", clock)
    progresses = []
    for progress in launch([spec], tmp_path / "runs", workers=1, device="cpu", silence=1000):
        progresses.append(progress)
        if progress.what == "epoch" and "epoch 2 " in progress.message and not late[0]:
            started[0].send_signal(signal.SIGSTOP)
            late[0] = 1001.0
    (killed,) = [progress for progress in progresses if progress.what == "killed"]
    assert "it said nothing for 1000 seconds, and its process ended with signal 9" in killed.message
    assert progresses[-1].what == "finished"
    assert len(started) == 2


def test_a_disk_that_takes_no_record_either_does_not_stop_the_rest(tmp_path, monkeypatch):
    monkeypatch.setattr(launching.sys, "executable", "false")
    specs, root = [tiny(tmp_path, seed=seed) for seed in range(2)], tmp_path / "runs"

    def full(folder, record):
        if record["key"] == specs[0].key():
            raise OSError(errno.ENOSPC, "No space left on device")
        append(folder, record)

    monkeypatch.setattr(progressing, "append", full)
    *_, last = launch(specs, root, workers=1, device="cpu", attempts=1)
    assert last.failed == 2
    assert [record["key"] for record in read_records(root)] == [specs[1].key()]


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
    with pytest.raises(OSError, match="cannot be written to"):
        next(launch([tiny(tmp_path)], read_only(tmp_path), device="cpu"))
    for name, value in {"threads": 0, "silence": 0}.items():
        with pytest.raises(ValueError, match=f"{name} = 0"):
            next(launch([tiny(tmp_path)], tmp_path, device="cpu", **{name: value}))
    with pytest.raises(ValueError, match="workers = 0"):
        next(launch([tiny(tmp_path)], tmp_path, workers=0, device="cpu"))
    with pytest.raises(ValueError, match="attempts = 0"):
        next(launch([tiny(tmp_path)], tmp_path, attempts=0, device="cpu"))
    assert started == []


@pytest.mark.slow
def test_killed_twenty_times_nothing_is_lost_and_nothing_done_twice(tmp_path):
    root, chance, torn = tmp_path / "runs", random.Random(0), 0
    specs = [tiny(tmp_path, seed=seed, epochs=2 + 30 * (seed % 2)) for seed in range(8)]
    for number in range(4):
        marks = tmp_path / f"saving-{number}"
        marks.mkdir()
        listen, told = PROCESSES.Pipe(duplex=False)
        launcher = PROCESSES.Process(target=launch_with_two, args=(specs, root, marks, told))
        launcher.start()
        told.close()
        for kill in range(5):
            while listen.recv() != "epoch":  # it goes on; an EOFError where all is done too early
                pass
            while not (saving := list(marks.iterdir())):
                time.sleep(0.001)
            time.sleep(chance.choice([0, chance.uniform(0, 0.06)]))  # in the middle of it, or later
            if kill < 4:
                os.kill(int(saving[0].name), signal.SIGKILL)
                saving[0].unlink(missing_ok=True)
            else:
                launcher.kill()
            torn += len(list(root.glob(f"*/{CHECKPOINT}.new"))) > 0
        launcher.join()
        listen.close()
    assert torn >= 5
    assert 0 < len(read_records(root)) < 8
    *_, last = launch(specs, root, workers=1, device="cpu")
    assert (last.finished, last.failed) == (8, 0)
    for spec in specs:
        (line,) = (root / spec.key() / FILE).read_text().splitlines()
        assert json.loads(line)["status"] == "finished"
        run(spec, tmp_path / "whole", device="cpu")
        weights = [(tmp_path / name / spec.key() / WEIGHTS).read_bytes() for name in ("runs", "whole")]
        assert weights[0] == weights[1]
