"""Signed tokens for links: why, unsubscribe, confirm, preferences, sign-in. Pure and stateless.

A token is `base64url(payload ‖ first 16 bytes of HMAC-SHA-256(key of the purpose, purpose ‖ payload))`: the purpose is
authenticated, so that a link for one purpose never works for another, and it cannot be guessed or altered. Anyone with
a message has its links (RULES, "Identity"): they stop and explain, and show no address.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import struct
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from alerts.kernel.ids import mac
from alerts.kernel.secret_keys import SecretKeys
from alerts.kernel.times import from_micros, micros

Purpose = Literal["why", "unsubscribe", "preferences", "confirm", "sign-in", "fresh", "device", "team-device"]
_MAC = 16
_PURPOSE = "link "
_DELIVERY = struct.Struct(">IQ")
_CONTACT = struct.Struct(">16sQ")
_TEAM_DEVICE = struct.Struct(">16s16s")
_FRESH = struct.Struct(">16sQQ")
_SIGN_IN = struct.Struct(">16sIQ8s")


def seal(keys: SecretKeys, purpose: Purpose, payload: bytes) -> str:
    """Create a token with `payload` for `purpose`: URL-safe, without padding."""
    return base64.urlsafe_b64encode(payload + _mac(keys.key(_PURPOSE + purpose), purpose, payload)).decode().rstrip("=")


def unseal(keys: SecretKeys, purpose: Purpose, token: str) -> bytes | None:
    """Verify a token and return its payload; None if it was not made here for this purpose."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    payload, given = raw[:-_MAC], raw[-_MAC:]
    accepted = [_mac(key, purpose, payload) for key in keys.accepted(_PURPOSE + purpose)]
    if not any(hmac.compare_digest(given, expected) for expected in accepted):
        return None
    # Base64 has spare bits at its end. Without this check a token would have several spellings, and a single-use link
    # as many uses.
    return payload if base64.urlsafe_b64encode(raw).decode().rstrip("=") == token else None


def delivery_token(keys: SecretKeys, purpose: Literal["why", "unsubscribe"], notice: int, contact: int) -> str:
    """Create the token for the links of one message: `notice` and `contact` are the delivery's two numbers."""
    return seal(keys, purpose, _DELIVERY.pack(notice, contact))


def read_delivery_token(keys: SecretKeys, purpose: Literal["why", "unsubscribe"], token: str) -> tuple[int, int] | None:
    """Verify a delivery token and return (notice number, contact point number), or None."""
    payload = unseal(keys, purpose, token)
    if payload is None or len(payload) != _DELIVERY.size:
        return None
    notice, contact = _DELIVERY.unpack(payload)
    return int(notice), int(contact)


def contact_token(
    keys: SecretKeys, purpose: Literal["confirm", "preferences", "device"], subscriber: UUID, contact: int
) -> str:
    """Create the token for links about one contact point of one subscriber."""
    return seal(keys, purpose, _CONTACT.pack(subscriber.bytes, contact))


def read_contact_token(
    keys: SecretKeys, purpose: Literal["confirm", "preferences", "device"], token: str
) -> tuple[UUID, int] | None:
    """Verify a contact token and return (subscriber, contact point number), or None."""
    payload = unseal(keys, purpose, token)
    if payload is None or len(payload) != _CONTACT.size:
        return None
    subscriber, contact = _CONTACT.unpack(payload)
    return UUID(bytes=subscriber), int(contact)


def team_device_token(keys: SecretKeys, member: UUID, device: UUID) -> str:
    """Create the token by which a member's browser renews itself; `device`: the id that it was added by."""
    return seal(keys, "team-device", _TEAM_DEVICE.pack(member.bytes, device.bytes))


def read_team_device_token(keys: SecretKeys, token: str) -> tuple[UUID, UUID] | None:
    """Verify a browser's token and return (member, id that it was added by), or None."""
    payload = unseal(keys, "team-device", token)
    if payload is None or len(payload) != _TEAM_DEVICE.size:
        return None
    member, device = _TEAM_DEVICE.unpack(payload)
    return UUID(bytes=member), UUID(bytes=device)


class FreshLink(NamedTuple):
    """Content of a fresh link: the contact point it was sent to, and until when it is good."""

    subscriber: UUID
    contact: int
    expires: datetime


def fresh_link_token(keys: SecretKeys, link: FreshLink) -> str:
    """Create the token of a fresh link; its expiry is kept to the microsecond."""
    return seal(keys, "fresh", _FRESH.pack(link.subscriber.bytes, link.contact, micros(link.expires)))


def read_fresh_link(keys: SecretKeys, token: str) -> FreshLink | None:
    """Verify the token of a fresh link and return its content, expired or not; None if it was not made here."""
    payload = unseal(keys, "fresh", token)
    if payload is None or len(payload) != _FRESH.size:
        return None
    subscriber, contact, expires = _FRESH.unpack(payload)
    return FreshLink(UUID(bytes=subscriber), int(contact), from_micros(expires))


class SignInLink(NamedTuple):
    """Content of a sign-in link."""

    member: UUID
    version: int
    """Version of the member's record when the link was made: any change of it voids the link."""
    expires: datetime
    nonce: bytes
    """Eight random bytes: two links of one second are two links."""


def sign_in_token(keys: SecretKeys, link: SignInLink) -> str:
    """Create the token of a console sign-in link; its expiry is kept to the microsecond."""
    payload = _SIGN_IN.pack(link.member.bytes, link.version, micros(link.expires), link.nonce)
    return seal(keys, "sign-in", payload)


def read_sign_in_token(keys: SecretKeys, token: str) -> SignInLink | None:
    """Verify a sign-in token and return its content, expired or not; None if it was not made here."""
    payload = unseal(keys, "sign-in", token)
    if payload is None or len(payload) != _SIGN_IN.size:
        return None
    member, version, expires, nonce = _SIGN_IN.unpack(payload)
    return SignInLink(UUID(bytes=member), version, from_micros(expires), nonce)


def _mac(key: bytes, purpose: str, payload: bytes) -> bytes:
    return mac(key, b"link\x00" + purpose.encode() + b"\x00" + payload)[:_MAC]
