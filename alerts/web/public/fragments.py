"""Fragments shared by public pages: what each version of a notice contributes to a page, made once for all of them.

A front page exists per place, language and minute; the cards on it do not depend on the minute, and their areas not on
the language either.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar, cast

T = TypeVar("T")


class FragmentCache:
    """Values by key, the least recently used dropped first. Safe to share between threads.

    A key names everything that its value depends on: nothing is ever invalidated. Values are not changed.
    """

    def __init__(self, most: int) -> None:
        """`most`: number of values kept."""
        self._most = most
        self._values: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the value of a key, made if it is missing. Two threads may make the same one."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return cast(T, self._values[key])
        value = make()
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        return value
