"""What `zmix speed` measures and prints. No time is asserted: how fast it is depends on the machine."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from zmix_core import cli, images, manifolds, speed_id
from zmix_core.dimension import curve, local_id
from zmix_core.speed import Timing, beside, machine, markdown, seconds
from zmix_core.speed_id import Case, Reference, agreement, cases, curve_row, local_row, measure, steps, table

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def measured():
    """A whole measurement of a few points, a set of pictures, and one that is not on disk."""

    def missing():
        raise FileNotFoundError("no files in the folder.")

    which = [
        Case("helix", lambda: manifolds.load("helix-r3", 300).x, {8: 200}, curve=True, curve_goals=(5, 200)),
        Case("digits", lambda: images.load("digits", limit=200).x, samples={20: 40}),
        Case("lost", missing),
    ]
    said: list[str] = []
    found = measure(which, gammas=[0, 2], ks=[8, 20], limits=(2, 9), say=said.append)
    return found, said


# Timing


def test_beside_takes_turns_and_stops_the_slow_ones():
    turns = []
    calls = {"a": lambda: turns.append("a"), "b": lambda: turns.append("b")}
    _, times = beside(calls, repeats=3)
    assert turns == ["a", "b"] * 3
    assert all(len(timing.seconds) == 3 and min(timing.seconds) >= 0 for timing in times.values())
    # What has used up its seconds is not run again, but each is run once.
    turns.clear()
    found, times = beside(calls | {"c": lambda: 7}, repeats=3, seconds=0)
    assert turns == ["a", "b"]
    assert found["c"] == 7
    assert [len(timing.seconds) for timing in times.values()] == [1, 1, 1]


def test_median_and_spread():
    timing = Timing((3.0, 1.0, 9.0))
    assert timing.record() == {"median": 3.0, "spread": 4.0, "runs": 3}
    assert Timing((2.0,)).spread == 0


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"median": 0.00123, "runs": 1}, "1.2 ms"),
        ({"median": 0.0994, "spread": 0.01, "runs": 2}, "99 ± 10 ms"),
        ({"median": 0.0996, "spread": 0.01, "runs": 2}, "0.10 ± 0.01 s"),
        ({"median": 1.26, "spread": 0.04, "runs": 2}, "1.3 ± 0.0 s"),
        ({"median": 9.97, "runs": 1}, "10 s"),
        ({"median": 12_345.6, "runs": 1}, "12,346 s"),
    ],
)
def test_seconds_in_words(record, words):
    assert seconds(record) == words


def test_markdown_is_aligned():
    lines = markdown(["a", "γ"], [["long cell", "1"], ["", "22"]]).splitlines()
    assert lines == ["| a         | γ  |", "| --------- | -- |", "| long cell | 1  |", "|           | 22 |"]


def test_machine():
    found = machine(["torch", "numpy"])
    assert found["versions"]["torch"] == torch.__version__.split("+")[0] or torch.__version__
    assert found["versions"]["numpy"] == np.__version__
    assert found["threads"] == torch.get_num_threads()
    assert found["processor"]


# The reference


def test_the_reference_is_scikit_dimension():
    from skdim.id import lPCA

    x = manifolds.load("paraboloid-r12", 150).x
    expected = lPCA(ver="FO", alphaFO=0.05).fit_pw(x.numpy(), n_neighbors=12).dimension_pw_
    found, times = beside(Reference(x, 12).calls(), repeats=1)
    assert found["fit"].tolist() == expected.tolist()
    # Some points: their local ID is the same; their time is scaled to all, that of the search is not.
    some = Reference(x, 12, 30)
    assert len(some.chosen) == len(set(some.chosen.tolist())) == 30
    found, _ = beside(some.calls(), repeats=1)
    assert found["fit"].tolist() == expected[some.chosen].tolist()
    times = {"search": Timing((1.0, 2.0)), "fit": Timing((10.0, 20.0))}
    assert some.timing(times).seconds == (51.0, 102.0)


def test_agreement_counts_ties_of_the_kth_distance_only():
    # On a line at 0, 1, 2, 4, 8: from 1, the first and second neighbours tie; from 4, none do.
    x = torch.tensor([[0.0, 0], [1, 0], [2, 0], [4, 0], [8, 0]])
    ours, chosen = torch.ones(5, dtype=torch.int64), torch.arange(5)
    theirs = ours.clone()
    assert agreement(x, 1, chosen, ours, theirs) == {"compared": 5, "agree": 5, "ties": 0}
    theirs[1], theirs[3] = 0, 2
    assert agreement(x, 1, chosen, ours, theirs) == {"compared": 5, "agree": 3, "ties": 1}
    # With both of them among the neighbours, that they tie decides nothing.
    assert agreement(x, 2, chosen, ours, theirs) == {"compared": 5, "agree": 3, "ties": 0}
    # Of some points only.
    assert agreement(x, 1, chosen[3:], ours[3:], theirs[3:]) == {"compared": 2, "agree": 1, "ties": 0}


# Rows


@pytest.mark.parametrize("name", ["helix-r3", "helix-r12", "paraboloid-r12"])
def test_manifolds_agree_at_every_point(name):
    x = manifolds.load(name, 400).x
    row = local_row(Case(name, lambda: x, {8: 90}), x, 8, (2, 9))
    assert (row["compared"], row["agree"]) == (400, 400)
    assert (row["goal"], row["ks"], row["m"]) == (90, [8], 400)
    assert row["ratio"] == pytest.approx(row["scikit-dimension"]["median"] / row["ours"]["median"])


@pytest.mark.parametrize("k", [8, 60])
def test_pictures_agree_but_for_ties(k):
    x = images.load("digits", limit=500).x
    row = local_row(Case("digits", lambda: x, samples={k: 100}), x, k, (1, 9))
    assert row["compared"] == row["fitted"] == 100
    assert row["agree"] + row["ties"] == 100
    assert row["goal"] is None


@pytest.mark.parametrize("checks", [None, 50])
def test_a_curve_agrees_with_scikit_dimension_on_the_mixed_sets(checks):
    x, ks, gammas = manifolds.load("helix-r3", 250).x, [8, 20], [0.0, 1.0, 2.0, 9.0]
    row = curve_row(Case("helix", lambda: x, curve_goals=(5, 200), checks=checks), x, gammas, ks, (1, 9))
    assert row["sets"] == 6
    assert row["scikit-dimension"]["runs"] == 2  # gamma = 0 and 2
    assert row["agree"] == row["compared"] == 2 * 2 * (checks or 250)
    assert row["means_within"] <= 1e-12
    assert (row["goal_seconds"], row["goal"]) == (5, 200)


def test_a_curve_that_is_off_shows(monkeypatch):
    x = manifolds.load("helix-r3", 100).x

    def wrong(*arguments, **settings):
        for step in curve(*arguments, **settings):
            yield step
        for level in step.points[8].values():
            object.__setattr__(level, "mean", level.mean + 0.5)

    monkeypatch.setattr(speed_id, "curve", wrong)
    row = curve_row(Case("helix", lambda: x), x, [2.0], [8], (1, 9))
    assert row["means_within"] == pytest.approx(0.5)


def test_the_time_of_each_step():
    taken = steps(images.load("digits", limit=100).x, [8, 20])
    names = ["products", "centring", "mixing", "neighbours", "counts for k = 8", "counts for k = 20"]
    assert list(taken) == names
    assert all(seconds > 0 for seconds in taken.values())


# A whole measurement


def test_what_is_measured_is_json(measured):
    found, said = measured
    assert json.loads(json.dumps(found)) == found
    assert set(found) == {"device", "processor", "threads", "date", "versions", "rows", "skipped", "steps"}
    assert {"python", "torch", "numpy", "scikit-dimension", "numba"} <= set(found["versions"])
    assert [(row["data"], row["ks"]) for row in found["rows"]] == [
        ("helix", [8]),
        ("helix", [20]),
        ("helix", [8, 20]),
        ("digits", [8]),
        ("digits", [20]),
    ]
    assert all(row["agree"] + row["ties"] == row["compared"] for row in found["rows"])
    assert all({"median", "spread", "runs"} <= set(row["ours"]) for row in found["rows"])
    assert found["skipped"] == ["lost was skipped: it is not on disk."]
    assert said[-1] == "lost is skipped: no files in the folder."
    assert found["steps"]["data"] == "digits"
    assert len(said) == 7  # a line a row, one for the steps and one for what is skipped


def test_the_table_says_it_all(measured):
    found = measured[0]
    lines = table(found).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[:7]]
    assert all(len(row) == 7 for row in cells)
    assert cells[2][0] == "helix, 300"
    assert cells[2][5:] == ["200 ×", "300 of 300"]
    assert cells[4][1] == "2 γ, k = 8 and 20"
    assert cells[4][3].endswith("from 2 of 4 sets")
    assert cells[4][5:] == ["5 s, 200 ×", "1,200 of 1,200; equal means"]
    assert cells[6][3].endswith("from 40 points")
    assert cells[6][5] == ""
    assert found["processor"] in lines[8]
    assert lines[10].startswith("One mixed set of 200 digits pictures, one step after another: products ")
    assert lines[12] == found["skipped"][0]


def test_ties_and_differing_means_are_told():
    row = {"data": "CIFAR-10", "m": 10_000, "ks": [8, 128], "gammas": 31, "sets": 33, "goal": 200}
    row |= {
        "goal_seconds": 150,
        "means_within": 0.00032,
        "compared": 1800,
        "agree": 1797,
        "ties": 2,
        "fitted": 300,
    }
    row |= {"ours": {"median": 140.2, "spread": 0, "runs": 1}, "ratio": 99.7}
    row["scikit-dimension"] = {"median": 13_978, "spread": 12, "runs": 3}
    line = table({**machine([]), "rows": [row], "steps": None, "skipped": []}).splitlines()[2]
    assert "13,978 ± 12 s from 3 of 33 sets at 300 points" in line
    assert "1,797 of 1,800; of the others 2 tie; means within 3e-04" in line


# The data sets


def test_quick_is_small_and_without_goals():
    quick, usual = cases(quick=True), cases()
    assert [case.title for case in quick] == ["helix in R³", "helix in R¹²", "paraboloid in R¹²", "MNIST"]
    assert [case.title for case in usual] == [*(case.title for case in quick), "CIFAR-10"]
    assert not any(case.goals or case.curve_goals for case in quick)
    assert [case.goals for case in usual] == [
        {8: 200, 128: 30},
        {8: 90, 128: 14},
        {8: 90, 128: 14},
        {8: 3, 128: 20},
        {8: 8, 128: 120},
    ]
    assert [case.load().shape for case in quick[:3]] == [(2048, 3), (2048, 12), (2048, 12)]
    assert usual[1].load().shape == (8192, 12)
    assert usual[-1].samples == {128: speed_id.SAMPLE}
    assert cases(full=True)[-1].samples == {}


def test_cifar_from_a_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
        cases(cifar=tmp_path / "nowhere")
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (40, 40), "red").save(tmp_path / name / "0.png")
    last = cases(cifar=tmp_path)[-1]
    assert last.title == "CIFAR-10 (JPEG)"
    assert last.load().shape == (2, 3, 32, 32)


# The README


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks/figures").glob("*.json")), ids=lambda p: p.stem)
def test_the_readme_shows_what_was_measured(path, capsys):
    name = path.stem.replace("_", " ")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = readme.split(f"<!-- {name} -->\n")[1].split("\n<!-- end -->")[0]
    if name == "latency":
        from dashboard.latency_table import table as as_table

        print(as_table(json.loads(path.read_text(encoding="utf-8"))))
    else:
        assert cli.main(["speed", "table", str(path)]) == 0
    assert shown.strip() == capsys.readouterr().out.strip()


def test_a_reference_that_differs_is_counted(monkeypatch):
    x = manifolds.load("helix-r3", 100).x
    off = local_id(x, 8)
    monkeypatch.setattr(speed_id, "local_id", lambda x, k: type(off)(**vars(off) | {"count": off.count + 1}))
    row = local_row(Case("helix", lambda: x), x, 8, (1, 9))
    assert (row["agree"], row["ties"]) == (0, 0)
