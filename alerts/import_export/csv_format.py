"""Subscriber as a CSV row: the same columns for import and export.

`topics` and `channels` are separated by spaces or semicolons; `places` is a list in JSON as in the API, or the short
form, places separated by `|`: `51.48,-0.09,1.5` (latitude, longitude, radius in km) or `southwark` (the slug of a
registered place); `push` is a browser's push subscription in JSON, `postal` an address in JSON. A cell that a
spreadsheet would evaluate as a formula is exported with a leading apostrophe, which is removed on import.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, get_args

import msgspec

from alerts.channels.registry import WRITABLE
from alerts.kernel.errors import Invalid
from alerts.kernel.terms import CHANNEL_TERMS, CHANNELS, Frequency, Severity
from alerts.kernel.time_limits import parse_time
from subscribers.domain.subscriber import SubscriberState

Json = dict[str, Any]
Cells = dict[str, str]
"""Non-empty cells of a row by column."""
REACHES = tuple(dict.fromkeys(CHANNEL_TERMS[channel].field for channel in WRITABLE))
"""Columns with an address: a row needs at least one of them."""
_SUBSCRIPTIONS = frozenset(
    terms.field for terms in CHANNEL_TERMS.values() if terms.address in ("subscription", "postal")
)
"""Those of them that are JSON."""
COLUMNS = (
    *REACHES,
    "language",
    "timezone",
    "places",
    "topics",
    "severity_at_least",
    "channels",
    "frequency",
    "quiet_from",
    "quiet_to",
    "wake_for",
    "danger_to_life",
    "tester",
    "discreet",
    "paused_until",
    "consent_wording",
    "consent_given_at",
    "consent_how",
)
LIVING = ("requested", "confirmed")
"""Phases of a subscriber that are exported; those who left, lapsed or were erased are not."""
_SIGNS = r"=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20"
"""First characters of a formula, full-width ones too: some spreadsheets fold them."""
_FORMULA = re.compile(rf"[{_SIGNS}]|'['{_SIGNS}]")
_ESCAPED = re.compile(rf"'['{_SIGNS}]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")
_CONSENT = ("consent_wording", "consent_given_at", "consent_how")
_CHOICES: dict[str, Sequence[str]] = {
    "severity_at_least": get_args(Severity),
    "frequency": get_args(Frequency),
    "wake_for": ("danger", "emergency"),
}
_COLUMN_OF = {
    "quiet_hours.from": "quiet_from",
    "quiet_hours.to": "quiet_to",
    "quiet_hours.wake_for": "wake_for",
    "consent": "consent_wording",
    **{name.replace("_", ".", 1): name for name in _CONSENT},
}
_IN_A_PLACE = re.compile(r"places[.\[](\d+)\]?\.?(.*)")


def escape_formula(cell: str) -> str:
    """Escape a cell that a spreadsheet would evaluate (OWASP, "CSV Injection"); a plain number is unchanged."""
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def unescape_formula(cell: str) -> str:
    """Reverse `escape_formula`."""
    return cell[1:] if _ESCAPED.match(cell) else cell


def body_of(row: Cells) -> Json:
    """Convert a row to the API's body, plus `paused_until` if given. Raises Invalid.

    With a consent the person is confirmed; without one they are asked to confirm.
    """
    body: Json = {name: row[name] for name in (*REACHES, "language", "timezone") if name in row}
    for name in _SUBSCRIPTIONS & body.keys():
        body[name] = _json(name, row[name], dict)
    for name in ("severity_at_least", "frequency"):
        if name in row:
            body[name] = _choice(name, row[name], _CHOICES[name])
    if "paused_until" in row:
        body["paused_until"] = parse_time(row["paused_until"], "paused_until")
    if "topics" in row:
        body["topics"] = _words(row["topics"])
    if "channels" in row:
        body["channels"] = [_choice("channels", word, CHANNELS) for word in _words(row["channels"])]
    for name in ("danger_to_life", "tester", "discreet"):
        if name in row:
            body[name] = _boolean(name, row[name])
    if "places" in row:
        body["places"] = _places(row["places"])
    if "quiet_from" in row or "quiet_to" in row:
        body["quiet_hours"] = {"from": row.get("quiet_from", ""), "to": row.get("quiet_to", "")}
        if "wake_for" in row:
            body["quiet_hours"]["wake_for"] = _choice("wake_for", row["wake_for"], _CHOICES["wake_for"])
    elif "wake_for" in row:
        raise Invalid.field("wake_for", "There are no quiet hours: give quiet_from and quiet_to, or leave this empty.")
    if any(name in row for name in _CONSENT):
        body |= {"confirmed": True, "consent": _consent(row)}
    return body


def in_columns(field: str, reason: str) -> tuple[str, str]:
    """Translate an API error to the file's columns, whose names the user of the file knows."""
    if found := _IN_A_PLACE.fullmatch(field):
        where = f"place {int(found[1]) + 1}" + (f", {found[2]}" if found[2] else "")
        return "places", f"{where}: {reason}"
    column, _, inside = field.replace("[", ".").partition(".")
    if column in _SUBSCRIPTIONS and inside:
        return column, f"{inside}: {reason}"
    return _COLUMN_OF.get(field) or (column if column in COLUMNS else field), reason


