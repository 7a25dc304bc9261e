"""Local inbox: a provider that stores every message for viewing. For trying out, demo and tests.

It exists only while the public URL is a loopback address. A message is on disk before the result is `sent`; messages
that arrive together share one commit. Every copy is stored, so that duplicates can be counted.

Two kinds of address simulate common mailbox errors. A local part (or number, or the end of a push endpoint) that begins
with

- `no-such-mailbox` is refused permanently: `550 5.1.1`;
- `busy-once` is deferred at the first attempt of each message (`451 4.2.0`) and accepted at the second.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec

from alerts.channels.message import Message, SendResult
from alerts.kernel.terms import Channel
from alerts.kernel.times import from_micros, micros
from alerts.providers.inbox_store import InboxTransaction, SqliteTables, Tables

_BATCH = 1000

_SQLITE_TABLES = (
    """CREATE TABLE IF NOT EXISTS inbox (id INTEGER PRIMARY KEY AUTOINCREMENT, delivery TEXT NOT NULL,
    channel TEXT NOT NULL, recipient TEXT NOT NULL, at BIGINT NOT NULL, data BLOB NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS inbox_delivery ON inbox (delivery)",
    "CREATE INDEX IF NOT EXISTS inbox_recipient ON inbox (recipient, id)",
    "CREATE TABLE IF NOT EXISTS inbox_put_off (delivery TEXT PRIMARY KEY)",
)
_INSERT = "INSERT INTO inbox (delivery, channel, recipient, at, data) VALUES (?, ?, ?, ?, ?)"
_PUT_OFF = "INSERT INTO inbox_put_off (delivery) VALUES (?) ON CONFLICT (delivery) DO NOTHING"
_COLUMNS = "SELECT id, delivery, channel, recipient, at, data FROM inbox"

REFUSED = SendResult(result="permanent", reason="550 5.1.1 no such mailbox")
PUT_OFF = SendResult(result="temporary", reason="451 4.2.0 mailbox busy, try again")
SENT = SendResult(result="sent")


class InboxItem(msgspec.Struct, frozen=True, kw_only=True):
    """A stored message.

    `data` is the sent payload: RFC 5322 bytes for e-mail, UTF-8 text for SMS, a `Pushed` as JSON for push.
    """

    id: int
    delivery: str
    channel: Channel
    to: str
    at: datetime
    data: bytes


class Pushed(msgspec.Struct, frozen=True, kw_only=True):
    """A notification as stored by our own push endpoints."""

    raw: str
    """The encrypted body as received: base64url without padding."""
    text: str
    """The decrypted text; "" if it was encrypted for other keys."""
    headers: dict[str, str]


@dataclass(slots=True)
class _Arrival:
    message: Message
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[SendResult]
    answer: SendResult = field(default=SENT)


