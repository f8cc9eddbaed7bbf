"""The pump between a slider and a picture, and the shelf of results kept for all sessions."""

from __future__ import annotations

import asyncio
import random
import threading
from typing import NamedTuple

import pytest

from dashboard.live import Pump, Shelf


class Recorder:
    """Computations that wait for the test, and what became of them."""

    def __init__(self, results: int = 1, hold: bool = False) -> None:
        self.results = results
        self.gate = threading.Event()
        if not hold:
            self.gate.set()
        self.started: list[int] = []
        self.closed: list[int] = []
        self.shown: list[tuple[int, int]] = []
        self.failures: list[Exception] = []
        self.at_once = self.most_at_once = 0
        self.compute_threads: set[int] = set()
        self.show_threads: set[int] = set()
        self.on_show = lambda result: None
        self.pump: Pump[int] = Pump(self.compute, self.show, self.failures.append)

    def compute(self, value: int):
        self.started.append(value)
        try:
            for part in range(self.results):
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
                self.compute_threads.add(threading.get_ident())
                assert self.gate.wait(10)
                self.at_once -= 1
                yield value, part
        finally:
            self.closed.append(value)

    def show(self, result: tuple[int, int]) -> None:
        self.show_threads.add(threading.get_ident())
        self.shown.append(result)
        self.on_show(result)

    async def begun(self, value: int) -> None:
        while value not in self.started:
            await asyncio.sleep(0.001)

    async def idle(self) -> None:
        while self.pump.busy:
            await asyncio.sleep(0.001)


def test_without_a_loop_the_picture_is_there_when_push_returns():
    it = Recorder(results=2)
    it.pump.push(7)
    assert it.shown == [(7, 0), (7, 1)]
    assert not it.pump.busy


def test_the_latest_value_wins_and_those_before_it_are_dropped():
    it = Recorder(hold=True)

    async def scenario():
        it.pump.push(1)
        await it.begun(1)
        for value in (2, 3, 4, 5):
            it.pump.push(value)
        it.gate.set()
        await it.idle()

    asyncio.run(scenario())
    assert it.started == [1, 5]
    assert it.shown == [(1, 0), (5, 0)]
    assert it.most_at_once == 1


def test_push_returns_at_once_while_a_loop_runs():
    it = Recorder(hold=True)

    async def scenario():
        it.pump.push(1)
        assert it.pump.busy
        assert it.shown == []
        await it.begun(1)
        await asyncio.sleep(0)  # the loop is free while the computation waits
        it.gate.set()
        await it.idle()

    asyncio.run(scenario())
    assert it.shown == [(1, 0)]


def test_computes_in_a_thread_and_shows_on_the_loop():
    it = Recorder(results=3)

    async def scenario():
        it.pump.push(1)
        await it.idle()
        return threading.get_ident()

    loop = asyncio.run(scenario())
    assert it.show_threads == {loop}
    assert it.compute_threads
    assert loop not in it.compute_threads


def test_a_newer_value_ends_the_older_one_between_two_results():
    it = Recorder(results=3)
    it.on_show = lambda result: it.pump.push(2) if result == (1, 0) else None

    async def scenario():
        it.pump.push(1)
        await it.idle()

    asyncio.run(scenario())
    assert it.shown == [(1, 0), (2, 0), (2, 1), (2, 2)]
    assert it.closed == [1, 2]  # the first one's file handles and the like are let go


def test_what_says_that_it_is_unfinished_is_finished_first():
    shown = []

    class Part(NamedTuple):
        value: int
        unfinished: bool

    def compute(value):
        yield Part(value, True)
        yield Part(value, True)
        yield Part(value, False)
        yield Part(-value, False)

    def show(part):
        shown.append(part.value)
        if len(shown) == 1:
            pump.push(2)

    pump: Pump[int] = Pump(compute, show, lambda error: None)

    async def scenario(first):
        pump.push(first)
        while pump.busy:
            await asyncio.sleep(0.001)

    asyncio.run(scenario(1))
    assert shown == [1, 1, 1, 2, 2, 2, -2]


def test_cancel_ends_also_what_is_unfinished():
    it = Recorder(results=3)
    shown = []
    pump: Pump[int] = Pump(lambda v: (Unfinished() for _ in range(3)), shown.append, it.failures.append)

    class Unfinished:
        unfinished = True

    async def scenario():
        pump.push(1)
        while not shown:
            await asyncio.sleep(0.0001)
        pump.cancel()
        while pump.busy:
            await asyncio.sleep(0.001)

    asyncio.run(scenario())
    assert len(shown) < 3


def test_there_and_back_again_ends_at_the_last_value():
    it = Recorder(hold=True)

    async def scenario():
        it.pump.push(1)
        await it.begun(1)
        it.pump.push(2)
        it.pump.push(1)
        it.gate.set()
        await it.idle()

    asyncio.run(scenario())
    assert it.started == [1, 1]
    assert it.shown[-1] == (1, 0)


