"""Sealed values: one spelling, one purpose."""

from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st

from alerts.kernel.sealed_values import open_value, seal_value
from alerts.kernel.secret_keys import SecretKeys

KEYS = SecretKeys(b"s" * 32)


@given(st.binary(max_size=40))
def test_sealed_value_opens_in_its_only_spelling(value: bytes) -> None:
    sealed = seal_value(KEYS, "test", value)
    assert open_value(KEYS, "test", bytes, sealed) == value
    assert open_value(KEYS, "another", bytes, sealed) is None
    raw = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
    padded = base64.urlsafe_b64encode(raw).decode()
    others = {padded, base64.b64encode(raw).decode().rstrip("="), *_spare_bits(sealed)} - {sealed}
    assert not [other for other in others if open_value(KEYS, "test", bytes, other) is not None]


def _spare_bits(sealed: str) -> set[str]:
    """Spellings of the same bytes by the spare bits at the end."""
    raw = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    tried = {sealed[:-1] + letter for letter in letters}
    return {one for one in tried if base64.urlsafe_b64decode(one + "=" * (-len(one) % 4)) == raw}
