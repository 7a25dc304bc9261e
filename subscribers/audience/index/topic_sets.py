"""Topic sets: topics chosen and threads followed, as one interned value that many rows share."""

from __future__ import annotations

from uuid import UUID

from alerts.kernel.terms import NEWSLETTER_PREFIX
from subscribers.domain.events import Preferences

_THREAD = "thread:"
"""Prefix of a followed thread in a topic set; no topic's slug has a colon."""
_NOTHING_ELSE = "thread: only"
"""Member of the topic set of a person who wants nothing but the threads followed."""


def topic_set(preferences: Preferences) -> frozenset[str]:
    """Return the topics chosen and the threads followed."""
    followed = map(thread_member, preferences.followed)
    return frozenset((*preferences.topics, *followed, *[_NOTHING_ELSE] * preferences.only_followed))


def thread_member(thread: UUID) -> str:
    """Return the member of the topic sets of those who follow a thread."""
    return f"{_THREAD}{thread}"


def includes(topics: frozenset[str], topic: str | None) -> bool:
    """True if a topic set includes a notice's topic (RULES 2).

    None chosen means all but newsletters; a notice without topic is for everyone but those who chose newsletters only.
    Nothing is included for a person who wants the threads followed alone.
    """
    if _NOTHING_ELSE in topics:
        return False
    chosen = [member for member in topics if not member.startswith(_THREAD)]
    if topic is None:
        return not chosen or not all(member.startswith(NEWSLETTER_PREFIX) for member in chosen)
    return topic in chosen if chosen else not topic.startswith(NEWSLETTER_PREFIX)
