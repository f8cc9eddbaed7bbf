"""What `python -m dashboard.latency` reads and prints. No time is asserted: that depends on the machine."""

from __future__ import annotations

import json
import math
import random
import re
import threading

import pytest
import torch

from dashboard import latency, latency_rivals
from dashboard.laboratory import Laboratory
from dashboard.latency_rivals import (
    PICTURES,
    at_once,
    first_points,
    grid,
    jupyter,
    lacking,
    mixed,
    serving,
    told,
)
from dashboard.latency_table import VIEWS, View, ended, percentile, summary, table, waits
from dashboard.live import Pump
from dashboard.state import State
from zmix_core import images, manifolds
from zmix_core.methods import ZetaMixup

# Reading logs


def by_hand(log, kind):
    """For each move, the earliest entry after it whose value is this move's or a later one's."""
    found = []
    for i, (what, _, start) in enumerate(log):
        if what != "moved":
            continue
        later = {value for w, value, _ in log[i:] if w == "moved"}
        times = [at for w, value, at in log if w == kind and at >= start and value in later]
        found.append((min(times) - start) / 1000 if times else None)
    return found


@pytest.mark.parametrize("seed", range(20))
def test_waits_of_a_drag(seed):
    draw = random.Random(seed)
    at, log = 0.0, []
    for value in range(12):
        at += draw.uniform(5, 40)
        log.append(("moved", float(value), at))
    # The pictures of some of the values, in order; those between are dropped.
    shown = sorted(draw.sample(range(12), 5))
    for value in shown:
        log.append(("painted", float(value), log[value][2] + draw.uniform(1, 300)))
    log[12:] = sorted(log[12:], key=lambda entry: entry[2])
    assert waits(log, "painted") == by_hand(log, "painted")
    assert waits(log, "arrived") == [None] * 12
    assert [wait is None for wait in waits(log, "painted")] == [value > shown[-1] for value in range(12)]


def test_a_picture_of_an_older_value_answers_nothing():
    log = [("moved", 2.0, 0), ("painted", 1.95, 30), ("painted", 2.0000000001, 50)]
    assert waits(log, "painted") == [0.05]


@pytest.mark.parametrize(
    ("log", "there"),
    [
        ([("moved", 1, 0), ("moved", 2, 5), ("painted", 1, 20), ("painted", 2, 40)], True),
        ([("moved", 1, 0), ("moved", 2, 5), ("painted", 2, 20), ("painted", 1, 40)], False),
        ([("moved", 1, 0), ("painted", 1, 3), ("moved", 2, 5)], False),
        # Back where it was before, but the picture is from before.
        ([("painted", 1, 3), ("moved", 2, 4), ("moved", 1, 5)], False),
        ([("moved", 1, 0)], False),
        ([("painted", 1, 0)], False),
        ([], False),
    ],
)
def test_whether_a_drag_ended_on_its_last_value(log, there):
    assert ended(log) == there


@pytest.mark.parametrize("count", [1, 2, 5, 19, 20, 21, 100])
def test_percentile(count):
    values = [float(i) for i in range(count)]
    random.Random(count).shuffle(values)
    for share in (0.05, 0.5, 0.95, 1.0):
        found = percentile(values, share)
        assert found in values
        assert sum(v <= found for v in values) >= share * count
        assert sum(v < found for v in values) < share * count


def test_summary_counts_what_was_never_answered():
    logs = [[("moved", 1, 0), ("painted", 1, 40), ("moved", 2, 50)], [("moved", 3, 0), ("painted", 3, 60)]]
    found = summary(logs)
    assert found["painted"] == {"moves": 3, "unanswered": 1, "median": 0.04, "p95": 0.06}
    assert found["arrived"] == {"moves": 3, "unanswered": 3, "median": None, "p95": None}


# The computations of a server


def test_computations_at_once_are_counted():
    said, inside, go_on = [], threading.Event(), threading.Event()

    def compute(value):
        yield value
        inside.set()
        go_on.wait(10)
        yield -value

    results = told(compute, 3, say=lambda line, flush: said.append(line))
    assert next(results) == 3
    thread = threading.Thread(target=next, args=(results,))
    thread.start()
    assert inside.wait(10)
    assert next(told(compute, 4, say=lambda line, flush: said.append(line))) == 4
    go_on.set()
    thread.join()
    assert at_once("\n".join(said)) == (3, 2)
    assert list(told(compute, 5, say=lambda line, flush: None)) == [5, -5]
    assert at_once("nothing") == (0, 0)


# The rivals' pictures


def test_rivals_show_what_the_laboratory_computes():
    for name in ("crescents", "helix-r3"):
        x, label = mixed(name, 1.7)
        data = manifolds.load(name, 8192, seed=0)
        recipe = ZetaMixup(32, 1.7).draw(8192, generator=torch.Generator().manual_seed(0))
        assert torch.equal(x, recipe.apply(data.x))
        assert torch.equal(label, recipe.apply_labels(data.y, data.num_classes).argmax(1))


