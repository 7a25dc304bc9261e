"""E-mail, personalised, end to end: claimed, rechecked, composed, sent by SMTP, the outcome in the log.

Ours is one process with the role worker on SQLite with synchronous=FULL, from the issue of a notice until the last
outcome is on disk. Everybody's message contains their own place and name. The limit sends one prepared message of the
same length repeatedly over as many sessions (`alerts.bench.mail_limit`), into the same sink.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import NamedTuple

from alerts import settings
from alerts.app import bootstrap
from alerts.bench import mail_limit
from alerts.bench.mail_load import AT_A_TIME, issue, people
from alerts.bench.row import Row
from alerts.channels.message import Message, Provider, SendResult

_TARGET = 0.35
MOST = 20_000
_WAIT_S = 600.0


def rows(sizes: Sequence[int]) -> Iterator[Row]:
    """Two rows per size, without and with DKIM; above 20,000 the rate no longer changes."""
    for size in dict.fromkeys(min(size, MOST) for size in sizes):
        with mail_limit.sink() as port:
            for key in ("", "RSA 2048"):
                sent = ours(port, size, key)
                yield Row(
                    name=f"e-mail, end to end{f', DKIM {key}' if key else ''} (limit: {mail_limit.name()})",
                    size=size,
                    unit="messages/s",
                    ours=sent.rate,
                    limit=mail_limit.pumped(port, size, sent.octets),
                    target=None if key else _TARGET,
                )


class Sent(NamedTuple):
    """Messages per second, bytes per message, and CPU seconds of ours per message."""

    rate: float
    octets: int
    cpu: float


def ours(port: int, size: int, key: str = "") -> Sent:
    """Send to `size` people through a mail server on the loopback; with `key`, signed by DKIM."""
    import uvloop

    with TemporaryDirectory(prefix="alerts-bench-") as folder:
        env = {
            "ALERTS_DATABASE_URL": f"sqlite:///{folder}/alerts.db",
            "ALERTS_SMTP_URL": f"smtp://127.0.0.1:{port}?tls=none",
            "ALERTS_SMTP_CONNECTIONS": str(mail_limit.SESSIONS),
            "ALERTS_LOG_LEVEL": "error",
        }
        if key:
            env["ALERTS_DKIM_KEY_FILE"] = str(_key(Path(folder)))
        try:
            return uvloop.run(_sent(settings.load(env), size))
        finally:
            gc.collect()


def _key(folder: Path) -> Path:
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import rsa

    file = folder / "dkim.pem"
    private = rsa.generate_private_key(65537, 2048)
    file.write_bytes(private.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()))
    return file


async def _sent(chosen: settings.Settings, size: int) -> Sent:
    app = bootstrap.build(chosen, ["worker"])
    counting = _CountingProvider(app.providers["email"])
    app.providers["email"] = counting
    await app.start()
    try:
        for first in range(0, size, AT_A_TIME):
            count = min(AT_A_TIME, size - first)
            await asyncio.to_thread(app.writer.submit(lambda unit, n=count: people(unit, n), by="bench").result)  # type: ignore[misc]
        await asyncio.to_thread(app.projector.wait_for_applied, app.writer.position(), _WAIT_S)
        await asyncio.to_thread(app.runner.wait_for, app.writer.position(), _WAIT_S)
        begun, cpu = perf_counter(), process_time()
        issued = app.writer.submit(issue, by="bench")
        number = (await asyncio.to_thread(issued.result)).result
        while (progress := await asyncio.to_thread(app.dispatch.progress, number)) is None or not progress.complete:
            if perf_counter() - begun > _WAIT_S:
                raise RuntimeError(f"the dispatch did not end within {_WAIT_S:g} s")
            await asyncio.sleep(0.05)
        took, cpu = perf_counter() - begun, process_time() - cpu
        if counting.messages < size:
            raise RuntimeError(f"only {counting.messages} of {size} messages were handed over")
        return Sent(size / took, counting.octets // counting.messages, cpu / size)
    finally:
        await app.stop()


class _CountingProvider:
    """Provider wrapper that counts messages and bytes."""

    def __init__(self, inner: Provider) -> None:
        self._inner, self.name, self.channel = inner, inner.name, inner.channel
        self.messages = self.octets = 0

    async def send(self, message: Message) -> SendResult:
        """See `Provider.send`."""
        self.messages += 1
        self.octets += len(message.data)
        return await self._inner.send(message)

    async def close(self) -> None:
        """See `Provider.close`."""
        await self._inner.close()
