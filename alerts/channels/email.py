"""How a message reads as e-mail: RFC 5322 bytes, built once for all readers, with what is personal spliced in.

Every notice carries the one-click pair (RFC 8058), emergencies included; transactional mail never does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import cached_property
from typing import Literal

from alerts.channels.message import Message
from alerts.channels.splice import Spliced

_POLICY = SMTP.clone(max_line_length=78)


@dataclass(frozen=True)
class Envelope:
    """What the headers of one e-mail say to everyone. `sender` is `Name <address>`."""

    subject: str
    sender: str
    language: str
    at: datetime
    thread: str = ""
    """Names the thread, so that mail programs show its messages together; "" for none."""
    bulk: bool = True
    """Sent to a list: List-Id, and the one-click pair where a reader can stop it."""
    urgent: bool = False

    @property
    def address(self) -> str:
        """The sender's bare address."""
        return parseaddr(self.sender)[1]

    @property
    def host(self) -> str:
        """The domain that message ids and the list's id belong to."""
        return self.address.rpartition("@")[2] or "localhost"


@dataclass(frozen=True)
class Parts:
    """The two renderings of one message, with marks where a reader's values go."""

    text: str
    html: str


@dataclass(frozen=True)
class Values:
    """One reader's values for the marks of both parts. HTML values are escaped already."""

    text: Mapping[str, str]
    html: Mapping[str, str]


class PreparedEmail:
    """One message for many readers. `variant` tells the shapes apart that readers need (with or without a box)."""

    def __init__(self, envelope: Envelope, render: Callable[[str], Parts]) -> None:
        self._envelope = envelope
        self._render = render
        self._bodies: dict[str, tuple[Spliced, Spliced]] = {}

    def message(self, *, delivery: str, to: str, stop_url: str, variant: str, values: Values) -> Message:
        """The bytes for one reader. Raises ValueError if an address or link could break a header."""
        text, html = self._body(variant)
        return Message(
            channel="email",
            delivery=delivery,
            to=to,
            sender=self._envelope.address,
            urgent=self._envelope.urgent,
            data=b"".join(
                (
                    self._personal_headers(delivery, to, stop_url),
                    self._fixed_headers,
                    self._part_head("plain"),
                    text.fill(values.text),
                    b"\r\n",
                    self._part_head("html"),
                    html.fill(values.html),
                    b"\r\n--",
                    self._boundary,
                    b"--\r\n",
                )
            ),
        )

    def _body(self, variant: str) -> tuple[Spliced, Spliced]:
        body = self._bodies.get(variant)
        if body is None:
            parts = self._render(variant)
            body = self._bodies[variant] = (Spliced(parts.text), Spliced(parts.html))
        return body

    def _personal_headers(self, delivery: str, to: str, stop_url: str) -> bytes:
        lines = [f"To: {_safe(to)}", f"Message-ID: <{_safe(delivery)}@{self._envelope.host}>"]
        if stop_url and self._envelope.bulk:
            lines.append(f"List-Unsubscribe: <{_safe(stop_url)}>")
            lines.append("List-Unsubscribe-Post: List-Unsubscribe=One-Click")
        return "".join(f"{line}\r\n" for line in lines).encode()

    @cached_property
    def _boundary(self) -> bytes:
        e = self._envelope
        seed = "\x1f".join((e.subject, e.sender, e.language, e.thread, e.at.isoformat()))
        return b"=_" + hashlib.sha256(seed.encode()).hexdigest()[:32].encode()

    @cached_property
    def _fixed_headers(self) -> bytes:
        e = self._envelope
        headers = [
            ("From", e.sender),
            ("Subject", e.subject),
            ("Date", format_datetime(e.at)),
            ("MIME-Version", "1.0"),
            ("Auto-Submitted", "auto-generated"),
            ("Content-Language", e.language),
        ]
        if e.bulk:
            headers.append(("List-Id", f"<alerts.{e.host}>"))
        if e.thread:
            headers.append(("References", f"<{e.thread}@{e.host}>"))
        if e.urgent:
            headers.append(("Importance", "high"))
        folded = "".join(_folded(name, value) for name, value in headers)
        boundary = self._boundary.decode()
        return (f'{folded}Content-Type: multipart/alternative; boundary="{boundary}"\r\n\r\n').encode()

    def _part_head(self, kind: Literal["plain", "html"]) -> bytes:
        head = f'Content-Type: text/{kind}; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
        return b"--" + self._boundary + b"\r\n" + head.encode()


def _folded(name: str, value: str) -> str:
    """A header in lines of 78, its first words beside its name: some readers keep the blank of a fold there."""
    folded: str = _POLICY.fold(*_POLICY.header_store_parse(name, value))
    bare = f"{name}:\r\n "
    if not folded.startswith(bare):
        return folded
    room = _POLICY.max_line_length or 78
    first, _, rest = folded.removeprefix(bare).partition("\r\n")
    at = first.rfind(" ", 0, room - len(name) - 1)
    return folded if at < 1 else f"{name}: {first[:at]}\r\n{first[at:]}\r\n{rest}"


def _safe(value: str) -> str:
    """A value that cannot end its header line or its angle brackets."""
    if any(c < " " or c in "<>\x7f" for c in value):
        raise ValueError("an address or link holds characters that no header may hold")
    return value
