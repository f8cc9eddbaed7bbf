"""The Training tab: its numbers are on record and in the paper, it follows what is new, and it trains."""

from __future__ import annotations

import asyncio
import csv
import io
import math
import re
import statistics
import subprocess
import sys
from importlib import resources

import pytest
from scipy.stats import t
from training_records import write

from dashboard import training_data
from dashboard.laboratory import Laboratory
from dashboard.state import State
from dashboard.training_data import Records
from dashboard.training_figures import curve
from dashboard.training_jobs import order, train
from dashboard.training_table import make
from dashboard.training_words import decided, method_title, sorted_methods
from dashboard.views import training
from zmix_core.training import records as on_disk
from zmix_core.training.results import Difference
from zmix_core.training.spec import Spec

VALUES = {"erm": [3.0, 3.4, 2.9, 3.3], "mixup": [3.1, 3.2, 3.0, 3.1], "zeta-mixup": [2.0, 2.3, 2.1, 2.2]}


@pytest.fixture(autouse=True)
def root(monkeypatch, tmp_path):
    """An empty folder of runs, and no records that come with zmix."""
    monkeypatch.setenv("ZMIX_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ZMIX_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(on_disk, "measured_records", list)
    monkeypatch.setattr(training_data, "_all", {})
    return tmp_path / "runs"


@pytest.fixture
def digits(root):
    """Three methods with four seeds each."""
    for method, values in VALUES.items():
        for seed, value in enumerate(values):
            write(root, Spec("digits", method, seed=seed), value)


def tab(**values) -> Laboratory:
    return Laboratory(State(**{"view": "training", **values}))


def panel(laboratory: Laboratory):
    return laboratory.views["training"].panel


def column(board, name: str) -> int:
    return [column["name"] for column in board.columns].index(name)


# The numbers


def test_the_table_has_mean_and_deviation_over_the_seeds(digits):
    board = panel(tab()).board
    [row] = board.rows
    assert row["head"] == ["digits", "lenet-5", "ERR"]
    for name, method in (("erm", "erm"), ("mixup", "mixup"), ("zeta-2.8", "zeta-mixup")):
        cell, values = row["cells"][column(board, name)], VALUES[method]
        assert cell["ours"] == f"{sum(values) / 4:.2f}"
        assert cell["more"] == f"± {statistics.stdev(values):.2f} (4)"
        assert cell["best"] == (method == "zeta-mixup")
        assert cell["mark"] == ("better" if method == "zeta-mixup" else "")


def test_the_whiskers_are_student_intervals_of_paired_differences(digits):
    shown = panel(tab(against="erm"))
    dots = shown.dots.dots.data
    assert dots["method"] == ["mixup", "ζ-mixup, γ = 2.8"]
    assert list(shown.dots.methods.factors) == ["ζ-mixup, γ = 2.8", "mixup"]  # the first one on top
    for k, method in enumerate(("mixup", "zeta-mixup")):
        differences = [a - b for a, b in zip(VALUES[method], VALUES["erm"], strict=True)]
        half = t.ppf(0.975, 3) * statistics.stdev(differences) / math.sqrt(4)
        mean = statistics.fmean(differences)
        assert (dots["mean"][k], dots["low"][k], dots["high"][k]) == pytest.approx(
            (mean, mean - half, mean + half)
        )
        filled = dots["fill"][k] == dots["colour"][k]
        assert filled == (abs(mean) > half)
    summary = shown.charts["dots"].summary
    assert "ζ-mixup, γ = 2.8: better" in summary
    assert re.search(r"mixup: not decided \(\d+ seeds needed\)", summary)


@pytest.mark.parametrize(
    ("metric", "low", "high", "word"),
    [
        ("ERR", -2, -1, "better"),
        ("ERR", 1, 2, "worse"),
        ("AUC", 1, 2, "better"),
        ("AUC", -2, -1, "worse"),
        ("ERR", -1, 1, ""),
        ("ACC", 0, 1, ""),
        ("ACC", None, None, ""),
    ],
)
def test_only_an_interval_beside_zero_decides(metric, low, high, word):
    mean = 1.0 if low is None else (low + high) / 2
    assert decided(metric, Difference(mean, low, high, 3, 9)) == word


@pytest.mark.parametrize("which", ["1", "2", "3", "A3"])
def test_the_papers_tables_can_be_read_where_there_are_no_runs(which):
    name = f"table-{which}"
    text = (resources.files("zmix_core.training.paper") / f"table_{which}.csv").read_text(encoding="utf-8")
    printed = list(csv.DictReader(io.StringIO(text)))
    table = make(name, Records(on_disk.runs_folder()).read())
    found = {}
    for row in table.rows:
        for method, value in row.paper.items():
            found[row.setting.split(",")[0], row.network, row.metric, method] = value
    expected = {}
    for p in printed:
        method = f"zeta-{float(p['gamma']):g}" if p["gamma"] else p["method"]
        expected[p["dataset"], p["network"], p["metric"], method] = float(p["mean"])
    assert found == expected
    laboratory = tab(training=name)
    assert "the numbers are the paper's" in panel(laboratory).board.summary
    assert not panel(laboratory).charts["loss"].visible


def test_our_numbers_stand_above_the_papers_and_its_differences_beside_ours(root):
    for method, value in (("erm", 5.0), ("mixup", 4.8), ("zeta-mixup", 4.9)):
        for seed in range(2):
            write(root, Spec("cifar10", method, seed=seed), value + seed / 10)
    write(root, Spec("cifar10", "erm", epochs=2), 50.0)
    shown = panel(tab(training="table-1"))
    board = shown.board
    assert [row["key"] for row in board.rows][:2] == ["cifar10|ERR", "cifar10, epochs 2|ERR"]
    ours, short = board.rows[0]["cells"], board.rows[1]["cells"]
    assert (ours[0]["ours"], ours[0]["paper"]) == ("5.05", "paper 5.48")
    assert short[0]["ours"] == "50.00"
    assert "paper" not in short[0]  # other settings than the paper's
    assert [row["chosen"] for row in board.rows] == [True, *6 * [False]]
    papers = shown.dots.paper.data
    assert dict(zip(papers["method"], papers["mean"], strict=True))["ERM"] == pytest.approx(5.48 - 4.68)
    assert len(shown.dots.dots.data["method"]) == 2


def test_curves_are_means_over_the_seeds_at_epochs_that_were_tested(digits):
    shown = panel(tab())
    runs = shown.row.group.runs["erm"]
    for epoch, (mean, std, count) in curve(runs, "ERR").items():
        values = [value + 8 / epoch for value in VALUES["erm"]]
        assert (mean, std, count) == pytest.approx((statistics.fmean(values), statistics.stdev(values), 4))
    assert list(curve(runs, "ERR")) == [2, 4, 6, 8]
    assert list(curve(runs, "loss")) == list(range(1, 9))
    lines = shown.test.lines.data
    assert lines["method"] == ["ERM", "mixup", "ζ-mixup, γ = 2.8"]
    assert lines["ys"][0] == pytest.approx([3.15 + 8 / epoch for epoch in (2, 4, 6, 8)])
    header, rows = shown.charts["test"].table()
    assert header[2] == "mean ERR"
    assert len(list(rows)) == 12


def test_files_have_the_numbers_on_screen(digits):
    board = panel(tab(hidden=["mixup"])).board
    header, rows = board.table()
    rows = [dict(zip(header, row, strict=True)) for row in rows]
    assert [row["method"] for row in rows] == ["erm", "zeta-2.8"]
    assert rows[1]["mean"] == pytest.approx(2.15)
    assert "**2.15 ± 0.13 (4)**" in board.markdown()


def test_methods_are_named_and_sorted_for_people():
    names = ["zeta-10", "zeta-2.4", "cutmix+zeta", "mixup", "zeta-2.4, N = 8", "erm"]
    assert sorted_methods(set(names)) == [
        "erm",
        "mixup",
        "cutmix+zeta",
        "zeta-2.4",
        "zeta-2.4, N = 8",
        "zeta-10",
    ]
    assert [method_title(name) for name in names[1:3]] == ["ζ-mixup, γ = 2.4", "CutMix + ζ-mixup"]


# What the user chooses


def test_hidden_methods_leave_table_and_figures(digits):
    laboratory = tab()
    shown = panel(laboratory)
    shown.chips.pressed("mixup")
    assert laboratory.state.hidden == ["mixup"]
    assert [column["name"] for column in shown.board.columns] == ["erm", "zeta-2.8"]
    assert shown.loss.lines.data["method"] == ["ERM", "ζ-mixup, γ = 2.8"]
    assert [chip[3] for chip in shown.chips.chips] == [True, False, True]
    shown.chips.pressed("mixup")
    assert laboratory.state.hidden == []


def test_a_row_and_a_metric_are_chosen_and_kept_in_the_link(root):
    for seed in range(2):
        write(root, Spec("pathmnist", "erm", seed=seed), 0.9)
    laboratory = tab(training="table-3")
    shown = panel(laboratory)
    assert (shown.row.setting, shown.row.metric) == ("pathmnist", "AUC")
    assert "metric" not in laboratory.state.query()  # what it shows by itself is not asked for
    shown.metric.value = "ACC"
    assert shown.row.metric == "ACC"
    assert laboratory.state.metric == "ACC"
    shown.board.chosen("dermamnist|ACC")
    assert (shown.row.setting, shown.row.metric) == ("dermamnist", "ACC")
    again = State()
    query = dict(part.split("=") for part in laboratory.state.query().split("&"))
    assert again.read_query({key: query[key] for key in ("training", "setting", "metric")}) == []
    assert (again.training, again.setting, again.metric) == ("table-3", "dermamnist", "ACC")


def test_gamma_changes_the_button_and_the_present_column_alone(digits, monkeypatch):
    laboratory = tab(n=100)
    shown = panel(laboratory)
    drawn = []
    monkeypatch.setattr(shown.test, "draw", lambda *what: drawn.append(what))
    assert shown.start.button.label == "Train at N = 100, γ = 2.8"
    assert "32 pictures" in shown.start.hint.note
    assert [column["now"] for column in shown.board.columns] == [False, False, True]
    laboratory.state.param.update(gamma=2.4, n=8)
    assert shown.start.button.label == "Train at N = 8, γ = 2.4"
    assert not shown.start.hint.visible
    assert not any(column["now"] for column in shown.board.columns)
    assert drawn == []
    # A press on the column takes its N and gamma: the whole batch.
    shown.board.taken("zeta-2.8")
    assert (laboratory.state.n, laboratory.state.gamma) == (32, 2.8)
    assert drawn == []
    laboratory.state.hidden = ["erm"]
    assert len(drawn) == 1


def test_other_tabs_do_not_see_what_is_chosen_here():
    state = State(view="dimension")
    before = state.settings()
    state.param.update(setting="digits", hidden=["erm"], epochs=7)
    assert state.settings() == before


def test_a_page_on_another_tab_does_not_load_what_this_one_needs():
    script = (
        "import sys; from dashboard.laboratory import Laboratory; from dashboard.state import State;"
        "laboratory = Laboratory(State());"
        "names = ['zmix_core.training.results', 'zmix_core.training.launch', 'dashboard.training_panel'];"
        "assert not set(names) & set(sys.modules), names;"
        "assert laboratory.views['training'].panel is None"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


# What is new


def test_new_records_appear_and_only_changed_files_are_read(digits, root, monkeypatch):
    read = []
    read_log = on_disk.read_log
    monkeypatch.setattr(on_disk, "read_log", lambda folder: read.append(folder.name) or read_log(folder))
    records = Records(root)
    first = records.read()
    assert len(read) == 12
    assert records.read() is first
    spec = Spec("digits", "cutmix")
    write(root, spec, 2.5)
    second = records.read()
    assert read[12:] == [spec.key()]
    assert set(second.groups[0].runs) - set(first.groups[0].runs) == {"cutmix"}


def test_settings_without_news_are_not_counted_again(digits, root):
    records = Records(root)
    first = records.read().groups[0]
    write(root, Spec("mnist-1000", "erm"), 4.0)
    second = {group.setting: group for group in records.read().groups}
    assert second["digits"] is first
    assert set(second) == {"digits", "mnist-1000"}


def test_the_tab_follows_the_folder(digits, root):
    laboratory = tab()
    write(root, Spec("digits", "cutmix"), 2.5)
    laboratory.views["training"].go_on()
    assert "cutmix" in [column["name"] for column in panel(laboratory).board.columns]


def test_it_looks_for_news_while_it_is_in_front(digits, root, monkeypatch):
    monkeypatch.setattr(training, "EVERY", 20)

    async def visit():
        laboratory = tab()
        view, spec = laboratory.views["training"], Spec("digits", "cutmix")
        write(root, spec, 2.5)
        while "cutmix" not in view.panel.methods:
            await asyncio.sleep(0.01)
        look = view._look
        laboratory.state.view = "manifolds"
        assert not look.running
        while laboratory.pump.busy:
            await asyncio.sleep(0.01)
        laboratory.state.view = "training"
        while view._look is None:
            await asyncio.sleep(0.01)
        view._look.stop()
        while laboratory.pump.busy:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(visit(), 60))


def test_failures_are_told_until_a_run_is_finished(root):
    spec = Spec("digits", "erm")
    error = {"kind": "diverged", "message": "epoch 3: the loss is nan"}
    write(root, spec, 1.0, status="failed", error=error)
    laboratory = tab()
    [[mark, words, why]] = panel(laboratory).failures.verdicts
    assert (mark, words, why) == ("no", "digits, ERM, seed 0 failed:", error["message"])
    write(root, spec, 2.0)
    laboratory.views["training"].go_on()
    assert panel(laboratory).failures.verdicts == []


def test_lines_that_are_no_records_are_passed_over(digits, root):
    (root / "0123").mkdir()
    (root / "0123" / "records.jsonl").write_text(
        '{"status": "finished"}\n{"status": []}\n[]\n{"sta', encoding="utf-8"
    )
    (root / "a file").write_text("", encoding="utf-8")
    [group] = Records(root).read().groups
    assert group.setting == "digits"


def test_what_lies_in_the_folder_wins_over_what_is_shipped(root, monkeypatch):
    shipped = root.parent / "shipped"
    specs = [Spec("digits", "erm", seed=seed) for seed in range(2)]
    for spec in specs:
        write(shipped, spec, 9.0)
    monkeypatch.setattr(on_disk, "measured_records", lambda: on_disk.read_records(shipped))
    write(root, specs[1], 1.0)
    [group] = Records(root).read().groups
    assert group.results["erm", "ERR"].mean == pytest.approx(5.0)


def test_pictures_of_ones_own_have_a_table_and_words_where_there_are_none(root):
    laboratory = tab(training="own")
    assert "zmix train FOLDER" in panel(laboratory).board.summary
    assert not panel(laboratory).charts["dots"].visible
    settings = {**Spec("digits", "erm").settings(), "protocol": "/pets"}
    write(root, Spec("digits", "erm"), 2.0, settings=settings)
    laboratory.views["training"].go_on()
    [row] = panel(laboratory).board.rows
    assert row["head"][0] == "pets, epochs 60"
    far = {**settings, "protocol": "/far/away/pets", "epochs": 5}
    write(root, Spec("digits", "erm", seed=1), 2.0, settings=far)
    laboratory.views["training"].go_on()
    assert {row["head"][0] for row in panel(laboratory).board.rows} == {
        "pets, epochs 60",
        "away/pets, epochs 5",
    }


# Training


def test_what_is_trained_is_what_the_controls_say():
    state = State(view="training", n=8, gamma=2.4, seeds=2, epochs=5, beside="mixup")
    specs = order(state.settings()).specs()
    same = {"n": 8, "gamma": 2.4, "epochs": 5}
    methods = ("zeta-mixup", "mixup")
    assert specs == [Spec("digits", m, seed=seed, **same) for seed in range(2) for m in methods]
    # Of 32 pictures a step no more than 32 can be mixed: the whole batch.
    for n in (32, 1000):
        state.n = n
        assert order(state.settings()).n is None
        assert specs[0].mixing((8, 8), 32).n == 8


def test_the_button_trains_and_the_run_is_pinned(root):
    laboratory = tab(n=8, gamma=2.4, seeds=1, epochs=1, beside="none")
    start = panel(laboratory).start
    start.button.pressed()
    laboratory.views["training"].go_on()  # as a page looks again every two seconds
    [record] = on_disk.read_records(root)
    assert (record["name"], record["settings"]["epochs"]) == ("zeta-2.4, N = 8", 1)
    assert start.meter.text.startswith("finished in")
    assert not start.cancel.visible
    assert laboratory.state.setting == "digits, epochs 1"
    assert [column["pinned"] for column in panel(laboratory).board.columns] == [True]
    [pin] = start.pinned
    assert f"ERR {record['final']['ERR']:.2f} (1)" in pin.label
    laboratory.state.param.update(n=20, gamma=5.0, training="table-1")
    pin.pressed()
    state = laboratory.state
    assert (state.n, state.gamma, state.training, state.setting) == (8, 2.4, "small", "digits, epochs 1")
    # What is on record is not trained again, and the script does the same.
    start.button.pressed()
    assert start.meter.text == "all of it was on record already"
    printed = subprocess.run(
        [sys.executable, "-c", laboratory.share.code], capture_output=True, text=True, timeout=120, check=True
    ).stdout
    assert "1 of 1" in printed
    assert f"{record['final']['ERR']:.2f}" in printed
    assert (
        f"zmix train digits --methods zeta-2.4 --seeds 1 --epochs 1 --n 8 --root {root}"
        in laboratory.share.code
    )


def test_closing_a_training_ends_its_process(root, monkeypatch):
    from zmix_core.training import launch

    processes = []
    popen = launch.subprocess.Popen
    monkeypatch.setattr(
        launch.subprocess, "Popen", lambda *a, **o: processes.append(popen(*a, **o)) or processes[-1]
    )
    steps = train(order(State(view="training", epochs=200, seeds=1).settings()), root)
    assert next(steps).what == "start"
    assert any(progress.what == "epoch" for progress in steps)  # up to the first one
    [process] = processes
    assert process.poll() is None
    steps.close()
    assert process.poll() is not None
    assert on_disk.read_records(root) == []
    # The next one has its turn.
    again = train(order(State(view="training").settings()), root)
    assert next(again).what == "start"
    assert next(train(order(State(view="training").settings()), root)) is None
    again.close()


def test_what_cannot_be_trained_is_told_and_the_tab_stays(root, digits, monkeypatch):
    laboratory = tab()
    root.parent.joinpath("file").write_text("", encoding="utf-8")
    monkeypatch.setenv("ZMIX_RUNS", str(root.parent / "file"))
    rows = panel(laboratory).board.rows
    panel(laboratory).start.button.pressed()
    [message] = laboratory.notice.messages
    assert "The runs could not be trained" in message
    assert not panel(laboratory).start.meter.visible
    assert panel(laboratory).board.rows == rows
