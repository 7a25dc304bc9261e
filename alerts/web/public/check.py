"""`/check?code=`: tells whether a code belongs to a message of ours, what it said and when."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from alerts.domain.notice import NoticeState
from alerts.kernel.check_codes import normal, numbers_of
from alerts.kernel.texts import without_forbidden, without_hidden
from alerts.services import Services
from alerts.web.http.requests import read
from alerts.web.http.routing import Handler
from alerts.web.public.notice_view import ReaderLocale
from alerts.web.public.page_frame import PageFrame, issued_at

RATE = 2.0
"""Questions a second from one address: codes are short, and must not be tried out."""
_SHOWN = 20
"""Characters of a wrong code that are shown again."""


def handler(frame: PageFrame) -> Handler:
    """Return the handler of the page."""

    async def check(request: web.Request) -> web.StreamResponse:
        given = request.query.get("code", "")
        if given:
            frame.services.limits.take(f"check:{request.remote or ''}", RATE)
        reader = frame.reader(frame.pages.language(request), frame.services.clock())
        context = await read(frame.services, page_context, frame, reader, given)
        t = reader.translator
        code = given.strip()[:100]
        rest = f"code={code}" if normal(code) else ""
        languages = frame.pages.languages(f"{frame.pages.site.base}/check", t, extra=rest)
        return frame.pages.page("pages/check.html", t, {**context, "languages": languages})

    return check


def page_context(frame: PageFrame, reader: ReaderLocale, given: str) -> dict[str, Any]:
    """Build the context: what is asked for, and what was found. Blocks."""
    code, t = normal(given), reader.translator
    shown = code or without_hidden(without_forbidden(given)).strip()[:_SHOWN]
    context: dict[str, Any] = {"code": shown, "errors": {}, "found": None, "newer": False, "said": ""}
    if not given.strip():
        return context
    if code is None:
        return {**context, "errors": {"code": t.text("check", "malformed")}}
    notice = find(frame.services, code)
    if notice is None:
        return {**context, "errors": {"code": t.text("check", "unknown")}}
    return {
        **context,
        "found": frame.notices.card(notice, reader),
        "newer": notice.ended_at is not None and notice.replaced_by is not None,
        "said": t.text("check", "said", time=reader.time(issued_at(notice))),
    }


def find(services: Services, code: str) -> NoticeState | None:
    """Return the issued notice with this code. Blocks."""
    for number in numbers_of(services.settings.secret_key, code):
        notice = services.views.notice_by_number(number)
        if notice is not None and notice.issued:
            return notice
    return None
