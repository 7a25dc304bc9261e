"""E-mail, personalised, end to end: claimed, asked about, written, handed over by SMTP, its outcome in the log.

Ours is one process with the role worker on SQLite with synchronous=FULL, from the moment a notice is issued until the
last outcome is on disk. Everybody has a place and a name of their own in what they get. The limit is a raw pump of our
own with 20 sessions (in place of Postfix's `smtp-source`, and labelled so) that sends one ready-made message
of the same length again and again, into the same sink.
"""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from alerts import bootstrap, settings
from alerts.bench.row import Row
from alerts.channels.message import Handed, Message, Provider
from alerts.domain.events import Content, NoticeDrafted, NoticeIssued, NoticePlan
from alerts.domain.streams import NOTICE
from alerts.domain.words.ids import contact_number, new_id
from alerts.eventlog.ports import Unit
from subscribers.domain.events import ContactRef, Place, Preferences, SubscriberRegistered
from subscribers.domain.subscriber import SUBSCRIBER

_TARGET = 0.35
_SESSIONS = 20
_MOST = 20_000
_AT_A_TIME = 2_000
_WAIT_S = 600.0
_CONTENT = {
    "en": Content(
        title="Water is back in Walworth",
        body="The burst main in **East Street** is mended. Run the tap until the water is clear.",
        instruction="Call us if it is still brown tomorrow.",
    )
}


def rows(sizes: Sequence[int]) -> Iterator[Row]:
    """Two rows a size, without and with DKIM; above 20,000 the rate no longer changes."""
    for size in dict.fromkeys(min(size, _MOST) for size in sizes):
        with _sink() as port:
            for key in ("", "RSA 2048"):
                ours, length = _ours(port, size, key)
                yield Row(
                    name=f"e-mail, end to end{f', DKIM {key}' if key else ''} (limit: raw pump)",
                    size=size,
                    unit="messages/s",
                    ours=ours,
                    limit=_pumped(port, size, length),
                    target=None if key else _TARGET,
                )


@contextmanager
def _sink() -> Iterator[int]:
    sink = subprocess.Popen(
        [sys.executable, "-m", "alerts.bench.mail_peers", "sink"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert sink.stdout is not None
        yield int(sink.stdout.readline())
    finally:
        assert sink.stdin is not None
        sink.stdin.close()
        sink.wait(5)


def _pumped(port: int, size: int, length: int) -> float:
    """Messages a second of one ready-made message of `length` bytes."""
    head = b"From: a@localhost\r\nSubject: pump\r\n\r\n"
    line = b"x" * 74 + b"\r\n"
    message = head + line * max(1, (length - len(head)) // len(line))
    command = [sys.executable, "-m", "alerts.bench.mail_peers", "pump", str(port), str(size), str(_SESSIONS)]
    took = subprocess.run(command, input=message, capture_output=True, check=True, timeout=_WAIT_S).stdout
    return size // _SESSIONS * _SESSIONS / float(took)


def _ours(port: int, size: int, key: str) -> tuple[float, int]:
    """(messages a second, bytes of a message)."""
    import uvloop

    with TemporaryDirectory(prefix="alerts-bench-") as folder:
        env = {
            "ALERTS_DATABASE_URL": f"sqlite:///{folder}/alerts.db",
            "ALERTS_SMTP_URL": f"smtp://127.0.0.1:{port}?tls=none",
            "ALERTS_SMTP_CONNECTIONS": str(_SESSIONS),
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


async def _sent(chosen: settings.Settings, size: int) -> tuple[float, int]:
    app = bootstrap.build(chosen, ["worker"])
    weighed = _Weighed(app.providers["email"])
    app.providers["email"] = weighed
    await app.start()
    try:
        for first in range(0, size, _AT_A_TIME):
            count = min(_AT_A_TIME, size - first)
            await asyncio.to_thread(app.writer.submit(lambda unit, n=count: _people(unit, n), by="bench").result)  # type: ignore[misc]
        await asyncio.to_thread(app.follower.knows, app.writer.position(), _WAIT_S)
        await asyncio.to_thread(app.runner.wait, app.writer.position(), _WAIT_S)
        begun = perf_counter()
        issued = app.writer.submit(_issue, by="bench")
        number = (await asyncio.to_thread(issued.result)).result
        while (progress := await asyncio.to_thread(app.dispatch.progress, number)) is None or not progress.complete:
            if perf_counter() - begun > _WAIT_S:
                raise RuntimeError(f"the dispatch did not end within {_WAIT_S:g} s")
            await asyncio.sleep(0.05)
        took = perf_counter() - begun
        if weighed.messages < size:
            raise RuntimeError(f"only {weighed.messages} of {size} messages were handed over")
        return size / took, weighed.octets // weighed.messages
    finally:
        await app.stop()


class _Weighed:
    """A provider, with what it was handed weighed."""

    def __init__(self, inner: Provider) -> None:
        self._inner, self.name, self.channel = inner, inner.name, inner.channel
        self.messages = self.octets = 0

    async def send(self, message: Message) -> Handed:
        """See `Provider.send`."""
        self.messages += 1
        self.octets += len(message.data)
        return await self._inner.send(message)

    async def close(self) -> None:
        """See `Provider.close`."""
        await self._inner.close()


def _people(unit: Unit, count: int) -> None:
    """So many people around Walworth, each with a place of their own."""
    first = unit.number("contact", count)
    for at in range(count):
        subscriber = new_id()
        number = contact_number(first + at, subscriber)
        place = Place(name=f"Flat {first + at}", lat=51.49 + at % 100 * 1e-5, lon=-0.09 - at % 97 * 1e-5, radius_km=0.1)
        unit.append(
            SUBSCRIBER,
            subscriber,
            SubscriberRegistered(
                how="bench",
                contacts=(ContactRef(number, "email"),),
                addresses={number: f"reader{number}@example.org"},
                preferences=Preferences(places=(place,), channels=("email",)),
                consent=None,
            ),
        )


def _issue(unit: Unit) -> int:
    notice, number = new_id(), unit.number("notice")
    plan = NoticePlan(
        kind="announcement",
        topic="utilities",
        area=[{"circle": {"lat": 51.49, "lon": -0.09, "radius_km": 3.0}}],
        content=_CONTENT,
        channels=("email",),
    )
    unit.append(
        NOTICE,
        notice,
        NoticeDrafted(number=number, msg_type="Alert", thread=notice, plan=plan),
        NoticeIssued(
            number=number,
            msg_type="Alert",
            thread=notice,
            plan=plan,
            priority=plan.priority,
            danger_to_life=False,
            expires=datetime.now(UTC) + timedelta(days=1),
        ),
    )
    return number
