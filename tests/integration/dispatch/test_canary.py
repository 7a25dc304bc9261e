"""Messages to testers: sent by one process every few minutes, and shown; on both databases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email import message_from_bytes

from alerts.app.periodic_jobs import periodic_jobs
from alerts.channels.message import SendResult
from alerts.dispatch.canary import EVERY, LATE, Canaries, states
from alerts.kernel.terms import Channel
from tests.support.rig import SENDER, Rig, Scripted

TESTERS: dict[Channel, str] = {"email": "tester@example.org", "sms": "+447700900000"}


def canaries(rig: Rig, providers: dict[Channel, Scripted], **options: timedelta) -> Canaries:
    return Canaries(rig.main, rig.writer, providers, TESTERS, sender=SENDER, clock=rig.clock, **options)


def test_canary_is_sent_per_channel_by_one_process(rig: Rig) -> None:
    mail, texts = Scripted("email"), Scripted("sms")

    async def run() -> None:
        here, there = (canaries(rig, {"email": mail, "sms": texts}) for _ in range(2))
        sent = await asyncio.gather(*(one.send(channel) for one in (here, there) for channel in TESTERS))
        assert sum(sent) == 2
        assert not await here.send("email"), "it is not time yet"

    asyncio.run(run())
    assert mail.recipients() == ["tester@example.org"] and texts.recipients() == ["+447700900000"]
    letter = message_from_bytes(mail.handed[0][1].data)
    assert letter["To"] == "tester@example.org" and letter["Auto-Submitted"] == "auto-generated"
    now = datetime.now(UTC)
    found = states(rig.main, TESTERS, now)
    assert [(name, s.well, s.result) for name, s in found.items()] == [("email", True, "sent"), ("sms", True, "sent")]
    later = states(rig.main, TESTERS, now + LATE + timedelta(seconds=10))
    assert not later["email"].well and (later["email"].age_s or 0) > LATE.total_seconds()
    assert states(rig.main, {}, now) == {}, "who sets no tester is shown none"
    assert rig.log.read(0, 100) == [], "a tester is no resident, and leaves no event"


def test_canary_shows_a_dead_channel_alone(rig: Rig) -> None:
    broken = Scripted("email", lambda _: SendResult(result="temporary", reason="no mail server could be reached"))

    async def run() -> None:
        flock = canaries(rig, {"email": broken}, every=timedelta(seconds=0.1))
        jobs = periodic_jobs(canaries=flock)
        jobs.start()
        await rig.until(lambda: len(broken.handed) > 2 and stack_says("sms") == "technical")
        await jobs.stop()

    def stack_says(channel: str) -> str:
        return states(rig.main, TESTERS, datetime.now(UTC))[channel].result

    asyncio.run(run())
    found = states(rig.main, TESTERS, datetime.now(UTC))
    assert (found["email"].well, found["email"].age_s) == (False, None)
    assert found["email"].reason == "no mail server could be reached"
    assert (found["sms"].well, found["sms"].reason) == (False, "no provider")


def test_canary_state_before_the_first_message(rig: Rig) -> None:
    found = states(rig.main, TESTERS, datetime.now(UTC))
    assert not found["sms"].well and found["sms"].reason == "none has left yet"
    assert EVERY < LATE
