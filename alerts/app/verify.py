"""Verification of an instance's log, by read-only connections, with or without a running server."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from time import sleep
from typing import Any, cast
from uuid import UUID

import msgspec
from eventsourcing.persistence import Notification

from alerts.app.bootstrap import PROOF_SECRET
from alerts.app.catalogue import CATALOGUE
from alerts.app.event_keys import stored_authenticator
from alerts.app.schema import pending_migrations
from alerts.eventlog.codec import Codec
from alerts.eventlog.integrity.merkle import SECRET_BYTES, Checkpoint, CheckpointSigner
from alerts.eventlog.integrity.verifier import FIRST_PROOF_S, Deviation, Report, verify
from alerts.eventlog.ports import UnreadableEvent
from alerts.eventlog.recorder import Recorder
from alerts.kernel.errors import Unavailable
from alerts.projections.document_kinds import KEYS, MEMBERS, SOURCES, DocumentKind
from alerts.settings import Settings
from alerts.storage.base import BaseDatabase
from alerts.storage.connect import connect
from alerts.storage.generations import current_generation
from subscribers.vault import stored_secret

_ACCESS: tuple[tuple[DocumentKind[Any], tuple[str, ...]], ...] = (
    (KEYS, ("secret_hash", "scopes", "policy", "person", "revoked")),
    (SOURCES, ("name", "kind", "policy", "connected")),
    (MEMBERS, ("role", "areas", "kinds")),
)
"""Documents that say who may do what, and the fields that decide it."""


def verify_log(
    settings: Settings,
    *,
    against: Checkpoint | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Compare the log with its proofs, and with an external checkpoint."""
    with ExitStack() as closing:
        url = settings.database_url
        main, keys = connect(url, "main", readonly=True), connect(url, "keys", readonly=True)
        closing.callback(main.close)
        closing.callback(keys.close)
        if not main.exists() or not keys.exists():
            raise Unavailable("There is no database yet: start the server once, or run `alerts migrate`")
        if waiting := pending_migrations(settings, readonly=True):
            raise Unavailable(f"The database lacks {', '.join(waiting)}: run `alerts migrate` first")
        secret = stored_secret(keys, settings.master_key, PROOF_SECRET, SECRET_BYTES)
        signer = None if secret is None else CheckpointSigner(secret)
        authenticator = stored_authenticator(keys, settings.master_key)
        genuine = None if authenticator is None else authenticator.is_genuine

        def once() -> Report:
            return verify(main, keys, signer, datetime.now(UTC), against=against, progress=progress, genuine=genuine)

        report = once()
        if report.unproven:
            sleep(FIRST_PROOF_S)
            report = once()
        _compare_access(settings, main, report)
        return report


def _compare_access(settings: Settings, main: BaseDatabase, report: Report) -> None:
    """Compare keys, sources and members in the read models with the log; differences go into the report.

    A row may lag behind the log, but it never knows what the log does not say.
    """
    views = connect(settings.database_url, "views", current_generation(main), readonly=True)
    log = Recorder(main)
    with closing(views):
        if not views.exists():
            return
        for kind, fields in _ACCESS:
            with views.read() as tx:
                rows = tx.execute(f"SELECT id, position, doc FROM {kind.table} ORDER BY created")
            for identity, position, doc in rows:
                stream = UUID(bytes=bytes(identity))
                shown = msgspec.msgpack.decode(bytes(doc), type=kind.state)
                logged = _folded(log, kind, stream, int(position))
                if logged is None or any(getattr(shown, name) != getattr(logged, name) for name in fields):
                    words = (
                        f"{kind.table.replace('_', ' ')}: {stream} in the read models is not what the log says; what "
                        "it may do is decided by the log, and `alerts rebuild` puts the read models right"
                    )
                    report.add(Deviation(kind="access differs", words=words, stream=str(stream)))
    if not report.whole:
        report.checkpoint = None


def _folded(log: Recorder, kind: DocumentKind[Any], stream: UUID, position: int) -> Any:
    """State of a stream at a position, without personal fields; None if the log has none."""
    events = [event for event in log.select_events(stream) if cast(Notification, event).id <= position]
    state = None
    for recorded in Codec(CATALOGUE, _NoKeys()).decode_many(events, unseal=False):
        if isinstance(recorded, UnreadableEvent):
            return None
        state = kind.stream.evolve(state, recorded)
    return state


class _NoKeys:
    """Sealer that has no keys: personal fields read as None."""

    def seal(self, subject: UUID, plaintext: bytes, *, fresh: bool = False) -> bytes:
        raise NotImplementedError("a verification writes nothing")

    def unseal(self, subject: UUID, sealed: bytes) -> bytes | None:
        return None

    def prefetch(self, subjects: Collection[UUID]) -> None:
        """Do nothing: there are no keys."""
