"""A subscriber as a row of CSV: the same columns in and out.

`topics` and `channels` are separated by spaces or semicolons; `places` is a list in JSON as the API takes it, or the
short form `51.48,-0.09,1.5 | southwark` (latitude, longitude, radius in km, or the slug of a registered place); `push`
is what a browser gave, in JSON. A cell that a spreadsheet would run as a formula goes out behind an apostrophe, and
comes in without it.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from alerts.domain.words.errors import Invalid
from subscribers.domain.subscriber import SubscriberState

Json = dict[str, Any]
Cells = dict[str, str]
"""A row's cells by column, those that hold something."""
REACHES = ("email", "phone", "push")
"""Columns that say where to reach a person: a row needs one of them."""
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
    "paused_until",
    "consent_wording",
    "consent_given_at",
    "consent_how",
)
LIVING = ("requested", "confirmed")
"""Phases of a subscriber that an export carries: not who left, lapsed or was erased."""
_FORMULA = re.compile(r"[=+\-@\t\r]|'['=+\-@\t\r]")
_DISARMED = re.compile(r"'['=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")


def disarmed(cell: str) -> str:
    """A cell that no spreadsheet runs (OWASP, "CSV Injection"); a plain number stays what it is."""
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def armed(cell: str) -> str:
    """What `disarmed` was given."""
    return cell[1:] if _DISARMED.match(cell) else cell


def body_of(row: Cells) -> Json:
    """The API's body of a row, and `paused_until` where there is one. With a consent the person is confirmed; without
    one they are asked. Raises Invalid."""
    body: Json = {
        name: row[name]
        for name in ("email", "phone", "language", "timezone", "severity_at_least", "frequency", "paused_until")
        if name in row
    }
    for name in ("topics", "channels"):
        if name in row:
            body[name] = row[name].replace(";", " ").split()
    for name in ("danger_to_life", "tester"):
        if name in row:
            body[name] = _boolean(name, row[name])
    if "places" in row:
        body["places"] = _places(row["places"])
    if "push" in row:
        body["push"] = _json("push", row["push"], dict)
    if "quiet_from" in row or "quiet_to" in row:
        body["quiet_hours"] = {"from": row.get("quiet_from", ""), "to": row.get("quiet_to", "")}
        if "wake_for" in row:
            body["quiet_hours"]["wake_for"] = row["wake_for"]
    if "consent_wording" in row:
        body["confirmed"] = True
        body["consent"] = {
            "wording": row["consent_wording"],
            "given_at": row.get("consent_given_at", ""),
            "how": row.get("consent_how", "import"),
        }
    return body


def exported(person: SubscriberState) -> Cells | None:
    """A living person's row, empty cells left out; None if there is nobody to reach.

    A contact point that must not be sent to (suppressed), or that a confirmed person never showed to be theirs, stays
    here: wherever the file is taken in, it would come to life.
    """
    reaches = _reaches(person)
    if not reaches or person.phase not in LIVING:
        return None
    wishes, row = person.preferences, reaches
    if wishes is not None:
        row |= {
            "language": wishes.language,
            "timezone": wishes.timezone,
            "places": _dumped([_place(msgspec.to_builtins(p)) for p in wishes.places]) if wishes.places else "",
            "topics": " ".join(wishes.topics),
            "severity_at_least": wishes.severity_at_least or "",
            "channels": " ".join(wishes.channels),
            "frequency": wishes.frequency,
            "danger_to_life": str(wishes.danger_to_life).lower(),
            "tester": str(wishes.tester).lower(),
        }
        if wishes.quiet_hours is not None:
            quiet = wishes.quiet_hours
            row |= {"quiet_from": quiet.start, "quiet_to": quiet.end, "wake_for": quiet.wake_for}
    if person.paused_until is not None:
        row["paused_until"] = person.paused_until.isoformat()
    if person.consent is not None:
        row |= {
            "consent_wording": person.consent.wording,
            "consent_given_at": person.consent.given_at.isoformat(),
            "consent_how": person.consent.how,
        }
    return {name: disarmed(value) for name, value in row.items() if value}


def _reaches(person: SubscriberState) -> Cells:
    """Where the person may be reached, by column; of several devices the last one."""
    found: Cells = {}
    for contact in person.current:
        column = {"email": "email", "sms": "phone", "push": "push"}.get(contact.channel)
        theirs = contact.state == "verified" or person.phase == "requested"
        if column and contact.address and theirs and contact.suppressed is None:
            found[column] = contact.address
    return found


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _place(place: Json) -> Json:
    """A kept place as the API takes it."""
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
        found = json.loads(text)
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


def _boolean(name: str, text: str) -> bool:
    word = text.lower()
    if word not in (*_TRUE, *_FALSE):
        raise Invalid.field(name, "expected true or false")
    return word in _TRUE
