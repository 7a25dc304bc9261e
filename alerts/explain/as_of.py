"""What the public had been told at a moment: each notice that was out by then, as it stood then, from the log alone."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from alerts.domain import notice
from alerts.domain.events import CATALOGUE
from alerts.domain.notice import NoticeState
from alerts.eventlog.ports import Log

_TOPICS = frozenset(name for name in CATALOGUE.events if name.startswith("Notice")) | {"ApprovalVoided"}
_PAGE = 1000


class ToldNotice(msgspec.Struct, frozen=True, kw_only=True):
    """One notice as it stood at that moment. `area` is AREA as JSON, None for everywhere."""

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
    """By language."""
    area: list[dict[str, Any]] | None


class AsOf(msgspec.Struct, frozen=True, kw_only=True):
    """`position`: the last event about a notice that counts; `items`: what was live first, then the latest first."""

    at: datetime
    position: int
    items: list[ToldNotice]


def as_of(log: Log, at: datetime) -> AsOf:
    """Fold the events about notices up to `at` (aware). Whatever happened later does not show."""
    states: dict[UUID, NoticeState] = {}
    after = position = 0
    while page := log.read(after, _PAGE, _TOPICS):
        for recorded in page:
            # Another machine's clock may run a little behind: each event is asked for its own time, not only the last.
            if recorded.at <= at:
                states[recorded.originator_id] = notice.evolve(states.get(recorded.originator_id), recorded)
                position = recorded.position
        after = page[-1].position
    told = [_told(state, at) for state in states.values() if state.issued]
    told.sort(key=lambda one: (one.state == "live", one.issued_at), reverse=True)
    return AsOf(at=at, position=position, items=told)


def _told(state: NoticeState, at: datetime) -> ToldNotice:
    # An expiry is due at its time, and recorded a moment later, or after the product was down.
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
