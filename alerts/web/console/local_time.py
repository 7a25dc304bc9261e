"""Local times as officers type them: a day, a time of 24 hours, and which of two if the clocks go back. Pure."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import NamedTuple

from alerts.kernel.times import zone

YEARS = range(2000, 2200)
"""Years that are taken; beyond the calendar's ends a date has no neighbours and no instant."""
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY_WORDS = re.compile(r"(?:[a-z]+,?\s+)?(\d{1,2})\s+([a-z]{3,9})(?:\s+(\d{4}))?")
_CLOCK = re.compile(r"(\d{1,2})[:.h ]?(\d{2})|(\d{1,2})")


class LocalTime(NamedTuple):
    """Local time with its instants (UTC): none in the gap of a clock change, two where the clocks go back."""

    day: date
    clock: time
    instants: tuple[datetime, ...]


def parse_day(text: str, today: date) -> date | None:
    """Parse `2026-11-23`, `23 November`, `Mon 23 Nov 2026` or `23/11/2026`; a day without a year is the next one."""
    day = _day(text, today)
    return day if day is not None and day.year in YEARS else None


def _day(text: str, today: date) -> date | None:
    typed = " ".join(text.lower().split())
    try:
        if re.fullmatch(r"\d{4}-\d{1,2}-\d{1,2}", typed):
            year, month, day = (int(part) for part in typed.split("-"))
            return date(year, month, day)
        if re.fullmatch(r"\d{1,2}[/.]\d{1,2}[/.]\d{4}", typed):
            day, month, year = (int(part) for part in re.split(r"[/.]", typed))
            return date(year, month, day)
        found = _DAY_WORDS.fullmatch(typed)
        if found is None or found[2][:3] not in _MONTHS:
            return None
        month = _MONTHS.index(found[2][:3]) + 1
        if found[3]:
            return date(int(found[3]), month, int(found[1]))
        for year in range(today.year, today.year + 9):  # a 29 February is at most eight years away
            try:
                day_of_year = date(year, month, int(found[1]))
            except ValueError:
                continue
            if day_of_year >= today:
                return day_of_year
    except ValueError:
        return None
    return None


def parse_clock(text: str) -> time | None:
    """Parse a time of 24 hours: 8:30, 8.30, 0830 and 8 are taken."""
    found = _CLOCK.fullmatch(text.strip().lower())
    if found is None:
        return None
    hours, minutes = (found[1], found[2]) if found[1] else (found[3], "0")
    if int(hours) > 23 or int(minutes) > 59:
        return None
    return time(int(hours), int(minutes))


def local_time(day: date, clock: time, tz: str) -> LocalTime:
    """Return the instants of a local time of a zone."""
    where = zone(tz)
    wanted = datetime.combine(day, clock)
    found = []
    for fold in (0, 1):
        utc = wanted.replace(tzinfo=where, fold=fold).astimezone(UTC)
        if utc.astimezone(where).replace(tzinfo=None) == wanted and utc not in found:
            found.append(utc)
    return LocalTime(day, clock, tuple(sorted(found)))


def one_instant(day: date, clock: time, which: str, tz: str) -> datetime | str:
    """Return the instant of a local time, or why it is none or two, in words.

    `which`: `first` or `second` of a time that comes twice.
    """
    found = local_time(day, clock, tz).instants
    if not found:
        return f"{clock:%H:%M} does not exist that night: the clocks go forward. Choose another time."
    if len(found) == 2 and which not in ("first", "second"):
        return f"{clock:%H:%M} comes twice that night: choose."
    return found[1] if len(found) == 2 and which == "second" else found[0]


def which_of(at: datetime, tz: str) -> str:
    """Return which of two equal local times an instant is: `first` or `second`; "" if its time comes once."""
    local = at.astimezone(zone(tz))
    found = local_time(local.date(), local.time(), tz).instants
    return ("first", "second")[found.index(at.astimezone(UTC))] if len(found) == 2 else ""


def send_time(day: str, clock: str, which: str, tz: str, now: datetime) -> datetime | str:
    """Return the instant at which to send, or what is wrong with it, in words.

    `which`: `first` or `second` of a time that comes twice.
    """
    today = now.astimezone(zone(tz)).date()
    on, at = parse_day(day, today), parse_clock(clock)
    if on is None:
        return "Give a day, such as 2026-11-23 or 23 November."
    if at is None:
        return "Give a time of 24 hours, such as 08:30."
    sent = one_instant(on, at, which, tz)
    if isinstance(sent, str):
        return sent
    if sent <= now:
        passed = f"{at:%H:%M}" if on == today else f"{on:%-d %B}"
        return f"{passed} has passed."
    return sent
