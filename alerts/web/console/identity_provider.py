"""Sign-in by an identity provider: OpenID Connect Core 1.0, authorization code with PKCE (RFC 7636), by Authlib.

What is begun is bound to the browser by a short-lived cookie; the address that the provider has verified finds the
member. Nobody becomes a member this way.
"""

from __future__ import annotations

import hmac
import logging
import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, cast

import aiohttp
import msgspec
from aiohttp import web

from alerts.domain.reference_data import MemberState
from alerts.kernel.errors import Unavailable
from alerts.kernel.sealed_values import open_value, seal_value
from alerts.net.bounded_read import read_at_most
from alerts.services import Services
from alerts.settings.oidc import IdentityProvider
from alerts.web.api.common import read
from alerts.web.console.frame import Frame
from alerts.web.http.auth import set_session_cookie
from alerts.web.http.return_path import NEXT, return_path
from alerts.web.http.routing import PUBLIC, Route
from alerts.web.public.forms import take_form

_log = logging.getLogger(__name__)
PATH = "/console/sign-in/provider"
COOKIE = "alerts_provider"
LIFE = timedelta(minutes=10)
_AN_HOUR = 60
_PURPOSE = "sign-in by provider"
_TIMEOUT = aiohttp.ClientTimeout(total=10)
_LARGEST = 1_000_000
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class Begun(msgspec.Struct, frozen=True):
    """Sign-in that was begun."""

    nonce: str
    verifier: str
    browser: bytes
    ends: datetime
    back: str = ""
    """Page that it comes back to."""


class ProviderRefused(Exception):
    """Sign-in that the provider's answer does not allow, with words for the person."""


def routes(services: Services) -> list[Route]:
    """Policy rows; none without a provider."""
    provider = services.settings.identity_provider
    if provider is None:
        return []
    sign_in = ProviderSignIn(services, provider)
    return [
        Route("GET", f"{PATH}/begin", sign_in.begin, PUBLIC),
        Route("GET", PATH, sign_in.back, PUBLIC),
    ]


class ProviderClient:
    """Asks the provider: its description, its keys, tokens."""

    def __init__(self, provider: IdentityProvider) -> None:
        self._provider = provider
        self._description: dict[str, Any] = {}
        self._keys: dict[str, Any] = {}

    async def description(self) -> dict[str, Any]:
        """Return the provider's description (OpenID Connect Discovery). Raises Unavailable."""
        if not self._description:
            found = await self._asked("GET", f"{self._provider.issuer}/.well-known/openid-configuration")
            if str(found.get("issuer", "")).rstrip("/") != self._provider.issuer:
                raise Unavailable(
                    "The identity provider describes itself by another address: check ALERTS_OIDC_ISSUER."
                )
            if missing := [name for name in _ENDPOINTS if not isinstance(found.get(name), str)]:
                raise Unavailable(f"The identity provider names no {missing[0]}: check ALERTS_OIDC_ISSUER.")
            self._description = found
        return self._description

    async def claims(self, code: str, begun: Begun, redirect_uri: str) -> dict[str, Any]:
        """Exchange a code for the verified claims of its ID token. Raises ProviderRefused, Unavailable."""
        described = await self.description()
        tokens = await self._asked(
            "POST",
            str(described["token_endpoint"]),
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": redirect_uri,
                "code_verifier": begun.verifier,
            },
        )
        token = tokens.get("id_token")
        if not isinstance(token, str):
            raise ProviderRefused("The provider's answer holds no identity. Try again.")
        for fresh in (False, True):
            try:
                return self._checked(token, await self._key_set(fresh=fresh), begun)
            except ValueError as error:
                _log.info("an ID token was refused: %s", error)
        raise ProviderRefused("The provider's answer does not hold. Try again; if it fails again, ask for a link.")

    def _checked(self, token: str, keys: dict[str, Any], begun: Begun) -> dict[str, Any]:
        """Return the claims of an ID token that was signed by these keys, for us, now. Raises ValueError."""
        from authlib.oidc.core import CodeIDToken
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        try:
            found = jwt.decode(
                token, KeySet.import_key_set(cast(Any, keys)), algorithms=["RS256", "ES256", "PS256", "EdDSA"]
            )
            options = {
                "iss": {"essential": True, "value": str(self._description["issuer"])},
                "aud": {"essential": True, "value": self._provider.client_id},
            }
            claims = CodeIDToken(found.claims, found.header, options, {"nonce": begun.nonce})
            claims.validate(leeway=60)
        except JoseError as error:
            raise ValueError(str(error)) from error
        except Exception as error:  # Authlib's own errors share no public class with joserfc's
            raise ValueError(f"{type(error).__name__}: {error}") from error
        return dict(found.claims)

    async def _key_set(self, *, fresh: bool) -> dict[str, Any]:
        if fresh or not self._keys:
            described = await self.description()
            self._keys = await self._asked("GET", str(described["jwks_uri"]))
        return self._keys

    async def _asked(self, method: str, url: str, form: dict[str, str] | None = None) -> dict[str, Any]:
        """Ask the provider for a JSON object. Raises Unavailable."""
        auth = aiohttp.BasicAuth(self._provider.client_id, self._provider.client_secret) if form else None
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT) as session,
                session.request(method, url, data=form, auth=auth, allow_redirects=False) as answer,
            ):
                raw = await read_at_most(answer.content, _LARGEST)
                if answer.status != 200:
                    raise Unavailable(f"The identity provider answers {answer.status}. Try again, or ask for a link.")
                return msgspec.json.decode(raw, type=dict[str, Any])
        except (aiohttp.ClientError, TimeoutError, msgspec.MsgspecError) as error:
            _log.warning("the identity provider does not answer: %s", type(error).__name__)
            raise Unavailable("The identity provider does not answer. Ask for a link by e-mail instead.") from error


