"""Documentation runs: the examples in every docstring of the library, and the README's Python."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest
import torch

import zmix_core
from zmix_core import images
from zmix_core.cli import main

ROOT = Path(__file__).parent.parent
MODULES = ["zmix_core", *(m.name for m in pkgutil.walk_packages(zmix_core.__path__, "zmix_core."))]


@pytest.mark.parametrize("name", [name for name in MODULES if not name.endswith("__main__")])
def test_docstring_examples(name):
    torch.manual_seed(0)
    result = doctest.testmod(importlib.import_module(name), extraglobs={"torch": torch})
    assert result.failed == 0  # what differs is in the captured output


@pytest.mark.parametrize("name", zmix_core.__all__)
def test_every_public_name_shows_a_line_of_use(name):
    thing = getattr(zmix_core, name)
    if inspect.isclass(thing) or inspect.isfunction(thing):
        assert ">>> " in thing.__doc__


def python_blocks(markdown: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", markdown, flags=re.MULTILINE | re.DOTALL)


def test_python_in_the_readme():
    torch.manual_seed(0)
    names: dict[str, object] = {"__name__": "readme"}
    for block in python_blocks((ROOT / "README.md").read_text(encoding="utf-8")):
        exec(compile(block, "README.md", "exec"), names)  # one after another, as a reader pastes them


def test_the_readme_shows_the_table_that_its_command_prints():
    from dashboard.table import table

    assert table() in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_shows_the_results_that_its_command_prints(capsys):
    assert main(["results", "--measured"]) == 0
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"<!-- results -->\n{capsys.readouterr().out}<!-- end -->" in readme


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+\.\d+", text)]


def test_the_readme_shows_the_realism_that_its_command_prints(capsys):
    """To within what another machine rounds otherwise, for the sets that are here."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    command = re.search(r"`zmix (realism .*?)`", readme).group(1).split()
    shown = readme.split("<!-- zmix realism -->\n")[1].split("\n<!-- end -->")[0].split("\n\n|")
    names = command[1 : command.index("--samples")]
    assert len(shown) == len(names)
    for name, part in zip(names, shown, strict=True):
        if name in images.available():
            assert main([command[0], name, *command[1 + len(names) :]]) == 0
            printed = capsys.readouterr().out
            assert re.findall(r"\*[a-zA-Z0-9<. -]+\*", printed) == re.findall(r"\*[a-zA-Z0-9<. -]+\*", part)
            assert numbers(printed) == pytest.approx(numbers(part), rel=0.02, abs=0.11)
