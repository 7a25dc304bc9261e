"""Console sign-in by single-use link, and sign-out."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from aiohttp import web

from alerts.domain.reference_data import MemberState
from alerts.kernel.signed_tokens import read_timed_token
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.console.frame import Frame
from alerts.web.http.auth import COOKIE, console_path, start_session
from alerts.web.http.routing import PUBLIC, TOKEN, Route

_REMEMBERED = 10_000


def routes(services: Services) -> list[Route]:
    """Policy rows of sessions."""
    sessions = Sessions(services)
    return [
        Route("GET", "/console/sign-in/{token}", sessions.confirm, TOKEN),
        Route("POST", "/console/sign-in/{token}", sessions.sign_in, TOKEN),
        Route("POST", "/console/sign-out", sessions.sign_out, PUBLIC),
    ]


class Sessions:
    """Handlers of sign-in and sign-out."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._frame = Frame(services)
        self._used: OrderedDict[bytes, None] = OrderedDict()
        """Digests of used sign-in links. They are lost when the process ends; the links expire soon after they were
        made."""

    async def confirm(self, request: web.Request) -> web.Response:
        """Show the confirmation page: a link opened by a mail scanner must still work for its owner."""
        if await self._invited(request) is None:
            return self._bad_link()
        lines = ["This link works once, for the person it was made for."]
        return self._frame.message("Sign in to the console", lines, "Sign in")

    async def sign_in(self, request: web.Request) -> web.Response:
        """Start a session and redirect to Today."""
        member = await self._invited(request)
        if member is None:
            return self._bad_link()
        self._used[_digest(request)] = None
        while len(self._used) > _REMEMBERED:
            self._used.popitem(last=False)
        response = web.Response(status=303, headers={"Location": f"{self._frame.site.base}/console"})
        start_session(self._services, response, member.id)
        return response

    async def sign_out(self, request: web.Request) -> web.Response:
        """End the session on this browser."""
        response = web.Response(status=303, headers={"Location": f"{self._frame.site.base}/"})
        response.del_cookie(COOKIE, path=console_path(self._services))
        return response

    async def _invited(self, request: web.Request) -> MemberState | None:
        """Return the member of a sign-in link; None if it is invalid, expired or used, or the member has no role."""
        secret, now = self._services.settings.secret_key, self._services.clock()
        subject = read_timed_token(secret, "sign-in", request.match_info["token"], now)
        if subject is None or _digest(request) in self._used:
            return None
        member = await read(self._services, self._services.views.member, subject)
        return member if member is not None and member.role is not None else None

    def _bad_link(self) -> web.Response:
        lines = [
            "It was used already, it has run out, or it is incomplete.",
            "Ask an administrator for a new one: alerts team add prints it.",
        ]
        return self._frame.message("This sign-in link does not work", lines, status=404)


def _digest(request: web.Request) -> bytes:
    return hashlib.sha256(request.match_info["token"].encode()).digest()
