"""Print batch: the provider of letters and calls. Pages lie ready until people say that they have left.

A page is sealed under its reader's own key, as it holds an address; an erasure makes it unreadable and deletes it.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import msgspec

from alerts.channels.message import Message, SendResult
from alerts.eventlog.ports import UnitOfWork, Writer
from alerts.kernel.errors import DomainError
from alerts.kernel.ids import parse_delivery_id
from alerts.kernel.secret_keys import SecretKeys
from alerts.kernel.terms import CHANNEL_CODE, Channel
from alerts.kernel.times import micros, optional_micros
from alerts.storage.named_queries import load
from subscribers.addresses import owner_of

_sql = load("alerts.providers.print_batch", "pages.sql")
WAITING = "waits for people to print or call"
"""Reason of a held delivery whose page lies ready."""
SENT, FAILED = 0, 1
"""Numbers of `print_pages.outcome`."""


class StoredPage(msgspec.Struct, frozen=True):
    """Sealed content of a page: the address, and a `channels.letter.LetterPage` as JSON."""

    to: str
    data: bytes


def drop_pages(unit: UnitOfWork, subscriber: UUID) -> None:
    """Delete every page of a person, and their lines on call lists (erasure)."""
    unit.write(_sql.drop_of, (subscriber.bytes,))
    unit.write(_sql.drop_lines_of, (subscriber.bytes,))


class PrintBatchProvider:
    """Provider of one channel that people carry out."""

    name = "print batch"

    def __init__(
        self, channel: Channel, writer: Writer, keys: SecretKeys, seal: Callable[[UUID, bytes], bytes]
    ) -> None:
        """`keys` read delivery ids; `seal` encrypts under a person's own key."""
        self.channel: Channel = channel
        self._writer, self._keys, self._seal = writer, keys, seal

    async def send(self, message: Message) -> SendResult:
        """Lay a page ready, or report what people have said of it since. Idempotent."""
        numbers = parse_delivery_id(self._keys, message.delivery)
        if numbers is None:
            return SendResult(result="technical", reason="this is no delivery of this instance")
        try:
            committed = await self._writer.run(lambda unit: self._take(unit, message, *numbers), by="system")
        except DomainError as error:
            return SendResult(result="not-begun", reason=f"the page could not be stored: {error}", retry_after=5.0)
        return committed.result

    def _take(self, unit: UnitOfWork, message: Message, notice: int, contact: int) -> SendResult:
        found = unit.read(_sql.page, (notice, contact))
        if found and found[0][0] is not None:
            outcome, reason = found[0]
            sent = outcome == SENT
            return SendResult(result="sent" if sent else "permanent", reason="" if sent else reason or "not reached")
        if not found:
            subject = owner_of(unit.read, contact)
            if subject is None:
                return SendResult(result="permanent", reason="the address is not theirs any more")
            stored = msgspec.msgpack.encode(StoredPage(message.to, message.data))
            key = (notice, contact, CHANNEL_CODE[self.channel], subject.bytes, message.delivery, int(message.urgent))
            expires = optional_micros(message.expires)
            sealed = self._seal(subject, stored)
            unit.write(_sql.add, (*key, micros(unit.now), expires, sealed, notice, contact))
        return SendResult(result="waiting", reason=WAITING)

    async def close(self) -> None:
        """Nothing is open."""
