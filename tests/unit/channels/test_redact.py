"""What of a mail server's words is kept (P12): the reason, never whose address it was about."""

from __future__ import annotations

import pytest

from alerts.channels.redact import without_address


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("<Kanari@Zeisig.example>: Recipient address rejected", "<(address)>: Recipient address rejected"),
        ("kanari... User unknown", "(address)... User unknown"),
        ("KANARI@ZEISIG.EXAMPLE over quota", "(address) over quota"),
        ("bounce+kanari=zeisig.example@list.example refused", "(address) refused"),
        ("kanari=zeisig.example refused", "(address)=(host) refused"),
        ("no route to mx1.zeisig.example.", "no route to (host)."),
        ("Ok: queued as 42", "Ok: queued as 42"),
        ("kanarienvogel is another word", "kanarienvogel is another word"),
    ],
)
def test_the_address_and_its_parts_are_withheld(words: str, kept: str) -> None:
    assert without_address(words, "kanari@zeisig.example") == kept


def test_a_tagged_address_and_a_domain_of_other_letters() -> None:
    words = "kanari: no such user at xn--stra-epa.example"
    assert without_address(words, "kanari+alerts@stra\xe9.example") == "(address): no such user at (host)"


def test_what_is_no_address_changes_nothing() -> None:
    assert without_address("a b", "+442079460007") == "a b"
