"""The command line."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from importlib.metadata import entry_points

import pytest
from fake_files import picture

from zmix_core import cli, manifolds, oracle, oracle_training, speed_id
from zmix_core.oracle_training import Training
from zmix_core.speed_id import Case


@pytest.fixture
def tiny(monkeypatch):
    """Few points in place of the data sets; gives what was asked for."""
    asked = {}

    def cases(**settings):
        asked.update(settings)
        return [Case("helix", lambda: manifolds.load("helix-r3", 150).x, {8: 200})]

    measure = speed_id.measure
    monkeypatch.setattr(speed_id, "cases", cases)
    monkeypatch.setattr(speed_id, "measure", lambda which, **settings: measure(which, ks=[8], **settings))
    return asked


def test_the_script_is_installed():
    (script,) = entry_points(group="console_scripts", name="zmix")
    assert script.load() is cli.main


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: oracle|realism|speed"),
        (["fly"], "invalid choice: 'fly'"),
        (["oracle"], "required: train|check"),
        (["oracle", "train"], "required: data"),
        (["oracle", "train", "digits", "--seed", "x"], "invalid int value: 'x'"),
        (["oracle", "check"], "required: oracle"),
        (["speed"], "required: id|mix|grow|train|table"),
        (["speed", "fly"], "invalid choice: 'fly' (choose from"),
        (["speed", "table"], "required: file"),
        (["speed", "id", "--quick", "--full"], "not allowed with"),
    ],
)
def test_wrong_commands_are_told(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["oracle"],
        ["oracle", "train"],
        ["oracle", "check"],
        ["realism"],
        ["speed"],
        ["speed", "id"],
        ["speed", "table"],
    ],
)
def test_every_command_has_help(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main([*arguments, "--help"])
    assert stopped.value.code == 0
    assert "usage: zmix" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--cifar", "--json"])
def test_a_missing_folder_is_told_before_anything_is_measured(option, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(speed_id, "measure", lambda *_, **__: pytest.fail("measured"))
    path = tmp_path / "nowhere" / ("x.json" if option == "--json" else "")
    assert cli.main(["speed", "id", option, str(path)]) == 2
    told = capsys.readouterr().err
    assert told.startswith("zmix: ")
    assert "nowhere: no such folder; expected" in told


@pytest.mark.parametrize("text", ["not JSON", "[]", '{"rows": []}', '{"rows": [{"m": 3}], "steps": null}'])
def test_a_table_of_something_else_is_told(text, tmp_path, capsys):
    path = tmp_path / "x.json"
    path.write_text(text)
    assert cli.main(["speed", "table", str(path)]) == 2
    expected = "x.json: expected what `zmix speed id|mix|grow|train --json` writes, but "
    assert expected in capsys.readouterr().err


def test_a_table_of_nothing_is_told(tmp_path, capsys):
    assert cli.main(["speed", "table", str(tmp_path / "gone.json")]) == 2
    assert "gone.json" in capsys.readouterr().err


def test_speed_id_prints_a_table_and_writes_it(tiny, tmp_path, capsys):
    path = tmp_path / "speed.json"
    assert cli.main(["speed", "id", "--quick", "--json", str(path)]) == 0
    shown = capsys.readouterr()
    assert tiny == {"quick": True, "full": False, "cifar": None}
    assert shown.out.startswith("| data ")
    assert "150 of 150" in shown.out
    assert shown.err == "helix: 150 points, k = 8\n"
    assert json.loads(path.read_text(encoding="utf-8"))["rows"][0]["agree"] == 150
    # The file makes the same table.
    assert cli.main(["speed", "table", str(path)]) == 0
    assert capsys.readouterr().out == shown.out


# --- oracles -----------------------------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Where one's own oracles lie, none yet; training is short: two epochs of the digits."""
    monkeypatch.setenv("ZMIX_DATA", str(tmp_path))
    monkeypatch.setattr(oracle_training, "Training", lambda: Training(steps=12))
    return tmp_path / "oracles"


