"""Rate limit of requests that nobody has vouched for: wrong keys, and forms that anyone may send.

Per peer address. A key that was good before passes whatever others do from its address: behind a proxy all callers
share one.
"""

from __future__ import annotations

from hashlib import sha256

from aiohttp import web

from alerts.net.rate_limits import RateLimits

_MOST_KNOWN = 10_000


class Strangers:
    """Token buckets of peer addresses, and the credentials that were good."""

    def __init__(self, limits: RateLimits, rate: float) -> None:
        """`rate`: requests a second and address."""
        self._limits, self._rate = limits, rate
        self._known: set[bytes] = set()

    def take(self, request: web.Request) -> None:
        """Take a token for a request without credentials. Raises TooManyRequests."""
        self._limits.take(f"peer:{request.remote or ''}", self._rate)

    def unless_known(self, request: web.Request) -> None:
        """Take a token unless the request's credential was good before. Raises TooManyRequests."""
        if _credential(request) not in self._known:
            self.take(request)

    def remember(self, request: web.Request) -> None:
        """Remember that a request's credential is good."""
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known.add(_credential(request))


def _credential(request: web.Request) -> bytes:
    return sha256(request.headers.get("Authorization", "").encode("utf-8", "replace")).digest()
