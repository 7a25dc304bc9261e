"""`/api/v1/team`: the people of the console, their roles with limits, and their sign-ins."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from aiohttp import web

from alerts.commands.console_sessions import Activity
from alerts.commands.results import MemberSaved
from alerts.contract.bodies import EmptyBody, MemberBody
from alerts.domain.events import AreaJson
from alerts.domain.reference_data import MemberState
from alerts.domain.roles import Role
from alerts.domain.streams import MEMBER
from alerts.services import Services
from alerts.web.api.common import ROOT, actor_of, found, idempotency
from alerts.web.http.operation import Operation
from alerts.web.http.requests import etag, id_of, json_body, optional_json_body, query, read
from alerts.web.http.responses import Accepted, JsonResponse, ListBody, json_response
from alerts.web.http.routing import Route, scope


class TeamMember(JsonResponse, frozen=True, kw_only=True):
    """A person of the console. `areas`, `kinds`: limits of the role, null for none."""

    id: UUID
    version: int
    email: str | None
    name: str | None
    state: Literal["active", "invited", "removed"]
    """invited: never signed in yet."""
    role: Role | None
    areas: AreaJson | None
    kinds: tuple[str, ...] | None
    organisations: tuple[str, ...] | None
    """Organisations in whose names the member writes and approves; null without a limit."""
    sign_ins: int
    """Sign-ins that are open now."""
    seen_at: datetime | None
    """Last request of an open sign-in."""
    signed_in_at: datetime | None
    keys: int
    """API keys issued for the person and not revoked."""


class MemberTaken(Accepted, frozen=True, kw_only=True):
    """Accepted change of the team. `sign_in_url`: the invitation of somebody who has never signed in, else null."""

    sign_in_url: str | None = None
    expires: datetime | None = None


def team_of(services: Services) -> tuple[TeamMember, ...]:
    """List the whole team, former members last. Blocks."""
    activity, keys = services.sessions.activity(), _keys(services)
    members = sorted(services.views.members(), key=lambda member: member.role is None)
    return tuple(_shown(member, activity.get(member.id, Activity()), keys.get(member.id, 0)) for member in members)


def _keys(services: Services) -> dict[UUID, int]:
    """Count the valid keys of each person."""
    counts: dict[UUID, int] = {}
    for key in services.views.keys():  # noqa: SIM118  not a dict
        if key.person is not None and not key.revoked:
            counts[key.person] = counts.get(key.person, 0) + 1
    return counts


def _shown(member: MemberState, activity: Activity, keys: int) -> TeamMember:
    known: Literal["active", "invited"] = "active" if activity.signed_in_at is not None else "invited"
    return TeamMember(
        id=member.id,
        version=member.version,
        email=member.email,
        name=member.name,
        state="removed" if member.role is None else known,
        role=member.role,
        areas=member.areas,
        kinds=member.kinds,
        organisations=member.organisations,
        sign_ins=activity.sessions,
        seen_at=activity.seen_at,
        signed_in_at=activity.signed_in_at,
        keys=keys,
    )


ADD = Operation(
    "Invite a person, or give a person of the team another role with its limits",
    status=201,
    response=MemberTaken,
    body=MemberBody,
    example={"email": "r.adeyemi@town.example", "role": "author", "name": "R. Adeyemi", "kinds": ["service-change"]},
)
LIST = Operation("The people of the console, former ones last", response=ListBody[TeamMember])
GET = Operation("One person of the console", response=TeamMember)
REMOVE = Operation("Out of the team: sign-ins end, keys open nothing any more", response=MemberTaken)
END_SIGN_INS = Operation(
    "Sign a person out everywhere, and void unused links", response=MemberTaken, body=EmptyBody, body_required=False
)


def routes(services: Services) -> list[Route]:
    """Policy rows of the team."""
    commands, public_url = services.commands, services.settings.public_url
    access = scope("team:write", everywhere=True)
    one_path = f"{ROOT}/team/{{id}}"

    async def add(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, MemberBody)
        saved = await commands.invite_member(
            actor_of(request),
            body.email,
            body.role,
            body.name,
            body.areas,
            body.kinds,
            organisations=body.organisations,
            idem=idempotency(request, raw),
        )
        # Of somebody who has signed in before, a link would let an administrator act as that person.
        known = (await read(services, services.sessions.activity)).get(saved.id)
        link = None if known is not None else await read(services, services.sessions.new_link, saved.id)
        taken = MemberTaken(
            id=saved.id,
            version=saved.version,
            position=saved.position,
            sign_in_url=f"{public_url}/console/sign-in/{link.token}" if link is not None else None,
            expires=link.expires if link is not None else None,
        )
        headers = {"Location": f"{public_url}{ROOT}/team/{saved.id}", "ETag": etag(saved.version)}
        return json_response(taken, 201, headers)

    async def get_all(request: web.Request) -> web.StreamResponse:
        query(request)
        return json_response(ListBody(items=await read(services, team_of, services), next=None))

    async def get_one(request: web.Request) -> web.StreamResponse:
        wanted = id_of(request, what="team member")
        one = found(await read(services, services.log.state, MEMBER, wanted), "team member", wanted)
        activity = (await read(services, services.sessions.activity)).get(wanted, Activity())
        keys = (await read(services, _keys, services)).get(wanted, 0)
        return json_response(_shown(one, activity, keys), headers={"ETag": etag(one.version)})

    async def remove(request: web.Request) -> web.StreamResponse:
        query(request)
        return _saved_response(await commands.remove_member(actor_of(request), id_of(request, what="team member")))

    async def end_sign_ins(request: web.Request) -> web.StreamResponse:
        await optional_json_body(request, EmptyBody)
        return _saved_response(await commands.end_sign_ins(actor_of(request), id_of(request, what="team member")))

    return [
        Route("POST", f"{ROOT}/team", add, access, ADD),
        Route("GET", f"{ROOT}/team", get_all, access, LIST),
        Route("GET", one_path, get_one, access, GET),
        Route("DELETE", one_path, remove, access, REMOVE),
        Route("POST", f"{one_path}/end-sign-ins", end_sign_ins, access, END_SIGN_INS),
    ]


def _saved_response(saved: MemberSaved) -> web.StreamResponse:
    taken = MemberTaken(id=saved.id, version=saved.version, position=saved.position)
    return json_response(taken, headers={"ETag": etag(saved.version)})
