"""Technical failures wait for a person, and leave once their cause is mended: on both databases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from alerts.channels.message import Message, SendResult
from alerts.delivery_queue.requeue import requeue_failed
from alerts.domain.events import DispatchRetried, NoticeExpired
from alerts.domain.streams import DISPATCH, NOTICE, dispatch_id
from alerts.kernel.errors import Conflict, NotFound
from alerts.kernel.ids import new_id
from tests.support.rig import Rig, Scripted


def _refuses(message: Message) -> SendResult:
    return SendResult(result="technical", reason="bad credentials")


def test_requeued_deliveries_keep_identity_and_attempts(rig: Rig) -> None:
    people = rig.people(5)

    async def run() -> None:
        async with rig.working({"email": Scripted("email", _refuses)}):
            notice, number = rig.issue()
            await rig.complete(number)
        [waiting] = rig.reads.failed(datetime.now(UTC))
        assert (waiting.id, waiting.notice, waiting.amount) == (notice, number, 5)
        mended = Scripted("email")
        async with rig.working({"email": mended}):
            assert await requeue_failed(rig.writer, notice, by="system") == 5
            await rig.until(lambda: len(mended.handed) == 5)
            await rig.until(lambda: rig.log.state(DISPATCH, dispatch_id(notice)).completed)  # type: ignore[union-attr]
            assert await requeue_failed(rig.writer, notice, by="system") == 0, "nothing is sent twice"
        for contact in people:
            row = rig.reads.delivery(number, contact)
            assert row is not None and row.state == "sent"
            assert [(a.outcome, a.reason) for a in row.attempts] == [
                ("failed-technical", "bad credentials"), ("sent", ""),
            ]  # fmt: skip
        assert rig.reads.failed(datetime.now(UTC)) == []
        progress = rig.reads.progress(number)
        assert progress is not None and progress.by_channel == {"email": {"sent": 5}} and progress.complete
        told = [r.event for r in rig.log.stream(dispatch_id(notice)) if isinstance(r.event, DispatchRetried)]
        assert sum(event.amount for event in told) == 5

    asyncio.run(run())


def test_requeue_sends_nothing_of_an_ended_notice(rig: Rig) -> None:
    rig.people(1)

    async def run() -> None:
        async with rig.working({}):
            notice, number = rig.issue(expires=timedelta(seconds=2))
            await rig.complete(number)
            await asyncio.sleep(2.1)
            rig.tell(NOTICE, notice, NoticeExpired())
            with pytest.raises(Conflict, match="nothing more of it may leave"):
                await requeue_failed(rig.writer, notice, by="system")
            assert rig.reads.failed(datetime.now(UTC)) == []
        unknown: UUID = new_id()
        with pytest.raises(NotFound, match="parked list"):
            await requeue_failed(rig.writer, unknown, by="system")

    asyncio.run(run())
