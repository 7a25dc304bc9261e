"""Order of messages: the later `sent` stands, in whatever order they arrive (RULES 13)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.commands import ParsedTrigger, TriggerSaved
from alerts.contract.bodies import AllClearBody, Area, IncidentBody, ResolveBody, ServiceChangeBody, ServicePointBody
from alerts.contract.cap_message import CapGroup, CapMessage, CapMsgType, CapWords
from alerts.domain.events import NoticeIssued, Policy
from alerts.domain.reference_data import SourceState
from alerts.domain.streams import SOURCE, TRIGGER, source_id
from tests.support.command_rig import CAMDEN, START, CommandRig, key, on_both

NAMES = ("A", "B", "C", "D")
TYPES: tuple[CapMsgType, ...] = ("Alert", "Update", "Update", "Cancel")


def at(name: str) -> str:
    return f"2026-03-01T12:{NAMES.index(name):02d}:00+00:00"


def message(name: str, msg_type: CapMsgType, *refers: str, **group: Any) -> CapMessage:
    """The message of this name; later letters were sent later."""
    fields: dict[str, Any] = {
        "category": "Met",
        "area": [CAMDEN],
        "content": {"en": CapWords(title=name)},
        "expires": START + timedelta(days=1),
        **group,
    }
    return CapMessage(
        sender="met@example",
        identifier=name,
        sent=at(name),
        status="Actual",
        msg_type=msg_type,
        references=tuple(("met@example", other, at(other)) for other in refers),
        groups=(CapGroup(**fields),),
    )


async def take(rig: CommandRig, source: SourceState, cap: CapMessage) -> TriggerSaved:
    parsed = ParsedTrigger(cap.external_id, f"cap.{cap.msg_type}", "d" * 64, "<alert/>", cap)
    return await rig.commands.take_trigger(source, parsed)


def issued(rig: CommandRig) -> list[str]:
    """Messages issued to people, in order: titles, an ending in brackets."""
    found = []
    for recorded in rig.events("NoticeIssued"):
        event = recorded.event
        assert isinstance(event, NoticeIssued)
        title = event.plan.content["en"].title
        found.append(f"({title})" if event.msg_type in ("Cancel", "AllClear") else title)
    return found


def live(rig: CommandRig) -> list[str]:
    """Titles of the warnings that are live."""
    states = [rig.notice(recorded.originator_id) for recorded in rig.events("NoticeIssued")]
    return [s.plan.content["en"].title for s in states if s.phase == "live" and s.msg_type in ("Alert", "Update")]


@settings(max_examples=60, deadline=None)
@given(order=st.permutations(NAMES), ends=st.booleans(), whole=st.booleans())
def test_any_order_of_arrival_gives_the_same_end(order: list[str], ends: bool, whole: bool) -> None:
    """`ends`: with the Cancel. `whole`: each message refers to all before it, else to the Alert alone."""
    arriving = [name for name in order if ends or name != "D"]

    async def arrive() -> tuple[list[str], list[str]]:
        rig = CommandRig.in_memory()
        try:
            await rig.commands.define_built_in_topics()
            source = await rig.source("issue")
            for name in arriving:
                number = NAMES.index(name)
                refers = NAMES[:number] if whole else NAMES[: min(number, 1)]
                await take(rig, source, message(name, TYPES[number], *refers))
            return issued(rig), live(rig)
        finally:
            rig.close()

    told, left = asyncio.run(arrive())
    assert left == ([] if ends else ["C"])
    warnings = [title for title in told if not title.startswith("(")]
    assert warnings == sorted(set(warnings)), f"{arriving}: an older message was sent after a newer one"
    if ends and arriving[0] == "D":
        assert told == []


async def test_older_update_after_the_all_clear_is_recorded(rig: CommandRig) -> None:
    source = await rig.source("issue")
    await take(rig, source, message("A", "Alert"))
    await take(rig, source, message("C", "Update", "A", response_types=("AllClear",)))
    kept = await take(rig, source, message("B", "Update", "A"))
    assert (kept.state, kept.notices) == ("recorded", ()) and "later message" in kept.reason
    assert issued(rig) == ["A", "(C)"]


@pytest.mark.parametrize("ending", ["Cancel", "AllClear"])
async def test_ending_that_names_the_latest_is_never_older(rig: CommandRig, ending: str) -> None:
    """The sender's clock was ahead when it sent the alert."""
    source = await rig.source("issue")
    alert = message("D", "Alert")
    await take(rig, source, alert)
    over = (
        message("A", "Cancel", "D") if ending == "Cancel" else message("A", "Update", "D", response_types=("AllClear",))
    )
    assert (await take(rig, source, over)).state == "issued"
    assert live(rig) == []


@on_both
@pytest.mark.parametrize("ending", ["Cancel", "AllClear"])
async def test_ending_before_its_alert_keeps_the_alert_back(rig: CommandRig, ending: str) -> None:
    source = await rig.source("issue")
    words: dict[str, Any] = {"response_types": ("AllClear",)} if ending == "AllClear" else {}
    early = await take(rig, source, message("D", "Cancel" if not words else "Update", "A", **words))
    assert early.state == "parked"
    kept = await take(rig, source, message("A", "Alert"))
    assert (kept.state, kept.notices) == ("recorded", ()) and str(early.id) in kept.reason
    settled = rig.log.state(TRIGGER, early.id)
    assert settled is not None and settled.state == "recorded" and str(kept.id) in settled.reason
    assert issued(rig) == []


