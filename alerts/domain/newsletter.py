"""Newsletter: a series whose issues are bulletins, subscribed to as topic `newsletter/<slug>`. Pure."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from msgspec.structs import replace

from alerts.domain.events import (
    NewsletterEnded,
    NewsletterOrganisationSet,
    NewsletterSchedule,
    NewsletterScheduleSet,
    NewsletterStarted,
)
from alerts.domain.evolve import unexpected_first_event
from alerts.kernel.errors import Conflict
from alerts.kernel.events import Event, Recorded
from alerts.kernel.terms import NEWSLETTER_PREFIX


class NewsletterState(msgspec.Struct, frozen=True, kw_only=True):
    """Folded state of one newsletter."""

    id: UUID
    slug: str
    version: int
    name: str
    schedule: NewsletterSchedule | None
    scheduled_at: datetime
    """Time at which the schedule was set: an "every other week" counts from there."""
    sections: tuple[str, ...]
    ended: bool = False
    position: int = 0
    organisation: str | None = None
    """Organisation in whose name its issues go out; None for the service itself."""

    @property
    def topic(self) -> str:
        """The topic by which people subscribe to it."""
        return topic_of(self.slug)


def topic_of(slug: str) -> str:
    """Topic of the newsletter with this slug."""
    return f"{NEWSLETTER_PREFIX}{slug}"


def evolve(state: NewsletterState | None, recorded: Recorded) -> NewsletterState:
    """Fold one event."""
    event = recorded.event
    if isinstance(event, NewsletterStarted):
        return NewsletterState(
            id=recorded.originator_id,
            slug=event.slug,
            version=recorded.originator_version,
            name=event.name,
            schedule=event.schedule,
            scheduled_at=recorded.at,
            sections=event.sections,
            position=recorded.position,
        )
    if state is None:
        unexpected_first_event("newsletter", recorded)
    state = replace(state, version=recorded.originator_version, position=recorded.position)
    match event:
        case NewsletterScheduleSet(name=name, schedule=schedule, sections=sections):
            since = state.scheduled_at if schedule == state.schedule else recorded.at
            return replace(state, name=name, schedule=schedule, sections=sections, scheduled_at=since)
        case NewsletterOrganisationSet(organisation=organisation):
            return replace(state, organisation=organisation)
        case NewsletterEnded():
            return replace(state, ended=True)
        case _:
            return state


def decide_start(
    state: NewsletterState | None,
    slug: str,
    name: str,
    schedule: NewsletterSchedule | None,
    sections: tuple[str, ...],
    organisation: str | None = None,
) -> tuple[Event, ...]:
    """Start a newsletter, or start it again after its end; a running one is changed to these values."""
    if state is None or state.ended:
        started = NewsletterStarted(slug=slug, name=name, schedule=schedule, sections=sections)
        return (started, NewsletterOrganisationSet(organisation=organisation)) if organisation else (started,)
    return decide_set(state, name, schedule, sections, organisation)


def decide_set(
    state: NewsletterState,
    name: str,
    schedule: NewsletterSchedule | None,
    sections: tuple[str, ...],
    organisation: str | None = None,
) -> tuple[Event, ...]:
    """Change name, schedule, sections and organisation; nothing if equal. Raises Conflict if it has ended."""
    need_running(state)
    found: list[Event] = []
    if (state.name, state.schedule, state.sections) != (name, schedule, sections):
        found.append(NewsletterScheduleSet(name=name, schedule=schedule, sections=sections))
    if state.organisation != organisation:
        found.append(NewsletterOrganisationSet(organisation=organisation))
    return tuple(found)


def decide_end(state: NewsletterState, reason: str = "") -> tuple[Event, ...]:
    """End the newsletter; repeating it changes nothing."""
    return () if state.ended else (NewsletterEnded(reason=reason),)


def need_running(state: NewsletterState) -> None:
    """Raise Conflict if the newsletter has ended."""
    if state.ended:
        raise Conflict(f"The newsletter {state.slug!r} has ended: start it again under the same slug.")
