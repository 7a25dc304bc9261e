"""Price of a text message, as it is set and as it is shown."""

from __future__ import annotations

import pytest

from alerts.settings.sms_price import sms_price


@pytest.mark.parametrize(
    ("text", "parts", "said"),
    [
        ("0.04 GBP", 30_120, "1,204.80 GBP"),
        (" 1 EUR ", 2, "2.00 EUR"),
        ("0.0385 USD", 1, "0.04 USD"),
        ("0 GBP", 9, "0.00 GBP"),
    ],
)
def test_price_of_parts(text: str, parts: int, said: str) -> None:
    assert sms_price(text).of(parts) == said


@pytest.mark.parametrize("text", ["", "0.04", "GBP 0.04", "-1 GBP", "4p", "0.04 gbp", "1e3 GBP", "NaN GBP"])
def test_what_is_no_price_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"such as 0\.04 GBP"):
        sms_price(text)
