"""Any JSON at a source's door: taken by its mapping, or kept until somebody mends that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientResponse

from alerts.commands import SYSTEM
from alerts.kernel.calls import Operation
from alerts.kernel.errors import Conflict
from alerts.operations import build_operations
from tests.support.served import CAMDEN, Served, problem

ROOT = Path(__file__).resolve().parents[4]
MAPPING: dict[str, Any] = {
    "id": "id",
    "type": {"path": "state", "map": {"on": "incident.reported", "off": "incident.resolved", "noise": "ignore"}},
    "data": {
        "source_ref": {"path": "what"},
        "headline": {"template": "{what} in {where}"},
        "severity": {"path": "level", "map": {"3": "Severe", "*": "Minor"}},
        "area": {"path": "where && {place: where}"},
    },
}


class Program:
    """A program that posts JSON of its own."""

    def __init__(self, served: Served, secret: str) -> None:
        self.house, self.secret = served, secret

    async def post(self, body: Any, **headers: str) -> ClientResponse:
        data = body if isinstance(body, bytes) else msgspec.json.encode(body)
        given = {"Authorization": f"Bearer {self.secret}", "Content-Type": "application/json", **headers}
        return await self.house.client.post("/hooks/pumps", data=data, headers=given)

    async def trigger(self, body: Any, key: dict[str, str], **headers: str) -> dict[str, Any]:
        """Post the body and return the outcome from its `status_url`."""
        answer = await self.post(body, **headers)
        assert answer.status == 202, await answer.text()
        url = (await answer.json())["status_url"]
        found: dict[str, Any] = await self.house.ok("GET", url.removeprefix("http://127.0.0.1:8080"), key)
        return found


async def program(served: Served, mapping: Any = MAPPING, policy: str = "issue") -> Program:
    kept = await served.parts.commands.connect_source(SYSTEM, "pumps", "json", policy, mapping)
    assert kept.secret is not None
    key = await served.key()
    await served.ok("POST", "/api/v1/places", key, {"slug": "camden", "name": {"en": "Camden"}, "area": CAMDEN}, 201)
    return Program(served, kept.secret)


def operations_of(served: Served) -> dict[str, Operation]:
    return build_operations(served.parts, served.parts.runner, lambda progress: 0)  # type: ignore[arg-type]  # the runner is one


async def test_reported_resolved_and_let_pass(served: Served) -> None:
    pumps, key = await program(served), await served.key()
    body = {"id": 1, "state": "on", "what": "Flood", "where": "camden", "level": 3}
    first = await pumps.trigger(body, key)
    assert first["state"] == "issued" and len(first["notices"]) == 1
    incident = await served.ok("GET", f"/api/v1/incidents/{first['incident']}", key)
    assert (incident["headline"], incident["severity"], incident["source_ref"]) == (
        "Flood in camden",
        "Severe",
        "Flood",
    )
    assert (await pumps.trigger({**body, "what": "Other"}, key))["id"] == first["id"], "the same id: the first answer"
    noise = await pumps.trigger({"id": 2, "state": "noise"}, key)
    assert (noise["state"], noise["incident"]) == ("recorded", None) and "pass" in noise["reason"]
    over = await pumps.trigger({"id": 3, "state": "off", "what": "Flood"}, key)
    assert over["incident"] == first["incident"] and over["state"] == "issued"
    assert (await served.ok("GET", f"/api/v1/incidents/{first['incident']}", key))["state"] == "resolved"


async def test_parked_webhooks_are_retried_with_a_corrected_mapping(served: Served) -> None:
    pumps, key = await program(served), await served.key()
    waiting = await pumps.trigger({"id": 1, "state": "burning", "what": "Fire", "where": "camden"}, key)
    assert waiting["state"] == "parked" and "burning" in waiting["reason"]
    misplaced = await pumps.trigger({"id": 2, "state": "on", "what": "Fire", "where": "atlantis"}, key)
    assert misplaced["state"] == "parked" and "atlantis" in misplaced["reason"], "what the commands refuse waits too"
    untyped = await pumps.trigger({"id": 3, "state": "on", "where": ["a", {"b": 1}]}, key)
    assert untyped["state"] == "parked"
    assert (await served.ok("GET", "/api/v1/status", key))["parked"] == 3
    page = await (await served.client.get("/metrics")).text()
    assert "\nalerts_parked 3.0\n" in page, "whoever watches this number is told of parked webhooks too"

    operations = operations_of(served)
    listed = (await operations["parked-list"]({}))["items"]
    assert {waiting["id"], misplaced["id"], untyped["id"]} == {item["id"] for item in listed}
    still = await operations["parked-retry"]({"id": waiting["id"]})
    assert still["state"] == "parked" and "burning" in still["reason"]
    mended = {**MAPPING, "type": {"path": "state", "map": {"on": "incident.reported", "burning": "incident.reported"}}}
    await operations["source-revise"]({"name": "pumps", "mapping": mended})
    done = await operations["parked-retry"]({"id": waiting["id"]})
    assert done["state"] == "issued" and len(done["notices"]) == 1
    found = await served.ok("GET", f"/api/v1/triggers/{waiting['id']}", key)
    assert (found["state"], found["notices"]) == ("issued", done["notices"])
    with pytest.raises(Conflict):
        await operations["parked-retry"]({"id": waiting["id"]})
    again = await pumps.trigger({"id": 1, "state": "burning", "what": "Fire", "where": "camden"}, key)
    assert again["notices"] == done["notices"], "sent once more it is the same webhook"
    await operations["parked-drop"]({"id": untyped["id"]})
    assert [item["id"] for item in (await operations["parked-list"]({}))["items"]] == [misplaced["id"]]
    events = await served.ok("GET", "/api/v1/events?type=TriggerReceived&limit=100", key)
    assert all("body" not in event["data"] for event in events["items"]), "what was not judged yet is in no feed"


async def test_who_may_and_what_is_refused(served: Served) -> None:
    pumps = await program(served)
    await problem(await served.client.post("/hooks/pumps", json={"id": 1}), 401)
    await problem(await pumps.post({"id": 1}, Authorization="Bearer whsec_other"), 401)
    await problem(await pumps.post(b'{"id": '), 400)
    await problem(await pumps.post(b'{"id": 1}', **{"Content-Type": "text/plain"}), 415)
    await problem(await pumps.post(b'"' + b"x" * 260_000 + b'"'), 413)
    operations = operations_of(served)
    rotated = await operations["source-rotate"]({"name": "pumps"})
    await problem(await pumps.post({"id": 1}), 401)
    pumps.secret = rotated["secret"]
    assert (await pumps.post({"id": 1})).status == 202
    await operations["source-remove"]({"name": "pumps"})
    await problem(await pumps.post({"id": 2}), 404)
    [source] = (await operations["source-list"]({}))["items"]
    assert (source["kind"], source["connected"], source["mapping"]) == ("json", False, MAPPING)
    assert "secret" not in source


async def test_signed_it_is_known_by_its_webhook_id(served: Served) -> None:
    pumps, key = await program(served), await served.key()
    body = {"id": 1, "state": "on", "what": "Flood", "where": "camden"}
    first = await served.hook("pumps", pumps.secret, body, identifier="msg_9")
    again = await served.hook("pumps", pumps.secret, {**body, "id": 2, "what": "x"}, identifier="msg_9")
    assert first.status == again.status == 202
    assert (await first.json()) == (await again.json())
    events = await served.ok("GET", "/api/v1/events?type=IncidentReported&limit=10", key)
    assert len(events["items"]) == 1


@pytest.mark.parametrize("name", ["alertmanager", "github", "cloudevents"])
async def test_the_examples_go_from_the_door_to_a_notice(served: Served, name: str) -> None:
    mapping = json.loads((ROOT / "docs" / "mappings" / f"{name}.json").read_text())
    sample = (ROOT / "tests" / "samples" / f"{name}.json").read_bytes()
    pumps, key = await program(served, mapping), await served.key()
    kind = "application/cloudevents+json" if name == "cloudevents" else "application/json"
    found = await pumps.trigger(sample, key, **{"Content-Type": kind})
    assert found["state"] == "issued", found
    notice = await served.ok("GET", f"/api/v1/notices/{found['notices'][0]}", key)
    assert (notice["kind"], notice["severity"]) == ("alert", "Severe") and notice["area"]
