"""Opening hours (OpenStreetMap syntax) and visits in words: `Mo-Sa 08:00-20:00` → `Mon to Sat, 08:00 to 20:00`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import lru_cache

from babel.dates import get_day_names

from alerts.channels.i18n import Translator, translator
from alerts.kernel.texts import HOURS, cut

_DAYS = {"Mo": 0, "Tu": 1, "We": 2, "Th": 3, "Fr": 4, "Sa": 5, "Su": 6}
_DAY = "(?:Mo|Tu|We|Th|Fr|Sa|Su|PH)"
_RULE = re.compile(
    rf"(?P<days>{_DAY}(?:-{_DAY})?(?:,{_DAY}(?:-{_DAY})?)*)?:? ?"
    r"(?P<times>24/7|off|closed|\d{1,2}:\d{2}-\d{1,2}:\d{2}(?:,\d{1,2}:\d{2}-\d{1,2}:\d{2})*)"
)
"""A rule without blanks beside commas and before colons: no two quantifiers can take the same character."""


def hours_in_words(osm: str | None, t: Translator) -> str:
    """Translate simple rules to words; complex ones are shown as written, which beats a wrong paraphrase.

    Longer hours than are taken today are cut: each recipient's message repeats them.
    """
    return _in_words(cut(" ".join(osm[: 2 * HOURS].split()), HOURS), t.tag) if osm else ""


def visit_in_words(start: datetime, minutes: int, t: Translator, timezone: str) -> str:
    """Format the next visit: day, start and end."""
    return _visit(start, minutes, t.tag, timezone)


@lru_cache(maxsize=4096)
def _visit(start: datetime, minutes: int, tag: str, timezone: str) -> str:
    t, end = translator(tag), start + timedelta(minutes=minutes)
    return t.text(
        "hours",
        "visit",
        day=t.short_day(start, timezone),
        start=t.clock(start, timezone),
        end=t.clock(end, timezone),
    )


@lru_cache(maxsize=4096)
def _in_words(osm: str, tag: str) -> str:
    t = translator(tag)
    if osm == "24/7":
        return t.text("hours", "always")
    rules = [_rule(part.strip(), t) for part in osm.split(";") if part.strip()]
    return "; ".join(r for r in rules if r) if rules and all(r is not None for r in rules) else osm


def _rule(rule: str, t: Translator) -> str | None:
    match = _RULE.fullmatch(_tight(rule))
    if not match:
        return None
    days, times = match["days"], match["times"]
    if times in ("off", "closed"):
        spans = t.text("hours", "closed")
    elif times in ("24/7", "00:00-24:00"):
        spans = t.text("hours", "always")
    else:
        spans = t.comma.join(
            t.text("hours", "span", start=start, end=end)
            for start, _, end in (span.strip().partition("-") for span in times.split(","))
        )
    if not days or days == "Mo-Su":
        return f"{t.text('hours', 'daily')}{t.comma}{spans}"
    return f"{_days(days, t)}{t.comma}{spans}"


def _tight(rule: str) -> str:
    """Leave out the blanks around commas and before colons."""
    return ",".join(part.strip() for part in rule.split(",")).replace(" :", ":")


def _days(days: str, t: Translator) -> str:
    names = get_day_names("abbreviated", locale=t.locale)

    def name(day: str) -> str:
        return t.text("hours", "holidays") if day == "PH" else names[_DAYS[day]].rstrip(".")

    out = []
    for part in days.split(","):
        first, _, last = part.strip().partition("-")
        out.append(t.text("hours", "days", first=name(first), last=name(last)) if last else name(first))
    return t.comma.join(out)
