"""Waiting for a position."""

from __future__ import annotations

import asyncio
from threading import Thread
from time import monotonic, sleep

from alerts.eventlog.position_waiter import PositionWaiter


def test_it_only_rises() -> None:
    waiter = PositionWaiter(3)
    waiter.advance(2)
    assert waiter.position() == 3
    assert waiter.wait_for(3, 0)
    assert not waiter.wait_for(4, 0.001)


def test_a_thread_is_woken_at_once() -> None:
    waiter = PositionWaiter()
    thread = Thread(target=lambda: (sleep(0.02), waiter.advance(5)))
    thread.start()
    started = monotonic()
    assert waiter.wait_for(5, 10)
    assert monotonic() - started < 2
    thread.join()


async def test_tasks_are_woken_when_it_is_far_enough() -> None:
    waiter = PositionWaiter()
    tasks = [asyncio.create_task(waiter.wait_for_async(n, 5)) for n in (1, 2, 3)]
    await asyncio.sleep(0)
    Thread(target=waiter.advance, args=(2,)).start()
    assert await asyncio.gather(*tasks[:2]) == [True, True]
    assert not tasks[2].done()
    waiter.advance(3)
    assert await tasks[2]
    assert not await waiter.wait_for_async(4, 0.001)
    assert await waiter.wait_for_async(1, 0)


async def test_a_cancelled_task_leaves_nothing_behind() -> None:
    waiter = PositionWaiter()
    task = asyncio.create_task(waiter.wait_for_async(1, 5))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    waiter.advance(1)
    assert waiter._awaiting == []


def test_an_event_loop_that_is_gone_hinders_nobody() -> None:
    waiter = PositionWaiter()

    async def begin() -> None:
        asyncio.get_running_loop().create_task(waiter.wait_for_async(1, 60))
        await asyncio.sleep(0)
        waiter._awaiting.append((1, asyncio.get_running_loop(), asyncio.get_running_loop().create_future()))

    asyncio.run(begin())
    waiter.advance(1)
    assert waiter.position() == 1


def test_at_the_end_nobody_waits_any_more() -> None:
    waiter = PositionWaiter()
    found: list[bool] = []
    threads = [Thread(target=lambda: found.append(waiter.wait_for(5, 30.0))) for _ in range(3)]
    for thread in threads:
        thread.start()
    while waiter._blocked < 3:
        sleep(0.001)
    waiter.end()
    for thread in threads:
        thread.join(10)
    assert found == [False] * 3
    assert not waiter.wait_for(5, 30.0)
    waiter.advance(5)
    assert waiter.wait_for(5, 30.0)
