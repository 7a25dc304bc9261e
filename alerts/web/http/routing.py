"""Routes: method, path, handler and access rule. Together they form the policy table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from aiohttp import web

from alerts.domain.roles import SCOPES, Role
from alerts.web.http.operation import Operation

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Method = Literal["GET", "POST", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class Access:
    """Access rule of a route.

    public: anyone. token: the holder of the signed link (the handler checks it). hook: a source, by signature or bearer
    (the handler checks it). scope: an API key with any of `scopes`; a key issued for a person only has the scopes that
    the person's role allows (`alerts.domain.roles`). role: a signed-in team member of `role` or above.
    """

    kind: Literal["public", "token", "hook", "scope", "role"]
    scopes: tuple[str, ...] = ()
    role: Role | None = None
    everywhere: bool = False
    """True if it concerns every area: not for people whose role is limited to some."""


PUBLIC = Access("public")
TOKEN = Access("token")
HOOK = Access("hook")


def scope(*any_of: str, everywhere: bool = False) -> Access:
    """Allow API keys with any of these scopes. Raises ValueError for an unknown scope."""
    unknown = set(any_of) - set(SCOPES)
    if unknown:
        raise ValueError(f"unknown scopes: {sorted(unknown)}")
    return Access("scope", scopes=any_of, everywhere=everywhere)


def role(at_least: Role, *, everywhere: bool = False) -> Access:
    """Allow signed-in team members of this role or above; the handler finds them under `request[MEMBER]`."""
    return Access("role", role=at_least, everywhere=everywhere)


@dataclass(frozen=True, slots=True)
class Route:
    """Row of the policy table. GET includes HEAD.

    `path` is an aiohttp pattern; of two that match a URL the one listed first wins.
    """

    method: Method
    path: str
    handler: Handler
    access: Access
    operation: Operation | None = field(default=None, compare=False)
    """OpenAPI documentation, mandatory for routes of the API."""


CALLER: Final = web.RequestKey("CALLER", object)
"""Request key of the `auth.Caller` in handlers behind `scope`: `request[CALLER]`."""
MEMBER: Final = web.RequestKey("MEMBER", object)
"""Request key of the `MemberState` in handlers behind `role`: `request[MEMBER]`."""
