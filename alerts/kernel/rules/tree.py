"""RULE as a tree that narrows the audience of a notice (RULES 1 and 22), and its resolution."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from alerts.kernel.errors import Invalid
from alerts.kernel.geometry import Area, area_of
from alerts.kernel.rules.size import RuleSize, part_key
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
    return frozenset(node.slug for node in nodes_of(rule) if isinstance(node, InSegment))


def operands_of(rule: Rule) -> tuple[Rule, ...]:
    """Rules directly below an operator."""
    match rule:
        case All(rules) | AnyOf(rules):
            return rules
        case Not(inner):
            return (inner,)
        case _:
            return ()


def nodes_of(rule: Rule) -> Iterator[Rule]:
    """Yield each operator of a rule once, however often it is shared."""
    seen, waiting = {id(rule)}, [rule]
    while waiting:
        node = waiting.pop()
        yield node
        for inner in operands_of(node):
            if id(inner) not in seen:
                seen.add(id(inner))
                waiting.append(inner)


def shared_nodes(rule: Rule) -> frozenset[int]:
    """Identities (`id`) of the operators that a rule names more than once: each need be evaluated only once."""
    named: Counter[int] = Counter()
    for node in nodes_of(rule):
        named.update(id(inner) for inner in operands_of(node))
    return frozenset(node for node, times in named.items() if times > 1)


def resolve_rule(rule: Rule, segment: Callable[[str], Rule | None], place_area: Callable[[str], Area | None]) -> Rule:
    """Inline the segments of a rule and resolve its areas, as currently defined.

    The result is a shared graph: a segment named twice is one object, and so are equal areas. A tree of segments that
    name each other twice would double with every level.

    Raises `Invalid` if segments refer to each other in a circle, a segment does not exist, or the whole is larger than
    `alerts.kernel.rules.size` allows. A place that no longer exists is touched by no subscriber.
    """
    return _Resolver(segment, place_area).resolve(rule, (), 0)[0]


class _Resolver:
    """State of one resolution: what is inlined already, and the operators counted so far."""

    def __init__(self, segment: Callable[[str], Rule | None], place_area: Callable[[str], Area | None]) -> None:
        self._segment, self._place_area = segment, place_area
        self._inlined: dict[str, tuple[Rule, int]] = {}
        self._areas: dict[bytes, Touches] = {}
        self._size = RuleSize()

    def resolve(self, node: Rule, inside: tuple[str, ...], depth: int) -> tuple[Rule, int]:
        """Resolve an operator at a depth; return it with its height."""
        self._size.operator(depth)
        match node:
            case All(rules) | AnyOf(rules):
                found = [self.resolve(inner, inside, depth + 1) for inner in rules]
                height = 1 + max((height for _, height in found), default=0)
                return type(node)(tuple(inner for inner, _ in found)), height
            case Not(inner):
                resolved, height = self.resolve(inner, inside, depth + 1)
                return Not(resolved), height + 1
            case Touches(parts):
                return self._touches(parts), 1
            case InSegment(slug):
                return self._in_segment(slug, inside, depth)
            case IdIn(ids):
                self._size.named(len(ids))
                return node, 1
            case _:
                return node, 1

    def _touches(self, parts: tuple[Json, ...]) -> Touches:
        key = part_key(parts)
        if key not in self._areas:
            for part in parts:
                named = self._place_area(part["place"]) if "place" in part else None
                self._size.part(part, 0 if named is None else named.positions)
            self._areas[key] = Touches(parts, area_of(parts, self._place_area))
        return self._areas[key]

    def _in_segment(self, slug: str, inside: tuple[str, ...], depth: int) -> tuple[Rule, int]:
        if slug in inside:
            way = " → ".join((*inside[inside.index(slug) :], slug))
            raise Invalid.field("segment", f"segments refer to each other in a circle: {way}")
        if slug not in self._inlined:
            found = self._segment(slug)
            if found is None:
                raise Invalid.field("segment", f"no segment {slug!r} is defined")
            self._inlined[slug] = self.resolve(found, (*inside, slug), depth)
        rule, height = self._inlined[slug]
        self._size.depth(depth + height)
        return rule, height
