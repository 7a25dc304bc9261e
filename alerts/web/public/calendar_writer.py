"""iCalendar writer (RFC 5545, with the properties of RFC 7986). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from typing import Literal
from uuid import UUID

from alerts.kernel.texts import without_forbidden

CONTENT_TYPE = "text/calendar"
_PRODUCT = "-//Community Alerts//EN"
_SHORT = timedelta(minutes=30)
"""Length of an entry without an end: calendars draw none of no length."""


@dataclass(frozen=True, kw_only=True)
class CalendarEntry:
    """Calendar entry. `version` rises with each change, so that calendars replace what they have."""

    id: UUID
    host: str
    """Domain of its UID."""
    stamp: datetime
    """Time of its last change."""
    version: int
    starts: datetime
    ends: datetime | None
    title: str
    text: str
    place: str
    url: str
    language: str
    status: Literal["CONFIRMED", "CANCELLED"] = "CONFIRMED"
    sender: str = ""
    """Organizer, `Name <address>`, if it is not the calendar's."""
    position: tuple[float, float] | None = None
    """Latitude and longitude, if it is one point."""


def calendar(name: str, url: str, sender: str, entries: Iterable[CalendarEntry]) -> bytes:
    """Write a calendar that programs may subscribe to. `sender` (`Name <address>`) is the organizer of its entries."""
    from icalendar import Calendar

    made = Calendar()
    made.add("prodid", _PRODUCT)
    made.add("version", "2.0")
    made.add("calscale", "GREGORIAN")
    made.add("method", "PUBLISH")
    made.add("name", without_forbidden(name))
    made.add("x-wr-calname", without_forbidden(name))
    made.add("url", url)
    made.add("refresh-interval", timedelta(hours=1), parameters={"VALUE": "DURATION"})
    for entry in entries:
        event = _event(entry)
        _add_organizer(event, entry.sender or sender)
        made.add_component(event)
    written: bytes = made.to_ical()
    return written


def _add_organizer(event, sender: str) -> None:  # type: ignore[no-untyped-def]
    """Name the publisher: METHOD PUBLISH requires it (RFC 5546, 3.2.1)."""
    from icalendar import vCalAddress

    name, address = parseaddr(sender)
    organizer = vCalAddress(f"mailto:{address}")
    if name:
        organizer.params["CN"] = without_forbidden(name)
    event.add("organizer", organizer)


def _event(entry: CalendarEntry):  # type: ignore[no-untyped-def]  # icalendar's own type is not exported everywhere
    from icalendar import Event

    event = Event()
    language = {"LANGUAGE": entry.language}
    event.add("uid", f"{entry.id}@{entry.host}")
    event.add("dtstamp", entry.stamp.astimezone(UTC).replace(microsecond=0))
    event.add("last-modified", entry.stamp.astimezone(UTC).replace(microsecond=0))
    event.add("sequence", entry.version)
    starts = entry.starts.astimezone(UTC).replace(microsecond=0)
    ends = entry.ends.astimezone(UTC).replace(microsecond=0) if entry.ends else starts + _SHORT
    event.add("dtstart", starts)
    event.add("dtend", max(ends, starts + timedelta(minutes=1)))
    event.add("summary", without_forbidden(entry.title), parameters=language)
    if entry.text:
        event.add("description", without_forbidden(entry.text), parameters=language)
    if entry.place:
        event.add("location", without_forbidden(entry.place))
    if entry.position is not None:
        event.add("geo", entry.position)
    event.add("url", entry.url)
    event.add("status", entry.status)
    event.add("transp", "TRANSPARENT")
    return event
