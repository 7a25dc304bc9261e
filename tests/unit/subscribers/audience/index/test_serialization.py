"""Columns that were kept and taken back are the columns that went on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.kernel.events import Event
from subscribers.audience.index import AudienceColumns
from subscribers.audience.index.serialization import ColumnsImage, chunks_of, image_of, refill
from subscribers.domain.events import ContactRef, SubscriptionRequested
from tests.unit.subscribers.audience.index.test_audience_columns import happenings, wishes
from tests.unit.subscribers.audience.makers import columns_of, person_id, positioned, recorded

stories = st.lists(st.integers(1, 4).flatmap(lambda n: st.tuples(st.just(n), happenings(n))), max_size=30)


@settings(max_examples=20, deadline=None)
@given(stories, stories)
def test_taken_back_they_go_on_as_if_nothing_had_been(
    before: Sequence[tuple[int, Event]], after: Sequence[tuple[int, Event]]
) -> None:
    events = [recorded(number, 1, event) for number, event in before]
    live, other = columns_of(events), AudienceColumns()
    refill(other, *_kept(live))
    assert _told(other) == _told(live)
    more = list(positioned([recorded(number, 2, event) for number, event in after], len(events) + 1))
    live.apply_many(more)
    other.apply_many(more)
    assert _told(other) == _told(live)
    assert other.position == live.position


def test_another_versions_columns_are_refused() -> None:
    image, chunks = _kept(columns_of([]))
    columns = AudienceColumns()
    with pytest.raises(ValueError, match="another version"):
        refill(columns, msgspec.structs.replace(image, layout="other"), chunks)


def test_columns_cut_short_leave_nobody_behind() -> None:
    live = columns_of([recorded(1, 1, event) for event in _one()])
    image, chunks = _kept(live)
    columns = AudienceColumns()
    with pytest.raises(ValueError, match="length"):
        refill(columns, image, iter(list(chunks)[:-1]))
    assert columns.people.size == 0 and columns.row(person_id(1)) == -1


def _one() -> list[Event]:
    contacts = (ContactRef(10, "email"),)
    return [SubscriptionRequested(how="x", contacts=contacts, addresses={}, preferences=wishes(1))]


def _kept(columns: AudienceColumns) -> tuple[ColumnsImage, Iterator[bytes]]:
    packed = msgspec.msgpack.encode(image_of(columns))
    chunks = [bytes(chunk) for chunk in chunks_of(columns)]
    return msgspec.msgpack.decode(packed, type=ColumnsImage), iter(chunks)


def _told(columns: AudienceColumns) -> object:
    """Everything that may be asked of them, with areas as text."""
    people, numbers = range(1, 5), np.arange(10, 50)
    rows = [columns.row(person_id(number)) for number in people]
    tables = [
        [np.nan_to_num(getattr(table, name)[: table.size], nan=-9.0).tolist() for name in table.columns]
        for table in columns.tables()
    ]
    areas = [None if area is None else (area.polygon.wkt, area.circles) for area in columns.places.areas.areas]
    facts = [columns.facts(int(number)) for number in numbers]
    return rows, tables, areas, facts, columns.contact_rows(numbers).tolist(), columns.suppressed
