"""RULE as a tree that narrows the audience of a notice (RULES 1 and 22), and its resolution."""

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
    """Conjunction; the empty one matches everyone."""

    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Disjunction; the empty one matches no subscriber."""

    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Negation."""

    rule: Rule


@dataclass(frozen=True, slots=True)
class Touches:
    """Matches if a place of the subscriber touches the area. `area` is None until the rule is resolved."""

    parts: tuple[Json, ...]
    area: Area | None = None


@dataclass(frozen=True, slots=True)
class TopicIs:
    """Matches if the topic is among the subscriber's topics (none chosen = all but newsletters)."""

    topic: str


@dataclass(frozen=True, slots=True)
class FloorAtMost:
    """Matches if the subscriber's severity floor is at most this (without floor: Minor)."""

    severity: Severity


@dataclass(frozen=True, slots=True)
class HasChannel:
    """Matches if the subscriber has a verified, unsuppressed contact point of this channel."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class LanguageIs:
    """Matches the subscriber's language by primary subtag."""

    tag: str


@dataclass(frozen=True, slots=True)
class InSegment:
    """Reference to the rule of a segment; replaced by that rule on resolution."""

    slug: str


@dataclass(frozen=True, slots=True)
class FrequencyIs:
    """Matches the subscriber's frequency: immediate, daily or weekly."""

    frequency: Frequency


@dataclass(frozen=True, slots=True)
class SubscribedBefore:
    """Matches if the subscriber's current confirmation is earlier."""

    time: datetime


@dataclass(frozen=True, slots=True)
class IdIn:
    """Matches the subscribers listed by id."""

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


def segments_of(rule: Rule) -> frozenset[str]:
    """Slugs of the segments named directly in a rule, not those named by their rules in turn."""
    return frozenset(r.slug for r in _walk(rule) if isinstance(r, InSegment))


def resolve_rule(rule: Rule, segment: Callable[[str], Rule | None], place_area: Callable[[str], Area | None]) -> Rule:
    """Inline the segments of a rule and resolve its areas, as currently defined.

    Raises `Invalid` if segments refer to each other in a circle or a segment does not exist. A place that no longer
    exists is touched by no subscriber.
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
