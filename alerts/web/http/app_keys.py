"""Application keys for handlers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from aiohttp import web

from alerts.web.http.routing import Route


class EventStreams(Protocol):
    """Open server-sent event streams (`web.api.server_sent_events.Streams`)."""

    async def serve(
        self, request: web.Request, after: int, topics: frozenset[str], is_authorized: Callable[[], Awaitable[bool]]
    ) -> web.StreamResponse:
        """Serve one listener until it leaves or the application closes."""

    async def hold(
        self, request: web.Request, kind: str, most: int, listen: Callable[[web.StreamResponse], Awaitable[None]]
    ) -> web.StreamResponse:
        """Open a stream that `listen` writes to, unless there are `most` of that kind. Raises Unavailable."""

    async def close(self, app: web.Application) -> None:
        """End every stream."""


POLICY: Final = web.AppKey("POLICY", tuple[Route, ...])
"""Policy table of an application: all routes with their access rules."""

STREAMS: Final = web.AppKey("STREAMS", EventStreams)
"""Open server-sent event streams."""
