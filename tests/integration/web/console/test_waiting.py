"""The console's waiting screen: items are tried again or let go, under a name."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import msgspec
import pytest

from alerts.commands.actor import SYSTEM
from alerts.domain.events import DispatchPaused, DispatchResumed, DispatchStopped, TriggerReceived
from alerts.domain.streams import DISPATCH, TRIGGER, dispatch_id
from alerts.eventlog.ports import UnitOfWork
from alerts.projections.parked import park
from alerts.projections.runner import ProjectionRunner
from alerts.web.http.auth import caught_up
from tests.support.officer import officer
from tests.support.served import Served, resident

WAITING = "/console/waiting"
SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
"""Forms do not depend on the database."""
MAPPING: dict[str, Any] = {
    "id": "id",
    "type": "incident.reported",
    "data": {"headline": {"path": "name"}, "area": {"path": "area"}, "severity": {"template": "Severe"}},
}
UNPLACED: dict[str, Any] = {**MAPPING, "data": {"headline": {"path": "name"}, "severity": {"template": "Severe"}}}
AREA = {"circle": {"lat": 51.5, "lon": -0.1, "radius_km": 1}}


async def parked(served: Served, name: str = "estates", **body: Any) -> UUID:
    """A webhook that its mapping cannot take."""
    saved = await served.parts.commands.connect_source(SYSTEM, name, "json", "draft", MAPPING)
    raw = msgspec.json.encode({"id": "a-1", "name": None, **body})
    headers = {"Authorization": f"Bearer {saved.secret}", "Content-Type": "application/json"}
    answer = await served.client.post(f"/hooks/{name}", data=raw, headers=headers)
    assert answer.status == 202, await answer.text()
    await caught_up(served.parts)
    return UUID((await answer.json())["id"])


def trigger_state(served: Served, trigger: UUID) -> str:
    state = served.parts.log.state(TRIGGER, trigger)
    assert state is not None
    return state.state


def field_of(item: object) -> str:
    """Name of an item's reason, as `press` takes it."""
    return f"reason_{item}".replace("-", "_")


async def test_deciding_one_item_keeps_the_reason_of_another(served: Served) -> None:
    approver, admin = await officer(served, "kofi", "approver"), await officer(served, "ada", "admin")
    trigger = await parked(served)
    runner = cast(ProjectionRunner, served.parts.runner)
    with runner._database.write() as tx:
        park(tx, "nothing-like-it", 1, "TopicDefined", "a broken row", served.now)
    await admin.open(WAITING)
    await admin.press("drop", within="id=nothing", **{field_of(trigger): "It was a rehearsal."})
    assert admin.status == 422 and "It was a rehearsal." in admin.text
    await admin.press("drop", within="id=nothing", reason_nothing_like_it_1="It is old.")
    assert admin.status == 200 and "It was a rehearsal." in admin.text and "1 waits" in admin.text
    await admin.press("drop", within=str(trigger))
    assert admin.status == 200 and trigger_state(served, trigger) == "recorded" and "Nothing." in admin.text
    await approver.open(WAITING)
    assert approver.status == 200


async def test_a_parked_webhook_is_decided_again_by_name(served: Served) -> None:
    approver = await officer(served, "kofi", "approver")
    trigger = await parked(served, area=AREA)
    await approver.open("/console")
    assert f'href="{WAITING}"' in approver.text and "estates" in approver.text
    await approver.open(WAITING)
    assert "1 waits for a person" in approver.text and "Waiting for less than a minute" in approver.text
    twice = approver.snapshot()
    await approver.press("retry")
    assert approver.status == 409 and "It waits again" in approver.text, "the mapping is as it was"
    mended = {**MAPPING, "data": {**MAPPING["data"], "headline": {"template": "Smoke"}}}
    await served.parts.commands.revise_source(SYSTEM, "estates", mapping=mended)
    await approver.press("retry")
    assert approver.status == 200 and "Nothing. What came in" in approver.text
    assert trigger_state(served, trigger) == "drafted"
    last = served.parts.log.stream(trigger)[-1]
    event = cast(TriggerReceived, last.event)
    assert last.by == "source:estates" and event.asked_by.startswith("person:")
    assert "kofi" in await approver.open("/console/log")
    await twice.press("retry")
    assert twice.status == 409 and "not parked" in twice.text


async def test_a_parked_webhook_is_let_go_with_a_reason(served: Served) -> None:
    approver = await officer(served, "kofi", "approver")
    trigger = await parked(served)
    await approver.open(WAITING)
    await approver.press("drop")
    assert approver.status == 422 and f'href="#reason-{trigger}"' in approver.text
    await approver.press("drop", **{field_of(trigger): "A <b>rehearsal</b>"})
    assert approver.status == 200 and trigger_state(served, trigger) == "recorded"
    last = served.parts.log.stream(trigger)[-1]
    assert last.by.startswith("person:") and "rehearsal" in cast(TriggerReceived, last.event).reason


