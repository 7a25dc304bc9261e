"""RULES 16: an approval binds words, places, segments, the service change and its points, and the count seen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from alerts.contract.bodies import (
    ContentBody,
    NoticeBody,
    PlaceBody,
    SegmentBody,
    ServiceChangeBody,
    ServicePointBody,
)
from alerts.dispatch.personal_content import SenderProfile, notice_content
from alerts.kernel.errors import Conflict
from alerts.kernel.secret_keys import SecretKeys
from tests.support.command_rig import CAMDEN, HACKNEY, START, CommandRig, key, on_both

WORDS = {"en": ContentBody(title="Flood")}
LATER = START + timedelta(hours=1)
MIDDLE = {"circle": {"lat": 51.55, "lon": -0.15, "radius_km": 1.0}}
POINT = ServicePointBody(kind="front-desk", name="Camden", lat=51.55, lon=-0.15, opening_hours="24/7", source_ref="p")
CHANGE = ServiceChangeBody(
    headline="Closed", kind="closure", service_points=(), effective=START + timedelta(minutes=30), source_ref="c"
)
SENDER = SenderProfile("https://town.example", SecretKeys(b"k" * 32), "Town <a@town.example>", "Europe/London", "en")
Then = Callable[[CommandRig], Awaitable[Any]]


def but(body: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(body, **changes)


async def place(rig: CommandRig, slug: str, area: Any, name: str = "Camden") -> None:
    await rig.commands.define_place(key(), PlaceBody(slug=slug, name={"en": name}, area=area))


async def segment(rig: CommandRig, rule: Any) -> None:
    await rig.commands.define_segment(key(), SegmentBody(slug="near", name="Near", rule=rule))


async def announced(rig: CommandRig, *more: UUID) -> Any:
    point = await rig.commands.register_point(key("record"), POINT)
    return await rig.commands.announce_change(key("record"), but(CHANGE, service_points=(point.id, *more)))


async def approved(rig: CommandRig, **plan: Any) -> UUID:
    """Drafted and submitted by Ann, approved by Bob."""
    ann, bob = await rig.person("ann"), await rig.person("bob")
    body = NoticeBody(**{"kind": "announcement", "content": WORDS, **plan})
    drafted = await rig.commands.draft_notice(ann, body)
    waiting = await rig.commands.submit(ann, drafted.id)
    await rig.settled()
    people = (await rig.commands.count_audience(ann, body)).people
    await rig.commands.approve(bob, drafted.id, waiting.version, people)
    return drafted.id


async def prepared(rig: CommandRig, of: str, **more: Any) -> UUID:
    """An approved notice that names something of each kind."""
    await rig.places()
    match of:
        case "place":
            return await approved(rig, area={"place": "camden"}, **more)
        case "rule":
            return await approved(rig, audience={"any": [{"place": "camden"}]}, **more)
        case "segment":
            await segment(rig, {"touches": {"place": "camden"}})
            return await approved(rig, audience={"segment": "near"}, **more)
        case "name":
            return await approved(rig, area=MIDDLE, **more)
    change = await announced(rig)
    return await approved(rig, kind="service-change", service_change=change.id, **more)


async def redraw(rig: CommandRig) -> None:
    await place(rig, "camden", [CAMDEN, HACKNEY])


async def rename_place(rig: CommandRig) -> None:
    await place(rig, "camden", CAMDEN, "Leave your home now")


async def add_name(rig: CommandRig) -> None:
    await place(rig, "trap", MIDDLE, "Call 0900 123")


async def add_point(rig: CommandRig) -> None:
    other = await rig.commands.register_point(key("record"), but(POINT, source_ref="q", lat=51.51))
    await announced(rig, other.id)


async def rename_point(rig: CommandRig) -> None:
    await rig.commands.register_point(key("record"), but(POINT, name="Leave your home now, call 0900"))


async def move_point(rig: CommandRig) -> None:
    await rig.commands.register_point(key("record"), but(POINT, lat=51.59, reach_km=100.0))


async def change_segment(rig: CommandRig) -> None:
    await segment(rig, {"all": []})


AFTERWARDS = [
    ("place", redraw),
    ("place", rename_place),
    ("rule", redraw),
    ("segment", redraw),
    ("segment", change_segment),
    ("name", rename_place),
    ("name", add_name),
    ("change", add_point),
    ("change", rename_point),
    ("change", move_point),
]


@pytest.mark.parametrize(("of", "then"), AFTERWARDS, ids=[f"{of}-{then.__name__}" for of, then in AFTERWARDS])
async def test_change_after_the_approval_voids_it(rig: CommandRig, of: str, then: Then) -> None:
    notice = await prepared(rig, of)
    await then(rig)
    with pytest.raises(Conflict, match="changed since the approval"):
        await rig.commands.issue(await rig.person("bob"), notice)
    assert rig.notice(notice).phase == "pending-approval"


@pytest.mark.parametrize("of", ["place", "rule", "segment", "name", "change"])
async def test_approved_notice_goes_out_as_it_was_approved(rig: CommandRig, of: str) -> None:
    notice = await prepared(rig, of)
    await place(rig, "elsewhere", HACKNEY)
    await rig.commands.register_point(key("record"), but(POINT, source_ref="other"))
    rig.pass_time(minutes=31)
    await rig.due()  # the change takes effect: nothing else is said
    assert (await rig.commands.issue(await rig.person("bob"), notice)).state == "live"


@on_both
async def test_scheduled_notice_with_a_redrawn_place_is_returned(rig: CommandRig) -> None:
    notice = await prepared(rig, "place", send_at=LATER)
    await redraw(rig)
    rig.pass_time(hours=1)
    await rig.due()
    state = rig.notice(notice)
    assert (state.phase, state.reason) == ("pending-approval", "The place 'camden' has changed since the approval.")


async def test_emergency_waits_for_other_words_but_not_for_a_count(rig: CommandRig) -> None:
    danger = {"kind": "alert", "severity": "Extreme", "urgency": "Immediate", "certainty": "Observed"}
    first, second = [await prepared(rig, "place", send_at=LATER, **danger) for _ in range(2)]
    for number in range(60):
        await rig.resident(f"r{number}@example.org")
    await rig.settled()
    assert (await rig.commands.issue(await rig.person("bob"), first)).state == "live"
    await rename_place(rig)
    rig.pass_time(hours=1)
    await rig.due()
    assert rig.notice(second).phase == "pending-approval"


@pytest.mark.parametrize(("more", "phase"), [(50, "live"), (51, "pending-approval")])
async def test_count_is_compared_when_a_person_issues(rig: CommandRig, more: int, phase: str) -> None:
    notice = await approved(rig, audience={"all": []})
    for number in range(more):
        await rig.resident(f"r{number}@example.org")
    await rig.settled()
    bob = await rig.person("bob")
    if phase == "live":
        await rig.commands.issue(bob, notice)
    else:
        with pytest.raises(Conflict, match="It would now reach 51 people, not 0 as approved"):
            await rig.commands.issue(bob, notice)
    assert rig.notice(notice).phase == phase


async def test_what_a_policy_scheduled_is_bound_too(rig: CommandRig) -> None:
    await rig.places()
    drafted = await rig.commands.draft_notice(
        key("issue"), NoticeBody(kind="announcement", content=WORDS, area={"place": "camden"})
    )
    await rig.commands.schedule(key("issue"), drafted.id, LATER)
    await redraw(rig)
    rig.pass_time(hours=1)
    await rig.due()
    assert rig.notice(drafted.id).phase == "pending-approval"


@pytest.mark.parametrize(("of", "then"), [("change", rename_point), ("name", add_name)], ids=["point", "place"])
async def test_names_after_the_issue_are_not_in_its_words(rig: CommandRig, of: str, then: Then) -> None:
    notice = await prepared(rig, of)
    await rig.commands.issue(await rig.person("bob"), notice)
    await then(rig)
    await rig.settled()
    issued = rig.projector.reference_data.issued(rig.notice(notice).number)
    assert issued is not None
    words = notice_content(issued, "en", SENDER, rig.projector.reference_data)
    assert (words.area_words, words.concerned) == (("", ("Camden",)) if of == "change" else ("Camden", ()))
