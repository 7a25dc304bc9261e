"""Subscribers as CSV: one row a person, the same columns in and out.

`topics` and `channels` are separated by spaces or semicolons; `places` is a list in JSON as the API takes it, or the
short form `51.48,-0.09,1.5 | southwark` (latitude, longitude, radius in km, or the slug of a registered place).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from alerts.domain.words.errors import Invalid
from subscribers.domain.subscriber import SubscriberState

Json = dict[str, Any]
COLUMNS = (
    "email",
    "phone",
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
    "consent_wording",
    "consent_given_at",
    "consent_how",
)
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """(line number, row) of a UTF-8 CSV file, as a stream. Raises Invalid for a header that is not ours."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        unknown = [name for name in reader.fieldnames or () if name not in COLUMNS]
        if unknown or not reader.fieldnames:
            raise Invalid(
                f"unknown columns: {', '.join(unknown) or 'the file is empty'}; there are {', '.join(COLUMNS)}"
            )
        for row in reader:
            yield reader.line_num, {k: v.strip() for k, v in row.items() if k and v and v.strip()}


def body_of(row: dict[str, str]) -> Json:
    """The API's body of a row. With a consent the person is confirmed; without one they are asked. Raises Invalid."""
    body: Json = {
        name: row[name]
        for name in ("email", "phone", "language", "timezone", "severity_at_least", "frequency")
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


def exported(person: SubscriberState) -> dict[str, str]:
    """A person's row; empty cells are left out."""
    wishes, row = person.preferences, dict[str, str]()
    for contact in person.contacts:
        column = {"email": "email", "sms": "phone"}.get(contact.channel)
        if column and contact.address and contact.state != "removed":
            row[column] = contact.address
    if wishes is not None:
        row |= {
            "language": wishes.language,
            "timezone": wishes.timezone,
            "places": json.dumps([_place(msgspec.to_builtins(p)) for p in wishes.places]) if wishes.places else "",
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
    if person.consent is not None:
        row |= {
            "consent_wording": person.consent.wording,
            "consent_given_at": person.consent.given_at.isoformat(),
            "consent_how": person.consent.how,
        }
    return {name: value for name, value in row.items() if value}


def _place(place: Json) -> Json:
    """A kept place as the API takes it."""
    if "slug" in place:
        place["place"] = place.pop("slug")
    elif "lat" in place:
        place.setdefault("radius_km", 0)
    return place


def _places(text: str) -> list[Json]:
    if text.startswith("["):
        try:
            found = json.loads(text)
        except ValueError as error:
            raise Invalid.field("places", f"not JSON: {error}") from error
        if not isinstance(found, list):
            raise Invalid.field("places", "expected a list")
        return found
    return [_short(part.strip()) for part in text.split("|") if part.strip()]


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
