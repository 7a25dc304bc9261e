"""RULE as a tree: whom a notice is narrowed to (RULES 1 and 22), and how it is resolved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from alerts.kernel.errors import Invalid
from alerts.kernel.geometry import Area, area_of
from alerts.kernel.terms import Channel, Frequency, Severity

Json = dict[str, Any]


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


def _walk(rule: Rule) -> Iterator[Rule]:
    yield rule
    match rule:
        case All(rules) | AnyOf(rules):
            for inner in rules:
                yield from _walk(inner)
        case Not(inner):
            yield from _walk(inner)
