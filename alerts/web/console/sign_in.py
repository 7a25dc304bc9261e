"""Console sign-in by single-use link, and sign-out."""

from __future__ import annotations

from aiohttp import web

from alerts.commands.console_sessions import LinkFault, LinkRefused
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.console.frame import Frame
from alerts.web.http.auth import cookie_name, end_session_cookie, set_session_cookie
from alerts.web.http.routing import PUBLIC, TOKEN, Route

_FAULTS: dict[LinkFault, tuple[str, str]] = {
    "used": ("This link was used", "A sign-in link works once."),
    "expired": ("This link has run out", "A sign-in link lives for 15 minutes, an invitation for a day."),
    "void": ("This link does not hold any more", "The rights of its owner were changed after it was made."),
    "unknown": ("This sign-in link does not work", "It is incomplete, or it was not made here."),
}


def routes(services: Services) -> list[Route]:
    """Policy rows of sessions."""
    sign_in = SignIn(services)
    return [
        Route("GET", "/console/sign-in/{token}", sign_in.confirm, TOKEN),
        Route("POST", "/console/sign-in/{token}", sign_in.sign_in, TOKEN),
        Route("POST", "/console/sign-out", sign_in.sign_out, PUBLIC),
    ]


class SignIn:
    """Handlers of sign-in and sign-out."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._frame = Frame(services)

    async def confirm(self, request: web.Request) -> web.Response:
        """Show the confirmation page: a link opened by a mail scanner must still work for its owner."""
        try:
            member = await read(self._services, self._services.sessions.check_link, request.match_info["token"])
        except LinkRefused as refused:
            return self._bad_link(refused.fault)
        lines = [
            f"This link signs in {member.name or member.email or 'the person it was made for'}.",
            "It works once.",
        ]
        return self._frame.message("Sign in to the console", lines, "Sign in")

    async def sign_in(self, request: web.Request) -> web.Response:
        """Start a session and redirect to Today."""
        try:
            cookie = await self._services.sessions.sign_in(request.match_info["token"])
        except LinkRefused as refused:
            return self._bad_link(refused.fault)
        response = web.Response(status=303, headers={"Location": f"{self._frame.site.base}/console"})
        set_session_cookie(self._services, response, cookie)
        return response

    async def sign_out(self, request: web.Request) -> web.Response:
        """End the session, on this browser and for whoever copied its cookie."""
        cookie = request.cookies.get(cookie_name(self._services), "")
        if cookie:
            await self._services.sessions.close(cookie)
        response = web.Response(status=303, headers={"Location": f"{self._frame.site.base}/"})
        end_session_cookie(self._services, response)
        return response

    def _bad_link(self, fault: LinkFault) -> web.Response:
        title, why = _FAULTS[fault]
        lines = [f"{why} Ask for a new one: an administrator's `alerts team add` prints it."]
        return self._frame.message(title, lines, status=404)
