"""Identifiers: time-ordered for new things, derived for things that must be recognised again.

A delivery is (notice number, contact point number); a contact point's number contains its shard in its low byte.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
from functools import lru_cache
from uuid import UUID, uuid5

import uuid_utils

from alerts.kernel.secret_keys import SecretKeys

_NAMESPACE = UUID("5f3c9f0e-6d0b-5c5e-9d0a-0c2f4b8a7e11")
SHARDS = 256
_DELIVERY = "delivery id"


def new_id() -> UUID:
    """Generate a UUIDv7 (RFC 9562). Ordered by time, so that the log's index grows at its end."""
    return UUID(int=uuid_utils.uuid7().int)


def derived_id(kind: str, *parts: str) -> UUID:
    """Derive the id of the thing named by `parts`: the same on every call; kinds never collide."""
    return uuid5(_NAMESPACE, "\x1f".join((kind, *parts)))


def shard_of(subscriber: UUID) -> int:
    """Shard of a subscriber, 0–255: the last byte of its id, which is random in a UUIDv7."""
    return subscriber.bytes[-1]


def contact_number(sequence: int, subscriber: UUID) -> int:
    """Number of the `sequence`-th contact point; its low byte is the shard of its subscriber."""
    return sequence * SHARDS + shard_of(subscriber)


def contact_shard(number: int) -> int:
    """Shard contained in a contact point's number."""
    return number & (SHARDS - 1)


def mac(secret: bytes, message: bytes) -> bytes:
    """Compute HMAC-SHA-256.

    `hmac.digest` is not used: it releases the GIL for its two microseconds, and beside a busy thread it takes
    milliseconds to reacquire it. Several MACs are computed for each outgoing message.
    """
    keyed = _keyed(secret).copy()
    keyed.update(message)
    return keyed.digest()


@lru_cache(maxsize=64)
def _keyed(secret: bytes) -> hmac.HMAC:
    return hmac.new(secret, digestmod=hashlib.sha256)


def delivery_id(keys: SecretKeys, notice: int, contact: int) -> str:
    """Public id of a delivery: both numbers with a MAC, URL- and mail-safe, lower case without padding."""
    body = struct.pack(">IQ", notice, contact)
    return base64.b32encode(body + mac(keys.key(_DELIVERY), b"delivery" + body)[:8]).decode().rstrip("=").lower()


def parse_delivery_id(keys: SecretKeys, text: str) -> tuple[int, int] | None:
    """Parse a public delivery id into (notice number, contact point number); None if the MAC is not valid."""
    try:
        raw = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except ValueError:
        return None
    if len(raw) != 20:
        return None
    body, given = raw[:12], raw[12:]
    expected = [mac(key, b"delivery" + body)[:8] for key in keys.accepted(_DELIVERY)]
    if not any(hmac.compare_digest(given, one) for one in expected):
        return None
    notice, contact = struct.unpack(">IQ", body)
    return int(notice), int(contact)
