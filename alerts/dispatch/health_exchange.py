"""Exchange of provider health between the processes that send."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from time import monotonic

from alerts.channels.message import Provider
from alerts.delivery_queue import provider_health
from alerts.dispatch.queue_client import QueueClient
from alerts.dispatch.rate_limiter import RateLimited
from alerts.kernel.terms import Channel
from alerts.providers.failover import AcceptsPeerHealth

_INTERVAL_S = 5.0
"""Seconds between two exchanges."""


class HealthExchange:
    """Shares rate limits among the processes, and tells each what the others know of the providers."""

    def __init__(
        self, queue: QueueClient, providers: Mapping[Channel, Provider], *, clock: Callable[[], datetime]
    ) -> None:
        self._queue, self._providers, self._clock = queue, providers, clock
        self._exchanged = float("-inf")

    async def exchange(self, workers: int) -> None:
        """Divide the rates by the number of workers; now and then write this process's view and read the others'."""
        for provider in self._providers.values():
            if isinstance(provider, RateLimited):
                provider.share_among(workers)
        queue = self._queue
        if queue.alone or monotonic() - self._exchanged < _INTERVAL_S:
            return
        self._exchanged = monotonic()
        unhealthy = await queue.in_thread(
            provider_health.unhealthy_elsewhere, queue.database, self._clock(), but=queue.number
        )
        for channel, provider in self._providers.items():
            if isinstance(provider, AcceptsPeerHealth) and channel in unhealthy:
                provider.apply_peer_health(unhealthy[channel])
        states = await queue.in_thread(provider_health.local, self._providers)
        if states:
            await queue.writer.run(lambda unit: provider_health.save(unit, queue.number, states), by="system")
