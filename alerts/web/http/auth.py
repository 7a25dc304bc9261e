"""Authentication: programs by API key, team members by session cookie. Commands check further permissions.

A key's secret has 256 random bits, so a plain hash is stored: guessing is infeasible without a slow hash, which would
cost time in every request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import web

from alerts.commands.actor import Actor
from alerts.commands.console_sessions import SESSION_LIFE
from alerts.commands.credentials import hash_secret
from alerts.domain.roles import ROLES, SCOPE_ROLES, Role, policy_of, scopes_of
from alerts.domain.set_at import POLICY_SET_AT
from alerts.domain.source_policy import names_places
from alerts.domain.streams import KEY, MEMBER
from alerts.eventlog.ports import UnreadableEvent
from alerts.services import Services
from alerts.web.http.problem import RequestRefused
from alerts.web.http.requests import read
from alerts.web.http.routing import Access

if TYPE_CHECKING:
    from alerts.domain.reference_data import KeyState, MemberState

COOKIE = "alerts_session"
KNOWN_FOR_S = 0.25
_MOST_KNOWN = 1_000
_CATCH_UP_S = 2.0
"""Maximum wait for the read models, in which a key or a write that was made just now may be missing."""
_NOBODY: tuple[float, None] = (0.0, None)
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="alerts"'}


@dataclass(frozen=True, slots=True)
class Caller:
    """Authenticated program: its key, and the actor of its commands."""

    key: KeyState
    actor: Actor
    member: MemberState | None = None
    """Person whom the key was issued for; None for a program's own."""

    def may(self, scope: str) -> bool:
        """True if its key has this scope for every area, and its person's role allows it."""
        return scope in self.actor.scopes and (self.member is None or self.member.areas is None)

    def check(self, access: Access) -> None:
        """Check a route's policy row. Raises RequestRefused 403."""
        if not self.actor.scopes.isdisjoint(access.scopes):
            if access.everywhere and self.member is not None and self.member.areas is not None:
                raise RequestRefused(403, "this concerns every area; the role of this key's person is for some only")
            return
        if self.key.person is None or set(self.key.scopes).isdisjoint(access.scopes):
            raise RequestRefused(403, f"this key lacks the scope {' or '.join(access.scopes)}; issue one that has it")
        if self.member is None or self.member.role is None:
            raise RequestRefused(403, "the person whom this key was issued for is not in the team any more")
        least = min((SCOPE_ROLES[scope] for scope in access.scopes if scope in self.key.scopes), key=ROLES.index)
        raise RequestRefused(403, f"the person whom this key was issued for is {self.member.role}; this takes {least}")


def bearer(request: web.Request) -> str:
    """Return the bearer secret of the Authorization header; "" if there is none."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


class Callers:
    """Short-lived cache of authenticated API keys: a busy client's key is looked up a few times a second, not at each
    request. A revoked key is refused at most `KNOWN_FOR_S` seconds later."""

    def __init__(self, services: Services, tick: Callable[[], float] = monotonic) -> None:
        self._services, self._tick = services, tick
        self._known: dict[bytes, tuple[float, Caller]] = {}
        self._lookups: dict[bytes, asyncio.Future[Caller | None]] = {}

    async def of(self, request: web.Request, access: Access) -> Caller:
        """Authenticate a request. Raises RequestRefused: 401 without a valid key, 403 if the policy row does not allow
        it; TooManyRequests above the rate limit."""
        # Keyed by a hash, so that no secret stays in memory longer than its request.
        header = sha256(request.headers.get("Authorization", "").encode("utf-8", "replace")).digest()
        until, known = self._known.get(header, _NOBODY)
        caller = known if self._tick() < until else await self._look_up(request, header)
        if caller is None:
            raise RequestRefused(401, "no such API key, or it was revoked", headers=_CHALLENGE)
        rate = caller.key.rate
        self._services.limits.take(caller.actor.id, self._services.settings.api_rate if rate is None else rate)
        caller.check(access)
        return caller

    async def _look_up(self, request: web.Request, header: bytes) -> Caller | None:
        """Look up a key; concurrent requests with the same key share one lookup."""
        secret = bearer(request)
        if not secret:
            raise RequestRefused(401, "send an API key: `Authorization: Bearer …`", headers=_CHALLENGE)
        if not secret.isascii():
            return None
        lookup = self._lookups.get(header)
        if lookup is None:
            lookup = self._lookups[header] = asyncio.ensure_future(self._caller(secret, header))
            lookup.add_done_callback(lambda _: self._lookups.pop(header, None))
        return await asyncio.shield(lookup)

    async def _caller(self, secret: str, header: bytes) -> Caller | None:
        self._known.pop(header, None)
        until = self._tick() + KNOWN_FOR_S
        key = await self._authentic(await self._key(hash_secret(secret)), hash_secret(secret))
        if key is None or key.revoked:
            return None
        member = None
        if key.person is not None:
            member = await read(self._services, self._services.log.state, MEMBER, key.person)
        actor = _actor(key, member, await self._policy_set_at(key))
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        caller = Caller(key, actor, member)
        self._known[header] = (until, caller)
        return caller

    async def _authentic(self, found: KeyState | None, secret_hash: str) -> KeyState | None:
        """Return a key as the log has it: a row in the read models alone opens nothing."""
        if found is None:
            return None
        try:
            key = await read(self._services, self._services.log.state, KEY, found.id)
        except UnreadableEvent:
            return None
        return key if key is not None and key.secret_hash == secret_hash else None

    async def _policy_set_at(self, key: KeyState) -> int | None:
        """Return the position at which the key's policy was set, if it names places: they are those of then."""
        if not names_places(key.policy):
            return None
        services, loop = self._services, asyncio.get_running_loop()
        found = await loop.run_in_executor(services.reads, services.log.state, POLICY_SET_AT, key.id)
        return found.position if found is not None else key.position

    async def _key(self, secret_hash: str) -> KeyState | None:
        services, loop = self._services, asyncio.get_running_loop()
        shown = services.runner.position()  # before the lookup: after it they may have moved on
        found = await loop.run_in_executor(services.reads, services.views.key_by_hash, secret_hash)
        if found is not None:
            return found
        # A key that any process has issued just now may not be in the read models yet.
        written = await loop.run_in_executor(services.reads, services.log.position)
        if shown >= written:
            return None
        await services.runner.wait_for_async(written, _CATCH_UP_S)
        return await loop.run_in_executor(services.reads, services.views.key_by_hash, secret_hash)


