"""Cursor pagination."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of items and the cursor of the next page: opaque to the caller, None at the end of the list."""

    items: tuple[T, ...]
    next: str | None
