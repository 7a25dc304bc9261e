"""Actor of a signed-in team member, and what every form of the console shares."""

from __future__ import annotations

from hashlib import sha256
from typing import cast
from uuid import UUID

from aiohttp import web

from alerts.commands.actor import Actor
from alerts.commands.ports import Idempotency
from alerts.domain.reference_data import MemberState
from alerts.domain.roles import SCOPES, scopes_of
from alerts.kernel.ids import new_id
from alerts.web.http.routing import MEMBER
from alerts.web.public.forms import FormFields

ONCE = "once"
"""Field with the form's one-time key: a second press gets the first one's answer."""


def member_of(request: web.Request) -> MemberState:
    """Return the signed-in member."""
    return cast(MemberState, request[MEMBER])


def actor_of_member(request: web.Request) -> Actor:
    """Return the member as author of a command, bounded by their role and areas at this moment."""
    member = member_of(request)
    return Actor(
        kind="person",
        id=str(member.id),
        name=member.name or "",
        person=member.id,
        scopes=scopes_of(member.role, SCOPES),
        member_version=member.version,
    )


def once_key() -> str:
    """Make the one-time key of a form."""
    return str(new_id())


def idempotency_of(request: web.Request, fields: FormFields, *, whole: bool = True) -> Idempotency | None:
    """Return the idempotency key of a submitted form; None for one without.

    The same content again is a second press. Other content is another act, although its page was the same: of one with
    several forms, or one that was gone back to. `whole=False`: the one-time key decides alone, whatever the content.
    """
    key = fields.line(ONCE)[:100]
    if not key:
        return None
    if whole:
        said = "\0".join(f"{name}\0{value}" for name, value in sorted(fields.every()))
        key = f"{key} {sha256(said.encode(errors='surrogatepass')).hexdigest()[:32]}"
    caller = str(member_of(request).id)
    return Idempotency(caller=caller, path=request.path, key=key, digest=sha256(key.encode()).digest())


def notice_id(request: web.Request) -> UUID:
    """Return the notice of the path. Raises HTTPNotFound."""
    try:
        return UUID(request.match_info["notice"])
    except ValueError:
        raise web.HTTPNotFound from None


def once_field() -> dict[str, str]:
    """Return the template context of a form's one-time key."""
    return {"once": once_key(), "once_name": ONCE}
