"""JSON from outside: what is malformed, what is invalid, and that every fault is named by its path."""

from __future__ import annotations

import json
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.contract.bodies import IncidentBody, NoticeBody, ServiceChangeBody, SubscriberBody
from alerts.intake import strict_json
from alerts.kernel.errors import Invalid, Malformed


def nested(levels: int) -> bytes:
    return b'{"a":' * (levels - 1) + b"{}" + b"}" * (levels - 1)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'"' + b'\\"' * 400_000 + b"[" * 40, id="a string that never ends"),
        pytest.param(b'"' + b"[" * 40 + b"\\", id="one that ends in an escape"),
        pytest.param(b"{" + b"".join(b'"%d":0,' % n for n in range(90_000)) + b'"89999":0}', id="doubled at the end"),
    ],
)
def test_a_hostile_body_is_refused_at_once(body: bytes) -> None:
    began = perf_counter()
    with pytest.raises(Malformed):
        strict_json.parse(body)
    assert perf_counter() - began < 2


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"a": 1} x', "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b'\xef\xbb\xbf{"a": 1}', "not JSON"),
        (b'{"a": 1, "a": 1}', "twice"),
        (b'{"a": {"b": 1, "c": 2, "b": 3}}', "'b' occurs twice"),
        (b'{"a": NaN}', "not a number"),
        (b'{"a": -Infinity}', "not a number"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "too long"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b'{"a": "x\\u0000"}', "U+0000"),
        (b'{"x\\u0000": 1}', "U+0000"),
        (b'{"a": "\x00"}', "not JSON"),
        (nested(33), "deeper than 32"),
        (b"[" * 100_000, "deeper than 32"),
        (b'{"a": "]]]]", "b": ' + b"[" * 32 + b"]" * 32 + b"}", "deeper than 32"),
    ],
)
def test_malformed(body: bytes, words: str) -> None:
    with pytest.raises(Malformed, match=words.replace("+", r"\+")):
        strict_json.parse(body)


@pytest.mark.parametrize(
    "body",
    [
        nested(32),
        b'{"a": "' + b"[" * 500 + b'"}',
        b'{"a": "\\"' + b"{" * 40 + b'"}',
        b'{"a": [' + b",".join([b"[]"] * 100) + b"]}",
        b'{"a": "\\ud83d\\ude00 \\u00e9"}',
        b'{"a": "\\\\u0000"}',
    ],
)
def test_well_formed(body: bytes) -> None:
    assert strict_json.parse(body) == json.loads(body)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=30,
)


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


@settings(max_examples=100)
@given(json_values, st.integers(0, 40))
def test_depth_is_what_it_is_and_nothing_else_is_lost(value: Any, wrapped: int) -> None:
    for _ in range(wrapped):
        value = [value, "}]{["]
    body = json.dumps(value).encode()
    if depth(value) > strict_json.DEPTH or "\\u0000" in body.decode():
        with pytest.raises(Malformed):
            strict_json.parse(body)
    else:
        assert strict_json.parse(body) == value


def faults(kind: type, body: str) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        strict_json.read(body.encode(), kind)
    assert not isinstance(caught.value, Malformed)
    return {fault.field: fault.message for fault in caught.value.errors}


def test_every_fault_is_named_at_once() -> None:
    found = faults(IncidentBody, '{"headline": 1, "hedline": "x", "severity": "Bad", "area": 3, "onset": "yesterday"}')
    assert set(found) == {"headline", "hedline", "severity", "area", "onset"}
    assert "headline" in found["hedline"] and "description" in found["hedline"]
    assert found["severity"] == "expected one of Extreme, Severe, Moderate, Minor, Unknown"


def test_missing_fields_are_named() -> None:
    assert faults(ServiceChangeBody, '{"kind": "closure"}') == {
        "headline": "is missing",
        "service_points": "is missing",
        "effective": "is missing",
    }


def test_paths_lead_into_lists_and_languages() -> None:
    assert set(faults(SubscriberBody, '{"places": [{}, {"lat": "x", "lng": 1}]}')) == {"places.1.lat", "places.1.lng"}
    assert set(faults(NoticeBody, '{"kind": "alert", "content": {"cy": {"titel": "x"}}}')) == {
        "content.cy.titel",
        "content.cy.title",
    }
    assert set(faults(SubscriberBody, '{"quiet_hours": {"from": 22, "to": "07:00"}}')) == {"quiet_hours.from"}


@pytest.mark.parametrize("body", ["[]", '"x"', "3", "null", "true"])
def test_a_body_is_an_object(body: str) -> None:
    assert set(faults(IncidentBody, body)) == {""}


def test_a_time_without_offset_is_refused_wherever_it_stands() -> None:
    assert set(faults(IncidentBody, '{"headline": "x", "onset": "2026-03-12T09:30:00"}')) == {"onset"}
    consent = '{"consent": {"wording": "w", "how": "h", "given_at": "2026-03-12T09:30:00"}}'
    assert set(faults(SubscriberBody, consent)) == {"consent.given_at"}
    assert "year" in faults(IncidentBody, '{"headline": "x", "onset": "9999-12-31T23:59:59-12:00"}')["onset"]
    assert "year" in faults(IncidentBody, '{"headline": "x", "onset": "0001-01-01T00:00:00+12:00"}')["onset"]
    good = strict_json.read(b'{"headline": "x", "onset": "2026-03-12T09:30:00+01:00"}', IncidentBody)
    assert good.onset is not None and good.onset.utcoffset() is not None


def test_wrong_types_are_not_coerced() -> None:
    assert set(faults(SubscriberBody, '{"tester": "true", "email": 3, "danger_to_life": 1}')) == {
        "tester",
        "email",
        "danger_to_life",
    }
