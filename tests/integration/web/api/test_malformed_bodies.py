"""Whatever a program sends, it is told what is wrong with it: no body makes the server fail."""

from __future__ import annotations

import random
import types
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
import pytest

from alerts.web.http.app_keys import POLICY
from tests.support.served import CAMDEN, EVERYTHING, Served, resident

SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
"""Reading a body does not depend on the database."""

BODIES = 16
"""For each operation."""
JUNK: list[Any] = [
    None, True, False, 0, -1, 1.5, 1e300, 2**70, "", " ", "x" * 30_000, "\x07", "﷽" * 100, "\u202e",
    [], {}, [[]], [None], {"subscribed_before": "9999-12-31T23:59:59-12:00"},
    {"": ""}, {"type": "Polygon"}, {"type": "Polygon", "coordinates": []}, {"type": "Polygon", "coordinates": [[[1]]]},
    {"type": "Polygon", "coordinates": [[["a", "b"], [1, 2], [2, 3], ["a", "b"]]]},
    {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 1], [1, 0], [0, 0]]]},
    {"type": "MultiPolygon", "coordinates": [[[[0, 0]]]]}, {"type": "Point", "coordinates": [0, 0]},
    {"circle": {"lat": 51.5, "lon": -0.1, "radius_km": 0}}, {"circle": {"lat": "x"}}, {"circle": None},
    {"circle": {"lat": 51.5, "lon": -0.1, "radius_km": 1e9}}, {"place": 3}, {"place": "nowhere"}, {"place": "camden"},
    {"all": []}, {"all": [{"not": {"any": []}}]}, {"all": {}}, {"not": []}, {"topic": 3}, {"topic": "weather"},
    {"segment": "none"}, {"ids": ["x"]}, {"ids": []}, {"touches": CAMDEN}, {"touches": {"place": "x"}},
    {"severity_floor_at_most": "x"}, {"subscribed_before": "yesterday"}, {"subscribed_before": "2026-01-01T00:00:00"},
    {"language": "e n"}, {"channel": "fax"}, {"frequency": "hourly"}, {"all": [], "any": []}, {"nor": []},
    "0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00", "9999-12-31T23:59:59-12:00", "2026-02-30T00:00:00Z",
    "2099-01-01T00:00:00Z", "2026-01-01T00:00:00", "00000000-0000-0000-0000-000000000000", "en", "a@b.org", "@",
    "+442079460000", "FREQ=SECONDLY", "FREQ=DAILY;COUNT=0", "24/7", "Mo-Su 25:00-26:00", "Europe/London", "../../etc",
]  # fmt: skip


def value_of(kind: Any, dice: random.Random) -> Any:
    """Something for a type: often of it, sometimes anything."""
    if dice.random() < 0.2:
        return dice.choice(JUNK)
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return dice.choice(parts)
    if origin in (Union, types.UnionType):
        return value_of(dice.choice(parts), dice)
    if origin is tuple:
        return [value_of(parts[0], dice) for _ in range(dice.randrange(3))]
    if origin is dict and parts[1] is not Any:
        return {dice.choice(["en", "cy", "x", ""]): value_of(parts[1], dice) for _ in range(dice.randrange(3))}
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return body_of(kind, dice)
    if kind in (int, float):
        return dice.choice([0, 1, -1, 51.5, -0.1, 90, 181, 1e12])
    if kind is bool:
        return dice.random() < 0.5
    return dice.choice([v for v in JUNK if isinstance(v, str | dict)])


def body_of(kind: type[msgspec.Struct], dice: random.Random) -> dict[str, Any]:
    fields = msgspec.structs.fields(kind)
    return {
        about.encode_name: value_of(about.type, dice)
        for about in fields
        if dice.random() < (0.95 if about.required else 0.35)
    }


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@SQLITE
async def test_no_body_makes_the_server_fail(served: Served) -> None:
    dice = random.Random(20260312)
    key = {**await served.key(*EVERYTHING, policy="issue"), "If-Match": "*"}
    approver = {**await served.approver(), "If-Match": "*"}
    await served.ok("POST", "/api/v1/places", key, {"slug": "camden", "name": {"en": "Camden"}, "area": CAMDEN}, 201)
    person = await served.ok("POST", "/api/v1/subscribers", key, resident("one@example.org"), 201)
    desk = {"kind": "front-desk", "name": "Desk", "lat": 51.55, "lon": -0.15}
    point = await served.ok("POST", "/api/v1/service-points", key, desk, 201)
    statuses: dict[int, int] = {}
    for row in served.client.app[POLICY]:  # type: ignore[union-attr]
        operation, method, path = row.operation, row.method, row.path.removeprefix("/api/v1")
        if operation is None or operation.body is None:
            continue
        for _ in range(BODIES):
            subject = await _subject(served, key, path, person["id"], point["id"])
            body = dice.choice(JUNK) if dice.random() < 0.05 else body_of(operation.body, dice)
            headers = approver if path.endswith(("approve", "reject", "return")) else key
            url = "/api/v1" + path.replace("{id}", subject)
            answer = await served.client.request(method, url, json=body, headers=headers)
            text = await answer.text()
            assert answer.status < 500, f"{method} {url} {msgspec.json.encode(body)[:2000]!r}: {text}"
            statuses[answer.status] = statuses.get(answer.status, 0) + 1
    assert statuses[422] > 100 and statuses.get(201, 0) > 5, statuses
    lists = ("notices", "incidents", "service-changes", "service-points", "topics", "segments", "subscribers", "events")
    for path in ("/", "/changes", *(f"/api/v1/{name}?limit=500" for name in lists)):
        answer = await served.client.get(path, headers=key)
        assert answer.status == 200, f"{path}: {await answer.text()}"
    assert served.parts.projector.stalled_because == "" and served.parts.parked() == 0


async def _subject(served: Served, key: dict[str, str], path: str, person: str, point: str) -> str:
    if "/subscribers/" in path:
        return person
    if "/service-points/" in path:
        return point
    if "{id}" not in path:
        return ""
    if "/incidents/" in path:
        return str(
            (await served.ok("POST", "/api/v1/incidents", await _recorder(served), {"headline": "x"}, 201))["id"]
        )
    draft = {"kind": "announcement", "audience": {"all": []}, "content": {"en": {"title": "x"}}}
    made: str = (await served.ok("POST", "/api/v1/notices", key, draft, 201))["id"]
    if path.endswith(("update", "cancel", "all-clear", "stop")):
        await served.ok("POST", f"/api/v1/notices/{made}/issue", key, {}, 202)
    elif path.endswith(("approve", "return")):
        await served.ok("POST", f"/api/v1/notices/{made}/submit", key, {})
    return made


async def _recorder(served: Served) -> dict[str, str]:
    if "recorder" not in served.keys:
        served.keys["recorder"] = (await served.key("incidents:write", policy="record"))["Authorization"]
    return {"Authorization": served.keys["recorder"]}
