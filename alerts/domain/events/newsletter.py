"""Events of newsletters."""

from __future__ import annotations

import msgspec

from alerts.kernel.events import Event


class NewsletterSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """Schedule of the issues: an RFC 5545 RRULE of days, a local time `HH:MM` of an IANA zone."""

    rrule: str
    at: str
    timezone: str


class NewsletterStarted(Event, frozen=True, kw_only=True):
    """A newsletter was started; subscribed to as topic `newsletter/<slug>`."""

    slug: str
    name: str
    schedule: NewsletterSchedule | None = None
    sections: tuple[str, ...] = ()


class NewsletterScheduleSet(Event, frozen=True, kw_only=True):
    """The newsletter has another name, schedule (None: no fixed times) or sections."""

    name: str
    schedule: NewsletterSchedule | None = None
    sections: tuple[str, ...] = ()


class NewsletterOrganisationSet(Event, frozen=True, kw_only=True):
    """The issues go out in the name of this organisation, from the next draft on; None: of the service itself."""

    organisation: str | None


class NewsletterEnded(Event, frozen=True, kw_only=True):
    """The newsletter has ended; there are no further issues."""

    reason: str = ""


EVENTS: tuple[type[Event], ...] = (
    NewsletterStarted,
    NewsletterScheduleSet,
    NewsletterOrganisationSet,
    NewsletterEnded,
)
