"""The console, to read only in this version: Today, one notice, the log. Sign-in by a link that works once."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Any, cast
from uuid import UUID

from aiohttp import web

from alerts.channels.i18n import translator
from alerts.domain.reference_data import MemberState
from alerts.kernel.signed_tokens import read_timed_token
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.console.views import ConsoleViews
from alerts.web.http.auth import COOKIE, console_path, start_session
from alerts.web.http.routing import MEMBER, PUBLIC, TOKEN, Route, role
from alerts.web.public.place_shapes import PlaceShapes
from alerts.web.public.templating import Pages

_REMEMBERED = 10_000


def routes(parts: Services) -> list[Route]:
    """The console's pages."""
    console = Console(parts)
    viewer = role("viewer")
    return [
        Route("GET", "/console", console.today, viewer),
        Route("GET", "/console/log", console.log, viewer),
        Route("GET", "/console/notices", console.notices, viewer),
        Route("GET", "/console/notices/{notice}", console.notice, viewer),
        Route("GET", "/console/sign-in/{token}", console.ask_in, TOKEN),
        Route("POST", "/console/sign-in/{token}", console.sign_in, TOKEN),
        Route("POST", "/console/sign-out", console.sign_out, PUBLIC),
    ]


class Console:
    """Handlers."""

    def __init__(self, parts: Services) -> None:
        self._parts = parts
        self._pages = Pages(parts)
        self._atlas = PlaceShapes(parts.views)
        self._speech = translator("en")
        self._used: OrderedDict[bytes, None] = OrderedDict()
        """Sign-in links that were used, by digest. A process forgets them when it ends; the links themselves end
        soon after they were made."""

    async def today(self, request: web.Request) -> web.Response:
        """What needs a person, what is live, what is due, how things are."""
        return self._page(request, "console/today.html", await read(self._parts, self._views().today))

    async def log(self, request: web.Request) -> web.Response:
        """The log in words, the newest first; `?before=` turns the page."""
        before = request.query.get("before", "")
        position = int(before) if before.isascii() and before.isdigit() and len(before) < 16 else None
        return self._page(request, "console/log.html", await read(self._parts, self._views().log, position))

    async def notices(self, request: web.Request) -> web.Response:
        """Every notice, the newest first."""
        try:
            context = await read(self._parts, self._views().notices, request.query.get("cursor"))
        except ValueError:
            raise web.HTTPNotFound from None
        return self._page(request, "console/notices.html", context)

    async def notice(self, request: web.Request) -> web.Response:
        """One notice: its words, its way through approval, its progress, its log."""
        try:
            notice = UUID(request.match_info["notice"])
        except ValueError:
            raise web.HTTPNotFound from None
        context = await read(self._parts, self._views().notice, notice)
        if context is None:
            raise web.HTTPNotFound
        return self._page(request, "console/notice.html", context)

    async def ask_in(self, request: web.Request) -> web.Response:
        """The page before signing in: a link that a mail scanner opened must still work for its owner."""
        if await self._invited(request) is None:
            return self._bad_link()
        context = {
            "title": "Sign in to the console",
            "lines": ["This link works once, for the person it was made for."],
            "button": "Sign in",
        }
        return self._pages.page("pages/message.html", self._speech, context)

    async def sign_in(self, request: web.Request) -> web.Response:
        """Begin a session and go to Today."""
        member = await self._invited(request)
        if member is None:
            return self._bad_link()
        self._used[_digest(request)] = None
        while len(self._used) > _REMEMBERED:
            self._used.popitem(last=False)
        response = web.Response(status=303, headers={"Location": f"{self._pages.site.base}/console"})
        start_session(self._parts, response, member.id)
        return response

    async def sign_out(self, request: web.Request) -> web.Response:
        """End the session on this browser."""
        response = web.Response(status=303, headers={"Location": f"{self._pages.site.base}/"})
        response.del_cookie(COOKIE, path=console_path(self._parts))
        return response

    def _views(self) -> ConsoleViews:
        return ConsoleViews(self._parts, self._pages.site, self._atlas)

    async def _invited(self, request: web.Request) -> MemberState | None:
        """The member that a sign-in link was made for, if it is whole, in time, not used, and they have a role."""
        secret, now = self._parts.settings.secret_key, self._parts.clock()
        subject = read_timed_token(secret, "sign-in", request.match_info["token"], now)
        if subject is None or _digest(request) in self._used:
            return None
        member = await read(self._parts, self._parts.views.member, subject)
        return member if member is not None and member.role is not None else None

    def _page(self, request: web.Request, layout: str, context: dict[str, Any]) -> web.Response:
        member = cast(MemberState, request[MEMBER])
        who = member.name or member.email or "a member of the team"
        return self._pages.page(layout, self._speech, {"who": f"{who}, {member.role}", **context})

    def _bad_link(self) -> web.Response:
        context = {
            "title": "This sign-in link does not work",
            "lines": [
                "It was used already, it has run out, or it is incomplete.",
                "Ask an administrator for a new one: alerts team add prints it.",
            ],
            "button": "",
        }
        return self._pages.page("pages/message.html", self._speech, context, 404)


def _digest(request: web.Request) -> bytes:
    return hashlib.sha256(request.match_info["token"].encode()).digest()
