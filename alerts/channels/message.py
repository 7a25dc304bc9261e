"""The message a channel carries, and what handing it over can come to. Channels and providers know nothing else."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

import msgspec

from alerts.kernel.terms import Channel, MsgType, NoticeKind, Priority, Severity, Status


class NoticeWords(msgspec.Struct, frozen=True, kw_only=True):
    """One notice in one language, as every reader of that language sees it."""

    notice: UUID
    number: int
    thread: UUID
    kind: NoticeKind
    msg_type: MsgType
    status: Status
    priority: Priority
    severity: Severity
    danger_to_life: bool
    frame_language: str
    """The reader's language: the frame's words."""
    body_language: str
    """The language the content is in; it carries its own `lang` when it differs."""
    title: str
    body: str
    """Markdown, sanitised when shown."""
    instruction: str
    sms: str
    """Empty: the channel makes it from title and link."""
    area_words: str
    """Where, in words, "" if there is nothing to say."""
    issued_at: datetime
    expires: datetime
    url: str
    """The public page."""
    short_url: str
    """The same, as short as possible: for text messages."""
    sender: str
    """`Name <address>`."""
    timezone: str
    effective: datetime | None = None
    """Of a service change: from when it holds."""
    concerned: tuple[str, ...] = ()
    """Of a service change: the service points that it concerns, by name."""


class Alternative(msgspec.Struct, frozen=True, kw_only=True):
    """A service point near the reader, open after a change."""

    name: str
    address: str
    distance_m: float
    opening_hours: str | None
    """OpenStreetMap syntax; None if only visits are known."""
    next_visit: datetime | None = None
    minutes: int = 0


class Personal(msgspec.Struct, frozen=True, kw_only=True):
    """What one reader alone sees."""

    delivery: str
    """Public id: the Message-ID's left part, the SMS reference, the push payload's id."""
    to: str
    why_url: str
    stop_url: str
    preferences_url: str
    place_name: str = ""
    """The (first) matched place in the reader's own words; "" if none."""
    place_radius_m: float = 0.0
    topic: str | None = None
    alternatives: tuple[Alternative, ...] = ()


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """Ready to leave. `data`: an RFC 5322 message with CRLF for e-mail, the text in UTF-8 for SMS, the payload's JSON
    for push (not encrypted yet)."""

    channel: Channel
    delivery: str
    to: str
    """The address; for push the subscription as JSON: {"endpoint", "keys": {"p256dh", "auth"}}."""
    data: bytes
    sender: str
    """Envelope sender address for e-mail."""
    urgent: bool = False
    """An emergency: push services are asked for haste."""
    topic: str = ""
    """Push: what a later message of the same topic replaces while the phone is off; at most 32 URL-safe characters."""
    expires: datetime | None = None
    """When it is of no use any more; None if nobody said."""


class SendResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one hand-over came to.

    sent: a provider took it. temporary: try again later. permanent: never will. technical: we or our provider are at
    fault (no provider, bad credentials). in-doubt: the reply was lost after the body began (for SMTP any failure from
    DATA on); it is sent again under the same identity. not-begun: the provider was not ready within a second, and what
    may leave must be asked again.
    """

    result: Literal["sent", "temporary", "permanent", "technical", "in-doubt", "not-begun"]
    reason: str = ""
    reference: str = ""
    """The provider's own id of the message."""
    retry_after: float | None = None
    """Seconds that the peer asked us to wait."""
    retire: Literal["", "hard-bounce", "gone", "opt-out"] = ""
    """With a permanent refusal: the address is at fault and nothing more is to be sent to it. hard-bounce: there is
    no such mailbox or number. gone: the push endpoint was given up. opt-out: they told the provider to stop."""


class Provider(Protocol):
    """How messages of one channel leave. `send` never raises for what a peer does."""

    name: str
    channel: Channel

    async def send(self, message: Message) -> SendResult:
        """Hand one message over."""

    async def close(self) -> None:
        """Let kept connections go."""
