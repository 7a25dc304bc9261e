"""`/device/{token}`: offers notifications on this device to the holder of a fresh link.

The browser is asked for its permission only after the explanation and a press. Without JavaScript the page says why
nothing can be pressed; the other ways go on as they are.
"""

from __future__ import annotations

from aiohttp import web

from alerts.services import Services
from alerts.web.http.requests import read
from alerts.web.http.routing import TOKEN, Route
from alerts.web.public.templating import Pages


def routes(services: Services) -> list[Route]:
    """Policy row of the page."""
    pages = Pages(services)

    async def page(request: web.Request) -> web.Response:
        t, token = pages.translator(request), request.match_info["token"]
        link = await read(services, services.fresh_links.read, token)
        if link is None:
            lines = [t.text("page", "bad_link")]
            context = {"title": t.text("page", "bad_link_title"), "lines": lines, "button": ""}
            return pages.page("pages/message.html", t, context, 404)
        languages = pages.languages(f"{pages.site.base}/device/{token}", t)
        return pages.page("pages/device.html", t, {"device": token, "languages": languages})

    return [Route("GET", "/device/{token}", page, TOKEN)]
