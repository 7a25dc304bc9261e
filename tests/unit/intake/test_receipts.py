"""Twilio's signature and forms, the body of http+json providers, and which texts are words of ours."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.domain.delivery_receipt import TextsState, is_older, join_request, state_after, word_of
from alerts.intake import receipts, twilio_receipts
from alerts.intake.receipts import Receipt, TextIn
from alerts.kernel.errors import Invalid, Malformed
from alerts.kernel.terms import DELIVERY_STATES, DeliveryState
from alerts.net.standard_webhooks import Unverified

URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
FIELDS = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
    ("Caller", "+14158675309"),
]
PUBLISHED = "RSOYDt4T1cUTdK1PDd93/VVr8B8="
"""For the auth token 12345: from the tests of Twilio's own library (twilio-python, test_request_validator.py)."""


def test_the_signature_that_twilio_publishes() -> None:
    assert twilio_receipts.sign("12345", URL, FIELDS) == PUBLISHED
    twilio_receipts.verify(["another", "12345"], URL, FIELDS, PUBLISHED)


@pytest.mark.parametrize(
    ("url", "signed_url"),
    [
        ("https://mycompany.com/x", "https://mycompany.com:443/x"),
        ("https://mycompany.com:443/x", "https://mycompany.com/x"),
        ("http://mycompany.com/x", "http://mycompany.com:80/x"),
        ("https://mycompany.com:8443/x", "https://mycompany.com:8443/x"),
    ],
)
def test_the_schemes_own_port_may_be_said_or_not(url: str, signed_url: str) -> None:
    twilio_receipts.verify(["12345"], url, FIELDS, twilio_receipts.sign("12345", signed_url, FIELDS))


@pytest.mark.parametrize("signature", ["", "AAAA", PUBLISHED.lower(), "ü" * 28, PUBLISHED + " "])
def test_a_forged_signature(signature: str) -> None:
    with pytest.raises(Unverified):
        twilio_receipts.verify(["12345"], URL, FIELDS, signature)


def test_what_was_altered_is_not_signed() -> None:
    for url, fields in ((URL + "0", FIELDS), (URL, [*FIELDS[:-1], ("Caller", "+1")]), (URL, FIELDS[:-1])):
        with pytest.raises(Unverified):
            twilio_receipts.verify(["12345"], url, fields, PUBLISHED)


@pytest.mark.parametrize("body", [b"\xff=1", b"a=%00", b"nonsense", b"&&", b"a=%ff"])
def test_what_is_no_form(body: bytes) -> None:
    with pytest.raises(Malformed):
        twilio_receipts.fields_of(body)


@settings(max_examples=100)
@given(st.binary(max_size=60))
def test_any_body_is_a_form_or_refused(body: bytes) -> None:
    try:
        fields = twilio_receipts.fields_of(body)
    except Malformed:
        return
    try:
        twilio_receipts.parse(fields, {"reference": "r"})
    except Invalid:
        pass


@pytest.mark.parametrize(
    ("status", "code", "found"),
    [
        ("delivered", "", ("delivered", "", "")),
        ("read", "", ("delivered", "", "")),
        ("undelivered", "30003", ("failed", "undelivered: error 30003", "")),
        ("undelivered", "30005", ("failed", "undelivered: error 30005", "hard-bounce")),
        ("failed", "21610", ("failed", "failed: error 21610", "opt-out")),
        ("failed", "", ("failed", "failed", "")),
        ("failed", "٣", ("failed", "failed: error ٣", "")),
    ],
)
def test_a_status_callback(status: str, code: str, found: tuple[str, str, str]) -> None:
    fields = [("MessageSid", "SM1"), ("MessageStatus", status), ("ErrorCode", code)]
    report = twilio_receipts.parse(fields, {"reference": "abc"})
    assert isinstance(report, Receipt)
    assert (report.status, report.reason, report.retire) == found
    assert (report.reference, report.external_id) == ("abc", "SM1")


def test_steps_on_the_way_say_nothing_and_unknown_ones_are_refused() -> None:
    for status in ("queued", "sending", "sent"):
        assert twilio_receipts.parse([("MessageStatus", status)], {"reference": "abc"}) is None
    for fields in ([("MessageStatus", "teleported")], []):
        with pytest.raises(Invalid):
            twilio_receipts.parse(fields, {"reference": "abc"})
    with pytest.raises(Invalid):
        twilio_receipts.parse([("MessageStatus", "delivered")], {})


def test_a_text_that_came_in() -> None:
    fields = [("MessageSid", "SM2"), ("From", "+447700900123"), ("Body", " Stop. "), ("SmsStatus", "received")]
    assert twilio_receipts.parse(fields, {}) == TextIn("+447700900123", "stop", None, "SM2")
    handled = twilio_receipts.parse([*fields, ("OptOutType", "HELP")], {})
    assert isinstance(handled, TextIn) and handled.word == "other"  # Twilio has answered it


