"""Log screen: events as text, newest first; `?before=` pages back."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.console.frame import Frame
from alerts.web.console.presenter import Presenter
from alerts.web.http.routing import Route, role

_PAGE = 50


def routes(services: Services) -> list[Route]:
    """Policy row of the screen."""
    frame = Frame(services)

    async def screen(request: web.Request) -> web.Response:
        before = request.query.get("before", "")
        position = int(before) if before.isascii() and before.isdigit() and len(before) < 16 else None
        return frame.screen(request, "console/log.html", await read(services, _context, Presenter(frame), position))

    return [Route("GET", "/console/log", screen, role("viewer"))]


def _context(presenter: Presenter, before: int | None) -> dict[str, Any]:
    """Build the template context of one page of the log."""
    entries = presenter.services.views.timeline(_PAGE, before)
    last = entries[-1].position if len(entries) == _PAGE else None
    return {
        "here": "log",
        "entries_of": [presenter.entry(entry) for entry in entries],
        "older": f"{presenter.site.base}/console/log?before={last}" if last else "",
        "newest": f"{presenter.site.base}/console/log" if before else "",
    }
