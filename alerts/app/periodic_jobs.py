"""Table of periodic jobs: everything in a process that is repeated by the clock.

Followers of the log (projections, fan-out, proofs, webhooks) are woken by the log and are not here; this table only
wakes them for work that becomes due by time alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from alerts.commands.yearly_mail import EVERY_S as YEARLY_S
from alerts.delivery_queue.worker_lease import BEAT
from alerts.dispatch.alarms import BEAT_S
from alerts.dispatch.alarms import EVERY_S as LOOK_S
from alerts.dispatch.attention import EVERY_S as ATTENTION_S
from alerts.dispatch.canary import Canaries
from alerts.dispatch.channel_recovery import EVERY_S, RELEASE_S
from alerts.dispatch.worker import Worker
from alerts.eventlog.integrity.prover import Prover
from alerts.scheduler.due_items import DuePoll
from alerts.scheduler.periodic import PeriodicJob, PeriodicJobs
from alerts.webhooks.sender import WebhookSender
from subscribers.audience.checkpoint import CheckpointStore

DUE = "due items"
ALARMS = "alarms"
ATTENTION = "attention"
CANARIES = "canaries"


def periodic_jobs(
    *,
    due: DuePoll | None = None,
    worker: Worker | None = None,
    canaries: Canaries | None = None,
    webhooks: WebhookSender | None = None,
    checkpoints: CheckpointStore | None = None,
    prover: Prover | None = None,
    alarms: Callable[[], Awaitable[object]] | None = None,
    attention: Callable[[], Awaitable[object]] | None = None,
    beats: Sequence[Callable[[], Awaitable[object]]] = (),
    forget_asked: Callable[[], Awaitable[None]] | None = None,
    yearly_mails: Callable[[], Awaitable[object]] | None = None,
) -> PeriodicJobs:
    """Build the jobs of the components that this process has; `beats` are the signs of life of its roles."""
    rows: list[PeriodicJob] = []
    rows += [PeriodicJob(f"sign of life {number}", BEAT_S, one) for number, one in enumerate(beats)]
    if alarms is not None:
        rows.append(PeriodicJob(ALARMS, LOOK_S, alarms))
    if attention is not None:
        rows.append(PeriodicJob(ATTENTION, ATTENTION_S, attention))
    if due is not None:
        rows.append(PeriodicJob(DUE, due.every_s, due.poll))
    if forget_asked is not None:
        rows.append(PeriodicJob("asked addresses", 600.0, forget_asked))
    if yearly_mails is not None:
        rows.append(PeriodicJob("yearly mails", YEARLY_S, yearly_mails))
    if worker is not None:
        rows.append(PeriodicJob("worker lease", BEAT, worker.queue.renew))
        rows.append(PeriodicJob("housekeeping of the queue", 0.25, _called(worker.wake_housekeeping)))
        rows.append(PeriodicJob("recovery of channels", EVERY_S, worker.requeue_recovered))
        rows.append(PeriodicJob("release of what waited", RELEASE_S, worker.release_waiting))
    if canaries is not None:
        rows.append(PeriodicJob(CANARIES, canaries.every_s, canaries.send_due))
    if webhooks is not None:
        rows.append(PeriodicJob("claims of webhooks", 0.5, webhooks.claim))
    if checkpoints is not None:
        rows.append(PeriodicJob("checkpoint of the audience", 5.0, _called(checkpoints.request)))
    if prover is not None:
        rows.append(PeriodicJob("checkpoint of the proofs", 1.0, _called(prover.request_checkpoint)))
    jobs = PeriodicJobs(rows)
    if due is not None:
        due.run_at = lambda at: jobs.run_at(DUE, at)
    return jobs


def _called(function: Callable[[], object]) -> Callable[[], Awaitable[None]]:
    """Wrap a function that does not block as a job."""

    async def run() -> None:
        function()
        await asyncio.sleep(0)

    return run
