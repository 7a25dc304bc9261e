"""`/alerts/{notice}/feedback`: was it useful, yes or no, and something to tell us; counted for each thread.

The notice page includes `pages/feedback.html`; this resource takes what it sends.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from aiohttp import web

from alerts.channels.i18n import Translator
from alerts.commands.ports import Idempotency
from alerts.commands.reports import WORDS_MOST
from alerts.kernel.ids import mac
from alerts.kernel.texts import without_forbidden, without_hidden
from alerts.services import Services
from alerts.web.http.requests import digest, read
from alerts.web.http.routing import PUBLIC, Route
from alerts.web.public.multipart_form import read_upload
from alerts.web.public.templating import Pages

_SAME_S = 60
"""Seconds in which the same press from one browser counts once. The notice page is one and the same for all readers,
so that its form can hold no key of its own."""


def routes(services: Services) -> list[Route]:
    """Policy rows of feedback."""
    pages = FeedbackPages(services)
    return [
        Route("GET", "/alerts/{notice}/feedback", pages.form, PUBLIC),
        Route("POST", "/alerts/{notice}/feedback", pages.take, PUBLIC),
    ]


class FeedbackPages:
    """Handlers of feedback."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._pages = Pages(services)

    async def form(self, request: web.Request) -> web.Response:
        """Show the form on a page of its own, or thanks (`?thanks=`)."""
        notice, t = await self._notice(request), self._pages.translator(request)
        thanks = request.query.get("thanks", "")
        if thanks in ("vote", "words"):
            context = {"thanks": t.text("feedback", f"thanks_{thanks}"), "voted": thanks == "vote"}
            return self._page(notice, t, context, 200)
        return self._page(notice, t, {}, 200)

    async def take(self, request: web.Request) -> web.Response:
        """Count a vote, or record what was written."""
        notice, t = await self._notice(request), self._pages.translator(request)
        fields = (await read_upload(request, "", 0)).fields
        useful = fields.get("useful", "")
        if useful in ("yes", "no"):
            await self._services.commands.vote(notice, useful == "yes", idem=self._once(request, notice, useful))
            raise self._thanks(notice, t, "vote")
        words = without_hidden(without_forbidden(fields.get("words", "").replace("\r\n", "\n"))).strip()
        error = ""
        if not words:
            error = t.text("feedback", "e_empty")
        elif len(words) > WORDS_MOST:
            error = t.text("feedback", "e_long", count=t.number(len(words)), most=t.number(WORDS_MOST))
        if error:
            return self._page(notice, t, {"words": words, "error": error}, 422)
        await self._services.commands.comment(notice, words, t.tag, idem=self._once(request, notice, words))
        raise self._thanks(notice, t, "words")

    async def _notice(self, request: web.Request) -> UUID:
        """Return the thread's first notice; 404 unless it was issued."""
        try:
            notice = UUID(request.match_info["notice"])
        except ValueError:
            raise web.HTTPNotFound from None
        state = await read(self._services, self._services.views.notice, notice)
        if state is None or not state.issued:
            raise web.HTTPNotFound
        return state.thread

    def _once(self, request: web.Request, notice: UUID, what: str) -> Idempotency:
        minute = int(self._services.clock().timestamp()) // _SAME_S
        reader = f"{request.remote}\x1f{request.headers.get('User-Agent', '')}\x1f{minute}\x1f{what}"
        key = mac(self._services.settings.secret_key.key("feedback"), reader.encode()).hex()
        return Idempotency(caller="form", path=f"/alerts/{notice}/feedback", key=key, digest=bytes.fromhex(digest(b"")))

    def _thanks(self, notice: UUID, t: Translator, what: str) -> web.HTTPSeeOther:
        return web.HTTPSeeOther(f"{self._path(notice)}?lang={t.tag}&thanks={what}")

    def _path(self, notice: UUID) -> str:
        return f"{self._pages.site.base}/alerts/{notice}/feedback"

    def _page(self, notice: UUID, t: Translator, context: dict[str, Any], status: int) -> web.Response:
        back = f"{self._pages.site.base}/alerts/{notice}?lang={t.tag}"
        shared = {
            "feedback": self._path(notice),
            "back": back,
            "languages": self._pages.languages(self._path(notice), t),
        }
        return self._pages.page("pages/feedback_page.html", t, {**shared, **context}, status)
