"""One run: done once, whatever happens to the process, the disk, or the data."""

from __future__ import annotations

import errno
import multiprocessing
import os
import random
import time
from importlib.metadata import version

import pytest
import torch
from filelock import FileLock
from safetensors.torch import load_file
from tiny_pictures import run_in_one_thread, tiny

from zmix_core.training import fit as loop
from zmix_core.training import run as running
from zmix_core.training.fit import CHECKPOINT, fit
from zmix_core.training.protocols import PROTOCOLS
from zmix_core.training.records import FILE, append, read_log, read_records
from zmix_core.training.run import LOCK, WEIGHTS, Busy, judged, run
from zmix_core.training.spec import Spec


def weights(root, spec):
    return load_file(root / spec.key() / WEIGHTS)


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def untimed(record):
    times = ("seconds", "images_per_second", "step_seconds")
    return [{name: value for name, value in epoch.items() if name not in times} for epoch in record["curves"]]


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_as_if_nothing_had_happened(tmp_path):
    spec, chance = tiny(tmp_path, method="cutmix+zeta", epochs=40), random.Random(0)
    whole = run(spec, tmp_path / "whole", device="cpu")
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["zmix_core.training.run", "sklearn.metrics", "torch._dynamo"])
    root = tmp_path / "killed"
    folder, kills, epochs = root / spec.key(), 0, []
    while kills < 6:
        process = processes.Process(target=run_in_one_thread, args=(spec, root))
        process.start()
        before = os.stat(folder / CHECKPOINT).st_mtime_ns if (folder / CHECKPOINT).exists() else 0
        deadline = time.monotonic() + 60
        while process.is_alive() and time.monotonic() < deadline:
            if (folder / CHECKPOINT).exists() and os.stat(folder / CHECKPOINT).st_mtime_ns > before:
                break  # it has done something
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.05))
        process.kill()
        process.join()
        if process.exitcode == 0:
            break
        kills += 1
        kept = torch.load(folder / CHECKPOINT, weights_only=True)  # whole, whenever it was killed
        epochs.append(len(kept["curves"]))
    assert kills >= 5
    assert epochs == sorted(set(epochs))  # it went on each time
    assert read_records(root) == []
    found = run(spec, root, device="cpu")
    assert same(weights(root, spec), weights(tmp_path / "whole", spec))
    assert untimed(found) == untimed(whole)
    assert found["final"] == whole["final"]
    assert read_records(root) == [found]
    assert not (folder / CHECKPOINT).exists()


def test_a_record_says_all_there_is_to_say(tmp_path):
    spec, told = tiny(tmp_path, seed=3), []
    record = run(spec, tmp_path, device="cpu", say=lambda epoch: told.append(epoch.done))
    assert told == [0, 1, 2, 3]
    assert record == read_log(tmp_path / spec.key())[0]
    assert (record["status"], record["key"], record["name"]) == ("finished", spec.key(), "zeta-2.8")
    assert Spec.of(record["spec"]) == spec
    assert record["settings"] == spec.settings()
    assert record["machine"]["device"] == "cpu"
    assert record["machine"]["versions"]["torch"] == version("torch")
    assert [epoch["epoch"] for epoch in record["curves"]] == [1, 2, 3]
    for epoch in record["curves"]:
        assert epoch["seconds"]["train"] > epoch["seconds"]["mix"] > 0
        assert epoch["images_per_second"] == pytest.approx(37 / epoch["seconds"]["train"])
        assert 0 < epoch["step_seconds"] <= epoch["seconds"]["train"]
    assert record["final"] == {"epoch": 3, **record["curves"][-1]["test"]}
    assert record["parameters"] == sum(value.numel() for value in weights(tmp_path, spec).values())


def test_a_finished_run_is_never_run_again(tmp_path, monkeypatch):
    spec = tiny(tmp_path)
    record = run(spec, tmp_path, device="cpu")
    monkeypatch.setattr(running, "fit", None)
    assert run(spec, tmp_path, device="cpu") == record
    assert len(read_log(tmp_path / spec.key())) == 1


def test_two_processes_never_do_one_run_at_once(tmp_path):
    spec = tiny(tmp_path)
    (tmp_path / spec.key()).mkdir()
    with FileLock(tmp_path / spec.key() / LOCK), pytest.raises(Busy, match="another process is at this run"):
        run(spec, tmp_path, device="cpu")
    assert run(spec, tmp_path, device="cpu")["status"] == "finished"


def test_who_comes_second_through_the_lock_finds_it_finished(tmp_path, monkeypatch):
    spec = tiny(tmp_path)
    answers = iter([None, {"status": "finished", "by": "another"}])
    monkeypatch.setattr(running, "finished", lambda folder: next(answers))
    assert run(spec, tmp_path, device="cpu")["by"] == "another"


# --- what goes wrong, put on record, and tried again -------------------------------------------------------


