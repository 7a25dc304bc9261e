"""A body that comes in pieces is read as a whole, up to its bound."""

from __future__ import annotations

import pytest

from alerts.net.bounded_read import read_at_most


class InPieces:
    """Body of which each read returns the piece that has come."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = list(pieces)

    async def read(self, n: int = -1) -> bytes:
        piece = self._pieces.pop(0) if self._pieces else b""
        if len(piece) > n:
            self._pieces.insert(0, piece[n:])
        return piece[:n]


@pytest.mark.parametrize(("most", "read"), [(100, b"one two three"), (9, b"one two t"), (4, b"one ")])
async def test_pieces_are_read_up_to_the_bound(most: int, read: bytes) -> None:
    assert await read_at_most(InPieces(b"one ", b"two ", b"three"), most) == read
