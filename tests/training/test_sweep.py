"""A sweep over γ and weight decay: how many trials, which, what becomes of those that are stopped or fail."""

from __future__ import annotations

import csv
import math
import signal
import subprocess
import sys
import time

import optuna
import pytest
from tiny_pictures import tiny, write

from dashboard import sweep_figures
from zmix_core import GAMMA_MIN
from zmix_core.cli import main
from zmix_core.training import launch
from zmix_core.training import study as studies
from zmix_core.training.records import finished, read_records
from zmix_core.training.run import run
from zmix_core.training.sensitivity import CURVE_METHODS, Plan, curve, objective_of
from zmix_core.training.spec import grid
from zmix_core.training.study import Study, Trial, folder_of, trials
from zmix_core.training.sweep import sweep

MEMORY = "sqlite:///:memory:"
HERE = {"network": "lenet-5", "epochs": 2, "workers": 0, "device": "cpu"}


@pytest.fixture
def pictures(tmp_path):
    return str(write(tmp_path))


@pytest.fixture
def start(tmp_path):
    """A study without runs; gives a new launch's view of it."""
    opened = []

    def make(**options):
        ranges = {"gammas": (1.0, 6.0), "weight_decays": (5e-5, 1e-3), "seed": 0, **options}
        opened.append(Study(tmp_path, "tried", {"epochs": 1}, **ranges))
        return opened[-1]

    yield make
    for study in opened:
        study.close()


def what(progresses):
    return [progress.what for progress in progresses]


def test_a_sweep_has_so_many_trials_with_the_values_of_their_runs(tmp_path, pictures):
    root = tmp_path / "runs"
    *_, last = sweep(pictures, root, trials=4, **HERE)
    found = trials(root)
    assert (last.finished, last.failed, last.total, last.left) == (4, 0, 4, 0)
    assert [trial.number for trial in found] == [0, 1, 2, 3]
    assert len({trial.gamma for trial in found}) == 4
    for trial in found:
        record = finished(folder_of(root, last.name) / trial.key)
        assert (trial.state, trial.measure) == ("finished", "validation AUC")
        assert trial.value == record["curves"][record["final"]["epoch"] - 1]["val"]["AUC"]
        assert record["settings"]["gamma"] == trial.gamma
        assert record["settings"]["weight_decay"] == trial.weight_decay
    assert last.best.value == max(trial.value for trial in found)
    assert read_records(root) == []  # `zmix results` shows no line for each of 200 settings
    assert what(sweep(pictures, root, trials=4, **HERE)) == ["start", "end"]


def test_by_test_pictures_a_sweep_is_another_one_and_its_values_are_the_tests(tmp_path, pictures):
    *_, last = sweep(pictures, tmp_path, trials=1, objective="test", **HERE)
    (trial,) = trials(tmp_path)
    record = finished(folder_of(tmp_path, last.name) / trial.key)
    assert (trial.value, trial.measure) == (record["final"]["AUC"], "test AUC")
    assert Plan(tiny(tmp_path), (1, 6), (5e-5, 1e-3)).name() != last.name


def test_draws_are_uniform_in_gamma_and_in_the_logarithm_of_weight_decay(start):
    study = start(storage=MEMORY)
    for _ in range(60):
        study.fail(study.claim(60), "not run", attempts=1)  # nothing finished: TPE has nothing to go by
    found = study.rows()
    gammas = sorted((trial.gamma - 1) / 5 for trial in found)
    decays = sorted(math.log(trial.weight_decay / 5e-5) / math.log(1e-3 / 5e-5) for trial in found)
    for shares in (gammas, decays):
        assert 0 <= shares[0] < shares[-1] <= 1
        # Kolmogorov and Smirnov's distance; 0.21 is that of one in a hundred for 60 draws.
        assert max(max(abs(k / 60 - u), abs((k + 1) / 60 - u)) for k, u in enumerate(shares)) < 0.21


def test_after_ten_trials_the_search_looks_where_it_was_good(start):
    study = start(storage=MEMORY)
    for _ in range(40):
        trial = study.claim(40)
        study.finish(trial, -((trial.params["gamma"] - 2.5) ** 2), "test ACC")
    found = study.rows()
    near = [abs(trial.gamma - 2.5) < 0.5 for trial in found]
    assert sum(near[20:]) > 10  # a fifth of the range


