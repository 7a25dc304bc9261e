"""Entries of the attention watch: found by each process, told once to those who may decide; on both databases."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from email import message_from_bytes
from typing import Any
from uuid import UUID

import pytest

from alerts.channels.message import SendResult
from alerts.channels.replies import Answers
from alerts.dispatch.alarm_messages import LASTS_S, AlarmMessages
from alerts.dispatch.alarms import WAITS, Alarm, past_alarms
from alerts.dispatch.attention import AttentionWatch, told
from alerts.dispatch.team_ways import TeamWays
from alerts.domain import events as e
from alerts.domain.reference_data import MemberState
from alerts.domain.streams import REJECTIONS, SOURCE, TRIGGER, rejections_id, source_id
from alerts.kernel.ids import new_id
from tests.support.rig import SENDER, Rig, Scripted


def member(number: int, role: Any, **limits: Any) -> MemberState:
    email = f"{role}{number}@example.org"
    return MemberState(id=UUID(int=number), version=1, email=email, name=None, contact=number, role=role, **limits)


TEAM = [
    member(1, "viewer"),
    member(2, "author"),
    member(3, "approver"),
    member(4, "approver", areas={"place": "camden"}),
    member(5, "admin"),
]


class NoBrowsers:
    def of(self, member: UUID) -> list[Any]:
        return []

    async def forget(self, device: Any) -> None:
        raise AssertionError("there is none")


class Watching:
    """A process that looks for what waits, with a time of its own."""

    def __init__(self, rig: Rig, mail: Scripted) -> None:
        self.seconds, self.states = 0.0, dict[str, Any]()
        self.shift = timedelta(0)
        self.watch = AttentionWatch(
            rig.views, rig.reads, rig.runner, lambda: self.states, clock=lambda: rig.clock() + self.shift
        )
        self.messages = AlarmMessages(
            rig.main,
            rig.writer,
            TeamWays({"email": mail}, NoBrowsers()),
            Answers(sender=SENDER, clock=rig.clock),
            lambda name: told(TEAM, name),
            waits=True,
            url="https://alerts.example.org",
            tick=lambda: self.seconds,
        )

    def look(self, after: float = 0.0, alarms: tuple[Alarm, ...] = ()) -> list[str]:
        self.seconds += after
        found = self.watch.look(alarms)
        asyncio.run(self.messages.tell(found))
        return [one.name for one in found]


def park(rig: Rig, source: str) -> UUID:
    """A webhook that waits for a person; the trigger."""
    trigger = new_id()
    received = e.TriggerReceived(
        source=source, kind="incident.reported", external_id=str(trigger), state="parked", reason="It has no area."
    )
    caught_up(rig, rig.tell(TRIGGER, trigger, received))
    return trigger


def caught_up(rig: Rig, position: int) -> None:
    asyncio.run(rig.until(lambda: rig.runner.position() >= position))


def text_of(mail: Scripted, at: int) -> str:
    letter = message_from_bytes(mail.handed[at][1].data)
    [part] = [one for one in letter.walk() if one.get_content_type() == "text/plain"]
    payload: Any = part.get_payload(decode=True)
    return f"{letter['Subject']}: {' '.join(payload.decode().split())}"


def test_parked_webhooks_are_one_message_to_who_decides(rig: Rig) -> None:
    mail = Scripted("email")
    here, there = Watching(rig, mail), Watching(rig, mail)
    triggers = [park(rig, "estates") for _ in range(3)]
    for process in (here, there):
        assert process.look() == ["waits:trigger:estates"]
        assert process.look(LASTS_S) == ["waits:trigger:estates"]
        process.look(LASTS_S)
    assert mail.recipients() == ["approver3@example.org", "admin5@example.org"], "once, to who may decide everywhere"
    words = text_of(mail, 0)
    assert words.startswith("Something waits for you: ") and "3 webhooks wait" in words and "It has no area." in words
    assert "https://alerts.example.org/console" in words
    for trigger in triggers:
        again = e.TriggerReceived(source="estates", kind="x", external_id=str(trigger), state="recorded")
        caught_up(rig, rig.tell(TRIGGER, trigger, again))
    for process in (here, there):
        assert process.look(1) == []
    assert len(mail.handed) == 2, "that somebody has decided is no message"
    park(rig, "estates")
    here.look()
    here.look(LASTS_S)
    assert len(mail.handed) == 4, "what waits anew is told anew"
    assert past_alarms(rig.main, rig.clock() - timedelta(days=1), 5) == [], "the public status does not list it"


def test_refused_source_is_told_to_administrators(rig: Rig) -> None:
    mail = Scripted("email")
    watching = Watching(rig, mail)
    connected = e.SourceConnected(name="river", kind="json", policy=e.Policy(), secret="s")
    rig.tell(SOURCE, source_id("river"), connected)
    refused = e.TriggerRejected(source="river", status=422, reason="site.geo has no coordinates")
    stream = rejections_id("river", rig.clock().date())
    caught_up(rig, rig.tell(REJECTIONS, stream, refused, refused))
    assert watching.look() == ["waits:refused:river"]
    watching.look(LASTS_S)
    assert mail.recipients() == ["admin5@example.org"]
    assert "“river” was refused 2 times" in text_of(mail, 0) and "no coordinates" in text_of(mail, 0)
    watching.shift = timedelta(hours=1, minutes=1)
    assert watching.look(1) == [], "an hour after the last one it is over"


def test_provider_is_told_before_anything_has_to_leave(rig: Rig) -> None:
    mail = Scripted("email")
    watching = Watching(rig, mail)
    watching.states = {
        "sms": {"provider": "a", "state": "down", "members": [{"name": "a", "why": "no answer"}]},
        "email": {"provider": "smtp", "state": "well"},
        "push": {"provider": None, "state": "no provider"},
    }
    alarm = Alarm(name="channel:sms", words="", since=rig.clock())
    assert watching.look(alarms=(alarm,)) == [], "the alarm tells it already"
    assert watching.look() == ["waits:provider:sms"]
    watching.look(LASTS_S)
    assert mail.recipients() == ["admin5@example.org"] and "a: no answer" in text_of(mail, 0)
    watching.states = {}
    watching.look(1)
    assert "It is well again" in text_of(mail, 1)


@pytest.mark.parametrize(
    ("kind", "who"),
    [("trigger:x", [3, 5]), ("paused:x", [3, 5]), ("failed:x", [3, 5]), ("audience:x", [3, 5]), ("read-model", [5]),
     ("refused:x", [5]), ("provider:sms", [5])],
)  # fmt: skip
def test_each_kind_is_told_to_who_may_act(kind: str, who: list[int]) -> None:
    assert [one.contact for one in told(TEAM, f"{WAITS}{kind}")] == who


def test_what_is_decided_before_it_is_told_is_told_to_nobody(rig: Rig) -> None:
    mail = Scripted("email", lambda _: SendResult(result="not-begun"))
    process = Watching(rig, mail)
    trigger = park(rig, "estates")
    process.look()
    process.look(LASTS_S)
    assert len(mail.handed) == 1, "mail is down"
    again = e.TriggerReceived(source="estates", kind="x", external_id=str(trigger), state="recorded")
    caught_up(rig, rig.tell(TRIGGER, trigger, again))
    mail.answer = lambda _: SendResult(result="sent")
    assert process.look(20) == [] and process.look(20) == []
    assert len(mail.handed) == 1
