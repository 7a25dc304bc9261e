"""A draft as its e-mail looks, light and dark, and as its public page: made by the code that sends and serves them."""

from __future__ import annotations

import re
from datetime import timedelta
from email import message_from_bytes, policy

from aiohttp import web
from msgspec.structs import replace

from alerts.domain.notice import NoticeState
from alerts.domain.notice_lifecycle import danger_to_life
from alerts.services import Services
from alerts.settings.map_tiles import origin
from alerts.web.api.common import read
from alerts.web.console.frame import Frame, notice_state
from alerts.web.console.previews import preview_message
from alerts.web.http.routing import Route, role
from alerts.web.http.security import MAIL, framed
from alerts.web.public.notice import page_of
from alerts.web.public.page_frame import PageFrame

_DARK = re.compile(r"@media\s*\(prefers-color-scheme:\s*dark\)")
_DEFAULT_VALIDITY = timedelta(hours=24)


def routes(services: Services) -> list[Route]:
    """Policy rows of the previews: `?language=` and, for the e-mail, `?look=dark`."""
    shown = FullPreviews(services)
    one = "/console/notices/{notice}"
    return [
        Route("GET", f"{one}/mail.html", shown.mail, role("author")),
        Route("GET", f"{one}/page.html", shown.page, role("author")),
    ]


class FullPreviews:
    """Handlers of the previews."""

    def __init__(self, services: Services) -> None:
        self._services, self._frame, self._pages = services, Frame(services), PageFrame(services)

    async def mail(self, request: web.Request) -> web.Response:
        """Serve the e-mail's HTML. Whoever looks chooses light or dark, whatever their own screen is."""
        state, tag = await self._state(request)
        found = await read(self._services, self._mail, state, tag)
        dark = request.query.get("look") == "dark"
        html = _DARK.sub("@media all" if dark else "@media not all", found)
        return web.Response(text=html, content_type="text/html", headers=MAIL)

    async def page(self, request: web.Request) -> web.Response:
        """Serve the public page as it would be, marked as a preview and without forms."""
        state, tag = await self._state(request)
        body = await read(self._services, self._page, state, tag)
        headers = framed(origin(self._services.settings.tile_url))
        return web.Response(body=body, content_type="text/html", charset="utf-8", headers=headers)

    def _mail(self, state: NoticeState, tag: str) -> str:
        area_words = self._frame.place_shapes.where(state.plan.area, self._frame.translator)
        data = preview_message(self._services, state, tag, area_words, self._services.clock(), "email")
        part = message_from_bytes(data, policy=policy.default).get_body(("html",))
        return "" if part is None else str(part.get_content())

    def _page(self, state: NoticeState, tag: str) -> bytes:
        now = self._services.clock()
        issued = replace(
            state,
            phase="live",
            issued_at=now,
            expires=state.plan.expires or now + _DEFAULT_VALIDITY,
            danger_to_life=danger_to_life(state.plan, state.msg_type),
        )
        before = [one for one in self._services.views.thread(state.thread, issued=True) if one.id != state.id]
        return page_of(self._pages, [*before, issued], state.id, tag, preview=True).body

    async def _state(self, request: web.Request) -> tuple[NoticeState, str]:
        """Return the draft and the language that is asked for, which it has words in. Raises HTTPNotFound."""
        state = await notice_state(self._services, request)
        tag = request.query.get("language", "") or next(iter(state.plan.content), "")
        if tag not in state.plan.content or not state.plan.content[tag].title:
            raise web.HTTPNotFound
        return state, tag
