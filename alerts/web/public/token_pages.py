"""Page behind the link of each message that says why it came.

Anyone who has a message has its links: they explain and stop, and show no address. A GET never changes anything.
"""

from __future__ import annotations

from aiohttp import web

from alerts.channels.i18n import translator
from alerts.kernel.signed_tokens import read_delivery_token
from alerts.services import Services
from alerts.web.http.requests import read
from alerts.web.http.routing import TOKEN, Route
from alerts.web.public.templating import Pages
from alerts.web.public.why_view import why_page


def routes(services: Services) -> list[Route]:
    """Policy row of the reasons."""
    links = TokenPages(services)
    return [Route("GET", "/why/{token}", links.why, TOKEN)]


class TokenPages:
    """Handler of the link; it checks the token in its URL."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._pages = Pages(services)

    async def why(self, request: web.Request) -> web.Response:
        """Show why this person got this message; in full to the holder of a fresh link (`?fresh=`)."""
        numbers = read_delivery_token(self._services.settings.secret_key, "why", request.match_info["token"])
        if numbers is None:
            return self._bad_link(request)
        fresh = request.query.get("fresh")
        context = await read(self._services, why_page, self._services, self._pages.site, *numbers, fresh)
        if context is None:
            return self._bad_link(request)
        return self._pages.page("pages/why.html", translator("en"), context)

    def _bad_link(self, request: web.Request) -> web.Response:
        t = self._pages.translator(request)
        context = {
            "title": t.text("page", "bad_link_title"),
            "lines": [t.text("page", "bad_link")],
            "button": "",
        }
        return self._pages.page("pages/message.html", t, context, 404)
