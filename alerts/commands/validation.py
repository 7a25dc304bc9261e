"""Body validation beyond types: limits, offsets, texts (CONTRACT "HTTP"). Each error names the field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from alerts.contract.bodies import Area, ContentBody, VisitBody
from alerts.domain.events import Content, Visit
from alerts.domain.recurrence import is_readable
from alerts.kernel import texts
from alerts.kernel.errors import Invalid
from alerts.kernel.texts import hidden_characters, without_forbidden, without_hidden
from alerts.kernel.time_limits import time_faults

TITLE, BODY, SMS, NAME, REASON = texts.TITLE, texts.BODY, 612, 200, 2_000
HOURS, VISITS = texts.HOURS, 50
_FEW = 10
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3}")
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,78}[a-z0-9])?")


def check_times(body: msgspec.Struct) -> None:
    """Refuse any time without an offset or of an implausible year, anywhere in the body."""
    found = time_faults(body)
    if found:
        raise Invalid(f"{found[0].field}: {found[0].message}", found)


def is_drawn(area: Area | None) -> bool:
    """True if checking an AREA is slow: outlines and many parts are; a few circles and places are not."""
    parts = area if isinstance(area, list) else [area]
    return len(parts) > _FEW or any(part is not None and "coordinates" in part for part in parts)


def text(value: str, field: str, limit: int, *, line: bool = False, needed: bool = False) -> str:
    """Validate and trim a text; `line`: collapse it to one line. Characters that XML forbids are removed.

    So are those that nobody sees or that turn the direction of writing; a line that holds one is refused, since names
    and titles stand beside others that they could pass for. Raises Invalid.
    """
    value = without_forbidden(value).removeprefix("\ufeff")
    if not line:
        value = without_hidden(value)
    elif hidden := hidden_characters(value):
        raise Invalid.field(
            field,
            f"This holds characters that nobody sees ({', '.join(hidden[:5])}) and that may show it as something else: "
            "write it without them.",
        )
    value = " ".join(value.split()) if line else value.strip()
    if needed and not value:
        raise Invalid.field(field, "This cannot be empty.")
    if len(value) > limit:
        raise Invalid.field(field, f"This has {len(value)} characters; at most {limit} are taken.")
    return value


def slug(value: str, field: str = "slug") -> str:
    """Validate a slug: lower-case letters, digits, hyphens."""
    if not _SLUG.fullmatch(value):
        words = f"“{value[:80]}” is no short name: use small letters, digits and hyphens, at most 80."
        raise Invalid.field(field, words)
    return value


def language(value: str, field: str = "language") -> str:
    """Validate a language tag (BCP 47, by shape)."""
    if not _LANGUAGE.fullmatch(value):
        raise Invalid.field(field, f"{value[:40]!r} is no language tag: write en, cy or pt-BR.")
    return value


def names(value: Mapping[str, str], field: str = "name") -> dict[str, str]:
    """Validate a name by language, at least one."""
    if not value:
        raise Invalid.field(field, 'Give a name in at least one language, such as {"en": "Camden"}.')
    return {
        language(tag, field): text(word, f"{field}.{tag}", NAME, line=True, needed=True) for tag, word in value.items()
    }


def content(
    value: Mapping[str, ContentBody] | None, field: str = "content", *, titled: bool = True
) -> dict[str, Content]:
    """Validate texts by language; {} if there are none. `titled`: each needs its title."""
    return {
        language(tag, field): Content(
            title=text(words.title, f"{field}.{tag}.title", TITLE, line=True, needed=titled),
            body=text(words.body, f"{field}.{tag}.body", BODY),
            instruction=text(words.instruction, f"{field}.{tag}.instruction", BODY),
            sms=text(words.sms, f"{field}.{tag}.sms", SMS),
        )
        for tag, words in (value or {}).items()
    }


def in_time(expires: datetime | None, now: datetime, *, start: datetime | None = None, field: str = "expires") -> None:
    """Refuse an end in the past or before the start."""
    if expires is None:
        return
    if expires <= now:
        raise Invalid.field(field, "This time has passed already: give a later one, or leave it out.")
    if start is not None and expires <= start:
        raise Invalid.field(field, "It would end before it begins: give a later end or an earlier start.")


def timezone(value: str, field: str = "timezone") -> str:
    """Validate an IANA time zone."""
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise Invalid.field(field, f"{value[:60]!r} is no time zone: write Europe/London or UTC.") from None
    return value


def opening_hours(value: str | None, field: str) -> str | None:
    """Validate opening hours in OpenStreetMap's syntax."""
    if value is None:
        return None
    if len(value) > HOURS:
        raise Invalid.field(field, f"This has {len(value)} characters; at most {HOURS} are taken.")
    import opening_hours as library  # 20 ms: only where service points are

    try:
        library.OpeningHours(value)
    except library.ParserError:  # type: ignore[attr-defined]  # missing in its stubs
        raise Invalid.field(
            field,
            f"{value[:60]!r} is not in OpenStreetMap's syntax for opening hours: write Mo-Sa 08:00-20:00 or 24/7.",
        ) from None
    return value


_VISITS = {"COUNT": re.compile(r"[1-9][0-9]{0,3}"), "UNTIL": re.compile(r"[0-9]{8}(T[0-9]{6}Z?)?")}
"""Parts allowed in a rule of visits besides its days; with others, finding the next visit might never end."""


def visits(value: tuple[VisitBody, ...], field: str) -> tuple[Visit, ...]:
    """Validate the visits of a mobile unit."""
    if len(value) > VISITS:
        raise Invalid.field(field, f"These are {len(value)} visits; at most {VISITS} are taken: use recurrence rules.")
    return tuple(_visit(visit, f"{field}.{index}") for index, visit in enumerate(value))


def _visit(visit: VisitBody, field: str) -> Visit:
    if not 1 <= visit.minutes <= 7 * 24 * 60:
        raise Invalid.field(f"{field}.minutes", "A visit lasts from a minute to a week.")
    if visit.rrule is not None:
        from dateutil.rrule import rrulestr  # 30 ms: only where service points are

        if not is_readable(visit.rrule, _VISITS):
            raise Invalid.field(f"{field}.rrule", "Give a recurrence rule of days (RFC 5545), such as FREQ=WEEKLY.")
        try:
            rrulestr(visit.rrule, dtstart=visit.dtstart)
        except (ValueError, TypeError, AttributeError) as error:
            raise Invalid.field(f"{field}.rrule", f"This is no recurrence rule (RFC 5545): {error}") from None
    return Visit(dtstart=visit.dtstart, minutes=visit.minutes, rrule=visit.rrule)
