"""What the forms of text message providers share: how a message is asked for, and what an answer's status means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import msgspec

from alerts.channels.message import Message, SendResult
from alerts.net.retry_after import retry_after
from alerts.net.safe_client import Answer

AGENT = "community-alerts"
_NUMBER = re.compile(r"(?<![\w.])\+?\d[\d ().-]{5,40}\d(?!\w)")
_WORDS = 200
OURS = frozenset({401, 402, 403, 404, 405, 407, 415})
"""Statuses that say that our settings or our account are at fault, not the message (RFC 9110, 15.5)."""
FLAKY = 3
"""So many answers in a row that one bad moment explains each by itself, and no more."""


class Request(NamedTuple):
    """One POST."""

    url: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class GatewayError:
    """This provider did not take it, and the message is not to blame: another provider may take it at once."""

    why: str
    strikes: int = 1
    """The provider rests after so many in a row."""
    rest: float | None = None
    """Seconds that it asked for."""
    final: bool = False
    """Trying again will not help before an operator mends something."""


class GatewayApi(Protocol):
    """How one kind of provider is spoken to."""

    def request(self, message: Message, now: datetime) -> Request:
        """The POST that asks for it."""

    def answered(self, message: Message, answer: Answer, now: datetime) -> SendResult | GatewayError:
        """What the answer says."""


def trouble(answer: Answer, said: str, now: datetime) -> GatewayError | None:
    """What holds for every form; None where the form itself decides. `said`: the provider's words, without numbers."""
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
    """It answered well but not as agreed: nobody knows whether it was taken."""
    return SendResult(result="in-doubt", reason=f"the provider answered {status} without an id of the message")


def read(answer: Answer) -> dict[str, Any]:
    """The answer's JSON object; {} if it is none."""
    try:
        value = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return {}
    return value if isinstance(value, dict) else {}


def words(text: object) -> str:
    """A provider's words on one line, without any number that could be a reader's: they stand in the log in clear."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text or "")[:2_000]).split())
    return _NUMBER.sub("(number)", line)[:_WORDS]
