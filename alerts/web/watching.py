"""What the web says of each request: an id, a count for the metrics, a line in the log.

A line holds the route's pattern, never the address (which may hold a token), and who asked by id, never by name.
Requests that change nothing are logged at `debug`, those that nobody signed in for are counted only.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Final
from uuid import UUID

from aiohttp import web

from alerts.domain.words.ids import new_id
from alerts.logs import ANSWERED, WEB
from alerts.metrics import Requests
from alerts.tracing import trace
from alerts.web.auth import Caller
from alerts.web.routes import CALLER, Handler

HEADER = "X-Request-Id"
REQUEST: Final = web.RequestKey("REQUEST", UUID)
"""The id of a request that changes something."""
_SAFE = frozenset(("GET", "HEAD", "OPTIONS"))

_log = logging.getLogger(WEB)


def watching(requests: Requests) -> Callable[..., Awaitable[web.StreamResponse]]:
    """The outermost middleware."""

    @web.middleware
    async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
        begun, status = perf_counter(), 499  # 499: the peer went away before there was an answer
        id = None if request.method in _SAFE else new_id()
        if id is not None:
            request[REQUEST] = id
        try:
            # A connection's requests share one task: the trace of the last one must not reach the next.
            with trace(id):
                answer = await handler(request)
            status = answer.status
            return answer
        except web.HTTPException as answer:
            status = answer.status
            raise
        finally:
            seconds = perf_counter() - begun
            route = route_of(request)
            requests.count(request.method, route, status, seconds)
            _tell(request, route, status, seconds, id)

    return watch


async def name_request(request: web.Request, response: web.StreamResponse) -> None:
    """Say the id in the answer, so that whoever complains can name it."""
    id = request.get(REQUEST)
    if id is not None:
        response.headers[HEADER] = str(id)


def route_of(request: web.Request) -> str:
    """The pattern that a request matched; `none` for all that match none, so that strangers cannot make labels."""
    resource = request.match_info.route.resource
    return "none" if resource is None else resource.canonical


def _tell(request: web.Request, route: str, status: int, seconds: float, id: UUID | None) -> None:
    level = logging.DEBUG if id is None or status in (401, 404, 405) else logging.INFO
    if not _log.isEnabledFor(level):
        return
    caller = request.get(CALLER)
    said: dict[str, object] = {"method": request.method, "route": route, "status": status}
    said["ms"] = round(seconds * 1000, 1)
    if id is not None:
        said["request"] = str(id)
    if isinstance(caller, Caller):
        said["by"] = caller.actor.source
    _log.log(level, ANSWERED, extra=said)
