"""RULE: whom a notice is narrowed to, as a tree (RULES 1 and 22). Read from JSON, resolved, and said in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args
from uuid import UUID

from alerts.domain.words.errors import Invalid
from alerts.domain.words.geometry import Area, Bounds, Known, area_of, validate_area
from alerts.domain.words.geometry.validate import known, listed
from alerts.domain.words.terms import CHANNELS, SEVERITY_RANK, Channel, Frequency, Severity

Json = dict[str, Any]
MAX_NODES = 1_000
MAX_DEPTH = 30
MAX_IDS = 10_000


@dataclass(frozen=True, slots=True)
class All:
    """Every one holds; of none, everyone."""

    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one holds; of none, nobody."""

    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """It does not hold."""

    rule: Rule


@dataclass(frozen=True, slots=True)
class Touches:
    """Some place of theirs touches the area. `area` is None until the rule is resolved."""

    parts: tuple[Json, ...]
    area: Area | None = None


@dataclass(frozen=True, slots=True)
class TopicIs:
    """The topic is among theirs (none chosen = all but newsletters)."""

    topic: str


@dataclass(frozen=True, slots=True)
class FloorAtMost:
    """Their severity floor is at most this (without floor: Minor)."""

    severity: Severity


@dataclass(frozen=True, slots=True)
class HasChannel:
    """They have a verified, unsuppressed contact point of this channel."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class LanguageIs:
    """Their language, by primary subtag."""

    tag: str


@dataclass(frozen=True, slots=True)
class InSegment:
    """The segment's rule holds; gone once the rule is resolved."""

    slug: str


@dataclass(frozen=True, slots=True)
class FrequencyIs:
    """Immediate, daily or weekly."""

    frequency: Frequency


@dataclass(frozen=True, slots=True)
class SubscribedBefore:
    """Their current confirmation is earlier."""

    time: datetime


@dataclass(frozen=True, slots=True)
class IdIn:
    """One of these subscribers."""

    ids: frozenset[UUID]


Rule = (
    All
    | AnyOf
    | Not
    | Touches
    | TopicIs
    | FloorAtMost
    | HasChannel
    | LanguageIs
    | InSegment
    | FrequencyIs
    | SubscribedBefore
    | IdIn
)

EVERYONE = All(())


def parse_rule(
    raw: Any,
    field: str = "audience",
    *,
    known_place: Known,
    known_topic: Known,
    known_segment: Known,
    bounds: Bounds | None = None,
) -> Rule:
    """The tree of a RULE in JSON, not yet resolved. Raises `Invalid`: what is wrong where, what is known."""
    return _Reader(known_place, known_topic, known_segment, bounds).rule(raw, field, 0)


class _Reader:
    """One reading, with what is known and how many operators may still come."""

    def __init__(self, places: Known, topics: Known, segments: Known, bounds: Bounds | None) -> None:
        self.places, self.topics, self.segments, self.bounds = places, topics, segments, bounds
        self.left = MAX_NODES

    def rule(self, raw: Any, field: str, depth: int) -> Rule:
        """Read one operator and what it holds."""
        self.left -= 1
        if self.left < 0 or depth > MAX_DEPTH:
            raise Invalid.field(field, f"the rule is too large: at most {MAX_NODES} operators, {MAX_DEPTH} deep")
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
        """Read an AREA."""
        return Touches(tuple(validate_area(raw, field, self.places, self.bounds)))

    def place(self, raw: Any, field: str) -> Rule:
        """Read a place's slug."""
        return Touches(({"place": _one_of(raw, field, self.places, "place")},))

    def topic(self, raw: Any, field: str) -> Rule:
        """Read a topic's slug."""
        return TopicIs(_one_of(raw, field, self.topics, "topic"))

    def segment(self, raw: Any, field: str) -> Rule:
        """Read a segment's slug."""
        return InSegment(_one_of(raw, field, self.segments, "segment"))


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
        raise Invalid.field(field, "the time needs an offset, such as +00:00")
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


def primary_subtag(tag: str) -> str:
    """`en` of `en-GB`; languages are compared by it (RULES 20, 22)."""
    return tag.replace("_", "-").split("-", 1)[0].lower()


def segments_of(rule: Rule) -> frozenset[str]:
    """The slugs of the segments that a rule names itself (not those which they name in turn)."""
    return frozenset(r.slug for r in _walk(rule) if isinstance(r, InSegment))


def resolve_rule(rule: Rule, segment: Callable[[str], Rule | None], place_area: Callable[[str], Area | None]) -> Rule:
    """The same rule with its segments inlined and its areas resolved, as they stand now.

    Raises `Invalid` if segments refer to each other in a circle, or one is not there. A place that is not there any
    more is touched by nobody.
    """
    inlined: dict[str, Rule] = {}

    def resolve(node: Rule, inside: tuple[str, ...]) -> Rule:
        match node:
            case All(rules):
                return All(tuple(resolve(r, inside) for r in rules))
            case AnyOf(rules):
                return AnyOf(tuple(resolve(r, inside) for r in rules))
            case Not(inner):
                return Not(resolve(inner, inside))
            case Touches(parts):
                return Touches(parts, area_of(parts, place_area))
            case InSegment(slug):
                if slug in inside:
                    way = " → ".join((*inside[inside.index(slug) :], slug))
                    raise Invalid.field("segment", f"segments refer to each other in a circle: {way}")
                if slug not in inlined:
                    found = segment(slug)
                    if found is None:
                        raise Invalid.field("segment", f"no segment {slug!r} is defined")
                    inlined[slug] = resolve(found, (*inside, slug))
                return inlined[slug]
            case _:
                return node

    return resolve(rule, ())


def rule_words(rule: Rule) -> str:
    """The rule as a phrase that follows "people": `who get text messages and whose language is pl`."""
    match rule:
        case All(()):
            return "everyone"
        case AnyOf(()):
            return "nobody"
        case All(rules):
            return _joined(rules, " and ")
        case AnyOf(rules):
            return _joined(rules, " or ")
        case Not(inner):
            return f"not ({rule_words(inner)})"
        case Touches(parts):
            return "with a place that touches " + " or ".join(_part_words(p) for p in parts)
        case TopicIs(topic):
            return f"who follow {topic}"
        case FloorAtMost(severity):
            return f"who want messages of severity {severity} or less, too"
        case HasChannel(channel):
            return f"who can be reached by {channel}"
        case LanguageIs(tag):
            return f"whose language is {primary_subtag(tag)}"
        case InSegment(slug):
            return f"in the segment {slug}"
        case FrequencyIs(frequency):
            return f"who get messages {'at once' if frequency == 'immediate' else frequency}"
        case SubscribedBefore(time):
            return f"who subscribed before {time.isoformat()}"
        case IdIn(ids):
            return f"among {len(ids)} named subscriber{'' if len(ids) == 1 else 's'}"


def _joined(rules: tuple[Rule, ...], word: str) -> str:
    inner = [rule_words(r) for r in rules]
    return inner[0] if len(inner) == 1 else "(" + word.join(inner) + ")"


def _part_words(part: Json) -> str:
    if "place" in part:
        return str(part["place"])
    if "circle" in part:
        c = part["circle"]
        return f"the circle of {c['radius_km']:g} km around {c['lat']:g}, {c['lon']:g}"
    return "a drawn area"


def _walk(rule: Rule) -> Iterator[Rule]:
    yield rule
    match rule:
        case All(rules) | AnyOf(rules):
            for inner in rules:
                yield from _walk(inner)
        case Not(inner):
            yield from _walk(inner)
