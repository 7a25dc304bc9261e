"""The last rows kept in memory: only where they are all that the log has."""

from __future__ import annotations

from uuid import UUID

from eventsourcing.persistence import Notification

from alerts.eventlog.recent_rows import RecentRows

_STREAM = UUID(int=1)


def _rows(first: int, last: int, topic: str = "a") -> list[Notification]:
    return [Notification(_STREAM, 1, topic, b"x" * 10, position) for position in range(first, last + 1)]


def _positions(rows: list[Notification] | None) -> list[int] | None:
    return None if rows is None else [row.id for row in rows]


def test_what_is_behind_a_position_comes_in_order_and_no_more_than_asked() -> None:
    tail = RecentRows()
    tail.add(_rows(5, 6))
    tail.add(_rows(7, 9))
    assert _positions(tail.between(4, 9, 10)) == [5, 6, 7, 8, 9]
    assert _positions(tail.between(6, 9, 2)) == [7, 8]
    assert _positions(tail.between(9, 9, 2)) == []


def test_topics_are_chosen_before_the_limit() -> None:
    tail = RecentRows()
    tail.add([*_rows(1, 3), *_rows(4, 4, "b"), *_rows(5, 5), *_rows(6, 6, "b")])
    assert _positions(tail.between(0, 6, 1, {"b"})) == [4]
    assert _positions(tail.between(4, 6, 5, {"b"})) == [6]
    assert _positions(tail.between(0, 6, 5, {"c"})) == []


def test_what_it_does_not_hold_wholly_is_left_to_the_database() -> None:
    tail = RecentRows()
    assert not tail.begins_before(0) and tail.between(0, 0, 1) is None
    tail.add(_rows(5, 6))
    assert tail.between(3, 6, 10) is None and not tail.begins_before(3)  # 4 is older than what it holds
    assert tail.between(4, 7, 10) is None  # another process has written 7


def test_a_gap_that_others_have_filled_makes_it_begin_anew() -> None:
    tail = RecentRows()
    tail.add(_rows(1, 3))
    tail.add(_rows(5, 6))
    assert tail.between(0, 6, 10) is None
    assert _positions(tail.between(4, 6, 10)) == [5, 6]


def test_it_keeps_neither_more_rows_nor_more_bytes_than_it_may() -> None:
    rows, bytes_ = RecentRows(rows=4), RecentRows(bytes=35)
    for tail in (rows, bytes_):
        tail.add(_rows(1, 3))
        tail.add(_rows(4, 5))
        assert tail.between(0, 5, 10) is None
        assert _positions(tail.between(3, 5, 10)) == [4, 5]
    bytes_.add(_rows(6, 20))  # more than it may keep at all
    assert bytes_.between(5, 20, 20) is None
    bytes_.add(_rows(21, 22))
    assert _positions(bytes_.between(20, 22, 20)) == [21, 22]
