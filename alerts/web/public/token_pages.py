"""Pages behind the links of a message: why it came, how to stop it, how to confirm an address.

Whoever holds a message holds its links: they explain and stop, and show no address. A GET never changes anything.
"""

from __future__ import annotations

from uuid import UUID

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from alerts.channels.i18n import Translator, translator
from alerts.channels.registry import REGISTRY
from alerts.commands.actor import RESIDENT
from alerts.kernel.errors import Conflict, NotFound
from alerts.kernel.signed_tokens import contact_token, read_contact_token, read_delivery_token
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.http.routing import TOKEN, Route
from alerts.web.public.templating import Pages
from alerts.web.public.why_view import why_page
from subscribers.directory import ContactCard

ONE_CLICK = ("List-Unsubscribe", "One-Click")


def routes(services: Services) -> list[Route]:
    """The pages behind signed links."""
    links = TokenPages(services)
    return [
        Route("GET", "/why/{token}", links.why, TOKEN),
        Route("GET", "/unsubscribe/{token}", links.ask_stop, TOKEN),
        Route("POST", "/unsubscribe/{token}", links.stop, TOKEN),
        Route("GET", "/confirm/{token}", links.ask_confirm, TOKEN),
        Route("POST", "/confirm/{token}", links.confirm, TOKEN),
    ]


class TokenPages:
    """Handlers; the token in the address is checked by each."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._pages = Pages(services)

    async def why(self, request: web.Request) -> web.Response:
        """Why this person got this message."""
        numbers = read_delivery_token(self._services.settings.secret_key, "why", request.match_info["token"])
        if numbers is None:
            return self._bad_link(request)
        context = await read(self._services, why_page, self._services, self._pages.site, *numbers)
        if context is None:
            return self._bad_link(request)
        return self._pages.page("pages/why.html", translator("en"), context)

    async def ask_stop(self, request: web.Request) -> web.Response:
        """The page before stopping."""
        card = await self._card(request)
        if card is None:
            return self._bad_link(request)
        speech = self._speech(request, card)
        if card.state == "removed":
            return self._done(speech, "stopped")
        key = REGISTRY[card.channel].stop_page_key
        return self._pages.page("pages/stop.html", speech, {"lead": speech.text("page", key)})

    async def stop(self, request: web.Request) -> web.Response:
        """Stop this contact point at once (RFC 8058), or everything; again is no error."""
        card = await self._card(request)
        if card is None:
            return self._bad_link(request)
        form = await _form(request)
        speech = self._speech(request, card)
        if "everything" in form:
            await self._end(card.subscriber)
            return self._done(speech, "stopped_all")
        if form.get(ONE_CLICK[0]) != ONE_CLICK[1]:
            return await self.ask_stop(request)
        if card.state != "removed":
            await self._remove(card.number)
        return self._done(speech, "stopped")

    async def ask_confirm(self, request: web.Request) -> web.Response:
        """The page before confirming: mail scanners open links, and must not confirm anything by it."""
        subject = self._confirmation(request)
        if subject is None:
            return self._bad_link(request)
        speech = self._speech(request, await self._found(subject[1]))
        lines = [speech.text("page", "confirm_hint")]
        context = {
            "title": speech.text("page", "confirm_title"),
            "lines": lines,
            "button": speech.text("page", "confirm_button"),
        }
        return self._pages.page("pages/message.html", speech, context)

    async def confirm(self, request: web.Request) -> web.Response:
        """The contact point is theirs: alerts may flow to it."""
        subject = self._confirmation(request)
        if subject is None:
            return self._bad_link(request)
        card = await self._found(subject[1])
        speech = self._speech(request, card)
        if card is None or card.state != "verified":
            try:
                await self._services.commands.verify_contact(RESIDENT, subject[1])
            except (NotFound, Conflict):  # lapsed, left or erased since: the link has run out
                return self._bad_link(request, speech)
        token = contact_token(self._services.settings.secret_key, "preferences", *subject)
        return self._done(speech, "confirmed", device=token)

    async def _remove(self, number: int) -> None:
        try:
            await self._services.commands.remove_contact(RESIDENT, number, "one-click")
        except (NotFound, Conflict):
            return  # somebody was faster, or the person is gone: nothing more is sent there either way

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

    def _speech(self, request: web.Request, card: ContactCard | None) -> Translator:
        """The person's own language, unless the browser asks for another by `?lang=`."""
        if card is not None and card.language and "lang" not in request.query:
            return translator(card.language, self._services.settings.default_language)
        return self._pages.speech(request)

    def _done(self, speech: Translator, key: str, *, device: str = "") -> web.Response:
        """`device`: the token by which this browser may be added; "" offers nothing."""
        context = {
            "title": speech.text("page", f"{key}_title"),
            "lines": [speech.text("page", key)],
            "button": "",
            "device": device,
        }
        return self._pages.page("pages/message.html", speech, context)

    def _bad_link(self, request: web.Request, speech: Translator | None = None) -> web.Response:
        speech = speech or self._pages.speech(request)
        context = {
            "title": speech.text("page", "bad_link_title"),
            "lines": [speech.text("page", "bad_link")],
            "button": "",
        }
        return self._pages.page("pages/message.html", speech, context, 404)


async def _form(request: web.Request) -> dict[str, str]:
    """The fields of a form; none for a body that is no form."""
    try:
        fields = await request.post()
    except (ValueError, LookupError, AssertionError, web.RequestPayloadError, HttpProcessingError):
        return {}  # no boundary, a charset that nobody knows, broken packing
    return {name: value for name, value in fields.items() if isinstance(value, str)}
