"""Documents: each stream's folded state in one row, written in batches."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import msgspec

from alerts.eventlog.read_model import ReadModel
from alerts.kernel.events import Event, Recorded
from alerts.projections.document_kinds import DocumentKind
from alerts.storage.in_clauses import select_in
from alerts.storage.ports import Transaction, Value

_ENCODER = msgspec.msgpack.Encoder(uuid_format="bytes")


class _Document:
    """A document on its way through a batch."""

    __slots__ = ("created", "position", "sealed", "state")

    def __init__(self, state: Any, created: int, sealed: bytes | None) -> None:
        self.state, self.created, self.sealed, self.position = state, created, sealed, 0


class Documents(ReadModel):
    """A projection of some kinds of streams (`alerts.eventlog.ports.Projection`)."""

    def __init__(self, name: str, *kinds: DocumentKind[Any]) -> None:
        self.name = name
        self._kinds: dict[type[Event], DocumentKind[Any]] = {c: kind for kind in kinds for c in kind.events}
        self._decoders = {kind.table: msgspec.msgpack.Decoder(kind.state) for kind in kinds}
        self.topics: Collection[str] = frozenset(c.topic() for c in self._kinds)

    def apply(self, tx: Transaction, events: Sequence[Recorded]) -> None:
        """Fold these events into their documents: one read and one upsert for each kind among them."""
        by_table: dict[str, tuple[DocumentKind[Any], list[Recorded]]] = {}
        for recorded in events:
            kind = self._kinds.get(type(recorded.event))
            if kind is not None:
                by_table.setdefault(kind.table, (kind, []))[1].append(recorded)
        for kind, wanted in by_table.values():
            self._apply_kind(tx, kind, wanted)

    def _apply_kind(self, tx: Transaction, kind: DocumentKind[Any], events: Sequence[Recorded]) -> None:
        documents = self._load(tx, kind, events)
        for recorded in events:
            document = documents.get(recorded.originator_id)
            if document is None:
                document = documents[recorded.originator_id] = _Document(None, recorded.position, None)
            # A view never sees a personal field, even when the log that feeds it has unsealed them.
            bare = recorded.without_personal()
            document.state = kind.stream.evolve(document.state, bare)
            document.position = recorded.position
            if recorded.sealed is not None:
                document.sealed = recorded.sealed
        tx.executemany(
            kind.save_sql,
            [self._row(kind, stream, d) for stream, d in documents.items() if d.position and d.state is not None],
        )

    def _load(self, tx: Transaction, kind: DocumentKind[Any], events: Sequence[Recorded]) -> dict[UUID, _Document]:
        """The documents that these events continue; a stream's first event continues none."""
        begun = {r.originator_id for r in events if r.originator_version == 1}
        continued = {r.originator_id for r in events} - begun
        decode = self._decoders[kind.table].decode
        rows = select_in(tx, kind.load_sql, [stream.bytes for stream in continued])
        return {
            UUID(bytes=bytes(stream)): _Document(decode(doc), created, bytes(sealed) if sealed is not None else None)
            for stream, created, doc, sealed in rows
        }

    @staticmethod
    def _row(kind: DocumentKind[Any], stream: UUID, document: _Document) -> Sequence[Value]:
        doc = _ENCODER.encode(kind.canonical(document.state))
        row = (stream.bytes, document.created, document.position, *kind.index(document.state), doc)
        return (*row, document.sealed) if kind.sealed else row