def test_the_body_of_http_json() -> None:
    receipt = receipts.parse(b'{"reference": "abc", "status": "failed", "reason": "no such number"}', "msg_1")
    assert receipt == Receipt("abc", "failed", "no such number", None, "msg_1")
    text = receipts.parse(b'{"from": "+44 7700 900-123", "text": "start", "at": "2026-03-12T09:30:00+00:00"}', "msg_2")
    assert text == TextIn("+44 7700 900-123", "start", datetime(2026, 3, 12, 9, 30, tzinfo=UTC), "msg_2")


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{}",
        b'{"reference": "abc"}',
        b'{"reference": "abc", "status": "lost"}',
        b'{"reference": "abc", "status": "failed", "at": "2026-03-12T09:30:00"}',
        b'{"reference": "abc", "status": "failed", "colour": "red"}',
        b'{"from": "+447700900123"}',
        b'{"from": 5, "text": "stop"}',
    ],
)
def test_bodies_that_are_understood_but_wrong(body: bytes) -> None:
    with pytest.raises(Invalid):
        receipts.parse(body, "msg_1")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("STOP", "stop"), ("stop", "stop"), (" Stop! ", "stop"), ("“STOP”", "stop"), ("STOPALL", "stop"),
        ("Stop all.", "stop"), ("unsubscribe", "stop"), ("Cancel", "stop"), ("END", "stop"), ("quit", "stop"),
        ("ATAL", "stop"), ("Stopio", "stop"), ("koniec", "stop"), ("REZYGNUJĘ", "stop"), ("rezygnuje", "stop"),
        ("بند کریں", "stop"), ("إيقاف", "stop"), ("ايقاف", "stop"), ("إلغاء الاشتراك", "stop"),
        ("START", "start"), ("unstop", "start"), ("Yes", "start"), ("Tak", "start"), ("WZNÓW", "start"),
        ("جی ہاں", "start"), ("ابدأ", "start"), ("cychwyn", "start"),
        ("HELP", "help"), ("info?", "help"), ("pomoc", "help"), ("مدد", "help"), ("مساعدة", "help"),
        ("Cymorth", "help"), ("", "other"), ("…", "other"), ("please stop the noise", "other"), ("stop it", "other"),
        ("STOP HELP", "other"), ("no", "other"), ("stopp", "other"), ("help me stop", "other"),
        ("yes, stop", "other"), ("x" * 5000, "other"),
    ],
)  # fmt: skip
def test_a_word_of_ours_stands_alone(text: str, word: str) -> None:
    assert word_of(text) == word


@settings(max_examples=100)
@given(st.text(max_size=60))
def test_any_text_is_read(text: str) -> None:
    assert word_of(text) in ("stop", "start", "help", "other")
    assert word_of(f"I said {text} yesterday and again today") == "other"


REPORTS = st.lists(st.sampled_from(("delivered", "failed")), min_size=1, max_size=5)


@settings(max_examples=100)
@given(st.sampled_from(DELIVERY_STATES), REPORTS)
def test_the_order_of_receipts_does_not_matter(was: DeliveryState, reports: list[receipts.ReceiptStatus]) -> None:
    ends: set[DeliveryState] = set()
    for order in (reports, reports[::-1], sorted(reports), sorted(reports, reverse=True)):
        state = was
        for status in order:
            state = state_after(state, status)
        ends.add(state)
    assert len(ends) == 1
    assert (ends.pop() == "delivered") == ("delivered" in reports or was == "delivered")


def test_the_latest_wish_stands() -> None:
    at = datetime(2026, 3, 12, 9, 30, tzinfo=UTC)
    assert not is_older(None, at)
    assert not is_older(TextsState(version=1, wished_at=at), at)
    assert is_older(TextsState(version=1, wished_at=at.replace(minute=31)), at)


@pytest.mark.parametrize(
    ("text", "place", "language"),
    [
        ("JOIN SE5 4NN", "SE5 4NN", ""),
        (" join  se5 4nn. ", "se5 4nn", ""),
        ("Ymuno SE5 4NN", "SE5 4NN", "cy"),
        ("dołącz SE5 4NN", "SE5 4NN", "pl"),
        ("شامل SE5 4NN", "SE5 4NN", "ur"),
        ("إنضم SE5 4NN", "SE5 4NN", "ar"),
    ],
)
def test_join_is_read_in_each_language(text: str, place: str, language: str) -> None:
    found = join_request(text)
    assert found is not None and (found.place, found.language) == (place, language)


@pytest.mark.parametrize("text", ["JOIN", "join us", "please JOIN SE5", "STOP", "", "JOIN " + "x" * 200])
def test_other_texts_do_not_join(text: str) -> None:
    assert join_request(text) is None or text == "join us"
