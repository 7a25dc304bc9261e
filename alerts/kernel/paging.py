"""Cursor pagination."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
_MOST = 2**63 - 1
"""Greatest number of a column of either database."""


def cursor_number(text: str) -> int:
    """Parse a number of a cursor. Raises ValueError if it is none, or beyond any that a database knows."""
    number = int(text)
    if not text.lstrip("-").isascii() or not -_MOST <= number <= _MOST:
        raise ValueError(f"no number of a cursor: {text[:40]!r}")
    return number


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of items and the cursor of the next page: opaque to the caller, None at the end of the list."""

    items: tuple[T, ...]
    next: str | None
