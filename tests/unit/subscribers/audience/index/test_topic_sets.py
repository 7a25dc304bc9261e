"""Topic sets: a thread that is followed is no topic, and shuts out nothing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from subscribers.audience.index.topic_sets import includes, thread_member, topic_set
from subscribers.audience.person_matching import follows
from subscribers.domain.events import Preferences

THREAD = UUID(int=5)


@pytest.mark.parametrize("topic", [None, "weather", "health", "newsletter/parks"])
@pytest.mark.parametrize("topics", [(), ("weather",), ("newsletter/parks",), ("weather", "newsletter/parks")])
def test_a_followed_thread_changes_no_topic(topics: tuple[str, ...], topic: str | None) -> None:
    with_thread = topic_set(Preferences(topics=topics, followed=(THREAD,)))
    assert thread_member(THREAD) in with_thread
    assert includes(with_thread, topic) == includes(frozenset(topics), topic)


@pytest.mark.parametrize("topic", [None, "weather", "newsletter/parks"])
@pytest.mark.parametrize("more", [{}, {"topics": ("weather",)}])
def test_nothing_matches_who_only_follows(more: dict[str, Any], topic: str | None) -> None:
    alone = Preferences(followed=(THREAD,), only_followed=True, **more)
    assert not includes(topic_set(alone), topic)
    assert topic is None or not follows(alone, topic)
