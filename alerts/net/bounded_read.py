"""Bounded read of an HTTP body."""

from __future__ import annotations

from typing import Protocol


class Readable(Protocol):
    """Body of an answer, such as aiohttp's `StreamReader`."""

    async def read(self, n: int = -1) -> bytes:
        """Return what has come, at most `n` bytes; b"" at the end."""
        ...


async def read_at_most(content: Readable, most: int) -> bytes:
    """Return a body up to its end, or its first `most` bytes: one `read` returns only what has come so far."""
    taken = bytearray()
    while len(taken) < most and (part := await content.read(most - len(taken))):
        taken += part
    return bytes(taken)
