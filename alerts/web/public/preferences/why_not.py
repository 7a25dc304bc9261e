"""Why a person did not get a notice: the rules one by one, as of its issue. For the holder of a fresh link."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from aiohttp import web

from alerts.channels.i18n import Translator, direction
from alerts.domain.notice import NoticeState
from alerts.kernel.languages import choose
from alerts.web.http.requests import read
from alerts.web.public.preferences.access import OwnAccess
from alerts.web.public.preferences.center import PreferenceCenter

_LATELY = timedelta(days=30)
_MOST = 30


class WhyNot:
    """Handler of the page."""

    def __init__(self, center: PreferenceCenter) -> None:
        self._center, self._services = center, center.services

    async def show(self, request: web.Request, own: OwnAccess, t: Translator) -> web.StreamResponse:
        """Show the notices of the last weeks; of one of them, each rule and whether it held."""
        context = await read(self._services, self._context, own, t, request.query.get("notice", ""))
        return self._center.page("why_not", request, t, own, context)

    def _context(self, own: OwnAccess, t: Translator, asked: str) -> dict[str, Any]:
        now = self._services.clock()
        recent = [n for n in self._services.views.recent(now - _LATELY, now) if n.issued and n.plan.status == "Actual"]
        chosen = next((n for n in recent if str(n.id) == asked), None)
        return {
            "notices": [self._row(own, t, n) for n in recent[:_MOST]],
            "chosen": self._row(own, t, chosen) if chosen is not None else None,
            **(self._answer(own, chosen.id) if chosen is not None else {"due": False, "checks": []}),
        }

    def _answer(self, own: OwnAccess, notice: UUID) -> dict[str, Any]:
        found = self._services.explainer.why_not(notice, own.state.id)
        if found is None:
            return {"due": False, "checks": []}
        checks = [{"holds": c.holds, "detail": c.detail[:1].upper() + c.detail[1:] + "."} for c in found.checks]
        return {"due": found.due, "checks": sorted(checks, key=lambda check: bool(check["holds"]))}

    def _row(self, own: OwnAccess, t: Translator, notice: NoticeState) -> dict[str, Any]:
        language, content = choose(notice.plan.content, t.tag, self._services.settings.default_language)
        assert notice.issued_at is not None, "only issued notices are listed"
        return {
            "title": content.title,
            "lang": language,
            "dir": direction(language),
            "at": t.time(notice.issued_at, self._services.settings.timezone),
            "link": self._center.url(own.token, "why-not", notice=str(notice.id)),
        }
