"""Long computations in small steps: generators that yield their progress and return their result.

Whoever runs one may show how far it is, and cancels it by asking for no more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from itertools import islice
from threading import Barrier
from typing import TypeVar

import torch
from torch import Tensor

__all__ = ["finish", "scaled", "side_by_side"]

T = TypeVar("T")


def finish(steps: Generator[float, None, T]) -> T:
    """What a computation in steps returns at its end."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def scaled(steps: Generator[float, None, T], start: float, stop: float) -> Generator[float, None, T]:
    """The same steps, as a part of a longer computation: progress runs from ``start`` to ``stop``."""
    while True:
        try:
            part = next(steps)
        except StopIteration as end:
            return end.value
        yield start + part * (stop - start)


def side_by_side(look: Callable[[Tensor], T], parts: Sequence[Tensor], device: torch.device) -> Iterator[T]:
    """``look`` at each part, in order; on the CPU as many at once as there are threads, few ahead of need.

    Where no more is asked for, what runs is waited for and no more is begun.
    """
    threads = torch.get_num_threads() if device.type == "cpu" else 1
    if threads == 1 or len(parts) == 1:
        yield from map(look, parts)
        return
    pool, waiting = _pool(threads), iter(parts)
    begun = deque(pool.submit(look, part) for part in islice(waiting, 2 * threads))
    try:
        while begun:
            result = begun.popleft().result()
            begun.extend(pool.submit(look, part) for part in islice(waiting, 1))
            yield result
    finally:
        wait([task for task in begun if not task.cancel()])


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """As many threads, for everyone; within each torch uses but one, or they would wait for each other."""
    all_there = Barrier(threads + 1)

    def begin() -> None:
        torch.set_num_threads(1)
        all_there.wait()

    pool = ThreadPoolExecutor(threads, thread_name_prefix="zmix-local-id", initializer=begin)
    for _ in range(threads):
        pool.submit(int)
    all_there.wait()
    # What a thread sets for itself becomes the default of all that are started later: it is set back.
    torch.set_num_threads(threads)
    return pool
