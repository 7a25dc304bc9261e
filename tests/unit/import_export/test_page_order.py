"""Pages that are on their way together are written one after the other."""

from __future__ import annotations

import asyncio

import pytest

from alerts.import_export.page_order import PageOrder


async def test_a_page_waits_for_the_one_before_it() -> None:
    turns, written = PageOrder(), list[int]()
    turns.begin("file", 0)

    async def page(start: int) -> None:
        async with turns.turn("file", start, 10):
            await asyncio.sleep(0)
            written.append(start)

    await asyncio.wait_for(asyncio.gather(page(20), page(10), page(0)), 5)

    assert written == [0, 10, 20]


async def test_behind_a_page_that_fails_nobody_waits() -> None:
    turns = PageOrder()
    turns.begin("file", 0)

    async def page(start: int) -> None:
        async with turns.turn("file", start, 10):
            if start == 0:
                raise ValueError("the page at 0")

    later = asyncio.create_task(page(10))
    await asyncio.sleep(0)
    assert not later.done()
    with pytest.raises(ValueError, match="the page at 0"):
        await page(0)

    await asyncio.wait_for(later, 5)


async def test_pages_of_a_file_that_was_begun_elsewhere_do_not_wait() -> None:
    async with PageOrder().turn("file", 500, 10):
        pass


async def test_a_file_that_is_begun_again_goes_from_its_start() -> None:
    turns, written = PageOrder(), list[int]()
    turns.begin("file", 0)
    async with turns.turn("file", 0, 10):
        pass
    turns.begin("file", 0)

    async def page(start: int) -> None:
        async with turns.turn("file", start, 10):
            written.append(start)

    await asyncio.wait_for(asyncio.gather(page(10), page(0)), 5)

    assert written == [0, 10]
