"""Signatures: what the reference library signs we accept, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook

from alerts.net.standard_webhooks import Unverified, verify

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOW = datetime(2026, 3, 12, 9, 30, tzinfo=UTC)
BODY = b'{"type": "incident.reported"}'


def headers(
    body: bytes = BODY, *, secret: str = SECRET, at: datetime = NOW, identifier: str = "msg_1"
) -> dict[str, str]:
    return {
        "webhook-id": identifier,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(identifier, at, body.decode()),
    }


@settings(max_examples=50)
@given(st.text(max_size=200), st.integers(-299, 299))
def test_what_the_library_signs_is_verified(text: str, off: int) -> None:
    body = text.encode()
    signed = headers(body, at=NOW + timedelta(seconds=off))
    assert verify(SECRET, signed, body, NOW) == "msg_1"


def test_one_of_several_signatures_is_enough() -> None:
    signed = headers()
    signed["webhook-signature"] = "v1,AAAA v2,xyz " + signed["webhook-signature"]
    assert verify(SECRET, signed, BODY, NOW) == "msg_1"


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_every_header_is_needed(missing: str) -> None:
    signed = headers()
    del signed[missing]
    with pytest.raises(Unverified, match="needed"):
        verify(SECRET, signed, BODY, NOW)


@pytest.mark.parametrize("off", [-301, 301, 86_400])
def test_a_clock_more_than_five_minutes_off_is_refused(off: int) -> None:
    with pytest.raises(Unverified, match="five minutes"):
        verify(SECRET, headers(at=NOW + timedelta(seconds=off)), BODY, NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "msg_2"},
        {"webhook-timestamp": str(int(NOW.timestamp()) + 1)},
        {"webhook-timestamp": "now"},
        {"webhook-timestamp": "-1"},
        {"webhook-timestamp": "1" * 30},
        {"webhook-timestamp": "١٢٣"},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1"},
        {"webhook-signature": "\udcff"},
        {"webhook-id": "x" * 300},
        {"webhook-id": "a\nb"},
    ],
)
def test_anything_altered_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(Unverified):
        verify(SECRET, {**headers(), **change}, BODY, NOW)


def test_another_secret_or_body_is_refused() -> None:
    other = "whsec_" + "QUJD" * 8
    with pytest.raises(Unverified):
        verify(other, headers(), BODY, NOW)
    with pytest.raises(Unverified):
        verify(SECRET, headers(), BODY + b" ", NOW)
