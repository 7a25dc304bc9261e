"""Events of delivery receipts, bounces and inbound texts."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from alerts.kernel.events import Event
from alerts.kernel.terms import (
    Channel,
    DeliveryState,
)


class ReceiptReceived(Event, frozen=True, kw_only=True):
    """A provider reported on a message after accepting it. Its stream is the delivery's receipts."""

    number: int
    """Number of the notice."""
    contact: int
    channel: Channel
    provider: str
    status: Literal["delivered", "failed"]
    was: DeliveryState
    """State of the delivery before the receipt."""
    state: DeliveryState
    """State of the delivery after it; the same if the receipt changed nothing."""
    reason: str = ""
    at: datetime | None = None
    """Time by the provider's clock."""
    reference: str = ""
    """The provider's own id of the message."""
    language: str = ""
    area: str = ""


class ContactPointBounced(Event, frozen=True, kw_only=True):
    """A message bounced, or its reader complained. Its stream is the delivery's receipts."""

    contact: int
    number: int | None = None
    """Number of the notice, if the report identifies the message."""
    kind: Literal["hard", "soft", "complaint"]
    provider: str = "smtp"
    reason: str = ""
    external_id: str = ""
    """Idempotency key of the report; "" if it has none."""


class InboundTextReceived(Event, frozen=True, kw_only=True):
    """A text message was received. Of its content only the recognised keyword is stored."""

    provider: str
    word: Literal["stop", "start", "help", "join", "other"]
    contact: int | None = None
    """Contact point with the sender's number, if known."""
    external_id: str = ""
    at: datetime | None = None
    """Time of writing, by the provider's clock."""


EVENTS: tuple[type[Event], ...] = (
    ReceiptReceived,
    ContactPointBounced,
    InboundTextReceived,
)
