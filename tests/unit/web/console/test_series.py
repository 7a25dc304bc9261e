"""Recurrence in fields, to a rule and back, and its next times over clock changes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from multidict import MultiDict

from alerts.domain.events import NewsletterSchedule
from alerts.kernel.times import zone
from alerts.web.console import series
from alerts.web.public.forms import FormErrors, FormFields

NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"often": "DAILY"}, "FREQ=DAILY"),
        ({"often": "WEEKLY", "on": ("TU", "FR")}, "FREQ=WEEKLY;BYDAY=TU,FR"),
        ({"often": "FORTNIGHTLY", "on": ("MO",)}, "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO"),
        ({"often": "MONTHLY", "month-day": "15"}, "FREQ=MONTHLY;BYMONTHDAY=15"),
        ({"often": "RULE", "rule": "freq=monthly;byday=1tu"}, "FREQ=MONTHLY;BYDAY=1TU"),
    ],
)
def test_fields_and_rule_say_the_same(fields: dict[str, str | tuple[str, ...]], rule: str) -> None:
    typed: MultiDict[str] = MultiDict(at="8.30")
    for name, values in fields.items():
        for value in (values,) if isinstance(values, str) else values:
            typed.add(name, value)
    errors = FormErrors()
    form, parsed = series.parse(FormFields(typed), errors)
    assert (parsed, form.at, errors.words) == (rule, "08:30", {})
    again = series.of_schedule(NewsletterSchedule(rrule=rule, at="08:30", timezone="Europe/London"))
    assert (again.often, again.days, again.at) == (form.often, form.days if "on" in fields else (), "08:30")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"often": "WEEKLY", "at": "8"}, "on"),
        ({"often": "MONTHLY", "month-day": "31", "at": "8"}, "month-day"),
        ({"often": "MONTHLY", "month-day": "x", "at": "8"}, "month-day"),
        ({"often": "RULE", "at": "8"}, "rule"),
        ({"often": "DAILY", "at": "soon"}, "at"),
    ],
)
def test_what_is_missing_is_said_at_its_field(fields: dict[str, str], field: str) -> None:
    errors = FormErrors()
    _, rule = series.parse(FormFields(fields), errors)
    assert rule == "" and list(errors.words) == [field]


@pytest.mark.parametrize("tz", ["Europe/London", "America/New_York", "Asia/Karachi"])
def test_next_five_keep_their_local_time_over_a_clock_change(tz: str) -> None:
    schedule = NewsletterSchedule(rrule="FREQ=WEEKLY;BYDAY=SU", at="08:00", timezone=tz)
    times = series.next_issues(schedule, NOW, NOW)
    assert len(times) == 5 and len(set(times)) == 5
    assert {f"{at.astimezone(zone(tz)):%a %H:%M}" for at in times} == {"Sun 08:00"}


def test_series_that_ends_has_fewer() -> None:
    schedule = NewsletterSchedule(rrule="FREQ=DAILY;UNTIL=20260322", at="08:00", timezone="UTC")
    assert len(series.next_issues(schedule, NOW, NOW)) == 2
