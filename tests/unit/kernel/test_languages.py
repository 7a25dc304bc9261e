"""Comparison of language tags and the choice among translations (RULES 20)."""

from __future__ import annotations

import pytest

from alerts.kernel.languages import choose, primary_subtag


@pytest.mark.parametrize(
    ("tag", "primary"), [("en", "en"), ("en-GB", "en"), ("CY", "cy"), ("pl_PL", "pl"), ("zh-Hant-TW", "zh")]
)
def test_the_primary_subtag_is_in_lower_case(tag: str, primary: str) -> None:
    assert primary_subtag(tag) == primary


@pytest.mark.parametrize(
    ("given", "wanted", "default", "chosen"),
    [
        (("pl", "en", "en-GB"), "en-GB", "pl", "en-GB"),
        (("pl", "en-GB", "cy"), "en-US", "pl", "en-GB"),
        (("pl", "en_GB"), "en", "pl", "en_GB"),
        (("pl", "en-GB", "cy"), "ur", "cy", "cy"),
        (("pl", "en-GB", "cy"), "ur", "en", "en-GB"),
        (("pl", "cy"), "ur", "en", "pl"),
    ],
)
def test_exact_then_primary_then_default_then_first(
    given: tuple[str, ...], wanted: str, default: str, chosen: str
) -> None:
    assert choose({tag: f"in {tag}" for tag in given}, wanted, default) == (chosen, f"in {chosen}")


def test_there_must_be_something_to_choose_from() -> None:
    with pytest.raises(StopIteration):
        choose({}, "en", "en")
