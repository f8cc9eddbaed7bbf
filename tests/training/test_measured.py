"""The records that come with the project: whole, paired, and repeatable from their own lines."""

from __future__ import annotations

from collections import defaultdict

import pytest

from zmix_core.training.records import measured_records
from zmix_core.training.run import judged, run
from zmix_core.training.spec import Spec

RECORDS = measured_records()


def test_every_line_names_the_run_it_says():
    for record in RECORDS:
        spec = Spec.of(record["spec"])
        assert (spec.key(), spec.settings()) == (record["key"], record["settings"])
        assert len(record["curves"]) == record["settings"]["epochs"]
        last = judged(spec.resolved(), record["curves"])
        assert last == pytest.approx(record["final"], rel=1e-5)


def test_every_method_has_the_same_seeds():
    seeds = defaultdict(set)
    for record in RECORDS:
        seeds[record["settings"]["protocol"], record["name"]].add(record["settings"]["seed"])
    assert {protocol for protocol, _ in seeds} == {"digits", "mnist-1000"}
    assert len(seeds) == 14
    assert all(each == set(range(20)) for each in seeds.values())


@pytest.mark.slow
def test_a_run_can_be_repeated_from_its_line(tmp_path):
    record = next(r for r in RECORDS if r["settings"]["protocol"] == "digits" and r["name"] == "zeta-4")
    again = run(Spec.of(record["spec"]), tmp_path, device="cpu")
    # Another processor rounds otherwise, and sixty epochs make more of it: then a few pictures of 359 differ.
    assert again["final"]["ERR"] == pytest.approx(record["final"]["ERR"], abs=1.5)
    assert again["curves"][0]["loss"] == pytest.approx(record["curves"][0]["loss"], rel=1e-3)
