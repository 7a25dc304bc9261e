"""Text messages to an HTTP provider, beside the same HTTP client posting constants to the same sink.

Ours builds each request, selects a provider, counts it in the daily quota (SQLite, synchronous=FULL), records the
provider's health and reads the response. Both alternate in one run, so that neither has the quieter machine.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from alerts import settings
from alerts.app import bootstrap
from alerts.bench.row import Row
from alerts.channels.message import Message, Provider
from alerts.net.safe_client import SafeHttpClient
from alerts.providers.sms.provider import client

_TARGET = 0.7
_AT_ONCE = 64
_ROUNDS = 5
MOST = 20_000
_TEXT = (
    "Community Alerts: Severe, Walworth: smoke. Stay indoors, close windows. https://alerts.gov/a/17 Reply STOP to end"
)
_Post = Callable[[int], Awaitable[None]]


def rows(sizes: Sequence[int]) -> Iterator[Row]:
    """Rows for each size; above 20,000 the rate no longer changes."""
    import uvloop

    for size in dict.fromkeys(min(size, MOST) for size in sizes):
        command = [sys.executable, "-m", "alerts.bench.sink", "201", '{"id":"m-1"}']
        sink = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            assert sink.stdout is not None
            ours, limit = uvloop.run(_rates(int(sink.stdout.readline()), size))
        finally:
            assert sink.stdin is not None
            sink.stdin.close()
            sink.wait(5)
        yield Row(
            name="SMS over an HTTP provider", size=size, unit="messages/s", ours=ours, limit=limit, target=_TARGET
        )


async def _rates(port: int, size: int) -> tuple[float, float]:
    """Measure (ours, the limit) in messages per second, the median of several alternating runs."""
    with TemporaryDirectory() as folder:
        chosen = settings.load(
            {
                "ALERTS_DATABASE_URL": f"sqlite:///{Path(folder) / 'bench.db'}",
                "ALERTS_SMS_URL": f"http+json://token@127.0.0.1:{port}/send",
                "ALERTS_SMS_RATE": "1000000",
                "ALERTS_SMS_BUDGET": "1000000000",
                "ALERTS_LOG_LEVEL": "error",
            }
        )
        app = bootstrap.build(chosen)
        plain = client(_AT_ONCE)
        try:
            return await _alternating(_ours(app.providers["sms"]), _constant(plain, port), size)
        finally:
            await app.providers["sms"].close()
            await plain.close()
            await app.stop()


async def _alternating(ours: _Post, limit: _Post, size: int) -> tuple[float, float]:
    each = max(_AT_ONCE, size // _ROUNDS)
    for post in (ours, limit):
        await _rate(post, _AT_ONCE * 4)
    figures: tuple[list[float], list[float]] = ([], [])
    for _ in range(_ROUNDS):
        for found, post in zip(figures, (ours, limit), strict=True):
            found.append(await _rate(post, each))
    return median(figures[0]), median(figures[1])


async def _rate(post: _Post, count: int) -> float:
    waiting = iter(range(count))

    async def worker() -> None:
        for number in waiting:
            await post(number)

    begun = perf_counter()
    await asyncio.gather(*(worker() for _ in range(_AT_ONCE)))
    return count / (perf_counter() - begun)


def _ours(provider: Provider) -> _Post:
    async def post(number: int) -> None:
        message = Message(
            channel="sms", delivery=f"d{number}", to=f"+4477009{number:05}", data=_TEXT.encode(), sender=""
        )
        outcome = await provider.send(message)
        if outcome.result != "sent":
            raise RuntimeError(f"the sink did not take a text: {outcome.reason}")

    return post


def _constant(plain: SafeHttpClient, port: int) -> _Post:
    body = b'{"to":"+447700900000","text":"' + _TEXT.encode() + b'","reference":"d12345"}'
    headers = {"Content-Type": "application/json", "Authorization": "Bearer token"}

    async def post(number: int) -> None:
        await plain.post(f"http://127.0.0.1:{port}/send", body, headers)

    return post