@pytest.mark.parametrize("seed", range(8))
def test_whatever_the_timing_the_last_value_is_shown_once_all_is_quiet(seed):
    chance = random.Random(seed)
    it = Recorder(results=2)
    values = list(range(60))

    async def scenario():
        for value in values:
            it.pump.push(value)
            for _ in range(chance.choice([0, 0, 0, 1, 5])):
                await asyncio.sleep(0.0005)
        await it.idle()

    asyncio.run(scenario())
    assert it.shown[-2:] == [(59, 0), (59, 1)]
    assert it.shown == sorted(it.shown)  # never back to an older value
    assert it.most_at_once == 1
    assert it.failures == []


def test_an_error_is_told_and_the_next_value_is_computed():
    shown, failures = [], []

    def compute(value):
        yield value
        if value == 1:
            raise OSError("no such file")
        yield 10 * value

    pump: Pump[int] = Pump(compute, shown.append, failures.append)
    pump.push(1)
    assert (shown, [str(error) for error in failures]) == ([1], ["no such file"])
    assert not pump.busy
    pump.push(2)
    assert shown == [1, 2, 20]
    assert len(failures) == 1


def test_an_error_while_showing_is_told_as_well():
    failures = []

    def show(result):
        raise ZeroDivisionError("in a view")

    pump: Pump[int] = Pump(lambda value: iter([value]), show, failures.append)
    pump.push(1)
    assert [type(error) for error in failures] == [ZeroDivisionError]
    assert not pump.busy


def test_an_error_does_not_swallow_the_value_that_waits():
    gate = threading.Event()
    shown, failures, started = [], [], []

    def compute(value):
        started.append(value)
        assert gate.wait(10)
        if value == 1:
            raise ValueError("bad")
        yield value

    pump: Pump[int] = Pump(compute, shown.append, failures.append)

    async def scenario():
        pump.push(1)
        while not started:
            await asyncio.sleep(0.001)
        pump.push(2)
        gate.set()
        while pump.busy:
            await asyncio.sleep(0.001)

    asyncio.run(scenario())
    assert shown == [2]
    assert len(failures) == 1


def test_cancel_shows_nothing_more_and_push_works_again():
    it = Recorder(results=2, hold=True)

    async def scenario():
        it.pump.push(1)
        await it.begun(1)
        it.pump.push(2)
        it.pump.cancel()
        it.gate.set()
        await it.idle()
        assert it.shown == []
        assert it.closed == [1]
        it.pump.push(3)
        await it.idle()

    asyncio.run(scenario())
    assert it.shown == [(3, 0), (3, 1)]
    assert it.started == [1, 3]


def test_a_value_pushed_after_cancel_is_computed():
    it = Recorder(hold=True)

    async def scenario():
        it.pump.push(1)
        await it.begun(1)
        it.pump.cancel()
        it.pump.push(2)
        it.gate.set()
        await it.idle()

    asyncio.run(scenario())
    assert it.shown == [(2, 0)]


# The shelf


def in_threads(count: int, work) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def test_what_many_ask_for_at_once_is_made_once():
    made, given = [], []
    together = threading.Barrier(8)
    slow = threading.Event()

    def make(key):
        made.append(key)
        slow.wait(0.05)  # so that the others come while it is made
        return object()

    shelf = Shelf(make, 4)

    def ask():
        together.wait(10)
        given.append(shelf("a"))

    in_threads(8, ask)
    assert made == ["a"]
    assert len(given) == 8
    assert len({id(thing) for thing in given}) == 1


def test_making_one_thing_does_not_hold_up_another():
    other = threading.Event()
    given = []

    def make(key):
        if key == "slow":
            assert other.wait(10)
        else:
            other.set()
        return key

    shelf = Shelf(make, 4)
    slow = threading.Thread(target=lambda: given.append(shelf("slow")))
    slow.start()
    assert shelf("quick") == "quick"
    slow.join(10)
    assert given == ["slow"]


def test_keeps_so_many_and_drops_what_was_not_asked_for_longest():
    made = []
    shelf = Shelf(lambda *key: made.append(key) or key, 2)
    for key in ("a", "b", "a", "c", "a", "b"):
        assert shelf(key) == (key,)
    assert made == [("a",), ("b",), ("c",), ("b",)]


def test_a_failure_is_not_kept():
    answers = iter([ValueError("not yet"), "there"])

    def make(key):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    shelf = Shelf(make, 2)
    with pytest.raises(ValueError, match="not yet"):
        shelf("a")
    assert shelf("a") == "there"
    assert shelf("a") == "there"


def test_nothing_is_a_result_too():
    made = []
    shelf = Shelf(lambda key: made.append(key), 2)
    assert shelf("a") is None
    assert shelf("a") is None
    assert made == ["a"]
