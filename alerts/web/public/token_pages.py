"""Pages behind the signed links of a message: its reasons, unsubscribe, address confirmation.

Anyone who has a message has its links: they explain and stop, and show no address. A GET never changes anything.
"""

from __future__ import annotations

import asyncio
from uuid import UUID

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from alerts.channels.i18n import Translator, translator
from alerts.channels.registry import REGISTRY
from alerts.commands.actor import RESIDENT
from alerts.kernel.errors import Conflict, NotFound
from alerts.kernel.signed_tokens import read_contact_token, read_delivery_token
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.http.requests import BODY_S
from alerts.web.http.routing import TOKEN, Route
from alerts.web.public.templating import Pages
from alerts.web.public.why_view import why_page
from subscribers.directory import ContactCard

ONE_CLICK = ("List-Unsubscribe", "One-Click")


def routes(services: Services) -> list[Route]:
    """Policy rows of the pages behind signed links."""
    links = TokenPages(services)
    return [
        Route("GET", "/why/{token}", links.why, TOKEN),
        Route("GET", "/unsubscribe/{token}", links.ask_stop, TOKEN),
        Route("POST", "/unsubscribe/{token}", links.stop, TOKEN),
        Route("GET", "/confirm/{token}", links.ask_confirm, TOKEN),
        Route("POST", "/confirm/{token}", links.confirm, TOKEN),
    ]


class TokenPages:
    """Handlers of signed links; each checks the token in its URL."""

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

    async def ask_stop(self, request: web.Request) -> web.Response:
        """Show the confirmation page of unsubscribe."""
        card = await self._card(request)
        if card is None:
            return self._bad_link(request)
        t = self._translator(request, card)
        if card.state == "removed":
            return self._done(t, "stopped")
        key = REGISTRY[card.channel].stop_page_key
        return self._pages.page("pages/stop.html", t, {"lead": t.text("page", key)})

    async def stop(self, request: web.Request) -> web.Response:
        """Remove this contact point at once (RFC 8058), or end the subscription. Idempotent."""
        card = await self._card(request)
        if card is None:
            return self._bad_link(request)
        form = await _form(request)
        t = self._translator(request, card)
        if "everything" in form:
            await self._end(card.subscriber)
            return self._done(t, "stopped_all")
        if form.get(ONE_CLICK[0]) != ONE_CLICK[1]:
            return await self.ask_stop(request)
        if card.state != "removed":
            await self._remove(card.number)
        return self._done(t, "stopped")

    async def ask_confirm(self, request: web.Request) -> web.Response:
        """Show the confirmation page of an address: mail scanners open links, which must not confirm anything."""
        subject = self._confirmation(request)
        if subject is None:
            return self._bad_link(request)
        t = self._translator(request, await self._found(subject[1]))
        lines = [t.text("page", "confirm_hint")]
        context = {
            "title": t.text("page", "confirm_title"),
            "lines": lines,
            "button": t.text("page", "confirm_button"),
        }
        return self._pages.page("pages/message.html", t, context)

    async def confirm(self, request: web.Request) -> web.Response:
        """Verify the contact point, so that alerts may be sent to it."""
        subject = self._confirmation(request)
        if subject is None:
            return self._bad_link(request)
        card = await self._found(subject[1])
        t = self._translator(request, card)
        if card is None or card.state != "verified":
            try:
                await self._services.commands.verify_contact(RESIDENT, subject[1], subject[0])
            except (NotFound, Conflict):  # expired, ended or erased since: the link is invalid
                return self._bad_link(request, t)
        token = await read(self._services, self._services.fresh_links.after_confirmation, *subject)
        return self._done(t, "confirmed", device=token or "")

    async def _remove(self, number: int) -> None:
        try:
            await self._services.commands.remove_contact(RESIDENT, number, "one-click")
        except (NotFound, Conflict):
            return  # removed concurrently, or the person was erased: nothing more is sent there either way

    async def _end(self, subscriber: UUID) -> None:
        try:
            await self._services.commands.end_subscriber(RESIDENT, subscriber, "one-click, everything")
        except (NotFound, Conflict):
            return  # already ended or erased

    async def _card(self, request: web.Request) -> ContactCard | None:
        numbers = read_delivery_token(self._services.settings.secret_key, "unsubscribe", request.match_info["token"])
        return None if numbers is None else await self._found(numbers[1])

    async def _found(self, number: int) -> ContactCard | None:
        cards = await read(self._services, self._services.directory.cards, [number])
        return cards.get(number)

    def _confirmation(self, request: web.Request) -> tuple[UUID, int] | None:
        return read_contact_token(self._services.settings.secret_key, "confirm", request.match_info["token"])

    def _translator(self, request: web.Request, card: ContactCard | None) -> Translator:
        """Return the translator for the person's own language, unless `?lang=` requests another."""
        if card is not None and card.language and "lang" not in request.query:
            return translator(card.language, self._services.settings.default_language)
        return self._pages.translator(request)

    def _done(self, t: Translator, key: str, *, device: str = "") -> web.Response:
        """Render the result page. `device`: the token by which this browser may be added; "" offers nothing."""
        context = {
            "title": t.text("page", f"{key}_title"),
            "lines": [t.text("page", key)],
            "button": "",
            "device": device,
        }
        return self._pages.page("pages/message.html", t, context)

    def _bad_link(self, request: web.Request, t: Translator | None = None) -> web.Response:
        t = t or self._pages.translator(request)
        context = {
            "title": t.text("page", "bad_link_title"),
            "lines": [t.text("page", "bad_link")],
            "button": "",
        }
        return self._pages.page("pages/message.html", t, context, 404)


async def _form(request: web.Request) -> dict[str, str]:
    """Return the fields of a form; {} for a body that is not a form."""
    try:
        async with asyncio.timeout(BODY_S):
            fields = await request.post()
    except (TimeoutError, ValueError, LookupError, AssertionError, web.RequestPayloadError, HttpProcessingError):
        return {}  # no boundary, unknown charset, broken encoding
    return {name: value for name, value in fields.items() if isinstance(value, str)}
