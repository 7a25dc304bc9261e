"""`Retry-After` in both its forms, and whatever else a stranger writes there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.net.retry_after import MOST_WAIT, retry_after

NOW = datetime(2026, 11, 23, 14, 6, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("17", 17.0),
        (" 0 ", 0.0),
        ("9" * 30, MOST_WAIT),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0.0),
        (format_datetime(NOW + timedelta(days=90), usegmt=True), MOST_WAIT),
    ],
)
def test_seconds_or_a_date_and_at_most_a_day(value: str, seconds: float) -> None:
    assert retry_after({"Retry-After": value}, NOW) == seconds


FAR_OFFSET = "Mon, 01 Jan 2024 00:00:00 +99999999999999999999"


@pytest.mark.parametrize("value", ["", "soon", "-1", "1e9", "٣", "Mon, 99 Foo 2026 00:00:00 GMT", FAR_OFFSET])
def test_an_unreadable_one_asks_for_nothing(value: str) -> None:
    assert retry_after({"Retry-After": value}, NOW) is None


@settings(max_examples=100)
@given(st.text(max_size=40) | st.integers(-5, 10**12).map(str) | st.integers().map(lambda n: f"1 May 2027 8:00 +{n}"))
def test_none_makes_it_wait_for_ever(value: str) -> None:
    assert 0 <= (retry_after({"Retry-After": value}, NOW) or 0) <= MOST_WAIT
