"""Price of one text message, for the forecast beside a draft."""

from __future__ import annotations

import re
from decimal import Decimal

import msgspec


class SmsPrice(msgspec.Struct, frozen=True):
    """Price of one part of a text message."""

    amount: Decimal
    currency: str
    """ISO 4217, such as GBP."""

    def of(self, parts: int) -> str:
        """Return what so many parts cost: `1,204.80 GBP`."""
        return f"{self.amount * parts:,.2f} {self.currency}"


def sms_price(text: str) -> SmsPrice:
    """Parse `0.04 GBP`. Raises ValueError."""
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)\s+([A-Z]{3})", text.strip())
    if found is None:
        raise ValueError("expected an amount and a currency, such as 0.04 GBP")
    return SmsPrice(Decimal(found[1]), found[2])
