"""When the yearly mail leaves: by day where the person is, and a part of the people at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alerts.commands.yearly_mail import EVERY_S, is_day, part_of
from alerts.kernel.ids import SHARDS
from subscribers.domain.events import Preferences, QuietHours

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("timezone", "quiet", "hour", "expected"),
    [
        ("Europe/London", None, 12, True),
        ("Europe/London", None, 8, False),
        ("Europe/London", None, 18, False),
        ("Asia/Tokyo", None, 12, False),
        ("Asia/Tokyo", None, 1, True),
        ("Europe/London", QuietHours("09:00", "16:00"), 12, False),
        ("Europe/London", QuietHours("09:00", "16:00"), 16, True),
    ],
)
def test_it_leaves_by_day_and_outside_quiet_hours(
    timezone: str, quiet: QuietHours | None, hour: int, expected: bool
) -> None:
    assert is_day(Preferences(timezone=timezone, quiet_hours=quiet), NOON.replace(hour=hour)) is expected


def test_every_part_has_its_turn_and_comes_by_day() -> None:
    turns = [NOON + timedelta(seconds=EVERY_S) * turn for turn in range(SHARDS * 9)]
    assert {part_of(at) for at in turns[:SHARDS]} == set(range(SHARDS))
    preferences = Preferences(timezone="Europe/London")
    assert {part_of(at) for at in turns if is_day(preferences, at)} == set(range(SHARDS)), "a fortnight is enough"
