"""Page behind the link of each message that says why it came.

Anyone who has a message has its links: they explain and stop, and show no address. A GET never changes anything.
"""

from __future__ import annotations

from aiohttp import web

from alerts.channels.i18n import Translator, translator
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
        t = await self._language(request, numbers[1])
        context = await read(self._services, why_page, self._services, self._pages.site, *numbers, fresh, t)
        if context is None:
            return self._bad_link(request)
        path = f"{self._pages.site.base}/why/{request.match_info['token']}"
        return self._pages.page("pages/why.html", t, {"languages": self._pages.languages(path, t), **context})

    async def _language(self, request: web.Request, contact: int) -> Translator:
        """Return the translator for the person's own language, unless `?lang=` requests another."""
        default = self._services.settings.default_language
        if "lang" in request.query:
            return self._pages.translator(request)
        card = (await read(self._services, self._services.directory.cards, [contact])).get(contact)
        return translator(card.language if card is not None else default, default)

    def _bad_link(self, request: web.Request) -> web.Response:
        t = self._pages.translator(request)
        context = {
            "title": t.text("page", "bad_link_title"),
            "lines": [t.text("page", "bad_link")],
            "button": "",
        }
        return self._pages.page("pages/message.html", t, context, 404)
