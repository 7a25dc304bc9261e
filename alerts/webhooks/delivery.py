"""One event to one target: its body, its signature, and what the answer means. Standard Webhooks, section "Sending".

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md: 2xx is taken, 410
means that the target wants no more, 429 and 503 with `Retry-After` say when to come again, redirects are failures.
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
"""A webhook that has failed for so long is switched off."""
_JITTER = 0.2
_GONE = 410


class Poster(Protocol):
    """What posts: `GuardedClient`."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Any status is an answer; raises `TargetError` where there is none."""

    async def close(self) -> None:
        """Let kept connections go."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One event on its way to one webhook."""

    position: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """`reason` is empty for what was taken; `wait`: how long the target asked us to stay away, in seconds."""

    reason: str = ""
    wait: float = 0.0
    gone: bool = False

    @property
    def taken(self) -> bool:
        """Whether the target has it."""
        return not self.reason


def body_of(event: Mapping[str, Any]) -> bytes:
    """The body that carries an event as `/api/v1/events` shows it: the same bytes at every try."""
    return msgspec.json.encode({"type": event["type"], "timestamp": event["at"], "data": event})


def message_id(webhook: UUID, position: int) -> str:
    """The `webhook-id`: the same for the same event at every try and replay, so that a receiver knows it again."""
    return f"msg_{derived_id('webhook-message', webhook.hex, str(position)).hex}"


def headers_of(secret: str, webhook: UUID, outgoing: Outgoing, now: datetime) -> dict[str, str]:
    """The headers of one try; its time is of now, since receivers refuse what is five minutes old."""
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
) -> Outcome:
    """One try. Never raises for what a target does."""
    try:
        answer = await client.post(url, outgoing.body, headers_of(secret, webhook, outgoing, clock()))
    except TargetRefused as error:
        return Outcome(f"not posted: {error}")
    except TargetError as error:
        return Outcome(str(error))
    if 200 <= answer.status < 300:
        return Outcome()
    words = f"it answered {answer.status}"
    if 300 <= answer.status < 400:
        words += ", and redirects are not followed: add a webhook with the address that it names"
    return Outcome(words, retry_after(answer.headers, clock()) or 0.0, answer.status == _GONE)


def backoff(
    schedule: Sequence[float], tries: int, wait: float, draw: Callable[[float, float], float] = random.uniform
) -> float:
    """Seconds until the next try, after `tries` failures: by the schedule with jitter, but not before `wait`."""
    step = schedule[min(max(tries, 1), len(schedule)) - 1]
    return max(step * draw(1 - _JITTER, 1 + _JITTER), wait)
