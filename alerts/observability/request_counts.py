"""Counters of served requests by route and status, for the metrics page."""

from __future__ import annotations

from collections.abc import Sequence

REQUEST_BOUNDS = (0.005, 0.025, 0.1, 0.5, 2.0, 10.0)


class Requests:
    """Counter of responses, used in the event loop; one dictionary access per request. Any thread may read."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str, int], list[float]] = {}

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a response. `route` is the pattern (`/alerts/{id}`), never the address."""
        found = self._seen.get((method, route, status))
        if found is None:
            found = self._seen[method, route, status] = [0.0] * (len(REQUEST_BOUNDS) + 2)
        found[_bucket_of(REQUEST_BOUNDS, seconds)] += 1
        found[-1] += seconds

    def seen(self) -> dict[tuple[str, str, int], list[float]]:
        """Return (method, route, status) → counts by bucket, the last without bound, then the sum of seconds."""
        # `copy` is atomic, while the loop could count in between during a list of pairs.
        return {key: list(values) for key, values in self._seen.copy().items()}


def _bucket_of(bounds: Sequence[float], value: float) -> int:
    for place, bound in enumerate(bounds):
        if value <= bound:
            return place
    return len(bounds)
