"""Ledger of the peers, outside the product: a line for each hand-over, on disk before its answer leaves.

The file only grows. A second kind of line says that an answer found nobody to hear it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

Refusal = Literal["", "temporary", "permanent", "technical"]


class Hand(msgspec.Struct, frozen=True, kw_only=True, tag="hand", omit_defaults=True):
    """Hand-over as its peer saw it. Times are `time.time()`."""

    n: int
    """Its number in the ledger."""
    channel: str
    peer: str
    to: str = ""
    """Address, number or device; "" if the fault came before anybody was named."""
    identity: str = ""
    """The delivery, by Message-ID, by the push payload's id, by the text's reference; "" if it was not said yet."""
    notice: str = ""
    """The notice, by the mark in its title."""
    nth: int = 0
    """The how many-th attempt on this recipient, over all peers."""
    begun: float
    """Time at which MAIL or the head of the request came."""
    ended: float
    """Time of the peer's decision, right before its answer."""
    fault: str = ""
    taken: bool = False
    """The peer answers for it from here on."""
    lost: bool = False
    """It was taken, and whoever handed it over was not told."""
    refused: Refusal = ""
    gone: bool = False
    """It was refused since there is no such recipient."""
    wait: float | None = None
    """Seconds that the peer asked for."""


class Unheard(msgspec.Struct, frozen=True, kw_only=True, tag="unheard"):
    """The answer to that hand-over found the connection closed."""

    n: int


_decoder = msgspec.json.Decoder(Hand | Unheard)


class Ledger:
    """For the one process that writes it."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        self._last = 0

    def next(self) -> int:
        """A number for a hand-over."""
        self._last += 1
        return self._last

    def write(self, line: Hand | Unheard) -> None:
        """Append a line, unbuffered."""
        os.write(self._file, msgspec.json.encode(line) + b"\n")


def read(path: Path) -> list[Hand]:
    """All hand-overs so far, in the order in which they were decided."""
    if not path.exists():
        return []
    whole = path.read_bytes().rpartition(b"\n")[0]
    return joined(_decoder.decode(line) for line in whole.split(b"\n") if line)


def joined(lines: Iterable[Hand | Unheard]) -> list[Hand]:
    """With what was found out later."""
    found: dict[int, Hand] = {}
    for line in lines:
        if isinstance(line, Hand):
            found[line.n] = line
        elif line.n in found and found[line.n].taken:
            found[line.n] = msgspec.structs.replace(found[line.n], lost=True)
    return list(found.values())
