"""A sealed stream opens whole and unaltered, or not at all."""

from __future__ import annotations

from io import BytesIO
from uuid import UUID

import pytest

from subscribers.audience.encrypted_stream import DecryptionFailed, Head, head_of, parts_of, write

KEY = bytes(range(32))
HEAD = Head(UUID(int=7), 1234)
PARTS = [b"first", b"", b"x" * 5000, b"last"]


def sealed(parts: list[bytes] = PARTS, head: Head = HEAD, key: bytes = KEY) -> bytes:
    sink = BytesIO()
    write(sink, head, key, parts)
    return sink.getvalue()


def opened(raw: bytes, key: bytes = KEY) -> list[bytes]:
    source = BytesIO(raw)
    return list(parts_of(source, head_of(source), key))


def test_what_was_sealed_is_opened() -> None:
    assert opened(sealed()) == PARTS
    assert head_of(BytesIO(sealed())) == HEAD
    assert b"first" not in sealed()


def test_it_opens_nowhere_when_it_is_cut_short() -> None:
    raw = sealed()
    for length in range(len(raw)):
        with pytest.raises(DecryptionFailed):
            opened(raw[:length])


def test_no_byte_can_be_altered() -> None:
    raw = sealed([b"a", b"b"])
    for place in range(len(raw)):
        damaged = bytearray(raw)
        damaged[place] ^= 1
        with pytest.raises(DecryptionFailed):
            opened(bytes(damaged))


def test_parts_stay_in_their_order() -> None:
    raw = sealed([b"a", b"b", b"c"])
    one, two, rest = raw[32:53], raw[53:74], raw[74:]
    with pytest.raises(DecryptionFailed):
        opened(raw[:32] + two + one + rest)


def test_another_key_opens_nothing() -> None:
    with pytest.raises(DecryptionFailed):
        opened(sealed(), bytes(32))


def test_nothing_cannot_be_sealed() -> None:
    with pytest.raises(ValueError, match="nothing"):
        sealed([])
