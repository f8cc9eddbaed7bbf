"""Records of runs that nobody ran, for tests of what is made of records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from zmix_core.training.spec import Spec, name_of

METRICS = ("ERR", "ACC", "ACC_bal", "F1-micro", "F1-macro", "AUC")


def record(spec: Spec, value: float, **changed: Any) -> dict[str, Any]:
    """What `run` records of a run that ends with this value of every metric; every other epoch is tested."""
    settings, protocol = spec.settings(), spec.resolved()
    curves = [
        {
            "epoch": epoch,
            "learning_rate": 0.1,
            "loss": value + 10 / epoch,
            "test": None if epoch % 2 else {**dict.fromkeys(METRICS, value + 8 / epoch), "loss": 1.0},
            "val": None,
        }
        for epoch in range(1, 9)
    ]
    return {
        "status": "finished",
        "key": spec.key(),
        "name": name_of(settings),
        "spec": spec.record(),
        "settings": settings,
        "metrics": list(protocol.metrics),
        "machine": {},
        "curves": curves,
        "final": {"epoch": 8, **dict.fromkeys(METRICS, value)},
        "seconds": 1.0,
        "parameters": 1,
        **changed,
    }


def write(root: Path, spec: Spec, value: float, **changed: Any) -> Path:
    """Put such a record where `run` would; the file."""
    folder = root / spec.key()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "records.jsonl"
    with file.open("a", encoding="utf-8") as opened:
        opened.write(json.dumps(record(spec, value, **changed)) + "\n")
    return file
