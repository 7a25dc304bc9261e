"""Messages that a person was sent, each with its fate and its reason."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from babel.dates import format_date

from alerts.channels.i18n import Translator, direction
from alerts.kernel.languages import choose
from alerts.kernel.signed_tokens import delivery_token
from alerts.services import Services
from alerts.web.http.requests import read
from alerts.web.public.preferences.access import OwnAccess
from alerts.web.public.preferences.center import PreferenceCenter

PAGE = 50
_FATES = {
    "queued": "waits", "held": "held", "sending": "waits", "deferred": "waits", "sent": "sent",
    "delivered": "delivered", "failed-permanent": "failed", "failed-technical": "failed",
}  # fmt: skip


class Messages:
    """Handler of the list."""

    def __init__(self, center: PreferenceCenter) -> None:
        self._center = center

    async def show(self, request: web.Request, own: OwnAccess, t: Translator) -> web.StreamResponse:
        """Show the messages of the last months."""
        found = await read(self._center.services, latest, self._center.services, own, t, PAGE)
        return self._center.page("messages", request, t, own, {"messages": found})


def latest(services: Services, own: OwnAccess, t: Translator, most: int) -> list[dict[str, Any]]:
    """Return the latest messages to a person's contact points, the newest first. Blocks."""
    numbers = [contact.number for contact in own.state.contacts]
    rows = services.dispatch.deliveries(contacts=numbers, limit=200).items
    keys, zone = services.settings.secret_key, services.settings.timezone
    found: list[dict[str, Any]] = []
    for row in sorted(rows, key=lambda row: row.notice, reverse=True):
        notice = services.views.notice_by_number(row.notice)
        if notice is None or notice.issued_at is None:
            continue  # about the subscription itself
        language, content = choose(notice.plan.content, t.tag, services.settings.default_language)
        at = row.last_at or notice.issued_at
        key = _FATES.get(row.state, "not_sent")
        way = t.text("preferences", f"by_{row.channel}")
        found.append(
            {
                "at": at.isoformat(),
                "weekday": format_date(at, "EEE", locale=t.locale),
                "day": str(at.day),
                "month": format_date(at, "MMM", locale=t.locale),
                "title": content.title,
                "lang": language,
                "dir": direction(language),
                "link": f"/alerts/{notice.id}",
                "fate": t.text("preferences", f"fate_{key}", way=way, time=t.clock(at, zone)),
                "why": f"/why/{delivery_token(keys, 'why', row.notice, row.contact)}"
                + (f"?fresh={own.token}" if own.fresh else ""),
            }
        )
        if len(found) >= most:
            break
    return found
