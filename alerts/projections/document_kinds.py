"""Document kinds: for each one its table, its events, its indexed columns, and the SQL that follows from them.

A document is the folded state of one stream, as msgpack, so that a page reads one row and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec

from alerts.domain import streams
from alerts.domain.dispatch import DispatchState
from alerts.domain.feedback import FeedbackState
from alerts.domain.incident import IncidentState
from alerts.domain.message_template import TemplateState
from alerts.domain.newsletter import NewsletterState
from alerts.domain.notice import NoticeState
from alerts.domain.organisation import OrganisationState
from alerts.domain.reference_data import (
    KeyState,
    MemberState,
    PlaceState,
    SegmentState,
    SourceState,
    TopicState,
    TriggerState,
)
from alerts.domain.report import ReportState
from alerts.domain.service_change import ChangeState
from alerts.domain.service_point import PointState
from alerts.kernel.events import Event, Stream
from alerts.kernel.times import micros, optional_micros
from alerts.storage.ports import Value

S = TypeVar("S", bound=msgspec.Struct)


def _same(state: S) -> S:
    return state


@dataclass(frozen=True)
class DocumentKind(Generic[S]):
    """Mapping of a stream type to a table of documents.

    `index(state)` gives the values of `columns`, in their order. `canonical(state)` is the state with one order for
    everything that has none, so that equal states have equal bytes in every process. `sealed` kinds keep the last
    sealed bytes of their stream beside the document.
    """

    table: str
    stream: Stream[S]
    state: type[S]
    columns: tuple[str, ...]
    """The table's own columns, beside `id`, `created`, `position`, `doc` and, if sealed, `sealed`."""
    index: Callable[[S], Sequence[Value]]
    canonical: Callable[[S], S] = _same
    sealed: bool = False
    title: Callable[[S], str] | None = None
    """Title in the timeline, in its first language; None if it is shown by its id alone, as a team member is."""
    in_timeline: bool = True
    """False if its events are shown under another subject, as a dispatch's are under its notice."""
    load_sql: str = field(init=False)
    """Reads documents by id as rows (id, created, doc, sealed); `(?*)` takes as many `?` as there are ids."""
    save_sql: str = field(init=False)
    """Upserts one row: (id, created, position, *columns, doc) or, if sealed, (..., doc, sealed)."""

    @property
    def events(self) -> tuple[type[Event], ...]:
        """The events of its stream."""
        return self.stream.events

    def __post_init__(self) -> None:
        object.__setattr__(self, "load_sql", _load_sql(self.table, self.sealed))
        object.__setattr__(self, "save_sql", _save_sql(self.table, self.columns, self.sealed))


def _load_sql(table: str, sealed: bool) -> str:
    return f"SELECT id, created, doc, {'sealed' if sealed else 'NULL'} FROM {table} WHERE id IN (?*)"


def _save_sql(table: str, columns: Sequence[str], sealed: bool) -> str:
    updated = ("position", *columns, "doc", *(("sealed",) if sealed else ()))
    inserted = ("id", "created", *updated)
    assignments = ",\n".join(f"    {column} = excluded.{column}" for column in updated)
    return (
        f"INSERT INTO {table} ({', '.join(inserted)})\n"
        f"VALUES ({', '.join('?' * len(inserted))})\n"
        f"ON CONFLICT (id) DO UPDATE SET\n{assignments}"
    )


def bounds_of(geometry: dict[str, Any]) -> tuple[float, float, float, float] | None:
    """(west, south, east, north) in degrees of a GeoJSON geometry, None if it has no position.

    A geometry on both sides of the antimeridian comes as parts of its own (RFC 7946) and spans the whole turn here.
    """
    west, south, east, north = 180.0, 90.0, -180.0, -90.0
    waiting: list[Any] = [geometry.get("coordinates") or []]
    while waiting:
        item = waiting.pop()
        if item and isinstance(item[0], (int, float)):
            west, south = min(west, item[0]), min(south, item[1])
            east, north = max(east, item[0]), max(north, item[1])
        else:
            waiting.extend(item)
    return (west, south, east, north) if west <= east else None


def _notice_index(state: NoticeState) -> Sequence[Value]:
    plan = state.plan
    return (
        state.number,
        state.phase,
        plan.kind,
        plan.status,
        state.thread.bytes,
        plan.incident.bytes if plan.incident else None,
        plan.service_change.bytes if plan.service_change else None,
        optional_micros(state.issued_at),
        optional_micros(state.expires),
    )


def _notice_canonical(state: NoticeState) -> NoticeState:
    # A frozenset of strings is walked in another order in each process.
    return msgspec.structs.replace(state, hands=sorted(state.hands))


def _template_canonical(state: TemplateState) -> TemplateState:
    return msgspec.structs.replace(state, hands=sorted(state.hands))


def _notice_title(state: NoticeState) -> str:
    return next((content.title for content in state.plan.content.values()), "")


