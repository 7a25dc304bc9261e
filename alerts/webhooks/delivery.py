"""Webhook delivery: body and signature of one event, and the meaning of the response. Standard Webhooks, "Sending".

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md: 2xx is success, 410
means that the target wants no more, 429 and 503 with `Retry-After` give the time of the next try, redirects are
failures.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import msgspec

from alerts.kernel.ids import derived_id
from alerts.net.retry_after import retry_after
from alerts.net.safe_client import Answer, TargetError, TargetRefused
from alerts.net.standard_webhooks import sign

BACKOFF: tuple[float, ...] = (5, 30, 120, 600, 1800, 3600, 3 * 3600, 6 * 3600)
"""Seconds between tries; the last one is repeated."""
PATIENCE = timedelta(days=3)
"""Time after which a failing webhook is disabled."""
_JITTER = 0.2
_GONE = 410


class Poster(Protocol):
    """HTTP client that posts: `SafeHttpClient`."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Return the response, of any status; raises `TargetError` if there is none."""

    async def close(self) -> None:
        """Close idle connections."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Event to be posted to one webhook."""

    position: int
    body: bytes


@dataclass(frozen=True, slots=True)
class WebhookOutcome:
    """Outcome of a try. `reason` is empty on success; `wait`: seconds that the target asked for."""

    reason: str = ""
    wait: float = 0.0
    gone: bool = False

    @property
    def taken(self) -> bool:
        """True if the target accepted it."""
        return not self.reason


def body_of(event: Mapping[str, Any]) -> bytes:
    """Body of an event, as `/api/v1/events` shows it: the same bytes at every try."""
    return msgspec.json.encode({"type": event["type"], "timestamp": event["at"], "data": event})


def message_id(webhook: UUID, position: int) -> str:
    """The `webhook-id`: the same for an event at every try and replay, so that a receiver can deduplicate."""
    return f"msg_{derived_id('webhook-message', webhook.hex, str(position)).hex}"


def headers_of(secret: str, webhook: UUID, outgoing: Outgoing, now: datetime) -> dict[str, str]:
    """Headers of one try; timestamped now, since receivers refuse messages five minutes old."""
    identifier, at = message_id(webhook, outgoing.position), int(now.timestamp())
    return {
        "Content-Type": "application/json",
        "User-Agent": "community-alerts",
        "webhook-id": identifier,
        "webhook-timestamp": str(at),
        "webhook-signature": sign(secret, identifier, at, outgoing.body),
    }


async def post(
    client: Poster, url: str, secret: str, webhook: UUID, outgoing: Outgoing, clock: Callable[[], datetime]
) -> WebhookOutcome:
    """Try once. Never raises for a target's behaviour."""
    try:
        answer = await client.post(url, outgoing.body, headers_of(secret, webhook, outgoing, clock()))
    except TargetRefused as error:
        return WebhookOutcome(f"not posted: {error}")
    except TargetError as error:
        return WebhookOutcome(str(error))
    if 200 <= answer.status < 300:
        return WebhookOutcome()
    words = f"it answered {answer.status}"
    if 300 <= answer.status < 400:
        words += ", and redirects are not followed: add a webhook with the address that it names"
    return WebhookOutcome(words, retry_after(answer.headers, clock()) or 0.0, answer.status == _GONE)


def backoff(
    schedule: Sequence[float], tries: int, wait: float, draw: Callable[[float, float], float] = random.uniform
) -> float:
    """Seconds until the next try, after `tries` failures: by the schedule with jitter, but at least `wait`."""
    step = schedule[min(max(tries, 1), len(schedule)) - 1]
    return max(step * draw(1 - _JITTER, 1 + _JITTER), wait)
