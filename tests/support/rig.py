"""Process of the product, built by the bootstrap on a test's databases: the rig of integration and crash tests."""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from alerts import settings as settings_of
from alerts.app.bootstrap import App
from alerts.app.periodic_jobs import periodic_jobs
from alerts.channels.message import Message, Provider, SendResult
from alerts.delivery_queue.queries import Progress
from alerts.dispatch.retry_policy import RetryPolicy
from alerts.dispatch.worker import Worker
from alerts.domain import events as e
from alerts.domain.notice_lifecycle import danger_to_life
from alerts.domain.streams import DISPATCH, NOTICE, dispatch_id
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.events import Event, Stream
from alerts.kernel.ids import contact_number, new_id
from alerts.kernel.terms import Channel, MsgType
from alerts.providers.inbox import Inbox
from alerts.scheduler.periodic import PeriodicJobs
from subscribers.domain import events as s
from subscribers.domain.subscriber import SUBSCRIBER
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


class Rig:
    """The parts of one process. Several may use the same databases on PostgreSQL."""

    def __init__(
        self,
        databases: Databases,
        clock: Callable[[], datetime] = now,
        *,
        sends: bool = True,
        follows: bool = True,
        checkpoints: bool = False,
    ) -> None:
        """`sends`: the audience's projector fans notices out. `follows`: the read models and the audience follow the
        log at once. `checkpoints`: the audience is saved whenever the log has grown, and restored at a start."""
        _ = databases.main, databases.keys, databases.views  # migrated
        self.databases, self.clock = databases, clock
        settings = settings_of.load(
            {
                "ALERTS_DATABASE_URL": databases.url,
                "ALERTS_SECRET_KEY": SECRET.decode(),
                "ALERTS_MASTER_KEY": base64.b64encode(MASTER_KEY).decode(),
            }
        )
        always = {"worth": 1, "spacing": 0.0, "always": True} if checkpoints else {}
        app = self.app = App(settings, ["worker"] if sends else [], clock, always)
        self.main, self.vault, self.log, self.writer = app.main, app.vault, app.log, app.writer
        self.runner, self.views, self.projector, self.reads = app.runner, app.views, app.projector, app.dispatch
        self.commands, self.codec = app.commands, app.services.codec
        self.columns, self.reference_data = self.projector.columns, self.projector.reference_data
        self.subscriber_of: dict[int, UUID] = {}
        """The subscriber of each contact point that `people` has registered."""
        if follows:
            self.runner.start()
            self.projector.start()

    @property
    def inbox(self) -> Inbox:
        """The local inbox."""
        assert self.app.inbox is not None
        return self.app.inbox

    def worker(self, providers: Mapping[Channel, Provider] | None = None, **options: Any) -> Worker:
        """A worker on the inbox, or on other providers. `options` are parameters of `Worker`."""
        inbox = {channel: self.app.providers[channel] for channel in ("email", "sms")}
        options.setdefault("retries", RetryPolicy({"email": (0.2, 0.2), "sms": (0.2, 0.2)}, random.Random(1)))
        options.setdefault("concurrency", {"email": 200, "sms": 200})
        return self.app.build_worker(providers=inbox if providers is None else providers, **options)

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
        self.app.close()

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
        place = s.SubscriberPlace(name="Home", lat=at[0], lon=at[1], radius_km=0.1)
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

    def events(self, *topics: str) -> list[Event]:
        """The log's events of these topics; all, if none is named."""
        return [recorded.event for recorded in self.log.read(0, 10_000, topics)]

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

    def tallied(self, number: int) -> dict[int, int]:
        """The number of deliveries by state, which the tallies must equal."""
        with self.main.read() as tx:
            rows = tx.execute("SELECT state, COUNT(*) FROM deliveries WHERE notice = ? GROUP BY state", (number,))
            sums = tx.execute(
                "SELECT state, SUM(amount) FROM tallies WHERE notice = ? GROUP BY state HAVING SUM(amount) <> 0",
                (number,),
            )
        assert dict(rows) == dict(sums)  # type: ignore[arg-type]
        return dict(rows)  # type: ignore[arg-type]