class ProviderSignIn:
    """Handlers of the sign-in."""

    def __init__(self, services: Services, provider: IdentityProvider) -> None:
        self._services, self._frame, self._provider = services, Frame(services), provider
        self._client = ProviderClient(provider)
        self._back = f"{services.settings.public_url}{PATH}"

    async def begin(self, request: web.Request) -> web.Response:
        """Send the browser to the provider."""
        from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        take_form(self._services.limits, request, "sign-in provider", _AN_HOUR)
        back = return_path(request, request.query.get(NEXT, ""))
        try:
            described = await self._client.description()
        except Unavailable as error:
            return self._refused(error.message, 503, back)
        browser = secrets.token_urlsafe(24)
        begun = Begun(
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
            browser=sha256(browser.encode()).digest(),
            ends=self._services.clock() + LIFE,
            back=back,
        )
        location = prepare_grant_uri(
            str(described["authorization_endpoint"]),
            client_id=self._provider.client_id,
            response_type="code",
            redirect_uri=self._back,
            scope="openid email",
            state=seal_value(self._services.settings.secret_key, _PURPOSE, begun),
            nonce=begun.nonce,
            code_challenge=create_s256_code_challenge(begun.verifier),
            code_challenge_method="S256",
        )
        response = web.Response(status=303, headers={"Location": location, "Cache-Control": "no-store"})
        response.set_cookie(
            COOKIE,
            browser,
            max_age=int(LIFE.total_seconds()),
            httponly=True,
            samesite="Lax",
            secure=self._services.settings.public_url.startswith("https:"),
            path=f"{self._frame.site.base}{PATH}",
        )
        return response

    async def back(self, request: web.Request) -> web.Response:
        """Sign in whom the provider has identified, if they are in the team."""
        services = self._services
        begun = open_value(services.settings.secret_key, _PURPOSE, Begun, request.query.get("state", "")[:4_000])
        given = sha256(request.cookies.get(COOKIE, "").encode()).digest()
        if begun is None or services.clock() >= begun.ends or not hmac.compare_digest(begun.browser, given):
            return self._refused("This sign-in was begun elsewhere, or more than ten minutes ago. Begin again.", 422)
        if "code" not in request.query:
            return self._refused("The provider did not sign you in. Begin again, or ask for a link.", 422, begun.back)
        try:
            claims = await self._client.claims(request.query["code"][:4_000], begun, self._back)
            member = await self._member(claims)
        except ProviderRefused as error:
            return self._refused(str(error), 422, begun.back)
        except Unavailable as error:
            return self._refused(error.message, 503, begun.back)
        back = return_path(request, begun.back) or "/console"
        response = web.Response(status=303, headers={"Location": f"{self._frame.site.base}{back}"})
        set_session_cookie(services, response, await services.sessions.open(member.id, "provider"))
        response.del_cookie(COOKIE, path=f"{self._frame.site.base}{PATH}")
        return response

    async def _member(self, claims: dict[str, Any]) -> MemberState:
        """Find the member with the verified address. Raises ProviderRefused."""
        address = str(claims.get("email", "")).casefold()
        if not address or claims.get("email_verified") is not True:
            raise ProviderRefused("The provider knows no verified e-mail address of yours: mend that there.")
        team = await read(self._services, self._services.views.members)
        found = next((one for one in team if one.role and (one.email or "").casefold() == address), None)
        if found is None:
            raise ProviderRefused(f"{address} is not in the team. Ask an administrator to invite this address.")
        return found

    def _refused(self, words: str, status: int, back: str = "") -> web.Response:
        return self._frame.message("You are not signed in", [words], status=status, back=back)
