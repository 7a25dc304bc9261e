"""The access matrix, generated from the router, against the table below: every route × scope × role.

Screens are asked by the role that may and by the one below it.
"""

from __future__ import annotations

import re
from typing import cast
from uuid import UUID

import pytest
from aiohttp import web

from alerts.commands import SYSTEM
from alerts.domain.roles import OF_A_PERSON, ROLES, SCOPE_ROLES, SCOPES, Role
from alerts.web.http.app_keys import POLICY
from alerts.web.http.auth import COOKIE
from alerts.web.http.routing import Route
from tests.support.served import Served

MATRIX = {
    "POST /hooks/{source}": "hook",
    "POST /hooks/{provider}/receipts": "hook",
    "POST /api/v1/incidents": "incidents:write author",
    "GET /api/v1/incidents": "read viewer",
    "GET /api/v1/incidents/{id}": "read viewer",
    "POST /api/v1/incidents/{id}/resolve": "incidents:write author",
    "POST /api/v1/service-points": "services:write author",
    "GET /api/v1/service-points": "read viewer",
    "GET /api/v1/service-points/{id}": "read viewer",
    "PATCH /api/v1/service-points/{id}": "services:write author",
    "POST /api/v1/service-changes": "services:write author",
    "GET /api/v1/service-changes": "read viewer",
    "GET /api/v1/service-changes/{id}": "read viewer",
    "POST /api/v1/places": "places:write|services:write author everywhere",
    "GET /api/v1/places": "read viewer",
    "GET /api/v1/places/{slug}": "read viewer",
    "POST /api/v1/topics": "places:write|services:write author everywhere",
    "GET /api/v1/topics": "read viewer",
    "POST /api/v1/segments": "segments:write author everywhere",
    "GET /api/v1/segments": "read viewer",
    "GET /api/v1/segments/{slug}": "read viewer",
    "POST /api/v1/notices": "notices:write author",
    "GET /api/v1/notices": "read viewer",
    "GET /api/v1/notices/{id}": "read viewer",
    "PATCH /api/v1/notices/{id}": "notices:write author",
    "GET /api/v1/notices/{id}/dispatch": "read viewer",
    "POST /api/v1/notices/{id}/submit": "notices:write author",
    "POST /api/v1/notices/{id}/approve": "notices:approve approver",
    "POST /api/v1/notices/{id}/reject": "notices:approve approver",
    "POST /api/v1/notices/{id}/return": "notices:approve approver",
    "POST /api/v1/notices/{id}/schedule": "notices:issue author",
    "POST /api/v1/notices/{id}/issue": "notices:issue author",
    "POST /api/v1/notices/{id}/update": "notices:write author",
    "POST /api/v1/notices/{id}/cancel": "notices:approve|notices:issue author",
    "POST /api/v1/notices/{id}/all-clear": "notices:approve|notices:issue author",
    "POST /api/v1/notices/{id}/stop": "notices:approve|notices:issue author",
    "POST /api/v1/notices/{id}/resume": "notices:approve|notices:issue author",
    "POST /api/v1/newsletters": "newsletters:write author everywhere",
    "GET /api/v1/newsletters": "read viewer",
    "GET /api/v1/newsletters/{id}": "read viewer",
    "PATCH /api/v1/newsletters/{id}": "newsletters:write author everywhere",
    "DELETE /api/v1/newsletters/{id}": "newsletters:write author everywhere",
    "POST /api/v1/newsletters/{id}/bulletins": "newsletters:write author everywhere",
    "POST /api/v1/audience": "read viewer",
    "POST /api/v1/subscribers": "subscribers:write author everywhere",
    "GET /api/v1/subscribers": "subscribers:read author everywhere",
    "GET /api/v1/subscribers/{id}": "subscribers:read author everywhere",
    "PATCH /api/v1/subscribers/{id}": "subscribers:write author everywhere",
    "DELETE /api/v1/subscribers/{id}": "subscribers:write author everywhere",
    "GET /api/v1/deliveries": "read viewer",
    "GET /api/v1/deliveries/{id}": "read viewer",
    "GET /api/v1/deliveries/{id}/why": "read|subscribers:read viewer",
    "GET /api/v1/notices/{id}/why-not/{subscriber_id}": "read|subscribers:read viewer",
    "GET /api/v1/print-batches": "letters:write author everywhere",
    "POST /api/v1/print-batches": "letters:write author everywhere",
    "GET /api/v1/print-batches/{id}": "letters:write author everywhere",
    "GET /api/v1/print-batches/{id}/pdf": "letters:write author everywhere",
    "POST /api/v1/print-batches/{id}/mark": "letters:write author everywhere",
    "GET /api/v1/reports": "reports:read author everywhere",
    "GET /api/v1/reports/{id}": "reports:read author everywhere",
    "DELETE /api/v1/reports/{id}": "reports:write author everywhere",
    "GET /api/v1/reports/{id}/photo": "reports:read author everywhere",
    "POST /api/v1/reports/{id}/answer": "reports:write author everywhere",
    "POST /api/v1/reports/{id}/dismiss": "reports:write author everywhere",
    "POST /api/v1/reports/{id}/incident": "incidents:write author everywhere",
    "GET /api/v1/notices/{id}/feedback": "reports:read author everywhere",
    "GET /api/v1/events": "read viewer",
    "GET /api/v1/triggers/{id}": "read viewer",
    "GET /api/v1/status": "read viewer",
    "POST /api/v1/webhooks": "webhooks:write approver everywhere",
    "GET /api/v1/webhooks": "webhooks:write approver everywhere",
    "GET /api/v1/webhooks/{id}": "webhooks:write approver everywhere",
    "DELETE /api/v1/webhooks/{id}": "webhooks:write approver everywhere",
    "POST /api/v1/webhooks/{id}/replay": "webhooks:write approver everywhere",
    "POST /api/v1/team": "team:write admin everywhere",
    "GET /api/v1/team": "team:write admin everywhere",
    "GET /api/v1/team/{id}": "team:write admin everywhere",
    "DELETE /api/v1/team/{id}": "team:write admin everywhere",
    "POST /api/v1/team/{id}/end-sign-ins": "team:write admin everywhere",
    "POST /api/v1/organisations": "team:write admin everywhere",
    "GET /api/v1/organisations": "read viewer",
    "GET /api/v1/organisations/{slug}": "read viewer",
    "PATCH /api/v1/organisations/{slug}": "team:write admin everywhere",
    "DELETE /api/v1/organisations/{slug}": "team:write admin everywhere",
    "GET /healthz": "public",
    "GET /readyz": "public",
    "GET /metrics": "public",
    "GET /api/v1/openapi.json": "public",
    "GET /alerts/{id}.cap": "public",
    "GET /": "public",
    "GET /changes": "public",
    "GET /archive": "public",
    "GET /places/{slug}": "public",
    "GET /board": "public",
    "GET /board/events": "public",
    "GET /bulletin.txt": "public",
    "GET /check": "public",
    "GET /status": "public",
    "GET /feeds/alerts.atom": "public",
    "GET /feeds/cap.atom": "public",
    "GET /feeds/alerts.geojson": "public",
    "GET /feeds/places.geojson": "public",
    "GET /feeds/changes.ics": "public",
    "GET /alerts/{notice}/follow": "public",
    "POST /alerts/{notice}/follow": "public",
    "GET /alerts/{notice}.ics": "public",
    "GET /alerts/{notice}.pdf": "public",
    "GET /alerts/{notice}.json": "public",
    "GET /alerts/{notice}": "public",
    "GET /a/{number}": "public",
    "GET /places.json": "public",
    "GET /preferences": "public",
    "POST /preferences": "public",
    "GET /preferences/{token}/test": "token",
    "POST /preferences/{token}/test": "token",
    "GET /preferences/{token}": "token",
    "POST /preferences/{token}": "token",
    "POST /preferences/{token}/pause": "token",
    "GET /preferences/{token}/leave": "token",
    "POST /preferences/{token}/leave": "token",
    "GET /preferences/{token}/messages": "token",
    "GET /preferences/{token}/why-not": "token",
    "GET /preferences/{token}/export": "token",
    "POST /preferences/{token}/export": "token",
    "GET /preferences/{token}/erase": "token",
    "POST /preferences/{token}/erase": "token",
    "GET /preferences/{token}/where": "token",
    "POST /preferences/{token}/where": "token",
    "GET /preferences/{token}/what": "token",
    "POST /preferences/{token}/what": "token",
    "GET /preferences/{token}/danger": "token",
    "POST /preferences/{token}/danger": "token",
    "GET /preferences/{token}/how": "token",
    "POST /preferences/{token}/how": "token",
    "GET /preferences/{token}/quiet": "token",
    "POST /preferences/{token}/quiet": "token",
    "GET /preferences/{token}/language": "token",
    "POST /preferences/{token}/language": "token",
    "GET /preferences/{token}/addresses": "token",
    "POST /preferences/{token}/addresses": "token",
    "GET /subscribe": "public",
    "POST /subscribe": "public",
    "GET /subscribe/what": "public",
    "POST /subscribe/what": "public",
    "GET /subscribe/how": "public",
    "POST /subscribe/how": "public",
    "GET /subscribe/check": "public",
    "POST /subscribe/check": "public",
    "GET /subscribe/sent": "public",
    "POST /subscribe/sent": "public",
    "GET /alerts/{notice}/feedback": "public",
    "POST /alerts/{notice}/feedback": "public",
    "GET /report": "public",
    "POST /report": "public",
    "GET /report/{receipt}": "token",
    "GET /why/{token}": "token",
    "GET /unsubscribe/{token}": "token",
    "POST /unsubscribe/{token}": "token",
    "GET /confirm/{token}": "token",
    "POST /confirm/{token}": "token",
    "GET /device/{token}": "token",
    "GET /push/key": "public",
    "POST /push/subscriptions": "token",
    "DELETE /push/subscriptions": "token",
    "GET /sw.js": "public",
    "GET /manifest.webmanifest": "public",
    "GET /inbox/push/{id}": "public",
    "POST /inbox/push/{id}": "hook",
    "GET /inbox": "public",
    "GET /inbox.json": "public",
    "GET /inbox/{id}": "public",
    "GET /inbox/{id}/letter.html": "public",
    "GET /inbox/{id}/raw": "public",
    "GET /console": "viewer",
    "GET /console/log": "viewer",
    "GET /console/more": "viewer",
    "GET /console/letters": "author everywhere",
    "POST /console/letters": "author everywhere",
    "GET /console/letters/{id}": "author everywhere",
    "POST /console/letters/{id}": "author everywhere",
    "GET /console/letters/{id}/pdf": "author everywhere",
    "GET /console/letters/{id}/csv": "author everywhere",
    "GET /console/sources": "admin",
    "GET /console/sources/new": "admin",
    "POST /console/sources/new": "admin",
    "GET /console/sources/{name}": "admin",
    "POST /console/sources/{name}/revise": "admin",
    "POST /console/sources/{name}/secret": "admin",
    "POST /console/sources/{name}/remove": "admin",
    "GET /console/organisations": "admin",
    "POST /console/organisations": "admin",
    "GET /console/organisations/{slug}": "admin",
    "POST /console/organisations/{slug}/revise": "admin",
    "POST /console/organisations/{slug}/retire": "admin",
    "GET /console/team": "admin",
    "POST /console/team": "admin",
    "GET /console/team/{member}": "admin",
    "POST /console/team/{member}/role": "admin",
    "POST /console/team/{member}/invite": "admin",
    "POST /console/team/{member}/end-sign-ins": "admin",
    "POST /console/team/{member}/remove": "admin",
    "GET /console/subscribers": "author everywhere",
    "GET /console/subscribers/new": "author everywhere",
    "POST /console/subscribers/new": "author everywhere",
    "POST /console/subscribers/{person}/act": "author everywhere",
    "POST /console/subscribers": "author everywhere",
    "GET /console/subscribers/suppressed": "author everywhere",
    "POST /console/subscribers/lift": "author everywhere",
    "GET /console/subscribers/{person}": "author everywhere",
    "GET /console/waiting": "author everywhere",
    "POST /console/waiting": "approver everywhere",
    "GET /console/reports": "author everywhere",
    "GET /console/reports/{report}": "author everywhere",
    "GET /console/reports/{report}/photo": "author everywhere",
    "POST /console/reports/{report}/answer": "author everywhere",
    "POST /console/reports/{report}/dismiss": "author everywhere",
    "POST /console/reports/{report}/erase": "author everywhere",
    "GET /console/reports/{report}/incident": "author everywhere",
    "POST /console/reports/{report}/incident": "author everywhere",
    "GET /console/notices": "viewer",
    "GET /console/notices/new": "author",
    "POST /console/notices/new": "author",
    "GET /console/notices/{notice}/edit": "author",
    "POST /console/notices/{notice}/edit": "author",
    "GET /console/notices/{notice}/check": "author",
    "POST /console/notices/{notice}/check": "author",
    "GET /console/notices/{notice}/approve": "approver",
    "POST /console/notices/{notice}/approve": "approver",
    "GET /console/notices/{notice}/comments": "viewer",
    "GET /console/notices/{notice}/letter.pdf": "author",
    "GET /console/notices/{notice}/mail.html": "author",
    "GET /console/notices/{notice}/page.html": "author",
    "POST /console/notices/{notice}/comments": "viewer",
    "POST /console/notices/{notice}/comments/erase": "admin",
    "GET /console/notices/{notice}/progress": "viewer",
    "GET /console/notices/{notice}/report": "viewer",
    "GET /console/notices/{notice}/report.csv": "viewer",
    "POST /console/notices/{notice}/call-list": "author everywhere",
    "GET /console/account": "viewer",
    "POST /console/account/password": "viewer",
    "POST /console/account/remove": "viewer",
    "POST /console/account/passkey/options": "viewer",
    "POST /console/account/passkey": "viewer",
    "POST /console/account/devices": "viewer",
    "POST /console/account/devices/remove": "viewer",
    "POST /console/sign-in/password": "public",
    "POST /console/sign-in/passkey/options": "public",
    "POST /console/sign-in/passkey": "public",
    "GET /console/calendar": "viewer",
    "POST /console/calendar/{notice}": "author",
    "GET /console/templates": "author",
    "GET /console/templates/new": "author",
    "POST /console/templates/new": "author",
    "GET /console/templates/{slug}": "author",
    "POST /console/templates/{slug}": "author",
    "POST /console/templates/{slug}/publish": "approver",
    "POST /console/templates/{slug}/retire": "approver",
    "GET /console/newsletters": "viewer",
    "GET /console/newsletters/new": "author",
    "POST /console/newsletters/new": "author",
    "GET /console/newsletters/{slug}": "viewer",
    "POST /console/newsletters/{slug}": "author",
    "POST /console/notices/{notice}/update": "author",
    "GET /console/notices/{notice}/cancel": "approver",
    "POST /console/notices/{notice}/cancel": "approver",
    "GET /console/notices/{notice}/all-clear": "approver",
    "POST /console/notices/{notice}/all-clear": "approver",
    "GET /console/notices/{notice}/stop": "approver",
    "POST /console/notices/{notice}/stop": "approver",
    "GET /console/notices/{notice}": "viewer",
    "GET /console/sign-in": "public",
    "POST /console/sign-in": "public",
    "GET /console/sign-in/{token}": "token",
    "POST /console/sign-in/{token}": "token",
    "POST /console/sign-out": "public",
    "GET /static/vendor/{name}": "public",
    "GET /static/{name}": "public",
}
"""Method and path → public, token, hook, a role of the console, or "scope|scope least-role [everywhere]"."""
SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
"""Access does not depend on the database."""
_NO_RIGHT = re.compile(r"this key lacks the scope|this takes |is not in the team any more|concerns every area")


