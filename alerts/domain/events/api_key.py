"""Events of API keys."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from alerts.domain.events.source import Policy
from alerts.kernel.events import Event


class ApiKeyIssued(Event, frozen=True, kw_only=True):
    """An API key was issued. Only a hash of its secret is stored."""

    private: ClassVar[tuple[str, ...]] = ("secret_hash",)
    name: str
    scopes: tuple[str, ...]
    policy: Policy
    secret_hash: str
    person: UUID | None = None
    """Team member it was issued for: the identity compared in approvals."""
    rate: float | None = None
    """Limit in requests per second; None for the default."""


class ApiKeyRevoked(Event, frozen=True, kw_only=True):
    """The API key is refused from now on."""


EVENTS: tuple[type[Event], ...] = (
    ApiKeyIssued,
    ApiKeyRevoked,
)
