"""Signed tokens for links: why, unsubscribe, confirm, preferences, sign-in. Pure and stateless.

A token is `base64url(payload ‖ first 16 bytes of HMAC-SHA-256(secret, purpose ‖ payload))`: the purpose is
authenticated, so that a link for one purpose never works for another, and it cannot be guessed or altered. Anyone with
a message has its links (RULES, "Identity"): they stop and explain, and show no address.
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
    """Create a token with `payload` for `purpose`: URL-safe, without padding."""
    return base64.urlsafe_b64encode(payload + _mac(secret, purpose, payload)).decode().rstrip("=")


def unseal(secret: bytes, purpose: Purpose, token: str) -> bytes | None:
    """Verify a token and return its payload; None if it was not made by this secret for this purpose."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    payload, given = raw[:-_MAC], raw[-_MAC:]
    if not hmac.compare_digest(given, _mac(secret, purpose, payload)):
        return None
    # Base64 has spare bits at its end. Without this check a token would have several spellings, and a single-use link
    # as many uses.
    return payload if seal(secret, purpose, payload) == token else None


def delivery_token(secret: bytes, purpose: Literal["why", "unsubscribe"], notice: int, contact: int) -> str:
    """Create the token for the links of one message: `notice` and `contact` are the delivery's two numbers."""
    return seal(secret, purpose, _DELIVERY.pack(notice, contact))


def read_delivery_token(secret: bytes, purpose: Literal["why", "unsubscribe"], token: str) -> tuple[int, int] | None:
    """Verify a delivery token and return (notice number, contact point number), or None."""
    payload = unseal(secret, purpose, token)
    if payload is None or len(payload) != _DELIVERY.size:
        return None
    notice, contact = _DELIVERY.unpack(payload)
    return int(notice), int(contact)


def contact_token(secret: bytes, purpose: Literal["confirm", "preferences"], subscriber: UUID, contact: int) -> str:
    """Create the token for links about one contact point of one subscriber."""
    return seal(secret, purpose, _CONTACT.pack(subscriber.bytes, contact))


def read_contact_token(
    secret: bytes, purpose: Literal["confirm", "preferences"], token: str
) -> tuple[UUID, int] | None:
    """Verify a contact token and return (subscriber, contact point number), or None."""
    payload = unseal(secret, purpose, token)
    if payload is None or len(payload) != _CONTACT.size:
        return None
    subscriber, contact = _CONTACT.unpack(payload)
    return UUID(bytes=subscriber), int(contact)


def timed_token(
    secret: bytes, purpose: Literal["sign-in", "session"], subject: UUID, now: datetime, life: timedelta
) -> str:
    """Create a token for `subject` (a team member) that expires `life` after `now`."""
    return seal(secret, purpose, _TIMED.pack(subject.bytes, int((now + life).timestamp())))


def read_timed_token(secret: bytes, purpose: Literal["sign-in", "session"], token: str, now: datetime) -> UUID | None:
    """Verify a timed token and return its subject; None if the token is not valid or has expired."""
    payload = unseal(secret, purpose, token)
    if payload is None or len(payload) != _TIMED.size:
        return None
    subject, ends = _TIMED.unpack(payload)
    return UUID(bytes=subject) if now.timestamp() < ends else None


def _mac(secret: bytes, purpose: str, payload: bytes) -> bytes:
    return mac(secret, b"link\x00" + purpose.encode() + b"\x00" + payload)[:_MAC]
