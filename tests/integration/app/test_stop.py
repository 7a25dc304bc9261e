"""Stopping a process: in an order in which no part uses another that is closed; on both databases."""

from __future__ import annotations

import asyncio

import pytest

from alerts.channels.message import Message, SendResult
from tests.integration.app.conftest import BuildApp
from tests.support.rig import Scripted


async def test_failing_sender_does_not_cut_the_stop_short(build_app: BuildApp) -> None:
    app = build_app("worker")
    await app.start()
    assert app._webhooks is not None and app._worker is not None
    stop_worker, stopped = app._worker.stop, False

    async def fail() -> None:
        raise OSError("the client cannot be closed")

    async def stop_slowly() -> None:
        nonlocal stopped
        await asyncio.sleep(0.3)
        assert app._jobs._scheduler is not None, "the lease is renewed meanwhile"
        await stop_worker()
        stopped = True

    app._webhooks.stop, app._worker.stop = fail, stop_slowly  # type: ignore[method-assign,assignment]
    with pytest.raises(ExceptionGroup) as raised:
        await app.stop()
    assert [str(error) for error in raised.value.exceptions] == ["the client cannot be closed"]
    assert stopped and app._jobs._scheduler is None


class ClosedMidway(Scripted):
    """A provider whose messages in flight fail when it is closed."""

    def __init__(self) -> None:
        super().__init__("email")
        self.closed = asyncio.Event()

    async def send(self, message: Message) -> SendResult:
        await super().send(message)
        await self.closed.wait()
        return SendResult(result="technical", reason="closed")

    async def close(self) -> None:
        self.closed.set()
        await asyncio.sleep(0.2)


async def test_stop_records_no_failed_canary(build_app: BuildApp) -> None:
    app = build_app("worker", canary="tester@example.org")
    provider = app.providers["email"] = ClosedMidway()
    await app.start()
    for _ in range(100):
        if provider.handed:
            break
        await asyncio.sleep(0.05)
    assert provider.recipients() == ["tester@example.org"]
    states: list[str] = []
    app._closing.callback(lambda: states.append(app.services.canaries()["email"].result))
    await app.stop()
    assert states == [""]
