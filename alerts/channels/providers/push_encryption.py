"""A notification's body for one browser: RFC 8291 over one record of RFC 8188.

By cryptography's own parts, since they are what costs: pywebpush takes half as long again for the same bytes
(docs/decisions/0022). The tests hold it against RFC 8291's example and against http_ece's decryption.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from alerts.vapid import from_base64url

_CURVE, _ECDH = ec.SECP256R1(), ec.ECDH()
_SALT, _AUTH, _POINT = 16, 16, 65
_RECORD = 4096
MOST = _RECORD - 16 - 1 - 86
"""Bytes of plain text: push services need take no more than 4096 in all (RFC 8030, 7.2), of which the header
takes 86, the tag 16 and the delimiter 1."""
_HEAD = _RECORD.to_bytes(4, "big") + b"\x41"
"""Record size, and the length of the key that follows (65 bytes)."""
_KEY, _NONCE = b"Content-Encoding: aes128gcm\x00\x01", b"Content-Encoding: nonce\x00\x01"


def encrypt(
    p256dh: str,
    auth: str,
    data: bytes,
    *,
    random: Callable[[int], bytes] = os.urandom,
    key: Callable[[], ec.EllipticCurvePrivateKey] | None = None,
) -> bytes:
    """The body in `aes128gcm`, for the keys (base64url) that a browser gave. `random` gives the salt and `key` the
    message's own key pair: tests know them. Raises ValueError for keys that no browser made and for data too long."""
    receiver, secret = from_base64url(p256dh), from_base64url(auth)
    if len(receiver) != _POINT or len(secret) != _AUTH:
        raise ValueError("these keys are not 65 and 16 bytes long")
    if len(data) > MOST:
        raise ValueError(f"longer than {MOST} bytes")
    own = ec.generate_private_key(_CURVE) if key is None else key()
    sender = own.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    shared = own.exchange(_ECDH, ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, receiver))
    salt = random(_SALT)
    # HKDF (RFC 5869) by hand: each of its outputs here is one block or less, so that expanding is one HMAC.
    material = _hmac(_hmac(secret, shared), b"WebPush: info\x00" + receiver + sender + b"\x01")
    seed = _hmac(salt, material)
    sealed = AESGCM(_hmac(seed, _KEY)[:16]).encrypt(_hmac(seed, _NONCE)[:12], data + b"\x02", None)
    return salt + _HEAD + sender + sealed


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")
