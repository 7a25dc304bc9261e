"""Snapshots of the audience columns: read without the lock while the log goes on."""

from __future__ import annotations

import threading

from alerts.kernel.events import Recorded
from subscribers.audience.index import AudienceColumns
from subscribers.audience.matching import count
from tests.unit.subscribers.audience.makers import columns_of, person_id, positioned, query, registered


def later(columns: AudienceColumns, *events: Recorded) -> None:
    columns.apply_many(positioned(events, columns.position + 1))


def test_snapshot_keeps_its_position() -> None:
    columns = columns_of([registered(n) for n in range(5)])
    with columns.snapshot(threading.Lock()) as snapshot:
        later(columns, registered(0, have=("sms",), language="pl"), *(registered(n) for n in range(5, 1_000)))
        found = count(snapshot, query())
        assert (found.people, found.by_channel, found.position) == (5, {"email": 5}, 5)
        assert snapshot.row(person_id(999)) == -1 and columns.row(person_id(999)) == 999
    assert count(columns, query()).people == 1_000


def test_nothing_is_copied_without_readers() -> None:
    columns = columns_of([registered(1)])
    with columns.snapshot(threading.Lock()) as snapshot:
        assert snapshot.people.phase is columns.people.phase
    before = columns.people.phase
    later(columns, registered(2))
    assert columns.people.phase is before


def test_one_copy_serves_all_later_events() -> None:
    columns = columns_of([registered(1)])
    with columns.snapshot(threading.Lock()):
        later(columns, registered(2))
        after = columns.people.phase
        later(columns, registered(3))
        assert columns.people.phase is after


def test_lock_is_free_while_a_snapshot_is_read() -> None:
    columns, lock = columns_of([registered(1)]), threading.Lock()
    with columns.snapshot(lock):
        assert not lock.locked()
    assert not lock.locked()
