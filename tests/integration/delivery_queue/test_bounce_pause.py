"""A bulletin of which too many addresses bounce waits for a person: on both databases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from alerts.channels.message import Message, SendResult
from alerts.delivery_queue.claim import claim_due, claim_planned
from alerts.delivery_queue.row_format import LANE
from alerts.domain.events import DispatchPaused, DispatchResumed
from alerts.domain.streams import DISPATCH, dispatch_id
from tests.support.rig import Rig, Scripted

_PEOPLE = 3_000


def _a_tenth_is_dead(message: Message) -> SendResult:
    if int(message.to[1:].split("@")[0]) % 2560 // 256 == 3:  # the low byte of a number is its shard
        return SendResult(result="permanent", reason="550 no such user")
    return SendResult(result="sent")


def test_bounce_pause_holds_the_dispatch_until_resumed(rig: Rig) -> None:
    async def run() -> None:
        rig.people(_PEOPLE)
        mail = Scripted("email", _a_tenth_is_dead, delay=0.02)
        async with rig.working({"email": mail}, concurrency={"email": 100}) as worker:
            notice, number = rig.issue(priority="bulletin", severity="Minor")
            stream = dispatch_id(notice)
            await rig.until(lambda: rig.reads.paused(datetime.now(UTC)) != [])
            await rig.until(lambda: rig.reads.status(datetime.now(UTC)).in_flight == 0)
            handed = len(mail.handed)
            assert 1_000 <= handed < _PEOPLE
            [waiting] = rig.reads.paused(datetime.now(UTC))
            assert (waiting.id, waiting.notice) == (notice, number)
            progress = rig.reads.progress(number)
            assert progress is not None and progress.paused == waiting.reason != "" and not progress.complete
            await asyncio.sleep(1.2)
            assert len(mail.handed) == handed, "a paused dispatch starts nothing"

            def claims() -> int:
                rows = rig.writer.submit(
                    lambda unit: (
                        claim_planned(unit, worker.queue.number, number, _PEOPLE, 0, 100).rows
                        + claim_due(unit, worker.queue.number, LANE["bulletin"], datetime.now(UTC), 100).rows
                    ),
                    by="system",
                )
                return len(rows.result(10).result)

            assert claims() == 0, "nor does a process that has not heard of it"
            _, urgent = rig.issue()
            done = await rig.complete(urgent)
            assert sum(done.by_channel["email"].values()) == _PEOPLE, "an emergency goes on, however many bounce"
            mail.handed.clear()
            rig.tell(DISPATCH, stream, DispatchResumed(notice=notice, number=number))
            done = await rig.complete(number)
            assert done.paused == "" and sum(done.by_channel["email"].values()) == _PEOPLE
            assert len(mail.handed) == _PEOPLE - handed, "each once"
        events = [r.event for r in rig.log.stream(stream)]
        [paused] = [event for event in events if isinstance(event, DispatchPaused)]
        assert paused.outcomes >= 1_000 and paused.bounced > 0.05 * paused.outcomes
        assert rig.reads.paused(datetime.now(UTC)) == []

    asyncio.run(run())


def test_bounce_pause_can_end_in_a_stop(rig: Rig) -> None:
    async def run() -> None:
        rig.people(_PEOPLE)
        mail = Scripted("email", _a_tenth_is_dead, delay=0.1)
        async with rig.working({"email": mail}, concurrency={"email": 100}):
            notice, number = rig.issue(priority="bulletin", severity="Minor")
            await rig.until(lambda: rig.reads.paused(datetime.now(UTC)) != [])
            rig.stop_dispatch(notice, number)
            done = await rig.complete(number)
        states = done.by_channel["email"]
        assert states["cancelled"] > 0 and states["cancelled"] == _PEOPLE - len(mail.handed)

    asyncio.run(run())
