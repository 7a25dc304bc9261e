"""Webhook sender: follows the log for each webhook and posts the events it wants, one after the other.

A webhook has its own task, so that a stalled one delays no other. Positions are stored twice a second and at the end of
the log: after a crash some events are posted again, with the same `webhook-id`, and none is missed. Among several
processes the holder of a row's lease posts for it; a lease is renewed, and taken over when it expires.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, TypeVar
from uuid import UUID, uuid4

import msgspec

from alerts.domain.streams import KEY, MEMBER, WEBHOOK
from alerts.domain.webhook import WebhookState, may_not_read
from alerts.eventlog.log import EventLog
from alerts.eventlog.ports import PublicCodec, UnreadableEvent, Writer
from alerts.storage.ports import Database
from alerts.storage.server_clock import steady
from alerts.webhooks import delivery
from alerts.webhooks.area_filter import AreaFilter, Filter
from alerts.webhooks.delivery import BACKOFF, PATIENCE, Outgoing, Poster, WebhookOutcome
from alerts.webhooks.progress import LIFE, Cursor, WebhookLease

T = TypeVar("T")
_log = logging.getLogger(__name__)
_WAIT_FOR_CLAIM = 0.5
_RECORD_EVERY = 0.5
_RECORD_SKIPPED = 30.0
"""Seconds between stores of a position where nothing was posted, only skipped."""
_PAGE = 200
_IDLE = 5.0
_STOP = 3.0
"""Seconds that a claim or a post in progress may still take when the process stops."""
_MARGIN = 3.0
_SURE = LIFE.total_seconds() - _MARGIN
"""Seconds after its last claim in which a process still posts; less than the lease."""

Disable = Callable[[UUID, int, str, int], Awaitable[object]]
"""Disable a webhook: its id, the turn in which it failed, the reason, and the position it has reached."""


class _Found(msgspec.Struct, frozen=True):
    """Result of one read of the log: wanted events, end of the read, and True if there may be more."""

    outgoing: list[Outgoing]
    end: int
    more: bool


class WebhookSender:
    """Webhook sender. `start` and `stop` belong to one event loop."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        log: EventLog,
        codec: PublicCodec,
        client: Poster,
        disable: Disable,
        *,
        clock: Callable[[], datetime],
        schedule: Sequence[float] = BACKOFF,
        patience: timedelta = PATIENCE,
    ) -> None:
        self._log, self._codec, self._client, self._disable, self._clock = log, codec, client, disable, clock
        self._schedule, self._patience = schedule, patience
        self._lease = WebhookLease(database, writer, uuid4().hex)
        self._alone = database.dialect == "sqlite"
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="webhooks")
        self._running: dict[UUID, tuple[Cursor, asyncio.Task[None]]] = {}
        self._claiming = asyncio.Lock()
        self._stopping = False
        self._claimed = 0.0

    # --- life

    async def stop(self) -> None:
        """Finish posts in progress, store the positions, and release the leases.

        A database that does not answer delays each step by at most `_STOP`: leases expire, and events are posted again.
        """
        self._stopping = True
        try:
            async with asyncio.timeout(_STOP), self._claiming:
                pass  # a claim under way ends first
        except TimeoutError:
            _log.warning("a claim of webhooks hangs in the database: it is not waited for")
        for cursor, task in self._running.values():
            if not cursor.posting:
                task.cancel()
        tasks = [task for _, task in self._running.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=_STOP)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(_STOP):
                for cursor, _ in self._running.values():
                    await self._record(cursor)
                if self._running:
                    await self._lease.release()
        except TimeoutError:
            _log.warning("the positions of webhooks could not be stored: some events will be posted again")
        finally:
            await self._client.close()
            self._threads.shutdown(wait=False)

    # --- which webhooks

    async def claim(self) -> None:
        """Follow the log for every webhook that no other process posts for; a periodic job."""
        async with self._claiming:
            if self._stopping:
                return
            try:
                cursors = await self._cursors()
                if not self._stopping:
                    self._adjust(cursors)
            except Exception as error:
                # The database is away or slow: events posted meanwhile are at worst posted again.
                _log.warning("the webhooks cannot be looked at just now: %s", error)

    async def _cursors(self) -> list[Cursor]:
        begun = steady()
        if await self._in_thread(self._lease.wants_claim, self._clock()):
            await self._lease.claim()
            self._claimed = begun
        return await self._in_thread(self._lease.cursors, self._clock())

    def _adjust(self, cursors: Sequence[Cursor]) -> None:
        """Reconcile tasks with leased rows: restarted after a replay or failure, cancelled for lost rows."""
        held = {cursor.id: cursor for cursor in cursors}
        for id, (cursor, task) in list(self._running.items()):
            found = held.get(id)
            if found is None or found.turn != cursor.turn:
                task.cancel()
                del self._running[id]
            elif task.done():
                del self._running[id]
        for id, cursor in held.items():
            if id not in self._running:
                self._running[id] = (cursor, asyncio.get_running_loop().create_task(self._serve(cursor)))

    async def _serve(self, cursor: Cursor) -> None:
        try:
            await self._follow(cursor)
        except Exception:
            _log.exception("webhook %s could not be served; it is tried again in a moment", cursor.id)

    # --- one webhook

    async def _follow(self, cursor: Cursor) -> None:
        webhook = await self._in_thread(self._log.state, WEBHOOK, cursor.id)
        if webhook is None or webhook.phase != "on":
            return
        if webhook.secret is None:
            await self._disable(cursor.id, cursor.turn, "its secret cannot be read any more", cursor.position)
            return
        wanted = await self._in_thread(self._filter, webhook)
        if cursor.due_at is not None:
            await asyncio.sleep(max(0.0, (cursor.due_at - self._clock()).total_seconds()))
        recorded_at = monotonic()
        while not self._stopping and not await self._stopped(cursor, webhook):
            found = await self._in_thread(self._next, cursor.position, webhook, wanted)
            for outgoing in found.outgoing:
                if not await self._deliver(cursor, webhook, webhook.secret, outgoing) or self._stopping:
                    return
                if monotonic() - recorded_at > _RECORD_EVERY:
                    await self._record(cursor)
                    recorded_at = monotonic()
            cursor.position = max(cursor.position, found.end)
            if cursor.taken_at is not None or monotonic() - recorded_at > _RECORD_SKIPPED:
                await self._record(cursor)
                recorded_at = monotonic()
            if not found.more:
                await self._log.wait_for_async(cursor.position + 1, _IDLE)

    async def _deliver(self, cursor: Cursor, webhook: WebhookState, secret: str, outgoing: Outgoing) -> bool:
        """Post one event until it is accepted; False if the webhook was disabled."""
        while not await self._stopped(cursor, webhook):
            await self._ensure_lease()
            cursor.posting = True
            try:
                outcome = await delivery.post(self._client, webhook.url, secret, webhook.id, outgoing, self._clock)
                if outcome.taken:
                    cursor.position, cursor.taken_at = outgoing.position, self._clock()
                    cursor.tries, cursor.failing_since, cursor.due_at = 0, None, None
                    return True
            finally:
                cursor.posting = False
            if await self._given_up(cursor, outcome):
                return False
            if self._stopping:
                return False
            await asyncio.sleep(max(0.0, ((cursor.due_at or self._clock()) - self._clock()).total_seconds()))
        return False

    async def _stopped(self, cursor: Cursor, webhook: WebhookState) -> bool:
        """Disable the webhook and return True if its key may not read the event feed any more."""
        reason = await self._in_thread(self._may_not_read, webhook)
        if reason:
            await self._disable(cursor.id, cursor.turn, reason, cursor.position)
        return bool(reason)

    def _may_not_read(self, webhook: WebhookState) -> str:
        key = self._log.state(KEY, webhook.key)
        member = self._log.state(MEMBER, key.person) if key is not None and key.person is not None else None
        return may_not_read(key, member)

    async def _given_up(self, cursor: Cursor, outcome: WebhookOutcome) -> bool:
        """Record a failure with the time of the next try; or disable the webhook and return True."""
        now = self._clock()
        cursor.tries += 1
        cursor.failing_since = cursor.failing_since or now
        if outcome.gone or now - cursor.failing_since >= self._patience:
            why = (
                outcome.reason
                if outcome.gone
                else f"it has failed since {_minute(cursor.failing_since)}: {outcome.reason}"
            )
            await self._lease.failed(cursor, why)
            await self._disable(cursor.id, cursor.turn, why, cursor.position)
            return True
        cursor.due_at = now + timedelta(seconds=delivery.backoff(self._schedule, cursor.tries, outcome.wait))
        await self._lease.failed(cursor, outcome.reason)
        return False

    async def _ensure_lease(self) -> None:
        """Wait while other processes might have taken over our leases."""
        while not self._alone and steady() - self._claimed > _SURE:  # noqa: ASYNC110  a claim is another task's
            await asyncio.sleep(_WAIT_FOR_CLAIM)

    async def _record(self, cursor: Cursor) -> None:
        if cursor.position > cursor.recorded:
            await self._lease.taken(cursor)

    # --- the log

    def _filter(self, webhook: WebhookState) -> Filter:
        if webhook.area is None:
            return lambda recorded: True
        whereabouts = AreaFilter(self._log)
        area = whereabouts.area(webhook.area)
        return lambda recorded: whereabouts.touches(area, recorded)

    def _next(self, after: int, webhook: WebhookState, wanted: Filter) -> _Found:
        """Read events after a position. The end is read first: later events are found by the next read."""
        end = self._log.position()
        page = self._log.read_each(after, _PAGE, webhook.topics, unseal=False)
        outgoing = []
        for found in page:
            if isinstance(found, UnreadableEvent):
                _log.error("webhook %s goes on without an event: %s", webhook.id, found)
            elif wanted(found):
                outgoing.append(Outgoing(found.position, delivery.body_of(self._codec.public(found))))
        more = len(page) == _PAGE
        return _Found(outgoing, page[-1].position if more else max(end, after), more)

    async def _in_thread(self, function: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)


def _minute(at: datetime) -> str:
    return at.strftime("%d %B %Y, %H:%M UTC").lstrip("0")