class Inbox:
    """The message store, with one thread that commits arrivals in groups."""

    def __init__(self, tables: Tables, *, clock: Callable[[], datetime]) -> None:
        """`tables` must contain `inbox` and `inbox_put_off` (migrations/postgresql/0003_dispatch.sql)."""
        self._tables, self._clock = tables, clock
        self._arrivals: queue.SimpleQueue[_Arrival | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._keep, name="inbox", daemon=True)
        self._thread.start()

    @classmethod
    def file(cls, path: Path, *, clock: Callable[[], datetime]) -> Inbox:
        """Open an inbox in its own SQLite file, created if absent."""
        tables = SqliteTables(path)
        with tables.write() as tx:
            for statement in _SQLITE_TABLES:
                tx.execute(statement)
        return cls(tables, clock=clock)

    def provider(self, channel: Channel) -> InboxProvider:
        """Provider that delivers a channel's messages to this inbox."""
        return InboxProvider(self, channel)

    async def take(self, message: Message) -> SendResult:
        """Store a message: `sent` once it is on disk, `temporary` if it cannot be stored."""
        if self._closed:
            return SendResult(result="temporary", reason="the inbox is closing")
        if _local(message.to).startswith("no-such-mailbox"):
            return REFUSED
        loop = asyncio.get_running_loop()
        arrival = _Arrival(message, loop, loop.create_future())
        self._arrivals.put(arrival)
        return await arrival.done

    def items(
        self,
        after: int = 0,
        limit: int = 100,
        *,
        to: str | None = None,
        delivery: str | None = None,
        newest_first: bool = False,
    ) -> list[InboxItem]:
        """List up to `limit` messages with ids > `after`, optionally of one recipient or delivery id.

        With `newest_first`: ids < `after`, 0 for no bound.
        """
        clauses, params = ["id > ?"] if not newest_first or not after else ["id < ?"], [after]
        filters: list[str | int] = [*params]
        if to is not None:
            clauses.append("recipient = ?")
            filters.append(to)
        if delivery is not None:
            clauses.append("delivery = ?")
            filters.append(delivery)
        order = "DESC" if newest_first else "ASC"
        with self._tables.read() as tx:
            rows = tx.execute(
                f"{_COLUMNS} WHERE {' AND '.join(clauses)} ORDER BY id {order} LIMIT ?", (*filters, limit)
            )
        return [_item(row) for row in rows]

    def item(self, id: int) -> InboxItem | None:
        """Read one message; None if the id is unknown."""
        with self._tables.read() as tx:
            rows = tx.execute(f"{_COLUMNS} WHERE id = ?", (id,))
        return _item(rows[0]) if rows else None

    def count(self) -> int:
        """Number of stored messages."""
        with self._tables.read() as tx:
            [(count,)] = tx.execute("SELECT COUNT(*) FROM inbox")
        return int(count)

    def forget(self, whose: Callable[[str], bool]) -> int:
        """Delete the messages of all delivery ids for which `whose` is true (an erasure); returns their number.

        In PostgreSQL the space of deleted rows is freed by the vacuum that ends the erasure of a key.
        """
        with self._tables.write() as tx:
            gone = [(id,) for (id,) in tx.execute("SELECT DISTINCT delivery FROM inbox") if whose(id)]
            tx.executemany("DELETE FROM inbox WHERE delivery = ?", gone)
            tx.executemany("DELETE FROM inbox_put_off WHERE delivery = ?", gone)
        if gone and isinstance(self._tables, SqliteTables):
            self._tables.scrub()
        return len(gone)

    def close(self) -> None:
        """Store what has arrived, then stop. Tables passed to the constructor stay open."""
        self._closed = True
        self._arrivals.put(None)
        self._thread.join()
        if isinstance(self._tables, SqliteTables):
            self._tables.close()

    def _keep(self) -> None:
        """Writer thread: commits all waiting arrivals in one transaction."""
        while (first := self._arrivals.get()) is not None:
            batch, last = [first], False
            while len(batch) < _BATCH and not last:
                try:
                    following = self._arrivals.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    last = True
                else:
                    batch.append(following)
            try:
                with self._tables.write() as tx:
                    self._write(tx, batch)
            except Exception as error:  # a full disk fails this batch; the next one may fit
                for arrival in batch:
                    arrival.answer = SendResult(result="temporary", reason=f"the inbox could not keep it: {error}")
            _answer(batch)
            if last:
                return

    def _write(self, tx: InboxTransaction, batch: Sequence[_Arrival]) -> None:
        at = micros(self._clock())
        kept: list[Message] = []
        for arrival in batch:
            if _local(arrival.message.to).startswith("busy-once") and self._first_try(tx, arrival.message.delivery):
                arrival.answer = PUT_OFF
            else:
                kept.append(arrival.message)
        tx.executemany(_INSERT, [(m.delivery, m.channel, m.to, at, m.data) for m in kept])

    @staticmethod
    def _first_try(tx: InboxTransaction, delivery: str) -> bool:
        if tx.execute("SELECT 1 FROM inbox_put_off WHERE delivery = ?", (delivery,)):
            return False
        tx.execute(_PUT_OFF, (delivery,))
        return True


class InboxProvider:
    """Delivers messages of one channel to the inbox."""

    name = "inbox"

    def __init__(self, inbox: Inbox, channel: Channel) -> None:
        self._inbox, self.channel = inbox, channel

    async def send(self, message: Message) -> SendResult:
        """See `Provider.send`."""
        return await self._inbox.take(message)

    async def close(self) -> None:
        """Do nothing: the inbox outlives its providers."""


def _local(address: str) -> str:
    """Mailbox part of an address; of a push endpoint, its last path segment."""
    return address.rpartition("/")[2]


def _item(row: tuple[int, str, Channel, str, int, bytes]) -> InboxItem:
    id, delivery, channel, to, at, data = row
    return InboxItem(id=id, delivery=delivery, channel=channel, to=to, at=from_micros(at), data=bytes(data))


def _answer(batch: Iterable[_Arrival]) -> None:
    """Resolve the futures, with one call into each event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Arrival]] = {}
    for arrival in batch:
        by_loop.setdefault(arrival.loop, []).append(arrival)
    for loop, arrivals in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, arrivals)
        except RuntimeError:
            continue  # the loop has ended: no caller waits any more, and the messages are stored


def _resolve(arrivals: Sequence[_Arrival]) -> None:
    for arrival in arrivals:
        if not arrival.done.done():
            arrival.done.set_result(arrival.answer)
