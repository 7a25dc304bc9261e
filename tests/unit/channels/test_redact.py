"""Redaction of a mail server's words (P12): the reason is kept, never whose address it was about."""

from __future__ import annotations

import pytest

from alerts.channels.redact import without_address, without_numbers


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


@pytest.mark.parametrize(
    ("words", "redacted"),
    [
        ("552 5.2.2 552 mailbox full", "552 5.2.2 552 mailbox full"),
        ("5.2.2 552 5.2.2 over quota", "5.2.2 552 5.2.2 over quota"),
        ("smtp; 550-5.1.1 550 5.1.1 no such user", "smtp; 550-5.1.1 550 5.1.1 no such user"),
        ("550 447700900123 unknown", "550 (number) unknown"),
        ("550 5.1.1 +44 (0)7700 900123 unknown", "550 5.1.1 (number) unknown"),
        ("call 020 7946 0000 5.1.1", "call (number) 5.1.1"),
        ("+44 207 946 0000", "(number)"),
        ("+44.550.5.1.1.900123", "(number)"),
        ("error 30003", "error 30003"),
    ],
)
def test_numbers_go_and_codes_stay(words: str, redacted: str) -> None:
    assert without_numbers(words) == redacted
