"""Identity map of the writer: streams with their folded state, bounded by number."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from alerts.kernel.events import Recorded


class CachedStream:
    """Stream with its version and its state, folded on first use.

    Most streams that a batch begins are never read again: of an import, none.
    """

    __slots__ = ("_before", "_evolve", "_since", "_state", "kind", "version")

    def __init__(self, kind: str, version: int, state: Any) -> None:
        self.kind, self.version, self._state = kind, version, state
        self._since: Sequence[Recorded] = ()
        self._before: CachedStream | None = None
        self._evolve: Callable[[Any, Recorded], Any] | None = None

    @classmethod
    def after(
        cls, before: CachedStream, evolve: Callable[[Any, Recorded], Any], since: Sequence[Recorded]
    ) -> CachedStream:
        """Return the stream with these events appended."""
        held = cls(before.kind, before.version + len(since), None)
        held._before, held._evolve, held._since = before, evolve, since
        return held

    @property
    def state(self) -> Any:
        """Folded state, None before the first event."""
        if self._before is not None and self._evolve is not None:
            state = self._before.state
            for recorded in self._since:
                state = self._evolve(state, recorded)
            self._state, self._before, self._evolve, self._since = state, None, None, ()
        return self._state


class StreamCache:
    """Least recently used cache of streams, bounded by number.

    Keyed by `UUID.int`: hashing a UUID runs Python code, and this is done several times per command.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._held: OrderedDict[int, CachedStream] = OrderedDict()

    def get(self, key: int) -> CachedStream | None:
        held = self._held.get(key)
        if held is not None:
            self._held.move_to_end(key)
        return held

    def put(self, key: int, held: CachedStream) -> None:
        self._held[key] = held
        self._held.move_to_end(key)
        if len(self._held) > self._capacity:
            self._held.popitem(last=False)

    def evict(self, keys: Iterable[int]) -> None:
        for key in keys:
            self._held.pop(key, None)

    def clear(self) -> None:
        self._held.clear()
