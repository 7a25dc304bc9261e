"""RULES 13, 17 over HTTP: what a key with each policy may begin, change and end; whose incidents they are."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.commands import SYSTEM
from tests.support.served import EVERYTHING, Served

API = "/api/v1"
WORDS = {"en": {"title": "Boil your water"}}
CENTRE = {"lat": 51.55, "lon": -0.15}
SMALL = {"circle": {**CENTRE, "radius_km": 0.5}}
WIDE = {"circle": {**CENTRE, "radius_km": 60.0}}
LOCAL = {"rules": [{"areas": {"circle": {**CENTRE, "radius_km": 1.0}}, "then": "issue"}]}
POLICIES: dict[str, Any] = {"record": "record", "draft": "draft", "issue": "issue", "local": LOCAL}
ACTIONS = ("issue", "update", "cancel", "all-clear", "stop", "resolve")

# Status of each action, in this order, on the thread of another key.
TABLE = [
    ("record", SMALL, (403, 403, 403, 403, 403, 403)),
    ("draft", SMALL, (409, 409, 403, 403, 403, 403)),
    ("issue", WIDE, (202, 202, 201, 201, 200, 200)),
    ("local", SMALL, (202, 202, 201, 201, 200, 200)),
    ("local", WIDE, (409, 409, 403, 403, 403, 403)),
]


async def key(served: Served, policy: Any, name: str = "k") -> dict[str, str]:
    kept = await served.parts.commands.issue_api_key(SYSTEM, name, EVERYTHING, policy)
    return {"Authorization": f"Bearer {kept.secret}"}


async def status(served: Served, path: str, headers: dict[str, str], body: Any = None) -> int:
    answer = await served.client.post(f"{API}{path}", headers=headers, json=body)
    return answer.status


async def drafted(served: Served, headers: dict[str, str], area: Any) -> str:
    body = {"kind": "alert", "area": area, "content": WORDS}
    return str((await served.ok("POST", f"{API}/notices", headers, body, 201))["id"])


@pytest.mark.parametrize(
    ("policy", "area", "expected"), TABLE, ids=[f"{p}-{a['circle']['radius_km']}" for p, a, _ in TABLE]
)
async def test_what_each_policy_may_do(served: Served, policy: str, area: Any, expected: tuple[int, ...]) -> None:
    mine, desk = await key(served, POLICIES[policy]), await key(served, "issue", "desk")

    async def incident(number: int) -> dict[str, Any]:
        body = {"headline": "Burst", "category": "Infra", "area": area, "source_ref": str(number)}
        found: dict[str, Any] = await served.ok("POST", f"{API}/incidents", desk, body, 201)
        return found

    async def done(action: str, number: int) -> int:
        if action == "issue":
            return await status(served, f"/notices/{await drafted(served, mine, area)}/issue", mine)
        reported = await incident(number)
        thread = f"/notices/{reported['notice']}"
        match action:
            case "update":
                body = {"kind": "alert", "area": SMALL, "content": WORDS}
                update = await served.ok("POST", f"{API}{thread}/update", mine, body, 201)
                return await status(served, f"/notices/{update['id']}/issue", mine)
            case "cancel" | "stop":
                return await status(served, f"{thread}/{action}", mine, {"reason": "no"})
            case "all-clear":
                return await status(served, f"{thread}/all-clear", mine, {})
        return await status(served, f"/incidents/{reported['id']}/resolve", mine, {})

    assert tuple([await done(action, number) for number, action in enumerate(ACTIONS)]) == expected


async def test_key_does_not_widen_its_policy_by_a_place(served: Served) -> None:
    desk = await key(served, "issue", "desk")
    place = {"slug": "kentish-town", "name": {"en": "Kentish Town"}}
    await served.ok("POST", f"{API}/places", desk, {**place, "area": SMALL}, 201)
    mine = await key(served, {"rules": [{"areas": {"place": "kentish-town"}, "then": "issue"}]})
    before = await drafted(served, mine, SMALL)
    await served.ok("POST", f"{API}/places", mine, {**place, "area": WIDE}, 200)
    assert await status(served, f"/notices/{await drafted(served, mine, WIDE)}/issue", mine) == 409
    assert await status(served, f"/notices/{before}/issue", mine) == 202


async def test_places_are_a_scope_of_their_own(served: Served) -> None:
    place = {"slug": "camden", "name": {"en": "Camden"}, "area": SMALL}
    topic = {"slug": "trams", "name": {"en": "Trams"}}
    point = {"kind": "kiosk", "name": "K", **CENTRE, "opening_hours": "24/7"}
    for scope, expected in (("places:write", (201, 201, 403)), ("notices:issue", (403, 403, 403))):
        headers = await served.key(scope)
        asked = [await status(served, path, headers, body) for path, body in
                 (("/places", place), ("/topics", topic), ("/service-points", point))]  # fmt: skip
        assert tuple(asked) == expected


async def test_notice_about_an_incident_and_a_change_is_refused(served: Served) -> None:
    desk = await key(served, "record", "desk")
    incident = await served.ok("POST", f"{API}/incidents", desk, {"headline": "Burst", "category": "Infra"}, 201)
    point = {"kind": "kiosk", "name": "K", **CENTRE, "opening_hours": "24/7", "reach_km": 500}
    made = await served.ok("POST", f"{API}/service-points", desk, point, 201)
    change = {"headline": "C", "kind": "closure", "service_points": [made["id"]], "effective": served.now.isoformat()}
    changed = await served.ok("POST", f"{API}/service-changes", desk, change, 201)
    both = {"kind": "announcement", "incident": incident["id"], "service_change": changed["id"], "content": WORDS}
    assert await status(served, "/notices", desk, both) == 422
    assert await status(served, "/audience", desk, both) == 422


async def test_escalation_after_anothers_attempt_to_resolve(served: Served) -> None:
    fire, other = await key(served, "issue", "fire"), await key(served, "record", "other")
    body = {"headline": "Burst", "category": "Infra", "area": SMALL, "severity": "Minor", "source_ref": "b"}
    reported = await served.ok("POST", f"{API}/incidents", fire, body, 201)
    assert await status(served, f"/incidents/{reported['id']}/resolve", other, {}) == 403
    assert (await served.ok("GET", f"{API}/incidents/{reported['id']}", fire))["state"] == "open"
    worse = await served.ok("POST", f"{API}/incidents", fire, {**body, "severity": "Extreme"}, 200)
    assert (await served.ok("GET", f"{API}/notices/{worse['notice']}", fire))["state"] == "live"
    await served.ok("POST", f"{API}/incidents/{reported['id']}/resolve", fire, {})
    again = await served.ok("POST", f"{API}/incidents", fire, {**body, "severity": "Severe"}, 200)
    assert (await served.ok("GET", f"{API}/incidents/{reported['id']}", fire))["state"] == "open"
    assert (await served.ok("GET", f"{API}/notices/{again['notice']}", fire))["state"] == "live"
