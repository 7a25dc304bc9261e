"""Draft as the guide reads it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from alerts.channels.sms_segments import Segments


class DraftWords(msgspec.Struct, frozen=True):
    """Words of one language; `sms` only if the author wrote one."""

    title: str = ""
    instruction: str = ""
    body: str = ""
    sms: str = ""

    @property
    def all(self) -> str:
        """Everything, one part a line."""
        return "\n".join(part for part in (self.title, self.instruction, self.body, self.sms) if part)


class LiveNotice(msgspec.Struct, frozen=True):
    """Notice that is live where this one would be."""

    title: str
    words: Mapping[str, DraftWords]
    ends: datetime | None = None


class NoticeDraft(msgspec.Struct, frozen=True, kw_only=True):
    """Notice that is being written."""

    kind: str
    drill: bool
    danger: bool
    """True for danger to life."""
    now: datetime
    ends: datetime | None
    timezone: str
    content: Mapping[str, DraftWords]
    texts: Mapping[str, Segments] = msgspec.field(default_factory=dict)
    """Text messages as they would leave, by language."""
    hosts: frozenset[str] = frozenset()
    """Hosts of links that are our own."""
    inside: tuple[str, ...] = ()
    """Names of registered places that the area touches, in any language."""
    outside: tuple[str, ...] = ()
    """Names of registered places that it does not."""
    live: tuple[LiveNotice, ...] = ()
    too_fine: str | None = None
    """Why the area is too fine, in words."""
