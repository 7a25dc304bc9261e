"""Derived keys: one for each purpose, and the ones before a renewal accepted."""

from __future__ import annotations

from alerts.kernel.ids import delivery_id, parse_delivery_id
from alerts.kernel.secret_keys import SecretKeys
from alerts.kernel.signed_tokens import delivery_token, read_delivery_token

OLD, NEW = SecretKeys(b"o" * 32), SecretKeys(b"n" * 32, previous=b"o" * 32)


def test_each_purpose_has_its_own_key() -> None:
    keys = {OLD.key(purpose) for purpose in ("delivery id", "link why", "link confirm", "console session")}
    assert len(keys) == 4 and all(len(key) == 32 for key in keys) and b"o" * 32 not in keys


def test_what_was_made_before_a_renewal_still_works() -> None:
    link, id = delivery_token(OLD, "why", 7, 513), delivery_id(OLD, 7, 513)
    assert read_delivery_token(NEW, "why", link) == parse_delivery_id(NEW, id) == (7, 513)
    assert read_delivery_token(NEW, "unsubscribe", link) is None
    assert delivery_token(NEW, "why", 7, 513) != link
    later = SecretKeys(b"n" * 32)
    assert read_delivery_token(later, "why", link) is None and parse_delivery_id(later, id) is None


def test_nothing_shows_the_secret() -> None:
    assert "ooo" not in repr(OLD) and OLD.fingerprint not in (b"o" * 16, OLD.key("delivery id")[:16])
    assert OLD == SecretKeys(b"o" * 32) != NEW
