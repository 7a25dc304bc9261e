"""Step 3, how: ways, frequency, danger to life, quiet hours, language."""

from __future__ import annotations

from typing import cast

import msgspec
from aiohttp import web
from msgspec.structs import replace

from alerts.channels.i18n import LANGUAGES, Translator, language_name
from alerts.channels.sms import home_prefixes
from alerts.contract.bodies import PushBody
from alerts.kernel.errors import Conflict, Invalid
from alerts.kernel.terms import Frequency
from alerts.web.http.requests import read
from alerts.web.public.forms import FormErrors, FormFields
from alerts.web.public.sign_up.contact_fields import checked_email, checked_phone, checked_time, meant_instead
from alerts.web.public.sign_up.draft import Draft
from alerts.web.public.sign_up.flow import SignUpFlow

FREQUENCIES = ("immediate", "daily", "weekly")
_LONGEST = 254


class HowStep:
    """Handlers of the third step."""

    def __init__(self, flow: SignUpFlow) -> None:
        self._flow = flow

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Show the step."""
        t, draft, form = await self._flow.opened(request)
        if not draft.all_places and not draft.everywhere:
            return self._flow.go("where", t, draft)
        return await self._page(t, draft, form, FormErrors())

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Take the ways and their settings."""
        t, draft, form = await self._flow.opened(request)
        errors = FormErrors()
        draft = await self._device(t, self._ways(t, draft, form, errors), form, errors)
        draft = replace(
            draft,
            frequency=cast(Frequency, form.one_of("frequency", FREQUENCIES, "immediate")),
            danger=form.ticked("danger"),
            discreet=form.ticked("discreet"),
            language=form.one_of("language", LANGUAGES, draft.language or t.tag),
        )
        draft = with_quiet_hours(t, draft, form, errors)
        if errors:
            return await self._page(t, draft, form, errors)
        return self._flow.go("check", t, draft)

    def _ways(self, t: Translator, draft: Draft, form: FormFields, errors: FormErrors) -> Draft:
        settings = self._flow.services.settings
        email, phone = form.line("email")[: _LONGEST + 1], form.line("phone")[:41]
        by_email, by_text = form.ticked("by-email"), form.ticked("by-text")
        if not by_email and not by_text and not form.ticked("by-push"):
            errors.add("by-email", t.text("sign_up", "ways_none"))
        if by_email:
            address, words = checked_email(email, t)
            if words:
                errors.add("email", words)
            elif (meant := meant_instead(address)) and form.line("kept-email") != address:
                errors.add("email", t.text("sign_up", "email_meant", address=meant, button=t.text("form", "continue")))
            email = address or email
        if by_text:
            prefixes = settings.sms_prefixes or home_prefixes(settings.timezone)
            region = next((p for p in prefixes if not p.startswith("+")), "")
            number, words = checked_phone(phone, region, prefixes, t)
            if words:
                errors.add("phone", words)
            phone = number or phone
        return replace(draft, by_email=by_email, by_text=by_text, email=email, phone=phone)

    async def _device(self, t: Translator, draft: Draft, form: FormFields, errors: FormErrors) -> Draft:
        """Take the browser itself as a way: its script has put its subscription into the form."""
        by_push, push = form.ticked("by-push"), _subscription(form.sealed("push")) or draft.push
        if by_push and push is None:
            errors.add("by-push", t.text("sign_up", "push_first"))
        elif by_push and push is not None:
            try:
                await self._flow.services.commands.check_device(push)
            except Invalid:
                push = None
                errors.add("by-push", t.text("page", "push_failed"))
            except Conflict:
                push = None
                errors.add("by-push", t.text("sign_up", "push_taken"))
        return replace(draft, by_push=by_push, push=push)

    async def _page(self, t: Translator, draft: Draft, form: FormFields, errors: FormErrors) -> web.Response:
        forecast = await read(self._flow.services, self._forecast, t, draft)
        context = {
            "draft": draft,
            "kept_email": draft.email,
            "frequencies": [
                (f, t.text("sign_up", f"frequency_{f}", forecast=forecast[0]), f == draft.frequency)
                for f in FREQUENCIES
            ],
            "danger_hint": forecast[1],
            "names": [(tag, language_name(tag), tag == (draft.language or t.tag)) for tag in LANGUAGES],
        }
        back = "check" if form.line("back") == "check" else ""
        return self._flow.page("how", t, draft, context, errors, back)

    def _forecast(self, t: Translator, draft: Draft) -> tuple[str, str]:
        known = tuple(slug for slug, _ in self._flow.topics(t))
        found = self._flow.forecasts.of(draft.preferences(known, self._flow.services.settings.timezone))
        return found.words(t), found.danger_words(t)


def _subscription(text: str) -> PushBody | None:
    """Read a push subscription, as the page's script writes it; None if it is none."""
    try:
        return msgspec.json.decode(text, type=PushBody) if text else None
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None


def with_quiet_hours(t: Translator, draft: Draft, form: FormFields, errors: FormErrors) -> Draft:
    """Take the quiet hours; what was typed stays if it is wrong."""
    start, end = form.line("quiet-from")[:10], form.line("quiet-to")[:10]
    quiet = form.ticked("quiet")
    first, last = checked_time(start), checked_time(end)
    if quiet:
        for name, time in (("quiet-from", first), ("quiet-to", last)):
            if not time:
                errors.add(name, t.text("sign_up", "time_wrong"))
        if first and first == last:
            errors.add("quiet-to", t.text("sign_up", "quiet_same"))
    return replace(
        draft,
        quiet=quiet,
        quiet_from=first or start or draft.quiet_from,
        quiet_to=last or end or draft.quiet_to,
        wake_for="emergency" if form.line("wake") == "emergency" else "danger",
    )
