"""Confirmation of an address by the link that was sent there: a page with a button; a GET confirms nothing.

Expired, used and unknown links have a page each, which says what the link was for and offers a fresh one.
"""

from __future__ import annotations

from uuid import UUID

from aiohttp import web

from alerts.channels.i18n import Translator, translator
from alerts.kernel.errors import Conflict, NotFound
from alerts.kernel.signed_tokens import read_contact_token
from alerts.services import Services
from alerts.web.http.requests import read
from alerts.web.http.routing import TOKEN, Route
from alerts.web.public.forms import read_form
from alerts.web.public.preferences.center import redirect
from alerts.web.public.templating import Pages
from subscribers.domain.subscriber import SUBSCRIBER, ContactState, SubscriberState


def routes(services: Services) -> list[Route]:
    """Policy rows of the confirmation."""
    page = Confirm(services)
    return [
        Route("GET", "/confirm/{token}", page.ask, TOKEN),
        Route("POST", "/confirm/{token}", page.take, TOKEN),
    ]


class Confirm:
    """Handlers of the link; the token names a subscriber and a contact point."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._pages = Pages(services)

    async def ask(self, request: web.Request) -> web.Response:
        """Show the button; after that, that it is done."""
        subject = self._subject(request)
        state = await self._state(subject)
        t = self._translator(request, state)
        contact = state.contact(subject[1]) if subject is not None and state is not None else None
        if subject is None or state is None or contact is None or state.phase == "erased":
            return self._closed(request, t, "unknown")
        if contact.state == "verified" and state.phase == "confirmed":
            return await self._confirmed(request, t, state, contact)
        if request.query.get("sent") == "1":
            return self._closed(request, t, "expired", 200)
        # A contact point that was taken over may still confirm who has the address since (RULES, "Identity").
        if state.phase in ("lapsed", "ended") and contact.state != "removed":
            return self._closed(request, t, "expired")
        section = _section(state)
        context = {
            "title": t.text(section, "confirm_title"),
            "lines": [t.text(section, "confirm_hint")],
            "button": t.text(section, "confirm_button"),
        }
        return self._pages.page("pages/message.html", t, context)

    async def take(self, request: web.Request) -> web.Response:
        """Verify the contact point, or send a fresh link to it."""
        subject = self._subject(request)
        if subject is None:
            return self._closed(request, self._translator(request, None), "unknown")
        form, here = await read_form(request), f"{self._pages.site.base}{request.path}"
        if form.line("do") == "again":
            await self._services.commands.send_link_to(*subject)
            return redirect(f"{here}?sent=1")
        state = await self._state(subject)
        t = self._translator(request, state)
        try:
            saved = await self._services.commands.confirm_contact(subject[1], subject[0])
        except (NotFound, Conflict):  # expired, ended or erased since
            expired = state is not None and state.phase in ("lapsed", "ended")
            return self._closed(request, t, "expired" if expired else "unknown")
        if saved.id != subject[0]:  # the address is another person's since, who is confirmed now
            return self._plain(t, "confirmed")
        return redirect(here)

    async def _confirmed(
        self, request: web.Request, t: Translator, state: SubscriberState, contact: ContactState
    ) -> web.Response:
        """Say that it is done: for an hour with the way to everything, later that the link was used."""
        links, section = self._services.fresh_links, _section(state)
        token = await read(self._services, links.after_confirmation, state.id, contact.number)
        if token is None:
            return self._closed(request, t, "used", 200)
        base = self._pages.site.base
        context = {
            "title": t.text(section, "confirmed_title"),
            "lines": [t.text(section, "confirmed")],
            "button": "",
            "device": token,
            "own_device": links.of_device(state.id, contact.number) if contact.channel == "push" else "",
            "link": f"{base}/preferences/{token}",
            "link_words": t.text("preferences", "see_all"),
        }
        return self._pages.page("pages/message.html", t, context)

    def _plain(self, t: Translator, key: str) -> web.Response:
        context = {"title": t.text("page", f"{key}_title"), "lines": [t.text("page", key)], "button": ""}
        return self._pages.page("pages/message.html", t, context)

    def _closed(self, request: web.Request, t: Translator, why: str, status: int = 0) -> web.Response:
        """Show the page of a link that confirms nothing."""
        context = {"why": why, "sent": request.query.get("sent") == "1", "action": request.path}
        return self._pages.page("pages/confirm_closed.html", t, context, status or (404 if why == "unknown" else 410))

    async def _state(self, subject: tuple[UUID, int] | None) -> SubscriberState | None:
        if subject is None:
            return None
        return await read(self._services, self._services.log.state, SUBSCRIBER, subject[0])

    def _subject(self, request: web.Request) -> tuple[UUID, int] | None:
        return read_contact_token(self._services.settings.secret_key, "confirm", request.match_info["token"])

    def _translator(self, request: web.Request, state: SubscriberState | None) -> Translator:
        """Return the translator for the person's own language, unless `?lang=` requests another."""
        if state is not None and state.preferences is not None and "lang" not in request.query:
            return translator(state.preferences.language, self._services.settings.default_language)
        return self._pages.translator(request)


def _section(state: SubscriberState) -> str:
    """Section of the words: of one message that is followed, or of alerts."""
    return "follow" if state.preferences is not None and state.preferences.only_followed else "page"
