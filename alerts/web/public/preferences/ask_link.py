"""Page that sends a fresh link to an address; known and unknown addresses get the same answer."""

from __future__ import annotations

from aiohttp import web

from alerts.channels.sms import home_prefixes
from alerts.web.public.forms import FormErrors, error_context, read_form, take_form
from alerts.web.public.preferences.center import PreferenceCenter, redirect
from alerts.web.public.sign_up.contact_fields import checked_email, checked_phone

_AN_HOUR = 30


class AskLink:
    """Handlers of the page."""

    def __init__(self, center: PreferenceCenter) -> None:
        self._center, self._services = center, center.services

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Show the form, or that a link is on its way."""
        return self._page(request, FormErrors(), "")

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Send the link."""
        form, errors, t = await read_form(request), FormErrors(), self._center.pages.translator(request)
        typed = form.line("address")[:255]
        if "@" in typed:
            channel, (address, words) = "email", checked_email(typed, t)
        else:
            settings = self._services.settings
            prefixes = settings.sms_prefixes or home_prefixes(settings.timezone)
            region = next((p for p in prefixes if not p.startswith("+")), "")
            channel, (address, words) = "sms", checked_phone(typed, region, prefixes, t)
        if words:
            errors.add("address", t.text("preferences", "ask_wrong"))
            return self._page(request, errors, typed)
        take_form(self._services.limits, request, "fresh link", _AN_HOUR)
        await self._services.commands.send_link("email" if channel == "email" else "sms", address)
        return redirect(f"{self._center.pages.site.base}/preferences?sent=1&lang={t.tag}")

    def _page(self, request: web.Request, errors: FormErrors, typed: str) -> web.Response:
        t = self._center.pages.translator(request)
        context = {
            "address": typed,
            "sent": request.query.get("sent") == "1" and not errors,
            "action": f"{self._center.pages.site.base}/preferences?lang={t.tag}",
            "languages": self._center.pages.languages(request.path, t),
            **error_context(t, errors),
        }
        return self._center.pages.page("pages/preferences/ask_link.html", t, context, 422 if errors else 200)
