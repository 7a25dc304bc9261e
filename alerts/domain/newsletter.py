"""A newsletter: a series whose issues are bulletins, subscribed to as topic `newsletter/<slug>`. Pure."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from msgspec.structs import replace

from alerts.domain.events import NewsletterEnded, NewsletterSchedule, NewsletterScheduleSet, NewsletterStarted
from alerts.domain.evolve import unexpected_first_event
from alerts.kernel.errors import Conflict
from alerts.kernel.events import Event, Recorded
from alerts.kernel.terms import NEWSLETTER_PREFIX


class NewsletterState(msgspec.Struct, frozen=True, kw_only=True):
    """What the events of one newsletter add up to."""

    id: UUID
    slug: str
    version: int
    name: str
    schedule: NewsletterSchedule | None
    scheduled_at: datetime
    """When that schedule was set: an "every other week" counts from there."""
    sections: tuple[str, ...]
    ended: bool = False
    position: int = 0

    @property
    def topic(self) -> str:
        """By which people choose it."""
        return topic_of(self.slug)


def topic_of(slug: str) -> str:
    """The topic of the newsletter of this slug."""
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
) -> tuple[Event, ...]:
    """It begins, or begins again after its end; one that runs is set so, and nothing happens if it is so already."""
    if state is None or state.ended:
        return (NewsletterStarted(slug=slug, name=name, schedule=schedule, sections=sections),)
    return decide_set(state, name, schedule, sections)


def decide_set(
    state: NewsletterState, name: str, schedule: NewsletterSchedule | None, sections: tuple[str, ...]
) -> tuple[Event, ...]:
    """As it is from now on. Raises Conflict if it has ended."""
    need_running(state)
    if (state.name, state.schedule, state.sections) == (name, schedule, sections):
        return ()
    return (NewsletterScheduleSet(name=name, schedule=schedule, sections=sections),)


def decide_end(state: NewsletterState, reason: str = "") -> tuple[Event, ...]:
    """No further issues; saying so twice changes nothing."""
    return () if state.ended else (NewsletterEnded(reason=reason),)


def need_running(state: NewsletterState) -> None:
    """Raises Conflict if it has ended."""
    if state.ended:
        raise Conflict(f"The newsletter {state.slug!r} has ended: start it again under the same slug.")
