"""`/alerts/{notice}/follow`: follow one thread until it is over, by e-mail or text, without an account.

The notice page sends the address; this page asks for the consent, and leads to the sign-up's page "One step left".
"""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

import msgspec
from aiohttp import web
from msgspec.structs import replace

from alerts.channels.i18n import LANGUAGES, Translator, direction, language_name
from alerts.channels.sms import home_prefixes
from alerts.commands.following import may_be_followed
from alerts.commands.ports import Idempotency
from alerts.contract.bodies import ConsentBody, SubscriberBody
from alerts.domain.notice import NoticeState
from alerts.kernel.errors import Conflict, Invalid
from alerts.services import Services
from alerts.web.http.requests import read
from alerts.web.http.routing import PUBLIC, Route
from alerts.web.public.forms import FormErrors, error_context, read_form, take_form
from alerts.web.public.page_frame import notice_id
from alerts.web.public.sign_up.check import AN_HOUR, LEAST_S
from alerts.web.public.sign_up.contact_fields import checked_email, checked_phone, meant_instead
from alerts.web.public.sign_up.draft import Draft, Drafts, SentForm
from alerts.web.public.templating import Pages
from alerts.web.public.why_view import title_of

_LONGEST = 254


def routes(services: Services) -> list[Route]:
    """Policy rows of following."""
    page = FollowPage(services)
    return [
        Route("GET", "/alerts/{notice}/follow", page.show, PUBLIC),
        Route("POST", "/alerts/{notice}/follow", page.take, PUBLIC),
    ]


class FollowPage:
    """Handlers of the page. Its draft is the sign-up's: the time it was opened, and a one-time key."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._pages = Pages(services)
        self._drafts = Drafts(services.settings.secret_key)

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Show the form."""
        t, thread = self._pages.translator(request), await self._thread(request)
        return self._page(t, thread, self._drafts.new(self._services.clock(), t.tag), "", FormErrors())

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Take the address from the notice page, then address and consent from this one."""
        t, thread, form = self._pages.translator(request), await self._thread(request), await read_form(request)
        now, typed, errors = self._services.clock(), form.line("address")[: _LONGEST + 1], FormErrors()
        opened = self._drafts.open(form.sealed("d"), now)
        draft = self._addressed(t, opened or self._drafts.new(now, t.tag), typed, errors)
        if opened is None:  # from the notice page, whose form is the same for everybody and holds no time
            return self._page(t, thread, draft, typed, errors)
        if not form.ticked("consent"):
            errors.add("consent", t.text("sign_up", "consent_missing"))
        elif now.timestamp() - opened.started < LEAST_S:
            errors.add("consent", t.text("sign_up", "too_fast"))
        if errors or not may_be_followed(thread[-1], now):
            return self._page(t, thread, draft, typed, errors)
        take_form(self._services.limits, request, "sign-up", AN_HOUR)
        title = title_of(thread[-1], t.tag, self._services.settings.default_language)[1]
        link = f"{self._path(thread)}?lang={t.tag}"
        sent = SentForm(draft=draft, at=int(now.timestamp()), follows=title, follow_link=link)
        if not form.line("website"):  # a field that nobody sees: whoever fills it in gets the same answer
            try:
                sent = await self._asked(t, thread[-1].thread, sent)
            except Invalid:
                errors.add("address", t.text("follow", "address_wrong"))
                return self._page(t, thread, draft, typed, errors)
        location = f"{self._pages.site.base}/subscribe/sent?lang={t.tag}&s={self._drafts.seal_sent(sent)}"
        return web.Response(status=303, headers={"Location": location})

    async def _asked(self, t: Translator, thread: UUID, sent: SentForm) -> SentForm:
        draft, now = sent.draft, self._services.clock()
        body = SubscriberBody(
            email=draft.email or None,
            phone=draft.phone or None,
            channels=draft.channels,
            language=t.tag,
            consent=ConsentBody(wording=t.text("follow", "consent"), given_at=now, how="form to follow a message"),
        )
        asked = hashlib.sha256(msgspec.json.encode((thread, draft.email, draft.phone))).digest()
        key = Idempotency("follow", "/alerts/follow", f"{draft.nonce}{asked.hex()[:16]}", asked)
        try:
            saved = await self._services.commands.follow(thread, body, idem=key)
        except Conflict:  # two people at once, or over since: answered as any other
            return sent
        phone = next((c.number for c in saved.contacts if c.channel == "sms"), 0)
        return replace(sent, subscriber=saved.id, phone_contact=phone)

    def _addressed(self, t: Translator, draft: Draft, typed: str, errors: FormErrors) -> Draft:
        """Return the draft with an e-mail address or a telephone number."""
        settings = self._services.settings
        email, phone, words = "", "", ""
        if any(c.isalpha() or c == "@" for c in typed) or not typed:
            email, words = checked_email(typed, t)
            if words:
                words = t.text("follow", "address_wrong")
            elif (meant := meant_instead(email)) and draft.email != email:
                words = t.text("sign_up", "email_meant", address=meant, button=t.text("follow", "button"))
        else:
            prefixes = settings.sms_prefixes or home_prefixes(settings.timezone)
            region = next((p for p in prefixes if not p.startswith("+")), "")
            phone, words = checked_phone(typed, region, prefixes, t)
            if words:
                is_number = words != t.text("sign_up", "phone_wrong")
                words = t.text("follow", "no_texts" if is_number else "address_wrong")
        if words:
            errors.add("address", words)
        return replace(draft, by_email=not phone, by_text=bool(phone), email=email, phone=phone)

    def _page(
        self, t: Translator, thread: list[NoticeState], draft: Draft, address: str, errors: FormErrors
    ) -> web.Response:
        language, title = title_of(thread[-1], t.tag, self._services.settings.default_language)
        here = self._path(thread)
        context: dict[str, Any] = {
            "headline": title,
            "lang": language,
            "dir": direction(language),
            "over": not may_be_followed(thread[-1], self._services.clock()),
            "address": address,
            "sealed": self._drafts.seal(draft),
            "action": f"{here}?lang={t.tag}",
            "back": f"{self._pages.site.base}/alerts/{thread[-1].thread}?lang={t.tag}",
            "languages": [(tag, language_name(tag), f"{here}?lang={tag}") for tag in LANGUAGES if tag != t.tag],
            **error_context(t, errors),
        }
        return self._pages.page("pages/follow.html", t, context, 422 if errors else 200)

    def _path(self, thread: list[NoticeState]) -> str:
        return f"{self._pages.site.base}/alerts/{thread[-1].thread}/follow"

    async def _thread(self, request: web.Request) -> list[NoticeState]:
        """Return the issued notices of the thread; 404 if there are none."""
        found = await read(self._services, self._services.views.thread, notice_id(request), issued=True)
        if not found:
            raise web.HTTPNotFound
        return list(found)
