"""Fixtures of unit tests in several rooms: a notice and its reader, to be varied; an empty log with read models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from alerts.channels.message import Alternative, NoticeWords, Personal
from alerts.channels.renderer import Renderer
from tests.support.memory_views import World

NOW = datetime(2026, 11, 23, 14, 6, 2, tzinfo=UTC)
Words = Callable[..., NoticeWords]
Reader = Callable[..., Personal]


@pytest.fixture
def renderer() -> Renderer:
    return Renderer(sender="Community Alerts <alerts@town.example>", clock=lambda: NOW)


@pytest.fixture
def words() -> Words:
    def make(**changes: object) -> NoticeWords:
        given: dict[str, object] = {
            "notice": UUID(int=7),
            "number": 7,
            "thread": UUID(int=5),
            "kind": "alert",
            "msg_type": "Alert",
            "status": "Actual",
            "priority": "emergency",
            "severity": "Severe",
            "danger_to_life": False,
            "frame_language": "en",
            "body_language": "en",
            "title": "Gas leak: keep windows shut",
            "body": "A main is **leaking**.",
            "instruction": "Stay indoors.",
            "sms": "",
            "area_words": "Walworth",
            "issued_at": NOW,
            "expires": NOW + timedelta(hours=6),
            "url": "https://town.example/alerts/7",
            "short_url": "https://town.example/a/7",
            "sender": "Community Alerts <alerts@town.example>",
            "timezone": "Europe/London",
        }
        return NoticeWords(**{**given, **changes})  # type: ignore[arg-type]

    return make


@pytest.fixture
def reader() -> Reader:
    def make(**changes: object) -> Personal:
        given: dict[str, object] = {
            "delivery": "aaaa7777",
            "to": "amina@resident.example",
            "why_url": "https://town.example/why/w",
            "stop_url": "https://town.example/unsubscribe/s",
            "preferences_url": "",
            "place_name": "SE17 1RW",
            "place_radius_m": 2000.0,
            "topic": "safety",
        }
        return Personal(**{**given, **changes})  # type: ignore[arg-type]

    return make


@pytest.fixture
def desks() -> tuple[Alternative, ...]:
    return (
        Alternative(
            name="East Street Library", address="", distance_m=412, opening_hours=None, next_visit=NOW, minutes=180
        ),
        Alternative(name="Brixton", address="", distance_m=2570, opening_hours="24/7"),
        Alternative(name="Peckham", address="", distance_m=2849, opening_hours="Mo-Sa 08:00-20:00"),
    )


@pytest.fixture
def world() -> Iterator[World]:
    """An empty log with empty read models."""
    made = World()
    yield made
    made.database.close()
