"""Keys derived from the instance's one secret, by purpose and version.

A link's key, a delivery id's key and an address hash's key have nothing in common: one that leaks opens nothing else.
After a renewal of the secret, what was made with the previous one is still accepted while that is configured.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache

VERSION = 1
"""Version of the derivation; another one gives other keys, and old ones would have to be accepted beside them."""
_FINGERPRINT = "fingerprint"


class SecretKeys:
    """Derived keys. Immutable and safe to share; `repr` shows no secret."""

    __slots__ = ("_previous", "_secret")

    def __init__(self, secret: bytes, previous: bytes = b"") -> None:
        """`previous`: the secret before the last renewal, b"" if there is none."""
        self._secret, self._previous = secret, previous

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SecretKeys):
            return NotImplemented
        mine, theirs = (self._secret, self._previous), (other._secret, other._previous)
        return all(hmac.compare_digest(one, two) for one, two in zip(mine, theirs, strict=True))

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        return f"SecretKeys({self.fingerprint.hex()[:8]})"

    @property
    def fingerprint(self) -> bytes:
        """16 bytes that tell whether two secrets are the same, and nothing else about them."""
        return _derived(self._secret, _FINGERPRINT)[:16]

    @property
    def previous_fingerprint(self) -> bytes | None:
        """Fingerprint of the previous secret, None if there is none."""
        return _derived(self._previous, _FINGERPRINT)[:16] if self._previous else None

    def key(self, purpose: str) -> bytes:
        """Return the key (32 bytes) with which something is made for this purpose."""
        return _derived(self._secret, purpose)

    def accepted(self, purpose: str) -> tuple[bytes, ...]:
        """Return the keys by which something made for this purpose is recognised, the current one first.

        Before version 1 of the derivation the secret itself was the key: links in messages of that time still work.
        """
        return _accepted(self._secret, self._previous, purpose)

    def original(self) -> bytes:
        """Return the secret itself, for values that were made with it before the derivation and are still stored."""
        return self._secret


@lru_cache(maxsize=256)
def _derived(secret: bytes, purpose: str) -> bytes:
    """HMAC-SHA-256 as a key derivation function (NIST SP 800-108, one block in counter mode)."""
    info = b"\x00\x00\x00\x01community alerts %d\x00" % VERSION + purpose.encode() + b"\x00\x00\x00\x01\x00"
    return hmac.digest(secret, info, hashlib.sha256)


@lru_cache(maxsize=256)
def _accepted(secret: bytes, previous: bytes, purpose: str) -> tuple[bytes, ...]:
    keys = [_derived(secret, purpose), secret]
    if previous:
        keys += [_derived(previous, purpose), previous]
    return tuple(keys)
