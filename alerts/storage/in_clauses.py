"""Key list queries: rows by any number of keys, in few statements and few round trips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from alerts.storage.ports import Row, Transaction, Value

T = TypeVar("T")
CHUNK = 512
"""Keys per statement; both query planners handle so many well."""


def select_in(tx: Transaction, statement: str, values: Sequence[Value]) -> Iterator[Row]:
    """Run a statement with one `IN (?*)` for all values."""
    for chunk in padded_chunks(values):
        yield from tx.execute(statement.replace("?*", ",".join("?" * len(chunk))), chunk)


def rows_of_pairs(tx: Transaction, statement: str, pairs: Sequence[tuple[Value, Value]]) -> Iterator[Row]:
    """Run a statement that begins `WITH wanted (a, b) AS (VALUES ?**)` and joins that, for all pairs."""
    for chunk in padded_chunks(pairs):
        filled = statement.replace("?**", ",".join(["(?,?)"] * len(chunk)))
        yield from tx.execute(filled, [value for pair in chunk for value in pair])


def padded_chunks(keys: Sequence[T]) -> Iterator[list[T]]:
    """Split keys into chunks, each padded with its last key to a power of two.

    A driver then prepares at most ten statements for each of ours. A duplicate key gives one row by IN, two by a join.
    """
    for start in range(0, len(keys), CHUNK):
        chunk = list(keys[start : start + CHUNK])
        size = 1 << (len(chunk) - 1).bit_length()
        chunk.extend(chunk[-1:] * (size - len(chunk)))
        yield chunk
