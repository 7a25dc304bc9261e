"""Explanations of why and why not, outside the story: drafts, the unreachable, the erased, drills, cancels."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from alerts.commands import SYSTEM
from alerts.contract.bodies import OrganisationBody
from alerts.kernel.signed_tokens import delivery_token
from tests.support.served import Served, resident, settled


@pytest.fixture(params=["sqlite"])
def dialect(request: pytest.FixtureRequest) -> str:
    """SQLite alone: explanations do not depend on the database."""
    return str(request.param)


def failed(why: dict[str, Any]) -> set[str]:
    return {check["rule"] for check in why["checks"] if not check["holds"]}


async def test_each_reason_there_was_none(served: Served) -> None:
    key = await served.key(policy="issue")
    ann = await served.ok("POST", "/api/v1/subscribers", key, resident("ann@example.org"), 201)
    bob = await served.ok("POST", "/api/v1/subscribers", key, resident("bob@example.org", channels=["sms"]), 201)
    eve = await served.ok("POST", "/api/v1/subscribers", key, resident("eve@example.org"), 201)
    asked = await served.ok("POST", "/api/v1/subscribers", key, {"email": "asked@example.org"}, 201)
    await served.ok("DELETE", f"/api/v1/subscribers/{eve['id']}", key)
    member = await served.parts.commands.invite_member(SYSTEM, "team@example.org", "viewer")
    assert member.id

    body = {"kind": "announcement", "audience": {"all": []}, "content": {"en": {"title": "Hello"}}}
    notice = (await served.ok("POST", "/api/v1/notices", key, body, 201))["id"]

    async def why_not(person: dict[str, Any], of: str = notice) -> dict[str, Any]:
        found: dict[str, Any] = await served.ok("GET", f"/api/v1/notices/{of}/why-not/{person['id']}", key)
        return found

    early = await why_not(ann)
    assert not early["due"] and failed(early) == {"issued"} and early["position"] == 0

    await served.ok("POST", f"/api/v1/notices/{notice}/issue", key, {}, 202)
    await settled(served, key, notice)
    late = await served.ok("POST", "/api/v1/subscribers", key, resident("late@example.org"), 201)

    sent = await why_not(ann)
    assert sent["due"] and not failed(sent) and sent["outcome"] == "sent"
    assert failed(await why_not(bob)) == {"contact points"}
    assert not (await why_not(bob))["due"]
    left = await why_not(eve)
    assert failed(left) == {"subscription", "contact points"} or failed(left) == {"subscription"}
    assert "ended" in str(left["checks"])
    assert "subscription" in failed(await why_not(asked))
    never = await why_not(late)
    assert failed(never) == {"subscription"} and "had not signed up" in never["checks"][0]["detail"]

    cancel = (await served.ok("POST", f"/api/v1/notices/{notice}/cancel", key, {"reason": "a mistake"}, 201))["id"]
    await settled(served, key, cancel)
    told = await why_not(ann)
    assert "it was cancelled" in str(told) and "a mistake" not in str(told), "what staff wrote is not for residents"
    assert (await why_not(ann, cancel))["checks"][0]["rule"] == "follow-up"
    assert (await why_not(ann, cancel))["due"] and failed(await why_not(late, cancel)) == {"follow-up"}

    await served.ok("DELETE", f"/api/v1/subscribers/{ann['id']}?erase=true", key)
    erased = await why_not(ann)
    assert erased["due"] and erased["checks"][0]["rule"] == "erased", "it was sent, so it was due"

    drill = {**body, "status": "Exercise"}
    notice = (await served.ok("POST", "/api/v1/notices", key, drill, 201))["id"]
    await served.ok("POST", f"/api/v1/notices/{notice}/issue", key, {}, 202)
    await settled(served, key, notice)
    assert "tester" in failed(await why_not(late, notice))
    (row,) = (await served.ok("GET", f"/api/v1/deliveries?notice={notice}", key))["items"]
    why = await served.ok("GET", f"/api/v1/deliveries/{row['id']}/why", key)
    assert why["due"] and why["subscriber"] is None and why["checks"][0]["rule"] == "team"
    people = {"ann", "bob", "eve", "late", "team", "asked"}
    assert not any(f"{name}@example.org" in str(why) + str(sent) for name in people)


async def test_chain_says_in_whose_name_it_was_issued(served: Served) -> None:
    council = OrganisationBody(slug="council", name={"en": "The Council"}, sender_name="Camden Council")
    await served.parts.commands.define_organisation(SYSTEM, council)
    reader = await served.key()
    key = await served.key("notices:write", "notices:issue", policy={"default": "issue", "organisation": "council"})
    ann = await served.ok("POST", "/api/v1/subscribers", reader, resident("ann@example.org"), 201)
    body = {"kind": "announcement", "audience": {"all": []}, "content": {"en": {"title": "Hello"}}}
    notice = (await served.ok("POST", "/api/v1/notices", key, body, 201))["id"]
    await served.ok("POST", f"/api/v1/notices/{notice}/issue", key, {}, 202)
    await settled(served, reader, notice)
    why = await served.ok("GET", f"/api/v1/notices/{notice}/why-not/{ann['id']}", reader)
    [issued] = [link["detail"] for link in why["chain"] if link["what"] == "NoticeIssued"]
    assert issued.endswith("in the name of Camden Council")
    state = served.parts.views.notice(UUID(notice))
    assert state is not None
    contact = served.parts.dispatch.deliveries(notice=state.number, limit=1).items[0].contact
    token = delivery_token(served.parts.settings.secret_key, "why", state.number, contact)
    page = await (await served.client.get(f"/why/{token}?lang=cy")).text()
    assert "Cyhoeddwyd gan The Council" in page
