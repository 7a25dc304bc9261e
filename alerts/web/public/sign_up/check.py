"""Step 4, check: everything in rows, the consent, and the request itself."""

from __future__ import annotations

import hashlib

import msgspec
from aiohttp import web

from alerts.channels.i18n import Translator, language_name
from alerts.commands.ports import Idempotency
from alerts.kernel.errors import Conflict, Invalid
from alerts.web.http.requests import read
from alerts.web.public.forms import FormErrors, take_form
from alerts.web.public.issuers import consent_lines, mark, wording
from alerts.web.public.sign_up.draft import Draft, SentForm
from alerts.web.public.sign_up.flow import SignUpFlow
from alerts.web.public.sign_up.where import place_words

AN_HOUR = 30
"""Sign-ups of one network in an hour: a library's computers share one."""
LEAST_S = 2
"""Seconds that a person needs at the least, from the first page to the last button."""


class CheckStep:
    """Handlers of the fourth step."""

    def __init__(self, flow: SignUpFlow) -> None:
        self._flow = flow

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Show the step; what is missing is asked first."""
        t, draft, _ = await self._flow.opened(request)
        if (missing := _missing(draft)) is not None:
            return self._flow.go(missing, t, draft)
        return await self._page(t, draft, FormErrors())

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Take the consent, and ask for the confirmation."""
        t, draft, form = await self._flow.opened(request)
        if (missing := _missing(draft)) is not None:
            return self._flow.go(missing, t, draft)
        errors, now = FormErrors(), self._flow.services.clock()
        if not form.ticked("consent"):
            errors.add("consent", t.text("sign_up", "consent_missing"))
        elif now.timestamp() - draft.started < LEAST_S:
            errors.add("consent", t.text("sign_up", "too_fast"))
        lines = await read(self._flow.services, consent_lines, self._flow.services, t)
        if not errors and form.line("words") != mark(lines):
            errors.add("consent", t.text("sign_up", "consent_changed"))
        if errors:
            return await self._page(t, draft, errors)
        take_form(self._flow.services.limits, request, "sign-up", AN_HOUR)
        sent = SentForm(draft=draft, at=int(now.timestamp()))
        if not form.line("website"):  # a field that nobody sees: whoever fills it in gets the same answer
            try:
                sent = await self._signed_up(t, draft, wording(t.text("sign_up", "consent"), lines))
            except Invalid as error:
                errors.add("consent", error.message)
                return await self._page(t, draft, errors)
        location = f"{self._flow.url('sent')}?lang={t.tag}&s={self._flow.drafts.seal_sent(sent)}"
        return web.Response(status=303, headers={"Location": location})

    async def _signed_up(self, t: Translator, draft: Draft, agreed: str) -> SentForm:
        services, known = self._flow.services, await self._flow.known_topics(t)
        now = services.clock()
        body = draft.body(known, agreed, now)
        asked = hashlib.sha256(msgspec.json.encode(msgspec.structs.replace(draft, started=0))).digest()
        key = Idempotency("sign-up", "/subscribe", f"{draft.nonce}{asked.hex()[:16]}", asked)
        sent = SentForm(draft=draft, at=int(now.timestamp()))
        try:
            saved = await services.commands.sign_up(body, idem=key)
        except Conflict:  # two people at once: the address is answered as any other
            return sent
        # A known number has tries to lose as any other: nobody learns from them that it is known.
        phone = next((c.number for c in saved.contacts if c.channel == "sms"), 0)
        return msgspec.structs.replace(sent, subscriber=saved.id, phone_contact=phone)

    async def _page(self, t: Translator, draft: Draft, errors: FormErrors) -> web.Response:
        forecast = await read(self._flow.services, self._forecast, t, draft)
        topics = dict(await read(self._flow.services, self._flow.topics, t))
        letters = dict(await read(self._flow.services, self._flow.newsletters))
        lines = await read(self._flow.services, consent_lines, self._flow.services, t)
        context = {
            "organisations": lines,
            "words": mark(lines),
            "rows": _rows(self._flow, t, draft, topics, letters),
            "forecast": forecast,
            "only_newsletters": not [topic for topic in topics if topic not in draft.unticked],
            "consent": t.text("sign_up", "consent"),
        }
        return self._flow.page("check", t, draft, context, errors)

    def _forecast(self, t: Translator, draft: Draft) -> str:
        known = tuple(slug for slug, _ in self._flow.topics(t))
        zone = self._flow.services.settings.timezone
        return self._flow.forecasts.of(draft.preferences(known, zone)).words(t)


def _rows(
    flow: SignUpFlow, t: Translator, draft: Draft, topics: dict[str, str], letters: dict[str, str]
) -> list[dict[str, object]]:
    """Return the rows: name, lines, link to change it."""
    wanted = [name for slug, name in topics.items() if slug not in draft.unticked]
    what = [t.text("sign_up", "all_topics")] if len(wanted) == len(topics) else [t.comma.join(wanted)] if wanted else []
    what += [letters[slug] for slug in draft.newsletters if slug in letters]
    what.append(t.text("sign_up", f"floor_{draft.severity or 'all'}"))
    where = [place_words(t, place) for place in draft.all_places]
    how = [draft.email] * draft.by_email + [draft.phone] * draft.by_text
    device = [t.text("sign_up", "by_push")] * draft.by_push
    quiet = (
        t.text("hours", "span", start=draft.quiet_from, end=draft.quiet_to) if draft.quiet else t.text("sign_up", "no")
    )
    often, veiled = t.text("sign_up", f"often_{draft.frequency}"), [t.text("discreet", "on")] * draft.discreet
    return [
        _row(flow, t, draft, "where", "where", where or [t.text("page", "everywhere")]),
        _row(flow, t, draft, "what", "what", what),
        _row(flow, t, draft, "how", "danger", [t.text("sign_up", "danger_on" if draft.danger else "danger_off")]),
        _row(flow, t, draft, "how", "how", [*how, *device, often, *veiled], ltr=len(how)),
        _row(flow, t, draft, "how", "quiet", [quiet]),
        _row(flow, t, draft, "how", "language", [language_name(draft.language or t.tag)]),
    ]


def _row(
    flow: SignUpFlow, t: Translator, draft: Draft, step: str, name: str, lines: list[str], ltr: int = 0
) -> dict[str, object]:
    return {
        "name": t.text("sign_up", f"row_{name}"),
        "lines": lines,
        "ltr": ltr,
        "link": flow.link(step, t, draft, back="check"),
    }


def _missing(draft: Draft) -> str | None:
    """Return the step that is not done yet."""
    if not draft.all_places and not draft.everywhere:
        return "where"
    if not draft.is_reachable:
        return "how"
    return None
