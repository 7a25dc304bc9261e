"""Web Push: notifications encrypted, signed and posted to a keep-alive sink, beside this core's ECDH.

The limit is the rate of `openssl speed ecdhp256` on one core: each notification needs at least two such operations (its
own key, and the shared secret).
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from time import perf_counter

from alerts.bench.row import Row
from alerts.channels.message import Message
from alerts.net.safe_client import SafeHttpClient
from alerts.providers.webpush.provider import WebPush
from alerts.providers.webpush.vapid import SECRET_BYTES, Vapid, base64url, point, private_key

_TARGET = 3_000 / 31_000
"""Notifications per ECDH operation: 3,000 per second in one process, on a core that does 31,000 operations."""
_AT_ONCE = 64
_DEVICES = 200
MOST = 20_000
_PAYLOAD = json.dumps({"id": "x" * 22, "title": "Severe, Walworth: smoke", "body": "Stay indoors. " * 10}).encode()


def rows(sizes: Sequence[int]) -> Iterator[Row]:
    """Rows for each size; above 20,000 the rate no longer changes."""
    limit = _ecdh()
    for size in dict.fromkeys(min(size, MOST) for size in sizes):
        yield Row(
            name="Web Push, encrypted and signed, to a sink",
            size=size,
            unit="messages/s",
            ours=_sent(size),
            limit=limit,
            target=_TARGET if limit else None,
        )


def _ecdh() -> float | None:
    """ECDH operations per second by openssl on one core, by elapsed time as ours; None without openssl."""
    command = ["openssl", "speed", "-elapsed", "-seconds", "2", "ecdhp256"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"ecdh \(nistp256\)\s+\S+\s+([\d.]+)", said)
    return float(found[1]) if found else None


def _sent(size: int) -> float:
    import uvloop

    sink = subprocess.Popen(
        [sys.executable, "-m", "alerts.bench.sink"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert sink.stdout is not None
        return uvloop.run(_rate(int(sink.stdout.readline()), size))
    finally:
        assert sink.stdin is not None
        sink.stdin.close()
        sink.wait(5)


async def _rate(port: int, size: int) -> float:
    """Messages per second, once the libraries are loaded and the connections are open."""

    def now() -> datetime:
        return datetime.now(UTC)

    vapid = Vapid(lambda: b"v" * SECRET_BYTES, "mailto:bench@localhost", clock=now)
    provider = WebPush(SafeHttpClient(allow_private=True, connections=_AT_ONCE), vapid, clock=now)
    messages = [_message(port, number) for number in range(_DEVICES)]
    await _send(provider, messages, _AT_ONCE * 4)
    begun = perf_counter()
    await _send(provider, messages, size)
    took = perf_counter() - begun
    await provider.close()
    return size / took


async def _send(provider: WebPush, messages: Sequence[Message], count: int) -> None:
    waiting = iter(range(count))

    async def worker() -> None:
        for number in waiting:
            outcome = await provider.send(messages[number % len(messages)])
            if outcome.result != "sent":
                raise RuntimeError(f"the sink did not take a notification: {outcome.reason}")

    await asyncio.gather(*(worker() for _ in range(_AT_ONCE)))


def _message(port: int, number: int) -> Message:
    key = private_key(number.to_bytes(SECRET_BYTES, "big"))
    keys = {"auth": base64url(number.to_bytes(16, "big")), "p256dh": base64url(point(key))}
    to = json.dumps({"endpoint": f"http://127.0.0.1:{port}/p/{number}", "keys": keys})
    return Message(channel="push", delivery=f"d{number}", to=to, data=_PAYLOAD, sender="", topic="A" * 22, urgent=True)
