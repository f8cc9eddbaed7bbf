"""Many runs at once on a cluster of dask.distributed: what a worker leaves, another one takes up."""

from __future__ import annotations

import os
import queue
import threading
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import torch
from filelock import FileLock, Timeout

from zmix_core.arguments import whole
from zmix_core.training.launch import cores, must_be_writable
from zmix_core.training.progress import AGAIN, Grid, Progress
from zmix_core.training.spec import Spec
from zmix_core.training.worker import one

if TYPE_CHECKING:
    from distributed import Client, Future
    from distributed.deploy import Cluster

__all__ = ["launch_on"]

PATIENCE = 60
"""Seconds that a cluster has to bring up its first worker, and a worker to hand over a result."""

ALONE = threading.Lock()
"""Held by what trains: two runs in one process would draw from the same generators of torch."""


def launch_on(
    cluster: Client | Cluster | str | int,
    specs: Iterable[Spec],
    root: str | os.PathLike[str],
    *,
    threads: int | None = None,
    device: str = "auto",
    attempts: int = 3,
) -> Iterator[Progress]:
    """Runs a grid on a cluster, one run a worker at a time; not asking for more stops it after this epoch.

    As `zmix_core.training.launch.launch`, and from the same folder: what one of them has done, the other does
    not do again. A run whose worker is lost goes on from its last epoch on another; workers may come and go.
    When the one that asked stops or dies, what runs ends with its present epoch.

    Args:
        cluster: A client, a cluster such as ``LocalCUDACluster()``, a scheduler's address, or how many
            processes to start here. These are started anew, so a script needs ``if __name__ == "__main__":``.
        specs: As of `zmix_core.training.spec.grid`. They are started in this order.
        root: Folder of all runs; here and on all workers the same one, by the same path, with locks that
            reach from one machine to the other (NFS 4 has them). The data folder is each worker's own.
        threads: Of torch, in each worker; by default as many as dask gave it. Results depend on it, in the
            last digits.
        device: ``"auto"``: the first CUDA device that the worker sees, else its CPU.
        attempts: How often a run is started whose worker is lost.

    Yields:
        A `Progress` whenever something happens, and every second in which nothing does.

    Raises:
        ImportError: dask.distributed is not installed.
        ValueError: A number is out of range.
        FileNotFoundError: A protocol is not there.
        OSError: ``root`` cannot be written to, or the scheduler is not there, or not any more.
        TimeoutError: The cluster has no workers.
        RuntimeError: A worker has another folder, other versions, or no lock that reaches it.

    Example:
        ``for progress in launch_on("tcp://10.0.0.1:8786", grid("digits", ["erm"], range(10)), "runs"): ...``
    """
    folder = Path(root).absolute()
    threads = None if threads is None else whole("threads", threads, 1)
    grid = Grid(specs, folder, whole("attempts", attempts, 1), 1)
    must_be_writable(folder)
    with ExitStack() as stack:
        client = stack.enter_context(_client(cluster, threads))
        token = stack.enter_context(_token(folder))
        pool = _Pool(client, token, (str(folder), device, threads))
        stack.callback(pool.stop)
        pool.must_be_there()
        yield grid.start()
        while grid.open:
            for address, run in pool.lost():
                yield grid.died(run, f"the cluster lost its worker {address}")
            if not grid.open:
                return
            grid.workers = max(1, len(pool.workers))
            for address in pool.idle():
                if (key := grid.next()) is not None:
                    pool.give(address, key, grid.specs[key])
            if (news := pool.news()) is None:
                yield grid.idle()
                continue
            run, said = news
            yield grid.died(run, said["died"]) if "died" in said else grid.told(run, said)


