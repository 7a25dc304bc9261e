"""How a message reads as a text: who, how grave and where first, then the words, then the link and the way out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from alerts.channels.message import Message
from alerts.channels.sms_segments import plain_punctuation

LIMIT = 612
"""Characters at most: four joined segments of GSM-7."""


@dataclass(frozen=True)
class PreparedSms:
    """A text with room for what is near one reader. `head` and `tail` are never cut, the words between them are."""

    head: str
    words: str
    tail: str
    stop: str
    urgent: bool = False
    expires: datetime | None = None

    def message(self, *, delivery: str, to: str, nearby: tuple[str, ...] = (), nearby_lead: str = "") -> Message:
        """The text for one reader: as many of the places near them as fit, nearest first."""
        text = self.text(nearby, nearby_lead)
        return Message(
            channel="sms",
            delivery=delivery,
            to=to,
            data=text.encode(),
            sender="",
            urgent=self.urgent,
            expires=self.expires,
        )

    def text(self, nearby: tuple[str, ...] = (), nearby_lead: str = "") -> str:
        """The words alone; see `message`."""
        near = ""
        for count in range(len(nearby), 0, -1):
            near = plain_punctuation(f"{nearby_lead}: {'; '.join(nearby[:count])}.")
            if len(self._joined(near, "")) + min(len(self.words), LIMIT // 3) <= LIMIT:
                break
        room = LIMIT - len(self._joined(near, "")) - 1
        return self._joined(near, cut(self.words, room))

    def _joined(self, near: str, words: str) -> str:
        return " ".join(part for part in (self.head, words, near, self.tail, self.stop) if part)


def prepare(
    *, head: str, words: str, tail: str, stop: str, urgent: bool = False, expires: datetime | None = None
) -> PreparedSms:
    """A text from its parts, in the punctuation that phones carry cheaply."""

    def plain(part: str) -> str:
        return plain_punctuation(" ".join(part.split()))

    return PreparedSms(plain(head), plain(words), plain(tail), plain(stop), urgent=urgent, expires=expires)


def cut(text: str, room: int) -> str:
    """`text` in at most `room` characters, cut at a word and marked so."""
    if len(text) <= room:
        return text
    kept = text[: max(room - 3, 0)]
    return (kept.rpartition(" ")[0] or kept).rstrip(" ,;:.") + "..." if kept else ""
