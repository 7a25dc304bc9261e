"""People as events, for tests: each call is one subscriber's registration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

from alerts.kernel.events import Event, Recorded
from alerts.kernel.geometry import Area
from alerts.kernel.rules import Rule
from alerts.kernel.terms import Channel, NoticeKind, Priority, Severity, Status
from subscribers.audience.index import AudienceColumns
from subscribers.audience.query import AudienceQuery, ChangeReach
from subscribers.domain.events import ContactRef, Preferences, SubscriberPlace, SubscriberRegistered
from subscribers.domain.subscriber import SubscriberState, evolve

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ALL_CHANNELS: tuple[Channel, ...] = ("email", "sms", "push", "letter")


def person_id(number: int) -> UUID:
    """A stable id."""
    return UUID(int=(0x0190 << 112) | (0x7000 << 64) | (0x8000 << 48) | number)


def registered(
    number: int, places: Sequence[SubscriberPlace] = (), have: Sequence[Channel] = ("email",), **wishes: object
) -> Recorded:
    """Registration of a person with a contact point for each channel; contact numbers are 10 × number + index."""
    wishes.setdefault("channels", ALL_CHANNELS)
    event = SubscriberRegistered(
        how="test",
        contacts=tuple(ContactRef(10 * number + i, c) for i, c in enumerate(have)),
        addresses={},
        preferences=Preferences(places=tuple(places), **wishes),  # type: ignore[arg-type]
        consent=None,
    )
    return recorded(number, 1, event)


def recorded(number: int, version: int, event: Event, at: datetime = NOW) -> Recorded:
    """An event of a person's stream, not yet at a position."""
    return Recorded(originator_id=person_id(number), originator_version=version, event=event, at=at, by="system")


def positioned(events: Iterable[Recorded], start: int = 1) -> Iterator[Recorded]:
    """The same events at rising positions."""
    for position, one in enumerate(events, start):
        yield Recorded(
            originator_id=one.originator_id,
            originator_version=one.originator_version,
            event=one.event,
            at=one.at,
            by=one.by,
            position=position,
        )


def columns_of(events: Iterable[Recorded], places: dict[str, Area] | None = None) -> AudienceColumns:
    """Columns that have followed these events."""
    columns = AudienceColumns()
    for slug, area in (places or {}).items():
        columns.define_place(slug, area)
    columns.apply_many(positioned(events))
    return columns


def states_of(events: Iterable[Recorded]) -> dict[UUID, SubscriberState]:
    """The folded state of each person."""
    states: dict[UUID, SubscriberState] = {}
    for one in positioned(events):
        states[one.originator_id] = evolve(states.get(one.originator_id), one)
    return states


def query(
    *,
    kind: NoticeKind = "announcement",
    status: Status = "Actual",
    topic: str | None = None,
    severity: Severity = "Unknown",
    priority: Priority = "notice",
    danger: bool = False,
    area: Area | None = None,
    change: ChangeReach | None = None,
    rule: Rule | None = None,
    channels: Sequence[Channel] = ALL_CHANNELS,
    at: datetime = NOW,
) -> AudienceQuery:
    """A question with everything at its plainest."""
    return AudienceQuery(
        kind=kind,
        status=status,
        topic=topic,
        severity=severity,
        priority=priority,
        danger_to_life=danger,
        area=area,
        change=change,
        rule=rule,
        channels=frozenset(channels),
        at=at,
    )
