"""Due times of a newsletter's issues: rules over days, clocks that change, and rules that never come."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from time import thread_time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.domain.events import NewsletterSchedule
from alerts.domain.recurrence import check, next_issue
from alerts.kernel.errors import Invalid

LONDON = "Europe/London"


def schedule(rrule: str, at: str = "08:00", timezone: str = LONDON) -> NewsletterSchedule:
    return NewsletterSchedule(rrule=rrule, at=at, timezone=timezone)


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rule", "since", "after", "due"),
    [
        (schedule("FREQ=WEEKLY;BYDAY=FR"), utc(2026, 3, 1), utc(2026, 3, 1), utc(2026, 3, 6, 8)),
        (schedule("FREQ=WEEKLY;BYDAY=FR"), utc(2026, 3, 1), utc(2026, 3, 6, 7, 59), utc(2026, 3, 6, 8)),
        (schedule("FREQ=WEEKLY;BYDAY=FR"), utc(2026, 3, 1), utc(2026, 3, 6, 8), utc(2026, 3, 13, 8)),
        (schedule("RRULE:FREQ=DAILY"), utc(2026, 6, 1), utc(2026, 6, 1, 6), utc(2026, 6, 1, 7)),
        (schedule("FREQ=MONTHLY;BYDAY=1TU"), utc(2026, 3, 1), utc(2026, 3, 4), utc(2026, 4, 7, 7)),
        (schedule("FREQ=MONTHLY;BYMONTHDAY=-1", "18:30"), utc(2026, 1, 1), utc(2026, 2, 1), utc(2026, 2, 28, 18, 30)),
        (schedule("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29"), utc(2026, 3, 1), utc(2026, 3, 1), utc(2028, 2, 29, 8)),
        # every other week counts from the day on which it was set
        (schedule("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO"), utc(2026, 3, 2), utc(2026, 3, 3), utc(2026, 3, 16, 8)),
        (schedule("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO"), utc(2026, 3, 2), utc(2027, 3, 2), utc(2027, 3, 15, 8)),
        # 01:30 does not exist on 29 March, and comes twice on 25 October
        (schedule("FREQ=DAILY", "01:30"), utc(2026, 3, 1), utc(2026, 3, 28, 12), utc(2026, 3, 29, 1)),
        (schedule("FREQ=DAILY", "01:30"), utc(2026, 3, 1), utc(2026, 10, 24, 12), utc(2026, 10, 25, 0, 30)),
        (schedule("FREQ=DAILY", "01:30"), utc(2026, 3, 1), utc(2026, 10, 25, 0, 45), utc(2026, 10, 26, 1, 30)),
        (schedule("FREQ=DAILY;UNTIL=20260305"), utc(2026, 3, 1), utc(2026, 3, 5, 7), utc(2026, 3, 5, 8)),
        (schedule("FREQ=DAILY;UNTIL=20260305"), utc(2026, 3, 1), utc(2026, 3, 5, 8), None),
        # it is Saturday already in Auckland
        (schedule("FREQ=WEEKLY;BYDAY=SA", "08:00", "Pacific/Auckland"), utc(2026, 6, 1), utc(2026, 6, 5, 19),
         utc(2026, 6, 5, 20)),
    ],
)  # fmt: skip
def test_the_next_issue(rule: NewsletterSchedule, since: datetime, after: datetime, due: datetime | None) -> None:
    assert next_issue(rule, since, after) == due


@pytest.mark.parametrize(
    "rrule",
    [
        "", "weekly", "FREQ=HOURLY", "FREQ=WEEKLY;FREQ=SECONDLY", "FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;INTERVAL=1000",
        "FREQ=DAILY;COUNT=3", "FREQ=DAILY;BYHOUR=3", "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "FREQ=DAILY;UNTIL=20269999",
        "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=YEARLY;INTERVAL=999", "FREQ=DAILY;UNTIL=20200101",
        "FREQ=DAILY;INTERVAL=7;BYDAY=MO", "DTSTART:20260101T000000\nRRULE:FREQ=DAILY", "FREQ=WEEKLY;BYDAY=XX",
        "FREQ=DAILY;" + "BYMONTH=" + "1," * 400 + "1",
    ],
)  # fmt: skip
def test_what_is_no_rule_of_days_or_never_comes_is_refused_at_once(rrule: str) -> None:
    began = thread_time()
    with pytest.raises(Invalid) as refused:
        check(schedule(rrule), utc(2026, 3, 1, 12))
    assert [error.field for error in refused.value.errors] == ["schedule.rrule"]
    assert thread_time() - began < 5


@pytest.mark.parametrize("at", ["8:00", "24:00", "08:60", "08:00:00", "noon", ""])
def test_a_time_of_day_is_hours_and_minutes(at: str) -> None:
    with pytest.raises(Invalid) as refused:
        check(schedule("FREQ=DAILY", at), utc(2026, 3, 1))
    assert [error.field for error in refused.value.errors] == ["schedule.at"]


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
    st.integers(0, 23),
    st.integers(0, 59),
    st.dates(date(2025, 1, 1), date(2027, 12, 1)),
)
def test_a_daily_issue_comes_once_a_local_day(timezone: str, hour: int, minute: int, day: date) -> None:
    """Whatever clocks do: each local day has one issue, in order."""
    rule, now = (
        schedule("FREQ=DAILY", f"{hour:02}:{minute:02}", timezone),
        datetime.combine(day, datetime.min.time(), UTC),
    )
    found: list[datetime] = []
    for _ in range(4):
        due = next_issue(rule, now - timedelta(days=3), found[-1] if found else now)
        assert due is not None
        found.append(due)
    days = [due.astimezone(ZoneInfo(timezone)).date() for due in found]
    assert days == [days[0] + timedelta(days=step) for step in range(4)]
