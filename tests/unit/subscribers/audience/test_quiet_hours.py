"""Quiet hours, digests, and the nights on which clocks change (RULES 4–6, 21)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.kernel.terms import Frequency, NoticeKind, Priority
from alerts.kernel.times import from_micros, instant
from subscribers.audience.quiet_hours import REASONS, Deferral, deferral, deferrals, next_digest, quiet_until
from subscribers.domain.events import QuietHours
from tests.unit.subscribers.audience.makers import columns_of, registered

LONDON = "Europe/London"
NIGHT = QuietHours("22:00", "07:00")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_local_time_in_the_gap_is_the_first_instant_after_it() -> None:
    assert instant(date(2026, 3, 29), time(1, 30), LONDON) == utc("2026-03-29T01:00")
    assert instant(date(2026, 3, 29), time(1, 0), LONDON) == utc("2026-03-29T01:00")
    assert instant(date(2026, 3, 29), time(0, 59), LONDON) == utc("2026-03-29T00:59")
    assert instant(date(2026, 3, 29), time(2, 0), LONDON) == utc("2026-03-29T01:00")
    # half an hour's gap, and a whole day that never was
    assert instant(date(2026, 10, 4), time(2, 15), "Australia/Lord_Howe") == utc("2026-10-03T15:30")
    assert instant(date(2011, 12, 30), time(12, 0), "Pacific/Apia") == utc("2011-12-30T10:00")


def test_a_local_time_that_occurs_twice_is_the_first() -> None:
    assert instant(date(2026, 10, 25), time(1, 30), LONDON) == utc("2026-10-25T00:30")


def test_quiet_hours_span_midnight() -> None:
    assert quiet_until(NIGHT, LONDON, utc("2026-01-10T23:00")) == utc("2026-01-11T07:00")
    assert quiet_until(NIGHT, LONDON, utc("2026-01-11T03:00")) == utc("2026-01-11T07:00")
    assert quiet_until(NIGHT, LONDON, utc("2026-01-11T07:00")) is None
    assert quiet_until(NIGHT, LONDON, utc("2026-01-11T21:59")) is None
    assert quiet_until(NIGHT, LONDON, utc("2026-01-11T22:00")) == utc("2026-01-12T07:00")
    assert quiet_until(QuietHours("12:00", "14:00"), LONDON, utc("2026-07-01T12:30")) == utc("2026-07-01T13:00")
    assert quiet_until(QuietHours("09:00", "09:00"), LONDON, utc("2026-01-10T09:00")) is None


def test_quiet_hours_when_clocks_change() -> None:
    assert quiet_until(NIGHT, LONDON, utc("2026-03-28T23:00")) == utc("2026-03-29T06:00")
    until_half_past_one = QuietHours("22:00", "01:30")
    # forward: 01:30 does not exist, so they end as the gap does; back: they end at the first 01:30 and do not return
    assert quiet_until(until_half_past_one, LONDON, utc("2026-03-29T00:30")) == utc("2026-03-29T01:00")
    assert quiet_until(until_half_past_one, LONDON, utc("2026-10-25T00:20")) == utc("2026-10-25T00:30")
    assert quiet_until(until_half_past_one, LONDON, utc("2026-10-25T01:20")) is None


@settings(max_examples=100)
@given(
    st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)),
    st.sampled_from([LONDON, "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "UTC"]),
    st.times().map(lambda t: t.strftime("%H:%M")),
    st.times().map(lambda t: t.strftime("%H:%M")),
)
def test_away_from_clock_changes_quiet_is_what_the_clock_on_the_wall_says(
    when: datetime, tz: str, start: str, end: str
) -> None:
    now = when.replace(tzinfo=UTC)
    where = ZoneInfo(tz)
    offsets = {(now + timedelta(hours=h)).astimezone(where).utcoffset() for h in range(-30, 31, 6)}
    if len(offsets) > 1:
        return
    wall = now.astimezone(where).strftime("%H:%M")
    quiet = start <= wall < end if start <= end else wall >= start or wall < end
    until = quiet_until(QuietHours(start, end), tz, now)
    assert (until is not None) == quiet
    if until is not None:
        assert now < until <= now + timedelta(days=1) and until.astimezone(where).strftime("%H:%M") == end


@pytest.mark.parametrize(
    ("frequency", "now", "due"),
    [
        ("daily", "2026-03-02T07:59", "2026-03-02T08:00"),
        ("daily", "2026-03-02T08:00", "2026-03-03T08:00"),
        ("daily", "2026-03-28T12:00", "2026-03-29T07:00"),
        ("weekly", "2026-03-02T07:00", "2026-03-02T08:00"),
        ("weekly", "2026-03-02T08:00", "2026-03-09T08:00"),
        ("weekly", "2026-03-04T12:00", "2026-03-09T08:00"),
        ("weekly", "2026-03-25T12:00", "2026-03-30T07:00"),
    ],
)
def test_digests_are_at_eight_local_time(frequency: Frequency, now: str, due: str) -> None:
    assert next_digest(frequency, LONDON, utc(now)) == utc(due)


WOKEN_ONLY = QuietHours("22:00", "07:00", "danger")
WOKEN_TOO = QuietHours("22:00", "07:00", "emergency")
MIDNIGHT = utc("2026-01-11T00:30")
QUIET = Deferral(utc("2026-01-11T07:00"), "quiet hours")
DIGEST = Deferral(utc("2026-01-11T08:00"), "digest")


@pytest.mark.parametrize(
    ("wishes", "priority", "danger", "kind", "held"),
    [
        ({}, "notice", False, "announcement", None),
        ({"quiet_hours": WOKEN_ONLY}, "notice", False, "announcement", QUIET),
        ({"quiet_hours": WOKEN_ONLY}, "emergency", False, "alert", QUIET),
        ({"quiet_hours": WOKEN_TOO}, "emergency", False, "alert", None),
        ({"quiet_hours": WOKEN_TOO}, "notice", False, "alert", QUIET),
        ({"quiet_hours": WOKEN_ONLY}, "emergency", True, "alert", None),
        ({"quiet_hours": WOKEN_ONLY, "danger_to_life": False}, "emergency", True, "alert", QUIET),
        ({"quiet_hours": WOKEN_TOO, "danger_to_life": False}, "emergency", True, "alert", QUIET),
        ({"frequency": "daily"}, "notice", False, "announcement", DIGEST),
        ({"frequency": "daily", "quiet_hours": WOKEN_ONLY}, "notice", False, "alert", DIGEST),
        ({"frequency": "daily"}, "emergency", False, "alert", None),
        ({"frequency": "daily", "danger_to_life": False}, "emergency", True, "alert", None),
        ({"frequency": "daily"}, "bulletin", False, "bulletin", None),
        ({"frequency": "daily", "quiet_hours": WOKEN_ONLY}, "bulletin", False, "bulletin", QUIET),
    ],
)
def test_what_holds_a_message_back(
    wishes: dict[str, object], priority: Priority, danger: bool, kind: NoticeKind, held: Deferral | None
) -> None:
    columns = columns_of([registered(1, **wishes), registered(2)])
    facts = columns.facts(10)
    assert facts is not None
    assert deferral(facts, priority=priority, danger=danger, kind=kind, now=MIDNIGHT) == held
    assert deferral(facts, priority=priority, danger=danger, kind=kind, now=MIDNIGHT, follow_up_of_woken=True) is None
    many = deferrals(columns, np.array([20, 10, 999]), priority=priority, danger=danger, kind=kind, now=MIDNIGHT)
    until, reason = many.until.tolist(), many.reason.tolist()
    assert (until[0], until[2], reason[0], reason[2]) == (0, 0, -1, -1)
    assert (until[1] == 0) == (held is None)
    if held is not None:
        assert (from_micros(int(until[1])), REASONS[reason[1]]) == (held.until, held.reason)
