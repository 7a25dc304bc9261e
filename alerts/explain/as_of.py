"""As-of query: every notice published by a moment in its state at that moment, from the log alone."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from alerts.domain import notice
from alerts.domain.notice import NoticeState
from alerts.domain.streams import NOTICE
from alerts.eventlog.ports import Log

_TOPICS = NOTICE.topics
_PAGE = 1000


class ToldNotice(msgspec.Struct, frozen=True, kw_only=True):
    """A notice in its state at that moment. `area` is AREA as JSON, None for everywhere."""

    id: UUID
    number: int
    thread: UUID
    kind: str
    msg_type: str
    status: str
    state: str
    """live, superseded, cancelled, expired, cleared."""
    severity: str
    issued_at: datetime
    expires: datetime | None
    title: dict[str, str]
    """Keyed by language tag."""
    area: list[dict[str, Any]] | None


class AsOf(msgspec.Struct, frozen=True, kw_only=True):
    """Result: `position` is the last event included; `items` has live notices first, then the latest first."""

    at: datetime
    position: int
    items: list[ToldNotice]


def as_of(log: Log, at: datetime) -> AsOf:
    """Fold the events about notices up to `at` (aware); later events are ignored."""
    states: dict[UUID, NoticeState] = {}
    after = position = 0
    while page := log.read(after, _PAGE, _TOPICS):
        for recorded in page:
            # Clocks of several machines differ slightly, so times may not be in log order: check each event's own time.
            if recorded.at <= at:
                states[recorded.originator_id] = notice.evolve(states.get(recorded.originator_id), recorded)
                position = recorded.position
        after = page[-1].position
    published = [_as_published(state, at) for state in states.values() if state.issued]
    published.sort(key=lambda one: (one.state == "live", one.issued_at), reverse=True)
    return AsOf(at=at, position=position, items=published)


def _as_published(state: NoticeState, at: datetime) -> ToldNotice:
    # An expiry is recorded a moment after its time, or later if the product was down.
    over = state.phase == "live" and state.expires is not None and state.expires <= at
    assert state.issued_at is not None
    return ToldNotice(
        id=state.id,
        number=state.number,
        thread=state.thread,
        kind=state.plan.kind,
        msg_type=state.msg_type,
        status=state.plan.status,
        state="expired" if over else state.phase,
        severity=state.plan.severity,
        issued_at=state.issued_at,
        expires=state.expires,
        title={language: content.title for language, content in state.plan.content.items()},
        area=state.plan.area,
    )
