"""What the commands need of others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from alerts.domain.events import NoticePlan
from alerts.kernel.terms import MsgType
from subscribers.audience.query import AudienceCount


class AudiencePort(Protocol):
    """Who would be due now?"""

    async def count(self, plan: NoticePlan, *, at: datetime, msg_type: MsgType = "Alert") -> AudienceCount:
        """Count a plan's audience as it stands."""


@dataclass(frozen=True, slots=True)
class Idempotency:
    """An Idempotency-Key as a door received it: whose, on which path, and SHA-256 of the body."""

    caller: str
    path: str
    key: str
    digest: bytes


class EndpointRule(Protocol):
    """Which push endpoints are taken (`alerts.net.push_endpoints.Endpoints`)."""

    def check(self, url: str, field: str) -> str:
        """The endpoint as it was given, or Invalid at `field`."""
