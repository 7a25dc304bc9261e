"""Parser for the Retry-After header."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

MOST_WAIT = 24 * 3600.0
"""Upper limit in seconds; longer delays are cut to one day."""


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Delay in seconds by `Retry-After` (RFC 9110, 10.2.3: seconds or a date), at most a day; None if unreadable.

    The header is untrusted input: no value raises.
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
