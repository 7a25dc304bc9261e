"""Last step: the message is on its way; a code can be entered, the message asked for again, the address changed."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parseaddr

from aiohttp import web
from msgspec.structs import replace

from alerts.channels.i18n import Translator
from alerts.kernel.confirmation_codes import is_confirmation_code
from alerts.kernel.errors import Conflict, Invalid, NotFound
from alerts.kernel.signed_tokens import contact_token
from alerts.web.public.forms import FormErrors, error_context, read_form, take_form
from alerts.web.public.sign_up.draft import SentForm
from alerts.web.public.sign_up.flow import SignUpFlow
from alerts.web.public.sign_up.where import place_words

WAIT_S = 60
"""Seconds until the message may be asked for again."""
_AN_HOUR = 60


class SentPage:
    """Handlers of the page after the four steps."""

    def __init__(self, flow: SignUpFlow) -> None:
        self._flow = flow

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Show the page."""
        t = self._flow.pages.translator(request)
        sent = self._flow.drafts.open_sent(request.query.get("s", ""))
        if sent is None:
            return web.Response(status=303, headers={"Location": f"{self._flow.url('where')}?lang={t.tag}"})
        return self._page(t, sent, FormErrors())

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Take a code, or ask for the message again."""
        t, form = self._flow.pages.translator(request), await read_form(request)
        sent = self._flow.drafts.open_sent(form.sealed("s"))
        if sent is None:
            return web.Response(status=303, headers={"Location": f"{self._flow.url('where')}?lang={t.tag}"})
        take_form(self._flow.services.limits, request, "sign-up sent", _AN_HOUR)
        errors, now = FormErrors(), self._flow.services.clock()
        if form.line("do") == "again":
            if now.timestamp() - sent.at < WAIT_S:
                errors.add("again", t.text("sign_up", "again_wait"))
                return self._page(t, sent, errors)
            await self._again(sent)
            sent = replace(sent, at=int(now.timestamp()), again=True)
            location = f"{self._flow.url('sent')}?lang={t.tag}&s={self._flow.drafts.seal_sent(sent)}"
            return web.Response(status=303, headers={"Location": location})
        confirmed = await self._by_code(t, sent, form.line("code")[:20], errors)
        if confirmed is not None:
            return web.Response(status=303, headers={"Location": confirmed})
        return self._page(t, sent, errors)

    async def _again(self, sent: SentForm) -> None:
        commands, draft = self._flow.services.commands, sent.draft
        if draft.by_email and draft.email:
            await commands.send_link("email", draft.email)
        if draft.by_text and draft.phone:
            await commands.send_link("sms", draft.phone)
        if draft.by_push and draft.push:
            with suppress(Invalid, Conflict):  # it is confirmed by now, or not served any more
                await commands.send_link("push", await commands.check_device(draft.push))

    async def _by_code(self, t: Translator, sent: SentForm, code: str, errors: FormErrors) -> str | None:
        """Return where a right code leads to; None with an error for a wrong one."""
        services = self._flow.services
        if not code:
            errors.add("code", t.text("sign_up", "code_empty"))
            return None
        if sent.subscriber is None or not sent.phone_contact:
            errors.add("code", t.text("sign_up", "code_wrong", left=t.number(2)))
            return None
        keys = services.settings.secret_key
        right = is_confirmation_code(keys, sent.phone_contact, code, services.clock())
        try:
            tried = await services.commands.try_code(sent.subscriber, sent.phone_contact, right=right)
        except (NotFound, Conflict):
            errors.add("code", t.text("sign_up", "code_spent"))
            return None
        if tried.confirmed:
            token = contact_token(keys, "confirm", sent.subscriber, sent.phone_contact)
            return f"{self._flow.pages.site.base}/confirm/{token}?lang={t.tag}"
        left = t.number(tried.left)
        errors.add(
            "code", t.text("sign_up", "code_wrong", left=left) if tried.left else t.text("sign_up", "code_spent")
        )
        return None

    def _page(self, t: Translator, sent: SentForm, errors: FormErrors) -> web.Response:
        draft, settings = sent.draft, self._flow.services.settings
        until = datetime.fromtimestamp(sent.at, UTC).timestamp() + 7 * 86_400
        context = {
            "here": "subscribe",
            "action": f"{self._flow.url('sent')}?lang={t.tag}",
            "sealed": self._flow.drafts.seal_sent(sent),
            "email": draft.email if draft.by_email else "",
            "phone": draft.phone if draft.by_text else "",
            "follows": sent.follows,
            "device": draft.by_push,
            "places": [place_words(t, place) for place in draft.all_places] or [t.text("page", "everywhere")],
            "sender": parseaddr(settings.sender)[1],
            "until": t.day(datetime.fromtimestamp(until, UTC), settings.timezone),
            "again": sent.again,
            "change": sent.follow_link or self._flow.link("how", t, draft, back="check"),
            **error_context(t, errors),
        }
        return self._flow.pages.page("pages/sign_up/sent.html", t, context, 422 if errors else 200)
