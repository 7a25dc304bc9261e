"""Area filter: areas touched by an event's subject, as of the event's own position."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any
from uuid import UUID

from alerts.domain.events import AreaJson, PlaceDefined, PlaceRevised
from alerts.domain.incident import IncidentState
from alerts.domain.notice import NoticeState
from alerts.domain.reference_data import PlaceState
from alerts.domain.service_change import ChangeState
from alerts.domain.service_point import PointState
from alerts.domain.streams import CHANGE, NOTICE, PLACE, POINT, place_id
from alerts.eventlog.ports import Log
from alerts.kernel.events import Event, Recorded, Stream
from alerts.kernel.geometry import Area, resolve_area
from alerts.projections import document_kinds

_CACHE_SIZE = 200
"""Number of cached areas: a dispatch refers to one notice thousands of times."""


class AreaFilter:
    """Area test against the log. Used from one thread at a time.

    A subject without an area matches every place: a notice to everybody, an incident without an area. A subject that
    cannot have one (people, keys, topics) matches none.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._resolved: OrderedDict[tuple[UUID, int], Area | None] = OrderedDict()
        self._stream_of: dict[type[Event], Stream[Any]] = {
            event: kind.stream
            for kind in (
                document_kinds.INCIDENTS,
                document_kinds.NOTICES,
                document_kinds.CHANGES,
                document_kinds.POINTS,
                document_kinds.PLACES,
            )
            for event in kind.events
        }

    def area(self, parts: AreaJson, up_to: int | None = None) -> Area:
        """Resolve an area, with its places as of a position."""
        return resolve_area(parts, lambda slug: self._place(slug, up_to))

    def touches(self, wanted: Area, recorded: Recorded) -> bool:
        """True if the event's subject lies in that area, at least in part."""
        event = recorded.event
        if isinstance(event, PlaceDefined | PlaceRevised):
            return wanted.overlaps(resolve_area(event.geometry, lambda _: None))
        stream, subject = self._stream_of.get(type(event)), recorded.originator_id
        if stream is None:
            notice = getattr(event, "notice", None)  # of dispatches and their later events
            if not isinstance(notice, UUID):
                return False
            stream, subject = NOTICE, notice
        state = self._log.state(stream, subject, recorded.position)
        return state is not None and self._state_touches(wanted, state, recorded.position)

    def _state_touches(self, wanted: Area, state: Any, position: int) -> bool:
        match state:
            case NoticeState():
                if state.plan.service_change is not None:
                    change = self._log.state(CHANGE, state.plan.service_change, position)
                    return change is not None and self._change_touches(wanted, change, position)
                return self._parts_touch(wanted, state, state.plan.area, position)
            case IncidentState():
                return self._parts_touch(wanted, state, state.facts.area, position)
            case ChangeState():
                return self._change_touches(wanted, state, position)
            case PointState():
                return wanted.contains_point(state.facts.lat, state.facts.lon)
            case PlaceState():
                return wanted.overlaps(resolve_area(state.geometry, lambda _: None))
            case _:
                return False

    def _parts_touch(
        self, wanted: Area, state: NoticeState | IncidentState, parts: AreaJson | None, position: int
    ) -> bool:
        key = (state.id, state.version)
        if key not in self._resolved:
            self._resolved[key] = None if parts is None else self.area(parts, position)
            if len(self._resolved) > _CACHE_SIZE:
                self._resolved.popitem(last=False)
        area = self._resolved[key]
        return area is None or wanted.overlaps(area)

    def _change_touches(self, wanted: Area, change: ChangeState, position: int) -> bool:
        """True if any of a change's points lay in the area at that position."""
        points = (self._log.state(POINT, point, position) for point in change.facts.service_points)
        return any(point is not None and wanted.contains_point(point.facts.lat, point.facts.lon) for point in points)

    def _place(self, slug: str, up_to: int | None) -> dict[str, Any] | None:
        state = self._log.state(PLACE, place_id(slug), up_to)
        return None if state is None else state.geometry


Filter = Callable[[Recorded], bool]
"""Predicate: True for events wanted by area."""
