"""Webhooks: CAP and Standard Webhooks become what the policy says, once (RULES 13, 15, 17–19)."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from alerts.channels import markdown
from alerts.commands import ParsedTrigger, TriggerSaved
from alerts.commands.retry_trigger import retry_trigger
from alerts.contract.bodies import (
    ContentBody,
    IncidentBody,
    NoticeBody,
    PlaceBody,
    PointRef,
    ResolveBody,
    ServiceChangeBody,
    ServicePointBody,
)
from alerts.contract.cap_message import CapGroup, CapMessage, CapReference, CapWords
from alerts.contract.trigger_request import Members, NoRequest
from alerts.domain.events import PolicyRule, TriggerReceived, TriggerRejected
from alerts.domain.reference_data import SourceState
from alerts.domain.streams import TRIGGER, trigger_id
from alerts.intake import webhook_parser
from alerts.kernel.errors import Conflict, Invalid, NotFound
from tests.support.cap import alert as cap_xml
from tests.support.cap import info as cap_info
from tests.support.command_rig import CAMDEN, HACKNEY, START, CommandRig, key, on_both, rules

FLOOD = CapGroup(
    category="Met",
    event={"en": "Flood", "cy": "Llifogydd"},
    urgency="Immediate",
    severity="Severe",
    certainty="Observed",
    area=[CAMDEN],
    expires=START + timedelta(hours=6),
    content={
        "en": CapWords(title="Flood in Camden", body="The lock has burst.", instruction="Go upstairs."),
        "cy": CapWords(title="Llifogydd yn Camden"),
    },
)
FIRE = CapGroup(category="Fire", event={"en": "Fire"}, severity="Moderate", area=[HACKNEY])
KNOT = {"type": "Polygon", "coordinates": [[[-0.2, 51.5], [-0.1, 51.6], [-0.1, 51.5], [-0.2, 51.6], [-0.2, 51.5]]]}
POINT = {"type": "Polygon", "coordinates": [[[-0.2, 51.5]] * 5]}
OVER = CapGroup(category="Met", response_types=("AllClear",), severity="Minor", content={"en": CapWords(title="Over")})


def cap(identifier: str, *groups: CapGroup, refers: str | None = None, **more: Any) -> CapMessage:
    document: dict[str, Any] = {"status": "Actual", "msg_type": "Alert", **more}
    references: tuple[CapReference, ...] = (("met@example", refers, f"{sent(refers)}-00:00"),) if refers else ()
    return CapMessage(
        sender="met@example",
        identifier=identifier,
        sent=f"{sent(identifier)}+00:00",
        references=references,
        groups=groups,
        **document,
    )


def sent(identifier: str) -> str:
    return f"2026-03-01T12:00:{len(identifier):02d}"


def parsed(message: CapMessage) -> ParsedTrigger:
    return ParsedTrigger(message.external_id, f"cap.{message.msg_type}", "d" * 64, "<alert/>", message)


async def take(rig: CommandRig, source: SourceState, message: CapMessage) -> TriggerSaved:
    return await rig.commands.take_trigger(source, parsed(message))


# --- CAP


@on_both
async def test_trusted_cap_alert_is_issued_in_its_own_words(rig: CommandRig) -> None:
    source = await rig.source("issue")
    kept = await take(rig, source, cap("A", FLOOD))

    assert (kept.state, len(kept.notices), kept.reason) == ("issued", 1, "")
    notice = rig.notice(kept.notices[0])
    assert (notice.phase, notice.danger_to_life, notice.approved_by) == ("live", True, "policy:met@1")
    assert notice.expires == FLOOD.expires
    assert (notice.plan.topic, notice.plan.incident) == ("weather", kept.incident)
    assert {tag: said.title for tag, said in notice.plan.content.items()} == {
        "en": "Flood in Camden",
        "cy": "Llifogydd yn Camden",
    }
    assert notice.plan.cap is not None and notice.plan.cap.identifier == "A"
    assert rig.topics()[-5:] == [
        "IncidentReported",
        "NoticeDrafted",
        "NoticeApproved",
        "NoticeIssued",
        "TriggerReceived",
    ]


@on_both
async def test_repeated_message_id_returns_the_first_answer(rig: CommandRig) -> None:
    source = await rig.source("issue")
    twins = await asyncio.gather(*(take(rig, source, cap("A", FLOOD)) for _ in range(10)))
    assert sum(kept.created for kept in twins) == 1
    end = rig.log.position()
    again = await take(rig, source, cap("A", FIRE))
    assert (again.id, again.notices) == (twins[0].id, twins[0].notices)
    assert not again.created and rig.log.position() == end


async def test_each_cap_group_becomes_a_notice(rig: CommandRig) -> None:
    kept = await take(rig, await rig.source("issue"), cap("A", FLOOD, FIRE))
    one, two = (rig.notice(notice) for notice in kept.notices)
    assert one.thread != two.thread
    assert two.plan.content["en"].title == "Fire"
    assert (two.danger_to_life, two.priority, two.plan.topic) == (False, "notice", "safety")


@on_both
async def test_cap_update_follows_the_thread_of_any_named_message(rig: CommandRig) -> None:
    source = await rig.source("issue")
    first = await take(rig, source, cap("A", FLOOD))
    worse = msgspec.structs.replace(FLOOD, severity="Extreme")
    second = await take(rig, source, cap("BB", worse, refers="A", msg_type="Update"))
    third = await take(rig, source, cap("CCC", FLOOD, refers="BB", msg_type="Update"))
    fourth = await take(rig, source, cap("DDDD", worse, refers="A", msg_type="Update"))

    notices = [rig.notice(kept.notices[0]) for kept in (first, second, third, fourth)]
    assert {notice.thread for notice in notices} == {notices[0].id}
    assert [notice.phase for notice in notices] == ["superseded", "superseded", "superseded", "live"]
    assert {kept.incident for kept in (first, second, third, fourth)} == {first.incident}
    assert notices[3].plan.severity == "Extreme"


async def test_cap_update_reaches_each_thread_and_begins_new_ones(rig: CommandRig) -> None:
    source = await rig.source("issue")
    first = await take(rig, source, cap("A", FLOOD, FIRE))
    moved = msgspec.structs.replace(FIRE, area=[CAMDEN], severity="Severe", event={"en": "Fire"})
    third_group = CapGroup(category="Health", event={"en": "Smoke"}, area=[HACKNEY])
    second = await take(rig, source, cap("BB", third_group, moved, FLOOD, refers="A", msg_type="Update"))

    flood, fire = (rig.notice(notice) for notice in first.notices)
    assert flood.replaced_by is not None and fire.replaced_by is not None
    assert rig.notice(flood.replaced_by).plan.content["en"].title == "Flood in Camden"
    assert rig.notice(fire.replaced_by).plan.severity == "Severe"
    new = rig.notice(second.notices[2])
    assert (new.thread, new.msg_type, new.plan.topic) == (new.id, "Alert", "health")


async def test_cap_update_reaches_all_who_had_the_first_notice(rig: CommandRig) -> None:
    source = await rig.source("issue")
    first = await take(rig, source, cap("A", FLOOD, FIRE))
    await take(rig, source, cap("BB", FLOOD, refers="A", msg_type="Update"))
    assert [rig.notice(notice).phase for notice in first.notices] == ["superseded", "superseded"]


async def test_cap_all_clear_ends_threads_and_resolves_incidents(rig: CommandRig) -> None:
    source = await rig.source("issue")
    first = await take(rig, source, cap("A", FLOOD, FIRE))
    last = await take(rig, source, cap("BB", OVER, refers="A", msg_type="Update"))
    assert [rig.notice(notice).phase for notice in first.notices] == ["cleared", "cleared"]
    assert [rig.notice(notice).msg_type for notice in last.notices] == ["AllClear", "AllClear"]
    assert rig.notice(last.notices[0]).plan.content["en"].title == "Over"
    assert rig.topics().count("IncidentResolved") == 2


async def test_expired_all_clear_ends_its_part_of_an_update(rig: CommandRig) -> None:
    source = await rig.source("issue")
    first = await take(rig, source, cap("A", FLOOD, FIRE))
    over = msgspec.structs.replace(OVER, area=FLOOD.area, expires=START - timedelta(hours=1))
    kept = await take(rig, source, cap("BB", over, FIRE, refers="A", msg_type="Update"))
    assert [rig.notice(notice).phase for notice in first.notices] == ["cleared", "superseded"]
    assert [rig.notice(notice).msg_type for notice in kept.notices] == ["AllClear", "Update"]


async def test_cancel_is_taken_whatever_its_own_area_and_times(rig: CommandRig) -> None:
    source = await rig.source("issue")
    first = await take(rig, source, cap("A", FLOOD))
    odd = msgspec.structs.replace(FLOOD, expires=START - timedelta(hours=1), area=[{"type": "Polygon"}])
    kept = await take(rig, source, cap("BB", odd, refers="A", msg_type="Cancel"))
    assert (kept.state, rig.notice(first.notices[0]).phase) == ("issued", "cancelled")


async def test_cancel_is_told_in_every_language_of_its_infos(rig: CommandRig) -> None:
    source = await rig.source("issue")
    await take(rig, source, cap("A", FLOOD))
    english = msgspec.structs.replace(FLOOD, event={"en": "Flood"}, content={"en": CapWords(title="Taken back")})
    welsh = msgspec.structs.replace(FIRE, event={"cy": "Tân"}, content={"cy": CapWords(title="Wedi ei ganslo")})
    kept = await take(rig, source, cap("BB", english, welsh, refers="A", msg_type="Cancel"))
    titles = {tag: words.title for tag, words in rig.notice(kept.notices[0]).plan.content.items()}
    assert titles == {"en": "Taken back", "cy": "Wedi ei ganslo"}


async def test_expired_part_of_an_update_is_named(rig: CommandRig) -> None:
    source = await rig.source("issue")
    await take(rig, source, cap("A", FLOOD, FIRE))
    late = msgspec.structs.replace(FLOOD, expires=START - timedelta(hours=1))
    kept = await take(rig, source, cap("BB", late, FIRE, refers="A", msg_type="Update"))
    assert len(kept.notices) == 1 and "expired" in kept.reason


async def test_second_all_clear_is_recorded_only(rig: CommandRig) -> None:
    source = await rig.source("issue")
    await take(rig, source, cap("A", FLOOD))
    await take(rig, source, cap("BB", OVER, refers="A", msg_type="Update"))
    again = await take(rig, source, cap("CCC", OVER, refers="BB", msg_type="Update"))
    assert (again.state, again.notices, again.reason) == ("recorded", (), "It is over already.")


@on_both
async def test_cap_cancel_ends_the_thread_and_dismisses_the_incident(rig: CommandRig) -> None:
    source = await rig.source("issue")
    first = await take(rig, source, cap("A", FLOOD))
    last = await take(rig, source, cap("BB", refers="A", msg_type="Cancel", note="A false alarm"))
    old = rig.notice(first.notices[0])
    assert (old.phase, old.reason) == ("cancelled", "A false alarm")
    new = rig.notice(last.notices[0])
    assert (new.msg_type, new.danger_to_life, new.priority) == ("Cancel", False, "emergency")
    assert new.plan.content["en"].title == "Flood in Camden"
    again = await take(rig, source, cap("CCC", refers="BB", msg_type="Cancel"))
    assert (again.state, again.notices) == ("recorded", ())


async def test_cap_update_after_the_end_begins_a_new_thread(rig: CommandRig) -> None:
    source = await rig.source("issue")
    first = await take(rig, source, cap("A", FLOOD))
    await take(rig, source, cap("BB", OVER, refers="A", msg_type="Update"))
    again = await take(rig, source, cap("CCC", FLOOD, refers="BB", msg_type="Update"))
    notice = rig.notice(again.notices[0])
    assert (notice.thread, notice.msg_type, notice.phase) == (notice.id, "Alert", "live")
    assert notice.id != first.notices[0]


async def test_draft_policy_leaves_every_message_to_a_person(rig: CommandRig) -> None:
    source = await rig.source("draft")
    first = await take(rig, source, cap("A", FLOOD))
    assert (first.state, rig.notice(first.notices[0]).phase) == ("drafted", "pending-approval")
    second = await take(rig, source, cap("BB", FIRE, refers="A", msg_type="Update"))
    assert second.notices == first.notices
    last = await take(rig, source, cap("CCC", refers="BB", msg_type="Cancel"))
    assert (last.state, rig.notice(first.notices[0]).phase) == ("recorded", "rejected")


async def test_pending_cancel_goes_out_on_one_approval(rig: CommandRig) -> None:
    policy = msgspec.to_builtins(rules(PolicyRule(then="issue", severities=("Severe",))))
    source = await rig.source(policy)
    first = await take(rig, source, cap("A", FLOOD))
    await rig.commands.revise_source(key(), "met", "draft")
    source = msgspec.structs.replace(source, policy=msgspec.structs.replace(source.policy, rules=()))
    last = await take(rig, source, cap("BB", refers="A", msg_type="Cancel"))
    waiting = rig.notice(last.notices[0])
    assert (last.state, waiting.phase, rig.notice(first.notices[0]).phase) == ("drafted", "pending-approval", "live")
    await rig.settled()
    done = await rig.commands.approve(await rig.person("bob"), waiting.id, waiting.version, 0)
    assert (done.state, done.dispatch, rig.notice(first.notices[0]).phase) == ("live", True, "cancelled")


async def test_ending_is_allowed_where_the_notice_in_force_was(rig: CommandRig) -> None:
    policy = msgspec.to_builtins(rules(PolicyRule(then="issue", severities=("Severe",)), default="record"))
    source = await rig.source(policy)
    first = await take(rig, source, cap("A", FLOOD))
    await take(rig, source, cap("BB", OVER, refers="A", msg_type="Update"))
    assert rig.notice(first.notices[0]).phase == "cleared"


@pytest.mark.parametrize(
    "more", [{"status": "System"}, {"status": "Draft"}, {"scope": "Private"}, {"scope": "Restricted"}]
)
async def test_non_public_messages_are_recorded_only(rig: CommandRig, more: dict[str, Any]) -> None:
    kept = await take(rig, await rig.source("issue"), cap("A", FLOOD, **more))
    assert (kept.state, kept.notices, kept.incident) == ("recorded", (), None)
    assert "recorded only" in kept.reason


@pytest.mark.parametrize("msg_type", ["Ack", "Error"])
async def test_acknowledgements_and_errors_are_recorded_only(rig: CommandRig, msg_type: str) -> None:
    source = await rig.source("issue")
    await take(rig, source, cap("A", FLOOD))
    kept = await take(rig, source, cap("BB", refers="A", msg_type=msg_type))
    assert (kept.state, kept.notices) == ("recorded", ())


@pytest.mark.parametrize("status", ["Exercise", "Test"])
async def test_drill_is_no_danger_to_life(rig: CommandRig, status: str) -> None:
    kept = await take(rig, await rig.source("issue"), cap("A", FLOOD, status=status))
    notice = rig.notice(kept.notices[0])
    assert (notice.plan.status, notice.danger_to_life, notice.priority) == (status, False, "notice")


async def test_record_policy_stores_the_incident_without_a_notice(rig: CommandRig) -> None:
    kept = await take(rig, await rig.source("record"), cap("A", FLOOD))
    assert (kept.state, kept.notices) == ("recorded", ()) and kept.incident is not None


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (cap("A", refers="Z", msg_type="Cancel"), "do not know"),
        (cap("A", OVER, refers="Z", msg_type="Update"), "never told"),
        (cap("A"), "no info"),
        (cap("A", msgspec.structs.replace(FLOOD, area=None)), "no polygon"),
        (cap("A", msgspec.structs.replace(FLOOD, area=[KNOT])), "Left out: info.0.area.0"),
    ],
)
async def test_undecidable_message_is_parked_with_its_body(rig: CommandRig, message: CapMessage, why: str) -> None:
    kept = await take(rig, await rig.source("issue"), message)
    assert kept.state == "parked" and why in kept.reason
    event = rig.events("TriggerReceived")[-1].event
    assert isinstance(event, TriggerReceived) and event.body == "<alert/>"
    assert "IncidentReported" not in rig.topics()


async def test_unusable_part_of_an_area_is_left_out(rig: CommandRig) -> None:
    odd = msgspec.structs.replace(FLOOD, area=[KNOT, POINT, CAMDEN])
    kept = await take(rig, await rig.source("issue"), cap("A", odd))
    area = rig.notice(kept.notices[0]).plan.area
    assert kept.state == "issued" and area is not None and len(area) == 1
    assert "info.0.area.0" in kept.reason and "info.0.area.1" in kept.reason


async def test_info_without_a_place_is_drafted_beside_good_ones(rig: CommandRig) -> None:
    kept = await take(rig, await rig.source("issue"), cap("A", FIRE, msgspec.structs.replace(FLOOD, area=None)))
    assert [rig.notice(notice).phase for notice in kept.notices] == ["live", "draft"]
    assert kept.state == "issued" and "no polygon" in kept.reason


DATES = "Closed on:\n\n24. Dezember\n31. Dezember\n+ 1.2 m, 5*10*20"


async def test_words_of_cap_are_plain_to_the_letter(rig: CommandRig) -> None:
    source = await rig.source("issue")
    said = msgspec.structs.replace(FLOOD, content={"en": CapWords(title="5*10*20", body=DATES, instruction=DATES)})
    over = msgspec.structs.replace(OVER, content=said.content)
    for message in (cap("A", said), cap("BB", over, refers="A", msg_type="Update")):
        words = rig.notice((await take(rig, source, message)).notices[0]).plan.content["en"]
        assert words.title == "5*10*20"
        assert markdown.plain(words.body) == markdown.plain(words.instruction) == DATES
    await take(rig, source, cap("CCC", said))
    kept = await take(rig, source, cap("DDDD", said, refers="CCC", msg_type="Cancel"))
    assert markdown.plain(rig.notice(kept.notices[0]).plan.content["en"].body) == DATES


async def test_words_of_webhooks_are_plain_to_the_letter(rig: CommandRig) -> None:
    source = await rig.source("issue", kind="standard-webhook")
    area: Any = {"circle": {"lat": 51.55, "lon": -0.15, "radius_km": 1.0}}
    words = {"en": ContentBody(title="5*10*20", body=DATES, instruction=DATES)}
    report = IncidentBody(headline="x", description=DATES, category="Met", area=area, source_ref="w")
    requests = (
        report,
        ResolveBody(source_ref="w", all_clear=words),
        NoticeBody(kind="announcement", topic="community", content=words),
    )
    for index, request in enumerate(requests):
        kept = await rig.commands.take_trigger(source, ParsedTrigger(f"w{index}", "x", "", "{}", request))
        assert markdown.plain(rig.notice(kept.notices[0]).plan.content["en"].body) == DATES


async def test_thread_of_another_source_is_never_changed(rig: CommandRig) -> None:
    first = await take(rig, await rig.source("issue"), cap("A", FLOOD))
    other = await rig.source("issue", name="other")
    for message in (cap("BB", FLOOD, refers="A", msg_type="Update"), cap("CCC", refers="A", msg_type="Cancel")):
        kept = await take(rig, other, message)
        assert kept.state == "parked" and "another source" in kept.reason
    assert rig.notice(first.notices[0]).phase == "live"


async def test_update_of_an_unknown_message_begins_a_thread(rig: CommandRig) -> None:
    kept = await take(rig, await rig.source("issue"), cap("BB", FLOOD, refers="A", msg_type="Update"))
    notice = rig.notice(kept.notices[0])
    assert (kept.state, notice.thread, notice.msg_type) == ("issued", notice.id, "Alert")


async def test_expired_message_is_recorded_only(rig: CommandRig) -> None:
    source = await rig.source("issue")
    rig.pass_time(hours=7)
    kept = await take(rig, source, cap("A", FLOOD))
    assert (kept.state, kept.notices) == ("recorded", ()) and "expired" in kept.reason


async def test_long_headline_is_cut(rig: CommandRig) -> None:
    long = msgspec.structs.replace(FLOOD, content={"en": CapWords(title="Flood\n" * 60, body="x" * 30_000)})
    kept = await take(rig, await rig.source("issue"), cap("A", long))
    words = rig.notice(kept.notices[0]).plan.content["en"]
    assert 190 < len(words.title) <= 200 and words.title.endswith("Flood…") and "\n" not in words.title
    assert len(words.body) == 20_000


async def test_parked_trigger_can_be_retried_or_dropped(rig: CommandRig) -> None:
    source = await rig.source("issue")
    parked = await take(rig, source, cap("A", msgspec.structs.replace(FLOOD, area=None)))
    mended = parsed(cap("A", FLOOD))
    kept = await rig.commands.settle_trigger(source, mended)
    assert (kept.id, kept.state) == (parked.id, "issued")
    with pytest.raises(Conflict):
        await rig.commands.settle_trigger(source, mended)
    other = await take(rig, source, cap("BB", refers="Z", msg_type="Cancel"))
    dropped = await rig.commands.drop_trigger(key(), other.id, "a rehearsal")
    assert (dropped.state, dropped.reason) == ("recorded", "Dropped: a rehearsal")
    with pytest.raises(Conflict):
        await rig.commands.drop_trigger(key(), other.id, "again")
    with pytest.raises(NotFound):
        await rig.commands.drop_trigger(key(), source.id, "nothing")


async def test_parked_latin_1_cancel_is_read_as_before_at_a_retry(rig: CommandRig) -> None:
    source = await rig.source("issue")
    text = cap_xml(
        cap_info(headline="Alerte levée"),
        msgType="Cancel",
        sender="met@example",
        sent=f"{sent('AA')}+00:00",
        references=f"met@example,A,{sent('A')}+00:00",
    )
    latin = text.decode().replace("?>", ' encoding="ISO-8859-1"?>', 1).encode("latin-1")
    waiting = await rig.commands.take_trigger(source, webhook_parser.cap_message(latin, "text/xml"))
    assert waiting.state == "parked"
    still = await retry_trigger(rig.log, rig.commands, waiting.id, "operator:test")
    assert still.state == "parked"
    twice = rig.events("TriggerReceived")[0].event, rig.events("TriggerReceived")[1].event
    for event in twice:
        assert isinstance(event, TriggerReceived)
        assert base64.b64decode(event.raw) == latin and "Alerte levée" in event.body


@on_both
async def test_refusal_is_recorded_and_keeps_the_id_free(rig: CommandRig) -> None:
    source = await rig.source("issue")
    await rig.places()
    swapped = {"circle": {"lat": -0.15, "lon": 51.55, "radius_km": 1.0}}
    with pytest.raises(Invalid):
        await take(rig, source, cap("A", msgspec.structs.replace(FLOOD, area=[swapped])))
    for _ in range(2):
        await rig.commands.reject_trigger("met", 422, "crosses itself", "d" * 64)
    refused = [recorded.event for recorded in rig.events("TriggerRejected")]
    assert [event.status for event in refused if isinstance(event, TriggerRejected)] == [422, 422]
    assert (await take(rig, source, cap("A", FLOOD))).state == "issued"


# --- Standard Webhooks

REPORT = IncidentBody(headline="Gas leak", category="Infra", severity="Severe", area=CAMDEN, source_ref="g-1")
POINTS = [
    ServicePointBody(kind="front-desk", name=f"Desk {n}", lat=51.52 + n / 100, lon=-0.15, source_ref=f"d-{n}")
    for n in range(3)
]
CLOSURE = ServiceChangeBody(
    headline="Half the desks close",
    kind="closure",
    service_points=(PointRef(source_ref="d-0"), PointRef(source_ref="d-1")),
    effective=START + timedelta(days=30),
    source_ref="c-1",
)


def webhook(external_id: str, asked: Any) -> ParsedTrigger:
    return ParsedTrigger(external_id, "test", "d" * 64, "{}", asked)


async def test_webhook_reports_revises_and_resolves_an_incident(rig: CommandRig) -> None:
    source = await rig.source("issue", kind="standard-webhook", name="gas")
    first = await rig.commands.take_trigger(source, webhook("1", REPORT))
    same = await rig.commands.take_trigger(source, webhook("2", REPORT))
    over = await rig.commands.take_trigger(source, webhook("3", ResolveBody(source_ref="g-1")))
    assert (first.state, same.state, over.state) == ("issued", "recorded", "issued")
    assert same.incident == first.incident == over.incident
    assert "nothing new" in same.reason
    assert rig.notice(first.notices[0]).phase == "cleared"
    with pytest.raises(Invalid):
        await rig.commands.take_trigger(source, webhook("4", ResolveBody(source_ref="g-2")))


async def register(rig: CommandRig, source: SourceState) -> None:
    """The source's own desks, which are its own because a webhook's source and the registering actor are the same."""
    from alerts.commands.triggers import actor_of

    for body in POINTS:
        await rig.commands.register_point(actor_of(source), body)


async def test_service_change_finds_points_by_source_reference(rig: CommandRig) -> None:
    source = await rig.source("issue", kind="standard-webhook", name="estates")
    await register(rig, source)
    kept = await rig.commands.take_trigger(source, webhook("1", CLOSURE))
    notice = rig.notice(kept.notices[0])
    assert (kept.state, notice.phase, notice.plan.topic) == ("issued", "live", "service-changes")
    assert (notice.plan.service_change, notice.plan.area) == (kept.service_change, None)
    later = msgspec.structs.replace(CLOSURE, effective=START + timedelta(days=31))
    again = await rig.commands.take_trigger(source, webhook("2", later))
    assert rig.notice(again.notices[0]).msg_type == "Update"
    assert rig.notice(again.notices[0]).thread == notice.id


async def test_service_change_of_unknown_points_is_refused(rig: CommandRig) -> None:
    source = await rig.source("issue", kind="standard-webhook", name="estates")
    with pytest.raises(Invalid) as refused:
        await rig.commands.take_trigger(source, webhook("1", CLOSURE))
    assert refused.value.errors[0].field == "service_points.0"


@pytest.mark.parametrize(
    ("policy", "state", "phase"),
    [("record", "recorded", None), ("draft", "drafted", "pending-approval"), ("issue", "issued", "live")],
)
async def test_requested_notice_is_decided_by_the_policy(
    rig: CommandRig, policy: str, state: str, phase: str | None
) -> None:
    source = await rig.source(policy, kind="standard-webhook", name="press")
    body = NoticeBody(kind="announcement", topic="community", content={"en": ContentBody(title="Fair")})
    kept = await rig.commands.take_trigger(source, webhook("1", body))
    assert kept.state == state
    assert [rig.notice(notice).phase for notice in kept.notices] == ([phase] if phase else [])


async def test_requested_notice_for_later_is_scheduled(rig: CommandRig) -> None:
    source = await rig.source("issue", kind="standard-webhook", name="press")
    body = NoticeBody(
        kind="announcement",
        topic="community",
        content={"en": ContentBody(title="Fair")},
        send_at=START + timedelta(hours=1),
    )
    kept = await rig.commands.take_trigger(source, webhook("1", body))
    assert (kept.state, rig.notice(kept.notices[0]).phase) == ("issued", "scheduled")
    rig.pass_time(hours=1)
    await rig.due()
    assert rig.notice(kept.notices[0]).phase == "live"


async def test_incomplete_requested_notice_is_refused(rig: CommandRig) -> None:
    source = await rig.source("draft", kind="standard-webhook", name="press")
    with pytest.raises(Invalid):
        await rig.commands.take_trigger(source, webhook("1", NoticeBody(kind="alert", topic="weather")))


# --- lists


def listed(*requests: IncidentBody | ResolveBody | NoRequest, name: str = "whole") -> ParsedTrigger:
    members = tuple(
        ParsedTrigger(f"{name}-{index}", "incident.reported", "", "{}", request)
        for index, request in enumerate(requests)
    )
    return ParsedTrigger(name, "json", "d" * 64, '{"alerts": []}', Members(members))


def pump(name: str, **more: Any) -> IncidentBody:
    return IncidentBody(
        headline=f"Pump {name} has stopped", category="Infra", source_ref=name, area={"place": "camden"}, **more
    )


@on_both
async def test_each_member_of_a_list_is_a_trigger(rig: CommandRig) -> None:
    await rig.places()
    source = await rig.source("issue", name="prometheus", kind="standard-webhook")
    whole = await rig.commands.take_mapped(source, listed(pump("7"), pump("8"), NoRequest()))
    assert (whole.state, len(whole.notices)) == ("issued", 2)
    titles = [rig.notice(notice).plan.content["en"].title for notice in whole.notices]
    assert titles == ["Pump 7 has stopped", "Pump 8 has stopped"]
    members = [rig.log.state(TRIGGER, trigger_id("prometheus", f"whole-{index}")) for index in range(3)]
    assert [member and (member.state, len(member.notices)) for member in members] == [
        ("issued", 1),
        ("issued", 1),
        ("recorded", 0),
    ]
    assert all(member and str(member.id) in whole.reason for member in members)
    end = rig.log.position()
    assert (await rig.commands.take_mapped(source, listed(pump("7")))).id == whole.id
    assert rig.log.position() == end


async def test_known_members_of_another_list_are_not_taken_again(rig: CommandRig) -> None:
    await rig.places()
    source = await rig.source("issue", name="prometheus", kind="standard-webhook")
    first = listed(pump("7"))
    await rig.commands.take_mapped(source, first)
    assert isinstance(first.request, Members)
    fresh = ParsedTrigger("new", "incident.reported", "", "{}", pump("8"))
    both = ParsedTrigger("other", "json", "", "{}", Members((*first.request.triggers, fresh)))
    kept = await rig.commands.take_mapped(source, both)
    assert [rig.notice(notice).plan.content["en"].title for notice in kept.notices] == ["Pump 8 has stopped"]


async def test_member_that_stands_twice_in_a_list_is_taken_once(rig: CommandRig) -> None:
    await rig.places()
    source = await rig.source("issue", name="prometheus", kind="standard-webhook")
    firing = ParsedTrigger("a", "incident.reported", "", "{}", pump("7"))
    twice = ParsedTrigger("list 1", "json", "", "{}", Members((firing, firing)))
    assert len((await rig.commands.take_mapped(source, twice)).notices) == 1
    over = ParsedTrigger("b", "incident.resolved", "", "{}", ResolveBody(source_ref="7"))
    late = ParsedTrigger("list 2", "json", "", "{}", Members((over, firing)))
    assert len((await rig.commands.take_mapped(source, late)).notices) == 1, "the one that is known stands for nothing"


async def test_list_is_decided_as_a_whole_or_parked(rig: CommandRig) -> None:
    await rig.places()
    source = await rig.source("issue", name="prometheus", kind="standard-webhook")
    for odd in (pump("8", topic="no-such"), ResolveBody(source_ref="never reported")):
        parked = await rig.commands.take_mapped(source, listed(pump("7"), odd, name=type(odd).__name__))
        assert parked.state == "parked" and "member 1" in parked.reason
    assert rig.events("NoticeIssued", "IncidentReported") == []
    event = rig.events("TriggerReceived")[-1].event
    assert isinstance(event, TriggerReceived) and event.body == '{"alerts": []}'
    mended = await rig.commands.take_mapped(source, listed(pump("7"), pump("8"), name="IncidentBody"), again=True)
    assert (mended.state, len(mended.notices)) == ("issued", 2)


async def test_last_of_two_members_about_one_incident_stands(rig: CommandRig) -> None:
    await rig.places()
    source = await rig.source("issue", name="prometheus", kind="standard-webhook")
    kept = await rig.commands.take_mapped(source, listed(pump("7"), pump("7", severity="Severe")))
    assert [rig.notice(notice).plan.severity for notice in kept.notices] == ["Severe"]
    first = rig.log.state(TRIGGER, trigger_id("prometheus", "whole-0"))
    assert first is not None and "later member" in first.reason
    over = await rig.commands.take_mapped(source, listed(pump("9"), ResolveBody(source_ref="7"), name="over"))
    assert [rig.notice(notice).msg_type for notice in over.notices] == ["Alert", "AllClear"]


# --- the policy of follow-ups (RULES 17)


@pytest.mark.parametrize(
    "later",
    [
        cap("fire-10", FIRE, refers="fire-1", msg_type="Update"),
        cap("fire-10", refers="fire-1", msg_type="Cancel"),
        cap("fire-10", OVER, refers="fire-1", msg_type="Update"),
    ],
    ids=["update", "cancel", "all-clear"],
)
async def test_cap_follow_up_of_a_thread_outside_the_policy_waits(rig: CommandRig, later: CapMessage) -> None:
    wide = msgspec.structs.replace(FIRE, area=[CAMDEN, HACKNEY])
    first = await take(rig, await rig.source("issue"), cap("fire-1", wide))
    await rig.commands.revise_source(
        key(), "met", msgspec.to_builtins(rules(PolicyRule(then="issue", areas=[HACKNEY])))
    )
    after = await take(rig, rig.source_state("met"), later)
    assert (after.state, rig.notice(after.notices[0]).phase) == ("drafted", "pending-approval")
    assert rig.notice(first.notices[0]).phase == "live"


@pytest.mark.parametrize(
    "later",
    [
        cap("fire-10", refers="fire-1", msg_type="Cancel"),
        cap("fire-10", OVER, refers="fire-1", msg_type="Update"),
    ],
    ids=["cancel", "all-clear"],
)
async def test_record_policy_ends_no_thread_of_cap(rig: CommandRig, later: CapMessage) -> None:
    first = await take(rig, await rig.source("issue"), cap("fire-1", FIRE))
    await rig.commands.revise_source(key(), "met", "record")
    after = await take(rig, rig.source_state("met"), later)
    assert (after.state, after.notices) == ("recorded", ())
    assert first.incident is not None and rig.incident(first.incident).status == "open"
    await rig.commands.revise_source(key(), "met", "issue")
    worse = cap("fire-100", FIRE, refers="fire-1", msg_type="Update")
    assert (await take(rig, rig.source_state("met"), worse)).state == "issued"


async def test_info_without_place_is_recorded_if_the_policy_says_so(rig: CommandRig) -> None:
    policy = rules(PolicyRule(then="issue", areas=[HACKNEY]), PolicyRule(then="record"))
    source = await rig.source(msgspec.to_builtins(policy))
    placeless = msgspec.structs.replace(FIRE, area=None, severity="Severe")
    kept = await take(rig, source, cap("fire-1", FIRE, placeless))
    assert [rig.notice(notice).phase for notice in kept.notices] == ["live"]


async def test_source_does_not_follow_a_redrawn_place(rig: CommandRig) -> None:
    await rig.places()
    source = await rig.source({"rules": [{"areas": {"place": "hackney"}, "then": "issue"}]})
    assert (await take(rig, source, cap("fire-1", FIRE))).state == "issued"
    await rig.commands.define_place(key(), PlaceBody(slug="hackney", name={"en": "Hackney"}, area=[CAMDEN, HACKNEY]))
    assert (await take(rig, source, cap("flood-1", FLOOD))).state == "drafted"
