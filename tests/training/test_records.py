"""Records: appended, never lost, never twice; cut lines passed over."""

from __future__ import annotations

import json

import pytest

from zmix_core.training.records import (
    FILE,
    append,
    finished,
    read_log,
    read_records,
    runs_folder,
    save_records,
)


def failed(k=0):
    return {"status": "failed", "key": "a", "error": {"message": f"no. {k}, ζ"}}


def done(key="a"):
    return {"status": "finished", "key": key}


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_line_cut_anywhere_costs_that_line_and_no_other(tmp_path, cut):
    append(tmp_path, failed(0))
    append(tmp_path, failed(1))
    content = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(content[:-cut])
    # Without its line end alone, a line is whole.
    kept = [failed(0), failed(1)] if cut == 1 else [failed(0)]
    assert read_log(tmp_path) == kept
    append(tmp_path, done())
    assert read_log(tmp_path) == [*kept, done()]
    assert (tmp_path / FILE).read_bytes().startswith(content[:-cut])  # appended, not mended


def test_a_run_counts_once_by_its_finish_or_its_last_failure(tmp_path):
    for key, records in {
        "a": [failed(0), done("a"), done("a")],
        "b": [failed(0), failed(1)],
        "c": [],
    }.items():
        (tmp_path / key).mkdir()
        for record in records:
            append(tmp_path / key, record)
    (tmp_path / "stray.txt").write_text("no run")
    assert read_records(tmp_path) == [done("a"), failed(1)]
    assert finished(tmp_path / "a") == done("a")
    assert finished(tmp_path / "b") is None


def test_lines_that_are_no_records_are_passed_over(tmp_path):
    (tmp_path / FILE).write_bytes(b"\x00\x00\n[1, 2]\n\xff\xfe\n{}\n" + json.dumps(done()).encode())
    assert read_log(tmp_path) == [done()]


def test_what_json_has_not_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        append(tmp_path, {"status": "finished", "loss": float("nan")})
    assert not (tmp_path / FILE).exists()


def test_one_file_holds_what_is_finished_of_a_folder(tmp_path):
    curves = [{"epoch": 1, "loss": 0.123456789, "test": {"ERR": 100 / 3}, "val": None}]
    ours = {**done("b"), "final": {"ERR": 1 / 3}, "curves": curves}
    for key, records in {
        "b": [failed(0), ours],
        "a": [{**done("a"), "curves": []}],
        "c": [failed(1)],
    }.items():
        (tmp_path / key).mkdir()
        for record in records:
            append(tmp_path / key, {**record, "key": key})
    assert save_records(tmp_path / "all.jsonl", read_records(tmp_path)) == 2
    with (tmp_path / "all.jsonl").open("ab") as file:
        file.write(json.dumps(done("b")).encode() + b"\n" + json.dumps(done("d")).encode()[:-3])
    found = read_records(tmp_path / "all.jsonl")
    assert [record["key"] for record in found] == ["a", "b"]
    assert found[1]["final"] == {"ERR": 1 / 3}
    assert found[1]["curves"] == [{"epoch": 1, "loss": 0.123457, "test": {"ERR": 33.3333}, "val": None}]


def test_where_runs_lie_can_be_said(monkeypatch):
    monkeypatch.setenv("ZMIX_RUNS", "/somewhere/else")
    assert str(runs_folder()) == "/somewhere/else"
    monkeypatch.delenv("ZMIX_RUNS")
    assert str(runs_folder()) == "zmix-runs"