def routes(served: Served) -> list[Route]:
    """List the rows of the served policy table."""
    app = served.client.server.app  # type: ignore[union-attr]
    return list(cast(web.Application, app)[POLICY])


def name(route: Route) -> str:
    """Name a route as the table does."""
    return f"{route.method} {route.path}"


def row(route: Route) -> str:
    """Describe a route's access as the table does."""
    access = route.access
    if access.kind == "role":
        return f"{access.role} everywhere" if access.everywhere else str(access.role)
    if access.kind != "scope":
        return access.kind
    least = min((SCOPE_ROLES[scope] for scope in access.scopes), key=ROLES.index)
    return f"{'|'.join(access.scopes)} {least}{' everywhere' if access.everywhere else ''}"


async def asked(served: Served, route: Route, headers: dict[str, str]) -> bool:
    """Ask a route about nothing that exists; True unless it is refused for want of rights."""
    path = re.sub(r"\{[^}]+\}", str(UUID(int=7)), route.path)
    body = None if route.method == "GET" else {}
    answer = await served.client.request(
        route.method, path, headers={"If-Match": "*", **headers}, json=body, allow_redirects=False
    )
    text = await answer.text()
    assert answer.status < 500 and answer.status != 401, f"{name(route)}: {answer.status} {text}"
    refused = answer.status == 403 and _NO_RIGHT.search(text) is not None
    assert answer.status != 403 or refused, f"{name(route)}: {text}"
    return not refused


