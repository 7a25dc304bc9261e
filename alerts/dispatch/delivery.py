"""Delivery of one claim: concurrent sending, a recheck before each message, outcomes recorded in chunks."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from alerts.channels.message import Provider, SendResult
from alerts.delivery_queue.row_format import CHUNK, IN_DOUBT, QUEUED
from alerts.delivery_queue.settle import Claimed, DeliveryOutcome, LeaseLost, settle, still_claimed
from alerts.dispatch.channel_recovery import ChannelHealth
from alerts.dispatch.composer import Batch, MessageComposer, PreparedMessage
from alerts.dispatch.concurrency_limiter import ConcurrencyLimiter, NoSlot, PerDestination
from alerts.dispatch.rate_limiter import WAITS, RateLimiter
from alerts.dispatch.retry_policy import RetryPolicy
from alerts.dispatch.send_policy import InDigest
from alerts.eventlog.ports import UnitOfWork, Writer
from alerts.kernel.errors import DomainError
from alerts.kernel.terms import CHANNELS, Channel

_log = logging.getLogger(__name__)
_RECORD_EVERY = 0.5
"""Maximum seconds that an outcome waits to be recorded with others."""
_AFTER_TROUBLE = timedelta(seconds=1)
STALLED = "waits for a provider that does not answer"
"""Reason of a row that was released because its channel has stalled."""

Recorded = Callable[[int], None]
"""Callback with the number of rows recorded."""


class LeaseCheck(Protocol):
    """Validity of this worker's claims."""

    def is_valid(self, number: int) -> bool:
        """False once claims under that number may be reassigned to other workers."""


class _Recheck(NamedTuple):
    """Parameters of the recheck before a message.

    `known`: position of the first decision; `worker`: claiming worker's number; `last`: check the send policy too, not
    only the lease.
    """

    known: int
    worker: int
    last: bool