def test_draws_do_not_hang_on_when_a_launch_began(start, tmp_path):
    one, drawn = start(), []
    for _ in range(3):
        drawn.append(one.claim(6))
    two = start()
    drawn += [two.claim(6), one.claim(6), two.claim(6)]
    (tmp_path / "other").mkdir()
    other = Study(tmp_path / "other", "tried", {}, gammas=(1.0, 6.0), weight_decays=(5e-5, 1e-3), seed=0)
    assert [trial.params for trial in drawn] == [other.claim(6).params for _ in range(6)]
    other.close()
    assert len({trial.params["gamma"] for trial in drawn}) == 6
    assert one.claim(6) is two.claim(6) is None  # six in all, not six each


def test_stopped_it_goes_on_with_the_same_trial_from_its_last_epoch(tmp_path, pictures):
    settings = {**HERE, "epochs": 25}
    progresses = sweep(pictures, tmp_path, trials=2, **settings)
    for progress in progresses:
        if "epoch 3 " in progress.message:
            break
    progresses.close()
    (stopped,) = trials(tmp_path)
    assert (stopped.state, stopped.value) == ("waiting", None)
    again = list(sweep(pictures, tmp_path, trials=2, **settings))
    first, second = trials(tmp_path)
    assert (first.number, first.gamma, first.key) == (stopped.number, stopped.gamma, stopped.key)
    assert (first.state, second.state) == ("finished", "finished")
    assert int(next(p.message for p in again if p.what == "epoch").split("epoch ")[1].split()[0]) >= 3
    whole = tiny(tmp_path, epochs=25, gamma=first.gamma, weight_decay=first.weight_decay)
    assert objective_of(run(whole, tmp_path / "whole", device="cpu"))[0] == first.value


@pytest.mark.slow
def test_the_trial_of_a_launch_that_was_killed_is_taken_up_with_its_parameters(
    tmp_path, pictures, monkeypatch
):
    monkeypatch.setattr(studies, "GRACE", 1)
    code = "import sys; from zmix_core.training.sweep import sweep\n"
    code += f"for p in sweep({pictures!r}, {str(tmp_path)!r}, trials=2, network='lenet-5', epochs=4000, "
    code += "workers=0, device='cpu'): print(p.message, flush=True)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as launcher:
        while "epoch 2 " not in launcher.stdout.readline():
            pass
        launcher.send_signal(signal.SIGKILL)
    (left,) = trials(tmp_path)
    assert left.state == "running"
    time.sleep(2)  # its heart has stopped for longer than GRACE
    progresses = sweep(pictures, tmp_path, trials=2, **{**HERE, "epochs": 4000})
    began = next(p for p in progresses if p.what == "epoch")
    progresses.close()
    assert f"γ = {left.gamma:.3f}, " in began.message
    assert int(began.message.split("epoch ")[1].split()[0]) >= 2
    (taken,) = trials(tmp_path)
    assert (taken.number, taken.key) == (left.number, left.key)


def test_a_heart_that_stopped_frees_a_trial_and_one_that_beats_does_not(start, monkeypatch):
    monkeypatch.setattr(studies, "GRACE", 1)
    one, two = start(), start()
    dead, alive = one.claim(2), one.claim(2)
    for _ in range(4):
        time.sleep(0.6)
        one.beat([alive])
    taken = two.claim(2)
    assert taken.params == dead.params
    assert two.claim(2) is None
    one.finish(dead, 1.0, "test ACC")  # it was not dead after all: its run is found finished by the other
    two.finish(taken, 1.0, "test ACC")
    one.release(alive)
    assert [(t.number, t.state) for t in two.rows()] == [(0, "finished"), (1, "waiting")]
    assert two.claim(2).params == alive.params


def test_what_fails_is_tried_again_then_given_up_with_its_reason_and_the_rest_goes_on(
    tmp_path, pictures, monkeypatch
):
    settings = {"weight_decays": (1e-4, 1e9), "attempts": 2, **HERE}
    progresses = list(sweep(pictures, tmp_path, trials=4, seed=1, **settings))
    found = trials(tmp_path)
    failed = [trial for trial in found if trial.state == "failed"]
    good = [trial for trial in found if trial.state == "finished"]
    assert len(failed) + len(good) == 4
    assert failed
    assert good
    assert all("finite" in trial.error and trial.value is None for trial in failed)
    assert max(trial.weight_decay for trial in good) < min(trial.weight_decay for trial in failed)
    assert what(progresses).count("again") == what(progresses).count("failed") == len(failed)
    assert (progresses[-1].finished, progresses[-1].failed) == (len(good), len(failed))
    assert what(sweep(pictures, tmp_path, trials=4, seed=1, **settings)) == ["start", "end"]


