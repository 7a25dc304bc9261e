"""MIME message for many readers: rendered once, with each reader's own values spliced between fixed bytes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime, parseaddr
from functools import cached_property
from typing import Literal

from alerts.channels.mail_headers import address_field, text_field
from alerts.channels.merge_fields import Template, template
from alerts.channels.message import Message
from alerts.kernel.domain_names import mailbox_to_ascii

_UNSAFE = re.compile(r"[\x00-\x1f<>\x7f]")


@dataclass(frozen=True)
class Envelope:
    """Headers of an e-mail that are equal for every reader. `sender` is `Name <address>`."""

    subject: str
    sender: str
    language: str
    at: datetime
    thread: str = ""
    """Thread name, by which mail programs group its messages; "" for none."""
    bulk: bool = True
    """True for a list: List-Id, and the one-click pair where a reader can stop it."""
    urgent: bool = False

    @property
    def address(self) -> str:
        """Bare address of the sender."""
        return parseaddr(self.sender)[1]

    @property
    def host(self) -> str:
        """Domain of message ids and of the list's id."""
        return self.address.rpartition("@")[2] or "localhost"


@dataclass(frozen=True)
class Parts:
    """Text and HTML of one message, with marks for a reader's values."""

    text: str
    html: str


@dataclass(frozen=True)
class Values:
    """Values of one reader for the marks of both parts. HTML values are escaped already."""

    text: Mapping[str, str]
    html: Mapping[str, str]


class _Shape:
    """Message without its first headers: fixed bytes, with slots for one reader's values between them."""

    def __init__(self) -> None:
        self._bytes: list[bytes] = [b""]
        self._places: tuple[list[tuple[int, str]], list[tuple[int, str]]] = ([], [])

    def add(self, fixed: bytes) -> None:
        """Append bytes that are the same for everybody."""
        self._bytes[-1] += fixed

    def add_part(self, part: Template, *, of_html: bool) -> None:
        """Append a part with its marks."""
        for fixed, name in part.parts:
            self.add(fixed)
            if name is not None:
                self._places[of_html].append((len(self._bytes), name))
                self._bytes += [b"", b""]

    def filled(self, text: Mapping[str, bytes], html: Mapping[str, bytes]) -> bytes:
        """Fill in one reader's values."""
        whole = self._bytes.copy()
        for places, values in zip(self._places, (text, html), strict=True):
            for at, name in places:
                whole[at] = values[name]
        return b"".join(whole)


class PreparedEmail:
    """E-mail for many readers, rendered once per `variant` (with or without a box)."""

    def __init__(self, envelope: Envelope, render: Callable[[str], Parts]) -> None:
        self._envelope = envelope
        self._sender, self._host = envelope.address, envelope.host
        self._render = render
        self._shapes: dict[str, _Shape] = {}

    def message(self, *, delivery: str, to: str, stop_url: str, variant: str, values: Values) -> Message:
        """Build the message for one reader. Raises ValueError if an address or link could break a header."""
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
        lines = [f"To: {header_value(mailbox_to_ascii(to))}", f"Message-ID: <{header_value(delivery)}@{self._host}>"]
        if stop_url and self._envelope.bulk:
            lines.append(f"List-Unsubscribe: <{header_value(stop_url)}>")
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
        worded = address_field("From", e.sender) + text_field("Subject", e.subject)
        folded = worded + "".join(f"{name}: {value}\r\n" for name, value in headers)
        boundary = self._boundary.decode()
        return (f'{folded}Content-Type: multipart/alternative; boundary="{boundary}"\r\n\r\n').encode()

    def _part_head(self, kind: Literal["plain", "html"]) -> bytes:
        head = f'Content-Type: text/{kind}; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
        return b"--" + self._boundary + b"\r\n" + head.encode()


def header_value(value: str) -> str:
    """Return a value that cannot end its header line or its angle brackets. Raises ValueError."""
    if _UNSAFE.search(value):
        raise ValueError("an address or link holds characters that no header may hold")
    return value
