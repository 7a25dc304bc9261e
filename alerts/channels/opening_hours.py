"""Opening hours (OpenStreetMap syntax) and visits in words: `Mo-Sa 08:00-20:00` → `Mon to Sat, 08:00 to 20:00`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import lru_cache

from babel.dates import get_day_names

from alerts.channels.i18n import Translator, translator

_DAYS = {"Mo": 0, "Tu": 1, "We": 2, "Th": 3, "Fr": 4, "Sa": 5, "Su": 6}
_DAY = "(?:Mo|Tu|We|Th|Fr|Sa|Su|PH)"
_RULE = re.compile(
    rf"^(?P<days>{_DAY}(?:-{_DAY})?(?:\s*,\s*{_DAY}(?:-{_DAY})?)*)?\s*:?\s*"
    r"(?P<times>24/7|off|closed|\d{1,2}:\d{2}-\d{1,2}:\d{2}(?:\s*,\s*\d{1,2}:\d{2}-\d{1,2}:\d{2})*)$"
)


def hours_in_words(osm: str | None, words: Translator) -> str:
    """Translate simple rules to words; complex ones are shown as written, which beats a wrong paraphrase."""
    return _in_words(osm.strip(), words.tag) if osm else ""


def visit_in_words(start: datetime, minutes: int, words: Translator, timezone: str) -> str:
    """Format the next visit: day, start and end."""
    return _visit(start, minutes, words.tag, timezone)


@lru_cache(maxsize=4096)
def _visit(start: datetime, minutes: int, tag: str, timezone: str) -> str:
    words, end = translator(tag), start + timedelta(minutes=minutes)
    return words.text(
        "hours",
        "visit",
        day=words.short_day(start, timezone),
        start=words.clock(start, timezone),
        end=words.clock(end, timezone),
    )


@lru_cache(maxsize=4096)
def _in_words(osm: str, tag: str) -> str:
    words = translator(tag)
    if osm == "24/7":
        return words.text("hours", "always")
    rules = [_rule(part.strip(), words) for part in osm.split(";") if part.strip()]
    return "; ".join(r for r in rules if r) if rules and all(r is not None for r in rules) else osm


def _rule(rule: str, words: Translator) -> str | None:
    match = _RULE.match(rule)
    if not match:
        return None
    days, times = match["days"], match["times"]
    if times in ("off", "closed"):
        spans = words.text("hours", "closed")
    elif times in ("24/7", "00:00-24:00"):
        spans = words.text("hours", "always")
    else:
        spans = words.comma.join(
            words.text("hours", "span", start=start, end=end)
            for start, _, end in (span.strip().partition("-") for span in times.split(","))
        )
    if not days or days == "Mo-Su":
        return f"{words.text('hours', 'daily')}{words.comma}{spans}"
    return f"{_days(days, words)}{words.comma}{spans}"


def _days(days: str, words: Translator) -> str:
    names = get_day_names("abbreviated", locale=words.locale)

    def name(day: str) -> str:
        return words.text("hours", "holidays") if day == "PH" else names[_DAYS[day]].rstrip(".")

    out = []
    for part in days.split(","):
        first, _, last = part.strip().partition("-")
        out.append(words.text("hours", "days", first=name(first), last=name(last)) if last else name(first))
    return words.comma.join(out)
