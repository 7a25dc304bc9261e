"""Notice list screen, newest first."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.console.frame import Frame
from alerts.web.console.presenter import Presenter
from alerts.web.http.routing import Route, role


def routes(services: Services) -> list[Route]:
    """Policy row of the screen."""
    frame = Frame(services)

    async def screen(request: web.Request) -> web.Response:
        try:
            context = await read(services, _context, Presenter(frame), request.query.get("cursor"))
        except ValueError:
            raise web.HTTPNotFound from None
        return frame.screen(request, "console/notices.html", context)

    return [Route("GET", "/console/notices", screen, role("viewer"))]


def _context(presenter: Presenter, cursor: str | None) -> dict[str, Any]:
    """Build the template context of one page."""
    page = presenter.services.views.notices(cursor=cursor, limit=50)
    return {
        "here": "notices",
        "notices": [presenter.card(notice) for notice in page.items],
        "older": f"{presenter.site.base}/console/notices?cursor={page.next}" if page.next else "",
    }
