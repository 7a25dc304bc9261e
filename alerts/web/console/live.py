"""Progress of a live notice as server-sent events: the panel of its screen, sent anew whenever it has changed.

A stream lasts some seconds and is asked for again by the browser, so that a stop of the process never waits for one.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any

from aiohttp import web

from alerts.kernel.errors import Unavailable
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.api.server_sent_events import MEDIA_TYPE
from alerts.web.console.frame import Frame
from alerts.web.console.member_actor import notice_id
from alerts.web.console.presenter import Presenter
from alerts.web.http.routing import Route, role
from alerts.web.http.security import add_security_headers

EVERY_S, LASTS_S = 0.5, 20.0
_LISTENERS = 200
"""Streams of one process."""


def routes(services: Services) -> list[Route]:
    """Policy row of the stream."""
    live = LiveProgress(services)
    return [Route("GET", "/console/notices/{notice}/progress", live.serve, role("viewer"))]


class LiveProgress:
    """Streams the progress of notices."""

    def __init__(self, services: Services) -> None:
        self._services, self._frame = services, Frame(services)
        self._open = 0

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Send the panel now and at each change, until it is complete or `LASTS_S` are over."""
        if self._open >= _LISTENERS:
            raise Unavailable("Too many screens follow notices just now: reload this one in a moment.")
        notice = notice_id(request)
        if await read(self._services, self._services.views.notice, notice) is None:
            raise web.HTTPNotFound
        response = web.StreamResponse(headers={"Content-Type": f"{MEDIA_TYPE}; charset=utf-8"})
        add_security_headers(response)
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        self._open += 1
        try:
            await self._send(response, request)
        except ConnectionError:
            pass  # the screen was closed
        finally:
            self._open -= 1
        return response

    async def _send(self, response: web.StreamResponse, request: web.Request) -> None:
        notice, ends, last = notice_id(request), monotonic() + LASTS_S, b""
        await response.write(b"retry: 500\n\n")
        while monotonic() < ends:
            complete, html = await read(self._services, self._panel, notice)
            if html != last:
                last = html
                lines = b"".join(b"data: %b\n" % line for line in html.splitlines())
                await response.write((b"event: complete\n" if complete else b"") + lines + b"\n")
            if complete:
                return
            await asyncio.sleep(EVERY_S)

    def _panel(self, notice: Any) -> tuple[bool, bytes]:
        """Render the panel; (True, …) once nothing will change any more. Blocks."""
        found = self._services.views.notice(notice)
        presenter = Presenter(self._frame)
        progress = presenter.progress(found) if found is not None else None
        if progress is None:
            return False, b""
        return progress["complete"], self._frame.pages.render(
            "console/progress.html", self._frame.translator, {"progress": progress}
        )
