"""Content of a post of one event, and the meaning of its answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from uuid import UUID

import msgspec
import pytest
from standardwebhooks import Webhook

from alerts.net.safe_client import Answer, ReplyLost, TargetRefused
from alerts.net.standard_webhooks import sign, verify
from alerts.webhooks.delivery import BACKOFF, Outgoing, backoff, body_of, headers_of, message_id, post

NOW = datetime(2026, 3, 12, 9, 30, tzinfo=UTC)
HOOK = UUID("01a20a65-6ff8-7398-87c8-47e714d05ea0")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_published_vector() -> None:
    """The one that the libraries of standard-webhooks/standard-webhooks test themselves with."""
    identifier, at, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert sign(SECRET, identifier, at, body) == signature
    headers = {"webhook-id": identifier, "webhook-timestamp": str(at), "webhook-signature": signature}
    assert verify(SECRET, headers, body, datetime.fromtimestamp(at, UTC)) == identifier
    assert verify(SECRET.removeprefix("whsec_"), headers, body, datetime.fromtimestamp(at, UTC)) == identifier


def test_what_we_post_the_library_verifies() -> None:
    event = {"type": "NoticeIssued", "at": "2026-03-12T09:30:00Z", "position": 7, "data": {}}
    now = datetime.now(UTC)
    outgoing = Outgoing(7, body_of(event))
    headers = headers_of(SECRET, HOOK, outgoing, now)
    found = Webhook(SECRET).verify(outgoing.body, headers)
    assert found == {"type": "NoticeIssued", "timestamp": "2026-03-12T09:30:00Z", "data": event}
    later = headers_of(SECRET, HOOK, outgoing, now + timedelta(hours=1))
    assert later["webhook-id"] == headers["webhook-id"], "the same at every try"
    assert later["webhook-timestamp"] != headers["webhook-timestamp"], "or a receiver would find it stale"
    assert message_id(HOOK, 7) != message_id(HOOK, 8) != message_id(UUID(int=1), 8)


class Peer:
    """A target with one answer."""

    def __init__(self, answer: Answer | Exception) -> None:
        self._answer = answer

    async def post(self, url: str, body: bytes, headers: object) -> Answer:
        """The answer, or the failure."""
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    async def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize(
    ("answer", "taken", "gone", "wait", "words"),
    [
        (Answer(200, {}, b""), True, False, 0, ""),
        (Answer(204, {}, b""), True, False, 0, ""),
        (Answer(302, {"Location": "https://10.0.0.1/"}, b""), False, False, 0, "redirects are not followed"),
        (Answer(401, {}, b"secret words"), False, False, 0, "it answered 401"),
        (Answer(410, {}, b""), False, True, 0, "it answered 410"),
        (Answer(429, {"Retry-After": "120"}, b""), False, False, 120, "it answered 429"),
        (Answer(503, {"Retry-After": format_datetime(NOW + timedelta(seconds=90))}, b""), False, False, 90, "503"),
        (TargetRefused("the address is private or reserved"), False, False, 0, "private"),
        (ReplyLost("no answer in time"), False, False, 0, "no answer in time"),
    ],
)
async def test_what_an_answer_means(
    answer: Answer | Exception, taken: bool, gone: bool, wait: float, words: str
) -> None:
    outcome = await post(Peer(answer), "https://example.org/", SECRET, HOOK, Outgoing(7, b"{}"), lambda: NOW)
    assert (outcome.taken, outcome.gone, outcome.wait) == (taken, gone, wait)
    assert words in outcome.reason and "secret" not in outcome.reason and "10.0.0.1" not in outcome.reason


def test_waits_grow_and_heed_the_target() -> None:
    waits = [backoff(BACKOFF, tries, 0, lambda low, high: 1.0) for tries in range(1, 12)]
    assert waits == sorted(waits) and waits[0] == 5 and waits[-1] == BACKOFF[-1]
    assert backoff(BACKOFF, 1, 600) == 600
    assert all(4 <= backoff(BACKOFF, 1, 0) <= 6 for _ in range(50)), "jitter within a fifth"
    assert msgspec.json.decode(body_of({"type": "a", "at": "b"})) == {
        "type": "a", "timestamp": "b", "data": {"type": "a", "at": "b"},
    }  # fmt: skip