def test_pictures_that_are_not_there_end_the_sweep_and_no_trial_counts_as_failed(tmp_path, monkeypatch):
    monkeypatch.setenv("ZMIX_DATA", str(tmp_path))
    with pytest.raises(OSError, match="no train files"):
        list(sweep("mnist-1000", tmp_path / "runs", **HERE))
    assert [trial.state for trial in trials(tmp_path / "runs")] == ["waiting"]


def test_of_two_that_begin_the_last_trial_at_once_one_steps_back(start, monkeypatch):
    one, two = start(), start()
    ask, first = one._study.ask, []

    def late():
        first.append(two.claim(1))
        return ask()

    monkeypatch.setattr(one._study, "ask", late)
    assert one.claim(1) is None
    assert [trial.number for trial in first] == [0]
    assert [(trial.number, trial.state) for trial in one.rows()] == [(0, "running")]


@pytest.mark.slow
def test_two_launches_share_the_trials(tmp_path, pictures, together):
    both = together(lambda k: list(sweep(pictures, tmp_path, trials=5, **HERE)), count=2)
    found = trials(tmp_path)
    assert [trial.state for trial in found] == ["finished"] * 5
    assert sum(what(progresses).count("finished") for progresses in both) == 5
    assert all(progresses[-1].finished == 5 for progresses in both)


