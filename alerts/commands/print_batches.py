"""Print batch commands: put waiting pages together, and mark what has left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

import msgspec

from alerts.channels.letter import LetterPage
from alerts.commands import validation
from alerts.commands.actor import Actor
from alerts.commands.base import CommandBase
from alerts.commands.ports import Idempotency
from alerts.commands.results import Saved
from alerts.delivery_queue.by_hand import close_retries
from alerts.delivery_queue.row_format import HELD
from alerts.domain.events import PrintBatchMade, PrintPagesMarked
from alerts.domain.streams import PRINT_BATCH
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.errors import Conflict, NotFound
from alerts.kernel.ids import contact_shard, new_id
from alerts.kernel.terms import CHANNEL_CODE, CHANNELS, DELIVERY_STATES, Channel, DeliveryState
from alerts.kernel.times import from_micros, micros
from alerts.providers.print_batch.provider import FAILED, SENT, WAITING, StoredPage
from alerts.storage.in_clauses import rows_of_pairs, select_in
from alerts.storage.named_queries import load
from alerts.storage.ports import Database, Row, Transaction
from subscribers.addresses import Reader

_sql = load("alerts.commands", "print_batches.sql")
MOST = 500
"""Pages of one batch: what one person prints, and one PDF holds."""
_KEPT = timedelta(days=30)
"""Time after a notice's end for which its pages are kept."""
PageState = Literal["waiting", "sent", "failed", "not needed"]
"""not needed: its notice was replaced, cancelled or has ended, the person has left, or was reached by another way."""


class WaitingPages(msgspec.Struct, frozen=True, kw_only=True):
    """Pages of a channel that are in no batch yet."""

    channel: Channel
    pages: int
    oldest: datetime
    urgent: bool


class BatchCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Print batch with the states of its pages."""

    id: UUID
    channel: Channel
    made_at: datetime
    made_by: str
    pages: int
    sent: int
    failed: int
    waiting: int


class BatchPage(msgspec.Struct, frozen=True, kw_only=True):
    """LetterPage of a batch. `to` and `page` are None once the person is erased."""

    delivery: str
    notice: int
    contact: int
    urgent: bool
    state: PageState
    reason: str
    to: str | None
    page: LetterPage | None
    remark: str = ""
    """Why a text to this number failed, "" if none was sent."""


class UnwrittenLines(NamedTuple):
    """People on a list of the unreached whose page is not written: being so, held, or ended before."""

    state: DeliveryState
    reason: str
    people: int


def waiting_pages(database: Database) -> list[WaitingPages]:
    """Count the pages that lie ready, by channel. Blocks."""
    with database.read() as tx:
        rows = tx.execute(_sql.waiting_counts)
    return [
        WaitingPages(channel=CHANNELS[channel], pages=int(count), oldest=from_micros(oldest), urgent=bool(urgent))
        for channel, count, oldest, urgent in sorted(rows)
    ]


def batches(database: Database, limit: int = 50) -> list[BatchCounts]:
    """List the batches, newest first. Blocks."""
    with database.read() as tx:
        rows = tx.execute(_sql.batches, (limit,))
        needless = needless_lines(tx, [bytes(id) for id, *_, waiting in rows if waiting], written=True)
    return [
        BatchCounts(
            id=UUID(bytes=bytes(id)),
            channel=CHANNELS[channel],
            made_at=from_micros(at),
            made_by=by,
            pages=int(pages),
            sent=int(sent),
            failed=int(failed),
            waiting=int(waiting) - needless[bytes(id)],
        )
        for id, channel, at, by, pages, sent, failed, waiting in rows
    ]


def batch_pages(database: Database, batch: UUID, unseal: Callable[[UUID, bytes], bytes | None]) -> list[BatchPage]:
    """List the pages of a batch, the urgent first; [] for an unknown one. Blocks."""
    with database.read() as tx:
        rows = tx.execute(_sql.pages, (batch.bytes,))
        needless = [_is_needless(tx.execute, row) for row in rows]
    found = []
    for row, reached in zip(rows, needless, strict=True):
        delivery, notice, contact, subject, urgent, outcome, reason, sealed, state, remark, _ = row
        plain = unseal(UUID(bytes=bytes(subject)), bytes(sealed))
        stored = None if plain is None else msgspec.msgpack.decode(plain, type=StoredPage)
        found.append(
            BatchPage(
                delivery=delivery,
                notice=int(notice),
                contact=int(contact),
                urgent=bool(urgent),
                state=_state(outcome, state, needless=reached),
                reason=reason or "",
                to=stored.to if stored else None,
                page=msgspec.json.decode(stored.data, type=LetterPage) if stored else None,
                remark=remark or "",
            )
        )
    return found


def _state(outcome: int | None, delivery: int | None, *, needless: bool) -> PageState:
    if outcome is not None:
        return "sent" if outcome == SENT else "failed"
    return "waiting" if delivery == HELD and not needless else "not needed"


def _others(row: Row) -> list[int]:
    """Other contact points of a person on a call list, from a row of the statement `pages`."""
    return [int(number) for number in (row[-1] or "").split(",") if number]


def _is_needless(read: Reader, row: Row) -> bool:
    """True for a person on a call list whom a provider has reached after all."""
    return any(read(_sql.reached, (contact_shard(other), row[1], other)) for other in _others(row))


def needless_lines(tx: Transaction, batches: Sequence[bytes], *, written: bool = False) -> Counter[bytes]:
    """Count by list the open lines of people whom a provider has reached after all. `written`: those with a page."""
    lines: list[tuple[bytes, list[tuple[int, int]]]] = []
    for batch, notice, others, page, state in select_in(tx, _sql.open_lines, batches):
        if not written or (page is not None and state == HELD):
            lines.append((bytes(batch), [(int(notice), int(other)) for other in others.split(",")]))
    pairs = [pair for _, found in lines for pair in found]
    reached = {(int(notice), int(contact)) for notice, contact in rows_of_pairs(tx, _sql.reached_of, pairs)}
    return Counter(batch for batch, found in lines if not reached.isdisjoint(found))


def unwritten(database: Database, batch: UUID) -> tuple[UUID | None, list[UnwrittenLines]]:
    """Return the notice of a list of the unreached, None for another batch, and its lines without a page. Blocks."""
    with database.read() as tx:
        notices = tx.execute(_sql.list_of, (batch.bytes,))
        rows = tx.execute(_sql.unwritten, (batch.bytes,)) if notices else []
    lines = [UnwrittenLines(DELIVERY_STATES[state], reason, int(people)) for state, reason, people in rows]
    return (UUID(bytes=bytes(notices[0][0])) if notices else None), lines


def drop_old(unit: UnitOfWork) -> None:
    """Delete the pages and lists of notices that ended long ago."""
    before = micros(unit.now - _KEPT)
    unit.write(_sql.drop_old, (before,))
    unit.write(_sql.drop_old_lines, (before,))
    unit.write(_sql.drop_old_unreachable, (before,))


class PrintCommands(CommandBase):
    """Make and mark batches."""

    async def make_batch(self, actor: Actor, channel: Channel, *, idem: Idempotency | None = None) -> Saved:
        """Put the pages that lie ready together, at most `MOST`, the urgent first. Raises Conflict if there is none."""
        batch = new_id()

        def work(unit: UnitOfWork) -> Saved:
            drop_old(unit)
            rows = unit.read(_sql.waiting, (CHANNEL_CODE[channel], MOST))
            if not rows:
                raise Conflict("Nothing lies ready: there is no page to print and nobody to call.")
            unit.write(_sql.add_batch, (batch.bytes, CHANNEL_CODE[channel], micros(unit.now), actor.by))
            unit.write_many(_sql.into_batch, [(batch.bytes, notice, contact) for notice, contact in rows])
            unit.append(PRINT_BATCH, batch, PrintBatchMade(channel=channel, pages=len(rows)))
            return Saved(id=batch, version=1, created=True)

        return await self._run(actor, work, idem)

    async def mark_pages(
        self,
        actor: Actor,
        batch: UUID,
        deliveries: Collection[str] | None = None,
        outcome: Literal["sent", "failed"] = "sent",
        reason: str = "",
        *,
        idem: Idempotency | None = None,
    ) -> Saved:
        """Say what became of pages: of those deliveries, or of all that still wait. What is marked stays so."""
        words = validation.text(reason, "reason", validation.NAME, line=True, needed=outcome == "failed")

        def work(unit: UnitOfWork) -> Saved:
            state = unit.get(PRINT_BATCH, batch)
            if state is None:
                raise NotFound("There is no such print batch.")
            rows = unit.read(_sql.pages, (batch.bytes,))
            if deliveries is not None and (unknown := set(deliveries) - {row[0] for row in rows}):
                raise NotFound(f"This batch has no page {sorted(unknown)[0]}.")
            chosen = [
                (row[1], row[2], _others(row))
                for row in rows
                if _state(row[5], row[8], needless=_is_needless(unit.read, row)) == "waiting"
                and (deliveries is None or row[0] in deliveries)
            ]
            now, number = micros(unit.now), SENT if outcome == "sent" else FAILED
            for notice, contact, others in chosen:
                if outcome == "sent":
                    close_retries(unit, notice, others, "the person was reached by hand")
                unit.write(_sql.mark, (number, words, now, actor.by, notice, contact))
                unit.write(_sql.release, (now, contact_shard(contact), contact, WAITING))
            if chosen:
                marked = PrintPagesMarked(pages=len(chosen), outcome=outcome, reason=words)
                unit.append(PRINT_BATCH, batch, marked)
            return Saved(id=batch, version=unit.version(batch))

        return await self._run(actor, work, idem)

    def waiting_pages(self) -> list[WaitingPages]:
        """See `waiting_pages`."""
        return waiting_pages(self._database)

    def batches(self, limit: int = 50) -> list[BatchCounts]:
        """See `batches`."""
        return batches(self._database, limit)

    def unwritten(self, batch: UUID) -> tuple[UUID | None, list[UnwrittenLines]]:
        """See `unwritten`."""
        return unwritten(self._database, batch)

    def batch_pages(self, batch: UUID, unseal: Callable[[UUID, bytes], bytes | None]) -> list[BatchPage]:
        """See `batch_pages`."""
        return batch_pages(self._database, batch, unseal)