class _Pool:
    """The workers of a cluster that see what they must see, and what each of them is at."""

    def __init__(self, client: Client, token: Path, how: tuple[str, str, int | None]) -> None:
        self.workers: set[str] = set()
        self._client, self._token, self._how, self._topic = client, token, how, token.name
        self._bad: dict[str, str] = {}
        self._at: dict[str, tuple[str, Future]] = {}
        self._looked = -AGAIN
        self._events: queue.SimpleQueue[tuple[str, dict[str, Any] | None]] = queue.SimpleQueue()
        client.subscribe_topic(self._topic, lambda event: self._events.put((event[1].pop("task"), event[1])))

    def must_be_there(self) -> None:
        """Waits for workers, and raises where one of them would not do."""
        try:
            self._client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError:
            raise TimeoutError(
                f"the cluster has no workers after {PATIENCE} seconds; expected some, started for instance "
                "with `dask worker ADDRESS --nthreads 1`."
            ) from None
        self.lost()
        if self._bad:
            raise RuntimeError("\n".join(self._bad.values()))

    def lost(self) -> list[tuple[str, str]]:
        """Looks at most once a second who is there, and gives the workers that went and the runs they had."""
        if time.monotonic() - self._looked < AGAIN:
            return []
        there = set(self._client.nthreads())
        new = there - self.workers - self._bad.keys()
        self.workers &= there
        seen = self._client.run(_see, str(self._token), workers=list(new), on_error="return") if new else {}
        for address, found in seen.items():
            if fault := _fault(found, self._token.parent):
                self._bad[address] = f"worker {address} {fault}"
                if self._looked > 0:  # at first `must_be_there` raises; later the others go on without it
                    warnings.warn(f"{self._bad[address]} It is not used.", RuntimeWarning, stacklevel=3)
            else:
                self.workers.add(address)
        self._looked = time.monotonic()
        gone = [address for address in self._at if address not in self.workers]
        return [(address, self._drop(address)) for address in gone]

    def idle(self) -> list[str]:
        """Workers that have no run."""
        return sorted(self.workers - self._at.keys())

    def give(self, address: str, key: str, spec: Spec) -> None:
        """Lets a worker, and no other, run a spec."""
        task = f"zmix-{key}-{uuid4().hex}"
        future = self._client.submit(
            _train, spec, *self._how, self._topic, key=task, workers=[address], pure=False
        )
        future.add_done_callback(lambda future: self._events.put((future.key, None)))
        self._at[address] = key, future

    def news(self) -> tuple[str, dict[str, Any]] | None:
        """What is said next of a run, as `zmix_core.training.worker.one` says it, or ``{"died": words}``."""
        try:
            task, said = self._events.get(timeout=AGAIN)
        except queue.Empty:
            return None
        for address, (key, future) in self._at.items():
            if future.key == task:
                if said is None:
                    said = _outcome(future)
                    self._drop(address)
                return key, said
        return None  # it was lost, or is done: what it said before comes late

    def stop(self) -> None:
        """Cancels what waits, and what runs ends with its epoch."""
        with suppress(OSError):  # of a scheduler that is gone
            for address in list(self._at):
                self._drop(address)
            self._client.unsubscribe_topic(self._topic)

    def _drop(self, address: str) -> str:
        key, future = self._at.pop(address)
        self._client.cancel([future])
        return key


# --- in the workers ----------------------------------------------------------------------------------------


class _Stopped(BaseException):
    """No failure, so not to be recorded as one."""


def _train(spec: Spec, root: str, device: str, threads: int | None, topic: str) -> dict[str, Any] | None:
    from distributed import get_worker

    worker = get_worker()
    task = worker.get_current_task()

    def tell(said: dict[str, Any]) -> None:
        worker.log_event(topic, {"task": task, **said})
        state = worker.state.tasks.get(task)
        if state is None or state.state == "cancelled":  # by who asked for it, or because that process died
            raise _Stopped

    with ALONE:
        before = torch.get_num_threads()
        torch.set_num_threads(threads or worker.state.nthreads)
        try:
            return one(spec, root, device, tell)
        except _Stopped:
            return None
        finally:
            torch.set_num_threads(before)


def _see(token: str) -> dict[str, Any]:
    """What there is where a worker runs."""
    found = {"versions": _versions(), "there": Path(token).exists(), "locked": False}
    if found["there"]:
        try:
            with FileLock(token, timeout=0):
                pass
        except Timeout:
            found["locked"] = True
    return found


# --- here --------------------------------------------------------------------------------------------------


def _fault(found: dict[str, Any] | Exception, root: Path) -> str:
    """What is wrong with what a worker sees."""
    if isinstance(found, Exception):
        return f"cannot say what it sees ({found}); expected zmix {_versions()['zmix']}: install it there."
    if found["versions"] != _versions():
        return f"has {found['versions']}; expected {_versions()}, as here: install these there."
    if not found["there"]:
        return f"does not see what is written to {root} here; expected a folder that all machines share."
    if not found["locked"]:
        return (
            f"can lock a file in {root} that is locked here; expected a file system whose locks reach from "
            "one machine to the other, as those of NFS 4 do."
        )
    return ""


def _outcome(future: Future) -> dict[str, Any]:
    """What became of a task that is done."""
    from distributed import CancelledError, KilledWorker

    try:
        said: dict[str, Any] | None = future.result(timeout=PATIENCE)
    except (KilledWorker, CancelledError, OSError) as error:  # OSError: its worker went before it was asked
        return {"died": f"its worker was lost ({type(error).__name__})"}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}", "kind": "error"}
    return {"died": "it was stopped"} if said is None else said


def _versions() -> dict[str, str]:
    """Without what says for which device torch was built."""
    return {name: version(name).partition("+")[0] for name in ("zmix", "torch")}


@contextmanager
def _token(root: Path) -> Iterator[Path]:
    """A file that no other folder has, locked as long as the launch goes on."""
    token = root / f".launch-{uuid4().hex}"
    try:
        with FileLock(token, timeout=0):
            yield token
    finally:
        token.unlink(missing_ok=True)


@contextmanager
def _client(cluster: Client | Cluster | str | int, threads: int | None) -> Iterator[Client]:
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise ImportError("a cluster needs dask.distributed: pip install 'zmix[cluster]'") from error
    if isinstance(cluster, Client):
        yield cluster
        return
    with ExitStack() as stack:
        if isinstance(cluster, int) or (isinstance(cluster, str) and cluster.isdigit()):
            count = whole("cluster", int(cluster), 1)
            cluster = stack.enter_context(
                LocalCluster(
                    n_workers=count,
                    threads_per_worker=threads or max(1, cores() // count),
                    memory_limit=0,  # dask would kill what takes more than its equal share
                    dashboard_address=":0",
                )
            )
        yield stack.enter_context(Client(cluster, set_as_default=False))
