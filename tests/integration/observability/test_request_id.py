"""Request id carried from the request by its events to the dispatch's log lines; and what a line never holds."""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from uuid import UUID

import pytest

from alerts.domain.events import DispatchCompleted, DispatchPlanned, NoticeIssued
from tests.support.served import Served


def lines(caplog: pytest.LogCaptureFixture, words: str) -> list[dict[str, Any]]:
    """The lines with these words, with what is joined to them."""
    return [vars(record) for record in caplog.records if record.getMessage() == words]


async def test_one_id_joins_the_request_its_events_and_the_dispatch(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "alerts")
    key = await served.key(policy="issue")
    consent = {"wording": "Yes", "given_at": "2026-01-01T00:00:00Z", "how": "form"}
    person = {"email": "kanari@example.org", "confirmed": True, "consent": consent}
    await served.ok("POST", "/api/v1/subscribers", key, person, 201)
    body = {"kind": "announcement", "audience": {"all": []}, "content": {"en": {"title": "Hello"}}}
    made = await served.ok("POST", "/api/v1/notices", key, body, 201)
    issued = await served.client.post(f"/api/v1/notices/{made['id']}/issue", headers=key)
    assert issued.status == 202
    request = UUID(issued.headers["X-Request-Id"])
    for _ in range(200):
        if lines(caplog, "dispatch complete"):
            break
        await asyncio.sleep(0.05)
    answered = [line for line in lines(caplog, "answered") if line["request"] == str(request)]
    assert [(line["route"], line["status"]) for line in answered] == [("/api/v1/notices/{id}/issue", 202)]
    assert answered[0]["by"].startswith("key:")
    [planned], [complete] = lines(caplog, "dispatch planned"), lines(caplog, "dispatch complete")
    assert planned["request"] == complete["request"] == str(request)
    assert (planned["deliveries"], complete["outcomes"]) == (1, "sent=1")
    written = {type(r.event): r for r in served.parts.log.read(0, 1000)}
    position = written[NoticeIssued].position
    for kind in (NoticeIssued, DispatchPlanned, DispatchCompleted):
        assert written[kind].command == request, kind
    assert written[DispatchPlanned].cause == position
    said = " ".join(str(vars(record)) for record in caplog.records)
    assert "kanari" not in said and key["Authorization"].removeprefix("Bearer ") not in said


async def test_two_requests_of_one_connection_have_two_ids_and_reads_have_none(served: Served) -> None:
    key = await served.key()
    first = await served.client.post("/api/v1/incidents", json={"headline": "x"}, headers=key)
    second = await served.client.post("/api/v1/incidents", json={"headline": "y"}, headers=key)
    read = await served.client.get("/api/v1/incidents", headers=key)
    assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]
    assert "X-Request-Id" not in read.headers
    by_stream = {str(r.originator_id): r.command for r in served.parts.log.read(0, 1000)}
    for answer in (first, second):
        assert by_stream[(await answer.json())["id"]] == UUID(answer.headers["X-Request-Id"])
    await served.parts.commands.issue_api_key(_system(), "later", ["read"], None, None)
    last = served.parts.log.read(0, 1000)[-1]
    assert last.command is None, "what no request asked for belongs to none"


async def test_a_token_in_an_address_never_reaches_the_log(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "alerts")
    await served.client.post("/unsubscribe/geheimnis", data={"List-Unsubscribe": "One-Click"})
    await served.client.get("/why/geheimnis?token=geheimnis")
    assert [line["route"] for line in lines(caplog, "answered")] == ["/unsubscribe/{token}", "/why/{token}"]
    assert "geheimnis" not in " ".join(str(vars(record)) for record in caplog.records if record.name == "alerts.web")


def _system() -> Any:
    from alerts.commands import SYSTEM

    return SYSTEM
