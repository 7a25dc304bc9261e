"""Domain names beyond ASCII: one domain has one spelling, and never that of another."""

from __future__ import annotations

import idna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.kernel.domain_names import mailbox_key, mailbox_to_ascii, to_ascii, to_unicode

LETTERS = "abzßäöüçñłğøæþđàσςλжщאבגدهखग漢字かな-1"


def is_name(text: str) -> bool:
    try:
        idna.encode(text, uts46=True)
    except idna.IDNAError:
        return False
    return True


NAMES = st.text(st.sampled_from(LETTERS), min_size=1, max_size=12).map(lambda label: f"{label}.example").filter(is_name)


def test_sharp_s_is_a_letter_of_its_own() -> None:
    assert to_ascii("faß-x.de") == "xn--fa-x-wna.de" != to_ascii("fass-x.de")
    assert mailbox_key("a@faß-x.de") != mailbox_key("a@fass-x.de")
    assert mailbox_key("a@FAß-x.de") == mailbox_key("A@xn--fa-x-wna.de")
    assert mailbox_key("faß@x.de") != mailbox_key("fass@x.de")


@given(NAMES, NAMES)
def test_names_are_equal_only_if_the_dns_says_so(one: str, other: str) -> None:
    assert to_ascii(one).isascii() and to_ascii(to_unicode(one)) == to_ascii(one)
    assert (
        to_unicode(to_ascii(one)) == to_unicode(one) == to_unicode(one.title() if one.title().lower() == one else one)
    )
    same = to_ascii(one) == to_ascii(other)
    assert (mailbox_key(f"Ann@{one}") == mailbox_key(f"ann@{other}")) == same
    assert mailbox_to_ascii(f"ann@{one}") == f"ann@{to_ascii(one)}"


@pytest.mark.parametrize("domain", ["xn--zzzzzz.de", "ex ample.münchen", "-é-.de", "é" * 64, "é..de"])
def test_invalid_name_is_not_changed_into_another(domain: str) -> None:
    assert mailbox_to_ascii(f"a@{domain}") == f"a@{domain}"
    assert mailbox_key(f"a@{domain}") == f"a@{domain.lower()}"
    if not domain.isascii():
        with pytest.raises(ValueError, match="cannot be written"):
            to_ascii(domain)
