"""Reports of residents over the API, on both databases."""

from __future__ import annotations

from typing import Any

from alerts.commands.reports import ResidentReport
from tests.support.served import Served, problem

REPORTS = "/api/v1/reports"


async def received(served: Served, **more: Any) -> str:
    report = ResidentReport(words="There is a smell of gas.", where="East Street", language="en", **more)
    saved = await served.parts.commands.receive_report(report)
    return str(saved.id)


async def test_a_report_is_read_answered_and_erased(served: Served) -> None:
    key = await served.key("reports:read", "reports:write")
    report = await received(served, lat=51.49, lon=-0.09, reach=("email", "amina@resident.example"), photo=b"\xff\xd8")
    [listed] = (await served.ok("GET", f"{REPORTS}?state=waiting", key))["items"]
    assert listed["id"] == report and listed["words"] == "There is a smell of gas." and listed["lat"] == 51.49
    photo = await served.client.get(f"{REPORTS}/{report}/photo", headers=key)
    assert (photo.status, photo.content_type, await photo.read()) == (200, "image/jpeg", b"\xff\xd8")
    await served.ok("POST", f"{REPORTS}/{report}/answer", key, {"words": "On our way."})
    await problem(await served.client.post(f"{REPORTS}/{report}/answer", headers=key, json={"words": "No."}), 409)
    one = await served.ok("GET", f"{REPORTS}/{report}", key)
    assert (one["state"], one["answer"], one["address"]) == ("answered", "On our way.", "amina@resident.example")
    await served.ok("DELETE", f"{REPORTS}/{report}", key)
    gone = await served.ok("GET", f"{REPORTS}/{report}", key)
    assert gone["state"] == "erased" and gone["words"] is gone["address"] is gone["answer"] is None
    await problem(await served.client.get(f"{REPORTS}/{report}/photo", headers=key), 404)


async def test_a_report_becomes_an_incident_by_the_keys_policy(served: Served) -> None:
    key = await served.key("reports:read", "reports:write", "incidents:write", "read")
    report = await received(served)
    area = {"circle": {"lat": 51.49, "lon": -0.09, "radius_km": 1}}
    body = {"headline": "Smell of gas", "area": area, "severity": "Severe"}
    made = await served.ok("POST", f"{REPORTS}/{report}/incident", key, body, 201)
    assert made["notice"] is not None, "a draft that waits for a person"
    assert (await served.ok("GET", f"{REPORTS}/{report}", key))["incident"] == made["id"]
    dismissed = await served.client.post(f"{REPORTS}/{report}/dismiss", headers=key, json={"reason": "x"})
    await problem(dismissed, 409)


async def test_what_a_resident_wrote_is_not_in_the_feed_of_events(served: Served) -> None:
    await received(served, reach=("sms", "+447700900123"))
    key = await served.key("read")
    feed = await served.ok("GET", "/api/v1/events?type=ReportReceived", key)
    [event] = feed["items"]
    assert not {"words", "where", "address", "receipt", "lat", "lon"} & {k for k, v in event["data"].items() if v}
    await problem(await served.client.get(REPORTS, headers=key), 403)
