"""Recurrence of newsletter issues: an RFC 5545 RRULE of days, at a local time of one zone (RULES 21).

The rule is evaluated over calendar days; only then is a day converted to an instant, so that a clock change can neither
skip nor double an issue. A local time that does not exist becomes the first instant after the gap; of one that occurs
twice, the first is used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, time, timedelta

from alerts.domain.events import NewsletterSchedule
from alerts.kernel.errors import Invalid
from alerts.kernel.times import instant, zone

AHEAD = timedelta(days=366 * 9)
"""Search limit for the next issue: a 29 February is at most eight years away."""
_CLOCK = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
_PARTS = {
    "INTERVAL": re.compile(r"[1-9][0-9]{0,2}"),  # dateutil loops for ever at 0
    "BYDAY": re.compile(r"(?:[+-]?[1-5])?(?:MO|TU|WE|TH|FR|SA|SU)(?:,(?:[+-]?[1-5])?(?:MO|TU|WE|TH|FR|SA|SU))*"),
    "BYMONTH": re.compile(r"(?:[1-9]|1[0-2])(?:,(?:[1-9]|1[0-2]))*"),
    "BYMONTHDAY": re.compile(r"-?(?:[1-9]|[12][0-9]|3[01])(?:,-?(?:[1-9]|[12][0-9]|3[01]))*"),
    "BYSETPOS": re.compile(r"-?[1-9][0-9]?"),
    "UNTIL": re.compile(r"[0-9]{8}"),
    "WKST": re.compile(r"MO|TU|WE|TH|FR|SA|SU"),
}
_OF_MONTHS = ("BYMONTHDAY", "BYSETPOS")
"""Parts only for rules of months and years: by days dateutil would search for a 30 February until 9999."""
_USE = (
    "Give a recurrence rule of days (RFC 5545), such as FREQ=WEEKLY;BYDAY=FR or FREQ=MONTHLY;BYMONTHDAY=1. The time of "
    "day stands in `at`. INTERVAL, BYDAY, BYMONTH, WKST, UNTIL=20261231 are known; of months BYMONTHDAY, BYSETPOS too."
)


def check(schedule: NewsletterSchedule, now: datetime, field: str = "schedule") -> NewsletterSchedule:
    """Validate a schedule: readable, and with an issue in the future. Raises Invalid."""
    if not _CLOCK.fullmatch(schedule.at):
        raise Invalid.field(f"{field}.at", "Give the local time as HH:MM, such as 08:00.")
    if not is_readable(schedule.rrule):
        raise Invalid.field(f"{field}.rrule", _USE)
    try:
        following = next_issue(schedule, now, now)
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise Invalid.field(f"{field}.rrule", f"This is no recurrence rule (RFC 5545): {error}") from None
    if following is None:
        raise Invalid.field(f"{field}.rrule", "This rule names no day of the next nine years.")
    return schedule


def is_readable(rule: str, more: Mapping[str, re.Pattern[str]] = {}) -> bool:
    """True if a rule is supported: each part once, nothing finer than days, nothing that loops for ever.

    `more`: additional parts that are allowed.
    """
    known = {**_PARTS, **more}
    parts = [part.partition("=") for part in rule.removeprefix("RRULE:").split(";")]
    given = {name: value for name, _, value in parts}
    if len(rule) > 500 or len(given) != len(parts):
        return False
    frequency = given.pop("FREQ", "")
    if frequency not in ("DAILY", "WEEKLY", "MONTHLY", "YEARLY"):
        return False
    if frequency in ("DAILY", "WEEKLY") and not given.keys().isdisjoint(_OF_MONTHS):
        return False
    return all(name in known and known[name].fullmatch(value) for name, value in given.items())


def next_issue(schedule: NewsletterSchedule, since: datetime, after: datetime) -> datetime | None:
    """First issue (UTC) later than `after`; None if there is none. `since`: time at which the schedule was set."""
    from dateutil.rrule import rrule, rrulestr  # 30 ms: only where newsletters are

    where = zone(schedule.timezone)
    first = since.astimezone(where).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    today = after.astimezone(where).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    days = rrulestr(schedule.rrule, dtstart=first)
    assert isinstance(days, rrule), "the rule was checked to be a single one"
    end = today + AHEAD
    days = days.replace(until=min(filter(None, (days._until, end))))
    at = time.fromisoformat(schedule.at)
    day = days.after(today, inc=True)
    while day is not None:
        due = instant(day.date(), at, schedule.timezone)
        if due > after:
            return due
        day = days.after(day)
    return None