def _headline(state: IncidentState | ChangeState) -> str:
    return next(iter(state.facts.headline.values()), "")


def _first_name(state: PlaceState | TopicState | OrganisationState) -> str:
    return next(iter(state.name.values()), state.slug)


def _place_index(state: PlaceState) -> Sequence[Value]:
    return (state.slug, int(state.retired), *(bounds_of(state.geometry) or (None, None, None, None)))


NOTICES = DocumentKind(
    "notices",
    streams.NOTICE,
    NoticeState,
    ("number", "phase", "kind", "status", "thread", "incident", "service_change", "issued_at", "expires"),
    _notice_index,
    canonical=_notice_canonical,
    title=_notice_title,
)
DISPATCHES = DocumentKind(
    "dispatches",
    streams.DISPATCH,
    DispatchState,
    ("notice",),
    lambda state: (state.notice.bytes,),
    in_timeline=False,
)
INCIDENTS = DocumentKind(
    "incidents",
    streams.INCIDENT,
    IncidentState,
    ("status", "source"),
    lambda state: (state.status, state.source),
    title=_headline,
)
POINTS = DocumentKind(
    "service_points",
    streams.POINT,
    PointState,
    ("kind", "is_open"),
    lambda state: (state.facts.kind, int(state.open)),
    title=lambda state: state.facts.name,
)
CHANGES = DocumentKind(
    "service_changes",
    streams.CHANGE,
    ChangeState,
    ("status", "effective", "ends"),
    lambda state: (state.status, micros(state.facts.effective), optional_micros(state.facts.until)),
    title=_headline,
)
PLACES = DocumentKind(
    "places",
    streams.PLACE,
    PlaceState,
    ("slug", "retired", "west", "south", "east", "north"),
    _place_index,
    title=_first_name,
)
TOPICS = DocumentKind(
    "topics",
    streams.TOPIC,
    TopicState,
    ("slug", "retired"),
    lambda state: (state.slug, int(state.retired)),
    title=_first_name,
)
SEGMENTS = DocumentKind(
    "segments",
    streams.SEGMENT,
    SegmentState,
    ("slug", "retired"),
    lambda state: (state.slug, int(state.retired)),
    title=lambda state: state.name,
)
ORGANISATIONS = DocumentKind(
    "organisations",
    streams.ORGANISATION,
    OrganisationState,
    ("slug", "retired"),
    lambda state: (state.slug, int(state.retired)),
    title=_first_name,
)
NEWSLETTERS = DocumentKind(
    "newsletters",
    streams.NEWSLETTER,
    NewsletterState,
    ("slug", "ended"),
    lambda state: (state.slug, int(state.ended)),
    title=lambda state: state.name,
)
TEMPLATES = DocumentKind(
    "message_templates",
    streams.TEMPLATE,
    TemplateState,
    ("slug", "retired"),
    lambda state: (state.slug, int(state.retired)),
    canonical=_template_canonical,
    title=lambda state: state.draft.name,
)
SOURCES = DocumentKind(
    "sources",
    streams.SOURCE,
    SourceState,
    ("name",),
    lambda state: (state.name,),
    sealed=True,
    title=lambda state: state.name,
)
KEYS = DocumentKind(
    "api_keys",
    streams.KEY,
    KeyState,
    ("secret_hash", "revoked"),
    lambda state: (state.secret_hash, int(state.revoked)),
    title=lambda state: state.name,
)
MEMBERS = DocumentKind(
    "members",
    streams.MEMBER,
    MemberState,
    ("contact", "role"),
    lambda state: (state.contact, state.role),
    sealed=True,
)
TRIGGERS = DocumentKind(
    "triggers",
    streams.TRIGGER,
    TriggerState,
    ("source", "state"),
    lambda state: (state.source, state.state),
    title=lambda state: f"{state.source}: {state.kind}",
)
REPORTS = DocumentKind(
    "reports",
    streams.REPORT,
    ReportState,
    ("receipt", "phase", "contact", "handled_at"),
    lambda state: (state.receipt, state.phase, state.contact, optional_micros(state.handled_at)),
    sealed=True,
)
FEEDBACK = DocumentKind(
    "feedback",
    streams.FEEDBACK,
    FeedbackState,
    ("notice", "useful", "not_useful", "written"),
    lambda state: (state.notice.bytes, state.useful, state.not_useful, int(state.written)),
    sealed=True,
    in_timeline=False,
)
KINDS: tuple[DocumentKind[Any], ...] = (
    NOTICES,
    DISPATCHES,
    INCIDENTS,
    POINTS,
    CHANGES,
    PLACES,
    TOPICS,
    SEGMENTS,
    ORGANISATIONS,
    NEWSLETTERS,
    TEMPLATES,
    SOURCES,
    KEYS,
    MEMBERS,
    TRIGGERS,
    REPORTS,
    FEEDBACK,
)
