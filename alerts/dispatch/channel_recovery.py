"""Recovery of channels: what failed technically is queued again once its channel works (RULES 23)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from alerts.channels.message import SendResult
from alerts.delivery_queue.requeue import (
    failed_channels,
    failed_in_channel,
    longest_parked,
    release_probe,
    release_waiting,
    requeue_one,
    requeue_tried,
)
from alerts.dispatch.queue_client import QueueClient
from alerts.kernel.terms import Channel

_log = logging.getLogger(__name__)
EVERY_S = 60.0
RELEASE_S = 5.0
"""Seconds between two looks for channels that work again, and between two tries of one that does not."""
PROBE = timedelta(minutes=10)
"""Time between single failed deliveries that are tried in a channel over which nothing else is sent."""
SEVERAL = 2
"""Number of people to whom hand-overs fail in an outage."""
OUTAGE = timedelta(minutes=1)
"""Shortest time of failures alone that counts as an outage."""


class ChannelHealth:
    """Outages of channels, as the hand-overs of this process show them. Belongs to one event loop.

    Failures to several people with no success between them for a time are an outage: one full mailbox is none.
    """

    def __init__(self) -> None:
        self._sent: dict[Channel, datetime] = {}
        self._failing_since: dict[Channel, datetime] = {}
        self._failed_for: dict[Channel, set[int]] = {}
        self._recovered: dict[Channel, datetime] = {}
        self._out: set[Channel] = set()
        """Channels in which the last hand-over failed by the provider's fault."""
        self._back: set[Channel] = set()
        """Channels that work again; taken by `take_back`."""

    def observe(self, channel: Channel, contact: int, result: SendResult, at: datetime) -> None:
        """Note the result of a hand-over. A permanent refusal or a wait says nothing about the channel."""
        if result.result == "sent" and channel in self._out:
            self._out.discard(channel)
            self._back.add(channel)
        elif result.outage and result.result != "sent":
            self._out.add(channel)
        if result.result == "sent":
            since = self._failing_since.pop(channel, None)
            failed_for = self._failed_for.pop(channel, set())
            was_out = since is not None and len(failed_for) >= SEVERAL and at - since >= OUTAGE
            if channel not in self._sent or was_out:
                self._recovered[channel] = at
            self._sent[channel] = at
        elif result.result not in ("permanent", "not-begun"):
            self._failing_since.setdefault(channel, at)
            failed_for = self._failed_for.setdefault(channel, set())
            if len(failed_for) < SEVERAL:
                failed_for.add(contact)

    def is_out(self, channel: Channel) -> bool:
        """True if the last hand-over failed by the provider's fault."""
        return channel in self._out

    def presume_out(self, channel: Channel) -> None:
        """Note that an earlier process has deferred messages of this channel by an outage."""
        self._out.add(channel)

    def take_back(self) -> set[Channel]:
        """Take the channels that work again since the last call."""
        back, self._back = self._back, set()
        return back

    def recovered_at(self, channel: Channel) -> datetime | None:
        """Time of the first message after the last outage, or of the first of this process; None before."""
        return self._recovered.get(channel)

    def last_sent(self, channel: Channel) -> datetime | None:
        """Time of the last message that a provider took; None before the first."""
        return self._sent.get(channel)


class ChannelRecovery:
    """Requeues technically failed deliveries whose last try was before their channel recovered, each once.

    Over an idle channel one of them is tried every `PROBE`, the one whose last try is the oldest, or nobody would learn
    that the provider is well again.
    """

    def __init__(
        self,
        queue: QueueClient,
        health: ChannelHealth,
        channels: Collection[Channel] = (),
        *,
        clock: Callable[[], datetime],
    ) -> None:
        """`channels`: those that have a provider."""
        self._queue, self._health, self._clock = queue, health, clock
        self._channels = tuple(channels)
        self._asked: set[Channel] = set()
        """Channels that were tried after the start: what an earlier process has deferred tells nobody by itself."""
        self._probed: dict[Channel, datetime] = {}
        self._served: dict[Channel, datetime] = {}

    async def requeue(self) -> None:
        """Requeue what may be sent again; a periodic job. Reads run in a thread: they may go through many rows."""
        for channel in await asyncio.to_thread(failed_channels, self._queue.database, self._clock()):
            await self._requeue(channel)

    async def release(self) -> None:
        """Send at once what has waited for a provider that works again; a periodic job.

        While a channel is out, the next of its deferred messages is tried in a short rhythm: what is deferred is all
        that may find out that the server is back.
        """
        for channel in self._health.take_back():
            await release_waiting(self._queue.writer, channel)
            _log.info("%s works again: what has waited for it leaves now", channel)
        for channel in self._channels:
            if self._health.is_out(channel) or channel not in self._asked:
                self._asked.add(channel)
                if await release_probe(self._queue.writer, channel):
                    self._health.presume_out(channel)

    async def _requeue(self, channel: Channel) -> None:
        database, writer, now = self._queue.database, self._queue.writer, self._clock()
        recovered = self._health.recovered_at(channel)
        if recovered is not None and self._served.get(channel) != recovered:
            dispatches = await asyncio.to_thread(failed_in_channel, database, channel, now)
            amount = await requeue_tried(writer, dispatches, channel, recovered)
            self._served[channel] = recovered
            if amount:
                _log.info("%s works again: %d deliveries that had failed are queued again", channel, amount)
        elif self._is_idle(channel, now):
            self._probed[channel] = now
            parked = await asyncio.to_thread(longest_parked, database, channel, now)
            if parked is not None and await requeue_one(writer, parked):
                _log.info("one failed delivery is queued again to see if %s works", channel)

    def _is_idle(self, channel: Channel, now: datetime) -> bool:
        times = (self._health.last_sent(channel), self._probed.get(channel))
        return all(at is None or now - at >= PROBE for at in times)
