"""Recurrence in fields: how often, on which days, at what time; to an RRULE (RFC 5545) and back. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from alerts.domain.events import NewsletterSchedule
from alerts.domain.recurrence import next_issue
from alerts.kernel.errors import Invalid
from alerts.web.console.local_time import parse_clock
from alerts.web.public.forms import FormErrors, FormFields

DAYS = (
    ("MO", "Monday"),
    ("TU", "Tuesday"),
    ("WE", "Wednesday"),
    ("TH", "Thursday"),
    ("FR", "Friday"),
    ("SA", "Saturday"),
    ("SU", "Sunday"),
)
OFTEN = (
    ("DAILY", "Every day"),
    ("WEEKLY", "Every week"),
    ("FORTNIGHTLY", "Every other week"),
    ("MONTHLY", "Every month, on a day of the month"),
    ("RULE", "By a rule (RFC 5545)"),
)
SHOWN = 5


@dataclass(slots=True)
class SeriesForm:
    """Typed recurrence."""

    often: str = "WEEKLY"
    days: tuple[str, ...] = ("TU",)
    month_day: str = "1"
    rule: str = ""
    at: str = "08:00"

    def differs(self, schedule: NewsletterSchedule | None) -> bool:
        """True if it says something other than a schedule: something was typed that is not saved."""
        saved = of_schedule(schedule)
        return (self.often, set(self.days), self.month_day, self.rule, self.at) != (
            saved.often,
            set(saved.days),
            saved.month_day,
            saved.rule,
            saved.at,
        )


def next_issues(schedule: NewsletterSchedule, since: datetime, now: datetime, most: int = SHOWN) -> list[datetime]:
    """Return the next times of a schedule, at most `most`; fewer if it ends."""
    found: list[datetime] = []
    after = now
    while len(found) < most:
        try:
            following = next_issue(schedule, since, after)
        except (ValueError, TypeError, AttributeError, OverflowError, Invalid):
            break
        if following is None:
            break
        found.append(following)
        after = following
    return found


def of_schedule(schedule: NewsletterSchedule | None) -> SeriesForm:
    """Return the form that shows a schedule."""
    if schedule is None:
        return SeriesForm()
    parts = dict(part.partition("=")[::2] for part in schedule.rrule.split(";"))
    days = tuple(parts.get("BYDAY", "").split(",")) if "BYDAY" in parts else ()
    plain = all(day in dict(DAYS) for day in days)
    match parts:
        case {"FREQ": "DAILY", **rest} if not rest:
            return SeriesForm("DAILY", (), at=schedule.at)
        case {"FREQ": "WEEKLY", "BYDAY": _, **rest} if plain and (not rest or rest == {"INTERVAL": "2"}):
            return SeriesForm("FORTNIGHTLY" if rest else "WEEKLY", days, at=schedule.at)
        case {"FREQ": "MONTHLY", "BYMONTHDAY": day, **rest} if not rest:
            return SeriesForm("MONTHLY", (), day, at=schedule.at)
    return SeriesForm("RULE", (), rule=schedule.rrule, at=schedule.at)


def parse(fields: FormFields, errors: FormErrors) -> tuple[SeriesForm, str]:
    """Parse a recurrence. Return the form and the RRULE; "" if something is wrong, which the errors say."""
    form = SeriesForm(
        often=fields.one_of("often", tuple(value for value, _ in OFTEN), "WEEKLY"),
        days=tuple(day for day, _ in DAYS if day in fields.all("on")),
        month_day=fields.line("month-day"),
        rule=fields.line("rule").upper(),
        at=fields.line("at"),
    )
    clock = parse_clock(form.at)
    if clock is None:
        errors.add("at", "Give a time of 24 hours, such as 08:30.")
    else:
        form.at = f"{clock:%H:%M}"
    rule = _rule(form, errors)
    return form, "" if errors else rule


def _rule(form: SeriesForm, errors: FormErrors) -> str:
    match form.often:
        case "DAILY":
            return "FREQ=DAILY"
        case "WEEKLY" | "FORTNIGHTLY":
            if not form.days:
                errors.add("on", "Tick at least one day.")
            return f"FREQ=WEEKLY;{'INTERVAL=2;' if form.often == 'FORTNIGHTLY' else ''}BYDAY={','.join(form.days)}"
        case "MONTHLY":
            if form.month_day not in map(str, range(1, 29)):
                errors.add("month-day", "Give a day of the month from 1 to 28: every month has it.")
            return f"FREQ=MONTHLY;BYMONTHDAY={form.month_day}"
        case _:
            if not form.rule:
                errors.add("rule", "Give a rule, such as FREQ=MONTHLY;BYDAY=1TU.")
            return form.rule
