"""Console sign-in by single-use link, and sign-out."""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web

from alerts.channels.replies import Answers
from alerts.commands.console_sessions import LinkFault, LinkRefused
from alerts.kernel.errors import TooManyRequests
from alerts.kernel.ids import new_id
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.console.frame import Frame
from alerts.web.http.auth import cookie_name, end_session_cookie, set_session_cookie
from alerts.web.http.return_path import NEXT, return_path, with_return
from alerts.web.http.routing import PUBLIC, TOKEN, Route
from alerts.web.public.forms import read_form, take_form

_log = logging.getLogger(__name__)
_AN_HOUR = 20

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
        Route("GET", "/console/sign-in", sign_in.ask, PUBLIC),
        Route("POST", "/console/sign-in", sign_in.send, PUBLIC),
        Route("GET", "/console/sign-in/{token}", sign_in.confirm, TOKEN),
        Route("POST", "/console/sign-in/{token}", sign_in.sign_in, TOKEN),
        Route("POST", "/console/sign-out", sign_in.sign_out, PUBLIC),
    ]


class SignIn:
    """Handlers of sign-in and sign-out."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._frame = Frame(services)
        settings = services.settings
        self._answers = Answers(
            sender=settings.sender, clock=services.clock, default_language=settings.default_language
        )
        self._sending: set[asyncio.Task[None]] = set()

    async def ask(self, request: web.Request) -> web.Response:
        """Show the form that sends a link, or that one is on its way."""
        back = return_path(request, request.query.get(NEXT, ""))
        return self._form({}, "", back, sent=request.query.get("sent") == "1")

    async def send(self, request: web.Request) -> web.Response:
        """Send a link to a member; the answer, and the time it takes, are the same for everybody."""
        fields = await read_form(request)
        address, back = fields.line("address")[:254], return_path(request, fields.text(NEXT, 1_000))
        if "@" not in address:
            words = "Give your e-mail address, such as you@town.example."
            return self._form({"address": words}, address, back, status=422)
        take_form(self._services.limits, request, "sign-in", _AN_HOUR)
        task = asyncio.get_running_loop().create_task(self._send(address, back), name="sign-in link")
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        location = with_return("/console/sign-in?sent=1", back)
        return web.Response(status=303, headers={"Location": f"{self._frame.site.base}{location}"})

    async def _send(self, address: str, back: str) -> None:
        """Mail a link to the member with this address, at most one a minute; nothing for anybody else.

        The link carries the page to come back to: it may be opened in another browser.
        """
        services = self._services
        try:
            team = await read(services, services.views.members)
            member = next((m for m in team if m.role and (m.email or "").casefold() == address.casefold()), None)
            if member is None or services.mail_now is None:
                return
            services.limits.take(f"sign-in link:{member.id}", 1 / 60)
            link = await read(services, services.sessions.new_link, member.id)
            url = f"{services.settings.public_url}{with_return(f'/console/sign-in/{link.token}', back)}"
            result = await services.mail_now(self._answers.sign_in(address, f"sign-in-{new_id().hex}", url))
            if result.result != "sent":
                _log.warning("a sign-in link could not be sent: %s", result.reason or result.result)
        except TooManyRequests:
            return
        except Exception:
            _log.exception("a sign-in link could not be sent")

    def _form(
        self, errors: dict[str, str], typed: str, back: str, *, sent: bool = False, status: int = 200
    ) -> web.Response:
        context = {"errors": errors, "error_heading": "There is a problem", "typed": typed, "sent": sent, "back": back}
        return self._frame.pages.page("console/sign_in.html", self._frame.translator, context, status)

    async def confirm(self, request: web.Request) -> web.Response:
        """Show the confirmation page: a link opened by a mail scanner must still work for its owner."""
        try:
            member = await read(self._services, self._services.sessions.check_link, request.match_info["token"])
        except LinkRefused as refused:
            return self._bad_link(request, refused.fault)
        lines = [
            f"This link signs in {member.name or member.email or 'the person it was made for'}.",
            "It works once.",
        ]
        return self._frame.message("Sign in to the console", lines, "Sign in")

    async def sign_in(self, request: web.Request) -> web.Response:
        """Start a session and redirect to the page that was asked for, or Today."""
        try:
            cookie = await self._services.sessions.sign_in(request.match_info["token"])
        except LinkRefused as refused:
            return self._bad_link(request, refused.fault)
        back = return_path(request, request.query.get(NEXT, "")) or "/console"
        response = web.Response(status=303, headers={"Location": f"{self._frame.site.base}{back}"})
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

    def _bad_link(self, request: web.Request, fault: LinkFault) -> web.Response:
        title, why = _FAULTS[fault]
        back = return_path(request, request.query.get(NEXT, ""))
        return self._frame.message(title, [f"{why} Ask for a new one."], status=404, back=back)
