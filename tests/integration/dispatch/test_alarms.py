"""Alarms over the shared database: seen by each process, told to the administrators by one; on both databases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message as Letter
from typing import Any
from uuid import UUID

import msgspec
import pytest

from alerts.channels.message import Message, SendResult
from alerts.channels.replies import Answers
from alerts.dispatch.alarm_messages import LASTS_S, STALE_S, AlarmMessages
from alerts.dispatch.alarms import SILENT_S, AlarmWatch, beat, past_alarms
from alerts.dispatch.team_ways import TeamDevice, TeamWays
from alerts.domain.reference_data import MemberState
from alerts.kernel.errors import Unavailable
from tests.support.rig import SENDER, Rig, Scripted

WELL = {"email": {"provider": "smtp", "state": "well"}}


ADMIN = MemberState(id=UUID(int=7), version=1, email="admin@example.org", name="Ada", contact=1, role="admin")


class Browsers:
    """The administrator's browsers, as many as a test says."""

    def __init__(self, *addresses: str) -> None:
        self.there = [TeamDevice(UUID(int=at), ADMIN.id, "Phone", one) for at, one in enumerate(addresses)]

    def of(self, member: UUID) -> list[TeamDevice]:
        return [device for device in self.there if device.member == member]

    async def forget(self, device: TeamDevice) -> None:
        self.there.remove(device)

    async def may_ask(self, device: TeamDevice) -> float:
        return 0.0

    async def asked(self, device: TeamDevice, *, took: bool, wait: float = 0.0) -> None:
        """Their waits are the database's: see `test_team_devices`."""


class Process:
    """A process that watches, with a time of its own."""

    def __init__(self, rig: Rig, *providers: Scripted, browsers: Browsers | None = None) -> None:
        self.seconds = 0.0
        self.rig = rig
        self.watch = AlarmWatch(
            rig.main, rig.views.to_be_planned, lambda: WELL, clock=rig.clock, tick=lambda: self.seconds
        )
        answers = Answers(sender=SENDER, clock=rig.clock)
        self.messages = AlarmMessages(
            rig.main,
            rig.writer,
            TeamWays({one.channel: one for one in providers}, browsers or Browsers()),
            answers,
            lambda name: [ADMIN],
            url="https://alerts.example.org",
            tick=lambda: self.seconds,
        )

    def look(self, after: float = 0.0) -> list[str]:
        """Names of the alarms, some seconds after the last look; the team is told what is to be told."""
        self.seconds += after
        self.watch.look()
        asyncio.run(self.messages.tell(self.watch.alarms()))
        return [alarm.name for alarm in self.watch.alarms()]


def living(rig: Rig, *roles: str) -> None:
    """Signs of life of these roles, each later than the one before."""
    for number, role in enumerate(roles):
        beat(rig.main, role, rig.clock() + timedelta(milliseconds=number))


def letters(provider: Scripted) -> list[Letter]:
    return [message_from_bytes(message.data) for _, message in provider.handed]


def text_of(letter: Letter) -> str:
    [part] = [part for part in letter.walk() if part.get_content_type() == "text/plain"]
    payload: Any = part.get_payload(decode=True)
    return str(payload.decode())


def test_team_is_told_once_of_a_silent_worker_and_of_its_end(rig: Rig) -> None:
    mail = Scripted("email")
    here, there = Process(rig, mail), Process(rig, mail)
    living(rig, "worker", "scheduler")
    assert here.look() == there.look() == []
    for process in (here, there):
        living(rig, "scheduler")
        assert process.look(SILENT_S) == ["role:worker"]
        assert mail.handed == []
    for process in (here, there):
        process.look(LASTS_S)
    [letter] = letters(mail)
    assert letter["To"] == "admin@example.org" and letter["Subject"].startswith("Alarm")
    assert "No worker has given a sign of life" in text_of(letter)
    living(rig, "worker")
    for process in (here, there):
        assert process.look(1) == []
    _, over = letters(mail)
    assert over["Subject"] == "It is well again: messages leave"
    [past] = past_alarms(rig.main, rig.clock() - timedelta(days=1), 5)
    assert past.name == "role:worker" and past.since <= past.ended
    assert rig.log.read(0, 100) == [], "an alarm is no event of the log"


def test_alarm_left_by_a_dead_process_is_ended_by_another(rig: Rig) -> None:
    mail = Scripted("email")
    dead, other = Process(rig, mail), Process(rig, mail)
    dead.look()
    dead.look(SILENT_S)
    dead.look(LASTS_S)
    assert len(mail.handed) == 1
    living(rig, "worker", "scheduler")
    other.look()
    living(rig, "worker", "scheduler")
    other.look(STALE_S / 4)
    assert len(mail.handed) == 1
    for _ in range(4):
        living(rig, "worker", "scheduler")
        other.look(STALE_S / 4)
    assert [letter["Subject"] for letter in letters(mail)][1:] == ["It is well again: messages leave"]


