"""Requests to providers of texts, and the meaning of their answers."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from alerts.channels.message import Message, SendResult
from alerts.net.safe_client import Answer
from alerts.providers.sms.gateway_api import FLAKY, GatewayApi, GatewayError
from alerts.providers.sms.http_json import HttpJson
from alerts.providers.sms.twilio import Twilio

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TEXT = Message(channel="sms", delivery="d/1+x", to="+447700900000", data="Mwg: caewch ffenestri €".encode(), sender="")
TWILIO = Twilio(
    origin="https://api.twilio.com", account="AC1", token="t:k", sender="+4477", callback="https://a.gov/hooks/twilio"
)
PLAIN = HttpJson(url="https://sms.example/send", token="tk")


def answer(status: int, body: object = None, **headers: str) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, CIMultiDict({k.replace("_", "-"): v for k, v in headers.items()}), raw)


def test_twilio_is_asked_by_its_form_with_the_reference_in_the_callback() -> None:
    url, body, headers = TWILIO.request(TEXT, NOW)
    assert url == "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json"
    assert parse_qs(body.decode(), strict_parsing=True) == {
        "To": ["+447700900000"],
        "From": ["+4477"],
        "Body": ["Mwg: caewch ffenestri €"],
        "StatusCallback": ["https://a.gov/hooks/twilio?reference=d%2F1%2Bx"],
    }
    assert b64decode(headers["Authorization"].removeprefix("Basic ")) == b"AC1:t:k"


@pytest.mark.parametrize(("left", "said"), [(300, ["300"]), (0.2, ["1"]), (-5, ["1"]), (40_000, None)])
def test_twilio_is_told_until_when_a_text_is_of_use(left: float, said: list[str] | None) -> None:
    message = Message(
        channel="sms", delivery="d", to="+44", data=b"x", sender="", expires=NOW + timedelta(seconds=left)
    )
    assert parse_qs(TWILIO.request(message, NOW).body.decode()).get("ValidityPeriod") == said


def test_a_messaging_service_stands_in_for_the_sender() -> None:
    form = Twilio(origin="https://x", account="AC1", token="t", sender="MG77", callback="https://a")
    fields = parse_qs(form.request(TEXT, NOW).body.decode())
    assert fields["MessagingServiceSid"] == ["MG77"] and "From" not in fields


def test_http_json_is_asked_as_agreed() -> None:
    url, body, headers = PLAIN.request(TEXT, NOW)
    assert url == "https://sms.example/send"
    assert json.loads(body) == {"to": "+447700900000", "text": "Mwg: caewch ffenestri €", "reference": "d/1+x"}
    assert headers["Authorization"] == "Bearer tk" and headers["Content-Type"] == "application/json"
    assert "Authorization" not in HttpJson(url="https://x", token="").request(TEXT, NOW).headers


@pytest.mark.parametrize(
    ("status", "code", "result", "retire"),
    [
        (400, 21211, "permanent", "hard-bounce"),
        (400, 21614, "permanent", "hard-bounce"),
        (400, 30006, "permanent", "hard-bounce"),
        (400, 21610, "permanent", "opt-out"),
        (400, 21617, "permanent", ""),
        (400, 99999, "permanent", ""),
    ],
)
def test_twilio_refuses_a_text(status: int, code: int, result: str, retire: str) -> None:
    handed = TWILIO.answered(TEXT, answer(status, {"code": code, "message": "To +447700900000 is wrong"}), NOW)
    assert isinstance(handed, SendResult)
    assert (handed.result, handed.retire) == (result, retire)
    assert handed.reason == f"400 To (number) is wrong (Twilio {code})"


@pytest.mark.parametrize("code", [20003, 21606, 21408, 21609])
def test_twilio_finds_our_settings_at_fault(code: int) -> None:
    found = TWILIO.answered(TEXT, answer(400, {"code": code, "message": "no"}), NOW)
    assert isinstance(found, GatewayError) and found.final


def test_twilio_took_it_or_lost_it_at_once() -> None:
    assert TWILIO.answered(TEXT, answer(201, {"sid": "SM1", "status": "queued"}), NOW) == SendResult(
        result="sent", reference="SM1"
    )
    lost = TWILIO.answered(TEXT, answer(201, {"sid": "SM1", "status": "failed", "error_code": 30006}), NOW)
    assert isinstance(lost, SendResult) and (lost.result, lost.retire) == ("permanent", "hard-bounce")


@pytest.mark.parametrize("form", [TWILIO, PLAIN])
@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (429, {"Retry_After": "7"}, GatewayError("429", rest=7.0)),
        (429, {"Retry_After": "Mon, 23 Nov 2026 12:00:30 GMT"}, GatewayError("429", rest=30.0)),
        (429, {}, GatewayError("429")),
        (503, {"Retry_After": "9"}, GatewayError("503", rest=9.0)),
        (500, {}, GatewayError("500", strikes=FLAKY)),
        (401, {}, GatewayError("401", final=True)),
        (404, {}, GatewayError("404", final=True)),
    ],
)
def test_what_a_status_means_with_every_form(
    form: GatewayApi, status: int, headers: dict[str, str], expected: GatewayError
) -> None:
    assert form.answered(TEXT, answer(status, {}, **headers), NOW) == expected


@pytest.mark.parametrize("form", [TWILIO, PLAIN])
def test_a_redirect_is_our_settings_fault(form: GatewayApi) -> None:
    found = form.answered(TEXT, answer(307, {}, Location="http://169.254.169.254/"), NOW)
    assert isinstance(found, GatewayError) and found.final and "redirect" in found.why


@pytest.mark.parametrize("id", ["m-1", 17])
def test_http_json_took_it(id: object) -> None:
    assert PLAIN.answered(TEXT, answer(202, {"id": id}), NOW) == SendResult(result="sent", reference=str(id))


@pytest.mark.parametrize(
    "body", [b"", b"<html>ok</html>", b"[]", b'{"id": null}', b'{"id": true}', b'{"id": ""}', b"{"]
)
def test_well_answered_without_an_id_is_in_doubt(body: bytes) -> None:
    for form in (TWILIO, PLAIN):
        handed = form.answered(TEXT, answer(200, body), NOW)
        assert isinstance(handed, SendResult) and handed.result == "in-doubt"


def test_other_refusals_of_http_json_are_final_with_its_words() -> None:
    handed = PLAIN.answered(TEXT, answer(422, {"detail": "no such network for 07700 900000\r\nX: y"}), NOW)
    assert handed == SendResult(result="permanent", reason="422 no such network for (number) X: y")


@settings(max_examples=100, deadline=None)
@given(st.integers(100, 599), st.binary(max_size=200), st.text(max_size=20))
def test_any_answer_means_something(status: int, body: bytes, wait: str) -> None:
    for form in (TWILIO, PLAIN):
        found = form.answered(TEXT, Answer(status, {"Retry-After": wait}, body), NOW)
        assert isinstance(found, SendResult | GatewayError)
        words = found.reason if isinstance(found, SendResult) else found.why
        assert len(words) < 400 and "\n" not in words
