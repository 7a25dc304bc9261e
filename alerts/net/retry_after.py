"""How long another side asks us to stay away."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

MOST_WAIT = 24 * 3600.0
"""Seconds; whoever asks for more is tried again after a day."""


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that `Retry-After` asks for (RFC 9110, 10.2.3: seconds or a date), at most a day; None: it says nothing.

    Strangers write this header: nothing in it raises.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value), MOST_WAIT)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):  # OverflowError: an offset of many digits
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max((at - now) / timedelta(seconds=1), 0.0), MOST_WAIT)
