"""Message of a channel, and the result of sending it: the interface between channels and providers."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

import msgspec

from alerts.kernel.terms import Channel, MsgType, NoticeKind, Priority, Severity, Status


class NoticeWords(msgspec.Struct, frozen=True, kw_only=True):
    """Notice in one language, equal for every reader of that language."""

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
    """Language of the layout's texts: the reader's."""
    body_language: str
    """Language of the content; it gets its own `lang` if different."""
    title: str
    body: str
    """Markdown, sanitised on display."""
    instruction: str
    sms: str
    """Text message; empty: composed from title and link."""
    area_words: str
    """Area in words, "" if there is none."""
    issued_at: datetime
    expires: datetime
    url: str
    """Public page."""
    short_url: str
    """Shortest form of the public page's address, for text messages."""
    sender: str
    """`Name <address>`; the name is the organisation's in whose name it goes out."""
    timezone: str
    effective: datetime | None = None
    """Service change: its effective time."""
    concerned: tuple[str, ...] = ()
    """Service change: names of the service points concerned."""
    organisation: str = ""
    """Name, in the reader's language, of the organisation in whose name it goes out; "" for the service itself."""
    sender_name: str = ""
    """The organisation's name as a sender, with which texts begin; "" for the service's own."""
    check_code: str = ""
    """Code by which a reader can ask `/check` whether the message is ours; "" for none."""

    @property
    def check_page(self) -> str:
        """Address of the page that checks codes, as one types it."""
        return f"{self.url.partition('://')[2].partition('/alerts/')[0]}/check"


class Alternative(msgspec.Struct, frozen=True, kw_only=True):
    """Service point near the reader, open after a change."""

    name: str
    address: str
    distance_m: float
    opening_hours: str | None
    """OpenStreetMap syntax; None if only visits are known."""
    next_visit: datetime | None = None
    minutes: int = 0


class Personal(msgspec.Struct, frozen=True, kw_only=True):
    """Data for one reader alone."""

    delivery: str
    """Public id: the Message-ID's left part, the SMS reference, the push payload's id."""
    to: str
    why_url: str
    stop_url: str
    preferences_url: str
    place_name: str = ""
    """First matched place in the reader's own words; "" if none."""
    place_radius_m: float = 0.0
    topic: str | None = None
    relay: bool = False
    """True for a reader who passes it on to others."""
    follows: bool = False
    """True for a reader who gets it because they follow its thread."""
    alternatives: tuple[Alternative, ...] = ()


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """Rendered message.

    `data`: an RFC 5322 message with CRLF for e-mail, the text in UTF-8 for SMS, the payload's JSON for push (not
    encrypted yet), a `channels.letter.LetterPage` as JSON for letters and calls.
    """

    channel: Channel
    delivery: str
    to: str
    """Address; for push the subscription as JSON: {"endpoint", "keys": {"p256dh", "auth"}}."""
    data: bytes
    sender: str
    """Envelope sender address for e-mail."""
    urgent: bool = False
    """True for an emergency: push services get high urgency."""
    topic: str = ""
    """Push: key by which a later message replaces this one while the phone is off; at most 32 URL-safe characters."""
    expires: datetime | None = None
    """End of its validity; None if unlimited."""


class SendResult(msgspec.Struct, frozen=True, kw_only=True):
    """Result of one hand-over.

    sent: a provider accepted it. temporary: try again later. permanent: it never will be. technical: we or our provider
    are at fault (no provider, bad credentials). in-doubt: the reply was lost after the body began (for SMTP any failure
    from DATA on); it is sent again under the same identity. not-begun: no provider was to be had (open circuit, no
    connection, rate, quota), which is no try (RULES 23); the send policy is checked again before the next one. waiting:
    it lies ready for people, who will say when it has left.
    """

    result: Literal["sent", "temporary", "permanent", "technical", "in-doubt", "not-begun", "waiting"]
    reason: str = ""
    reference: str = ""
    """Message id assigned by the provider."""
    retry_after: float | None = None
    """Seconds that the peer asked us to wait."""
    outage: bool = False
    """True if the provider or the line is at fault, not this message: it is sent as soon as they work again."""
    retire: Literal["", "hard-bounce", "gone", "opt-out"] = ""
    """Reason to suppress the address, with a permanent refusal.

    hard-bounce: no such mailbox or number exists. gone: the push endpoint was given up. opt-out: the person told the
    provider to stop.
    """


class Provider(Protocol):
    """Provider of one channel. `send` never raises for a peer's behaviour."""

    name: str
    channel: Channel

    async def send(self, message: Message) -> SendResult:
        """Hand one message over."""

    async def close(self) -> None:
        """Close idle connections."""
