"""Events of message templates, and the text that they carry."""

from __future__ import annotations

from typing import Literal

import msgspec

from alerts.domain.events.notice import Content
from alerts.kernel.events import Event
from alerts.kernel.terms import Certainty, Channel, NoticeKind, Severity, Urgency

BlankKind = Literal["text", "place", "time", "number"]


class Blank(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Blank that a template declares: `[road]`, a place."""

    name: str
    kind: BlankKind = "text"


class TemplateText(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that people write and approve of a template."""

    name: str
    kind: NoticeKind = "alert"
    severity: Severity = "Unknown"
    urgency: Urgency = "Unknown"
    certainty: Certainty = "Unknown"
    topic: str | None = None
    channels: tuple[Channel, ...] = ("email", "sms", "push", "letter")
    blanks: tuple[Blank, ...] = ()
    content: dict[str, Content] = {}
    """By language."""
    corrections: dict[str, Content] = {}
    """Correction: the words if it was a false alert, by language: title and instruction."""


class TemplateDrafted(Event, frozen=True, kw_only=True):
    """A template was begun; notices cannot be written from it yet."""

    slug: str
    text: TemplateText


class TemplateRevised(Event, frozen=True, kw_only=True):
    """The draft of the next version was replaced as a whole; the published version stays in use."""

    text: TemplateText


class TemplatePublished(Event, frozen=True, kw_only=True):
    """The draft was approved by a second person, and is in use from now on as version `number`."""

    number: int


class TemplateRetired(Event, frozen=True, kw_only=True):
    """The template is not used any more."""

    reason: str = ""


EVENTS: tuple[type[Event], ...] = (
    TemplateDrafted,
    TemplateRevised,
    TemplatePublished,
    TemplateRetired,
)
