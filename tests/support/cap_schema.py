"""Rules of the CAP 1.2 schema (OASIS) and of the standard's text, element by element, for messages that we publish."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from lxml import etree

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
_CAP = f"{{{NAMESPACE}}}"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[-+]\d\d:\d\d")
_NUMBER = r"-?\d+(?:\.\d+)?"
_PAIR = re.compile(rf"({_NUMBER}),({_NUMBER})")
_LANGUAGE = re.compile(r"[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*")

Check = Callable[[str], bool]
MANY = 10_000


def _one_of(words: str) -> Check:
    return lambda text: text in words.split()


def _pattern(wanted: re.Pattern[str]) -> Check:
    return lambda text: wanted.fullmatch(text) is not None


def _text(text: str) -> bool:
    return bool(text.strip())


def _time(text: str) -> bool:
    """CAP 1.2, 3.3.2: seconds, a numeric offset, and `-00:00` for UTC."""
    return bool(_TIME.fullmatch(text)) and not text.endswith("+00:00") and bool(datetime.fromisoformat(text))


def _identifier(text: str) -> bool:
    """CAP 1.2, 3.2.1: no spaces, commas or restricted characters."""
    return bool(text) and not re.search(r"[\s,<&]", text)


def _references(text: str) -> bool:
    return all(
        len(parts := one.split(",")) == 3 and _identifier(parts[0]) and _identifier(parts[1]) and _time(parts[2])
        for one in text.split(" ")
    )


def _point(text: str) -> bool:
    found = _PAIR.fullmatch(text)
    return bool(found) and abs(float(found[1])) <= 90 and abs(float(found[2])) <= 180


def _polygon(text: str) -> bool:
    """CAP 1.2, 3.2.4: at least four pairs, the first and the last the same."""
    pairs = text.split(" ")
    return len(pairs) >= 4 and pairs[0] == pairs[-1] and all(map(_point, pairs))


def _circle(text: str) -> bool:
    centre, _, radius = text.partition(" ")
    return _point(centre) and re.fullmatch(_NUMBER, radius) is not None and float(radius) >= 0


_LEVELS = "Extreme Severe Moderate Minor Unknown"
_PAIR_OF_VALUES = [("valueName", 1, 1, _text), ("value", 1, 1, _text)]
# (name, least, most, check of its text or rules of its children), in the order of the schema's sequence
_AREA: list[Any] = [
    ("areaDesc", 1, 1, _text),
    ("polygon", 0, MANY, _polygon),
    ("circle", 0, MANY, _circle),
    ("geocode", 0, MANY, _PAIR_OF_VALUES),
    ("altitude", 0, 1, _pattern(re.compile(_NUMBER))),
    ("ceiling", 0, 1, _pattern(re.compile(_NUMBER))),
]
_RESOURCE: list[Any] = [
    ("resourceDesc", 1, 1, _text),
    ("mimeType", 1, 1, _text),
    ("size", 0, 1, _pattern(re.compile(r"\d+"))),
    ("uri", 0, 1, _text),
    ("derefUri", 0, 1, _text),
    ("digest", 0, 1, _text),
]
_INFO: list[Any] = [
    ("language", 0, 1, _pattern(_LANGUAGE)),
    ("category", 1, MANY, _one_of("Geo Met Safety Security Rescue Fire Health Env Transport Infra CBRNE Other")),
    ("event", 1, 1, _text),
    (
        "responseType",
        0,
        MANY,
        _one_of("Shelter Evacuate Prepare Execute Avoid Monitor Assess AllClear None"),
    ),
    ("urgency", 1, 1, _one_of("Immediate Expected Future Past Unknown")),
    ("severity", 1, 1, _one_of(_LEVELS)),
    ("certainty", 1, 1, _one_of("Observed Likely Possible Unlikely Unknown")),
    ("audience", 0, 1, _text),
    ("eventCode", 0, MANY, _PAIR_OF_VALUES),
    ("effective", 0, 1, _time),
    ("onset", 0, 1, _time),
    ("expires", 0, 1, _time),
    ("senderName", 0, 1, _text),
    ("headline", 0, 1, _text),
    ("description", 0, 1, _text),
    ("instruction", 0, 1, _text),
    ("web", 0, 1, _pattern(re.compile(r"https?://[^\s]+"))),
    ("contact", 0, 1, _text),
    ("parameter", 0, MANY, _PAIR_OF_VALUES),
    ("resource", 0, MANY, _RESOURCE),
    ("area", 0, MANY, _AREA),
]
_ALERT: list[Any] = [
    ("identifier", 1, 1, _identifier),
    ("sender", 1, 1, _identifier),
    ("sent", 1, 1, _time),
    ("status", 1, 1, _one_of("Actual Exercise System Test Draft")),
    ("msgType", 1, 1, _one_of("Alert Update Cancel Ack Error")),
    ("source", 0, 1, _text),
    ("scope", 1, 1, _one_of("Public Restricted Private")),
    ("restriction", 0, 1, _text),
    ("addresses", 0, 1, _text),
    ("code", 0, MANY, _text),
    ("note", 0, 1, _text),
    ("references", 0, 1, _references),
    ("incidents", 0, 1, _text),
    ("info", 0, MANY, _INFO),
]
RULES = {name: check for name, _, _, check in [*_ALERT, *_INFO, *_AREA] if callable(check)}
"""Check of each element's text by its name."""


def faults(document: bytes) -> list[str]:
    """Faults of a CAP message; [] if it is valid."""
    alert = etree.fromstring(document)
    if alert.tag != f"{_CAP}alert":
        return [f"root is {alert.tag}"]
    return [*_sequence(alert, _ALERT, "alert"), *_together(alert)]


def _sequence(node: Any, rules: list[Any], path: str) -> Iterator[str]:
    children, at = list(node), 0
    for name, least, most, rule in rules:
        count = 0
        while at < len(children) and children[at].tag == f"{_CAP}{name}" and count < most:
            if callable(rule):
                if not rule(children[at].text or ""):
                    yield f"{path}/{name}: {children[at].text!r}"
            else:
                yield from _sequence(children[at], rule, f"{path}/{name}")
            count, at = count + 1, at + 1
        if count < least:
            yield f"{path}/{name} is missing"
    if at < len(children):
        yield f"{path}: {children[at].tag} is unknown, repeated or out of order"


def _together(alert: Any) -> Iterator[str]:
    """Rules about two elements."""
    kind = alert.findtext(f"{_CAP}msgType")
    if kind in ("Update", "Cancel", "Ack", "Error") and not alert.findtext(f"{_CAP}references"):
        yield f"{kind} without references"
    languages = [info.findtext(f"{_CAP}language") for info in alert.iter(f"{_CAP}info")]
    if len(set(languages)) < len(languages):
        yield "two infos in one language"
    for info in alert.iter(f"{_CAP}info"):
        start, end = info.findtext(f"{_CAP}effective"), info.findtext(f"{_CAP}expires")
        if start and end and datetime.fromisoformat(end) <= datetime.fromisoformat(start):
            yield "expires is not after effective"