def failing(error, after=1):
    """A `fit` that does some epochs and then fails."""

    def failing_fit(*arguments, **options):
        steps = fit(*arguments, **options)
        for _ in range(after + 1):
            yield next(steps)
        raise error

    return failing_fit


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), "memory", "Use fewer workers"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "memory", "Use fewer workers"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk", "No space left"),
        (ZeroDivisionError("odd"), "error", "odd"),
    ],
)
def test_a_failure_is_put_on_record_and_the_next_call_goes_on(error, kind, message, tmp_path, monkeypatch):
    spec = tiny(tmp_path)
    monkeypatch.setattr(running, "fit", failing(error))
    record = run(spec, tmp_path, device="cpu")
    assert record["status"] == "failed"
    assert record["error"]["kind"] == kind
    assert message in record["error"]["message"]
    assert ("ZeroDivisionError" in record["error"].get("trace", "")) == (kind == "error")
    assert len(record["curves"]) == 1
    assert read_records(tmp_path) == [record]
    monkeypatch.undo()
    told = []
    assert (
        run(spec, tmp_path, device="cpu", say=lambda epoch: told.append(epoch.done))["status"] == "finished"
    )
    assert told == [1, 2, 3]
    assert [entry["status"] for entry in read_log(tmp_path / spec.key())] == ["failed", "finished"]


def test_a_loss_that_is_not_finite_is_put_on_record(tmp_path):
    spec = tiny(tmp_path, learning_rate=1e12)
    for attempt in (1, 2):
        record = run(spec, tmp_path, device="cpu")
        assert record["error"]["kind"] == "diverged"
        assert "try a smaller one" in record["error"]["message"]
        assert len(read_log(tmp_path / spec.key())) == attempt


def test_data_that_is_not_there_is_put_on_record(tmp_path, monkeypatch):
    monkeypatch.setenv("ZMIX_DATA", str(tmp_path / "nothing"))
    record = run(Spec("mnist-1000", epochs=1), tmp_path, device="cpu")
    assert record["error"]["kind"] == "data"
    assert "no train files" in record["error"]["message"]
    assert tiny(tmp_path).key()
    (tmp_path / "tiny.npz").unlink()
    with pytest.raises(FileNotFoundError, match=r"tiny\.npz' is no folder"):
        run(Spec(str(tmp_path / "tiny.npz")), tmp_path)


def test_a_truncated_checkpoint_is_put_on_record_and_the_next_call_starts_over(tmp_path, monkeypatch):
    spec = tiny(tmp_path)
    whole = run(spec, tmp_path / "whole", device="cpu")
    monkeypatch.setattr(running, "fit", failing(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        run(spec, tmp_path, device="cpu")
    monkeypatch.undo()
    file = tmp_path / spec.key() / CHECKPOINT
    file.write_bytes(file.read_bytes()[:5000])
    assert run(spec, tmp_path, device="cpu")["error"]["kind"] == "checkpoint"
    assert untimed(run(spec, tmp_path, device="cpu")) == untimed(whole)
    assert same(weights(tmp_path, spec), weights(tmp_path / "whole", spec))


def test_a_disk_that_fills_up_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    spec = tiny(tmp_path)
    written = []

    def full(file, content):
        written.append(file)
        if len(written) == 2:
            file.with_name(file.name + ".new").write_bytes(content[:100])
            raise OSError(errno.ENOSPC, "No space left on device")
        whole(file, content)

    whole = loop.replace_with
    monkeypatch.setattr(loop, "replace_with", full)
    assert run(spec, tmp_path, device="cpu")["error"]["kind"] == "disk"
    monkeypatch.undo()
    told = []
    run(spec, tmp_path, device="cpu", say=lambda epoch: told.append(epoch.done))
    assert told == [1, 2, 3]


def test_a_disk_too_full_for_a_record_is_an_error(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"cannot be written to \(No space left on device\); expected a folder"):
        run(tiny(tmp_path), tmp_path, device="cpu")


def test_a_line_cut_off_does_not_hide_that_a_run_is_finished(tmp_path):
    spec = tiny(tmp_path)
    folder = tmp_path / spec.key()
    folder.mkdir()
    append(folder, {"status": "failed"})
    with (folder / FILE).open("ab") as file:
        file.write(b'{"status": "finis')
    record = run(spec, tmp_path, device="cpu")
    assert read_records(tmp_path) == [record]


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match=r"cannot be written to .* expected a folder with room"):
        run(tiny(tmp_path), tmp_path / "file", device="cpu")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_read_only_is_told(tmp_path):
    spec = tiny(tmp_path)
    (tmp_path / "runs").mkdir(mode=0o500)
    with pytest.raises(PermissionError, match="cannot be written to"):
        run(spec, tmp_path / "runs", device="cpu")


# --- which epoch counts ------------------------------------------------------------------------------------


def test_the_epoch_that_counts_is_the_last_or_the_first_best_on_validation():
    aucs = [0.6, 0.9, 0.9, 0.7]
    curves = [
        {"epoch": k, "val": {"AUC": auc, "ERR": k % 3}, "test": {"ACC": k}} for k, auc in enumerate(aucs, 1)
    ]
    assert judged(PROTOCOLS["breastmnist"], curves)["epoch"] == 2
    assert judged(PROTOCOLS["digits"], curves)["epoch"] == 4
    for epoch in curves:
        epoch["val"]["AUC"] = None
    assert judged(PROTOCOLS["breastmnist"], curves)["epoch"] == 1
    assert judged(PROTOCOLS["breastmnist"], [{**epoch, "val": None} for epoch in curves])["epoch"] == 4
