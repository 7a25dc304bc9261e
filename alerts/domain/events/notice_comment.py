"""Events of the team's comments on drafts. The words are sealed under a key of the comments' own stream."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from alerts.kernel.events import Event


class NoticeCommented(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A member said something about a draft; it changes nothing of it."""

    personal: ClassVar[tuple[str, ...]] = ("text", "quote")

    notice: UUID
    field: str = ""
    """Part of the notice that it is about, such as `title-en`; "" for the whole notice."""
    quote: str | None = None
    """Beginning of that field's text at the time."""
    text: str | None = None


class NoticeCommentsErased(Event, frozen=True, kw_only=True):
    """The comments on a draft were erased: the key of their words is destroyed."""

    notice: UUID


EVENTS: tuple[type[Event], ...] = (NoticeCommented, NoticeCommentsErased)