def exported(person: SubscriberState) -> Cells | None:
    """Convert a subscriber to a row without empty cells; None without an exported phase or an address.

    Who only follows a thread is left out too: no other system has it.

    A contact point that is suppressed, or that a confirmed person never verified, is left out: an import elsewhere
    would reactivate it.
    """
    reaches = _reaches(person)
    preferences, row = person.preferences, reaches
    if not reaches or person.phase not in LIVING or (preferences is not None and preferences.only_followed):
        return None
    if preferences is not None:
        row |= {
            "language": preferences.language,
            "timezone": preferences.timezone,
            "places": _dumped([_place(msgspec.to_builtins(p)) for p in preferences.places])
            if preferences.places
            else "",
            "topics": " ".join(preferences.topics),
            "severity_at_least": preferences.severity_at_least or "",
            "channels": " ".join(preferences.channels),
            "frequency": preferences.frequency,
            "danger_to_life": str(preferences.danger_to_life).lower(),
            "tester": str(preferences.tester).lower(),
            "discreet": str(preferences.discreet).lower(),
        }
        if preferences.quiet_hours is not None:
            quiet = preferences.quiet_hours
            row |= {"quiet_from": quiet.start, "quiet_to": quiet.end, "wake_for": quiet.wake_for}
    if person.paused_until is not None:
        row["paused_until"] = person.paused_until.isoformat()
    if person.consent is not None:
        row |= {
            "consent_wording": person.consent.wording,
            "consent_given_at": person.consent.given_at.isoformat(),
            "consent_how": person.consent.how,
        }
    return {name: escape_formula(value) for name, value in row.items() if value}


def _reaches(person: SubscriberState) -> Cells:
    """Addresses of the person by column; of several devices, the last one."""
    found: Cells = {}
    for contact in person.current:
        column = CHANNEL_TERMS[contact.channel].field if contact.channel in WRITABLE else ""
        theirs = contact.state == "verified" or person.phase == "requested"
        if column and contact.address and theirs and contact.suppressed is None:
            found[column] = contact.address
    return found


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _place(place: Json) -> Json:
    """Convert a stored place to the API's form."""
    if "slug" in place:
        place["place"] = place.pop("slug")
    elif "lat" in place:
        place.setdefault("radius_km", 0)
    return place


def _places(text: str) -> list[Json]:
    if text.startswith("["):
        found: list[Json] = _json("places", text, list)
        return found
    return [_short(part.strip()) for part in text.split("|") if part.strip()]


def _json(name: str, text: str, kind: type) -> Any:
    try:
        found = msgspec.json.decode(text)  # stricter than the standard library: no NaN, no half surrogate pairs
    except (ValueError, RecursionError) as error:
        raise Invalid.field(name, f"not JSON: {error}") from error
    if not isinstance(found, kind):
        raise Invalid.field(name, "expected a list" if kind is list else "expected an object")
    return found


def _short(text: str) -> Json:
    if "," not in text:
        return {"place": text}
    try:
        lat, lon, *rest = (float(number) for number in text.split(","))
        (radius,) = rest or [0.0]
    except ValueError as error:
        raise Invalid.field("places", f"{text!r}: expected latitude,longitude,radius_km or a place's slug") from error
    return {"lat": lat, "lon": lon, "radius_km": radius}


def _consent(row: Cells) -> Json:
    """Read a consent.

    An incomplete one is refused: accepted it would be no proof, ignored it would be lost silently.
    """
    for name in ("consent_wording", "consent_given_at"):
        if name not in row:
            raise Invalid.field(
                name,
                "A consent needs its words and its time: give both, or leave all three columns empty: then they are "
                "asked to confirm.",
            )
    return {
        "wording": row["consent_wording"],
        "given_at": parse_time(row["consent_given_at"], "consent_given_at"),
        "how": row.get("consent_how", "import"),
    }


def _words(text: str) -> list[str]:
    return text.replace(";", " ").split()


def _choice(name: str, text: str, known: Sequence[str]) -> str:
    if text not in known:
        raise Invalid.field(name, f"{text[:40]!r} is none of {', '.join(known)}.")
    return text


def _boolean(name: str, text: str) -> bool:
    word = text.lower()
    if word not in (*_TRUE, *_FALSE):
        raise Invalid.field(name, "Write true or false.")
    return word in _TRUE
