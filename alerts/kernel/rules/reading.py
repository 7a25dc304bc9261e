"""RULE parser: every error names the operator's path and the known values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, get_args
from uuid import UUID

from alerts.kernel.errors import Invalid
from alerts.kernel.geometry import Bounds, Known, validate_area
from alerts.kernel.geometry.validate import MAX_POSITIONS, known, listed
from alerts.kernel.languages import primary_subtag
from alerts.kernel.rules.size import MAX_DEPTH, MAX_IDS, MAX_OPERATORS, MAX_PARTS, part_key
from alerts.kernel.rules.tree import (
    All,
    AnyOf,
    FloorAtMost,
    FrequencyIs,
    HasChannel,
    IdIn,
    InSegment,
    Json,
    LanguageIs,
    Not,
    Rule,
    SubscribedBefore,
    TopicIs,
    Touches,
)
from alerts.kernel.terms import CHANNELS, SEVERITY_RANK, Frequency
from alerts.kernel.time_limits import OFFSET_NEEDED


def parse_rule(
    raw: Any,
    field: str = "audience",
    *,
    known_place: Known,
    known_topic: Known,
    known_segment: Known,
    bounds: Bounds | None = None,
) -> Rule:
    """Parse the JSON of a RULE into a tree, not yet resolved. Raises `Invalid` with the field and the known values."""
    return _Reader(known_place, known_topic, known_segment, bounds).rule(raw, field, 0)


class _Reader:
    """State of one parse: the known names, and what is left of the rule's one budget of operators and areas."""

    def __init__(self, places: Known, topics: Known, segments: Known, bounds: Bounds | None) -> None:
        self.places, self.topics, self.segments, self.bounds = places, topics, segments, bounds
        self.left = MAX_OPERATORS
        self.positions = [MAX_POSITIONS]
        self.parts: set[bytes] = set()
        self.areas: dict[bytes, Touches] = {}

    def rule(self, raw: Any, field: str, depth: int) -> Rule:
        """Read one operator and its operands."""
        self.left -= 1
        if self.left < 0 or depth > MAX_DEPTH:
            raise Invalid.field(field, f"the rule is too large: at most {MAX_OPERATORS} operators, {MAX_DEPTH} deep")
        if not isinstance(raw, dict) or len(raw) != 1:
            raise Invalid.field(field, "a rule is an object with exactly one operator: " + ", ".join(OPERATORS))
        ((name, value),) = raw.items()
        read = OPERATORS.get(name)
        if read is None:
            raise Invalid.field(f"{field}.{name}", f"unknown operator {name!r}; known are " + ", ".join(OPERATORS))
        return read(self, value, f"{field}.{name}", depth)

    def rules(self, raw: Any, field: str, depth: int) -> tuple[Rule, ...]:
        """Read a list of rules."""
        if not isinstance(raw, list):
            raise Invalid.field(field, "must be a list of rules")
        return tuple(self.rule(r, f"{field}.{i}", depth + 1) for i, r in enumerate(raw))

    def touches(self, raw: Any, field: str) -> Rule:
        """Read an AREA; equal ones are read once."""
        key = part_key(raw)
        if key not in self.areas:
            parts = tuple(validate_area(raw, field, self.places, self.bounds, self.positions))
            self._count(parts, field)
            self.areas[key] = Touches(parts)
        return self.areas[key]

    def place(self, raw: Any, field: str) -> Rule:
        """Read a place's slug."""
        return self.touches({"place": _one_of(raw, field, self.places, "place")}, field)

    def topic(self, raw: Any, field: str) -> Rule:
        """Read a topic's slug."""
        return TopicIs(_one_of(raw, field, self.topics, "topic"))

    def segment(self, raw: Any, field: str) -> Rule:
        """Read a segment's slug."""
        return InSegment(_one_of(raw, field, self.segments, "segment"))

    def _count(self, parts: tuple[Json, ...], field: str) -> None:
        self.parts.update(map(part_key, parts))
        if len(self.parts) > MAX_PARTS:
            raise Invalid.field(field, f"the rule's areas have more than {MAX_PARTS} different parts in all")


def _one_of(raw: Any, field: str, names: Known, what: str) -> str:
    if not isinstance(raw, str) or not known(raw, names):
        raise Invalid.field(field, f"unknown {what} {raw!r}{listed(names)}")
    return raw


def _word(raw: Any, field: str, words: Any) -> Any:
    if raw not in tuple(words):
        raise Invalid.field(field, f"must be one of {', '.join(words)}, not {raw!r}")
    return raw


def _language(raw: Any, field: str) -> Rule:
    if not isinstance(raw, str) or not primary_subtag(raw).isalpha():
        raise Invalid.field(field, "must be a language tag such as en or pl")
    return LanguageIs(raw)


def _time(raw: Any, field: str) -> Rule:
    try:
        time = datetime.fromisoformat(raw)
    except (TypeError, ValueError):
        raise Invalid.field(field, "must be an RFC 3339 time such as 2026-01-31T12:00:00+00:00") from None
    if time.tzinfo is None:
        raise Invalid.field(field, OFFSET_NEEDED)
    return SubscribedBefore(time)


def _ids(raw: Any, field: str) -> Rule:
    if not isinstance(raw, list) or len(raw) > MAX_IDS:
        raise Invalid.field(field, f"must be a list of at most {MAX_IDS} subscriber ids")
    ids = set()
    for i, text in enumerate(raw):
        try:
            ids.add(UUID(text))
        except (AttributeError, TypeError, ValueError):
            raise Invalid.field(f"{field}.{i}", f"{text!r} is not a subscriber id (a UUID)") from None
    return IdIn(frozenset(ids))


OPERATORS: dict[str, Callable[[_Reader, Any, str, int], Rule]] = {
    "all": lambda r, v, f, d: All(r.rules(v, f, d)),
    "any": lambda r, v, f, d: AnyOf(r.rules(v, f, d)),
    "not": lambda r, v, f, d: Not(r.rule(v, f, d + 1)),
    "touches": lambda r, v, f, d: r.touches(v, f),
    "place": lambda r, v, f, d: r.place(v, f),
    "topic": lambda r, v, f, d: r.topic(v, f),
    "severity_floor_at_most": lambda r, v, f, d: FloorAtMost(_word(v, f, SEVERITY_RANK)),
    "channel": lambda r, v, f, d: HasChannel(_word(v, f, CHANNELS)),
    "language": lambda r, v, f, d: _language(v, f),
    "segment": lambda r, v, f, d: r.segment(v, f),
    "frequency": lambda r, v, f, d: FrequencyIs(_word(v, f, get_args(Frequency))),
    "subscribed_before": lambda r, v, f, d: _time(v, f),
    "ids": lambda r, v, f, d: _ids(v, f),
}
