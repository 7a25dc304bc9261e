"""A person's own data: addresses, a copy of everything, erasure. For the holder of a fresh link."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from aiohttp import web

from alerts.channels.i18n import Translator
from alerts.channels.sms import home_prefixes
from alerts.commands.actor import RESIDENT
from alerts.commands.preferences import subscriber_json
from alerts.kernel.errors import Conflict, Invalid, NotFound
from alerts.kernel.terms import CHANNEL_TERMS, Channel
from alerts.web.http.requests import read
from alerts.web.public.forms import FormErrors, FormFields, read_form
from alerts.web.public.preferences.access import OwnAccess
from alerts.web.public.preferences.center import PreferenceCenter, redirect
from alerts.web.public.preferences.overview import contact_words
from alerts.web.public.sign_up.contact_fields import checked_email, checked_phone

_PAGE = 500


class OwnData:
    """Handlers of addresses, export and erasure."""

    def __init__(self, center: PreferenceCenter) -> None:
        self._center, self._services = center, center.services

    async def addresses(self, request: web.Request, own: OwnAccess, t: Translator) -> web.StreamResponse:
        """Show the addresses; add one, which is confirmed first, or remove one."""
        errors, email, phone = FormErrors(), "", ""
        if request.method == "POST":
            form = await read_form(request)
            email, phone = form.line("email")[:255], form.line("phone")[:41]
            if (removed := form.line("do")).startswith("remove-"):
                return await self._remove(own, removed.removeprefix("remove-"))
            added = self._given(t, form, errors, email, phone)
            if added is not None:
                try:
                    await self._services.commands.add_own_address(own.state.id, *added)
                except (Conflict, Invalid):
                    pass  # of somebody else: answered alike
                return redirect(self._center.url(own.token, saved="address_asked"))
        context = {
            "points": [
                (contact.number, contact_words(t, contact, fresh=True), contact.state == "verified")
                for contact in own.state.current
            ],
            "only_one": len(own.state.current) == 1,
            "email": email,
            "phone": phone,
        }
        return self._center.page("addresses", request, t, own, context, errors)

    def _given(
        self, t: Translator, form: FormFields, errors: FormErrors, email: str, phone: str
    ) -> tuple[Channel, str] | None:
        settings = self._services.settings
        if form.line("do") == "phone":
            prefixes = settings.sms_prefixes or home_prefixes(settings.timezone)
            region = next((p for p in prefixes if not p.startswith("+")), "")
            number, words = checked_phone(phone, region, prefixes, t)
            if words:
                errors.add("phone", words)
            return ("sms", number) if number else None
        address, words = checked_email(email, t)
        if words:
            errors.add("email", words)
        return ("email", address) if address else None

    async def _remove(self, own: OwnAccess, number: str) -> web.Response:
        """Remove another contact point than the last one, which only the page that stops everything does."""
        theirs = next((c for c in own.state.current if str(c.number) == number), None)
        if theirs is not None and len(own.state.current) > 1:
            await self._services.commands.remove_own_contact(RESIDENT, own.state.id, theirs.number)
        return redirect(self._center.url(own.token, saved="addresses"))

    async def ask_export(self, request: web.Request, own: OwnAccess, t: Translator) -> web.StreamResponse:
        """Show the page with the button of the download."""
        return self._center.page("export", request, t, own, {})

    async def export(self, request: web.Request, own: OwnAccess, t: Translator) -> web.StreamResponse:
        """Send everything that is stored about the person, as JSON."""
        document = await read(self._services, self._document, own)
        body = msgspec.json.format(msgspec.json.encode(document), indent=2)
        headers = {"Content-Disposition": 'attachment; filename="my-alerts.json"', "Cache-Control": "no-store"}
        return web.Response(body=body, content_type="application/json", headers=headers)

    async def ask_erase(self, request: web.Request, own: OwnAccess, t: Translator) -> web.StreamResponse:
        """Show what an erasure means, with its button."""
        return self._center.page("erase", request, t, own, {})

    async def erase(self, request: web.Request, own: OwnAccess, t: Translator) -> web.StreamResponse:
        """Erase the person, and show the certificate."""
        form = await read_form(request)
        if form.line("do") != "erase":
            return await self.ask_erase(request, own, t)
        try:
            saved = await self._services.commands.erase_subscriber(RESIDENT, own.state.id)
        except NotFound:
            return redirect(self._center.url(own.token))
        zone = self._services.settings.timezone
        now = self._services.clock()
        context = {
            "reference": str(own.state.id),
            "entry": t.number(saved.position),
            "at": f"{t.time(now, zone)} {now.year}",
        }
        return self._center.pages.page("pages/preferences/erased.html", t, context)

    def _document(self, own: OwnAccess) -> dict[str, Any]:
        """Collect what is stored: preferences, addresses, consent, history, messages. Blocks."""
        state = own.state
        events = [
            {
                "at": recorded.at.isoformat(),
                "what": recorded.event.topic(),
                "by": recorded.by,
                "data": msgspec.to_builtins(recorded.event, str_keys=True),
            }
            for recorded in self._services.log.stream(state.id)
        ]
        numbers = [contact.number for contact in state.contacts]
        rows = self._services.dispatch.deliveries(contacts=numbers, limit=_PAGE).items
        return {
            "about": "Everything that this service stores about you.",
            "at": self._services.clock().isoformat(),
            "id": str(state.id),
            "state": state.phase,
            "since": state.since.isoformat(),
            "preferences": subscriber_json(state),
            "followed": [str(thread) for thread in state.preferences.followed] if state.preferences else [],
            "addresses": [
                {"channel": CHANNEL_TERMS[c.channel].noun, "address": c.address, "state": c.state}
                for c in state.contacts
            ],
            "consent": msgspec.to_builtins(state.consent),
            "history": events,
            "messages": [
                {
                    "notice": _title(self._services.views.notice_by_number(row.notice)),
                    "channel": row.channel,
                    "state": row.state,
                    "at": _iso(row.last_at or row.first_at),
                }
                for row in rows
            ],
        }


def _title(notice: Any) -> str:
    content = None if notice is None else next(iter(notice.plan.content.values()), None)
    return content.title if content is not None else "about the subscription itself"


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
