"""Means, paired intervals and seeds needed, against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from zmix_core.training.paper import paper_results
from zmix_core.training.results import paired, results, table
from zmix_core.training.spec import Spec, grid, name_of


def record(spec, value, status="finished"):
    settings, metrics = spec.settings(), list(spec.resolved().metrics)
    final = {"epoch": 1, **dict.fromkeys(metrics, value)}
    return {
        "status": status,
        "name": name_of(settings),
        "settings": settings,
        "metrics": metrics,
        "final": final,
    }


def by_name(found):
    return {(result.method, result.metric): result for result in found}


@pytest.mark.parametrize("n", [2, 3, 10, 40])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_an_interval_is_that_of_the_paired_t_test(n, level):
    random = np.random.default_rng(n)
    ours, theirs = random.normal(5, 1, n).tolist(), random.normal(5.3, 1, n).tolist()
    found = paired(ours, theirs, level)
    expected = stats.ttest_rel(ours, theirs).confidence_interval(level)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.mean == pytest.approx(np.mean(ours) - np.mean(theirs))
    assert found.seeds == n


@pytest.mark.parametrize("shift", [0.05, 0.3, 1.0, 5.0])
def test_the_seeds_needed_are_the_first_number_whose_interval_leaves_out_zero(shift):
    differences = np.random.default_rng(1).normal(0, 1, 8)
    differences += shift - differences.mean()
    found = paired(differences.tolist(), [0.0] * 8)
    deviation = differences.std(ddof=1)
    for n in range(2, 10_001):
        if stats.t.ppf(0.975, n - 1) * deviation / np.sqrt(n) < shift:
            break
    assert found.needed == n


def test_what_cannot_be_decided_says_so():
    assert paired([1.0, 2.0], [2.0, 1.0]).needed is None
    one = paired([1.0], [3.0])
    assert (one.mean, one.low, one.needed) == (-2.0, None, None)
    assert paired([1.0, 2.0], [0.0, 1.0]).needed == 2
    with pytest.raises(ValueError, match="2 values of ours and 1 of theirs"):
        paired([1.0, 2.0], [1.0])


def test_methods_are_compared_seed_by_seed():
    values = {
        "erm": {0: 5.0, 1: 7.0, 2: 6.0},
        "mixup": {1: 6.0, 2: 5.5, 3: 4.0},
        "zeta-2.4": {0: 4.0, 2: 5.0},
    }
    records = [
        record(grid("digits", [name], [seed])[0], value)
        for name, of_seed in values.items()
        for seed, value in of_seed.items()
    ]
    found = by_name(results(records[::-1]))
    assert [name for name, _ in found] == ["erm", "mixup", "zeta-2.4"]
    erm, mixup, zeta = found.values()
    assert (erm.mean, erm.std, erm.seeds) == (6.0, 1.0, 3)
    assert mixup.to["erm"] == paired([6.0, 5.5], [7.0, 6.0])
    assert zeta.to["erm"] == paired([4.0, 5.0], [5.0, 6.0])
    assert zeta.to["mixup"] == paired([5.0], [5.5])
    assert set(erm.to) == {"mixup"}


def test_runs_with_other_settings_are_kept_apart_and_named():
    records = [record(Spec("digits", "erm", epochs=epochs), float(epochs or 60)) for epochs in (None, 3, 5)]
    records.append(record(Spec("digits", "erm", network="resnet-18"), 1.0))
    found = {result.setting: result.mean for result in results(records)}
    assert found == {
        "digits, epochs 3, network lenet-5": 3.0,
        "digits, epochs 5, network lenet-5": 5.0,
        "digits, epochs 60, network lenet-5": 60.0,
        "digits, epochs 60, network resnet-18": 1.0,
    }
    (alone,) = results(records[:1])
    assert alone.setting == "digits"


def test_failures_and_metrics_without_a_value_are_passed_over():
    erm = Spec("breastmnist", "erm")
    records = [record(erm, 0.9), record(Spec("breastmnist", "erm", seed=1), 0.0, status="failed")]
    records[0]["final"]["AUC"] = None
    (found,) = results(records)
    assert (found.metric, found.seeds, found.std) == ("ACC", 1, None)


@pytest.mark.parametrize("dataset", ["cifar10", "ph2", "pathmnist"])
def test_the_papers_figures_stand_beside_ours(dataset):
    specs = grid(dataset, ["erm", "mixup", "cutmix", "zeta-2.4", "zeta-2.8", "zeta-3"], [0])
    found = by_name(results([record(spec, 1.0) for spec in specs]))
    printed = {
        (name_of({"method": p.method, "gamma": p.gamma or 2.8}), p.metric): p.mean
        for p in reversed(paper_results(dataset=dataset))  # a later table may repeat an earlier one
        if p.network == "resnet-18"
    }
    for name, result in found.items():
        assert result.paper == printed.get(name)
    assert sum(result.paper is not None for result in found.values()) >= 3
    other = results([record(Spec(dataset, "mixup", alpha=0.2), 1.0), record(Spec(dataset, n=4), 1.0)])
    assert {result.paper for result in other} == {None}


def test_the_table_shows_it_all():
    values = {"erm": [5.0, 7.0, 5.5, 6.5], "mixup": [4.0, 6.1, 4.5, 5.5], "zeta-2.8": [6.0, 6.0, 6.0, 6.0]}
    records = [
        record(grid("cifar10", [name], [seed])[0], value)
        for name, of in values.items()
        for seed, value in enumerate(of)
    ]
    text = table(results(records))
    name, _, header, _, erm, mixup, zeta = text.splitlines()
    assert name == "cifar10"
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in (header, erm, mixup, zeta)]
    assert cells[0][-1] == "paper"
    assert cells[1][1:4] == ["ERR", "6.00 ± 0.91", "4"]
    d = paired(values["mixup"], values["erm"])
    assert cells[2][4] == f"**{d.mean:+.2f} [{d.low:+.2f}, {d.high:+.2f}]**"
    assert cells[2][6] == f"{d.needed} / -"
    assert cells[3][4].startswith("+0.00 [")
    assert cells[3][6].startswith("> 10,000 / ")
    assert cells[1][7] == "5.48"
    # Of three seeds the spread is not known well enough to say how many it would take.
    few = table(results([r for r in records if r["settings"]["seed"] < 3]))
    assert few.count("- / -") == 3