async def test_dropped_cancel_keeps_nothing_back(rig: CommandRig) -> None:
    source = await rig.source("issue")
    early = await take(rig, source, message("D", "Cancel", "A"))
    await rig.commands.drop_trigger(key(), early.id, "a mistake")
    assert (await take(rig, source, message("A", "Alert"))).state == "issued"


async def test_cancel_of_another_source_keeps_nothing_back(rig: CommandRig) -> None:
    other, source = await rig.source("issue", name="other"), await rig.source("issue")
    await take(rig, other, message("D", "Cancel", "A"))
    await take(rig, other, message("C", "Update", "A"))
    assert (await take(rig, source, message("A", "Alert"))).state == "issued"
    assert (await take(rig, source, message("B", "Update", "A"))).state == "issued"


async def test_cancel_of_a_drill_keeps_no_warning_back(rig: CommandRig) -> None:
    source = await rig.source("issue")
    await take(rig, source, msgspec.structs.replace(message("D", "Cancel", "A"), status="Test"))
    assert (await take(rig, source, message("A", "Alert"))).state == "issued"


async def test_cancel_by_way_of_an_update_still_to_come(rig: CommandRig) -> None:
    source = await rig.source("issue")
    first = await take(rig, source, message("A", "Alert"))
    await take(rig, source, message("D", "Cancel", "B"))
    kept = await take(rig, source, message("B", "Update", "A"))
    assert rig.notice(first.notices[0]).phase == "cancelled" and issued(rig) == ["A", "(A)"]
    assert kept.incident == first.incident


async def test_update_older_than_a_person_s_all_clear_is_recorded(rig: CommandRig) -> None:
    source = await rig.source("issue")
    first = await take(rig, source, message("A", "Alert"))
    rig.pass_time(minutes=1, seconds=30)
    await rig.commands.all_clear(await rig.person("ann"), first.notices[0], AllClearBody())
    assert (await take(rig, source, message("B", "Update", "A"))).state == "recorded"
    assert (await take(rig, source, message("C", "Update", "A"))).state == "issued"


# --- Standard Webhooks


async def post(
    rig: CommandRig, request: IncidentBody | ResolveBody | ServiceChangeBody, minute: int | None
) -> TriggerSaved:
    sent = None if minute is None else datetime(2026, 3, 1, 12, minute, tzinfo=UTC)
    source = rig.log.state(SOURCE, source_id("works"))
    assert source is not None
    name = f"{type(request).__name__}-{minute}-{rig.writer.position()}"
    return await rig.commands.take_trigger(source, ParsedTrigger(name, "x", "", "{}", request, sent))


def report(headline: str) -> IncidentBody:
    area: Area = {"circle": {"lat": 51.55, "lon": -0.15, "radius_km": 1.0}}
    return IncidentBody(headline=headline, category="Met", source_ref="w-1", area=area)


async def test_older_report_is_recorded_by_its_envelope_s_time(rig: CommandRig) -> None:
    await rig.source("issue", name="works", kind="standard-webhook")
    await post(rig, report("stay indoors"), 1)
    await post(rig, report("leave at once"), 3)
    kept = await post(rig, report("stay indoors"), 2)
    assert (kept.state, kept.notices) == ("recorded", ()) and kept.incident is not None
    assert (await post(rig, ResolveBody(source_ref="w-1"), 2)).state == "recorded"
    assert live(rig) == ["leave at once"]
    assert (await post(rig, ResolveBody(source_ref="w-1"), 4)).state == "issued"
    assert live(rig) == []


async def test_identical_report_counts_for_the_order(rig: CommandRig) -> None:
    await rig.source("issue", name="works", kind="standard-webhook")
    await post(rig, report("leave at once"), 1)
    await post(rig, report("leave at once"), 3)
    assert (await post(rig, report("stay indoors"), 2)).state == "recorded"
    assert (await post(rig, report("stay indoors"), None)).state == "issued"


async def test_older_service_change_is_recorded(rig: CommandRig) -> None:
    source = await rig.source(Policy(default="issue"), name="works", kind="standard-webhook")
    assert source.policy.default == "issue"
    point = await rig.commands.register_point(
        key(), ServicePointBody(kind="kiosk", name="Hall", lat=51.5, lon=-0.1, opening_hours="24/7")
    )

    def closure(headline: str) -> ServiceChangeBody:
        return ServiceChangeBody(
            headline=headline,
            kind="closure",
            service_points=(point.id,),
            effective=START + timedelta(hours=1),
            source_ref="c-1",
        )

    await post(rig, closure("shut on Monday"), 1)
    await post(rig, closure("shut on Tuesday"), 3)
    kept = await post(rig, closure("shut on Wednesday"), 2)
    assert (kept.state, kept.notices) == ("recorded", ()) and kept.service_change is not None
