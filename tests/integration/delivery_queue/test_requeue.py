"""What failed for technical reasons waits for a person, and leaves once what was wrong is mended: on both databases."""

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
from tests.support.rig import Scripted, Stack


def _refuses(message: Message) -> SendResult:
    return SendResult(result="technical", reason="bad credentials")


def test_they_leave_with_their_identity_and_their_attempts(stack: Stack) -> None:
    people = stack.people(5)

    async def run() -> None:
        async with stack.working({"email": Scripted("email", _refuses)}):
            notice, number = stack.issue()
            await stack.complete(number)
        [waiting] = stack.reads.failed(datetime.now(UTC))
        assert (waiting.id, waiting.notice, waiting.amount) == (notice, number, 5)
        mended = Scripted("email")
        async with stack.working({"email": mended}):
            assert await requeue_failed(stack.writer, notice, by="system") == 5
            await stack.until(lambda: len(mended.handed) == 5)
            await stack.until(lambda: stack.log.state(DISPATCH, dispatch_id(notice)).completed)  # type: ignore[union-attr]
            assert await requeue_failed(stack.writer, notice, by="system") == 0, "nothing is sent twice"
        for contact in people:
            row = stack.reads.delivery(number, contact)
            assert row is not None and row.state == "sent"
            assert [(a.outcome, a.reason) for a in row.attempts] == [
                ("failed-technical", "bad credentials"), ("sent", ""),
            ]  # fmt: skip
        assert stack.reads.failed(datetime.now(UTC)) == []
        progress = stack.reads.progress(number)
        assert progress is not None and progress.by_channel == {"email": {"sent": 5}} and progress.complete
        told = [r.event for r in stack.log.stream(dispatch_id(notice)) if isinstance(r.event, DispatchRetried)]
        assert sum(event.amount for event in told) == 5

    asyncio.run(run())


def test_nothing_of_a_notice_that_is_over_leaves(stack: Stack) -> None:
    stack.people(1)

    async def run() -> None:
        async with stack.working({}):
            notice, number = stack.issue(expires=timedelta(seconds=2))
            await stack.complete(number)
            await asyncio.sleep(2.1)
            stack.tell(NOTICE, notice, NoticeExpired())
            with pytest.raises(Conflict, match="nothing more of it may leave"):
                await requeue_failed(stack.writer, notice, by="system")
            assert stack.reads.failed(datetime.now(UTC)) == []
        unknown: UUID = new_id()
        with pytest.raises(NotFound, match="parked list"):
            await requeue_failed(stack.writer, unknown, by="system")

    asyncio.run(run())