def _actor(key: KeyState, member: MemberState | None, policy_at: int | None) -> Actor:
    """Return the actor of a key, bounded by its person's role (RULES 17)."""
    scopes, policy = frozenset(key.scopes), key.policy
    if key.person is not None:
        role = member.role if member is not None else None
        scopes, policy = scopes_of(role, scopes), policy_of(role, policy)
    return Actor(
        kind="key",
        id=str(key.id),
        name=key.name,
        policy=policy,
        policy_at=policy_at,
        person=key.person,
        scopes=scopes,
        member_version=None if member is None else member.version,
    )


async def caught_up(services: Services, timeout: float = _CATCH_UP_S) -> None:
    """Wait until the read models contain this process's writes (read your writes), at most `timeout` seconds."""
    wanted = services.writer.position()
    if services.runner.position() < wanted:
        await services.runner.wait_for_async(wanted, timeout)


def set_session_cookie(services: Services, response: web.StreamResponse, cookie: str) -> None:
    """Set the session cookie: 12 hours, HttpOnly, SameSite=Lax, Secure if the public URL is https."""
    response.set_cookie(
        cookie_name(services),
        cookie,
        max_age=int(SESSION_LIFE.total_seconds()),
        httponly=True,
        secure=services.settings.public_url.startswith("https:"),
        samesite="Lax",
        path="/" if cookie_name(services) != COOKIE else console_path(services),
    )


def cookie_name(services: Services) -> str:
    """Name of the session cookie. By its prefix a browser takes it over https, from this host and for it alone."""
    return f"__Host-{COOKIE}" if services.settings.public_url.startswith("https:") else COOKIE


def end_session_cookie(services: Services, response: web.StreamResponse) -> None:
    """Delete the session cookie."""
    https = cookie_name(services) != COOKIE
    response.del_cookie(
        cookie_name(services),
        path="/" if https else console_path(services),
        secure=https,
        httponly=True,
        samesite="Lax",
    )


def console_path(services: Services) -> str:
    """Return the console's path as browsers see it: a proxy may serve the product under a path."""
    return f"{urlsplit(services.settings.public_url).path.rstrip('/')}/console"


async def member(services: Services, request: web.Request, at_least: Role, *, everywhere: bool = False) -> MemberState:
    """Return the signed-in team member. Raises RequestRefused: 401 without a session, 403 below that role.

    `everywhere`: 403 too for a role that is limited to some areas.
    """
    cookie = request.cookies.get(cookie_name(services), "")
    session = await read(services, services.sessions.find, cookie) if cookie else None
    if session is None:
        raise RequestRefused(401, "you are not signed in, or your sign-in has ended")
    found, unseen = session
    if unseen:
        await services.sessions.see(cookie, found.id)
    if found.role is None:
        raise RequestRefused(401, "you are not in the team any more; ask an administrator")
    if ROLES.index(found.role) < ROLES.index(at_least):
        raise RequestRefused(403, f"this page is for the role {at_least} and above: ask an administrator of the team")
    if everywhere and found.areas is not None:
        raise RequestRefused(403, "this page concerns every area; your role is for some only")
    return found
