"""Local times as officers type them: spellings, and what a clock change makes of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.kernel.times import zone
from alerts.web.console.local_time import local_time, parse_clock, parse_day, send_time

NOW = datetime(2026, 10, 24, 9, 0, tzinfo=UTC)
LONDON = "Europe/London"


@pytest.mark.parametrize("typed", ["2026-11-23", "23 November", "Mon 23 November", "monday, 23 nov 2026", "23/11/2026"])
def test_spellings_of_a_day(typed: str) -> None:
    assert parse_day(typed, date(2026, 10, 24)) == date(2026, 11, 23)


def test_day_without_a_year_is_the_next_one() -> None:
    assert parse_day("3 March", date(2026, 10, 24)) == date(2027, 3, 3)
    assert parse_day("29 February", date(2026, 10, 24)) == date(2028, 2, 29)


@pytest.mark.parametrize("typed", ["", "soon", "31 June", "2026-13-01", "23 Novembre 2026 x", "99 May", "32/01/2026"])
def test_what_is_no_day(typed: str) -> None:
    assert parse_day(typed, date(2026, 10, 24)) is None


@pytest.mark.parametrize(("typed", "clock"), [("8:30", "08:30"), ("8.30", "08:30"), ("0830", "08:30"), ("8", "08:00")])
def test_spellings_of_a_time(typed: str, clock: str) -> None:
    assert parse_clock(typed) == time.fromisoformat(clock)


@pytest.mark.parametrize("typed", ["", "24:00", "8:60", "noon", "8:3", "25"])
def test_what_is_no_time(typed: str) -> None:
    assert parse_clock(typed) is None


@pytest.mark.parametrize(
    ("tz", "day", "clock", "count"),
    [
        (LONDON, "2026-03-29", "01:30", 0),
        (LONDON, "2026-10-25", "01:30", 2),
        (LONDON, "2026-10-25", "02:00", 1),
        ("America/New_York", "2026-03-08", "02:15", 0),
        ("America/New_York", "2026-11-01", "01:15", 2),
        ("Australia/Lord_Howe", "2026-10-04", "02:10", 0),
        ("Australia/Lord_Howe", "2026-04-05", "01:45", 2),
        ("Asia/Karachi", "2026-03-29", "01:30", 1),
        ("UTC", "2026-03-29", "01:30", 1),
    ],
)
def test_clock_changes(tz: str, day: str, clock: str, count: int) -> None:
    assert len(local_time(date.fromisoformat(day), time.fromisoformat(clock), tz).instants) == count


@pytest.mark.parametrize(
    ("day", "clock", "which", "said"),
    [
        ("24 October 2026", "08:00", "", "08:00 has passed."),
        ("2026-10-20", "08:00", "", "20 October has passed."),
        ("2026-10-25", "01:30", "", "01:30 comes twice that night: choose."),
        ("2027-03-28", "01:30", "", "01:30 does not exist that night"),
        ("", "08:00", "", "Give a day"),
        ("2026-11-23", "8 o'clock", "", "Give a time of 24 hours"),
    ],
)
def test_wrong_times_are_said(day: str, clock: str, which: str, said: str) -> None:
    found = send_time(day, clock, which, LONDON, NOW)
    assert isinstance(found, str) and found.startswith(said)


def test_each_of_the_two_may_be_chosen() -> None:
    first, second = (send_time("2026-10-25", "01:30", which, LONDON, NOW) for which in ("first", "second"))
    assert isinstance(first, datetime) and isinstance(second, datetime) and second - first == timedelta(hours=1)


@given(st.dates(date(2026, 1, 1), date(2030, 1, 1)), st.times(), st.sampled_from([LONDON, "America/New_York", "UTC"]))
def test_instants_read_as_was_typed(day: date, at: time, tz: str) -> None:
    clock = at.replace(second=0, microsecond=0, fold=0)
    for instant in local_time(day, clock, tz).instants:
        assert instant.astimezone(zone(tz)).replace(tzinfo=None) == datetime.combine(day, clock)


@given(st.text(max_size=30), st.text(max_size=10), st.text(max_size=6))
def test_anything_typed_is_a_time_or_words(day: str, clock: str, which: str) -> None:
    assert isinstance(send_time(day, clock, which, LONDON, NOW), datetime | str)
