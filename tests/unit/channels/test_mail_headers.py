"""Header fields: what a reader's program decodes is what was written."""

from __future__ import annotations

import email
from email.header import decode_header
from email.policy import default
from email.utils import parseaddr

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alerts.channels.mail_headers import address_field, text_field

WORDS = st.sampled_from(
    'إشعار آخر من البلدية zażółć gęślą Kraków flood 避難 =?utf-8?q?x?= 👩\u200d👩\u200d👧 a, (b) "c" d'.split(" ")
)
ANY = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=12)
SENTENCES = st.lists(WORDS | ANY, max_size=40)
TEXTS = SENTENCES.map(" ".join).map(str.strip)


def parsed(field: str) -> email.message.EmailMessage:
    found = email.message_from_bytes(field.encode() + b"\r\n", policy=default)
    assert isinstance(found, email.message.EmailMessage) and len(found) == 1
    return found


def unfolded(field: str) -> str:
    """The value by RFC 2047 alone: fold and gaps between encoded words removed, words decoded."""
    value = field.partition(": ")[2].removesuffix("\r\n").replace("\r\n", "")
    return "".join(p.decode(c or "ascii") if isinstance(p, bytes) else p for p, c in decode_header(value))


@settings(max_examples=300)
@given(TEXTS)
@example("إشعار آخر")
@example("two  blanks")
@example("x" * 2_000)
@example("=?utf-8?q?no?=")
def test_subject_decodes_to_what_was_written(text: str) -> None:
    field = text_field("Subject", text)
    assert field.isascii() and field.endswith("\r\n")
    lines = field.removesuffix("\r\n").split("\r\n")
    assert all(len(line) <= (76 if "=?utf-8" in line else 998) for line in lines)
    assert all(line.startswith(" ") and line.strip() for line in lines[1:]) and "\n" not in "".join(lines)
    assert unfolded(field) == text
    assert str(parsed(field)["Subject"]) == text


@given(TEXTS.filter(lambda text: "=?" not in text))
@example("Łódź, the city")
@example('Council "A" \\ B')
def test_sender_decodes_to_what_was_written(text: str) -> None:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    given_as = f'"{escaped}" <alerts@town.example>'
    shown = parseaddr(given_as)[0]
    field = address_field("From", given_as)
    assert field.isascii() and all(len(line) <= 998 for line in field.split("\r\n"))
    [address] = parsed(field)["From"].addresses
    assert address.addr_spec == "alerts@town.example"
    if "=?utf-8" in field:  # the library's parser of addresses adds blanks of its own
        assert unfolded(field) == f"{shown} <alerts@town.example>"
    else:
        assert address.display_name == shown


@pytest.mark.parametrize("text", ["a\r\nBcc: x@x.example", "a\x00b", "a\u2028b", "é\r\n x"])
def test_control_characters_end_no_line(text: str) -> None:
    lines = text_field("Subject", text).removesuffix("\r\n").split("\r\n")
    assert len(lines) == 1 and lines[0].isascii()
