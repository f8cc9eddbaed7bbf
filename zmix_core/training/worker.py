"""The process that trains: takes specs from its input, a line of JSON each, and tells how far it is.

It is started by `zmix_core.training.launch`, as ``python -m zmix_core.training.worker ROOT DEVICE THREADS``.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from typing import Any, TextIO

import torch

from zmix_core.training.fit import Epoch
from zmix_core.training.run import Busy, run
from zmix_core.training.spec import Spec

__all__ = ["main"]


def main(root: str, device: str, threads: str) -> None:
    """Runs one spec after another, until the input ends: then it ends at once, in the middle of a run too.

    For every line of the input it prints ``{"epoch": ..., "epochs": ..., "seconds": ...}`` after each epoch,
    and then ``{"record": ...}``, ``{"busy": true}`` where another process is at the run, or
    ``{"error": ...}`` where not even a failure could be recorded.

    Args:
        root: Folder of all runs.
        device: As for `zmix_core.training.run.run`.
        threads: Of torch on the CPU.

    Example:
        ``main("runs", "cpu", "1")``
    """
    torch.set_num_threads(int(threads))
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints must not lie between the lines that are read
    jobs: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(jobs,), daemon=True).start()
    while True:
        _tell(out, _one(Spec.of(json.loads(jobs.get())), root, device, out))


def _one(spec: Spec, root: str, device: str, out: TextIO) -> dict[str, Any]:
    def say(epoch: Epoch) -> None:
        last = epoch.curves[-1]["seconds"] if epoch.curves else {"train": 0.0, "evaluate": 0.0}
        seconds = last["train"] + last["evaluate"]
        _tell(out, {"epoch": epoch.done, "epochs": epoch.epochs, "seconds": seconds})

    try:
        return {"record": run(spec, root, device=device, say=say)}
    except Busy:
        return {"busy": True}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def _tell(out: TextIO, message: dict[str, Any]) -> None:
    print(json.dumps(message), file=out, flush=True)


def _read(jobs: queue.SimpleQueue[str]) -> None:
    """Passes lines on, and ends the process with them: a run that nobody waits for would hold its lock."""
    for line in sys.stdin:
        jobs.put(line)
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
