"""What `zmix speed mix` and `zmix speed grow` measure and print. No time is asserted."""

from __future__ import annotations

import importlib.util
import json

import pytest
import torch

from zmix_core import cli, speed_grow, speed_mix
from zmix_core.speed_grow import exponent
from zmix_core.speed_mix import GOALS, goals, listing_a1, rivals


@pytest.fixture(scope="module")
def mixes():
    said: list[str] = []
    return speed_mix.measure(shapes=[(8, 3, 6, 6), (4, 1, 5, 5)], limits=(2, 1.0), say=said.append), said


@pytest.fixture(scope="module")
def growth():
    said: list[str] = []
    found = speed_grow.measure(sizes=[32, 1024, 1500], cifar=(64, 5), limits=(2, 1.0), say=said.append)
    return found, said


# Mixing a batch


def batch(m: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    # Sample k is all k, so that a mix says what went into it.
    return torch.arange(m).float()[:, None, None, None].expand(m, 3, 4, 4).contiguous(), torch.arange(m)


@pytest.mark.parametrize("name", ["torchvision", "timm", "kornia", "original", "lerp", "zmix", "Listing A1"])
def test_every_rival_mixes(name):
    x, y = batch()
    before = x.clone()
    calls = rivals(x, y)
    if name not in calls:
        pytest.skip(f"{name} is not installed")
    for _ in range(3):
        mixed = calls[name]()[0]
        assert mixed.shape == x.shape
        assert mixed.dtype == x.dtype
        assert mixed.min() >= 0
        assert mixed.max() <= 7 + 1e-5
    assert torch.equal(x, before), "the next rival would get other samples"


def test_the_limit_is_a_copy():
    x, y = batch()
    copied = rivals(x, y)["clone"]()
    assert torch.equal(copied, x)
    assert copied.data_ptr() != x.data_ptr()


def test_ours_is_zeta_mixup_of_samples_and_labels(monkeypatch):
    x, y = batch()
    monkeypatch.setattr(speed_mix, "CLASSES", 8)
    for name in ("zmix", "zmix in place"):
        mixed, soft = rivals(x, y)[name]()
        # Sample k is all k and of class k: the label says what the samples are to be.
        torch.testing.assert_close(mixed[:, 0, 0, 0], soft @ torch.arange(8.0))
        assert (soft.argmax(1) == y).all()


def test_listing_a1_is_eq_3(monkeypatch):
    x, y = batch()
    monkeypatch.setattr(speed_mix, "CLASSES", 8)
    mixed, soft = listing_a1(x, y)
    series = torch.arange(1, 9) ** -2.8
    for row in soft.sort(dim=1, descending=True).values:
        torch.testing.assert_close(row, series / series.sum())
    torch.testing.assert_close(mixed[:, 2, 3, 3], soft @ torch.arange(8.0))


def test_what_is_measured_is_json(mixes):
    found, said = mixes
    assert json.loads(json.dumps(found)) == found
    assert found["bench"] == "mix"
    # Pictures of one channel lie both ways, and are measured once.
    of_one = [row["layout"] for row in found["rows"] if row["shape"][1] == 1 and row["device"] == "cpu"]
    assert of_one == ["contiguous", "contiguous"]
    assert len(said) == len(found["rows"])
    assert all({"clone", "zmix", "original", "lerp"} <= set(row["times"]) for row in found["rows"])
    assert all(record["runs"] == 2 for row in found["rows"] for record in row["times"].values())


def test_rivals_that_are_missing_are_told(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(speed_mix, "find_spec", lambda name: None if name == "kornia" else find(name))
    found = speed_mix.measure(shapes=[(4, 1, 5, 5)], limits=(1, 1.0))
    assert "kornia was skipped: it is not installed (pip install -e '.[speed]')." in found["skipped"]
    assert "kornia" not in found["versions"]
    assert "kornia" not in found["rows"][0]["times"]
    assert "kornia was skipped" in speed_mix.table(found)


def test_the_table_of_batches(mixes):
    lines = speed_mix.table(mixes[0]).splitlines()
    names = [cell.strip() for cell in lines[0].strip("|").split("|")]
    assert names[:4] == ["batch", "clone", "zmix", "zmix in place"]
    assert lines[2].startswith("| [8, 3, 6, 6] float32 contiguous ")
    assert mixes[0]["processor"] in "\n".join(lines)
    assert "goal" not in "\n".join(lines)  # of one batch only, that was not measured


def test_goals_stand_beside_what_was_measured(mixes):
    times = {name: {"median": 0.010, "spread": 0.0, "runs": 3} for name in GOALS}
    times |= {"zmix": {"median": 0.004, "spread": 0.0, "runs": 3}}
    row = {"device": "cpu", "shape": [32, 3, 224, 224], "dtype": "float32", "layout": "contiguous"}
    found = {**mixes[0], "rows": [row | {"times": times}]}
    assert all(ratio == pytest.approx(2.5) for _, ratio, _ in goals(found))
    shown = " ".join(speed_mix.table(found).split())
    assert "| zmix, times clone | 0.4 × | at most 1.5 × |" in shown
    assert "| kornia, times zmix | 2.5 × | at least 8.0 × |" in shown


# Growth


def test_exponent():
    assert exponent([(m, 3e-6 * m**1.5) for m in (10, 70, 1000)]) == pytest.approx(1.5)


def test_growth_is_json(growth):
    found, said = growth
    assert json.loads(json.dumps(found)) == found
    assert found["bench"] == "grow"
    measured = [(row["scheme"], row["D"], row["m"]) for row in found["rows"]]
    assert measured == [
        (scheme, width, m)
        for scheme in ("circulant", "independent")
        for width in (3, 3072)
        for m in (32, 1024, 1500)
    ]
    assert len(said) == 1 + len(measured)
    assert (found["whole"]["m"], found["whole"]["D"]) == (64, 5)
    assert found["whole"]["GB"] is None or 0.05 < found["whole"]["GB"] < 100


def test_the_quadratic_scheme_stops_in_time(monkeypatch):
    monkeypatch.setattr(speed_grow, "ENOUGH", 0.0)
    found = speed_grow.measure(sizes=[8, 16], cifar=(8, 2), limits=(1, 1.0))
    assert [row["m"] for row in found["rows"] if row["scheme"] == "independent"] == [8, 8]
    assert [line.split(":")[0] for line in found["skipped"]] == [
        "The independent scheme was measured up to m = 8 at D = 3",
        "The independent scheme was measured up to m = 8 at D = 3,072",
    ]


def test_the_table_of_growth(growth):
    lines = speed_grow.table(growth[0]).splitlines()
    assert lines[0].startswith("| m = N ")
    assert lines[4].startswith("| 1,500 ")
    assert lines[5].startswith("| exponent from 1,024 on ")
    assert any(line.startswith("| m = 64, D = 5: time ") for line in lines)
    assert "at most 1.15" in "\n".join(lines)


# The command line


@pytest.mark.parametrize(
    ("name", "module", "settings"),
    [
        ("mix", speed_mix, {"shapes": [(4, 1, 5, 5)]}),
        ("grow", speed_grow, {"sizes": [16, 32], "cifar": (16, 3)}),
    ],
)
def test_the_command_prints_a_table_and_writes_it(name, module, settings, tmp_path, capsys, monkeypatch):
    measure = module.measure
    monkeypatch.setattr(module, "measure", lambda **given: measure(**(given | settings | {"limits": (1, 1)})))
    path = tmp_path / "speed.json"
    assert cli.main(["speed", name, "--quick", "--json", str(path)]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("| ")
    assert json.loads(path.read_text(encoding="utf-8"))["bench"] == name
    assert cli.main(["speed", "table", str(path)]) == 0
    assert capsys.readouterr().out == shown.out


@pytest.mark.parametrize("name", ["mix", "grow"])
def test_a_missing_folder_is_told_before_anything_is_measured(name, tmp_path, capsys, monkeypatch):
    for module in (speed_mix, speed_grow):
        monkeypatch.setattr(module, "measure", lambda **_: pytest.fail("measured"))
    assert cli.main(["speed", name, "--json", str(tmp_path / "nowhere" / "x.json")]) == 2
    assert "nowhere: no such folder; expected" in capsys.readouterr().err


@pytest.mark.parametrize("text", ['{"bench": "mix"}', '{"bench": "grow", "rows": 3}'])
def test_a_table_of_half_a_measurement_is_told(text, tmp_path, capsys):
    path = tmp_path / "x.json"
    path.write_text(text)
    assert cli.main(["speed", "table", str(path)]) == 2
    assert "--json` writes, but " in capsys.readouterr().err
