"""How a message reads as e-mail: RFC 5322 bytes, built once for all readers, with what is personal spliced in.

Every notice carries the one-click pair (RFC 8058), emergencies included; transactional mail never does.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import cached_property
from typing import Literal

from alerts.channels.merge_fields import Template, template
from alerts.channels.message import Message

_UNSAFE = re.compile(r"[\x00-\x1f<>\x7f]")
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


class _Shape:
    """All of a message but its first headers: fixed bytes, and between them the places of one reader's values."""

    def __init__(self) -> None:
        self._bytes: list[bytes] = [b""]
        self._places: tuple[list[tuple[int, str]], list[tuple[int, str]]] = ([], [])

    def add(self, fixed: bytes) -> None:
        """What is the same for everybody."""
        self._bytes[-1] += fixed

    def add_part(self, part: Template, *, of_html: bool) -> None:
        """A part with its marks."""
        for fixed, name in part.parts:
            self.add(fixed)
            if name is not None:
                self._places[of_html].append((len(self._bytes), name))
                self._bytes += [b"", b""]

    def filled(self, text: Mapping[str, bytes], html: Mapping[str, bytes]) -> bytes:
        """With one reader's values."""
        whole = self._bytes.copy()
        for places, values in zip(self._places, (text, html), strict=True):
            for at, name in places:
                whole[at] = values[name]
        return b"".join(whole)


class PreparedEmail:
    """One message for many readers. `variant` tells the shapes apart that readers need (with or without a box)."""

    def __init__(self, envelope: Envelope, render: Callable[[str], Parts]) -> None:
        self._envelope = envelope
        self._sender, self._host = envelope.address, envelope.host
        self._render = render
        self._shapes: dict[str, _Shape] = {}

    def message(self, *, delivery: str, to: str, stop_url: str, variant: str, values: Values) -> Message:
        """The bytes for one reader. Raises ValueError if an address or link could break a header."""
        shape = self._shapes.get(variant) or self._shaped(variant)
        text = {name: template(value) for name, value in values.text.items()}
        html = {
            name: text[name] if values.text.get(name) == value else template(value)
            for name, value in values.html.items()
        }
        return Message(
            channel="email",
            delivery=delivery,
            to=to,
            sender=self._sender,
            urgent=self._envelope.urgent,
            data=self._personal_headers(delivery, to, stop_url) + shape.filled(text, html),
        )

    def _shaped(self, variant: str) -> _Shape:
        parts = self._render(variant)
        # Threads share the cache: a shape is published complete, or a reader would get a message without a word in it.
        shape = _Shape()
        shape.add(self._fixed_headers + self._part_head("plain"))
        shape.add_part(Template(parts.text), of_html=False)
        shape.add(b"\r\n" + self._part_head("html"))
        shape.add_part(Template(parts.html), of_html=True)
        shape.add(b"\r\n--" + self._boundary + b"--\r\n")
        self._shapes[variant] = shape
        return shape

    def _personal_headers(self, delivery: str, to: str, stop_url: str) -> bytes:
        lines = [f"To: {_safe(to)}", f"Message-ID: <{_safe(delivery)}@{self._host}>"]
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
    if _UNSAFE.search(value):
        raise ValueError("an address or link holds characters that no header may hold")
    return value
