"""The command line."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from zmix_core import cli, manifolds, speed_id
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
        ([], "required: speed"),
        (["fly"], "invalid choice: 'fly'"),
        (["speed"], "required: id|table"),
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


@pytest.mark.parametrize("arguments", [[], ["speed"], ["speed", "id"], ["speed", "table"]])
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
    assert "x.json: expected what `zmix speed id --json` writes, but " in capsys.readouterr().err


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


def test_nothing_heavy_is_loaded_before_it_is_needed():
    heavy = ["numba", "scipy", "skdim", "sklearn", "threadpoolctl", "panel"]
    code = f"import sys, zmix_core.cli, zmix_core.speed_id; print([n for n in {heavy} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"
