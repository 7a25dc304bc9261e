"""Organisations by the API: defined, read, revised, retired, and chosen for a notice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from alerts.commands import SYSTEM
from alerts.web.http.auth import caught_up
from tests.integration.web.api.test_team import admin
from tests.support.served import CAMDEN, Served, problem

PATH = "/api/v1/organisations"
COUNCIL: dict[str, Any] = {"slug": "council", "name": {"en": "The Council"}, "sender_name": "Camden Council"}
SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


async def test_organisation_is_defined_revised_and_retired(served: Served) -> None:
    _, key = await admin(served)
    again = {**key, "Idempotency-Key": "once"}
    made = await served.ok("POST", PATH, again, {**COUNCIL, "kinds": ["announcement"]}, 201)
    assert await served.ok("POST", PATH, again, {**COUNCIL, "kinds": ["announcement"]}, 201) == made
    await problem(await served.client.post(PATH, json=COUNCIL, headers=again), 409)
    await served.ok("POST", PATH, key, {"slug": "police", "name": {"en": "Police"}, "sender_name": "Police"}, 201)
    await caught_up(served.parts)

    answer = await served.client.get(f"{PATH}/council", headers=key)
    shown, tag = await answer.json(), answer.headers["ETag"]
    assert shown == {**COUNCIL, "id": made["id"], "version": 1, "consent": {}, "areas": None,
                     "kinds": ["announcement"], "retired": False}  # fmt: skip
    first = await served.ok("GET", f"{PATH}?limit=1", key)
    assert [one["slug"] for one in first["items"]] == ["council"]
    rest = await served.ok("GET", first["next"].removeprefix("http://127.0.0.1:8080"), key)
    assert [one["slug"] for one in rest["items"]] == ["police"] and rest["next"] is None

    patch = {"sender_name": "Camden", "kinds": None, "areas": [CAMDEN], "consent": {"en": "Camden tells you."}}
    await problem(await served.client.patch(f"{PATH}/council", json=patch, headers=key), 428)
    both = await asyncio.gather(
        *(served.client.patch(f"{PATH}/council", json=patch, headers={**key, "If-Match": tag}) for _ in range(2))
    )
    assert sorted(one.status for one in both) in ([200, 412], [412, 200]), "of two editors one is told"
    shown = await served.ok("GET", f"{PATH}/council", key)
    assert (shown["sender_name"], shown["kinds"], shown["version"]) == ("Camden", None, 2)
    assert shown["areas"] == [CAMDEN] and shown["name"] == {"en": "The Council"}

    for _ in range(2):
        await served.ok("DELETE", f"{PATH}/council", key)
    shown = await served.ok("GET", f"{PATH}/council", key)
    assert shown["retired"] and shown["version"] == 3
    assert (await served.ok("POST", PATH, key, COUNCIL, 200))["version"] == 4
    assert not (await served.ok("GET", f"{PATH}/council", key))["retired"], "taken up again"


async def test_notice_goes_out_in_the_name_that_was_defined(served: Served) -> None:
    _, key = await admin(served)
    await served.ok("POST", PATH, key, COUNCIL, 201)
    writer = await served.key("notices:write", "read")
    body = {"kind": "announcement", "topic": "community", "content": {"en": {"title": "A fair"}}}
    await problem(await served.client.post("/api/v1/notices", json={**body, "organisation": "x"}, headers=writer), 422)
    await caught_up(served.parts)
    await served.ok("DELETE", f"{PATH}/council", key)
    refused = await served.client.post("/api/v1/notices", json={**body, "organisation": "council"}, headers=writer)
    assert "issues nothing any more" in (await problem(refused, 422))["detail"]


@SQLITE
async def test_wrong_bodies_and_keys_define_nothing(served: Served) -> None:
    _, key = await admin(served)
    await served.ok("POST", PATH, key, COUNCIL, 201)
    for more, field in (
        ({"slug": "Not a slug"}, "slug"),
        ({"sender_name": "<council@evil.example>"}, "sender_name"),
        ({"sender_name": "x" * 41}, "sender_name"),
        ({"sender_name": ""}, "sender_name"),
        ({"kinds": ["rumour"]}, "kinds"),
        ({"areas": {"place": "atlantis"}}, "areas"),
        ({"consent": {"no language": "y"}}, "consent"),
        ({"logo": "x"}, "logo"),
    ):
        answer = await served.client.post(PATH, json={**COUNCIL, "slug": "other", **more}, headers=key)
        found = await problem(answer, 422)
        assert found["errors"][0]["field"].startswith(field), found
    tag = {**key, "If-Match": "*"}
    await problem(await served.client.patch(f"{PATH}/council", json={"slug": "other"}, headers=tag), 422)
    for method in ("get", "patch", "delete"):
        answer = await getattr(served.client, method)(
            f"{PATH}/none", headers=tag, **({"json": {}} if method == "patch" else {})
        )
        await problem(answer, 404)
    approver = (await served.parts.commands.invite_member(SYSTEM, "bob@example.org", "approver")).id
    answer = await served.client.post(PATH, json=COUNCIL, headers=await served.key("team:write", person=approver))
    assert "this takes admin" in (await problem(answer, 403))["detail"]
    answer = await served.client.post(PATH, json=COUNCIL, headers=await served.key("read", "notices:write"))
    assert "lacks the scope" in (await problem(answer, 403))["detail"]
