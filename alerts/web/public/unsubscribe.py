"""Way out behind the link of each message: this address, one topic, or everything; undone for a week.

A GET changes nothing: mail scanners open links. The one-click POST of mail programs (RFC 8058) is done at once.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from aiohttp import web

from alerts.channels.i18n import Translator, translator
from alerts.channels.registry import REGISTRY
from alerts.commands.actor import RESIDENT
from alerts.kernel.errors import Conflict, NotFound
from alerts.kernel.signed_tokens import contact_token, read_delivery_token
from alerts.kernel.terms import NEWSLETTER_PREFIX, SERVICE_CHANGES_TOPIC
from alerts.services import Services
from alerts.web.http.requests import read
from alerts.web.http.routing import TOKEN, Route
from alerts.web.public.forms import read_form
from alerts.web.public.preferences.center import redirect
from alerts.web.public.templating import Pages
from subscribers.directory import ContactCard
from subscribers.domain.lifecycle import UNDO_FOR, UNDOABLE
from subscribers.domain.subscriber import EVERYTHING, SUBSCRIBER, SubscriberState

ONE_CLICK = ("List-Unsubscribe", "One-Click")


def routes(services: Services) -> list[Route]:
    """Policy rows of the way out."""
    page = Unsubscribe(services)
    return [
        Route("GET", "/unsubscribe/{token}", page.ask, TOKEN),
        Route("POST", "/unsubscribe/{token}", page.take, TOKEN),
    ]


class Unsubscribe:
    """Handlers of the link; the token names a delivery."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._pages = Pages(services)

    async def ask(self, request: web.Request) -> web.Response:
        """Show what can be stopped; after that since when it is, and the way back."""
        found = await self._card(request)
        if found is None:
            return self._bad_link(request)
        number, card = found
        t = self._translator(request, card)
        state = await read(self._services, self._services.log.state, SUBSCRIBER, card.subscriber)
        contact = state.contact(card.number) if state is not None else None
        if state is None or contact is None or contact.state == "removed" or state.phase != "confirmed":
            return self._stopped(t, card, state, everything=contact is not None and contact.state != "removed")
        return await self._page(request, t, number, card, state)

    async def take(self, request: web.Request) -> web.Response:
        """Stop this address at once (RFC 8058), everything, or one topic; or undo it. Idempotent."""
        found = await self._card(request)
        if found is None:
            return self._bad_link(request)
        card = found[1]
        form, t = await read_form(request), self._translator(request, card)
        here = f"{self._pages.site.base}{request.path}"
        if form.ticked("undo"):
            await self._undo(card)
            return redirect(f"{here}?undone=1")
        if form.ticked("everything"):
            await self._end(card.subscriber)
            return redirect(here)
        if form.ticked("unfollow"):
            await self._unfollow(found[0], card)
            return redirect(here)
        if form.line("topic"):
            stopped = await self._stop_topic(card, form.line("topic"))
            return redirect(f"{here}?topic={form.line('topic')[:80]}" if stopped else here)
        if form.line(ONE_CLICK[0]) != ONE_CLICK[1]:
            return await self.ask(request)
        await self._remove(card.number)
        state = await read(self._services, self._services.log.state, SUBSCRIBER, card.subscriber)
        return self._stopped(t, card, state, everything=False)

    # --- pages

    async def _page(
        self, request: web.Request, t: Translator, number: int, card: ContactCard, state: SubscriberState
    ) -> web.Response:
        notice = await read(self._services, self._services.views.notice_by_number, number)
        topic = notice.plan.topic if notice is not None else None
        if notice is not None and topic is None and notice.plan.kind == "service-change":
            topic = SERVICE_CHANGES_TOPIC
        danger = state.preferences is not None and state.preferences.danger_to_life
        token = contact_token(self._services.settings.secret_key, "preferences", card.subscriber, card.number)
        wanted = state.preferences.topics if state.preferences else ()
        alone = state.preferences is not None and state.preferences.only_followed
        followed = state.preferences.followed if state.preferences else ()
        stopped = request.query.get("topic", "")
        context: dict[str, Any] = {
            "lead": t.text("page", REGISTRY[card.channel].stop_page_key),
            "topic": topic
            if topic and not alone and (topic in wanted or (not wanted and not topic.startswith("newsletter")))
            else "",
            "follows": not alone and notice is not None and notice.thread in followed,
            "topic_name": t.topic(topic) if topic else "",
            "stopped_topic": t.topic(stopped) if stopped and wanted and stopped not in wanted else "",
            "undone": request.query.get("undone") == "1",
            "loses_danger": danger,
            "last": len(state.current) == 1,
            "preferences": f"{self._pages.site.base}/preferences/{token}",
        }
        return self._pages.page("pages/stop.html", t, context)

    def _stopped(
        self, t: Translator, card: ContactCard, state: SubscriberState | None, *, everything: bool
    ) -> web.Response:
        """Say since when nothing is sent, and offer the way back while there is one."""
        left = None if state is None else state.leaving(card.number) or state.leaving(EVERYTHING)
        if state is not None and everything:
            left = state.leaving(EVERYTHING) or left
        zone, now = self._services.settings.timezone, self._services.clock()
        back_until: datetime | None = None
        if left is not None and left.by in UNDOABLE and now - left.at <= UNDO_FOR and card.address is not None:
            back_until = left.at + UNDO_FOR
        key = "stopped_all" if everything else "stopped"
        context = {
            "title": t.text("page", f"{key}_title"),
            "words": t.text("page", key),
            "since": t.text("unsubscribe", "since", time=t.time(left.at, zone)) if left is not None else "",
            "until": t.text("unsubscribe", "undo_until", day=t.day(back_until, zone)) if back_until else "",
        }
        return self._pages.page("pages/stopped.html", t, context)

    def _bad_link(self, request: web.Request) -> web.Response:
        t = self._pages.translator(request)
        context = {"title": t.text("page", "bad_link_title"), "lines": [t.text("page", "bad_link")], "button": ""}
        return self._pages.page("pages/message.html", t, context, 404)

    # --- what is asked for

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

    async def _undo(self, card: ContactCard) -> None:
        try:
            await self._services.commands.undo_leaving(card.subscriber, card.number)
        except (NotFound, Conflict):
            return  # too late, or erased: the page says so

    async def _unfollow(self, number: int, card: ContactCard) -> None:
        notice = await read(self._services, self._services.views.notice_by_number, number)
        if notice is not None:
            await self._services.commands.unfollow(card.subscriber, notice.thread)

    async def _stop_topic(self, card: ContactCard, topic: str) -> bool:
        """Take one topic from those wanted; False if it is not among them, or is the last one."""
        state = await read(self._services, self._services.log.state, SUBSCRIBER, card.subscriber)
        if state is None or state.phase != "confirmed" or state.preferences is None:
            return False
        known = [t.slug for t in await read(self._services, self._services.views.topics)]
        wanted = state.preferences.topics or tuple(s for s in known if not s.startswith(NEWSLETTER_PREFIX))
        left = tuple(slug for slug in wanted if slug != topic)
        if topic not in wanted or not left:
            return False
        changed = msgspec.structs.replace(state.preferences, topics=left)
        await self._services.commands.change_own_preferences(card.subscriber, changed)
        return True

    async def _card(self, request: web.Request) -> tuple[int, ContactCard] | None:
        """Return the number of the notice, and the contact point that got it."""
        keys = self._services.settings.secret_key
        numbers = read_delivery_token(keys, "unsubscribe", request.match_info["token"])
        if numbers is None:
            return None
        cards = await read(self._services, self._services.directory.cards, [numbers[1]])
        card = cards.get(numbers[1])
        return None if card is None else (numbers[0], card)

    def _translator(self, request: web.Request, card: ContactCard) -> Translator:
        """Return the translator for the person's own language, unless `?lang=` requests another."""
        if card.language and "lang" not in request.query:
            return translator(card.language, self._services.settings.default_language)
        return self._pages.translator(request)
