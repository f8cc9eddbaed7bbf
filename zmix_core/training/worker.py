"""The process that trains: takes specs from its input, a line of JSON each, and tells how far it is.

It is started by `zmix_core.training.launch`, as ``python -m zmix_core.training.worker ROOT DEVICE THREADS``.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections.abc import Callable
from typing import Any

import torch

from zmix_core.training.fit import Epoch
from zmix_core.training.run import Busy, run
from zmix_core.training.spec import Spec

__all__ = ["main", "one"]


def main(root: str, device: str, threads: str) -> None:
    """Runs one spec after another, until the input ends: then it ends at once, in the middle of a run too.

    For every line of the input it prints what `one` tells after each epoch, and then what it returns.

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

    def tell(said: dict[str, Any]) -> None:
        print(json.dumps(said), file=out, flush=True)

    while True:
        tell(one(Spec.of(json.loads(jobs.get())), root, device, tell))


def one(spec: Spec, root: str, device: str, tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Runs a spec.

    Args:
        spec: What to train.
        root: Folder of all runs.
        device: As for `zmix_core.training.run.run`.
        tell: Is told ``{"epoch": ..., "epochs": ..., "seconds": ...}`` after each epoch.

    Returns:
        ``{"record": ...}``; or ``{"busy": True}`` where another process is at the run; or ``{"error": ...,
        "kind": ...}`` where not even a failure could be recorded.

    Example:
        ``one(Spec("digits"), "runs", "cpu", print)``
    """

    def say(epoch: Epoch) -> None:
        last = epoch.curves[-1]["seconds"] if epoch.curves else {"train": 0.0, "evaluate": 0.0}
        seconds = last["train"] + last["evaluate"]
        tell({"epoch": epoch.done, "epochs": epoch.epochs, "seconds": seconds})

    try:
        return {"record": run(spec, root, device=device, say=say)}
    except Busy:
        return {"busy": True}
    except Exception as error:
        data = isinstance(error, (FileNotFoundError, ValueError))  # the pictures went, or are others now
        kind = "data" if data else "disk" if isinstance(error, OSError) else "error"
        return {"error": f"{type(error).__name__}: {error}", "kind": kind}


def _read(jobs: queue.SimpleQueue[str]) -> None:
    """Passes lines on, and ends the process with them: a run that nobody waits for would hold its lock."""
    for line in sys.stdin:
        jobs.put(line)
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
