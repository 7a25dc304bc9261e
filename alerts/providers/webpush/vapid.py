"""VAPID key pair of this instance (RFC 8292): identifies it to the push services; browsers subscribe with it.

The pair is derived from a secret that is created on first use and stored, wrapped by the master key, in the keys
database. Two processes that create it concurrently end with the same one, and a backup of that database contains it.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SECRET_BYTES = 48
"""More than the 32 bytes of a private key, so that the reduction by the order has no bias (FIPS 186-5, A.2.1)."""
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Order of the curve P-256 (SEC 2, 2.4.2)."""
_LIFE, _RENEWED = timedelta(hours=12), timedelta(hours=1)
"""Lifetime of a signature, and the remaining time at which it is renewed: it is used for 11 hours.

The maximum is 24 hours (RFC 8292, 2).
"""
_MOST_ORIGINS = 10_000


def private_key(secret: bytes) -> ec.EllipticCurvePrivateKey:
    """Derive the P-256 key from `secret` (48 bytes)."""
    return ec.derive_private_key(int.from_bytes(secret, "big") % (_ORDER - 1) + 1, ec.SECP256R1())


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Encode the public key as an uncompressed point of 65 bytes."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def base64url(raw: bytes) -> str:
    """Encode as base64url without padding, as the Web Push standards do."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Decode base64url, with or without padding. Raises ValueError for other text."""
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64url") from None


class Vapid:
    """Signs requests to push services. `secret` returns the pair's 48 bytes on first use; blocking."""

    def __init__(self, secret: Callable[[], bytes], subject: str, *, clock: Callable[[], datetime]) -> None:
        """`subject` is the contact for push services, `mailto:` or `https:`."""
        self._secret, self._subject, self._clock = secret, subject, clock
        self._key: ec.EllipticCurvePrivateKey | None = None
        self._signed: dict[str, tuple[datetime, str]] = {}

    def load(self) -> None:
        """Load the key into memory. Raises the errors of reading its secret."""
        _ = self.key

    @property
    def key(self) -> ec.EllipticCurvePrivateKey:
        """The private key, loaded on first use."""
        if self._key is None:
            self._key = private_key(self._secret())
        return self._key

    @property
    def public(self) -> str:
        """The public key as returned by `GET /push/key` and used in browsers' `applicationServerKey`."""
        return base64url(point(self.key))

    def authorization(self, origin: str) -> str:
        """Authorization header for a push service at `origin` (scheme and host). A signature is reused for hours."""
        now = self._clock()
        until, header = self._signed.get(origin, (now, ""))
        if now + _RENEWED < until:
            return header
        from py_vapid import Vapid02

        until = now + _LIFE
        claims = {"aud": origin, "sub": self._subject, "exp": int(until.timestamp())}
        header = str(Vapid02(private_key=self.key).sign(claims)["Authorization"])
        if len(self._signed) >= _MOST_ORIGINS:
            self._signed.clear()
        self._signed[origin] = (until, header)
        return header


def verified(authorization: str, *, origin: str, public: str, now: datetime) -> bool:
    """Verify a VAPID header as a push service does: signed by `public` for this `origin`, and not expired."""
    scheme, _, rest = authorization.partition(" ")
    fields = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    head, _, signature = fields.get("t", "").rpartition(".")
    try:
        claims, raw = json.loads(from_base64url(head.partition(".")[2])), from_base64url(signature)
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), from_base64url(fields.get("k", "")))
        halves = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
        key.verify(encode_dss_signature(*halves), head.encode(), ec.ECDSA(hashes.SHA256()))
    except (ValueError, RecursionError, InvalidSignature):
        return False
    if not isinstance(claims, dict) or scheme.lower() != "vapid" or len(raw) != 64 or fields["k"].rstrip("=") != public:
        return False
    expires = claims.get("exp")
    return (
        claims.get("aud") == origin
        and isinstance(expires, int | float)
        and now.timestamp() < expires <= (now + timedelta(hours=24)).timestamp()
    )
