"""Column store: growing numpy arrays behind a row count, indexes from keys to rows, and interned values."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from copy import copy
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

V = TypeVar("V", bound=Hashable)
S = TypeVar("S", bound="ColumnStore")

_MASK = (1 << 64) - 1
_MIX = 0x9E3779B97F4A7C15
_CHUNK = 4 << 20


class ColumnStore:
    """Rows of equal-length arrays, one attribute per column; a subclass names them with types and empty values.

    Only the first `size` entries of a column are valid; `add` may replace an array by a larger one.
    """

    columns: ClassVar[dict[str, tuple[type[np.generic], float]]]

    def __init__(self) -> None:
        self.size = 0
        self._free: list[int] = []
        self._room = 256
        for name, (kind, empty) in self.columns.items():
            setattr(self, name, np.full(self._room, empty, dtype=kind))

    def add(self) -> int:
        """Return a row with empty values: a released one, or a new one at the end."""
        if self._free:
            return self._free.pop()
        if self.size == self._room:
            self._grow()
        self.size += 1
        return self.size - 1

    def release(self, row: int) -> None:
        """Clear a row and keep it for the next `add`."""
        for name, (_, empty) in self.columns.items():
            getattr(self, name)[row] = empty
        self._free.append(row)

    def view(self: S) -> S:
        """Return a reader's view that shares the arrays: valid until a row that it has is written."""
        made = copy(self)
        made._free = []
        return made

    def detach(self) -> None:
        """Copy the arrays, so that views keep the old ones."""
        for name in self.columns:
            setattr(self, name, getattr(self, name).copy())

    def chunks(self) -> Iterator[memoryview]:
        """Yield the rows as bytes, column after column, in chunks of a few megabytes. They are not copied."""
        for name in self.columns:
            raw = getattr(self, name)[: self.size].view(np.uint8).data
            yield from (raw[start : start + _CHUNK] for start in range(0, len(raw), _CHUNK))

    def refill(self, size: int, free: Iterable[int], chunks: Iterator[bytes]) -> None:
        """Load rows that `chunks` gave, with the list of free ones. Raises ValueError if they do not fit."""
        self.size, self._free = size, list(free)
        self._room = size + size // 8 + 256
        for name, (kind, empty) in self.columns.items():
            column = np.empty(self._room, dtype=kind)
            column[size:] = empty
            _copy_in(column[:size].view(np.uint8).data, chunks)
            setattr(self, name, column)

    @property
    def free(self) -> list[int]:
        """Released rows not reused yet."""
        return self._free

    @property
    def nbytes(self) -> int:
        """Memory of all columns, spare capacity included."""
        return sum(int(getattr(self, name).nbytes) for name in self.columns)

    def _grow(self) -> None:
        room = self._room + self._room // 2
        for name, (kind, empty) in self.columns.items():
            wider = np.full(room, empty, dtype=kind)
            wider[: self._room] = getattr(self, name)
            setattr(self, name, wider)
        self._room = room


class RowIndex:
    """Hash index from 64-bit keys to rows: open addressing over one int32 array, 12 bytes a row (a dict: 150)."""

    def __init__(self, keys: Callable[[], NDArray[np.uint64]]) -> None:
        self._keys = keys
        self._slots = np.full(1024, -1, dtype=np.int32)
        self._view = memoryview(self._slots.data)
        self._count = 0

    def find(self, key: int, matches: Callable[[int], bool]) -> int:
        """Return the row under `key` for which `matches(row)` is true; -1 if there is none."""
        view = self._view  # once: the writer may replace it meanwhile
        mask = len(view) - 1
        slot = (key * _MIX & _MASK) >> 20 & mask
        while (row := view[slot]) >= 0:
            if matches(row):
                return row
            slot = slot + 1 & mask
        return -1

    def find_all(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return the rows under many keys, each with at most one row; -1 where there is none."""
        slots, held = self._slots, self._keys()
        mask = np.uint64(len(slots) - 1)
        found = np.full(len(keys), -1, dtype=np.int64)
        open_ = np.arange(len(keys))
        at = (keys * np.uint64(_MIX)) >> np.uint64(20) & mask
        while open_.size:
            rows = slots[at]
            hit = rows >= 0
            hit[hit] = held[rows[hit]] == keys[open_[hit]]
            found[open_[hit]] = rows[hit]
            left = (rows >= 0) & ~hit
            open_, at = open_[left], (at[left] + np.uint64(1)) & mask
        return found

    def add(self, key: int, row: int) -> None:
        """Add a new row, which `keys()` must already hold. Rows are added in order and never removed."""
        self._count += 1
        if self._count * 3 > len(self._view) * 2:
            self._rebuild(len(self._view) * 2)
            return
        view, mask = self._view, len(self._view) - 1
        slot = (key * _MIX & _MASK) >> 20 & mask
        while view[slot] >= 0:
            slot = slot + 1 & mask
        view[slot] = row

    def refill(self, count: int) -> None:
        """Rebuild the index from the first `count` rows, which `keys()` must hold."""
        self._count, room = count, 1024
        while count * 3 > room * 2:
            room *= 2
        self._rebuild(room)

    @property
    def nbytes(self) -> int:
        """Memory of the slots."""
        return int(self._slots.nbytes)

    def _rebuild(self, room: int) -> None:
        """Insert all rows into `room` slots: each round fills free slots, the rest moves on."""
        slots = np.full(room, -1, dtype=np.int32)
        mask = np.uint64(room - 1)
        rows = np.arange(self._count, dtype=np.int32)
        at = (self._keys()[: self._count] * np.uint64(_MIX)) >> np.uint64(20) & mask
        while rows.size:
            free = slots[at] < 0
            slots[at[free]] = rows[free]
            left = slots[at] != rows
            rows, at = rows[left], (at[left] + np.uint64(1)) & mask
        self._slots, self._view = slots, memoryview(slots.data)


class Interned(Generic[V]):
    """Values shared by many rows, each stored once under a small number."""

    def __init__(self) -> None:
        self.values: list[V] = []
        self._codes: dict[V, int] = {}

    def code(self, value: V) -> int:
        """Return the value's number, a new one if it is new."""
        found = self._codes.get(value)
        if found is None:
            found = self._codes[value] = len(self.values)
            self.values.append(value)
        return found

    def view(self) -> Interned[V]:
        """Return a copy of the values for a reader."""
        made: Interned[V] = Interned()
        made.values = list(self.values)
        return made

    def refill(self, values: Iterable[V]) -> None:
        """Replace all values, numbered 0, 1, 2, …"""
        self.values = list(values)
        self._codes = {value: code for code, value in enumerate(self.values)}


def _copy_in(into: memoryview[Any], chunks: Iterator[bytes]) -> None:
    at = 0
    while at < len(into):
        chunk = next(chunks, b"")
        if not chunk or at + len(chunk) > len(into):
            raise ValueError("the columns kept do not have the length they should have")
        into[at : at + len(chunk)] = chunk
        at += len(chunk)
