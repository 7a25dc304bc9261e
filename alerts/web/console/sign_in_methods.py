"""Sign-in by password with a one-time code, and by passkey."""

from __future__ import annotations

from uuid import UUID

from aiohttp import web

from alerts.commands.console_sessions import LinkRefused
from alerts.commands.sign_in_ways import PasskeyData
from alerts.kernel.errors import Invalid, TooManyRequests
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.console.frame import Frame
from alerts.web.console.passkeys import LIFE, PasskeyAnswer, Passkeys, credential_id
from alerts.web.http.auth import set_session_cookie
from alerts.web.http.requests import json_body
from alerts.web.http.return_path import NEXT, return_path
from alerts.web.http.routing import PUBLIC, Route
from alerts.web.public.forms import read_form, take_form

_AN_HOUR = 30
_TRIES = 1 / 60
"""Tries a second for one address, of which five may come at once."""
_WRONG = "Address, password and code do not fit together. A code works once: wait for the next one, or ask for a link."
_UNKNOWN = "This passkey is not known here. Ask for a link, then add it under your account."


def routes(services: Services) -> list[Route]:
    """Policy rows of the ways."""
    methods = SignInMethods(services)
    one = "/console/sign-in"
    return [
        Route("POST", f"{one}/password", methods.by_password, PUBLIC),
        Route("POST", f"{one}/passkey/options", methods.passkey_options, PUBLIC),
        Route("POST", f"{one}/passkey", methods.by_passkey, PUBLIC),
    ]


class SignInMethods:
    """Handlers of the ways to sign in without a link."""

    def __init__(self, services: Services) -> None:
        self._services, self._frame = services, Frame(services)
        self._passkeys = Passkeys(services.settings)

    async def by_password(self, request: web.Request) -> web.Response:
        """Sign in by password and code; what was wrong of the three is not said."""
        fields, services = await read_form(request), self._services
        address, back = fields.line("address")[:254], return_path(request, fields.text(NEXT, 1_000))
        take_form(services.limits, request, "sign-in password", _AN_HOUR)
        try:
            services.limits.take(f"password:{address.casefold()}", _TRIES, burst_seconds=5 / _TRIES)
        except TooManyRequests as error:
            return self._refused(
                f"Too many tries: wait {error.retry_after} seconds, or ask for a link.", address, back, 429
            )
        team = await read(services, services.views.members)
        member = next((m for m in team if m.role and (m.email or "").casefold() == address.casefold()), None)
        right = await services.sign_in_ways.by_password(
            member.id if member else None, fields.text("password", 500), fields.line("code")
        )
        if member is None or not right:
            return self._refused(_WRONG, address, back, 422)
        response = web.Response(status=303, headers={"Location": f"{self._frame.site.base}{back or '/console'}"})
        set_session_cookie(services, response, await services.sessions.open(member.id, "password"))
        return response

    def _refused(self, words: str, address: str, back: str, status: int) -> web.Response:
        errors = {"password": words}
        context = {"errors": errors, "error_heading": "There is a problem", "typed": address, "back": back}
        return self._frame.pages.page(
            "console/sign_in.html", self._frame.translator, {**context, "sent": False, "method": "code"}, status
        )

    async def passkey_options(self, request: web.Request) -> web.Response:
        """Answer the page's script with what the browser is asked."""
        take_form(self._services.limits, request, "sign-in passkey", 10 * _AN_HOUR)
        return web.json_response(self._passkeys.to_sign_in(self._services.clock()))

    async def by_passkey(self, request: web.Request) -> web.Response:
        """Sign in by a passkey; its answer is taken once."""
        services = self._services
        take_form(services.limits, request, "sign-in passkey", 10 * _AN_HOUR)
        answer, _ = await json_body(request, PasskeyAnswer)
        try:
            member = await self._proved(answer)
        except Invalid as error:
            return web.json_response({"detail": error.message}, status=422)
        back = return_path(request, answer.next) or "/console"
        response = web.json_response({"location": f"{self._frame.site.base}{back}"})
        set_session_cookie(services, response, await services.sessions.open(member, "passkey"))
        return response

    async def _proved(self, answer: PasskeyAnswer) -> UUID:
        """Return whose passkey answered, and spend the answer. Raises Invalid."""
        services = self._services
        way = await read(services, services.sign_in_ways.passkey, credential_id(answer.credential))
        if way is None or not isinstance(way.data, PasskeyData):
            raise Invalid.field("passkey", _UNKNOWN)
        count = self._passkeys.signed_in(way.data, answer.token, answer.credential, services.clock())
        try:
            await services.sessions.spend(answer.token, way.member, LIFE)
        except LinkRefused:
            raise Invalid.field("passkey", "This answer was used already. Try again.") from None
        if not await services.sign_in_ways.used_passkey(way, count):
            raise Invalid.field("passkey", "This passkey was used at the same moment elsewhere. Try again.")
        return way.member