async def test_an_entry_that_stopped_a_read_model_is_for_administrators(served: Served) -> None:
    approver, admin = await officer(served, "kofi", "approver"), await officer(served, "ada", "admin")
    runner = cast(ProjectionRunner, served.parts.runner)
    with runner._database.write() as tx:
        park(tx, "timeline", 1, "TopicDefined", "a broken row", served.now)
        park(tx, "nothing-like-it", 1, "TopicDefined", "a broken row", served.now)
    await approver.open(WAITING)
    assert "stumbled over TopicDefined at entry 1" in approver.text and "An administrator decides" in approver.text
    refused = await served.client.post(
        WAITING, headers=approver.headers, data={"kind": "read-model", "id": "timeline@1", "do": "retry"}
    )
    assert refused.status == 409 and len(runner.parked()) == 2
    await admin.open(WAITING)
    await admin.press("retry", within="id=nothing-like-it")
    assert admin.status == 409 and "There is no projection" in admin.text
    await admin.press("drop", within="id=nothing-like-it", reason_nothing_like_it_1="It is of an earlier version.")
    assert admin.status == 200 and [one.id for one in runner.parked()] == ["timeline@1"]
    log = await admin.open("/console/log")
    assert "nothing-like-it@1 dropped: It is of an earlier version." in log and "ada" in log


@pytest.mark.parametrize("decision", ["retry", "drop"])
@SQLITE
async def test_a_paused_bulletin_goes_on_or_stops(served: Served, decision: str) -> None:
    key, approver = await served.key(policy="issue"), await officer(served, "kofi", "approver")
    now = datetime.now(UTC)  # a message that is held keeps the dispatch open
    quiet = {"from": f"{now - timedelta(hours=3):%H:%M}", "to": f"{now + timedelta(hours=6):%H:%M}"}
    await served.ok("POST", "/api/v1/subscribers", key, resident("r@example.org", quiet_hours=quiet), 201)
    body = {"kind": "announcement", "topic": "community", "content": {"en": {"title": "A fair"}}}
    notice = (await served.ok("POST", "/api/v1/notices", key, body, 201))["id"]
    await served.ok("POST", f"/api/v1/notices/{notice}/issue", key, {}, 202)
    while not (await served.ok("GET", f"/api/v1/notices/{notice}/dispatch", key))["planned"]:
        await asyncio.sleep(0.05)
    stream = dispatch_id(UUID(notice))
    state = served.parts.log.state(DISPATCH, stream)
    assert state is not None and state.planned is not None
    number = state.planned.number
    paused = DispatchPaused(notice=UUID(notice), number=number, bounced=60, outcomes=1_000)

    def pause(unit: UnitOfWork) -> None:
        unit.get(DISPATCH, stream)
        unit.append(DISPATCH, stream, paused)

    await served.parts.writer.run(pause, by="system")
    with served.parts.dispatch._database.write() as tx:  # type: ignore[attr-defined]
        tx.execute("UPDATE jobs SET paused = 1 WHERE notice = ? AND done = 0", (number,))
    await approver.open(WAITING)
    assert "A fair" in approver.text and "Shall it go on?" in approver.text
    await approver.press(decision, **{field_of(notice): "It was looked at."})
    assert approver.status == 200, approver.text
    last = [one for one in served.parts.log.stream(stream) if isinstance(one.event, DispatchResumed | DispatchStopped)][
        -1
    ]
    assert last.by.startswith("person:") and isinstance(
        last.event, DispatchResumed if decision == "retry" else DispatchStopped
    )


@SQLITE
async def test_bad_input_changes_nothing(served: Served) -> None:
    author, approver = await officer(served, "ann", "author"), await officer(served, "kofi", "approver")
    trigger = await parked(served)
    await author.open(WAITING)
    assert "An approver decides about it." in author.text and ">Decide again<" not in author.text
    for data in (
        {},
        {"kind": "trigger", "id": "x" * 10_000, "do": "retry"},
        {"kind": "failed", "id": str(trigger), "do": "drop", f"reason-{trigger}": "no"},
        {"kind": "failed", "id": str(trigger), "do": "retry"},
        {"kind": "paused", "id": str(trigger), "do": "retry"},
        {"kind": "nonsense", "id": str(trigger), "do": "retry"},
    ):
        answer = await served.client.post(WAITING, headers=approver.headers, data=data)
        assert answer.status == 409, data
    await approver.open(WAITING)
    await approver.press("drop", **{field_of(trigger): "y" * 10_000})
    assert approver.status == 422 and "Shorten it" in approver.text and "y" * 10_000 in approver.text
    assert trigger_state(served, trigger) == "parked"


@SQLITE
async def test_unfinished_draft_of_a_source_needs_a_person(served: Served) -> None:
    saved = await served.parts.commands.connect_source(SYSTEM, "works", "json", "draft", UNPLACED)
    raw = msgspec.json.encode({"id": "a-2", "name": "Burst main"})
    headers = {"Authorization": f"Bearer {saved.secret}", "Content-Type": "application/json"}
    answer = await served.client.post("/hooks/works", data=raw, headers=headers)
    assert answer.status == 202, await answer.text()
    await caught_up(served.parts)
    author = await officer(served, "ann", "author")
    await author.open("/console")
    assert "Draft of a source" in author.text and "Everything that came in was dealt with" not in author.text
    (notice,) = served.parts.views.waiting()
    await author.open(f"/console/notices/{notice.id}/edit")
    await author.press("save", body_en="Crews are there.")
    await author.open("/console")
    assert "Draft of a source" not in author.text and "Everything that came in was dealt with" in author.text