def test_a_grid_of_digits():
    data = images.load("digits").first_of_each_class(10)
    recipe = ZetaMixup(32, 1.7).draw(100, generator=torch.Generator().manual_seed(0))
    x, pixels = recipe.apply(data.x), grid(1.7)
    for k in (0, 7, 42, 99):
        row, column = divmod(k, 10)
        assert torch.equal(pixels[8 * row : 8 * row + 8, 8 * column : 8 * column + 8], x[k, 0])


def test_first_points(monkeypatch):
    monkeypatch.setattr(latency_rivals, "_helix", lambda: manifolds.load("helix-r3", 300, seed=0).x)
    points = first_points(20)
    assert points
    assert all(0 <= gamma <= 15 and 0 < mean <= 3 for gamma, mean in points)


def test_every_view_has_a_picture_and_each_says_its_value():
    assert [view.name for view in VIEWS] == list(PICTURES)


def test_notebooks_hold_a_cell_each(tmp_path):
    command = jupyter(tmp_path)
    assert f"--ServerApp.root_dir={tmp_path}" in command
    for i, name in enumerate(PICTURES):
        [cell] = json.loads((tmp_path / f"{i}.ipynb").read_text())["cells"]
        assert cell["source"].endswith(f"interact({name!r})")


def test_what_is_not_installed_is_named():
    assert lacking("torch", "no_such_package") == ["no_such_package"]


def test_a_server_that_does_not_start_is_an_error_with_its_words():
    with (
        pytest.raises(TimeoutError, match="no such thing"),
        serving("-c", "raise SystemExit('no such thing')"),
    ):
        pass


def test_imports_are_timed_in_turns():
    found = latency.imports(latency.Effort(imports=1))
    assert [len(each) for each in found.values()] == [1, 1]
    assert all(each[0] > 0 for each in found.values())


# Opening


def test_nothing_is_computed_for_a_page_before_a_browser_has_it(monkeypatch):
    asked = []
    monkeypatch.setattr(Pump, "push", lambda self, value: asked.append(value))
    # N is lowered to m by the first picture itself.
    laboratory = Laboratory(State(manifold="crescents", n=5000), ["manifolds"])
    assert laboratory.state.n == laboratory.n.value == 512
    assert asked == []
    laboratory.state.gamma = 2.0
    assert [settings.gamma for settings in asked] == [2.0]


# Tables


def row(view, contender, median, p95):
    times = {"moves": 40, "unanswered": 0, "median": median, "p95": p95}
    each = {"arrived": times, "painted": times}
    return {"view": view, "contender": contender, "steps": each, "drags": each, "drags_ended": 7, "of": 8}


def measured():
    return {
        "views": [
            row("A", "zmix", 0.1, 0.16),
            row("A", "DynamicMap", 0.25, 0.3),
            row("B", "zmix", 0.2, 0.31),
        ],
        "computations": 1234,
        "at_once": 1,
        "visits": {"served": [3.0], "first": [(4.0, 4.5)], "later": [(2.0, 2.6), (2.2, 2.4), (2.1, 2.7)]},
        "imports": {"torch": [2.0, 2.2, 2.1], "zmix_core": [2.3, 2.52, 9.0]},
        "skipped": ["interact was skipped: matplotlib is not installed."],
        "load": 0.5,
        "device": "cpu",
        "date": "2026-01-01",
        "processor": "P",
        "threads": 2,
        "versions": {"python": "3.11"},
    }


def test_tables_say_what_was_reached():
    views = [View("A", "", share=0.5, most=0.15), View("B", "", median=0.3)]
    text = table(json.loads(json.dumps(measured())), views)
    lines = [re.sub(r" +", " ", line) for line in text.splitlines()]
    own = "0.40 × (within 0.5) of DynamicMap; 95 % 0.16 s (not within 0.15)"
    for how in ("step by step", "dragged"):
        assert f"| A | {how} | zmix | 100, 160 ms | 100, 160 ms | {own} |" in lines
        assert f"| A | {how} | DynamicMap | 250, 300 ms | 250, 300 ms | |" in lines
        assert f"| B | {how} | zmix | 200, 310 ms | 200, 310 ms | median 0.20 s (within 0.3) |" in lines
    assert "| A | zmix | 7 of 8 |" in lines
    assert "1,234 computations, at most 1 at once in a session." in lines
    assert "| first visit: slider answers | 4.50 s (1) | 4.50 s (within 5) |" in lines
    assert "| later visit: slider answers | 2.60 s (3) | 2.60 s (not within 2.5) |" in lines
    assert "| `import zmix_core` | 2.52 s (3) | 1.20 × (within 1.5) |" in lines
    assert lines[-1] == "interact was skipped: matplotlib is not installed."
    assert not any(math.isnan(float(n)) for n in re.findall(r"\bnan\b", text))


def test_a_folder_that_is_not_there_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        latency.main(["--json", str(tmp_path / "missing" / "file.json")])
    assert "no such folder; expected one to write into" in capsys.readouterr().err
