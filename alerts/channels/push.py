"""How a message reads on a phone's lock screen: sender and severity first, what to do, and a tap to the page.

The payload is JSON that our service worker shows (`alerts/web/static/sw.js`). A push service takes 4096 bytes of
encrypted body (RFC 8030, 7.2; RFC 8291, 4); the words are cut so that the JSON always fits.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from alerts.channels.message import Message
from alerts.channels.sms import cut

BODY = 4096
OVERHEAD = 86 + 1 + 16
"""Of aes128gcm (RFC 8188): the header with a P-256 key, the delimiter of the one record, its tag."""
PAYLOAD = BODY - OVERHEAD
"""Bytes of JSON at most."""
WORDS = 600
"""Characters of a body at most: no lock screen shows more."""


class Payload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the service worker gets (CONTRACT "On the wire"); the last three name the ways out."""

    id: str
    title: str
    body: str
    url: str
    tag: str
    lang: str
    severity: str
    why: str = ""
    """Why this person got it."""
    stop: str = ""
    """Where messages to this device end."""
    labels: tuple[str, str] | tuple[()] = ()
    """Of the buttons for `why` and `stop`, in the reader's language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedPush:
    """One notification for many readers: `near` is what is theirs alone, beside the links."""

    title: str
    words: str
    url: str
    tag: str
    lang: str
    severity: str
    labels: tuple[str, str] | tuple[()] = ()
    urgent: bool = False
    topic: str = ""
    expires: datetime | None = None

    def message(self, *, delivery: str, to: str, near: str = "", why_url: str = "", stop_url: str = "") -> Message:
        """The notification for one reader. Where all does not fit, the words are cut before what is near, and that
        before the links."""
        room = PAYLOAD
        words, near = self.words, near
        while True:
            data = msgspec.json.encode(
                self._payload(delivery, " ".join(p for p in (words, near) if p), why_url, stop_url)
            )
            over = len(data) - room
            if over <= 0:
                break
            if words:
                words = cut(words, min(len(words) - 1, len(words) - over // 6))
            elif near:
                near = cut(near, min(len(near) - 1, len(near) - over // 6))
            else:
                raise ValueError("the title and links of this notification are too long for a push service")
        return Message(
            channel="push",
            delivery=delivery,
            to=to,
            data=data,
            sender="",
            urgent=self.urgent,
            topic=self.topic,
            expires=self.expires,
        )

    def _payload(self, delivery: str, body: str, why_url: str, stop_url: str) -> Payload:
        ways_out = bool(self.labels and stop_url)
        return Payload(
            id=delivery,
            title=self.title,
            body=body,
            url=self.url,
            tag=self.tag,
            lang=self.lang,
            severity=self.severity,
            why=why_url if ways_out else "",
            stop=stop_url if ways_out else "",
            labels=self.labels if ways_out else (),
        )


def topic(thread: UUID) -> str:
    """The `Topic` of a thread (RFC 8030, 5.4: at most 32 URL-safe characters): a phone that was off gets the latest."""
    return base64.urlsafe_b64encode(thread.bytes).rstrip(b"=").decode()
