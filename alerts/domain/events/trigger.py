"""Events of triggers: what a source has sent."""

from __future__ import annotations

from typing import ClassVar, Literal
from uuid import UUID

from alerts.kernel.events import Event


class TriggerReceived(Event, frozen=True, kw_only=True):
    """A webhook was accepted; its result is part of the event, decided in the same transaction."""

    private: ClassVar[tuple[str, ...]] = ("body", "raw")
    source: str
    kind: str
    """The webhook's type, or CAP's msgType."""
    external_id: str
    state: Literal["recorded", "drafted", "issued", "parked"]
    incident: UUID | None = None
    service_change: UUID | None = None
    notices: tuple[UUID, ...] = ()
    reason: str = ""
    digest: str = ""
    """SHA-256 of the body."""
    body: str = ""
    """Body of a parked trigger as text, so that a person can decide; else empty."""
    raw: str = ""
    """The same body's bytes in base64, if they are not its text in UTF-8."""
    content_type: str = ""
    """Content-Type of a parked trigger's body."""
    asked_by: str = ""
    """Actor who had a parked trigger decided again, as `Recorded.by`; the effects are the source's."""


class TriggerRejected(Event, frozen=True, kw_only=True):
    """A webhook was refused and recorded: malformed, invalid or oversized. Its stream is the source's rejections."""

    source: str
    status: int
    reason: str
    digest: str = ""


EVENTS: tuple[type[Event], ...] = (
    TriggerReceived,
    TriggerRejected,
)
