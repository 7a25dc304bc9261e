"""One page of a list that is read by cursor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items, and where the next page begins: a cursor to give back as it is, None at the list's end."""

    items: tuple[T, ...]
    next: str | None