class DeliveryRunner:
    """Runner of claims; one per process, in one event loop."""

    def __init__(
        self,
        writer: Writer,
        composer: MessageComposer,
        providers: Mapping[Channel, Provider],
        limiters: Mapping[Channel, ConcurrencyLimiter],
        retries: RetryPolicy,
        lease: LeaseCheck,
        *,
        paused: Callable[[int], bool] = lambda notice: False,
        first_try: Callable[[Claimed], datetime | None] = lambda row: None,
        rate_limiters: Mapping[Channel, RateLimiter],
        clock: Callable[[], datetime],
    ) -> None:
        self._writer, self._composer, self._providers, self._limiters = writer, composer, providers, limiters
        self._rate_limiters, self._paused, self._first_try = rate_limiters, paused, first_try
        self._destined = {channel: one for channel, one in providers.items() if isinstance(one, PerDestination)}
        self._retries, self._lease, self._clock = retries, lease, clock
        # Few threads: they render messages, and beside the sending loop each more costs more than it brings.
        # Emergencies have a separate one, and never wait.
        self._threads = (
            ThreadPoolExecutor(2, thread_name_prefix="dispatch"),
            ThreadPoolExecutor(1, thread_name_prefix="dispatch emergencies"),
        )
        self.stopping = False
        self.health = ChannelHealth()

    async def notices(
        self, rows: list[Claimed], expires: Mapping[int, datetime], worker: int, recorded: Recorded
    ) -> None:
        """Deliver rows of notices claimed under a worker's number; `expires` by notice number."""
        stalled = self._stalled(rows, expires)
        held_up = {one.row for one in stalled}
        batch = await self._prepared([row for row in rows if row not in held_up], self._composer.compose)
        batch.settled += stalled
        await self._serve(batch, expires, worker, recorded, last=True)

    async def transactional(
        self,
        rows: list[Claimed],
        expires: Mapping[int, datetime],
        kinds: Mapping[int, int],
        worker: int,
        recorded: Recorded,
    ) -> None:
        """Deliver rows of a day's confirmations, answers and messages to the team; `kinds` by dispatch."""
        batch = await self._prepared(rows, lambda rows: self._composer.transactional(rows, dict(expires), kinds))
        await self._serve(batch, expires, worker, recorded, last=False)

    async def close(self) -> None:
        """Close the providers and end the threads, once nothing is on its way."""
        for provider in set(self._providers.values()):
            await provider.close()
        for threads in self._threads:
            threads.shutdown(wait=False)

    def stop(self) -> None:
        """Start no further messages."""
        self.stopping = True
        for limiter in self._limiters.values():
            limiter.close()
        for rate_limiter in self._rate_limiters.values():
            rate_limiter.close()

    def _stalled(self, rows: list[Claimed], expires: Mapping[int, datetime]) -> list[DeliveryOutcome]:
        """Release the rows of stalled channels before any message is composed for them."""
        found: list[DeliveryOutcome] = []
        urgent = {notice: self._composer.is_emergency(notice) for notice in {row.notice for row in rows}}
        for row in rows:
            limiter, emergency = self._limiters.get(CHANNELS[row.channel]), urgent[row.notice]
            if limiter is not None and limiter.is_stalled(emergency=emergency):
                found.append(self._held_up(row, limiter.retry_after(emergency=emergency), expires))
        return found

    def _held_up(self, row: Claimed, wait: float, expires: Mapping[int, datetime]) -> DeliveryOutcome:
        due = min(self._clock() + timedelta(seconds=wait), expires[row.notice])
        return DeliveryOutcome(row, QUEUED, row.reason or (STALLED if wait else ""), due=due)

    async def _prepared(self, rows: list[Claimed], prepare: Callable[[list[Claimed]], Batch]) -> Batch:
        """Compose the messages; if reading fails, release the rows to be claimed again in a moment."""
        urgent = bool(rows) and self._composer.is_emergency(rows[0].notice)  # a claim is of one lane
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads[urgent], prepare, rows)
        except Exception:
            _log.exception("%d messages could not be prepared; they are taken again", len(rows))
            later = self._clock() + _AFTER_TROUBLE
            return Batch(settled=[_release(row, later) for row in rows])

    async def _serve(
        self, batch: Batch, expires: Mapping[int, datetime], worker: int, recorded: Recorded, *, last: bool
    ) -> None:
        """Send, and record outcomes as they come; every row is recorded whatever happens."""
        settled, outgoing = list(batch.settled), []
        for out in batch.outgoing:
            later = self._later(out, expires)
            settled += later
            outgoing += [] if later else [out]
        recheck = _Recheck(batch.known, worker, last)
        carriers = self._carriers(outgoing, settled, recheck, expires)
        while carriers or settled:
            if carriers:
                _, carriers = await asyncio.wait(carriers, timeout=_RECORD_EVERY)
            if settled:
                chunk = settled[:]
                del settled[: len(chunk)]
                await self._record(chunk, worker)
                recorded(len(chunk))

    def _carriers(
        self,
        outgoing: Sequence[PreparedMessage],
        settled: list[DeliveryOutcome],
        recheck: _Recheck,
        expires: Mapping[int, datetime],
    ) -> set[asyncio.Task[None]]:
        """Start the tasks that send these messages and add their outcomes to `settled`.

        Where all go to one destination there are as many tasks as slots, and each sends one message after the other: a
        task, a slot and a wait for each message would cost more than the message. One more waits at the limiter, so
        that a stall is noticed.
        """
        queues: dict[tuple[Channel, bool], deque[PreparedMessage]] = defaultdict(deque)
        for out in outgoing:
            queues[out.channel, out.emergency].append(out)
        made = set()
        for (channel, emergency), queue in queues.items():
            many = len(queue)
            limiter = self._limiters.get(channel)
            if limiter is not None and channel not in self._destined and channel not in self._rate_limiters:
                many = min(many, limiter.places(emergency=emergency) + 1)
            made |= {asyncio.ensure_future(self._carry(queue, settled, recheck, expires)) for _ in range(many)}
        return made

    def _later(self, out: PreparedMessage, expires: Mapping[int, datetime]) -> list[DeliveryOutcome]:
        """Release a message's rows until the provider's rate allows it; [] if it may wait in memory."""
        rate_limiter = self._rate_limiters.get(out.channel)
        if rate_limiter is None:
            return []
        wait = rate_limiter.retry_after(emergency=out.emergency, again=any(row.reason == WAITS for row in out.rows))
        if wait is None:
            return []
        due = self._clock() + timedelta(seconds=wait)
        return [DeliveryOutcome(row, QUEUED, WAITS, due=min(due, expires[row.notice])) for row in out.rows]

    async def _carry(
        self,
        queue: deque[PreparedMessage],
        settled: list[DeliveryOutcome],
        recheck: _Recheck,
        expires: Mapping[int, datetime],
    ) -> None:
        """Send messages of one channel and urgency, one after the other; never raises."""
        while queue:
            out = queue.popleft()
            provider = self._providers.get(out.channel)
            if provider is None:
                now = self._clock()
                result = SendResult(result="technical", reason="no provider")
                settled += [
                    self._retries.outcome_of(r, result, now, now, expires[r.notice], out.language) for r in out.rows
                ]
                continue
            rate_limiter = self._rate_limiters.get(out.channel)
            if rate_limiter is not None:
                await rate_limiter.acquire(emergency=out.emergency)
            destined = self._destined.get(out.channel)
            to = "" if destined is None else destined.destination(out.message)
            limiter, run, refused = self._limiters[out.channel], 0, False
            try:
                async with limiter.slot(emergency=out.emergency, to=to):
                    refused = await self._pass(provider, out, settled, recheck, expires)
                    while (
                        queue
                        and destined is None
                        and rate_limiter is None
                        and limiter.keep_slot(emergency=out.emergency, to=to, run=run)
                    ):
                        run += 1
                        await self._pass(provider, queue.popleft(), settled, recheck, expires)
            except NoSlot as full:
                settled += [self._held_up(row, full.retry_after, expires) for row in out.rows]
                refused = True
            if refused and rate_limiter is not None:
                rate_limiter.refund()

    async def _pass(
        self,
        provider: Provider,
        out: PreparedMessage,
        settled: list[DeliveryOutcome],
        recheck: _Recheck,
        expires: Mapping[int, datetime],
    ) -> bool:
        """Send one message that has a slot; True if the recheck stopped it."""
        withheld = self._may_still_send(out, recheck)
        settled += await self._sent(provider, out, expires) if withheld is None else withheld
        return withheld is not None

    async def _sent(
        self, provider: Provider, out: PreparedMessage, expires: Mapping[int, datetime]
    ) -> list[DeliveryOutcome]:
        started = self._clock()
        try:
            result = await provider.send(out.message)
        except Exception as error:
            _log.exception("provider %s failed", provider.name)
            result = SendResult(
                result="in-doubt", reason=f"{provider.name} failed: {type(error).__name__}", outage=True
            )
        finished = self._clock()
        self.health.observe(out.channel, out.rows[0].contact, result, finished)
        return [
            self._retries.outcome_of(
                row,
                result,
                started,
                finished,
                expires[row.notice],
                out.language,
                first_try=await self._first_try_of(row, result, emergency=out.emergency),
                emergency=out.emergency,
            )
            for row in out.rows
        ]

    async def _first_try_of(self, row: Claimed, result: SendResult, *, emergency: bool) -> datetime | None:
        """Time of the first try, read where the policy needs it; if that fails, the day begins anew."""
        if not self._retries.asks_for_first_try(row, result, emergency=emergency):
            return None
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads[0], self._first_try, row)
        except Exception as error:
            _log.warning("the first try of a delivery of dispatch %d cannot be read: %s", row.notice, error)
            return None

    def _may_still_send(self, out: PreparedMessage, recheck: _Recheck) -> list[DeliveryOutcome] | None:
        """Recheck; a message whose recheck fails is released to wait."""
        try:
            return self._rechecked(out, recheck)
        except Exception:
            _log.exception("a message of dispatch %d could not be asked about; it waits", out.rows[0].notice)
            return [_release(row, self._clock() + _AFTER_TROUBLE) for row in out.rows]

    def _rechecked(self, out: PreparedMessage, recheck: _Recheck) -> list[DeliveryOutcome] | None:
        """Decide again right before the first byte, by all that has happened since (RULES 15, P5)."""
        if self.stopping or not self._lease.is_valid(recheck.worker):
            return [_release(row, self._clock()) for row in out.rows]
        if not recheck.last:
            return None
        changed: list[DeliveryOutcome] = []
        for row in out.rows:
            verdict = self._composer.recheck(row, recheck.known)
            if isinstance(verdict, DeliveryOutcome):
                changed.append(verdict)
            elif self._paused(row.notice) or (isinstance(verdict, InDigest) and verdict.past):
                changed.append(_release(row, self._clock()))
        if not changed:
            return None
        # A digest loses the item that may no longer be sent; the rest is composed anew.
        gone = {settled.row for settled in changed}
        return changed + [_release(row, self._clock()) for row in out.rows if row not in gone]

    async def _record(self, settled: list[DeliveryOutcome], worker: int) -> None:
        """Record outcomes in chunks, retried until committed: a row must not stay claimed for ever."""
        for start in range(0, len(settled), CHUNK):
            chunk, again = settled[start : start + CHUNK], False
            while not await self._recorded(chunk, worker, again):
                again = True
                if self.stopping:
                    break

    async def _recorded(self, chunk: list[DeliveryOutcome], worker: int, again: bool) -> bool:
        """True if these outcomes need no further attempt.

        `again`: a commit whose answer was lost may have stored them.
        """

        def work(unit: UnitOfWork) -> None:
            settle(unit, worker, still_claimed(unit, worker, chunk) if again else chunk)

        try:
            await self._writer.run(work, by="system")
        except LeaseLost:
            _log.warning("this worker was taken for dead; %d outcomes are in doubt", len(chunk))
        except DomainError as error:
            _log.warning("%d outcomes are not recorded yet: %s", len(chunk), error)
            await asyncio.sleep(0.2)
            return False
        except Exception as error:
            await self._record_each(chunk, worker, error)
        return True

    async def _record_each(self, chunk: list[DeliveryOutcome], worker: int, error: Exception) -> None:
        """Record outcomes singly, so that one that cannot be stored affects no other: it loses its texts."""
        if len(chunk) > 1:
            for one in chunk:
                await self._record([one], worker)
            return
        _log.error("an outcome of dispatch %d cannot be kept as it is: %r", chunk[0].row.notice, error)
        bare = f"{IN_DOUBT}: " if chunk[0].reason.startswith(IN_DOUBT) else ""
        plain = chunk[0]._replace(reason=f"{bare}its words could not be kept", reference="", language="")
        await self._writer.run(lambda unit: settle(unit, worker, still_claimed(unit, worker, [plain])), by="system")


def _release(row: Claimed, now: datetime) -> DeliveryOutcome:
    """Outcome that releases a claimed row, due at once."""
    return DeliveryOutcome(row, QUEUED, row.reason or "", due=now)
