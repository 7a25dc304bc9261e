"""Size of a RULE with its segments inlined: one budget for all its operators and areas (RULES 22).

A legal body can hold thousands of operators and areas, and segments multiply them. What a question costs is bounded
here, where rules are defined, drafted and issued, and again where they are resolved.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from alerts.kernel.errors import Invalid

Json = dict[str, Any]
Lookup = Callable[[str], Json | None]

MAX_OPERATORS: Final = 1_000
"""Operators of a rule with its segments, each segment counted once however often it is named."""
MAX_DEPTH: Final = 30
"""Operators inside each other in one rule."""
MAX_INLINED_DEPTH: Final = 120
"""Operators inside each other with the segments inlined: each is several frames of the interpreter's stack."""
MAX_PARTS: Final = 500
"""Different parts (circles, places, outlines) of all areas of a rule with its segments."""
MAX_POSITIONS: Final = 250_000
"""Corners of all outlines of a rule with its segments, those of the registered places included."""
MAX_IDS: Final = 10_000
"""Subscriber ids of a rule with its segments."""


def part_key(part: object) -> bytes:
    """Key under which equal JSON values are one."""
    return msgspec.json.encode(part, order="deterministic")


class RuleSize:
    """Counter of operators, parts and positions. Raises `Invalid` as soon as one passes its limit."""

    def __init__(self, field: str = "audience") -> None:
        self._field = field
        self._whole = "the rule is too large: with its segments it" if field != "area" else "the area is too large: it"
        self.operators = self.parts = self.positions = self.ids = 0
        self._seen: set[bytes] = set()

    def operator(self, depth: int) -> None:
        """Count one operator at a depth."""
        self.operators += 1
        if self.operators > MAX_OPERATORS:
            self._refuse(f"more than {MAX_OPERATORS:,} operators")
        self.depth(depth)

    def depth(self, depth: int) -> None:
        """Check a depth."""
        if depth > MAX_INLINED_DEPTH:
            self._refuse(f"operators more than {MAX_INLINED_DEPTH} deep")

    def part(self, part: Json, positions: int = 0) -> None:
        """Count one part of an area; equal ones count once. `positions`: those of the place it names."""
        key = part_key(part)
        if key in self._seen:
            return
        self._seen.add(key)
        self.parts += 1
        self.positions += positions + count_positions(part.get("coordinates"))
        if self.parts > MAX_PARTS:
            self._refuse(f"more than {MAX_PARTS} different parts of areas")
        if self.positions > MAX_POSITIONS:
            self._refuse(f"areas of more than {MAX_POSITIONS:,} positions")

    def named(self, ids: int) -> None:
        """Count the subscribers that an operator lists by id."""
        self.ids += ids
        if self.ids > MAX_IDS:
            self._refuse(f"more than {MAX_IDS:,} subscriber ids")

    def _refuse(self, what: str) -> None:
        raise Invalid.field(self._field, f"{self._whole} has {what}")


def measure_rule(
    rule: object,
    segment: Lookup,
    place: Lookup,
    *,
    area: object = None,
    field: str = "audience",
) -> RuleSize:
    """Count a validated JSON rule with its segments. Raises `Invalid` if it is too large.

    `segment` and `place` give the JSON of a segment's rule and of a place's outline, None for unknown ones. `area`: the
    notice's own AREA, which has a budget of its own.
    """
    if area is not None:
        _Measure(segment, place, "area").area(area)
    found = _Measure(segment, place, field)
    if rule is not None:
        found.rule(rule, (), 0)
    return found.size


class _Measure:
    """Walk over JSON rules; each segment is visited once and its height remembered."""

    def __init__(
        self, segment: Callable[[str], object | None], place: Callable[[str], Json | None], field: str
    ) -> None:
        self._segment, self._place = segment, place
        self.size = RuleSize(field)
        self._heights: dict[str, int] = {}

    def rule(self, node: object, inside: tuple[str, ...], depth: int) -> int:
        """Count an operator and all below it; return its height."""
        self.size.operator(depth)
        if not isinstance(node, dict):
            return 1
        height = 0
        for name, value in node.items():
            if name in ("all", "any") and isinstance(value, list):
                height = max((self.rule(inner, inside, depth + 1) for inner in value), default=0)
            elif name == "not":
                height = self.rule(value, inside, depth + 1)
            elif name == "segment" and isinstance(value, str):
                return self._in_segment(value, inside, depth)
            elif name == "touches":
                self.area(value)
            elif name == "ids" and isinstance(value, list):
                self.size.named(len(value))
            elif name == "place":
                self.area({"place": value})
        return height + 1

    def area(self, area: object) -> None:
        """Count the parts of an AREA."""
        for part in area if isinstance(area, list | tuple) else [area]:
            if isinstance(part, dict):
                outline = self._place(str(part["place"])) if "place" in part else None
                self.size.part(part, count_positions((outline or {}).get("coordinates")))

    def _in_segment(self, slug: str, inside: tuple[str, ...], depth: int) -> int:
        if slug in inside:
            return 0  # a circle, which is refused elsewhere with its way
        if slug not in self._heights:
            found = self._segment(slug)
            self._heights[slug] = 1 if found is None else self.rule(found, (*inside, slug), depth)
        self.size.depth(depth + self._heights[slug])
        return self._heights[slug]


def count_positions(coordinates: object) -> int:
    """Count the positions of GeoJSON coordinates, ring by ring."""
    count, waiting = 0, [coordinates]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list | tuple) and node:
            first = node[0]
            if isinstance(first, list | tuple) and first and not isinstance(first[0], list | tuple):
                count += len(node)
            else:
                waiting.extend(node)
    return count
