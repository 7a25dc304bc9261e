"""Sealed values: structs that a form or a link carries, encrypted (AES-256-GCM), so that nothing is kept on the server.

A draft holds where somebody lives and how they are reached: it must not be read in a browser's history.
"""

from __future__ import annotations

import base64
import binascii
import os
import zlib
from typing import Any, TypeVar

import msgspec

from alerts.kernel.secret_keys import SecretKeys

T = TypeVar("T")
_NONCE = 12
_LONGEST = 64_000
"""Bytes of an unpacked value."""
_encode = msgspec.msgpack.Encoder().encode


def seal_value(keys: SecretKeys, purpose: str, value: Any) -> str:
    """Seal a value for a purpose: URL-safe text, different each time."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # slow to load: only where forms are

    nonce = os.urandom(_NONCE)
    packed = zlib.compress(_encode(value), 6)
    sealed = AESGCM(keys.key(_name(purpose))).encrypt(nonce, packed, purpose.encode())
    return base64.urlsafe_b64encode(nonce + sealed).decode().rstrip("=")


def open_value(keys: SecretKeys, purpose: str, kind: type[T], text: str) -> T | None:
    """Open a sealed value; None if it was not sealed here for this purpose, or is of another shape by now."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if base64.urlsafe_b64encode(raw).decode().rstrip("=") != text:
        return None  # another spelling: what works once would work once in each
    for key in keys.accepted(_name(purpose)):
        try:
            packed = AESGCM(key).decrypt(raw[:_NONCE], raw[_NONCE:], purpose.encode())
            return msgspec.msgpack.decode(zlib.decompressobj().decompress(packed, _LONGEST), type=kind)
        except (InvalidTag, ValueError, zlib.error, msgspec.MsgspecError):
            continue
    return None


def _name(purpose: str) -> str:
    return f"sealed {purpose}"
