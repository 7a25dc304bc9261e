"""A mail server of the test's own, outside the product: what it took, from which delivery, and when."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from aiosmtpd.controller import Controller

from tests.crash.server import free_port

_ID = re.compile(rb"(?im)^message-id:\s*<([^@>]+)@")


class Taken(NamedTuple):
    """Copy of a message that was taken."""

    delivery: str
    to: str
    at: float
    """Time of the end of DATA, as `time.time()`."""


class Mailbox:
    """An aiosmtpd handler that takes everything. Its thread is another one than the test's."""

    def __init__(self) -> None:
        self.taken: list[Taken] = []
        self.port = free_port()

    @property
    def url(self) -> str:
        """As ALERTS_SMTP_URL has it."""
        return f"smtp://127.0.0.1:{self.port}?tls=none"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        found = _ID.search(envelope.content)
        assert found is not None, "a message without an identity"
        self.taken.append(Taken(found[1].decode(), envelope.rcpt_tos[0], time.time()))
        return "250 2.0.0 kept"

    def wait(self, copies: int, patience: float = 30) -> None:
        """Until so many copies are here."""
        deadline = time.monotonic() + patience
        while len(self.taken) < copies:
            assert time.monotonic() < deadline, f"{len(self.taken)} of {copies} copies came"
            time.sleep(0.005)


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """Run a mailbox that listens."""
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
