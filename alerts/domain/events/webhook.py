"""Events of outgoing webhooks."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from alerts.domain.events.types import AreaJson
from alerts.kernel.events import Event


class WebhookAdded(Event, frozen=True, kw_only=True):
    """An outgoing webhook was added; events after `after` are posted to it, signed.

    The secret is sealed under the webhook's own key.
    """

    personal: ClassVar[tuple[str, ...]] = ("secret",)
    private: ClassVar[tuple[str, ...]] = ("url",)
    url: str
    events: tuple[str, ...]
    """Event topics, or `*`."""
    area: AreaJson | None = None
    secret: str | None
    key: UUID
    """The API key that added it."""
    person: UUID | None = None
    """Team member that the key was issued for; notified if the webhook fails for days."""
    after: int = 0
    """Log position after which it begins."""


class WebhookReplayed(Event, frozen=True, kw_only=True):
    """Events after a position are posted again; this also re-enables the webhook."""

    after: int


class WebhookDisabled(Event, frozen=True, kw_only=True):
    """The webhook failed for days and is disabled until it is replayed."""

    reason: str
    at_position: int


class WebhookRemoved(Event, frozen=True, kw_only=True):
    """The webhook was removed; nothing more is posted to it."""


EVENTS: tuple[type[Event], ...] = (
    WebhookAdded,
    WebhookReplayed,
    WebhookDisabled,
    WebhookRemoved,
)