def test_message_that_fails_is_tried_again(rig: Rig) -> None:
    down = Scripted("email", lambda _: SendResult(result="not-begun", reason="every server rests"))
    process = Process(rig, down)
    process.look()
    process.look(SILENT_S)
    process.look(LASTS_S)
    process.look(1)
    assert len(down.handed) == 1, "not at every look"
    down.answer = lambda _: SendResult(result="sent")
    process.look(20)
    process.look(20)
    assert len(down.handed) == 2


def test_browser_tells_what_the_mail_server_cannot(rig: Rig) -> None:
    down = Scripted("email", lambda _: SendResult(result="not-begun", reason="every server rests"))
    push, browsers = Scripted("push"), Browsers("first", "second")
    process = Process(rig, down, push, browsers=browsers)
    process.look()
    push.answer = lambda message: SendResult(result="permanent" if message.to == "second" else "sent", reason="410",
                                             retire="gone" if message.to == "second" else "")  # fmt: skip
    for wait in (SILENT_S, LASTS_S, 1, 1):
        process.look(wait)
    assert push.recipients() == ["first", "second"], "each once, though the mail server takes nothing"
    assert [device.address for device in browsers.there] == ["first"], "one that gave itself up is forgotten"
    shown = msgspec.json.decode(push.handed[0][1].data)
    assert shown["title"] == "Alarm: messages do not leave as they should"
    assert "No worker" in shown["body"] and shown["url"] == "https://alerts.example.org/console" and "stop" not in shown


def test_issued_notice_without_a_worker_is_an_alarm(rig: Rig) -> None:
    rig.projector.stop()  # nobody fans out
    process = Process(rig, Scripted("email"))
    rig.people(2)
    rig.issue()
    asyncio.run(rig.until(lambda: bool(rig.views.to_be_planned(datetime(2020, 1, 1, tzinfo=UTC), rig.clock()))))
    later = AlarmWatch(
        rig.main, rig.views.to_be_planned, lambda: WELL, clock=lambda: rig.clock() + timedelta(seconds=3)
    )
    process.watch.look()
    assert process.watch.alarms() == ()
    later.look()
    assert [alarm.name for alarm in later.alarms()] == ["unplanned"]


def test_planned_notice_is_no_alarm(rig: Rig) -> None:
    rig.people(2)
    _, number = rig.issue()
    asyncio.run(rig.until(lambda: rig.reads.progress(number) is not None))
    later = AlarmWatch(
        rig.main, rig.views.to_be_planned, lambda: WELL, clock=lambda: rig.clock() + timedelta(seconds=3)
    )
    later.look()
    assert later.alarms() == ()


def test_channel_that_stands_still_is_an_alarm(rig: Rig) -> None:
    down = Scripted("email", lambda _: SendResult(result="temporary", reason="451", outage=True))
    process = Process(rig, Scripted("email"))
    rig.people(12)

    async def run() -> None:
        async with rig.working({"email": down}):
            _, number = rig.issue()
            await rig.until(lambda: len(down.handed) >= 12)
            assert rig.reads.status(rig.clock() + timedelta(seconds=9)).oldest_queued_s >= 9, number
            await asyncio.to_thread(look)

    def look() -> None:
        living(rig, "worker", "scheduler")
        process.watch.look()
        process.seconds += 60
        living(rig, "worker", "scheduler")
        process.watch.look()
        [alarm] = process.watch.alarms()
        assert alarm.name == "channel:email" and "12 messages waiting" in alarm.words

    asyncio.run(run())


def test_device_that_always_fails_holds_up_no_other(rig: Rig) -> None:
    browsers = Browsers('{"endpoint": "dead"}', '{"endpoint": "well"}')

    def answer(message: Message) -> SendResult:
        return SendResult(result="not-begun" if "dead" in message.to else "sent")

    push = Scripted("push", answer)
    process = Process(rig, push, browsers=browsers)
    process.look()
    process.look(SILENT_S)
    process.look(LASTS_S)
    process.look(20)
    assert sum("well" in to for to in push.recipients()) == 1
    tries = len(push.handed)
    browsers.there.clear()  # its owner has left, or has removed it
    process.look(20)
    process.look(20)
    assert len(push.handed) == tries


def test_browser_is_told_once_while_the_database_is_away(rig: Rig) -> None:
    class Away(Browsers):
        async def may_ask(self, device: TeamDevice) -> float:
            if "dead" in device.address:
                raise Unavailable("the database is away")
            await asyncio.sleep(0.01)
            return 0.0

        async def asked(self, device: TeamDevice, *, took: bool, wait: float = 0.0) -> None:
            raise Unavailable("the database is away")

    push = Scripted("push")
    process = Process(rig, push, browsers=Away('{"endpoint": "dead"}', '{"endpoint": "well"}'))
    process.look()
    process.look(SILENT_S)
    for _ in range(3):
        with pytest.raises(Unavailable):
            process.look(LASTS_S)
        assert len(push.handed) == 1 and "well" in push.recipients()[0]
