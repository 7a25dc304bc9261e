"""Base of the queries: documents by id, pages by cursor, sealed fields decrypted for one reader."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from alerts.kernel.paging import Page, cursor_number
from alerts.projections.document_kinds import DocumentKind
from alerts.projections.progress import ProjectionProgress
from alerts.storage import named_queries
from alerts.storage.in_clauses import select_in
from alerts.storage.ports import Database, Row, Transaction, Value
from subscribers.unsealing import Unsealer

S = TypeVar("S", bound=msgspec.Struct)

SQL = named_queries.load("alerts.projections.queries", "queries.sql")
PAGE = 50
"""Default page size."""
BEYOND = 2**62
"""Log position beyond any: start of the newest page."""


class QueryBase:
    """Base of the queries; results are as of the position that the projections have reached."""

    def __init__(self, database: Database, runner: ProjectionProgress, vault: Unsealer) -> None:
        self._database = database
        self._runner = runner
        self._vault = vault
        self._decoders: dict[str, msgspec.msgpack.Decoder[Any]] = {}

    def _decode(self, kind: DocumentKind[S], doc: bytes) -> S:
        decoder = self._decoders.get(kind.table)
        if decoder is None:
            decoder = self._decoders[kind.table] = msgspec.msgpack.Decoder(kind.state)
        state: S = decoder.decode(doc)
        return state

    def _one(self, kind: DocumentKind[S], document: UUID) -> S | None:
        """Load a document by its stream's id."""
        with self._database.read() as tx:
            return next(iter(self._many(tx, kind, (document,)).values()), None)

    def _many(self, tx: Transaction, kind: DocumentKind[S], ids: Iterable[UUID]) -> dict[UUID, S]:
        """Load documents by their streams' ids; missing ones are left out."""
        rows = select_in(tx, kind.load_sql, [key.bytes for key in set(ids)])
        return {UUID(bytes=bytes(row[0])): self._full(kind, row[2:]) for row in rows}

    def _first(self, kind: DocumentKind[S], rows: Sequence[Row]) -> S | None:
        """Decode the first row's document; a row is (doc) or, of a sealed kind, (doc, sealed)."""
        return self._full(kind, rows[0]) if rows else None

    def _full(self, kind: DocumentKind[S], row: Row) -> S:
        """Decode a document with its personal fields, unless erased."""
        state = self._decode(kind, row[0])
        if not kind.sealed or row[1] is None:
            return state
        subject: UUID = getattr(state, "id")  # noqa: B009  every sealed kind's state has one
        plain = self._vault.unseal(subject, bytes(row[1]))
        if plain is None:
            return state
        fields: dict[str, Any] = msgspec.msgpack.decode(plain)
        return msgspec.structs.replace(state, **fields)

    def _page(
        self, kind: DocumentKind[S], statement: str, params: Sequence[Value], cursor: str | None, limit: int
    ) -> Page[S]:
        """Load a page of a list by `created`, newest first. Raises ValueError for a malformed cursor."""
        before = BEYOND if cursor is None else cursor_number(cursor)
        with self._database.read() as tx:
            rows = tx.execute(statement, (before, *params, limit + 1))
        items = tuple(self._decode(kind, row[1]) for row in rows[:limit])
        return Page(items, str(rows[limit - 1][0]) if len(rows) > limit > 0 else None)
