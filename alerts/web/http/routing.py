"""What a route is: a method, a path, a handler, and who may call it. Together the rows are the one policy table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from aiohttp import web

from alerts.commands.access import SCOPES
from alerts.web.http.operation import Operation

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Method = Literal["GET", "POST", "PATCH", "DELETE"]
Role = Literal["viewer", "author", "approver", "admin"]

ROLES: tuple[Role, ...] = ("viewer", "author", "approver", "admin")
"""Each with all of the lower one's rights."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call a route.

    public: anyone. token: whoever holds the signed link (the handler checks it). hook: a source, by signature or bearer
    (the handler checks it). scope: an API key with any of `scopes`; none named means any valid key. role: a signed-in
    team member of `role` or above.
    """

    kind: Literal["public", "token", "hook", "scope", "role"]
    scopes: tuple[str, ...] = ()
    role: Role | None = None


PUBLIC = Access("public")
TOKEN = Access("token")
HOOK = Access("hook")


def scope(*any_of: str) -> Access:
    """An API key with any of these scopes."""
    unknown = set(any_of) - set(SCOPES)
    if unknown:
        raise ValueError(f"unknown scopes: {sorted(unknown)}")
    return Access("scope", scopes=any_of)


def role(at_least: Role) -> Access:
    """A signed-in team member of this role or above; the handler finds them under `request[MEMBER]`."""
    return Access("role", role=at_least)


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the policy table. GET answers HEAD too.

    `path` is an aiohttp pattern; of two that match an address the one listed first wins.
    """

    method: Method
    path: str
    handler: Handler
    access: Access
    operation: Operation | None = field(default=None, compare=False)
    """Its documentation, which every route of the API has."""


CALLER: Final = web.RequestKey("CALLER", object)
"""Where a handler behind `scope` finds its `auth.Caller`: `request[CALLER]`."""
MEMBER: Final = web.RequestKey("MEMBER", object)
"""Where a handler behind `role` finds its `MemberState`: `request[MEMBER]`."""
