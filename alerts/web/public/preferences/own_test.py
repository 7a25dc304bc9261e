"""A test that a person sends to all their own contact points, marked TEST: it is no notice, and nobody else gets it."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from alerts.channels.i18n import Translator
from alerts.kernel.terms import CHANNEL_TERMS
from alerts.web.public.preferences.access import OwnAccess
from alerts.web.public.preferences.center import PreferenceCenter, redirect
from alerts.web.public.preferences.overview import contact_words
from subscribers.domain.lifecycle import next_test, testable
from subscribers.domain.subscriber import ContactState


class OwnTest:
    """Handlers of the page."""

    def __init__(self, center: PreferenceCenter) -> None:
        self._center, self._services = center, center.services

    async def show(self, request: web.Request, own: OwnAccess, t: Translator) -> web.StreamResponse:
        """Show where a test goes, or where the last one went and when the next may be sent."""
        return self._center.page("own_test", request, t, own, self._context(own, t))

    async def send(self, request: web.Request, own: OwnAccess, t: Translator) -> web.StreamResponse:
        """Send a test, unless one was sent just now, and show where it went."""
        await self._services.commands.send_test(own.state.id)
        return redirect(self._center.url(own.token, "test", lang=t.tag))

    def _context(self, own: OwnAccess, t: Translator) -> dict[str, Any]:
        zone = own.state.preferences.timezone if own.state.preferences else self._services.settings.timezone
        again, reached = next_test(own.state, self._services.clock()), testable(own.state)
        return {
            "mark": t.text("mark", "Test"),
            "sent_at": t.time(own.state.tests[-1], zone) if again is not None and own.state.tests else "",
            "again": t.time(again, zone) if again is not None else "",
            "reached": [contact_words(t, contact, fresh=own.fresh) for contact in reached],
            "left_out": [
                (contact_words(t, contact, fresh=own.fresh), _why_not(t, contact))
                for contact in own.state.current
                if contact not in reached
            ],
        }


def _why_not(t: Translator, contact: ContactState) -> str:
    if CHANNEL_TERMS[contact.channel].by_hand:
        return t.text("own_test", "by_hand")
    if contact.state == "unverified":
        return t.text("preferences", "trouble_waits")
    return t.text("preferences", "trouble_other", point=t.text("preferences", f"way_{contact.channel}"))
