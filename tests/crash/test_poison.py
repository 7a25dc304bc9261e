"""Poison (not writable or readable) delays nobody else, is shown to a person, and can be done after the mend (P6)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from uuid import UUID

import msgspec
import pytest
from eventsourcing.persistence import StoredEvent

from alerts.app.event_keys import event_authenticator
from alerts.channels.descriptor import Prepared
from alerts.channels.message import NoticeWords
from alerts.channels.renderer import Renderer
from alerts.delivery_queue.requeue import failed, requeue_failed
from alerts.dispatch.worker import Worker
from alerts.domain import events as e
from alerts.eventlog.application import EventStoreApplication
from alerts.kernel.events import Event, Recorded
from alerts.kernel.ids import new_id
from alerts.kernel.terms import Channel
from subscribers.domain.events import SubscriptionEnded
from tests.support.databases import Databases
from tests.support.rig import SENDER, Rig, now, running

ADDED_S = 1.0
"""P6."""
PEOPLE = 400
POISON = {"en": e.Content(title="Poison", body="Nobody can write this.")}


class Poisoned(Renderer):
    """Layouts that one notice's words break."""

    def prepare(self, words: NoticeWords, channel: Channel) -> Prepared:
        if words.title == "Poison":
            raise ValueError("a layout that these words break")
        return super().prepare(words, channel)


@pytest.fixture
def rig(databases: Databases) -> Iterator[Rig]:
    made = Rig(databases)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.crash
def test_unrenderable_notice_is_parked_and_sent_after_a_fix(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    due = rig.people(PEOPLE)

    async def play() -> tuple[float, float]:
        async with _working(rig, Poisoned(sender=SENDER, clock=now)):
            begun = now()
            _, alone = rig.issue()
            await rig.complete(alone)
            took_alone = (now() - begun).total_seconds()
            begun = now()
            poison, poisoned = rig.issue(content=POISON)
            _, beside = rig.issue()
            await rig.complete(beside)
            took_beside = (now() - begun).total_seconds()
            await rig.complete(poisoned)
        assert rig.states(beside) == dict.fromkeys(due, "sent")
        assert rig.states(poisoned) == dict.fromkeys(due, "failed-technical")
        [waits] = failed(rig.main, now())
        assert (waits.id, waits.notice, waits.amount) == (poison, poisoned, PEOPLE)
        reasons = {row.reason for row in rig.reads.deliveries(notice=poisoned, limit=1000).items}
        assert reasons == {"could not be written: a layout that these words break"}

        async with _working(rig, Renderer(sender=SENDER, clock=now)):
            assert await requeue_failed(rig.writer, poison, by="test") == PEOPLE
            await rig.until(lambda: set(rig.states(poisoned).values()) == {"sent"})
        assert failed(rig.main, now()) == []
        return took_alone, took_beside

    took_alone, took_beside = asyncio.run(play())
    assert rig.inbox.count() == 3 * PEOPLE
    assert 1 <= caplog.text.count("cannot be written; they are parked") <= 4, "said once, but by threads at one time"
    print(f"\nP6: a notice to {PEOPLE} took {took_alone:.2f} s alone and {took_beside:.2f} s behind a poisoned one")
    assert took_beside - took_alone < ADDED_S


@pytest.mark.crash
def test_event_of_an_unknown_version_is_parked_then_applied(rig: Rig) -> None:
    rig.people(3)

    async def play() -> None:
        async with rig.working():
            reported = e.IncidentReported(facts=e.IncidentFacts(headline={"en": "Smoke"}), source="test")
            unknown = Unknown(rig, reported, new_id(), 1)
            _, number = rig.issue()
            await rig.complete(number, 10)
            await rig.until(lambda: bool(rig.runner.parked()))
            parked = rig.runner.parked()
            assert {one.position for one in parked} == {unknown.position}
            assert all("version 99 is newer" in one.error for one in parked)
            unknown.mend()
            for one in parked:
                rig.runner.retry(one.id)
            assert rig.runner.parked() == [] and rig.runner.halted() == {}

    asyncio.run(play())
    assert rig.inbox.count() == 3


@pytest.mark.crash
def test_audience_waits_at_an_unreadable_event_and_reports_it(rig: Rig) -> None:
    """Nobody may be told by an audience that leaves out whoever has just left: here the delay is meant."""
    [contact] = rig.people(1)
    subscriber = rig.subscriber_of[contact]

    async def play() -> None:
        async with rig.working():
            _, before = rig.issue()
            await rig.complete(before)
            unknown = Unknown(rig, SubscriptionEnded(reason="test"), subscriber, 2)
            _, after = rig.issue()
            await rig.until(lambda: "version 99 is newer" in rig.projector.stalled_because, 10)
            await asyncio.sleep(0.5)
            assert rig.inbox.count() == 1, "nothing leaves past it"
            unknown.mend()
            await rig.until(lambda: rig.projector.stalled_because == "", 10)
            progress = await rig.complete(after)
            assert progress.people == 0, "who left is not due any more"

    asyncio.run(play())
    assert rig.inbox.count() == 1


class Unknown:
    """An event as a newer version of the product may have written it."""

    def __init__(self, rig: Rig, event: Event, stream: UUID, version: int) -> None:
        recorded = Recorded(originator_id=stream, originator_version=version, event=event, at=now(), by="test")
        self._stack, (topic, self._state) = rig, rig.codec.encode(recorded)
        kept = msgspec.msgpack.decode(self._state)
        bare = msgspec.msgpack.encode([99, *kept[1:7]])
        newer = StoredEvent(
            stream, version, topic, event_authenticator(rig.main, rig.vault).signed(stream, version, topic, bare)
        )
        (self.position,) = EventStoreApplication(rig.main, rig.codec).recorder.insert_events([newer]) or ()
        rig.log.notify_appended(self.position)

    def mend(self) -> None:
        """As if the product had been brought up to the version that wrote it."""
        with self._stack.main.write() as tx:
            tx.execute("UPDATE events SET state = ? WHERE position = ?", (self._state, self.position))


@asynccontextmanager
async def _working(rig: Rig, renderer: Renderer) -> AsyncIterator[Worker]:
    worker = rig.worker(renderer=renderer)
    async with running(worker):
        yield worker
