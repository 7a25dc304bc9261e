"""Access log of the web.

A line holds the route's pattern, never the URL (which may hold a token), and the caller by id, never by name.
Safe requests, and those that end in 401, 404 or 405, are logged at `debug`, others at `info`.
"""

from __future__ import annotations

import logging
from typing import Final

from aiohttp import web

from alerts.observability.log_setup import ANSWERED, WEB, LineHandler
from alerts.web.http.auth import Caller
from alerts.web.http.routing import CALLER

HEADER: Final = "X-Request-Id"
SAFE: Final = frozenset(("GET", "HEAD", "OPTIONS"))

_log = logging.getLogger(WEB)


def log_request(request: web.Request, route: str, status: int, seconds: float, id: str | None) -> None:
    """Log one line for a request; `id` is the request id, None for a safe request."""
    level = logging.DEBUG if id is None or status in (401, 404, 405) else logging.INFO
    if not _log.isEnabledFor(level):
        return
    caller = request.get(CALLER)
    fields: dict[str, object] = {"method": request.method, "route": route, "status": status}
    fields["ms"] = round(seconds * 1000, 1)
    if id is not None:
        fields["request"] = id
    if isinstance(caller, Caller):
        fields["by"] = caller.actor.source
    lines = LineHandler.exclusive()
    if lines is not None:
        lines.log_request(level, fields)
    else:
        _log.log(level, ANSWERED, extra=fields)
