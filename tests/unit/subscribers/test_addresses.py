"""Addresses: checked, and found by a keyed hash."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from subscribers.addresses import Addresses, email


@given(st.emails())
def test_the_fast_path_takes_nothing_that_the_library_refuses(text: str) -> None:
    from alerts.kernel.errors import Invalid
    from subscribers import addresses

    if addresses._PLAIN_EMAIL.fullmatch(text) and len(text) <= 254 and text.find("@") <= 64:
        try:
            checked = addresses._checked_email(text, "email")
        except Invalid as error:
            raise AssertionError(f"{text!r} is refused by the library: {error}") from error
        assert checked == email(text)


def test_addresses_are_found_by_a_keyed_hash_whatever_their_case() -> None:
    one, two = Addresses(b"a" * 32), Addresses(b"b" * 32)
    assert one.keyed_hash("email", "Ann@Example.org") == one.keyed_hash("email", "ann@example.org")
    assert one.keyed_hash("email", "ann@example.org") != one.keyed_hash("member", "ann@example.org")
    assert one.keyed_hash("email", "ann@example.org") != two.keyed_hash("email", "ann@example.org")
