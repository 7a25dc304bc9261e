"""Identities: time-ordered for what is new, derived for what must be recognised again.

A delivery is (notice number, contact point number); a contact point's number carries its shard in its low byte.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
from functools import lru_cache
from uuid import UUID, uuid5

import uuid_utils

_NAMESPACE = UUID("5f3c9f0e-6d0b-5c5e-9d0a-0c2f4b8a7e11")
SHARDS = 256


def new_id() -> UUID:
    """A fresh UUIDv7 (RFC 9562): ordered by time, so that the log's index grows at its end."""
    return UUID(int=uuid_utils.uuid7().int)


def derived_id(kind: str, *parts: str) -> UUID:
    """The id of the thing that `parts` name, the same on every call; kinds never collide."""
    return uuid5(_NAMESPACE, "\x1f".join((kind, *parts)))


def shard_of(subscriber: UUID) -> int:
    """The shard of a subscriber, 0–255: the last byte of its id, which is random in a UUIDv7."""
    return subscriber.bytes[-1]


def contact_number(sequence: int, subscriber: UUID) -> int:
    """The number of the `sequence`-th contact point: its low byte is the shard of its subscriber."""
    return sequence * SHARDS + shard_of(subscriber)


def contact_shard(number: int) -> int:
    """The shard that a contact point's number carries."""
    return number & (SHARDS - 1)


def mac(secret: bytes, message: bytes) -> bytes:
    """HMAC-SHA-256.

    Not by `hmac.digest`: that lets go of the interpreter for its two microseconds, and beside a busy thread it takes
    milliseconds to get it back. Several are computed for each message that leaves.
    """
    keyed = _keyed(secret).copy()
    keyed.update(message)
    return keyed.digest()


@lru_cache(maxsize=16)
def _keyed(secret: bytes) -> hmac.HMAC:
    return hmac.new(secret, digestmod=hashlib.sha256)


def delivery_id(secret: bytes, notice: int, contact: int) -> str:
    """The public id of a delivery: the pair with a MAC, URL- and mail-safe, lower case without padding."""
    body = struct.pack(">IQ", notice, contact)
    return base64.b32encode(body + mac(secret, b"delivery" + body)[:8]).decode().rstrip("=").lower()


def parse_delivery_id(secret: bytes, text: str) -> tuple[int, int] | None:
    """(notice number, contact point number), or None if it is not one of ours."""
    try:
        raw = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except ValueError:
        return None
    if len(raw) != 20:
        return None
    body, given = raw[:12], raw[12:]
    if not hmac.compare_digest(given, mac(secret, b"delivery" + body)[:8]):
        return None
    notice, contact = struct.unpack(">IQ", body)
    return int(notice), int(contact)
