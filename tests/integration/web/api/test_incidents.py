"""`/api/v1/incidents` over HTTP."""

from __future__ import annotations

from tests.support.served import PUBLIC_URL, Served, problem

FIRE = {
    "headline": "Fire at the mill", "category": "Fire", "urgency": "Immediate", "severity": "Severe",
    "certainty": "Observed", "area": {"circle": {"lat": 51.5, "lon": -0.1, "radius_km": 1}},
}  # fmt: skip


async def test_report_read_and_list(served: Served) -> None:
    key = await served.key()
    answer = await served.client.post("/api/v1/incidents", json=FIRE, headers=key)
    assert answer.status == 201, await answer.text()
    taken = await answer.json()
    assert set(taken) == {"id", "version", "position", "notice"}
    assert answer.headers["Location"] == f"{PUBLIC_URL}/api/v1/incidents/{taken['id']}"
    shown = await served.ok("GET", f"/api/v1/incidents/{taken['id']}", key)
    assert shown["headline"] == "Fire at the mill" and shown["language"] == "en" and shown["state"] == "open"
    assert shown["notice"] == taken["notice"] is not None
    listed = await served.ok("GET", "/api/v1/incidents", key)
    assert [item["id"] for item in listed["items"]] == [taken["id"]] and listed["next"] is None
    await problem(await served.client.get("/api/v1/incidents?state=nope", headers=key), 422)
