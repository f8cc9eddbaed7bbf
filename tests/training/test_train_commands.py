"""``zmix train`` and ``zmix results``."""

from __future__ import annotations

import sys

import pytest
from tiny_pictures import tiny, write

from zmix_core.cli import main
from zmix_core.training import train_commands
from zmix_core.training.fit import CHECKPOINT
from zmix_core.training.records import read_records


@pytest.mark.slow
def test_a_grid_is_trained_once_and_its_table_printed(tmp_path, capsys):
    root = str(tmp_path / "runs")
    command = ["train", "digits", "--methods", "erm", "mixup", "cutmix+zeta", "zeta-4", "--seeds", "2"]
    command += ["--epochs", "1", "--fraction", "0.1", "--workers", "1", "--root", root]
    assert main(command) == 0
    told = capsys.readouterr()
    assert "digits, epochs 1, fraction 0.1" in told.out
    assert all(f"| {name} " in told.out for name in ("erm", "mixup", "cutmix+zeta", "zeta-4"))
    assert "[8 of 8, 0 s left] finished: digits, " in told.err
    records = read_records(root)
    assert len(records) == 8
    assert {record["settings"]["seed"] for record in records} == {0, 1}
    assert main(command) == 0
    assert "start: all runs are done" in capsys.readouterr().err
    assert main(["results", "--root", root]) == 0
    assert capsys.readouterr().out == told.out


def test_what_failed_is_told_once_for_all_and_the_status_says_so(tmp_path, capsys, monkeypatch):
    from zmix_core.training import commands, launch
    from zmix_core.training.run import run

    def here(specs, root, workers):
        """In this process."""
        grid = launch.Grid(specs, root, 1, 1)
        for key, spec in grid.specs.items():
            run(spec, root, device="cpu")
            yield grid._closed("failed", key, "as expected")

    monkeypatch.setattr(launch, "launch", here)
    monkeypatch.setattr(commands, "fault_of", lambda entry: None)  # they vanish a moment later
    monkeypatch.setenv("ZMIX_DATA", str(tmp_path))
    root = tmp_path / "runs"
    assert main(["train", "mnist-1000", "--methods", "erm", "--seeds", "2", "--root", str(root)]) == 2
    told = capsys.readouterr()
    assert "No finished runs." in told.out
    assert told.out.count("failed: mnist: no train files") == 1
    keys = {record["settings"]["seed"]: record["key"] for record in read_records(root)}
    lines = [f"- mnist-1000, epochs 60, erm, seed {seed} ({keys[seed]})" for seed in range(2)]
    assert "\n".join(lines) in told.out
    assert "2 of 2 runs failed; the same command tries them again" in told.err
    (root / keys[0] / CHECKPOINT).touch()
    assert main(["results", "--root", str(root)]) == 0
    assert f"1 begun and not finished: {keys[0]}" in capsys.readouterr().out


def test_a_data_set_that_is_not_there_is_told_before_anything_starts(tmp_path, capsys, monkeypatch):
    from zmix_core.training import launch

    asked = []
    monkeypatch.setattr(launch, "launch", lambda specs, root, workers: iter(asked.append(specs) or ()))
    monkeypatch.setenv("ZMIX_DATA", str(tmp_path))
    few = ["--methods", "erm", "--seeds", "3", "--root", str(tmp_path / "runs")]
    assert main(["train", "mnist-1000", *few]) == 2
    assert capsys.readouterr().err.count("mnist: no train files") == 1
    assert main(["train", "mnist-1000", "digits", *few]) == 2
    told = capsys.readouterr().err
    assert "mnist-1000 is left out: mnist: no train files" in told
    assert "3 of 6 runs failed" in told
    [specs] = asked
    assert {spec.protocol for spec in specs} == {"digits"}


