"""Reference data queries: places, topics, segments, organisations, newsletters, templates.

Each is cached until it changes.
"""

from __future__ import annotations

from threading import Lock
from typing import Any
from uuid import UUID

from msgspec import Struct

from alerts.domain.events import NoticePlan
from alerts.domain.message_template import TemplateState
from alerts.domain.newsletter import NewsletterState
from alerts.domain.organisation import OrganisationState
from alerts.domain.reference_data import PlaceState, SegmentState, TopicState
from alerts.kernel.ids import derived_id
from alerts.kernel.terms import BUILT_IN_TOPICS
from alerts.projections.document_kinds import (
    NEWSLETTERS,
    ORGANISATIONS,
    PLACES,
    SEGMENTS,
    TEMPLATES,
    TOPICS,
    DocumentKind,
)
from alerts.projections.progress import ProjectionProgress
from alerts.projections.queries.base import SQL, QueryBase, S
from alerts.storage.ports import Database
from subscribers.unsealing import Unsealer

Bounds = tuple[float, float, float, float]
"""West, south, east, north, in degrees."""


class ReferenceDataQueries(QueryBase):
    """Places, topics and segments. Retired ones are found by slug, and not listed."""

    def __init__(self, database: Database, runner: ProjectionProgress, vault: Unsealer) -> None:
        super().__init__(database, runner, vault)
        self._cache: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {}
        self._cache_lock = Lock()

    def place(self, slug: str) -> PlaceState | None:
        """Return a place, retired or not."""
        return self._register(PLACES).get(slug)

    def places(self) -> list[PlaceState]:
        """List the places to choose from, by slug."""
        return [place for place in self._register(PLACES).values() if not place.retired]

    def bounds(self) -> Bounds | None:
        """Bounding box of the registered places; None if there are none."""
        with self._database.read() as tx:
            west, south, east, north = tx.execute(SQL.bounds)[0]
        return None if west is None else (west, south, east, north)

    def topic(self, slug: str) -> TopicState | None:
        """Return a topic, retired or not; built-in ones have version 0 until they are defined."""
        return self._register(TOPICS).get(slug) or _built_in().get(slug)

    def topics(self) -> list[TopicState]:
        """List the topics to choose from: built-in ones, then the others by slug."""
        defined = self._register(TOPICS)
        return [topic for topic in {**_built_in(), **defined}.values() if not topic.retired]

    def segment(self, slug: str) -> SegmentState | None:
        """Return a segment, retired or not."""
        return self._register(SEGMENTS).get(slug)

    def segments(self) -> list[SegmentState]:
        """List the segments to choose from, by slug."""
        return [segment for segment in self._register(SEGMENTS).values() if not segment.retired]

    def organisation(self, slug: str) -> OrganisationState | None:
        """Return an organisation, retired or not."""
        return self._register(ORGANISATIONS).get(slug)

    def organisations(self, *, retired: bool = False) -> list[OrganisationState]:
        """List the organisations, by slug; `retired`: those that issue nothing any more, too."""
        return [one for one in self._register(ORGANISATIONS).values() if retired or not one.retired]

    def issuer(self, plan: NoticePlan) -> OrganisationState | None:
        """Return the organisation in whose name a notice goes out; None for the service itself."""
        return None if plan.organisation is None else self.organisation(plan.organisation)

    def newsletter(self, slug: str) -> NewsletterState | None:
        """Return a newsletter, ended or not."""
        return self._register(NEWSLETTERS).get(slug)

    def newsletters(self) -> list[NewsletterState]:
        """List the running newsletters, by slug."""
        return [newsletter for newsletter in self._register(NEWSLETTERS).values() if not newsletter.ended]

    def template(self, slug: str) -> TemplateState | None:
        """Return a message template, published or not, retired or not."""
        return self._register(TEMPLATES).get(slug)

    def templates(self) -> list[TemplateState]:
        """List the message templates that are not retired, by slug."""
        return [template for template in self._register(TEMPLATES).values() if not template.retired]

    def _register(self, kind: DocumentKind[S]) -> dict[str, S]:
        """Load a register by slug, decoded again only when it has changed: boroughs' outlines are large."""
        with self._database.read() as tx:
            version = tx.execute(SQL[f"{kind.table}_state"])[0]
            with self._cache_lock:
                cached = self._cache.get(kind.table)
            if cached is not None and cached[0] == version:
                return cached[1]
            entries = [self._decode(kind, row[0]) for row in tx.execute(SQL[kind.table])]
        content = {_slug(entry): entry for entry in entries}
        with self._cache_lock:
            self._cache[kind.table] = (version, content)
        return content


def _slug(entry: Struct) -> str:
    slug: str = getattr(entry, "slug")  # noqa: B009  every register's state has one
    return slug


def _built_in() -> dict[str, TopicState]:
    return {
        slug: TopicState(
            id=_topic_id(slug), slug=slug, version=0, name={"en": slug.replace("-", " ").capitalize()}, categories=means
        )
        for slug, means in BUILT_IN_TOPICS.items()
    }


def _topic_id(slug: str) -> UUID:
    return derived_id("topic", slug)
