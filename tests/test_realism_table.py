"""``zmix realism``: who is compared with whom, on which samples, and a table that says what was measured."""

from __future__ import annotations

import math
import re
from itertools import chain

import pytest
import torch
from fake_files import picture

from zmix_core import cli, images, manifolds, realism_table
from zmix_core.intervals import Interval, bootstrap
from zmix_core.manifolds import MANIFOLDS
from zmix_core.methods import ERM, Mixup, ZetaMixup
from zmix_core.oracle import OracleMismatch
from zmix_core.realism import MEASURES, compare
from zmix_core.realism_table import methods, said, samples, table


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("ZMIX_DATA", str(tmp_path))
    return tmp_path


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def numbers(cell):
    """The three numbers of a cell, a share as a share."""
    found = re.fullmatch(r"(-?[\d.]+)( %)? \((-?[\d.]+) to (-?[\d.]+)\)", cell)
    return [float(found[k]) / (100 if found[2] else 1) for k in (1, 3, 4)]


def resampled(values, seed):
    """A mean and its interval, without the module under test: the same draws, averaged by indexing."""
    index = torch.randint(len(values), (1000, len(values)), generator=torch.Generator().manual_seed(seed))
    means = values.double()[index].mean(1)
    low, high = means.quantile(torch.tensor([0.025, 0.975], dtype=means.dtype))
    return [float(values.double().mean()), float(low), float(high)]


def test_who_is_compared():
    assert methods(7, [2.8, 1, 10.25], alpha=0.3) == {
        "original": ERM(),
        "mixup": Mixup(0.3, per_sample=True),
        "ζ-mixup, γ = 2.8": ZetaMixup(7, 2.8),
        "ζ-mixup, γ = 1": ZetaMixup(7, 1),
        "ζ-mixup, γ = 10.25": ZetaMixup(7, 10.25),
    }
    assert list(methods(7, [])) == ["original", "mixup"]


@pytest.mark.parametrize("name", MANIFOLDS)
def test_points_come_with_their_manifold(name):
    data, judge = samples(name, 40)
    assert judge is MANIFOLDS[name]
    assert torch.equal(data.x, manifolds.load(name, 40, seed=0).x)


@pytest.mark.parametrize(("count", "each"), [(100, 10), (109, 10), (100.0, 10), (5, 1), (10**6, 1797)])
def test_pictures_are_the_first_of_each_class(count, each):
    data, judge = samples("digits", count)
    assert judge.name == "digits"
    digits, seen, expected = images.load("digits"), [0] * 10, {c: [] for c in range(10)}
    for k, c in enumerate(digits.y.tolist()):
        seen[c] += 1
        if seen[c] <= each:
            expected[c].append(k)
    assert torch.equal(data.x, digits.x[list(chain(*expected.values()))])


@pytest.mark.parametrize("count", [1, 0, -5, 2.5, math.inf])
@pytest.mark.parametrize("name", ["digits", "crescents"])
def test_too_few_samples(name, count):
    with pytest.raises(ValueError, match=f"samples = {count}: expected a whole number of at least 2"):
        samples(name, count)


def test_pictures_without_an_oracle_or_with_another_ones(root):
    for folder in ("pets", "digits"):
        for label in ("cat", "dog"):
            picture(root / folder / label / "0.png", (8, 8))
    with pytest.raises(FileNotFoundError, match=r"No oracle for 'pets'; there are digits, mnist.*train pets"):
        samples("pets", 10)
    with pytest.raises(OracleMismatch, match=r"digits has \(3, 64, 64\) of 2 classes \(cat, dog\)"):
        samples(str(root / "digits"), 10)
    with pytest.raises(FileNotFoundError, match="'nowhere' is no folder"):
        samples("nowhere", 10)


def test_a_mean_and_its_interval_in_words():
    assert said("H", Interval(0.12345, -0.5, 2)) == "0.123 (-0.500 to 2.000)"
    assert said("off the manifold", Interval(10, 9, 11)) == "10.000 (9.000 to 11.000)"
    assert said("H < 0.1", Interval(0.5004, 0, 1)) == "50.0 % (0.0 to 100.0)"
    assert said("label errors", Interval(-0.12345, -0.2, 0.1)) == "-12.3 % (-20.0 to 10.0)"


