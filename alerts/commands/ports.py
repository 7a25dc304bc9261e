"""Ports of the command layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from alerts.domain.events import NoticePlan
from alerts.kernel.terms import MsgType
from subscribers.audience.query import AudienceCount
from subscribers.audience.reference_data import ReferenceData


class AudiencePort(Protocol):
    """Audience count of a plan."""

    async def count(
        self,
        plan: NoticePlan,
        *,
        at: datetime,
        msg_type: MsgType = "Alert",
        near_m: float = 0.0,
        check: Callable[[ReferenceData], None] = lambda _: None,
    ) -> AudienceCount:
        """Count a plan's current audience, unless `check` refuses it; and who lies within `near_m` outside."""


@dataclass(frozen=True, slots=True)
class Idempotency:
    """Idempotency-Key as an endpoint received it: caller, path, key, and SHA-256 of the body."""

    caller: str
    path: str
    key: str
    digest: bytes
