"""The whole dispatch on real databases: log, read models, follower with its fan-out, worker, inbox."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from alerts.app.periodic_jobs import periodic_jobs
from alerts.channels.message import Message, Provider, SendResult
from alerts.channels.renderer import Renderer
from alerts.delivery_queue.queries import DispatchQueries, Progress
from alerts.dispatch.fanout import LOCK as FAN_OUT_LOCK
from alerts.dispatch.fanout import FanOut
from alerts.dispatch.personal_content import Sender
from alerts.dispatch.retry_policy import RetryPolicy
from alerts.dispatch.wakeup import Wakeup
from alerts.dispatch.worker import Worker
from alerts.domain import events as e
from alerts.domain.notice_lifecycle import danger_to_life
from alerts.domain.streams import DISPATCH, NOTICE, dispatch_id
from alerts.eventlog.application import EventStoreApplication
from alerts.eventlog.codec import Codec
from alerts.eventlog.log import EventLog
from alerts.eventlog.ports import UnitOfWork
from alerts.eventlog.writer import GroupCommitWriter
from alerts.kernel.events import Event, Stream
from alerts.kernel.ids import contact_number, new_id
from alerts.kernel.terms import Channel, MsgType
from alerts.projections import ReadModels, projections
from alerts.projections.runner import ProjectionRunner
from alerts.providers.inbox import Inbox
from alerts.scheduler.periodic import PeriodicJobs
from alerts.storage.generations import LiveViews
from alerts.storage.leader_election import AdvisoryLockLeader
from subscribers.audience.checkpoint import CheckpointStore
from subscribers.audience.index import AudienceColumns
from subscribers.audience.projector import AudienceProjector
from subscribers.audience.reference_data import ReferenceData
from subscribers.domain import events as s
from subscribers.domain.subscriber import SUBSCRIBER
from subscribers.vault import Vault
from tests.support.databases import MASTER_KEY, Databases

SENDER = "Community Alerts <alerts@localhost>"
SECRET = b"s" * 32
WALWORTH = {"circle": {"lat": 51.49, "lon": -0.09, "radius_km": 2.0}}
CONTENT = {"en": e.Content(title="Smoke in Walworth", body="Close windows.", instruction="Stay inside.")}


def now() -> datetime:
    """The real time."""
    return datetime.now(UTC)


class Scripted:
    """A provider that answers as a test says, and keeps what it was handed."""

    name = "scripted"

    def __init__(
        self, channel: Channel, answer: Callable[[Message], SendResult] | None = None, delay: float = 0.0
    ) -> None:
        self.channel, self.answer, self.delay = channel, answer or (lambda _: SendResult(result="sent")), delay
        self.handed: list[tuple[datetime, Message]] = []

    async def send(self, message: Message) -> SendResult:
        self.handed.append((now(), message))
        if self.delay:
            await asyncio.sleep(self.delay)
        return self.answer(message)

    async def close(self) -> None:
        """Nothing is kept open."""

    def recipients(self) -> list[str]:
        """Whom it was handed messages for, in order."""
        return [message.to for _, message in self.handed]


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[PeriodicJobs]:
    """A worker at work, with its periodic jobs; stopped in the end unless it is stopped already."""
    jobs = periodic_jobs(worker=worker)
    await worker.start()
    jobs.start()
    try:
        yield jobs
    finally:
        await worker.stop()
        await jobs.stop()


class Stack:
    """One process' parts. Several may stand on the same databases on PostgreSQL."""

    def __init__(
        self, databases: Databases, folder: Path, clock: Callable[[], datetime] = now, *, keeps: bool = False
    ) -> None:
        """`keeps`: the audience's columns are kept whenever the log has grown, and taken back at a start."""
        self.clock = clock
        self.main, self.views_db = databases.another("main"), databases.another("views")
        _ = databases.main, databases.views, databases.keys  # migrated
        self.vault = Vault(databases.keys, MASTER_KEY)
        codec = self.codec = Codec(e.CATALOGUE.joined(s.CATALOGUE), self.vault)
        self.application = EventStoreApplication(self.main, codec)
        self.log = EventLog(self.application)
        self.writer = GroupCommitWriter(
            self.application, clock, flush_keys=self.vault.flush, grown=self.log.notify_appended
        )
        self.runner = ProjectionRunner(self.log, self.views_db, projections(), clock)
        self.views = ReadModels(self.views_db, self.runner, self.vault)
        self.bell = Wakeup()
        self.columns, self.registers = AudienceColumns(), ReferenceData()
        self.leader = AdvisoryLockLeader(self.main, FAN_OUT_LOCK, every=0.3)
        self.fanout = FanOut(
            self.writer, self.main, self.columns, self.registers, clock=clock, bell=self.bell, leader=self.leader
        )
        self.current = LiveViews(databases.url, self.main, databases.migrations("views"))
        snapshots = (
            CheckpointStore(self.log, self.current, self.vault, worth=1, spacing=0.0, always=True) if keeps else None
        )
        self.follower = AudienceProjector(
            self.log, self.columns, self.registers, self.fanout, clock=clock, snapshots=snapshots
        )
        self.reads = DispatchQueries(self.main)
        self.inbox = Inbox.file(folder / "inbox.db", clock=clock)
        self.runner.start()
        self.follower.start()

    def worker(self, providers: Mapping[Channel, Provider] | None = None, **options: Any) -> Worker:
        """A worker on the inbox, or on other providers."""
        inbox: dict[Channel, Provider] = {c: self.inbox.provider(c) for c in ("email", "sms")}
        options.setdefault("retries", RetryPolicy({"email": (0.2, 0.2), "sms": (0.2, 0.2)}, random.Random(1)))
        return Worker(
            self.main,
            self.writer,
            self.follower,
            self.runner,
            self.views.directory,
            options.pop("renderer", None) or Renderer(sender=SENDER, clock=self.clock),
            inbox if providers is None else providers,
            Sender("http://127.0.0.1:8080", SECRET, SENDER, "Europe/London", "en"),
            self.bell,
            clock=self.clock,
            concurrency=options.pop("concurrency", {"email": 200, "sms": 200}),
            **options,
        )

    @asynccontextmanager
    async def working(
        self, providers: Mapping[Channel, Provider] | None = None, **options: Any
    ) -> AsyncIterator[Worker]:
        """A worker at work."""
        worker = self.worker(providers, **options)
        async with running(worker):
            yield worker

    def close(self) -> None:
        """Stop every part in the order in which a server does."""
        self.follower.stop()
        self.leader.release()
        self.runner.stop()
        self.writer.close()
        self.log.close()
        self.inbox.close()
        self.current.close()

    # --- what happens ---

    def tell(self, stream: Stream[Any], subject: UUID, *events: Event) -> int:
        """Append events; the last one's position."""

        def work(unit: UnitOfWork) -> None:
            unit.get(stream, subject)
            unit.append(stream, subject, *events)

        return self.writer.submit(work, by="system").result(10).position

    def tell_all(self, *parts: tuple[Stream[Any], UUID, Event]) -> int:
        """Append events of several streams in one transaction."""

        def work(unit: UnitOfWork) -> None:
            for stream, subject, event in parts:
                unit.get(stream, subject)
                unit.append(stream, subject, event)

        return self.writer.submit(work, by="system").result(10).position

    def people(self, count: int, at: tuple[float, float] = (51.49, -0.09), **wishes: Any) -> list[int]:
        """Register so many people with an e-mail address and a place there; their contact point numbers."""
        subscribers = [new_id() for _ in range(count)]
        place = s.Place(name="Home", lat=at[0], lon=at[1], radius_km=0.1)
        preferences = s.Preferences(places=(place,), channels=("email", "sms"), **wishes)

        def work(unit: UnitOfWork) -> list[int]:
            first = unit.number("contact", count)
            numbers = [contact_number(first + i, subscriber) for i, subscriber in enumerate(subscribers)]
            for number, subscriber in zip(numbers, subscribers, strict=True):
                unit.append(
                    SUBSCRIBER,
                    subscriber,
                    s.SubscriberRegistered(
                        how="test",
                        contacts=(s.ContactRef(number, "email"),),
                        addresses={number: f"p{number}@example.org"},
                        preferences=preferences,
                        consent=None,
                    ),
                )
            return numbers

        self.subscriber_of = getattr(self, "subscriber_of", {})
        numbers = self.writer.submit(work, by="system").result(30).result
        self.subscriber_of.update(zip(numbers, subscribers, strict=True))
        return numbers

    def issue(
        self,
        *,
        msg_type: MsgType = "Alert",
        follows: UUID | None = None,
        ends: Event | None = None,
        expires: timedelta = timedelta(hours=1),
        **plan: Any,
    ) -> tuple[UUID, int]:
        """Issue a notice; (its id, its number). `ends` is appended to `follows`, its thread's head, with it."""
        notice = new_id()
        fields = {
            "kind": "alert",
            "topic": "safety",
            "area": [WALWORTH],
            "severity": "Severe",
            "content": CONTENT,
            "channels": ("email", "sms"),
        }
        plan_of = e.NoticePlan(**{**fields, **plan})
        thread = follows or notice
        danger = danger_to_life(plan_of, msg_type)

        def work(unit: UnitOfWork) -> int:
            number = unit.number("notice")
            unit.append(
                NOTICE,
                notice,
                e.NoticeDrafted(number=number, msg_type=msg_type, thread=thread, plan=plan_of),
                e.NoticeIssued(
                    number=number,
                    msg_type=msg_type,
                    thread=thread,
                    plan=plan_of,
                    priority="emergency" if danger else plan_of.priority,
                    danger_to_life=danger,
                    expires=self.clock() + expires,
                ),
            )
            if follows is not None and ends is not None:
                unit.get(NOTICE, follows)
                unit.append(NOTICE, follows, ends)
            return number

        return notice, self.writer.submit(work, by="system").result(10).result

    def stop_dispatch(self, notice: UUID, number: int) -> None:
        """Cancel what has not left."""
        self.tell(DISPATCH, dispatch_id(notice), e.DispatchStopped(notice=notice, number=number, reason="a mistake"))

    # --- what is seen ---

    async def until(self, holds: Callable[[], bool], timeout: float = 20.0) -> None:
        """Wait for something to hold."""
        deadline = asyncio.get_running_loop().time() + timeout
        while not await asyncio.to_thread(holds):
            assert asyncio.get_running_loop().time() < deadline, f"not within {timeout} s: {self.reads.status(now())}"
            await asyncio.sleep(0.02)

    async def complete(self, number: int, timeout: float = 20.0) -> Progress:
        """The progress of a dispatch once every delivery is final."""
        await self.until(lambda: (p := self.reads.progress(number)) is not None and p.complete, timeout)
        progress = self.reads.progress(number)
        assert progress is not None
        return progress

    def states(self, number: int) -> dict[int, str]:
        """Every delivery's state by contact point."""
        return {row.contact: row.state for row in self.reads.deliveries(notice=number, limit=100_000).items}
