"""Frozen audience: contact point numbers with channels and flags, ordered by shard, cut into pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alerts.delivery_queue.row_format import PAGE
from alerts.kernel.ids import SHARDS

_CONTACT = np.dtype("<i8")
_BYTE = np.dtype("u1")


@dataclass(frozen=True, slots=True)
class FrozenAudience:
    """Arrays of equal length, ordered by (shard, contact point number), each contact point once."""

    contacts: NDArray[np.int64]
    channels: NDArray[np.uint8]
    """Indexes in CHANNELS."""
    flags: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.contacts)

    @property
    def shards(self) -> NDArray[np.int64]:
        """Shard of each contact point."""
        return self.contacts & (SHARDS - 1)

    def pages(self, size: int = PAGE) -> Iterator[FrozenAudience]:
        """Slice into pages of at most `size`."""
        for start in range(0, len(self), size):
            part = slice(start, start + size)
            yield FrozenAudience(self.contacts[part], self.channels[part], self.flags[part])

    def packed(self) -> tuple[bytes, bytes, bytes]:
        """Encode for the table: int64 little-endian, and a byte each for channel and flags."""
        return (
            self.contacts.astype(_CONTACT).tobytes(),
            self.channels.astype(_BYTE).tobytes(),
            self.flags.astype(_BYTE).tobytes(),
        )


def freeze(contacts: NDArray[np.int64], channels: NDArray[np.uint8], flags: NDArray[np.uint8]) -> FrozenAudience:
    """Sort, and merge duplicates of a contact point, with the flags of both."""
    order = np.lexsort((contacts, contacts & (SHARDS - 1)))
    contacts, channels, flags = contacts[order], channels[order], flags[order]
    first = np.ones(len(contacts), dtype=np.bool_)
    first[1:] = contacts[1:] != contacts[:-1]
    if not first.all():
        flags = np.bitwise_or.reduceat(flags, np.flatnonzero(first))
        contacts, channels = contacts[first], channels[first]
    return FrozenAudience(contacts, channels, flags)


def unpack(contacts: bytes, channels: bytes, flags: bytes) -> FrozenAudience:
    """Decode a packed page."""
    return FrozenAudience(
        np.frombuffer(contacts, dtype=_CONTACT),
        np.frombuffer(channels, dtype=_BYTE),
        np.frombuffer(flags, dtype=_BYTE),
    )


def contains(packed: bytes, contact: int) -> bool:
    """True if a packed page of contact point numbers contains this one."""
    return bool((np.frombuffer(packed, dtype=_CONTACT) == contact).any())
