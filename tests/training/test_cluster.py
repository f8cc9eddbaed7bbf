"""A grid on a real cluster of dask.distributed: two worker processes here, killed, stopped, and misfit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import types
from collections import Counter
from contextlib import closing

import pytest
from tiny_pictures import tiny

from zmix_core.training import cluster as clustering
from zmix_core.training.cluster import launch_on
from zmix_core.training.records import read_log, read_records
from zmix_core.training.run import WEIGHTS, run

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def two_workers():
    """Of two workers, each a process of one thread that dask starts anew when it dies."""
    options = {"n_workers": 2, "threads_per_worker": 1, "memory_limit": 0, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        yield client


@pytest.fixture
def client(two_workers):
    """With both of them alive."""
    two_workers.wait_for_workers(2, timeout=60)
    return two_workers


@pytest.fixture
def here():
    """A cluster of one worker with two threads, in this process."""
    options = {"n_workers": 1, "threads_per_worker": 2, "processes": False, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        yield client


def weights(root, spec):
    return (root / spec.key() / WEIGHTS).read_bytes()


def at_work(client):
    """How many runs the workers are at, whether anyone waits for them or not."""
    return sum(client.run(lambda dask_worker: len(dask_worker.state.executing)).values())


def wait_until_idle(client):
    deadline = time.monotonic() + 60
    while at_work(client) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert at_work(client) == 0


def kill_worker_of(client, spec):
    """The process that is at a run."""
    tasks = client.processing()
    (address,) = [address for address in tasks if any(spec.key() in str(task) for task in tasks[address])]
    os.kill(client.run(os.getpid, workers=[address])[address], signal.SIGKILL)


@pytest.mark.slow
def test_a_worker_that_is_killed_is_made_good_and_all_is_as_without_a_cluster(client, tmp_path):
    killed, broken = tiny(tmp_path, epochs=40), tiny(tmp_path, learning_rate=1e12)
    specs = [killed, broken, *(tiny(tmp_path, method="erm", seed=seed) for seed in range(3))]
    progresses, kills, root = [], 0, tmp_path / "runs"
    for progress in launch_on(client, [*specs, specs[-1]], root, device="cpu"):
        progresses.append(progress)
        if progress.spec == killed and "epoch 3 " in progress.message and not kills:
            kill_worker_of(client, killed)
            kills += 1
    counts = Counter(progress.what for progress in progresses)
    assert {what: counts[what] for what in ("start", "killed", "finished", "failed")} == {
        "start": 1,
        "killed": 1,
        "finished": 4,
        "failed": 1,
    }
    assert (progresses[-1].finished, progresses[-1].failed, progresses[-1].total) == (4, 1, 5)
    (after,) = [k for k, progress in enumerate(progresses) if progress.what == "killed"]
    resumed = next(p for p in progresses[after:] if p.what == "epoch" and p.spec == killed)
    assert int(resumed.message.split("epoch ")[1].split()[0]) >= 3
    for spec in specs:
        (record,) = read_log(root / spec.key())
        assert record["status"] == ("failed" if spec == broken else "finished")
        if spec != broken:
            assert run(spec, tmp_path / "whole", device="cpu")["final"] == record["final"]
            assert weights(root, spec) == weights(tmp_path / "whole", spec)
    assert sorted(path.name for path in root.iterdir()) == sorted(spec.key() for spec in specs)


@pytest.mark.slow
def test_stopped_its_runs_end_with_their_epoch_and_another_launch_goes_on(client, tmp_path):
    specs, root = [tiny(tmp_path, epochs=5_000, seed=seed) for seed in range(3)], tmp_path / "runs"
    told = set()
    with closing(launch_on(client, specs, root, device="cpu")) as progresses:
        while len(told) < 2:  # both workers are at their second epoch
            progress = next(progresses)
            told |= {progress.spec} if "epoch 2 " in progress.message else set()
        assert at_work(client) == 2
    wait_until_idle(client)
    assert read_records(root) == []
    assert not (root / specs[2].key()).exists()
    with closing(launch_on(client, specs[:1], root, device="cpu")) as again:
        first = next(progress for progress in again if progress.what == "epoch").message
        assert int(first.split("epoch ")[1].split()[0]) >= 2
    wait_until_idle(client)


@pytest.mark.slow
def test_its_runs_end_with_the_process_that_asked_for_them(client, tmp_path):
    spec, root = tiny(tmp_path, epochs=10_000), tmp_path / "runs"
    script = """if True:
        import sys
        from zmix_core.training.cluster import launch_on
        from zmix_core.training.spec import Spec

        spec = Spec(sys.argv[2], network="lenet-5", epochs=10_000)
        for progress in launch_on(sys.argv[1], [spec], sys.argv[3], device="cpu"):
            print(progress.what, flush=True)
    """
    command = [sys.executable, "-c", script, client.scheduler.address, spec.protocol, str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        said = [process.stdout.readline().strip() for _ in range(3)]
        running = at_work(client)
        process.kill()
    assert (said, running) == (["start", "epoch", "epoch"], 1)
    wait_until_idle(client)
    assert read_records(root) == []
    assert (root / spec.key()).is_dir()


@pytest.mark.slow
def test_a_number_starts_so_many_processes_here(tmp_path):
    spec, root = tiny(tmp_path), tmp_path / "runs"
    *_, last = launch_on("1", [spec], root, threads=1, device="cpu")
    assert (last.what, last.finished) == ("finished", 1)
    run(spec, tmp_path / "whole", device="cpu")
    assert weights(root, spec) == weights(tmp_path / "whole", spec)


def test_a_process_never_trains_two_networks_at_once(here, tmp_path, monkeypatch):
    at_once, most = [0], []

    def one(spec, root, device, tell):
        at_once[0] += 1
        most.append(at_once[0])
        time.sleep(0.2)
        at_once[0] -= 1
        return {"busy": True} if len(most) < 3 else {"error": "enough", "kind": "error"}

    monkeypatch.setattr(clustering, "one", one)
    specs = [tiny(tmp_path, seed=seed) for seed in range(2)]
    threads = [
        threading.Thread(target=lambda s=s: list(launch_on(here, [s], tmp_path / "runs"))) for s in specs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1}
    assert len(most) >= 4
    assert [record["error"]["message"] for record in read_records(tmp_path / "runs")] == ["enough"] * 2


# --- clusters that will not do -----------------------------------------------------------------------------


def see_elsewhere(token):
    return clustering._see(f"{token}-of-another-machine")


def see_unlocked(token):
    return {**clustering._see(token), "locked": False}


def see_other_versions(token):
    return {**clustering._see(token), "versions": {"zmix": "0.0.1", "torch": "2.10.0"}}


@pytest.mark.parametrize(
    ("see", "message"),
    [
        (
            see_elsewhere,
            "does not see what is written to .*runs here; expected a folder that all machines share",
        ),
        (see_unlocked, "expected a file system whose locks reach from one machine to the other"),
        (see_other_versions, r"has {'zmix': '0.0.1', .*expected {.*install these there"),
    ],
)
def test_a_worker_that_sees_something_else_is_told_before_anything_starts(
    see, message, here, tmp_path, monkeypatch
):
    true = clustering._see
    monkeypatch.setattr(
        clustering, "_see", types.FunctionType(see.__code__, {"clustering": types.SimpleNamespace(_see=true)})
    )
    with pytest.raises(RuntimeError, match=rf"worker inproc://\S+ .*{message}"):
        next(launch_on(here, [tiny(tmp_path)], tmp_path / "runs"))
    assert list((tmp_path / "runs").iterdir()) == []


def test_workers_without_zmix_are_told(client, tmp_path, monkeypatch):
    module = types.ModuleType("not_there")
    exec("def see(token): ...", module.__dict__)
    monkeypatch.setitem(sys.modules, "not_there", module)
    monkeypatch.setattr(clustering, "_see", module.see)
    with pytest.raises(RuntimeError, match=r"cannot say .*not_there.*install it there"):
        next(launch_on(client, [tiny(tmp_path)], tmp_path / "runs"))


@pytest.mark.slow
def test_a_run_whose_workers_always_die_is_put_on_record(client, tmp_path):
    spec, root = tiny(tmp_path, epochs=10_000), tmp_path / "runs"
    for progress in launch_on(client, [spec], root, device="cpu", attempts=1):
        if progress.what == "epoch":
            kill_worker_of(client, spec)
    assert progress.what == "failed"
    (record,) = read_records(root)
    assert record["error"]["kind"] == "killed"
    assert "the cluster lost its worker" in record["error"]["message"]


def test_a_worker_that_comes_late_and_sees_something_else_is_left_out(here, tmp_path, monkeypatch):
    specs, root = [tiny(tmp_path, seed=seed) for seed in range(2)], tmp_path / "runs"
    progresses = launch_on(here, specs, root, device="cpu")
    next(progresses)
    see = clustering._see
    monkeypatch.setattr(clustering, "_see", lambda token: {**see(token), "there": False})
    here.cluster.scale(2)
    here.wait_for_workers(2)
    time.sleep(clustering.AGAIN)
    with pytest.warns(RuntimeWarning, match="does not see what is written to .* It is not used"):
        *_, last = progresses
    assert (last.finished, last.failed) == (2, 0)


def test_what_cannot_be_launched_is_told(tmp_path, monkeypatch):
    spec = tiny(tmp_path)
    with pytest.raises(ValueError, match="cluster = 0"):
        next(launch_on(0, [spec], tmp_path / "runs"))
    with pytest.raises(ValueError, match="threads = 0"):
        next(launch_on(1, [spec], tmp_path / "runs", threads=0))
    with pytest.raises(OSError, match="cannot be written to"):
        next(launch_on(1, [spec], tmp_path / "tiny.npz" / "runs"))
    monkeypatch.setattr(clustering, "PATIENCE", 0.1)
    empty = distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=":0")
    with empty, pytest.raises(TimeoutError, match=r"no workers after 0\.1 seconds; expected some"):
        next(launch_on(empty, [spec], tmp_path / "runs"))
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r"pip install 'zmix\[cluster\]'"):
        next(launch_on(1, [spec], tmp_path / "runs"))
