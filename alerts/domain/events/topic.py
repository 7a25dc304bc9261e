"""Events of topics."""

from __future__ import annotations

from alerts.kernel.events import Event
from alerts.kernel.terms import (
    Category,
)


class TopicDefined(Event, frozen=True, kw_only=True):
    """A topic was defined, or has a new version."""

    slug: str
    name: dict[str, str]
    categories: tuple[Category, ...] = ()


class TopicRetired(Event, frozen=True, kw_only=True):
    """The topic can no longer be chosen."""

    slug: str


EVENTS: tuple[type[Event], ...] = (
    TopicDefined,
    TopicRetired,
)
