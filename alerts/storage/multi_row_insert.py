"""Many rows into SQLite by few statements.

Python's driver lets go of the interpreter at each step of a statement, and by `executemany` each row is a step. Beside
a busy thread it takes longer to get the interpreter back than to write the row, and that thread is stopped each time.
A large batch costs a fifth more processor this way, so it goes by `executemany`.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain

from alerts.storage.ports import Value

_INSERT = re.compile(
    r"(?P<before>\s*INSERT[^()?]*\([^()?]*\)\s*VALUES\s*)(?P<row>\((?:\s*\?\s*,)*\s*\?\s*\))(?P<after>[^?]*)",
    re.IGNORECASE | re.DOTALL,
)
_SIZES = (64, 8)
"""Rows a statement: few sizes, so that few statements are prepared and kept."""
_LARGE = 512


def write_rows(connection: sqlite3.Connection, sql: str, rows: Iterable[Sequence[Value]]) -> None:
    """What `executemany` does. An `INSERT … VALUES (?, …)` takes many rows at a time; they are written in their order,
    and each sees what the ones before it wrote."""
    left = rows if isinstance(rows, list) else list(rows)
    for size in _SIZES if len(left) <= _LARGE else ():
        if len(left) < size:
            continue
        whole = _of_rows(sql, size)
        if whole is None:
            break
        full = len(left) - len(left) % size
        for start in range(0, full, size):
            connection.execute(whole, list(chain.from_iterable(left[start : start + size])))
        left = left[full:]
    connection.executemany(sql, left)


@lru_cache(maxsize=256)
def _of_rows(sql: str, size: int) -> str | None:
    """The same statement for `size` rows; None if it is another kind of statement."""
    found = _INSERT.fullmatch(sql)
    return found and f"{found['before']}{', '.join([found['row']] * size)}{found['after']}"