@SQLITE
async def test_every_route_has_a_row(served: Served) -> None:
    assert {name(route): row(route) for route in routes(served)} == MATRIX


@SQLITE
@pytest.mark.parametrize("scope", SCOPES)
async def test_key_of_a_program_opens_its_scope_alone(served: Served, scope: str) -> None:
    person = None
    if scope in OF_A_PERSON:
        person = (await served.parts.commands.invite_member(SYSTEM, "p@example.org", "admin")).id
    # An outgoing webhook delivers what its key may read.
    scopes = {scope, "read"} if scope == "webhooks:write" else {scope}
    key = await served.key(*scopes, person=person)
    for route in routes(served):
        if route.access.kind == "scope":
            assert await asked(served, route, key) == bool(scopes.intersection(route.access.scopes)), name(route)


@SQLITE
@pytest.mark.parametrize("role", ROLES)
async def test_key_of_a_person_opens_what_the_role_allows(served: Served, role: Role) -> None:
    member = (await served.parts.commands.invite_member(SYSTEM, "p@example.org", role)).id
    key = await served.key(*SCOPES, person=member)
    for route in routes(served):
        if route.access.kind == "scope":
            least = MATRIX[name(route)].split()[1]
            assert await asked(served, route, key) == (ROLES.index(role) >= ROLES.index(cast(Role, least))), name(route)


@SQLITE
async def test_screens_open_by_role(served: Served) -> None:
    for at, role in enumerate(ROLES):
        member = (await served.parts.commands.invite_member(SYSTEM, f"{role}@example.org", role)).id
        cookie = {"Cookie": f"{COOKIE}={await served.parts.sessions.open(member, 'test')}"}
        for route in routes(served):
            if route.access.kind == "role" and route.access.role is not None:
                path = re.sub(r"\{[^}]+\}", str(UUID(int=7)), route.path)
                if at == 0:  # without a sign-in there is no role
                    assert (await served.client.request(route.method, path)).status == 401, name(route)
                if at not in (least := ROLES.index(route.access.role), least - 1):
                    continue  # a role may what the one below it may (`at_least`)
                answer = await served.client.request(route.method, path, headers=cookie, allow_redirects=False)
                assert (answer.status == 403) == (at < least), name(route)
