"""Encoding of a message behind DATA (RFC 5321, 4.5.2)."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from alerts.providers.smtp.protocol import on_the_wire


def unstuffed(wire: bytes) -> bytes:
    """Message as a mail server reads it: up to the lone dot, a leading dot less."""
    lines = []
    for line in wire.split(b"\r\n"):
        if line == b".":
            return b"\r\n".join([*lines, b""])
        lines.append(line.removeprefix(b"."))
    raise AssertionError("no final dot")


@given(st.lists(st.sampled_from([b"", b".", b"..", b"a", b".a", b"a.", b"\xc3\xa9"]), max_size=8), st.booleans())
@example([b"."], False)
@example([], False)
def test_a_server_reads_what_was_written(lines: list[bytes], ended: bool) -> None:
    message = b"\r\n".join(lines) + (b"\r\n" if ended else b"")
    wire = on_the_wire(message)
    assert unstuffed(wire) == (message if message.endswith(b"\r\n") else message + b"\r\n")
    assert wire.endswith(b"\r\n.\r\n") and wire.count(b"\r\n.\r\n") == 1, "nothing may follow the first lone dot"


@given(st.binary(max_size=60))
def test_no_bytes_end_the_message_early(message: bytes) -> None:
    wire = on_the_wire(message)
    assert wire.find(b"\r\n.\r\n", 0) == len(wire) - 5
    assert not wire.startswith(b".\r\n")
    assert b"\n" not in wire.replace(b"\r\n", b"") and b"\r" not in wire.replace(b"\r\n", b"")


def test_line_ends_of_every_kind_are_made_one() -> None:
    assert on_the_wire(b"a\nb\rc\r\n.d") == b"a\r\nb\r\nc\r\n..d\r\n.\r\n"