def test_oracle_train_keeps_an_oracle_that_is_found_again(own, capsys):
    assert cli.main(["oracle", "train", "digits", "--seed", "5"]) == 0
    shown = capsys.readouterr()
    assert [line.split(":")[0] for line in shown.err.splitlines()] == ["epoch 1 of 2", "epoch 2 of 2"]
    assert shown.err.endswith(" 0 s left\n")
    found = oracle.load("digits")
    assert shown.out == f"{found.accuracy} right: {own / 'digits.safetensors'}, and its card beside it\n"
    assert found.card["seed"] == 5
    assert sorted(path.name for path in own.iterdir()) == ["digits.json", "digits.safetensors"]
    assert cli.main(["oracle", "check", "digits"]) == 0
    shown = capsys.readouterr()
    assert f"counted now: {found.accuracy} right\n" in shown.out
    assert json.loads(shown.out.split("counted now")[0]) == found.card


def test_oracle_train_on_ones_own_pictures(own, capsys, tmp_path):
    for k in range(10):
        picture(tmp_path / "pets" / ("cat" if k % 2 else "dog") / f"{k}.png", (9, 9), "L")
    assert cli.main(["oracle", "train", "pets"]) == 0
    assert "of 2 held-out pictures right" in capsys.readouterr().out
    assert oracle.load("pets").picture == (1, 64, 64)
    assert cli.main(["oracle", "check", str(own / "pets.safetensors")]) == 0
    assert cli.main(["realism", "pets", "--samples", "4", "-n", "2"]) == 0
    assert "| pets, 4 samples" in capsys.readouterr().out


def test_oracle_train_tells_of_some_epochs_and_keeps_it_where_it_is_told(own, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(oracle_training, "Training", lambda: Training(steps=60, batch=2000))
    path = tmp_path / "new" / "mine.safetensors"
    assert cli.main(["oracle", "train", "digits", "--out", str(path)]) == 0
    epochs = [int(line.split()[1]) for line in capsys.readouterr().err.splitlines()]
    assert epochs == list(range(3, 61, 3))
    assert oracle.load(path).card["training"]["epochs"] == 60
    assert not own.exists()


def test_oracle_check_counts_again_what_comes_with_this_project(own, capsys):
    assert cli.main(["oracle", "check", "digits"]) == 0
    right, pictures = re.search(r"counted now: (\d+) of (\d+) held-out", capsys.readouterr().out).groups()
    assert int(pictures) == 355
    assert abs(int(right) - 351) <= 2  # another machine may round another way


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "digits", "--out", "x.bin"], "--out x.bin: expected a name that ends in .safetensors"),
        (["train", "digits", "--seed", "-1"], "seed = -1: expected a whole number"),
        (["train", "nowhere"], "'nowhere' is no folder"),
        (["train", "mnist"], "mnist: no train files"),
        (["train", "few"], "few: class 'cat' has 4 pictures; expected at least 5 of each"),
        (["train", "alone"], "num_classes = 1: expected at least 2"),
        (["check", "nowhere"], "No oracle for 'nowhere'; there are broken, digits, mnist, orphan"),
        (["check", "broken"], "broken.safetensors: has 1 bytes, expected 86,352 by its card"),
        (["check", "orphan"], "orphan.json: the oracle's card cannot be read"),
        (["check", "mnist"], "mnist: no train files"),
    ],
)
def test_what_oracle_commands_cannot_do_is_told(own, arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for k in range(5):
        picture(tmp_path / "alone" / "cat" / f"{k}.png", (9, 9))
        picture(tmp_path / "few" / ("cat" if k else "dog") / f"{k}.png", (9, 9))
    own.mkdir()
    shutil.copy(oracle.SHIPPED / "digits.json", own / "broken.json")
    for name in ("broken", "orphan"):
        (own / f"{name}.safetensors").write_bytes(b"x")
    before = sorted(tmp_path.rglob("*"))
    assert cli.main(["oracle", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("zmix: ")
    assert message in shown.err
    assert "counted" not in shown.out
    assert sorted(tmp_path.rglob("*")) == before


def test_nothing_heavy_is_loaded_before_it_is_needed():
    heavy = ["numba", "scipy", "skdim", "sklearn", "threadpoolctl", "panel"]
    code = f"import sys, zmix_core.cli, zmix_core.speed_id; print([n for n in {heavy} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"


def test_what_is_interrupted_ends_without_a_traceback(monkeypatch, capsys):
    def interrupted(parser):
        def run(options):
            raise KeyboardInterrupt

        return run

    monkeypatch.setitem(cli.COMMANDS, "results", interrupted)
    assert cli.main(["results"]) == 130
    assert capsys.readouterr().err == "zmix: stopped.\n"
