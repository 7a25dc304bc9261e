"""RULE from outside: read, refused with words, resolved."""

from __future__ import annotations

from typing import Any

import pytest
from shapely.geometry import box

from alerts.kernel.errors import Invalid
from alerts.kernel.geometry import Area
from alerts.kernel.rules import All, Rule, Touches, parse_rule, resolve_rule, rule_words, segments_of


def read(raw: Any) -> Rule:
    return parse_rule(
        raw, "audience", known_place={"camden"}, known_topic={"weather", "safety"}, known_segment={"a", "b", "c"}
    )


@pytest.mark.parametrize(
    ("raw", "field", "words"),
    [
        ({"near": 3}, "audience.near", "unknown operator 'near'; known are all, any"),
        ({}, "audience", "exactly one operator"),
        ({"all": [], "any": []}, "audience", "exactly one operator"),
        ([], "audience", "exactly one operator"),
        ({"all": {}}, "audience.all", "a list of rules"),
        ({"all": [{"topic": "x"}]}, "audience.all.0.topic", "known are safety, weather"),
        ({"not": {"place": "x"}}, "audience.not.place", "known are camden"),
        ({"segment": "x"}, "audience.segment", "known are a, b, c"),
        ({"touches": {"place": "x"}}, "audience.touches.place", "no place 'x'"),
        ({"severity_floor_at_most": "Bad"}, "audience.severity_floor_at_most", "must be one of"),
        ({"channel": ["sms"]}, "audience.channel", "must be one of email, sms"),
        ({"frequency": "hourly"}, "audience.frequency", "immediate, daily, weekly"),
        ({"language": ""}, "audience.language", "language tag"),
        ({"subscribed_before": "2026-01-01T00:00:00"}, "audience.subscribed_before", "offset"),
        ({"subscribed_before": 3}, "audience.subscribed_before", "RFC 3339"),
        ({"ids": ["x"]}, "audience.ids.0", "not a subscriber id"),
    ],
)
def test_what_is_wrong_is_said_with_its_path(raw: Any, field: str, words: str) -> None:
    with pytest.raises(Invalid) as error:
        read(raw)
    (one,) = error.value.errors
    assert one.field == field
    assert words in one.message


def test_too_deep_and_too_wide_rules_are_refused() -> None:
    deep: Any = {"all": []}
    for _ in range(40):
        deep = {"not": deep}
    for raw in (deep, {"any": [{"channel": "sms"}] * 2000}):
        with pytest.raises(Invalid, match="too large"):
            read(raw)


def test_segments_are_inlined_and_places_resolved() -> None:
    rules = {"a": read({"all": [{"segment": "b"}, {"place": "camden"}]}), "b": read({"channel": "sms"})}
    camden = Area(box(0, 0, 1, 1))
    rule = read({"not": {"segment": "a"}})
    assert segments_of(rule) == {"a"}
    resolved = resolve_rule(rule, rules.get, {"camden": camden}.get)
    assert not segments_of(resolved)
    inner = resolved.rule  # type: ignore[union-attr]
    assert isinstance(inner, All) and isinstance(inner.rules[1], Touches)
    assert inner.rules[1].area is not None and inner.rules[1].area.polygon.equals(camden.polygon)


def test_a_circle_of_segments_is_refused_with_its_way() -> None:
    rules = {"a": read({"segment": "b"}), "b": read({"any": [{"segment": "c"}]}), "c": read({"not": {"segment": "a"}})}
    with pytest.raises(Invalid, match="a → b → c → a"):
        resolve_rule(read({"segment": "a"}), rules.get, lambda _: None)
    with pytest.raises(Invalid, match="circle"):
        resolve_rule(read({"segment": "a"}), {"a": read({"segment": "a"})}.get, lambda _: None)


def test_a_segment_may_be_named_twice_without_a_circle() -> None:
    rules = {"a": read({"channel": "sms"})}
    resolve_rule(read({"all": [{"segment": "a"}, {"not": {"segment": "a"}}]}), rules.get, lambda _: None)


def test_rules_are_said_in_words() -> None:
    assert rule_words(read({"all": []})) == "everyone"
    said = rule_words(read({"any": [{"language": "pl-PL"}, {"not": {"place": "camden"}}]}))
    assert said == "(whose language is pl or not (with a place that touches camden))"
