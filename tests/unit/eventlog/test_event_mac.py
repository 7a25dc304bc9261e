"""MAC of events: what is changed, moved or forged is not genuine."""

from __future__ import annotations

import os
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.eventlog.event_mac import KEY, EventAuthenticator, new_secret

OURS = EventAuthenticator(new_secret(b"k" * KEY, 7))
STREAM = UUID(int=5)


def envelope(data: bytes) -> bytes:
    return msgspec.msgpack.encode([1, "at", "by", None, None, data, None])


@given(st.binary(max_size=200), st.integers(1, 2**31), st.text(max_size=30))
def test_signed_state_is_genuine_in_its_place_alone(data: bytes, version: int, topic: str) -> None:
    signed = OURS.signed(STREAM, version, topic, envelope(data))
    assert OURS.is_genuine(0, STREAM, version, topic, signed)
    assert not OURS.is_genuine(0, uuid4(), version, topic, signed)
    assert not OURS.is_genuine(0, STREAM, version + 1, topic, signed)
    assert not OURS.is_genuine(0, STREAM, version, topic + "x", signed)
    assert not EventAuthenticator(new_secret(os.urandom(KEY), 7)).is_genuine(9, STREAM, version, topic, signed)
    assert msgspec.msgpack.decode(signed)[:7] == msgspec.msgpack.decode(envelope(data))


@given(st.data())
def test_changed_byte_is_found(data: st.DataObject) -> None:
    signed = bytearray(OURS.signed(STREAM, 1, "Topic", envelope(b"leave your home")))
    where = data.draw(st.integers(0, len(signed) - 1))
    signed[where] ^= data.draw(st.integers(1, 255))
    assert not OURS.is_genuine(9, STREAM, 1, "Topic", bytes(signed))


@pytest.mark.parametrize(("position", "genuine"), [(0, False), (1, True), (7, True), (8, False)])
def test_state_without_a_mac_counts_up_to_a_position(position: int, genuine: bool) -> None:
    assert OURS.is_genuine(position, STREAM, 1, "Topic", envelope(b"")) is genuine
