"""Own account of a team member: their ways to sign in."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from aiohttp import web

from alerts.commands.console_sessions import FRESH
from alerts.commands.sign_in_ways import PasskeyData, new_secret
from alerts.kernel.errors import DomainError, Invalid
from alerts.kernel.sealed_values import open_value, seal_value
from alerts.kernel.texts import without_hidden
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.console.frame import Frame
from alerts.web.console.member_actor import member_of
from alerts.web.console.passkeys import PasskeyAnswer, Passkeys
from alerts.web.http.auth import cookie_name
from alerts.web.http.requests import json_body
from alerts.web.http.routing import Route, role
from alerts.web.public.forms import FormErrors, FormFields, read_form
from alerts.web.public.poster import qr

_PURPOSE = "one-time codes"
STALE = "Ways to sign in are changed only within 15 minutes of a sign-in. Sign in again by a link, then come back here."


def routes(services: Services) -> list[Route]:
    """Policy rows of the screen."""
    account = Account(services)
    one = "/console/account"
    return [
        Route("GET", one, account.show, role("viewer")),
        Route("POST", f"{one}/password", account.set_password, role("viewer")),
        Route("POST", f"{one}/remove", account.remove, role("viewer")),
        Route("POST", f"{one}/passkey/options", account.passkey_options, role("viewer")),
        Route("POST", f"{one}/passkey", account.add_passkey, role("viewer")),
    ]


class Account:
    """Handlers of the account."""

    def __init__(self, services: Services) -> None:
        self._services, self._frame = services, Frame(services)
        self._passkeys = Passkeys(services.settings)

    async def show(self, request: web.Request) -> web.Response:
        """Show the member's ways to sign in."""
        return await self._screen(request, FormErrors(), FormFields({}))

    async def set_password(self, request: web.Request) -> web.Response:
        """Set a password with one-time codes."""
        fields, errors, member = await read_form(request), FormErrors(), member_of(request)
        if not self._is_fresh(request):
            return await self._stale(request)
        secret = open_value(self._services.settings.secret_key, _PURPOSE, str, fields.sealed("secret"))
        self._services.limits.take(f"set password:{member.id}", 0.1, burst_seconds=60.0)
        try:
            if secret is None:
                raise Invalid.field("code", "This page was too old: scan the new picture, then type its code.")
            await self._services.sign_in_ways.set_password(
                member.id, fields.text("password", 500), secret, fields.line("code")
            )
        except Invalid as error:
            for one in error.errors:
                errors.add(one.field, one.message)
            return await self._screen(request, errors, fields, 422)
        return self._back()

    async def remove(self, request: web.Request) -> web.Response:
        """Remove one way."""
        fields = await read_form(request)
        if not self._is_fresh(request):
            return await self._stale(request)
        errors = FormErrors()
        try:
            await self._services.sign_in_ways.remove(member_of(request).id, _id(fields.line("way")))
        except DomainError as error:
            errors.add("ways", error.message)
            return await self._screen(request, errors, FormFields({}), 422)
        return self._back()

    async def passkey_options(self, request: web.Request) -> web.Response:
        """Answer the page's script with what the browser is asked."""
        member = member_of(request)
        if not self._is_fresh(request):
            return web.json_response({"detail": f"{STALE} Reload this page."}, status=403)
        ways = await read(self._services, self._services.sign_in_ways.of, member.id)
        known = [way.data.credential for way in ways if isinstance(way.data, PasskeyData)]
        return web.json_response(self._passkeys.to_register(member, known, self._services.clock()))

    async def add_passkey(self, request: web.Request) -> web.Response:
        """Add the passkey that the browser made."""
        (answer, _), member = await json_body(request, PasskeyAnswer), member_of(request)
        if not self._is_fresh(request):
            return web.json_response({"detail": f"{STALE} Reload this page."}, status=403)
        label = " ".join(without_hidden(answer.label).split())[:60] or "Passkey"
        try:
            found = self._passkeys.registered(member, answer.token, answer.credential, self._services.clock())
            await self._services.sign_in_ways.add_passkey(member.id, label, found)
        except Invalid as error:
            return web.json_response({"detail": error.message}, status=422)
        return web.json_response({"location": f"{self._frame.site.base}/console/account"})

    def _is_fresh(self, request: web.Request) -> bool:
        """True if the member proved who they are a short time ago: an unlocked screen alone adds no way in."""
        at = self._signed_in_at(request)
        return at is not None and self._services.clock() < at + FRESH

    def _signed_in_at(self, request: web.Request) -> datetime | None:
        return self._services.sessions.signed_in_at(request.cookies.get(cookie_name(self._services), ""))

    async def _stale(self, request: web.Request) -> web.Response:
        errors = FormErrors()
        errors.add("again", STALE)
        return await self._screen(request, errors, FormFields({}), 403)

    def _back(self) -> web.Response:
        return web.Response(status=303, headers={"Location": f"{self._frame.site.base}/console/account"})

    async def _screen(
        self, request: web.Request, errors: FormErrors, fields: FormFields, status: int = 200
    ) -> web.Response:
        member = member_of(request)
        ways = await read(self._services, self._services.sign_in_ways.of, member.id)
        keys = self._services.settings.secret_key
        secret = open_value(keys, _PURPOSE, str, fields.sealed("secret")) or new_secret()
        context: dict[str, Any] = {
            "here": "account",
            "fresh": self._is_fresh(request),
            "signed_in": self._time(at) if (at := self._signed_in_at(request)) is not None else "",
            "address": member.email,
            "ways": [
                {
                    "id": str(way.id),
                    "label": way.label,
                    "made": self._time(way.made_at),
                    "used": self._time(way.used_at) if way.used_at else "never used",
                }
                for way in ways
            ],
            "devices": await read(self._services, self._services.team_devices.of, member.id),
            "has_password": any(way.kind == "password" for way in ways),
            "secret": seal_value(keys, _PURPOSE, secret),
            "spelled": " ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
            "qr": qr(_uri(secret, member.email or "member", self._frame.site.name)),
            "errors": errors.words,
            "error_heading": "There is a problem",
        }
        return self._frame.screen(request, "console/account.html", context, status)

    def _time(self, at: Any) -> str:
        return self._frame.translator.time(at, self._services.settings.timezone)


def _uri(secret: str, address: str, issuer: str) -> str:
    """Address that an authenticator app reads."""
    import pyotp

    return pyotp.TOTP(secret).provisioning_uri(name=address, issuer_name=issuer)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid.field("ways", "Choose the way that shall go.") from None
