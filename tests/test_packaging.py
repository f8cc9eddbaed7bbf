"""The project as a whole: what it needs, what it imports, what lies at its top level."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
REQUIREMENTS = {
    requirement.name: requirement
    for listed in (PROJECT["dependencies"], *EXTRAS.values())
    for requirement in map(Requirement, listed)
}


def tracked() -> list[str]:
    """The files of the project, by git."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    return [name for name in listed.stdout.split("\0") if name]


def imports(source: str) -> set[str]:
    """The top-level packages that a piece of Python imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module.split(".")[0])
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            found.update(str(a.value).split(".")[0] for a in node.args if isinstance(a, ast.Constant))
    return found


# What it needs


def test_conda_installs_what_pyproject_lists():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert environment["name"] == PROJECT["name"]
    *conda, pip = environment["dependencies"]
    assert conda == [f"python{PROJECT['requires-python']}", "pip"]
    # The project itself, with its tests: so that the two files cannot part.
    assert pip == {"pip": ["-e .[test]"]}
    assert "test" in EXTRAS


@pytest.mark.parametrize(
    ("name", "floor", "below"),
    [("bokeh", "3.8.2", "3.8.1"), ("jupyter-server", "2.20", "2.19.9"), ("torch", "2.10", "2.9.1")],
)
def test_floors(name, floor, below):
    specifier = REQUIREMENTS[name].specifier
    assert floor in specifier
    assert below not in specifier


def test_every_requirement_has_a_floor():
    for name, requirement in REQUIREMENTS.items():
        assert any(s.operator == ">=" for s in requirement.specifier), f"{name} has no floor"
        assert requirement.url is None, f"{name} comes from an address"


def test_every_import_is_required():
    called = {"sklearn": "scikit-learn", "skdim": "scikit-dimension", "PIL": "pillow", "yaml": "pyyaml"}
    # Brought by what is required, and never without it: scikit-learn, Bokeh, Panel, Bokeh, pytest.
    brought = {"threadpoolctl", "pyyaml", "requests", "tornado", "packaging"}
    own = {"zmix_core", "dashboard"}
    for folder in ("zmix_core", "dashboard"):
        for path in (ROOT / folder).rglob("*.py"):
            for package in imports(path.read_text(encoding="utf-8")) - own - sys.stdlib_module_names:
                name = called.get(package, package).replace("_", "-")
                assert name in REQUIREMENTS or name in brought, f"{path.name} imports {package}"


def test_every_package_is_installed_with_the_project():
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    found = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for top in ("zmix_core", "dashboard")
        for path in (ROOT / top).rglob("__init__.py")
    }
    assert set(setuptools["packages"]) == found


# What lies where


def test_the_top_level_holds_what_was_agreed():
    agreed = {"zmix_core", "dashboard", "notebooks", "tests"}
    agreed |= {"pyproject.toml", "environment.yml", "README.md", "LICENSE"}
    top = {name.split("/")[0] for name in tracked()}
    assert {name for name in top if not name.startswith(".")} <= agreed


def test_no_lock_file_with_addresses():
    names = tracked()
    locks = ("*.lock", "*-lock.*", "*.lock.*", "requirements*.txt", "Pipfile", "conda-lock*")
    assert [name for name in names if any(Path(name).match(lock) for lock in locks)] == []
    for name in ("pyproject.toml", "environment.yml"):
        assert re.findall(r"https?://|git\+", (ROOT / name).read_text(encoding="utf-8")) == []


# What imports what


def test_the_library_loads_without_the_dashboard_and_without_the_data():
    heavy = ["panel", "bokeh", "holoviews", "param", "torchvision", "sklearn", "skdim", "dashboard"]
    code = f"import sys, zmix_core; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"


def test_the_library_never_imports_the_dashboard():
    sources = list((ROOT / "zmix_core").rglob("*.py"))
    assert len(sources) > 8
    for path in sources:
        found = imports(path.read_text(encoding="utf-8"))
        assert found.isdisjoint({"panel", "bokeh", "holoviews", "dashboard"}), path.name


def test_relative_imports_would_load_the_dashboard_twice():
    for path in (ROOT / "dashboard").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.ImportFrom) and node.level), path.name
