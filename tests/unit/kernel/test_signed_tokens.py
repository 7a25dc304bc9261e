"""Signed tokens of links: each opens one page, timed ones end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.kernel import signed_tokens
from alerts.kernel.secret_keys import SecretKeys

KEYS = SecretKeys(b"s" * 32)
OTHERS = SecretKeys(b"t" * 32)


NOW = datetime(2026, 3, 12, tzinfo=UTC)


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**63 - 1), st.uuids(), st.data())
def test_a_link_opens_its_own_door_only(notice: int, contact: int, person: UUID, data: st.DataObject) -> None:
    token = signed_tokens.delivery_token(KEYS, "why", notice, contact)
    assert signed_tokens.read_delivery_token(KEYS, "why", token) == (notice, contact)
    assert signed_tokens.read_delivery_token(KEYS, "unsubscribe", token) is None
    assert signed_tokens.read_delivery_token(OTHERS, "why", token) is None
    confirm = signed_tokens.contact_token(KEYS, "confirm", person, contact)
    assert signed_tokens.read_contact_token(KEYS, "confirm", confirm) == (person, contact)
    assert signed_tokens.read_contact_token(KEYS, "preferences", confirm) is None
    at = data.draw(st.integers(0, len(token) - 1))
    other = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
    assert signed_tokens.read_delivery_token(KEYS, "why", other) is None
    assert signed_tokens.read_delivery_token(KEYS, "why", data.draw(st.text(max_size=60))) is None


def test_sign_in_link_keeps_member_version_and_expiry() -> None:
    link = signed_tokens.SignInLink(uuid4(), 3, NOW + timedelta(minutes=15, microseconds=1), b"n" * 8)
    token = signed_tokens.sign_in_token(KEYS, link)
    assert signed_tokens.read_sign_in_token(KEYS, token) == link
    assert signed_tokens.read_sign_in_token(OTHERS, token) is None


def test_a_link_has_one_spelling_so_that_once_means_once() -> None:
    token = signed_tokens.sign_in_token(KEYS, signed_tokens.SignInLink(uuid4(), 1, NOW, b"n" * 8))
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    others = {token[:-1] + letter for letter in alphabet} | {token + "=" * n for n in (1, 2)}
    assert [o for o in others if signed_tokens.read_sign_in_token(KEYS, o)] in ([token], [])