def test_pictures_that_only_a_clusters_workers_have_are_their_affair(tmp_path, monkeypatch):
    from zmix_core.training import cluster

    asked = []
    monkeypatch.setattr(
        cluster, "launch_on", lambda where, specs, root: iter(asked.append((where, specs)) or ())
    )
    monkeypatch.setenv("ZMIX_DATA", str(tmp_path))
    command = ["train", "mnist-1000", "--methods", "erm", "--seeds", "3", "--root", str(tmp_path / "runs")]
    assert main([*command, "--cluster", "tcp://there:8786"]) == 0
    [(where, specs)] = asked
    assert (where, len(specs)) == ("tcp://there:8786", 3)


def test_a_table_is_of_what_the_command_trained(tmp_path, capsys, monkeypatch):
    from zmix_core.training import launch
    from zmix_core.training.run import run

    root = tmp_path / "runs"
    for seed in range(2):
        run(tiny(tmp_path, method="erm", seed=seed), root, device="cpu")
    run(tiny(tmp_path, epochs=1), root, device="cpu")
    monkeypatch.setattr(launch, "launch", lambda specs, root, workers: iter(()))
    command = ["train", str(tmp_path / "tiny.npz"), "--methods", "erm", "--seeds", "1", "--root", str(root)]
    assert main([*command, "--network", "lenet-5", "--epochs", "3"]) == 0
    told = capsys.readouterr().out
    heading = told.splitlines()[0]
    assert heading.startswith(str(tmp_path / "tiny.npz"))
    assert "network lenet-5" in heading
    assert "epochs 3" in heading
    assert "epochs 1" not in told
    assert "| 2     |" in told  # both seeds that are there, and more than was asked for


def test_ctrl_c_says_that_it_goes_on(tmp_path, capsys, monkeypatch):
    from zmix_core.training import launch

    def interrupted(specs, root, workers):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(launch, "launch", interrupted)
    assert main(["train", "digits", "--root", str(tmp_path)]) == 130
    assert "The same command goes on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "cifar11"], "'cifar11' is no folder"),
        (["train", "digits", "--methods", "zeta"], "method = 'zeta': expected one of erm"),
        (["train", "digits", "--seeds", "0"], "seeds = 0"),
        (["train", "digits", "--fraction", "2"], "fraction = 2.0"),
        (["train", "digits", "--workers", "0"], "workers = 0"),
        (["results", "--root", "no/such/folder"], "`zmix train` makes it"),
        (["results", "--root", __file__], "no records in it; expected what --save wrote"),
        (["results", "--measured", "--save", "no/such/folder/a.jsonl"], "no such folder; expected one"),
    ],
)
def test_wrong_arguments_are_told(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


def test_pictures_of_ones_own_can_be_trained_on(tmp_path, capsys):
    from zmix_core.training.run import run

    write(tmp_path)
    run(tiny(tmp_path), tmp_path / "runs", device="cpu")
    assert main(["results", "--root", str(tmp_path / "runs")]) == 0
    assert "tiny.npz" in capsys.readouterr().out


@pytest.mark.slow
def test_a_grid_is_trained_on_a_cluster(tmp_path, capsys):
    pytest.importorskip("distributed")
    write(tmp_path)
    root = str(tmp_path / "runs")
    command = ["train", str(tmp_path / "tiny.npz"), "--methods", "erm", "zeta-4", "--seeds", "1"]
    assert main([*command, "--network", "lenet-5", "--epochs", "2", "--cluster", "1", "--root", root]) == 0
    told = capsys.readouterr()
    assert "| zeta-4 " in told.out
    assert "[2 of 2, 0 s left] finished: " in told.err
    assert "idle" not in told.err


def test_a_cluster_without_its_extra_is_told(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.chdir(tmp_path)
    assert main(["train", "digits", "--methods", "erm", "--seeds", "1", "--cluster", "2"]) == 2
    assert "--cluster 2: a cluster needs dask.distributed: pip install" in capsys.readouterr().err


def test_time_left_in_words():
    assert [train_commands._duration(s) for s in (3, 600, 86_400)] == ["3 s", "10 min", "24 h 00 min"]