@pytest.mark.slow
def test_trials_run_in_processes_and_stopping_ends_them(tmp_path, pictures, monkeypatch):
    settings = {**HERE, "workers": 1, "epochs": 4000}
    started, popen = [], subprocess.Popen

    def recorded(*arguments, **options):
        started.append(popen(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(launch.subprocess, "Popen", recorded)
    progresses = sweep(pictures, tmp_path, trials=3, **settings)
    next(progress for progress in progresses if "epoch 2 " in progress.message)
    assert [process.poll() for process in started] == [None]
    progresses.close()
    assert started[0].poll() is not None
    assert [trial.state for trial in trials(tmp_path)] == ["waiting"]


def test_a_study_of_other_settings_is_refused(tmp_path, pictures):
    list(sweep(pictures, tmp_path, trials=1, name="mine", **HERE))
    with pytest.raises(ValueError, match=r"'mine' was made with epochs = 2, not 3.*another name"):
        next(sweep(pictures, tmp_path, trials=1, name="mine", **{**HERE, "epochs": 3}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trials": 0}, "trials = 0"),
        ({"workers": -1}, "workers = -1"),
        ({"gammas": (3.0, 2.0)}, "gammas = 3, 2: expected the lower first"),
        ({"weight_decays": (0.0, 1.0)}, "weight_decays = 0, 1: expected the lower first, above 0"),
        ({"objective": "train"}, "objective = 'train': expected one of auto, validation, test"),
        ({"name": "../up"}, "name = '../up'"),
        ({"storage": "nothing://u:secret@host/db"}, r"storage = 'nothing://\.\.\.@host/db' cannot be opened"),
    ],
)
def test_what_cannot_be_swept_is_told_before_anything_runs(tmp_path, pictures, options, message):
    with pytest.raises(ValueError, match=message):
        next(sweep(pictures, tmp_path / "runs", **options))


def test_the_sweeps_of_a_folder_are_found_by_name(tmp_path):
    with pytest.raises(FileNotFoundError, match="no sweep; `zmix sweep` makes one"):
        trials(tmp_path)
    with pytest.raises(FileNotFoundError, match="no such sweep"):
        trials(tmp_path, "digits-1f2e3d4c")


def test_the_optuna_study_is_an_ordinary_one(tmp_path, pictures):
    *_, last = sweep(pictures, tmp_path, trials=1, **HERE)
    storage = optuna.storages.RDBStorage(f"sqlite:///{folder_of(tmp_path, last.name) / studies.FILE}")
    study = optuna.load_study(study_name=last.name, storage=storage)
    storage.engine.dispose()
    assert study.best_value == trials(tmp_path)[0].value


def some_trials():
    values = [(1.2, 91.0), (2.0, 95.0), (3.0, 94.0), (6.0, 93.0)]
    done = [Trial(k, g, 10**-k * 1e-3, v, "test ACC", "finished", "", "") for k, (g, v) in enumerate(values)]
    return [*done, Trial(4, 5.0, 1e-4, None, "", "failed", "", "loss is nan")]


def test_the_lines_end_where_the_trials_measured_and_those_below_gamma_min_lie_behind():
    drawn = sweep_figures.parallel_coordinates(some_trials())
    behind, front = (drawn.select_one({"name": name}) for name in ("γ < γ_min", "γ ≥ γ_min"))
    assert behind.data["trial"] == [0]
    assert front.data["trial"] == [3, 2, 1]  # the best on top
    assert front.data["gamma"] == [6.0, 3.0, 2.0]
    renderers = [renderer.data_source for renderer in drawn.renderers]
    assert renderers.index(behind) < renderers.index(front)
    for source in (behind, front):
        for trial, (gamma, decay, value) in zip(source.data["trial"], source.data["ys"], strict=True):
            assert 1 + 5 * gamma == pytest.approx(some_trials()[trial].gamma)
            assert 1e-6 * 1000**decay == pytest.approx(some_trials()[trial].weight_decay)
            assert 91 + 4 * value == pytest.approx(some_trials()[trial].value)
    assert front.data["colour"][-1] == sweep_figures.COLOURS[-1]
    with pytest.raises(ValueError, match="no trial is finished"):
        sweep_figures.parallel_coordinates(some_trials()[4:])


def test_the_curve_is_the_mean_over_seeds_and_its_band_their_deviation():
    assert (CURVE_METHODS[0], CURVE_METHODS[-1], len(CURVE_METHODS)) == ("zeta-1.8", "zeta-5", 17)
    records = []
    for spec in grid("digits", ["erm", "zeta-1.8", "zeta-2.8"], range(3)):
        record = {"status": "finished", "metrics": ["ERR"], "settings": spec.settings()}
        records.append({**record, "final": {"ERR": spec.gamma + 0.1 * spec.seed}})
    points = curve(records[:-1])
    assert [(point.gamma, point.seeds) for point in points] == [(1.8, 3), (2.8, 2)]
    assert points[0].mean == pytest.approx(1.9)
    assert points[0].std == pytest.approx(0.1)
    data = sweep_figures.gamma_curve(records).select_one({"name": "curve"}).data
    assert data["low"] == pytest.approx([1.8, 2.8])
    assert data["high"] == pytest.approx([2.0, 3.0])
    other = {**records[1], "settings": {**records[1]["settings"], "epochs": 3}}
    with pytest.raises(ValueError, match="2 settings besides γ and seed"):
        curve([*records, other])


@pytest.mark.slow
def test_the_command_prints_the_best_and_writes_all_and_its_picture_needs_no_network(
    tmp_path, pictures, capsys, monkeypatch
):
    root, table = str(tmp_path / "runs"), tmp_path / "all.csv"
    command = ["sweep", pictures, "--trials", "3", "--epochs", "1", "--network", "lenet-5", "--workers", "0"]
    command += ["--gamma", "1", "2.5", "--name", "mine", "--root", root, "--csv", str(table)]
    assert main(command) == 0
    told = capsys.readouterr()
    found = trials(root, "mine")
    best = max(found, key=lambda trial: trial.value)
    assert f"| {best.number}     | {best.gamma:.3f} |" in told.out.splitlines()[2]
    assert f"for γ < γ_min = {GAMMA_MIN:.3f} ({sum(t.gamma < GAMMA_MIN for t in found)} trial" in told.out
    assert "[3 of 3, 0 s left] finished: trial 2, γ = " in told.err
    assert "epoch 1 of 1" not in told.err
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(int(row["number"]), float(row["gamma"])) for row in rows] == [(t.number, t.gamma) for t in found]
    line = next(line for line in told.out.splitlines() if line.startswith("To see it: "))
    monkeypatch.setattr(sys, "argv", [*line.split("python -m ")[1].split()[:3], str(tmp_path / "sweep.html")])
    sweep_figures.main()
    page = (tmp_path / "sweep.html").read_text(encoding="utf-8")
    assert "u03b3_min" in page
    assert "<script src=" not in page
    assert main(["sweep", pictures, "--csv", str(tmp_path / "no" / "all.csv")]) == 2
    assert "no such folder" in capsys.readouterr().err
