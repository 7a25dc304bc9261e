"""Cache of registered names: slugs and categories that bodies may name, and the bounds of the places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from alerts.kernel.errors import Invalid
from alerts.kernel.terms import NEWSLETTER_PREFIX
from alerts.storage.named_queries import load
from alerts.storage.ports import Database

_sql = load("alerts.commands", "commands.sql")
Bounds = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class KnownNames:
    """Snapshot of the registers. They only grow, so an old one may lack a name but never has one too many."""

    places: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    segments: frozenset[str] = frozenset()
    organisations: frozenset[str] = frozenset()
    categories: dict[str, str] = field(default_factory=dict)
    """CAP category → topic."""
    bounds: Bounds | None = None
    """Bounding box of the registered places; None if there are none, or one crosses the antimeridian."""

    def topic(self, slug: str | None, where: str) -> str | None:
        """Return a known topic. Raises Invalid with the list of known ones."""
        if slug is None or slug in self.topics:
            return slug
        if slug.startswith(NEWSLETTER_PREFIX):
            known = sorted(topic for topic in self.topics if topic.startswith(NEWSLETTER_PREFIX))
            raise Invalid.field(where, f"unknown newsletter {slug!r}; known are {', '.join(known) or 'none'}")
        raise Invalid.field(where, f"unknown topic {slug!r}; known are {', '.join(sorted(self.topics)) or 'none'}")

    def organisation(self, slug: str | None, where: str) -> str | None:
        """Return a known organisation. Raises Invalid with the list of known ones."""
        if slug is None or slug in self.organisations:
            return slug
        known = ", ".join(sorted(self.organisations)) or "none"
        raise Invalid.field(where, f"unknown organisation {slug!r}; known are {known}")


def read_known(database: Database) -> KnownNames:
    """Read the registers from the database."""
    with database.read() as tx:
        rows, categories = tx.execute(_sql.registered), tx.execute(_sql.categories)

    def slugs(kind: str) -> frozenset[str]:
        return frozenset(str(row[1]) for row in rows if row[0] == kind)

    return KnownNames(
        places=slugs("place"),
        topics=slugs("topic"),
        segments=slugs("segment"),
        organisations=slugs("organisation"),
        categories={str(category): str(topic) for category, topic in categories},
        bounds=_union([row[2:6] for row in rows if row[0] == "place" and row[2] is not None]),
    )


def _union(boxes: list[tuple[float, ...]]) -> Bounds | None:
    if not boxes or any(west > east for west, _, east, _ in boxes):
        return None
    west, south, east, north = zip(*boxes, strict=True)
    return min(west), min(south), max(east), max(north)


class KnownNamesCache:
    """The registers, refreshed at most once a second, or at once after a command of this process changed them."""

    def __init__(self, database: Database, *, for_seconds: float = 1.0, tick: Callable[[], float] = monotonic) -> None:
        self._database, self._for, self._tick = database, for_seconds, tick
        self._known: KnownNames | None = None
        self._read_at = 0.0

    def cached(self) -> KnownNames | None:
        """Return the registers if still fresh, else None."""
        return self._known if self._tick() - self._read_at < self._for else None

    def read(self) -> KnownNames:
        """Read the registers now (blocks for a query)."""
        at = self._tick()
        known = read_known(self._database)
        self._known, self._read_at = known, at
        return known

    def invalidate(self) -> None:
        """Drop the cached registers after a change."""
        self._known = None
