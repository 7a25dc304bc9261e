"""Frozen audience: pages in shard order, each contact point once."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.delivery_queue.frozen_audience import contains, freeze, unpack
from alerts.delivery_queue.row_format import DeliveryFlag

contacts = st.lists(st.integers(1, 2**40), max_size=200)


@given(contacts, st.randoms())
@settings(max_examples=60)
def test_a_frozen_audience_is_ordered_whole_and_without_doubles(numbers: list[int], rng: random.Random) -> None:
    flags = [rng.choice((0, DeliveryFlag.FOLLOW_UP, DeliveryFlag.DID_WAKE)) for _ in numbers]
    channels = [n % 2 for n in numbers]
    frozen = freeze(
        np.array(numbers, dtype=np.int64), np.array(channels, dtype=np.uint8), np.array(flags, dtype=np.uint8)
    )
    assert frozen.contacts.tolist() == sorted(set(numbers), key=lambda n: (n % 256, n))
    pages = [unpack(*page.packed()) for page in frozen.pages(7)]
    assert [c for page in pages for c in page.contacts.tolist()] == frozen.contacts.tolist()
    for contact, channel, flag in zip(frozen.contacts.tolist(), frozen.channels, frozen.flags, strict=True):
        wanted = 0
        for number, one in zip(numbers, flags, strict=True):
            wanted |= one if number == contact else 0
        assert (channel, flag) == (contact % 2, wanted)
        assert contains(frozen.packed()[0], contact)
    assert not contains(frozen.packed()[0], 2**41)
