"""Decryption of personal fields that the log and the directory store sealed."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol
from uuid import UUID

import msgspec

from subscribers.domain.events import Consent, Preferences


class Unsealer(Protocol):
    """Key vault, as a reader sees it."""

    def unseal(self, subject: UUID, sealed: bytes) -> bytes | None:
        """Return the plaintext, None once the subject's key is destroyed."""

    def prefetch(self, subjects: Collection[UUID]) -> None:
        """Load the keys of many subjects at once, so that `unseal` finds them in memory."""


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """Personal fields that any subscriber event may carry; absent and erased ones are None."""

    addresses: dict[int, str] | None = None
    address: str | None = None
    preferences: Preferences | None = None
    consent: Consent | None = None


NOTHING = Opened()
_DECODER = msgspec.msgpack.Decoder(Opened)


def opened(vault: Unsealer, subject: UUID, sealed: bytes | None) -> Opened:
    """Unseal one event's personal fields. Raises `msgspec.ValidationError` if they are malformed."""
    if sealed is None:
        return NOTHING
    plain = vault.unseal(subject, bytes(sealed))
    return NOTHING if plain is None else _DECODER.decode(plain)
