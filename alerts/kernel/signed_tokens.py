"""Links that carry their own right: why, unsubscribe, confirm, preferences, sign-in. Pure; no state is kept for them.

A token is `base64url(payload ‖ first 16 bytes of HMAC-SHA-256(secret, purpose ‖ payload))`: it says what it is for, so
that a link for one purpose never opens another, and it cannot be guessed or altered. Whoever holds a message holds its
links (RULES, "Identity"): they stop and explain, they show no address.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import struct
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from alerts.kernel.ids import mac

Purpose = Literal["why", "unsubscribe", "preferences", "confirm", "sign-in", "session"]
_MAC = 16
_DELIVERY = struct.Struct(">IQ")
_CONTACT = struct.Struct(">16sQ")
_TIMED = struct.Struct(">16sQ")


def seal(secret: bytes, purpose: Purpose, payload: bytes) -> str:
    """A token that carries `payload` for `purpose`: URL-safe, without padding."""
    return base64.urlsafe_b64encode(payload + _mac(secret, purpose, payload)).decode().rstrip("=")


def unseal(secret: bytes, purpose: Purpose, token: str) -> bytes | None:
    """The payload, or None if the token is not one of ours for this purpose."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    payload, given = raw[:-_MAC], raw[-_MAC:]
    if not hmac.compare_digest(given, _mac(secret, purpose, payload)):
        return None
    # Base64 has spare bits at its end: one token would have many spellings, and a link that works once as many uses.
    return payload if seal(secret, purpose, payload) == token else None


def delivery_token(secret: bytes, purpose: Literal["why", "unsubscribe"], notice: int, contact: int) -> str:
    """For the links of one message: `notice` and `contact` are the delivery's two numbers."""
    return seal(secret, purpose, _DELIVERY.pack(notice, contact))


def read_delivery_token(secret: bytes, purpose: Literal["why", "unsubscribe"], token: str) -> tuple[int, int] | None:
    """(notice number, contact point number), or None."""
    payload = unseal(secret, purpose, token)
    if payload is None or len(payload) != _DELIVERY.size:
        return None
    notice, contact = _DELIVERY.unpack(payload)
    return int(notice), int(contact)


def contact_token(secret: bytes, purpose: Literal["confirm", "preferences"], subscriber: UUID, contact: int) -> str:
    """For the links that concern one contact point of one subscriber."""
    return seal(secret, purpose, _CONTACT.pack(subscriber.bytes, contact))


def read_contact_token(
    secret: bytes, purpose: Literal["confirm", "preferences"], token: str
) -> tuple[UUID, int] | None:
    """(subscriber, contact point number), or None."""
    payload = unseal(secret, purpose, token)
    if payload is None or len(payload) != _CONTACT.size:
        return None
    subscriber, contact = _CONTACT.unpack(payload)
    return UUID(bytes=subscriber), int(contact)


def timed_token(
    secret: bytes, purpose: Literal["sign-in", "session"], subject: UUID, now: datetime, life: timedelta
) -> str:
    """A token for `subject` (a team member) that ends `life` after `now`."""
    return seal(secret, purpose, _TIMED.pack(subject.bytes, int((now + life).timestamp())))


def read_timed_token(secret: bytes, purpose: Literal["sign-in", "session"], token: str, now: datetime) -> UUID | None:
    """The subject, or None if the token is not ours or its time is over."""
    payload = unseal(secret, purpose, token)
    if payload is None or len(payload) != _TIMED.size:
        return None
    subject, ends = _TIMED.unpack(payload)
    return UUID(bytes=subject) if now.timestamp() < ends else None


def _mac(secret: bytes, purpose: str, payload: bytes) -> bytes:
    return mac(secret, b"link\x00" + purpose.encode() + b"\x00" + payload)[:_MAC]
