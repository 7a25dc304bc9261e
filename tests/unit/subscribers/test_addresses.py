"""Normal forms of telephone numbers and e-mail addresses."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.kernel.errors import Invalid
from subscribers import addresses

NUMBER = "+447700900123"


@pytest.mark.parametrize(
    "spelling",
    [
        NUMBER,
        "+44 (0)7700 900123",
        "+44-7700-900.123",
        "tel:+44-7700-900-123",
        "TEL: +44 7700 900123",
        "\u202a+44 7700\u00a0900123\u202c",
        "\uff0b44 7700 900123",
        "+44 \u0667\u0667\u0660\u0660 900123",
    ],
)
def test_phone_reads_international_spellings(spelling: str) -> None:
    assert addresses.phone(spelling) == NUMBER
    assert addresses.sender_phone(spelling) == NUMBER


@pytest.mark.parametrize(
    "spelling", ["447700900123", "00447700900123", "0044 (0) 7700 900123", "44 (0)7700 900 123", "tel:447700900123"]
)
def test_sender_phone_reads_numbers_without_plus(spelling: str) -> None:
    assert addresses.sender_phone(spelling) == NUMBER
    with pytest.raises(Invalid, match=r"give it with \+ and the country code"):
        addresses.phone(spelling)


@pytest.mark.parametrize("text", ["ALERTS", "", "07700 900123", "60777", "x" * 10_000, "+"])
def test_sender_phone_leaves_the_unreadable_as_it_is(text: str) -> None:
    assert addresses.sender_phone(text) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("+44 77OO 9OO123", "letters"),
        ("+44 7700 9OO124", "letters"),
        ("+44 7890x32109", "letters or an extension"),
        ("+44 7700 900123 ext. 5", "letters or an extension"),
        ("call +44 7700 900123", "letters"),
        ("1-800-FLOWERS", "letters"),
        ("+44 7700 900123;5", "not a telephone number"),
        ("+44 7700 900123~2", "not a telephone number"),
        ("+49 30 12345~678", "not a telephone number"),
        ("+44 7700 900123 #5", "not a telephone number"),
        ("+44 7700 900123, +44 7700 900124", "not a telephone number"),
        ("+4477239", "too short"),
        ("+44 77009001", "too short"),
        ("+44 7700 900123 4", "too long"),
    ],
)
def test_phone_refuses_what_would_become_another_number(text: str, reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        addresses.phone(text)


@given(st.text(st.sampled_from("+0123456789 ()-./xXO#,;oe\u0663\uff11"), max_size=24).map(lambda rest: f"+44{rest}"))
def test_phone_keeps_every_digit_or_refuses(text: str) -> None:
    try:
        number = addresses.phone(text)
    except Invalid:
        return
    digits = "".join(str(int(c)) for c in text if c.isdecimal())
    assert digits in (number[1:], f"440{number[3:]}"), "only the trunk prefix may go"
    assert phonenumbers.is_possible_number(phonenumbers.parse(number))
    assert addresses.phone(number) == number == addresses.sender_phone(number.removeprefix("+"))


@pytest.mark.parametrize("spelling", ["Ann@faß-x.de", "Ann@FAß-X.de", "Ann@xn--fa-x-wna.de", " Ann@XN--FA-X-wna.DE"])
def test_email_has_one_form_for_all_spellings_of_a_domain(spelling: str) -> None:
    assert addresses.email(spelling) == "Ann@faß-x.de"
    index = addresses.Addresses(b"secret")
    keys = {index.keyed_hash("email", address) for address in (spelling.strip(), "ann@faß-x.de")}
    assert len(keys) == 1
    assert index.keyed_hash("email", "ann@fass-x.de") not in keys


def test_email_key_is_that_of_earlier_versions() -> None:
    index = addresses.Addresses(b"secret")
    for address in ("Ann@Example.ORG", "ann@münchen.example", "Łukasz@x.example"):
        mine = index.keyed_hash("email", address)
        index_of_before = addresses.mac(index._key, f"email\x1f{address.casefold()}".encode())
        assert mine == index_of_before
