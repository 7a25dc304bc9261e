"""Confirmation codes of text messages: six digits, good for 15 minutes. Pure and stateless.

A code is a MAC of the contact point and the minute in which it was sent. That three tries are the most is counted by
the command that takes them.
"""

from __future__ import annotations

import hmac
from datetime import datetime

from alerts.kernel.ids import mac
from alerts.kernel.secret_keys import SecretKeys

MINUTES = 15
TRIES = 3
_PURPOSE = "confirmation code"


def confirmation_code(keys: SecretKeys, contact: int, at: datetime) -> str:
    """Code of a contact point for a message that leaves at this time."""
    return _code(keys.key(_PURPOSE), contact, _minute(at))


def is_confirmation_code(keys: SecretKeys, contact: int, given: str, now: datetime) -> bool:
    """True if this code was sent to this contact point in the last 15 minutes."""
    digits = "".join(str(int(c)) for c in given if c.isdecimal())
    minutes = range(_minute(now) - MINUTES, _minute(now) + 1)
    right = [
        hmac.compare_digest(digits, _code(key, contact, minute))
        for key in keys.accepted(_PURPOSE)
        for minute in minutes
    ]
    return any(right)


def _minute(at: datetime) -> int:
    return int(at.timestamp()) // 60


def _code(key: bytes, contact: int, minute: int) -> str:
    made = mac(key, b"code\x00" + contact.to_bytes(8, "big") + minute.to_bytes(8, "big"))
    return f"{int.from_bytes(made[:8], 'big') % 1_000_000:06d}"
