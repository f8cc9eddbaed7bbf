"""The way from a slider to a picture: one computation at a time, and the latest value wins."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Any, Generic, TypeVar

import panel as pn

T = TypeVar("T")

__all__ = ["Pump", "Shelf", "has_loop"]


class Pump(Generic[T]):
    """Runs a computation in a thread for the newest value given, and shows what it yields.

    Values that arrive while one is computed replace each other; the last is always computed. Between two
    results of one value a newer value ends the older computation: first results show at once, costly ones
    only when there is time. A result that is `unfinished` asks a newer value to wait for the next one.

    Args:
        compute: ``compute(value)`` yields results, coarse to fine; runs outside the event loop.
        show: ``show(result)`` puts one on screen; runs on the event loop.
        fail: ``fail(error)`` tells the user; what was shown stays.
    """

    def __init__(
        self,
        compute: Callable[[T], Iterator[Any]],
        show: Callable[[Any], None],
        fail: Callable[[Exception], None],
    ) -> None:
        self._compute, self._show, self._fail = compute, show, fail
        self._waiting: list[T] = []
        self.busy = False

    def push(self, value: T) -> None:
        """Ask for ``value``; returns at once where an event loop runs."""
        self._waiting = [value]
        if self.busy:
            return
        self.busy = True
        if has_loop():
            pn.state.execute(self._run)
        else:
            asyncio.run(self._run())

    @property
    def newer(self) -> bool:
        """Whether a value waits."""
        return bool(self._waiting)

    def cancel(self) -> None:
        """Drop what waits, and end what runs at its next result."""
        self._waiting = []
        self._cancelled = True

    _cancelled = False

    async def _run(self) -> None:
        try:
            while self._waiting:
                self._cancelled = False
                await self._one(self._waiting.pop())
        finally:
            self.busy = False

    async def _one(self, value: T) -> None:
        results = self._compute(value)
        try:
            while (result := await asyncio.to_thread(next, results, _END)) is not _END:
                if self._cancelled:
                    break
                self._show(result)
                if self._waiting and not getattr(result, "unfinished", False):
                    break
        except Exception as error:  # a view keeps its last good picture, whatever went wrong
            self._fail(error)
        finally:
            results.close() if hasattr(results, "close") else None


_END = object()


def has_loop() -> bool:
    """Whether an event loop runs here."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class Shelf(Generic[T]):
    """Results kept for all sessions: at most ``size``; each is made once however many ask at a time."""

    def __init__(self, make: Callable[..., T], size: int) -> None:
        self._make, self._size = make, size
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[threading.Lock, list[T]]] = OrderedDict()

    def __call__(self, *key: Hashable) -> T:
        """What ``make(*key)`` gives, made now or earlier."""
        with self._lock:
            lock, held = self._kept.setdefault(key, (threading.Lock(), []))
            self._kept.move_to_end(key)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
        with lock:
            if not held:
                held.append(self._make(*key))
        return held[0]
