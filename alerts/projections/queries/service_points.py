"""Service point queries: service points, service changes, and the open points nearby."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from alerts.domain.service_change import ChangeState
from alerts.domain.service_point import PointState
from alerts.domain.service_point_status import facts_at
from alerts.kernel.paging import Page
from alerts.kernel.times import micros
from alerts.projections.document_kinds import CHANGES, POINTS
from alerts.projections.queries.base import PAGE, SQL, QueryBase
from alerts.projections.queries.notices import first_notices
from alerts.storage.ports import Transaction


class ServicePointQueries(QueryBase):
    """Service points and changes."""

    def service_point(self, point: UUID) -> PointState | None:
        """Return a service point as registered, regardless of announced changes."""
        return self._one(POINTS, point)

    def service_points(self, kind: str | None = None, cursor: str | None = None, limit: int = PAGE) -> Page[PointState]:
        """List service points, closed ones too, newest first. Raises ValueError for a malformed cursor."""
        return self._page(POINTS, SQL.service_points, (kind, kind), cursor, limit)

    def service_change(self, change: UUID) -> ChangeState | None:
        """Return a service change, with the first notice of its thread."""
        with self._database.read() as tx:
            found = self._many(tx, CHANGES, (change,))
            return next(iter(self._with_their_notices(tx, list(found.values()))), None)

    def service_changes(self, cursor: str | None = None, limit: int = PAGE) -> Page[ChangeState]:
        """List service changes, unissued ones too, newest first. Raises ValueError for a malformed cursor."""
        page = self._page(CHANGES, SQL.service_changes, (), cursor, limit)
        with self._database.read() as tx:
            return Page(tuple(self._with_their_notices(tx, page.items)), page.next)

    def changes(self, since: datetime, *, issued: bool = True) -> list[ChangeState]:
        """List the changes not withdrawn that last beyond `since`, by effective time.

        With `issued` only those with an issued notice, which the public may see.
        """
        with self._database.read() as tx:
            changes = self._lasting(tx, since)
            announced = self._announced(tx)
            shown = [change for change in changes if change.id in announced] if issued else changes
            return self._with_their_notices(tx, shown)

    def open_points(self, kind: str | None, at: datetime, without_change: UUID | None = None) -> list[PointState]:
        """List the points open at `at` (RULES 12), by id, with the issued changes then in effect applied.

        A point that such a change closes, or is yet to open, is left out; one that it moves, or whose hours or visits
        it sets, is shown that way. `without_change` is ignored. `kind` None means every kind, mobile units included.
        """
        with self._database.read() as tx:
            points = [self._decode(POINTS, row[0]) for row in tx.execute(SQL.open_service_points, (kind, kind))]
            announced = self._announced(tx) - {without_change}
            changes = [change for change in self._lasting(tx, at) if change.id in announced]
        current = ((point, facts_at(point, changes, at)) for point in points)
        return [replace(point, facts=facts) for point, facts in current if facts is not None]

    def nearest_open(
        self, kind: str | None, lat: float, lon: float, at: datetime, n: int
    ) -> list[tuple[PointState, float]]:
        """Return the `n` open points nearest to a position, with the geodesic metres; ties by id."""
        from pyproj import Geod

        points = self.open_points(kind, at)
        if not points:
            return []
        geod = Geod(ellps="WGS84")
        count = len(points)
        _, _, metres = geod.inv(
            [lon] * count, [lat] * count, [p.facts.lon for p in points], [p.facts.lat for p in points]
        )
        nearest = sorted(zip(points, metres, strict=True), key=lambda pair: (pair[1], pair[0].id))
        return [(point, float(distance)) for point, distance in nearest[:n]]

    def _lasting(self, tx: Transaction, since: datetime) -> list[ChangeState]:
        return [self._decode(CHANGES, row[0]) for row in tx.execute(SQL.changes_ending_after, (micros(since),))]

    @staticmethod
    def _announced(tx: Transaction) -> set[UUID | None]:
        """Changes with an issued notice that still counts."""
        return {UUID(bytes=bytes(row[0])) for row in tx.execute(SQL.issued_changes)}

    @staticmethod
    def _with_their_notices(tx: Transaction, changes: Sequence[ChangeState]) -> list[ChangeState]:
        first = first_notices(tx, SQL.first_notices_of_changes, [c.id for c in changes])
        return [replace(change, notice=first.get(change.id)) for change in changes]
