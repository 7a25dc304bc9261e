"""Reference data commands: places, topics, segments."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Literal
from uuid import UUID

from alerts.commands import notice_threads, validation
from alerts.commands.actor import SYSTEM, Actor
from alerts.commands.base import CommandBase
from alerts.commands.ports import Idempotency
from alerts.commands.register_cache import KnownNames
from alerts.commands.results import Saved
from alerts.contract.bodies import PlaceBody, SegmentBody, TopicBody
from alerts.domain.events import (
    AreaJson,
    Json,
    PlaceDefined,
    PlaceRevised,
    SegmentDefined,
    SegmentRevised,
    TopicDefined,
)
from alerts.domain.streams import PLACE, SEGMENT, TOPIC, place_id, segment_id, topic_id
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.errors import Invalid
from alerts.kernel.terms import BUILT_IN_TOPICS, NEWSLETTER_PREFIX
from alerts.storage.named_queries import load

_sql = load("alerts.commands", "commands.sql")


class RegisterCommands(CommandBase):
    """Places, topics and segments. Defining an existing slug revises it, unless identical."""

    async def define_place(self, actor: Actor, body: PlaceBody, *, idem: Idempotency | None = None) -> Saved:
        """Define a named area. Circles and other places in it are stored as their current polygons."""
        from alerts.kernel.geometry import same_outline

        slug, name, area = await self._place_checked(body)

        def work(unit: UnitOfWork) -> Saved:
            geometry, bounds = _outline(area, lambda other: _geometry(unit, other))
            before = unit.get(PLACE, place_id(slug))
            if before is None:
                unit.append(PLACE, place_id(slug), PlaceDefined(slug=slug, name=name, geometry=geometry))
            elif before.name != name or before.retired or not same_outline(before.geometry, geometry):
                unit.append(PLACE, place_id(slug), PlaceRevised(slug=slug, name=name, geometry=geometry))
            unit.write(_sql.register, ("place", slug, *bounds))
            return self._registered(unit, place_id(slug), created=before is None)

        return await self._run(actor, work, idem)

    async def rehearse_place(self, body: PlaceBody) -> Literal["created", "changed", "known"]:
        """Dry run of `define_place`. Raises Invalid; stores nothing."""
        from alerts.kernel.geometry import same_outline

        slug, name, area = await self._place_checked(body)

        def compare() -> Literal["created", "changed", "known"]:
            before = self._log.state(PLACE, place_id(slug))
            if before is None:
                return "created"
            geometry, _ = _outline(area, self._geometry_now)
            same = before.name == name and not before.retired and same_outline(before.geometry, geometry)
            return "known" if same else "changed"

        return await asyncio.to_thread(compare)

    async def place_version(self, slug: str) -> int:
        """Return the number of definitions of a place, 0 for an unknown slug."""
        state = await asyncio.to_thread(self._log.state, PLACE, place_id(slug))
        return state.version if state else 0

    async def _place_checked(self, body: PlaceBody) -> tuple[str, dict[str, str], list[Json]]:
        """Validate a place into slug, names and area. Raises Invalid."""
        from alerts.kernel.geometry import validate_area

        slug, name = validation.slug(body.slug), validation.names(body.name)

        def check(known: KnownNames) -> list[Json]:
            # A revision may correct a place that was registered with its coordinates swapped.
            bounds = None if slug in known.places else known.bounds
            return validate_area(body.area, "area", known.places, bounds)

        return slug, name, await self._checked(check, heavy=True)

    def _geometry_now(self, slug: str) -> dict[str, object] | None:
        state = self._log.state(PLACE, place_id(slug))
        return state.geometry if state else None

    async def define_topic(self, actor: Actor, body: TopicBody, *, idem: Idempotency | None = None) -> Saved:
        """Define a topic that people may choose. A CAP category belongs to one topic."""
        slug, name = validation.slug(body.slug), validation.names(body.name)
        if slug.startswith(NEWSLETTER_PREFIX):
            raise Invalid.field("slug", "Topics of this form belong to newsletters.")
        categories = tuple(dict.fromkeys(body.categories))

        def work(unit: UnitOfWork) -> Saved:
            taken = {str(c): str(t) for c, t in unit.read(_sql.categories)}
            for category in categories:
                if taken.get(category, slug) != slug:
                    raise Invalid.field(
                        "categories", f"{category} means {taken[category]!r} already: a category belongs to one topic."
                    )
            before = unit.get(TOPIC, topic_id(slug))
            if before is None or (before.name, before.categories) != (name, categories) or before.retired:
                unit.append(TOPIC, topic_id(slug), TopicDefined(slug=slug, name=name, categories=categories))
            unit.write(_sql.register, ("topic", slug, None, None, None, None))
            unit.write(_sql.release_categories, (slug,))
            unit.write_many(_sql.give_category, [(category, slug) for category in categories])
            return self._registered(unit, topic_id(slug), created=before is None)

        return await self._run(actor, work, idem)

    async def define_built_in_topics(self) -> None:
        """Define the built-in topics; runs at every start, so that a new version's are added."""
        known = await self._checked(lambda known: known)
        for slug, categories in BUILT_IN_TOPICS.items():
            if slug not in known.topics:
                name = {"en": slug.replace("-", " ").capitalize()}
                await self.define_topic(SYSTEM, TopicBody(slug=slug, name=name, categories=categories))

    async def define_segment(self, actor: Actor, body: SegmentBody, *, idem: Idempotency | None = None) -> Saved:
        """Define a saved audience rule. Segments may not refer to each other in a circle (RULES 22)."""
        slug = validation.slug(body.slug)
        name = validation.text(body.name, "name", validation.NAME, line=True, needed=True)
        await self._checked(lambda known: check_rule(body, known), heavy=True)

        def work(unit: UnitOfWork) -> Saved:
            if slug in notice_threads.segment_versions(unit, body.rule):
                raise Invalid.field("rule", f"The rule refers back to {slug!r}: segments may not go in a circle.")
            notice_threads.check_rule_size(unit, body.rule, field="rule")
            before = unit.get(SEGMENT, segment_id(slug))
            if before is None:
                unit.append(SEGMENT, segment_id(slug), SegmentDefined(slug=slug, name=name, rule=body.rule))
            elif (before.name, before.rule) != (name, body.rule) or before.retired:
                unit.append(SEGMENT, segment_id(slug), SegmentRevised(slug=slug, name=name, rule=body.rule))
            unit.write(_sql.register, ("segment", slug, None, None, None, None))
            return self._registered(unit, segment_id(slug), created=before is None)

        return await self._run(actor, work, idem)

    def _registered(self, unit: UnitOfWork, stream_id: UUID, *, created: bool) -> Saved:
        unit.after_commit(self._known.invalidate)
        return Saved(id=stream_id, version=unit.version(stream_id), created=created)


def check_rule(body: SegmentBody, known: KnownNames) -> None:
    """Validate a segment's rule. Raises Invalid."""
    from alerts.kernel.rules import parse_rule

    parse_rule(
        body.rule,
        "rule",
        known_place=known.places,
        known_topic=known.topics,
        # Its own slug counts as known: the error should name the circle, not an unknown segment.
        known_segment=known.segments | {body.slug},
        bounds=known.bounds,
    )


def _geometry(unit: UnitOfWork, slug: str) -> dict[str, object] | None:
    state = unit.get(PLACE, place_id(slug))
    return state.geometry if state else None


def _outline(
    area: AreaJson, place: Callable[[str], dict[str, object] | None]
) -> tuple[dict[str, Any], tuple[float, ...]]:
    """Resolve an area to its current polygons and their bounding box. GeoJSON is stored as given."""
    from alerts.kernel.geometry import FINE_CIRCLE, resolve_area

    resolved = resolve_area(area, place)
    geometry = area[0] if _is_geojson(area) else resolved.to_geojson(FINE_CIRCLE)
    return geometry, tuple(map(float, resolved.bounds))


def _is_geojson(area: AreaJson) -> bool:
    return len(area) == 1 and "type" in area[0]
