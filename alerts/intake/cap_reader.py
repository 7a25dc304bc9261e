"""CAP 1.2 reader: XML → `CapMessage`, validated against the standard's vocabulary and grouped by RULES 19.

Raises `Malformed` if it is not XML, `Invalid` if it is not CAP 1.2; every error has its path (`info.0.severity`).
Source: OASIS Common Alerting Protocol 1.2, sections 3.2 and 3.4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast, get_args

import msgspec

from alerts.contract.cap_message import (
    CapGroup,
    CapMessage,
    CapMsgType,
    CapReference,
    CapScope,
    CapStatus,
    CapWords,
    ResponseType,
)
from alerts.intake import safe_xml
from alerts.intake.cap_groups import Info, grouped
from alerts.intake.safe_xml import Element
from alerts.kernel.errors import FieldError, Invalid
from alerts.kernel.terms import Category, Certainty, Severity, Urgency
from alerts.kernel.texts import without_hidden
from alerts.kernel.time_limits import fault_of

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
INFOS = 1_000
"""Most infos of one message: two hundred warnings in five languages."""
IDENTIFIER = 1_000
"""Longest identifier and sender. Other texts have no limit here: a warning is never refused for its length."""

_ALERT = {
    "once": (
        "identifier", "sender", "sent", "status", "msgType", "source", "scope", "restriction", "addresses", "note",
        "references", "incidents",
    ),
    "many": ("code", "info"),
}  # fmt: skip
_INFO = {
    "once": (
        "language", "event", "urgency", "severity", "certainty", "audience", "effective", "onset", "expires",
        "senderName", "headline", "description", "instruction", "web", "contact",
    ),
    "many": ("category", "responseType", "eventCode", "parameter", "resource", "area"),
}  # fmt: skip
_AREA = {"once": ("areaDesc", "altitude", "ceiling"), "many": ("polygon", "circle", "geocode")}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[-+]\d\d:\d\d")
_TIME_OR_Z = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[-+]\d\d:\d\d)")
_TIME_NEEDED = "expected a time with a numeric offset, as in 2026-03-12T09:30:00+00:00"
_TAG = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d{1,2})?")


def parse(body: bytes, charset: str | None = None) -> CapMessage:
    """Parse and validate a CAP message. `charset`: that of its Content-Type, for XML that declares none itself."""
    root = safe_xml.parse(body, charset)
    if (root.namespace, root.name) != (NAMESPACE, "alert"):
        found = f"<{root.name}> in namespace {root.namespace!r}"
        raise Invalid.field("alert", f"expected a CAP 1.2 <alert> in namespace {NAMESPACE!r}, found {found}")
    return _Reader().message(root)


class _Reader:
    """Reads one message and collects all errors, so that a sender can correct them at once.

    Errors of parts that the message can do without are not `faults`: the part is left out and the error recorded.
    """

    def __init__(self) -> None:
        self.faults: list[FieldError] = []
        self.left_out: list[FieldError] = []

    def message(self, root: Element) -> CapMessage:
        self._known(root, _ALERT, "")
        message = CapMessage(
            identifier=self._id(root, "identifier"),
            sender=self._id(root, "sender"),
            sent=self._sent(root),
            status=cast(CapStatus, self._word(root, "status", get_args(CapStatus), "")),
            msg_type=cast(CapMsgType, self._word(root, "msgType", get_args(CapMsgType), "")),
            scope=cast(CapScope, self._word(root, "scope", get_args(CapScope), "")),
            references=self._references(root),
            note=self._text(root, "note"),
        )
        read = self._words_of_cancel if message.msg_type == "Cancel" else self._info
        elements = root.all("info")
        if len(elements) > INFOS and message.msg_type != "Cancel":  # a Cancel is judged by its references alone
            raise Invalid.field("info", f"This holds {len(elements)} infos; at most {INFOS} are taken in one message.")
        infos = [read(element, f"info.{n}", message.sent) for n, element in enumerate(elements[:INFOS])]
        if self.faults:
            raise Invalid("; ".join(f"{f.field}: {f.message}" for f in self.faults[:5]), self.faults)
        return msgspec.structs.replace(
            message,
            groups=grouped([info for info in infos if info is not None]),
            left_out=tuple(f"{fault.field}: {fault.message}" for fault in self.left_out),
        )

    def _words_of_cancel(self, info: Element, path: str, sent: str) -> Info | None:
        """Read an info of a Cancel for its words only; None if it has none.

        A Cancel is judged by its references alone (RULES 13): an error in an info never refuses it.
        """
        faults, left_out = list(self.faults), list(self.left_out)
        read = self._info(info, path, sent)
        self.faults, self.left_out = faults, left_out  # what a Cancel does not need is not worth a word
        if not _TAG.fullmatch(read.language) or not read.group.event[read.language]:
            self._leave_out(path, "has no event, or no language tag such as en-GB")
            return None
        group = msgspec.structs.replace(read.group, area=None, onset=None, effective=None, expires=None)
        return Info(language=read.language, group=group, same=read.same)

    def _info(self, info: Element, path: str, sent: str) -> Info:
        self._known(info, _INFO, path)
        language = self._text(info, "language") or "en-US"  # the standard's default
        if not _TAG.fullmatch(language):
            self._fault(f"{path}.language", "expected a language tag such as en-GB")
        categories = [self._listed(e, get_args(Category), f"{path}.category") for e in info.all("category")]
        if not categories:
            self._fault(f"{path}.category", "is missing")
        parts, codes, words = self._areas(info, path)
        event = self._text(info, "event", path, required=True)
        group = CapGroup(
            category=cast(Category, next(iter(categories), "Other")),
            event={language: event},
            urgency=cast(Urgency, self._word(info, "urgency", get_args(Urgency), path)),
            severity=cast(Severity, self._word(info, "severity", get_args(Severity), path)),
            certainty=cast(Certainty, self._word(info, "certainty", get_args(Certainty), path)),
            event_code=tuple(sorted(self._pairs(info, "eventCode", path))),
            response_types=tuple(
                cast(ResponseType, self._listed(e, get_args(ResponseType), f"{path}.responseType"))
                for e in info.all("responseType")
            ),
            area=parts or None,
            content={
                language: CapWords(
                    title=self._text(info, "headline", path) or event,
                    body=self._text(info, "description", path),
                    instruction=self._text(info, "instruction", path),
                )
            },
            area_desc={language: words} if words else {},
        )
        if not group.all_clear:  # an all-clear is over at once: its own times never stop it (RULES 13)
            group = self._timed(group, info, path, sent)
        # Area means geometry: geocodes and names, which may be translated, count only where there is none.
        shapes = frozenset(msgspec.json.encode(part) for part in parts)
        place: object = shapes or frozenset(codes) or words
        same = (group.urgency, group.severity, group.certainty, place, group.event_code)
        return Info(language=language, group=group, same=same)

    def _timed(self, group: CapGroup, info: Element, path: str, sent: str) -> CapGroup:
        group = msgspec.structs.replace(
            group,
            onset=self._time(info, "onset", path),
            effective=self._time(info, "effective", path),
            expires=self._time(info, "expires", path),
        )
        start = group.effective or (datetime.fromisoformat(sent) if sent else None)
        if group.expires and start and group.expires <= start:
            self._fault(f"{path}.expires", "is not after the message's start")
        return group

    def _areas(self, info: Element, path: str) -> tuple[list[dict[str, Any]], list[tuple[str, str]], str]:
        """Collect (AREA parts, geocodes, area descriptions)."""
        parts: list[dict[str, Any]] = []
        codes: list[tuple[str, str]] = []
        words: list[str] = []
        for number, area in enumerate(info.all("area")):
            where = f"{path}.area.{number}"
            self._known(area, _AREA, where)
            words.append(self._text(area, "areaDesc"))
            if not words[-1]:
                self._leave_out(f"{where}.areaDesc", "is missing")
            polygons = [self._polygon(e.text, f"{where}.polygon") for e in area.all("polygon")]
            circles = [self._circle(e.text, f"{where}.circle") for e in area.all("circle")]
            parts += [part for part in (*polygons, *circles) if part is not None]
            codes += self._pairs(area, "geocode", where)
        return parts, codes, "; ".join(word for word in words if word)

    def _polygon(self, text: str, path: str) -> dict[str, Any] | None:
        ring = [self._position(pair, path) for pair in _pairs_of(text)]
        known = [position for position in ring if position is not None]
        if not ring:
            self._leave_out(path, "is empty")
        if len(known) < len(ring) or not ring:
            return None
        if len(known) < 4:
            self._leave_out(path, "has fewer than four positions (the last repeats the first)")
        elif known[0] != known[-1]:
            self._leave_out(path, "is not closed: its last position is not its first")
        else:
            return {"type": "Polygon", "coordinates": [known]}
        return None

    def _circle(self, text: str, path: str) -> dict[str, Any] | None:
        if not (found := _pairs_of(text)):
            self._leave_out(path, "is empty")
            return None
        radius = found[1] if len(found) == 2 else ""
        if not _NUMBER.fullmatch(radius) or float(radius) < 0:
            self._leave_out(path, "expected `lat,lon radius` with the radius in kilometres")
            return None
        position = self._position(found[0], path)
        if position is None:
            return None
        return {"circle": {"lat": position[1], "lon": position[0], "radius_km": float(radius)}}

    def _position(self, pair: str, path: str) -> list[float] | None:
        """Parse CAP's `lat,lon` to [lon, lat]."""
        lat, _, lon = pair.partition(",")
        if not (_NUMBER.fullmatch(lat) and _NUMBER.fullmatch(lon)):
            self._leave_out(path, f"expected `lat,lon` pairs, found {pair[:40]!r}")
            return None
        if abs(float(lat)) > 90 or abs(float(lon)) > 180:
            self._leave_out(path, f"{pair[:40]} is not a place on earth: latitude first, then longitude, in degrees")
            return None
        return [float(lon), float(lat)]

    def _references(self, root: Element) -> tuple[CapReference, ...]:
        found: list[CapReference] = []
        for text in _pairs_of(self._text(root, "references")):
            triple = text.split(",")
            if len(triple) != 3 or not all(triple[:2]) or _time_of(triple[2]) is None:
                self._leave_out("references", f"expected `sender,identifier,sent`, found {text[:120]!r}")
                continue
            found.append((triple[0], triple[1], triple[2]))
        return tuple(found)

    def _pairs(self, parent: Element, name: str, path: str) -> list[tuple[str, str]]:
        """Return the (valueName, value) of each element of this name that has both."""
        found = [(self._text(e, "valueName"), self._text(e, "value")) for e in parent.all(name)]
        for pair in found:
            if not all(pair):
                self._leave_out(f"{path}.{name}", "has no valueName or no value")
        return [pair for pair in found if all(pair)]

    def _id(self, root: Element, name: str) -> str:
        text = self._text(root, name, required=True)
        if len(text) > IDENTIFIER:
            self._fault(name, f"is longer than {IDENTIFIER} characters")
        if any(c in ",<&" or c.isspace() for c in text):
            self._fault(name, "may not hold spaces, commas, < or &")
        return text

    def _time(self, parent: Element, name: str, path: str) -> datetime | None:
        """Return a time of an info; one that cannot be read is left out."""
        text = self._text(parent, name)
        if text and (at := _time_of(text)) is not None:
            return at
        if text:
            self._leave_out(f"{path}.{name}", _TIME_NEEDED)
        return None

    def _sent(self, root: Element) -> str:
        """Return `sent` unchanged, "" if it is absent or invalid."""
        text = self._text(root, "sent", required=True)
        if not text:
            return ""
        if not _TIME.fullmatch(text) or _time_of(text) is None:
            self._fault("sent", _TIME_NEEDED)
            return ""
        return text

    def _word(self, parent: Element, name: str, words: tuple[str, ...], path: str) -> str:
        """A required word of a closed list; if absent, the error is recorded and the list's last word returned."""
        found = parent.all(name)
        if not found:
            self._fault(_join(path, name), "is missing")
            return words[-1]
        return self._listed(found[0], words, _join(path, name))

    def _listed(self, element: Element, words: tuple[str, ...], path: str) -> str:
        text = without_hidden(element.text).strip()
        if text not in words:
            self._fault(path, f"expected one of {', '.join(words)}, found {text[:40]!r}")
            return words[-1]
        return text

    def _text(self, parent: Element, name: str, path: str = "", *, required: bool = False) -> str:
        found = parent.all(name)
        text = without_hidden(found[0].text).strip() if found else ""
        if required and not text:
            self._fault(_join(path, name), "is missing")
        return text

    def _known(self, parent: Element, names: Mapping[str, tuple[str, ...]], path: str) -> None:
        """Record unknown or repeated elements of CAP's namespace; other namespaces (signatures) are allowed."""
        own = [child.name for child in parent.children if child.namespace == NAMESPACE]
        for name in dict.fromkeys(own):
            if name not in names["once"] and name not in names["many"]:
                self._fault(_join(path, name), f"CAP 1.2 has no such element in <{parent.name}>")
            elif name in names["once"] and own.count(name) > 1:
                self._fault(_join(path, name), "stands more than once")

    def _fault(self, path: str, message: str) -> None:
        self.faults.append(FieldError(path, message))

    def _leave_out(self, path: str, message: str) -> None:
        self.left_out.append(FieldError(path, message))


def _pairs_of(text: str) -> list[str]:
    """Split at blanks and line breaks, but not at one that follows a comma within a pair."""
    return re.sub(r"\s*,\s*", ",", text).split()


def _time_of(text: str) -> datetime | None:
    """Parse a time with a numeric offset or `Z`; None if it is none."""
    try:
        at = datetime.fromisoformat(text) if _TIME_OR_Z.fullmatch(text) else None
    except ValueError:
        return None
    return at if at is not None and fault_of(at) is None else None


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