@pytest.mark.parametrize("name", ["digits", "crescents", "helix-r12"])
def test_every_number_and_word_of_a_table(name):
    data, judge = samples(name, 120)
    which = methods(6, [2.8, 1.0])
    text = table(data, judge, which, seed=4)
    found = compare(data, which, judge, seed=4)
    header, rule, *rest = text.splitlines()
    rows, verdicts = rest[:4], rest[5:]
    title = MANIFOLDS[name].title if name in MANIFOLDS else name
    assert cells(header)[0] == f"{title}, 120 samples"
    assert cells(header)[1:] == list(found["mixup"])
    assert set(rule) == set("|- ")
    assert [cells(row)[0] for row in rows] == list(which)
    for row in rows:
        label, *measured = cells(row)
        for key, cell in zip(found[label], measured, strict=True):
            assert ("%" in cell) == MEASURES[key].share
            assert numbers(cell) == pytest.approx(resampled(found[label][key], 4), abs=6e-4)
    assert rest[4] == ""
    assert len(verdicts) == 2
    for line, label in zip(verdicts, list(which)[2:], strict=True):
        assert line.startswith(f"- {label} beside mixup: *")
        parts = re.findall(r"\*(.*?)\* \((.*?) (\S+(?: %)? \(\S+ to \S+\))\)", line)
        assert [key for _, key, _ in parts] == list(found[label])
        for word, key, cell in parts:
            mean, low, high = resampled(found[label][key] - found["mixup"][key], 4)
            assert numbers(cell) == pytest.approx([mean, low, high], abs=6e-4)
            sides = (MEASURES[key].less, high < 0), (MEASURES[key].more, low > 0)
            assert word == next((side for side, sure in sides if sure), "not decided")


def test_another_method_to_be_held_against():
    data, judge = samples("crescents", 64)
    which = methods(6, [2.8])
    text = table(data, judge, which, against="original")
    found = compare(data, which, judge)
    for key in ("off the manifold", "label errors"):
        (interval,) = bootstrap(found["ζ-mixup, γ = 2.8"][key] - found["original"][key])
        assert f"*{MEASURES[key].word(interval)}* ({key} {said(key, interval)})" in text
    assert text.splitlines()[-1].startswith("- ζ-mixup, γ = 2.8 beside original: ")


# --- the command -------------------------------------------------------------------------------------------


def test_the_command_prints_a_table_for_each_set(capsys):
    options = ["-n", "5", "--gamma", "2.8", "4", "--alpha", "0.5", "--samples", "50", "--seed", "3"]
    assert cli.main(["realism", "digits", "s-curve", *options]) == 0
    which = methods(5, [2.8, 4], 0.5)
    expected = [table(*samples(name, 50), which, seed=3) for name in ("digits", "s-curve")]
    assert capsys.readouterr().out == "".join(f"{text}\n\n" for text in expected)


def test_the_commands_defaults(capsys, monkeypatch):
    asked = []
    monkeypatch.setattr(realism_table, "samples", lambda *arguments: arguments)
    monkeypatch.setattr(
        realism_table, "table", lambda *arguments, **options: asked.append((arguments, options))
    )
    assert cli.main(["realism", "mnist"]) == 0
    assert asked == [(("mnist", 1000, methods(32, [2.8], 1.0)), {"seed": 0})]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "'nowhere' is no folder"),
        (["mnist"], "mnist: no train files"),
        (["digits", "-n", "1"], "= 1: expected"),
        (["digits", "--gamma", "nan"], "gamma = nan: expected"),
        (["digits", "--gamma", "2", "-1"], "gamma = -1.0: expected"),
        (["digits", "--alpha", "-1"], "alpha = -1.0: expected"),
        (["digits", "--samples", "1"], "samples = 1: expected"),
        (["crescents", "--samples", "10"], "32"),
    ],
)
def test_what_the_command_cannot_do_is_told(arguments, message, capsys):
    assert cli.main(["realism", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("zmix: ")
    assert message in shown.err
    assert "Traceback" not in shown.err


@pytest.mark.parametrize(
    ("arguments", "message"), [([], "required: data"), (["digits", "-n", "x"], "invalid int value: 'x'")]
)
def test_arguments_that_cannot_be_read(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["realism", *arguments])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
