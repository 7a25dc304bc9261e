"""Forecast: how many messages a subscription would have brought, by replaying its rules over the last 90 days.

Nothing is sent or stored. The notices are read once in ten minutes, at most `MOST`, the latest first; each answer is
remembered as long. Audience RULEs are left out: they only narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace as replaced
from datetime import datetime, timedelta
from math import cos, hypot, radians
from threading import Lock
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from alerts.channels.i18n import Translator
from alerts.domain.notice import NoticeState
from alerts.kernel.errors import Invalid
from alerts.kernel.geometry import Area, area_of
from alerts.kernel.geometry.geodesy import EDGE_M
from alerts.kernel.terms import SERVICE_CHANGES_TOPIC
from alerts.services import Services
from alerts.web.public.fragments import FragmentCache
from alerts.web.public.place_shapes import PlaceShapes
from subscribers.audience.explain import explain
from subscribers.audience.open_points import change_reach
from subscribers.audience.person_matching import touches_area
from subscribers.audience.query import AudienceQuery, ChangeReach
from subscribers.domain.events import Preferences, SubscriberPlace
from subscribers.domain.subscriber import ContactState, SubscriberState

DAYS = 90
MOST = 300
"""Notices that are replayed."""
_FRESH_FOR = timedelta(minutes=10)
_REMEMBERED = 2_000
_NIGHT = (22, 7)
"""Local hours between which a message comes at night."""
_SPOT = SubscriberPlace(lat=0.0, lon=0.0)
_SPOT_AREA = area_of([{"circle": {"lat": 0.0, "lon": 0.0, "radius_km": 1.0}}], lambda _: None)
"""A place and an area that touch, in place of outlines that do."""
_DEGREE_M = 111_320.0
_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class Forecast:
    """Messages of the last 90 days: all, those at night, and those of danger to life."""

    messages: int
    nightly: int
    danger: int

    def words(self, t: Translator) -> str:
        """Say it as a rate: a week, a month, or how many in 90 days."""
        a_week, a_month = self.messages * 7 / DAYS, self.messages * 30 / DAYS
        if self.messages == 0:
            return t.text("forecast", "none")
        if round(a_week) >= 2:
            return self._with_nights(t, "week", a_week, 7)
        if round(a_month) >= 1:
            return self._with_nights(t, "month", a_month, 30)
        return t.text("forecast", "days", count=t.number(self.messages))

    def danger_words(self, t: Translator) -> str:
        """Say how often lives were in danger."""
        if self.danger == 0:
            return t.text("forecast", "no_danger")
        return t.text("forecast", "danger", count=t.number(self.danger))

    def _with_nights(self, t: Translator, period: str, rate: float, days: int) -> str:
        words = t.text("forecast", period, count=t.number(max(1, round(rate))))
        nights = round(self.nightly * days / DAYS)
        return f"{words}{t.comma}{t.text('forecast', 'night', count=t.number(nights))}" if nights else words


class PastNotice(NamedTuple):
    """Notice of the last 90 days, and whom it was for."""

    notice: NoticeState
    query: AudienceQuery
    at_night: bool


class Forecasts:
    """Replays recent notices for preferences. Safe to share between threads; methods block."""

    def __init__(self, services: Services, shapes: PlaceShapes) -> None:
        self._services, self._shapes = services, shapes
        self._lock = Lock()
        self._read_at: datetime | None = None
        self._past: Sequence[PastNotice] = ()
        self._distances = FragmentCache(50_000)
        self._known: dict[bytes, Forecast] = {}

    def of(self, preferences: Preferences) -> Forecast:
        """Replay the rules of these preferences."""
        past = self._recent()
        key = _encode(preferences)
        with self._lock:
            known = self._known.get(key)
        if known is not None:
            return known
        now = self._services.clock()
        person, there = _anybody(preferences, now), _anybody(replace(preferences, places=(_SPOT,)), now)
        due = [one for one in past if self._is_due(one, person, there)]
        found = Forecast(len(due), sum(one.at_night for one in due), sum(one.query.danger_to_life for one in due))
        with self._lock:
            if len(self._known) < _REMEMBERED:
                self._known[key] = found
        return found

    def _is_due(self, past: PastNotice, person: SubscriberState, there: SubscriberState) -> bool:
        """Ask the rules. Whether an area is touched is asked here, and remembered: the outlines are what costs.

        `there` is the same person at a spot in place of an area that is touched.
        """
        preferences = person.preferences
        if past.query.area is None or preferences is None or not preferences.places:
            return explain(person, past.query, self._shapes.outline).due
        if not any(self._touches(past, place) for place in preferences.places):
            return False
        return explain(there, replaced(past.query, area=_SPOT_AREA), self._shapes.outline).due

    def _touches(self, past: PastNotice, place: SubscriberPlace) -> bool:
        area = past.query.area
        if area is None or area.empty:
            return False
        if place.lat is None or place.lon is None:
            if place.slug is not None:
                return self._shapes.overlap(past.notice, place.slug)
            return touches_area(place, area, self._shapes.outline)[0]
        lat, lon, metres = place.lat, place.lon, place.radius_km * 1000 + EDGE_M
        if _gap_m(area, lat, lon) > metres * 1.02 + 100:
            return False
        key = (past.notice.id, past.notice.version, lat, lon)
        away: float = self._distances.get(key, lambda: area.distance_m(lat, lon))
        return away <= metres

    def _recent(self) -> Sequence[PastNotice]:
        now = self._services.clock()
        with self._lock:
            if self._read_at is not None and now - self._read_at < _FRESH_FOR:
                return self._past
        past = self._load(now)
        with self._lock:
            self._past, self._read_at, self._known = past, now, {}
        return past

    def _load(self, now: datetime) -> Sequence[PastNotice]:
        since = now - timedelta(days=DAYS)
        recent = [n for n in self._services.views.recent(since, now) if _counts(n, since)]
        zone = ZoneInfo(self._services.settings.timezone)
        found: list[PastNotice] = []
        for notice in recent[:MOST]:
            query = self._query(notice)
            hour = notice.issued_at.astimezone(zone).hour if notice.issued_at else 12
            if query is not None:
                found.append(PastNotice(notice, query, hour >= _NIGHT[0] or hour < _NIGHT[1]))
        return found

    def _query(self, notice: NoticeState) -> AudienceQuery | None:
        plan, change, topic = notice.plan, None, notice.plan.topic
        if plan.service_change is not None:
            change, topic = self._reach(plan.service_change, topic)
            if change is None:
                return None
        if topic is None and plan.kind == "service-change":
            topic = SERVICE_CHANGES_TOPIC
        try:
            area = self._shapes.of_notice(notice) if plan.area and change is None else None
        except Invalid:
            return None
        return AudienceQuery(
            kind=plan.kind,
            status=plan.status,
            topic=topic,
            severity=plan.severity,
            priority=notice.priority or plan.priority,
            danger_to_life=notice.danger_to_life,
            area=area,
            change=change,
            rule=None,
            channels=frozenset(plan.channels),
            at=notice.issued_at or notice.drafted_at,
        )

    def _reach(self, change: UUID, topic: str | None) -> tuple[ChangeReach | None, str | None]:
        views = self._services.views
        state = views.service_change(change)
        if state is None:
            return None, topic
        points = {p.id: p for p in views.open_points(None, state.facts.effective, change)}
        for point in state.facts.service_points:
            if point not in points and (found := views.service_point(point)) is not None:
                points[point] = found
        return change_reach(state, list(points.values()), []), topic or state.facts.topic


def _counts(notice: NoticeState, since: datetime) -> bool:
    return (
        notice.issued_at is not None
        and notice.issued_at >= since
        and notice.plan.status == "Actual"
        and notice.msg_type in ("Alert", "Update")
    )


def _anybody(preferences: Preferences, now: datetime) -> SubscriberState:
    """Return a confirmed person with these preferences, reached by every channel."""
    contacts = tuple(
        ContactState(number=number, channel=channel, address="", state="verified")
        for number, channel in enumerate(preferences.channels or ("email",), 1)
    )
    return SubscriberState(
        id=UUID(int=0),
        version=1,
        phase="confirmed",
        preferences=preferences,
        contacts=contacts,
        consent=None,
        how="forecast",
        since=now,
        confirmed_at=now,
    )


def _gap_m(area: Area, lat: float, lon: float) -> float:
    """Return about how far a position is from the bounding box of an area: never much more than from the area."""
    west, south, east, north = area.bounds
    if west > east:  # across the antimeridian
        return 0.0
    dx = max(west - lon, 0.0, lon - east) * _DEGREE_M * cos(radians(min(89.0, max(abs(lat), abs(south), abs(north)))))
    return hypot(dx, max(south - lat, 0.0, lat - north) * _DEGREE_M)
