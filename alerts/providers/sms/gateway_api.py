"""Gateway API port of the text message providers, and the common meaning of HTTP statuses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import msgspec

from alerts.channels.message import Message, SendResult
from alerts.channels.redact import without_numbers
from alerts.net.retry_after import retry_after
from alerts.net.safe_client import Answer

AGENT = "community-alerts"
_WORDS = 200
OURS = frozenset({401, 402, 403, 404, 405, 407, 415})
"""Statuses caused by our settings or account, not by the message (RFC 9110, 15.5)."""
FLAKY = 3
"""Failures in a row, each of which may be accidental, after which the provider rests."""


class Request(NamedTuple):
    """A POST request."""

    url: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class GatewayError:
    """The provider did not accept the message for reasons of its own: another provider may be tried at once."""

    why: str
    strikes: int = 1
    """Failures in a row after which the provider rests."""
    rest: float | None = None
    """Seconds given in Retry-After."""
    final: bool = False
    """True if a retry is useless before an operator changes something."""
    reached: bool = True
    """False if there was no connection: the message was not tried."""


class GatewayApi(Protocol):
    """Protocol of one kind of provider."""

    def request(self, message: Message, now: datetime) -> Request:
        """Build the POST that submits the message."""

    def answered(self, message: Message, answer: Answer, now: datetime) -> SendResult | GatewayError:
        """Interpret the response."""


def trouble(answer: Answer, said: str, now: datetime) -> GatewayError | None:
    """Interpret the statuses common to all APIs; None if the API itself decides.

    `said` is the provider's message, without numbers.
    """
    status, words = answer.status, f"{answer.status} {said}".strip()
    wait = retry_after(answer.headers, now)
    if status == 429:
        return GatewayError(words, rest=wait)
    if status >= 500 or status in (408, 425):
        return GatewayError(words, strikes=FLAKY if wait is None else 1, rest=wait)
    if 300 <= status < 400:
        return GatewayError(f"{status}: it redirects, which is not followed; set its own address", final=True)
    if status in OURS:
        return GatewayError(words, final=True)
    return None


def unknown_outcome(status: int) -> SendResult:
    """Result for a success status without message id: unknown whether the message was accepted."""
    return SendResult(result="in-doubt", reason=f"the provider answered {status} without an id of the message")


def read(answer: Answer) -> dict[str, Any]:
    """Parse the response's JSON object; {} if there is none."""
    try:
        value = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return {}
    return value if isinstance(value, dict) else {}


def words(text: object) -> str:
    """A provider's message on one line, with possible telephone numbers removed: it is stored in clear in the log."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text or "")[:2_000]).split())
    return without_numbers(line)[:_WORDS]
