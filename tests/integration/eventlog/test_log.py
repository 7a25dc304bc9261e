"""Reading the log, and waiting for it, on both databases."""

from __future__ import annotations

import asyncio
from threading import Thread
from time import monotonic, sleep
from typing import TYPE_CHECKING

import pytest

from alerts.eventlog.ports import UnreadableEvent
from alerts.kernel.events import Catalogue
from alerts.kernel.ids import new_id
from tests.support.counters import COUNTER, Counted, Named, log_rig, opened

if TYPE_CHECKING:
    from tests.support.databases import Databases


def test_reading_by_position_and_topic(databases: Databases) -> None:
    stream = new_id()
    with log_rig(databases) as made:
        assert made.log.position() == 0
        assert made.log.read(0, 10) == []
        assert made.log.state(COUNTER, stream) is None
        for _ in range(3):
            made.count(stream)
        made.writer.submit(lambda unit: unit.append(COUNTER, new_id(), Named(name="Ada")), by="system").result(10)
        assert [event.position for event in made.log.read(1, 2)] == [2, 3]
        assert [event.position for event in made.log.read(0, 10, ["Named"])] == [4]
        assert [event.position for event in made.log.stream(stream, up_to=2)] == [1, 2]


def test_what_two_processes_write_in_turns_is_read_whole_by_both(databases: Databases) -> None:
    stream, other = new_id(), new_id()
    with log_rig(databases) as one, log_rig(databases) as two:
        for position in range(1, 13):
            writer, own = (one, stream) if position % 4 < 2 else (two, other)  # two of each, one after the other
            assert writer.count(own) == position
            for made in (one, two):
                for after in range(position + 1):
                    assert [e.position for e in made.log.read(after, 5)] == [*range(after + 1, position + 1)][:5]
                    assert [e.position for e in made.log.read(after, 9, ["Counted"])] == [
                        *range(after + 1, position + 1)
                    ][:9]
                assert made.log.read(0, 9, ["Named"]) == []


def test_without_unsealing_the_bytes_stand_beside_the_event(databases: Databases) -> None:
    stream = new_id()
    with log_rig(databases) as made:
        named = Named(name="Ada", phone="+44", colour="red")
        made.writer.submit(lambda unit: unit.append(COUNTER, stream, named, Counted()), by="system").result(10)
        clear, plain = made.log.read(0, 10)
        bare = made.log.read_each(0, 10, unseal=False)[0]
        assert not isinstance(bare, UnreadableEvent)
        assert clear.event == named and bare.event == Named(name=None, colour="red")
        assert clear.sealed == bare.sealed is not None and plain.sealed is None
        made.vault.destroy(stream)
        assert made.log.read(0, 1)[0].event == bare.event


def test_one_damaged_event_does_not_hide_the_others(databases: Databases) -> None:
    stream = new_id()
    with log_rig(databases) as made:
        for _ in range(5):
            made.count(stream)
    with databases.main.write() as tx:
        tx.execute("UPDATE events SET state = ? WHERE position = 2", (b"\x99\x00",))
        tx.execute("UPDATE events SET topic = 'FromTheFuture' WHERE position = 4")
    with log_rig(databases) as made:  # another process: the one that wrote them knows better
        found = made.log.read_each(0, 10)
        assert [isinstance(event, UnreadableEvent) for event in found] == [False, True, False, True, False]
        with pytest.raises(UnreadableEvent) as error:
            made.log.read(0, 10)
        assert (error.value.position, error.value.topic) == (2, "Counted")
        with pytest.raises(UnreadableEvent, match="knows no such event"):
            made.log.read(3, 1)
        with pytest.raises(UnreadableEvent):
            made.log.state(COUNTER, stream)


def test_waiting_is_woken_by_this_process_at_once(databases: Databases) -> None:
    with log_rig(databases) as made:
        assert not made.log.wait_for(1, 0.01)
        thread = Thread(target=lambda: (sleep(0.05), made.count(new_id())))
        thread.start()
        started = monotonic()
        assert made.log.wait_for(1, 5)
        assert monotonic() - started < 1
        thread.join()
        assert made.log.wait_for(1, 0)


def test_waiting_notices_another_process(databases: Databases) -> None:
    mine = opened(databases.main, databases.keys)
    other = opened(databases.another("main"), databases.another("keys"))
    try:
        assert not mine.log.wait_for(1, 0.1)
        took = []
        for position in range(1, 4):
            other.count(new_id())
            started = monotonic()
            assert mine.log.wait_for(position, 5)
            took.append(monotonic() - started)
        assert min(took) < 0.6, "by LISTEN or data_version, not by the slow poll"
    finally:
        mine.close()
        other.close()


async def test_awaiting_growth(databases: Databases) -> None:
    with log_rig(databases) as made:
        assert not await made.log.wait_for_async(1, 0.01)
        waiting = asyncio.create_task(made.log.wait_for_async(1, 5))
        await asyncio.sleep(0.01)
        made.count(new_id())
        assert await waiting


def test_a_reader_never_sees_a_position_below_one_it_has_seen(databases: Databases) -> None:
    """Two writers race while a reader follows: had positions become visible out of order, it would have missed some."""
    one = opened(databases.main, databases.keys)
    two = opened(databases.another("main"), databases.another("keys"))
    each = 150

    def write(who: int) -> None:
        for _ in range(each):
            (one, two)[who].count(new_id())

    threads = [Thread(target=write, args=(who,)) for who in range(2)]
    seen: list[int] = []
    try:
        for thread in threads:
            thread.start()
        deadline = monotonic() + 20
        while len(seen) < 2 * each and monotonic() < deadline:
            seen += [event.position for event in one.log.read(seen[-1] if seen else 0, 50)]
        assert seen == list(range(1, 2 * each + 1))
    finally:
        for thread in threads:
            thread.join()
        one.close()
        two.close()


def test_a_log_of_a_newer_version_says_so(databases: Databases) -> None:
    with log_rig(databases) as made:
        made.count(new_id())
    older = opened(databases.main, databases.keys, catalogue=Catalogue.of(Named))
    try:
        with pytest.raises(UnreadableEvent, match="event 1"):
            older.log.read(0, 10)
    finally:
        older.close()
