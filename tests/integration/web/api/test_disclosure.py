"""Counts for keys without `subscribers:read`: numbers of people, never one of them (CONTRACT "Audience")."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.served import CAMDEN, Served, problem, resident, settled

AUDIENCE = "/api/v1/audience"
CIRCLE = {"circle": {"lat": 51.55, "lon": -0.15, "radius_km": 1}}
HOME = {"circle": {"lat": 51.55, "lon": -0.15, "radius_km": 0.49}}
SMALL = {
    "type": "Polygon",
    "coordinates": [[[-0.15, 51.55], [-0.14, 51.55], [-0.14, 51.551], [-0.15, 51.551], [-0.15, 51.55]]],
}
WORDS = {"en": {"title": "A fair", "body": "On Sunday."}}


@pytest.fixture(params=["sqlite"])
def dialect(request: pytest.FixtureRequest) -> str:
    """SQLite alone: what is shown does not depend on the database."""
    return str(request.param)


def asked(rule: Any = None, area: Any = None) -> dict[str, Any]:
    return {"kind": "announcement", "topic": "community", "audience": rule, "area": area}


async def people(served: Served, key: dict[str, str], count: int, first: int = 0, **more: Any) -> list[str]:
    bodies = [resident(f"p{n}@example.org", **more) for n in range(first, first + count)]
    return [(await served.ok("POST", "/api/v1/subscribers", key, body, 201))["id"] for body in bodies]


async def test_small_counts_are_hidden_from_a_key_with_read_alone(served: Served) -> None:
    key, reader = await served.key(), await served.key("read")
    await people(served, key, 19, language="en")
    hidden = await served.ok("POST", AUDIENCE, reader, asked(area=CIRCLE))
    empty = await served.ok("POST", AUDIENCE, reader, asked(area={"circle": {"lat": 1, "lon": 1, "radius_km": 1}}))
    assert {n: v for n, v in hidden.items() if n != "position"} == {
        n: v for n, v in empty.items() if n != "position"
    }, "few look like none"
    assert hidden["people"] is None and hidden["below"] == 20 and "sample" not in hidden
    assert hidden["by_language"] == {} and set(hidden["by_channel"].values()) == {None}
    await people(served, key, 1, first=19, language="pl")
    shown = await served.ok("POST", AUDIENCE, reader, asked(area=CIRCLE))
    assert shown["people"] == 20 and shown["by_channel"]["email"] == 20 and shown["by_language"] == {}
    exact = await served.ok("POST", AUDIENCE, key, asked(area=CIRCLE))
    assert exact["by_language"] == {"en": 19, "pl": 1} and len(exact["sample"]) == 20 and "below" not in exact


async def test_ids_and_small_areas_are_refused(served: Served) -> None:
    key, reader = await served.key(), await served.key("read", "segments:write", "services:write")
    (one,) = await people(served, key, 1)
    place = {"slug": "home", "name": {"en": "Home"}, "area": SMALL}
    await served.ok("POST", "/api/v1/places", reader, place, 201)
    for slug, rule in (("ids", {"ids": [one]}), ("home", {"touches": HOME}), ("named", {"segment": "ids"})):
        await served.ok("POST", "/api/v1/segments", reader, {"slug": slug, "name": slug, "rule": rule}, 201)
    for rule in ({"ids": [one]}, {"not": {"ids": []}}, {"segment": "ids"}, {"all": [{"any": [{"segment": "named"}]}]}):
        await problem(await served.client.post(AUDIENCE, json=asked(rule), headers=reader), 403)
        await served.ok("POST", AUDIENCE, key, asked(rule))
    small: list[dict[str, Any]] = [{"area": part} for part in (HOME, SMALL, [CIRCLE, HOME], {"place": "home"})]
    small += [{"rule": rule} for rule in ({"touches": SMALL}, {"place": "home"}, {"segment": "home"})]
    for body in small:
        await problem(await served.client.post(AUDIENCE, json=asked(**body), headers=reader), 422)
        await served.ok("POST", AUDIENCE, key, asked(**body))
    await served.ok("POST", AUDIENCE, reader, asked(area=CAMDEN))


async def test_small_counts_of_notices_are_hidden(served: Served) -> None:
    key, writer = await served.key(policy="issue"), await served.key("read", "notices:write")
    ids = await people(served, key, 20)
    approver = await served.approver()

    async def shown(headers: dict[str, str], **body: Any) -> dict[str, Any]:
        made = await served.ok("POST", "/api/v1/notices", writer, {**asked(**body), "content": WORDS}, 201)
        found: dict[str, Any] = await served.ok("GET", f"/api/v1/notices/{made['id']}", headers)
        return found

    few: Any = {"language": "pl"}
    assert (await shown(writer, rule={"all": []}))["people"] == 20
    hidden = await shown(writer, rule=few)
    assert hidden["people"] is None and hidden["below"] == 20
    assert (await shown(writer, rule={"ids": ids}))["people"] is None, "however many they are"
    for exact in (key, approver):
        found = await shown(exact, rule=few)
        assert found["people"] == 0 and "below" not in found

    notice = (await shown(key, rule={"ids": ids[:3]}))["id"]
    await served.ok("POST", f"/api/v1/notices/{notice}/issue", key, None, 202)
    assert (await settled(served, key, notice))["people"] == 3
    progress = await served.ok("GET", f"/api/v1/notices/{notice}/dispatch", writer)
    assert progress["people"] is None and progress["below"] == 20 and progress["complete"]
    assert (await served.ok("GET", f"/api/v1/notices/{notice}", writer))["people"] is None
