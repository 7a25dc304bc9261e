"""Rights of a key: bounded by its person at each use, and of a draft: by its owner (RULES 17)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from alerts.commands import SYSTEM
from tests.support.served import CAMDEN, Served, problem

NOTICES = "/api/v1/notices"
SCOPES = ("read", "notices:write", "notices:approve", "notices:issue", "incidents:write", "services:write")
IN_CAMDEN = {"circle": {"lat": 51.55, "lon": -0.15, "radius_km": 0.5}}
OUTSIDE = {"circle": {"lat": 51.45, "lon": -0.15, "radius_km": 0.5}}
BODY = {"kind": "alert", "topic": "community", "area": IN_CAMDEN, "content": {"en": {"title": "Fair", "body": "Come."}}}
SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


async def invite(served: Served, name: str, role: str, **limits: Any) -> UUID:
    """Invite a person, or give them another role."""
    return (await served.parts.commands.invite_member(SYSTEM, f"{name}@example.org", role, **limits)).id


async def person(served: Served, name: str, role: str, policy: str = "draft", **limits: Any) -> dict[str, str]:
    """Headers with a key of a person."""
    return await served.key(*SCOPES, policy=policy, person=await invite(served, name, role, **limits))


async def ask(served: Served, key: dict[str, str], path: str, body: Any, status: int, method: str = "POST") -> Any:
    """Ask, with If-Match for a patch, and check the status."""
    headers = {**key, "If-Match": "*"} if method == "PATCH" else key
    return await served.ok(method, path, headers, body, status)


async def pending(served: Served, author: dict[str, str]) -> tuple[str, dict[str, int]]:
    """A notice that waits for approval, and what its approver has to name."""
    made = await ask(served, author, NOTICES, BODY, 201)
    sent = await ask(served, author, f"{NOTICES}/{made['id']}/submit", {}, 200)
    return f"{NOTICES}/{made['id']}", {"version": sent["version"], "people": 0}


@SQLITE
async def test_key_of_a_viewer_approves_nothing(served: Served) -> None:
    notice, seen = await pending(served, await person(served, "ann", "author"))
    viewer = await person(served, "vic", "viewer")
    refused = await served.client.post(f"{notice}/approve", json=seen, headers=viewer)
    assert "this takes approver" in (await problem(refused, 403))["detail"]
    await served.ok("GET", notice, viewer)


async def test_demotion_reaches_a_persons_keys_at_once(served: Served) -> None:
    author = await person(served, "ann", "author")
    approver = await person(served, "bob", "approver")
    notice, seen = await pending(served, author)
    await served.ok("GET", notice, approver)  # the key is known to the process
    await invite(served, "bob", "viewer")
    answer = await served.client.post(f"{notice}/approve", json=seen, headers=approver)
    assert answer.status in (403, 409), await answer.text()
    await served.parts.runner.wait_for_async(served.parts.writer.position(), 5)
    assert (await served.ok("GET", notice, author))["state"] == "pending-approval"


@SQLITE
async def test_policy_of_a_key_issues_no_more_than_its_person(served: Served) -> None:
    author = await person(served, "ann", "author", policy="issue")
    made = await ask(served, author, NOTICES, BODY, 201)
    await ask(served, author, f"{NOTICES}/{made['id']}/issue", {}, 409)
    told = await ask(served, author, "/api/v1/incidents", {"headline": "Smoke", "area": IN_CAMDEN}, 201)
    assert (await served.ok("GET", f"{NOTICES}/{told['notice']}", author))["state"] == "pending-approval"
    approver = await person(served, "bob", "approver", policy="issue")
    made = await ask(served, approver, NOTICES, BODY, 201)
    await ask(served, approver, f"{NOTICES}/{made['id']}/issue", {}, 202)


@SQLITE
async def test_schedule_takes_the_scope_that_issues(served: Served) -> None:
    author = await person(served, "ann", "author")
    approver = await served.key("read", "notices:approve", person=await invite(served, "bob", "approver"))
    notice, seen = await pending(served, author)
    await served.ok("POST", f"{notice}/approve", approver, seen)
    soon = {"send_at": (served.now + timedelta(seconds=2)).isoformat()}
    await ask(served, approver, f"{notice}/schedule", soon, 403)
    await ask(served, author, f"{notice}/schedule", soon, 200)


@SQLITE
async def test_draft_is_edited_by_its_owner_or_an_author(served: Served) -> None:
    program, other = await served.key(*SCOPES[:2], policy="record"), await served.key(*SCOPES[:2], policy="record")
    ann, hers, bob = [await person(served, name, "author") for name in ("ann", "ann", "bob")]
    patch = {"content": {"en": {"title": "Changed"}}}
    by_program = f"{NOTICES}/{(await ask(served, program, NOTICES, BODY, 201))['id']}"
    by_ann = f"{NOTICES}/{(await ask(served, ann, NOTICES, BODY, 201))['id']}"
    for notice in (by_program, by_ann):
        await ask(served, other, notice, patch, 403, "PATCH")
        await ask(served, other, f"{notice}/submit", {}, 403)
    await ask(served, program, by_program, patch, 200, "PATCH")
    await ask(served, hers, by_ann, patch, 200, "PATCH")
    await ask(served, bob, by_ann, {"topic": "safety"}, 200, "PATCH")


@SQLITE
async def test_another_key_voids_no_approval(served: Served) -> None:
    notice, seen = await pending(served, await person(served, "ann", "author"))
    approver, program = await person(served, "bob", "approver"), await served.key("read", "notices:write")
    await served.ok("POST", f"{notice}/approve", approver, seen)
    await ask(served, program, notice, {"topic": "safety"}, 403, "PATCH")
    assert (await served.ok("GET", notice, approver))["state"] == "approved"


@SQLITE
async def test_policy_issues_no_draft_of_another(served: Served) -> None:
    made = await ask(served, await person(served, "ann", "author"), NOTICES, BODY, 201)
    program = await served.key("read", "notices:issue", policy="issue")
    soon = {"send_at": (served.now + timedelta(hours=1)).isoformat()}
    await ask(served, program, f"{NOTICES}/{made['id']}/issue", {}, 403)
    await ask(served, program, f"{NOTICES}/{made['id']}/schedule", soon, 403)


@SQLITE
async def test_role_for_an_area_ends_at_its_edge(served: Served) -> None:
    free = await person(served, "free", "approver", policy="issue")
    local = await person(served, "loc", "approver", policy="issue", areas=[CAMDEN])
    await ask(served, local, NOTICES, BODY, 201)
    await ask(served, local, NOTICES, {**BODY, "area": OUTSIDE}, 403)
    unfinished = await ask(served, local, NOTICES, {"kind": "announcement", "topic": "community"}, 201)
    await ask(served, local, f"{NOTICES}/{unfinished['id']}/submit", {}, 403)
    await ask(served, local, "/api/v1/incidents", {"headline": "Smoke", "area": OUTSIDE}, 403)
    await ask(served, local, "/api/v1/incidents", {"headline": "Smoke", "area": IN_CAMDEN}, 201)
    desk = {"kind": "front-desk", "name": "Desk", "lat": 51.45, "lon": -0.15, "opening_hours": "24/7"}
    await ask(served, local, "/api/v1/service-points", desk, 403)
    await ask(served, local, "/api/v1/service-points", {**desk, "lat": 51.55}, 201)
    place = {"slug": "new", "name": {"en": "New"}, "area": CAMDEN}
    await ask(served, local, "/api/v1/places", place, 403)
    theirs = await ask(served, free, NOTICES, {**BODY, "area": OUTSIDE}, 201)
    await ask(served, local, f"{NOTICES}/{theirs['id']}", {"topic": "safety"}, 403, "PATCH")
    await ask(served, free, f"{NOTICES}/{theirs['id']}/issue", {}, 202)
    for move, body in (("cancel", {"reason": "x"}), ("all-clear", {}), ("stop", {"reason": "x"}), ("update", BODY)):
        await ask(served, local, f"{NOTICES}/{theirs['id']}/{move}", body, 403)


@SQLITE
async def test_role_for_a_kind_is_for_that_kind(served: Served) -> None:
    desk = await person(served, "desk", "author", kinds=["announcement"])
    await ask(served, desk, NOTICES, BODY, 403)
    await ask(served, desk, NOTICES, {**BODY, "kind": "announcement"}, 201)
    await ask(served, desk, "/api/v1/incidents", {"headline": "Smoke", "area": IN_CAMDEN}, 403)
