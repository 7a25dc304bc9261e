"""Assembly of a dispatch worker from its collaborators; part of the composition root."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from alerts.channels.message import Provider
from alerts.channels.renderer import Renderer
from alerts.dispatch.applied_positions import AppliedPositions
from alerts.dispatch.channel_recovery import ChannelRecovery
from alerts.dispatch.composer import ContactLookup, MessageComposer
from alerts.dispatch.concurrency_limiter import SHARE_PER_DESTINATION, ConcurrencyLimiter, PerDestination
from alerts.dispatch.delivery import DeliveryRunner
from alerts.dispatch.health_exchange import HealthExchange
from alerts.dispatch.housekeeping import Housekeeping
from alerts.dispatch.personal_content import SenderProfile
from alerts.dispatch.queue_client import QueueClient
from alerts.dispatch.rate_limiter import RateLimited, RateLimiter
from alerts.dispatch.retry_policy import RetryPolicy
from alerts.dispatch.wakeup import Wakeup
from alerts.dispatch.worker import URGENT_SENDERS, Worker
from alerts.eventlog.ports import Writer
from alerts.kernel.terms import Channel
from alerts.projections.progress import ProjectionProgress
from alerts.storage.ports import Database
from subscribers.audience.projector import AudienceProjector


def assemble_worker(
    database: Database,
    writer: Writer,
    audience: AudienceProjector,
    read_models: ProjectionProgress,
    directory: ContactLookup,
    renderer: Renderer,
    providers: Mapping[Channel, Provider],
    sender: SenderProfile,
    wakeup: Wakeup,
    *,
    clock: Callable[[], datetime],
    retries: RetryPolicy,
    concurrency: Mapping[Channel, int],
    reserve: int = 4,
    senders: int = 4,
) -> Worker:
    """`concurrency`: messages in flight by channel; `reserve` of them for emergencies alone.

    `audience` is a projector with a fan-out; `senders` take claims of every lane, two more take emergencies alone.
    """
    queue = QueueClient(database, writer, clock=clock)
    limiters = {
        channel: ConcurrencyLimiter(
            concurrency.get(channel, 64),
            reserve,
            part=SHARE_PER_DESTINATION if isinstance(one, PerDestination) else 1.0,
        )
        for channel, one in providers.items()
    }
    delivery = DeliveryRunner(
        writer,
        MessageComposer(audience, directory, renderer, sender, clock=clock),
        providers,
        limiters,
        retries,
        queue.lease,
        paused=lambda notice: notice in queue.paused,
        first_try=queue.first_try,
        rate_limiters={channel: RateLimiter(p.rate) for channel, p in providers.items() if isinstance(p, RateLimited)},
        clock=clock,
    )
    housekeeping = Housekeeping(
        queue,
        audience,
        HealthExchange(queue, providers, clock=clock),
        ChannelRecovery(queue, delivery.health, tuple(providers), clock=clock),
        clock=clock,
    )
    positions = AppliedPositions(audience, read_models, threads=senders + URGENT_SENDERS)
    return Worker(queue, delivery, housekeeping, positions, wakeup, clock=clock, senders=senders)
