"""Multi-row inserts for SQLite: many rows by few statements.

Python's driver releases the interpreter lock at each step of a statement, and by `executemany` each row is a step.
Beside a busy thread, re-acquiring the lock takes longer than writing the row, and that thread is stopped each time. A
large batch costs a fifth more processor this way, so it uses `executemany`.
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
"""Rows per statement: few sizes, so that few statements are prepared and cached."""
_LARGE = 512


def write_rows(connection: sqlite3.Connection, sql: str, rows: Iterable[Sequence[Value]]) -> None:
    """Equivalent of `executemany`; an `INSERT … VALUES (?, …)` takes many rows at a time.

    Rows are written in order, and each sees the preceding ones.
    """
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
    """Expand an INSERT to `size` rows; None for any other statement."""
    found = _INSERT.fullmatch(sql)
    return found and f"{found['before']}{', '.join([found['row']] * size)}{found['after']}"
