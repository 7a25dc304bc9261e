"""Places, topics, segments, service points, sources, keys and people."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from alerts.commands.credentials import hash_secret
from alerts.contract.bodies import (
    ContentBody,
    NoticeBody,
    PlaceBody,
    SegmentBody,
    ServiceChangeBody,
    ServicePointBody,
    TopicBody,
)
from alerts.domain.streams import CHANGE, KEY, MEMBER, PLACE, POINT, SEGMENT, SOURCE, TOPIC, place_id, source_id
from alerts.kernel.errors import Conflict, Invalid, NotFound, Stale
from alerts.kernel.terms import BUILT_IN_TOPICS
from tests.support.command_rig import CAMDEN, START, CommandRig, key, on_both

DESK = ServicePointBody(
    kind="front-desk", name="Kentish Town", lat=51.55, lon=-0.14, opening_hours="Mo-Sa 08:00-20:00", source_ref="kt"
)


@on_both
async def test_repeated_slug_is_the_next_version(rig: CommandRig) -> None:
    body = PlaceBody(slug="camden", name={"en": "Camden"}, area=CAMDEN)
    first = await rig.commands.define_place(key(), body)
    same = await rig.commands.define_place(key(), body)
    other = await rig.commands.define_place(key(), msgspec.structs.replace(body, name={"en": "Camden Town"}))
    assert (first.created, same.created, other.created) == (True, False, False)
    assert (first.version, same.version, other.version) == (1, 1, 2)
    state = rig.log.state(PLACE, first.id)
    assert state is not None and state.geometry == CAMDEN and state.name == {"en": "Camden Town"}


async def test_place_of_circles_and_places_becomes_polygons(rig: CommandRig) -> None:
    await rig.places()
    area: Any = [{"place": "camden"}, {"place": "hackney"}, {"circle": {"lat": 51.6, "lon": -0.1, "radius_km": 1}}]
    await rig.commands.define_place(key(), PlaceBody(slug="north", name={"en": "North"}, area=area))
    state = rig.log.state(PLACE, place_id("north"))
    assert state is not None and state.geometry["type"] == "Polygon"


async def test_place_may_be_outside_those_registered(rig: CommandRig) -> None:
    await rig.places()
    area = {"circle": {"lat": -5.0, "lon": 60.0, "radius_km": 1}}
    assert (await rig.commands.define_place(key(), PlaceBody(slug="sea", name={"en": "Sea"}, area=area))).created


async def test_swapped_place_is_refused_and_can_be_corrected(rig: CommandRig) -> None:
    """A single swapped place would widen the bounds by which every later position is looked at."""
    swapped = {"circle": {"lat": -0.15, "lon": 51.55, "radius_km": 1}}
    body = PlaceBody(slug="first", name={"en": "First"}, area=swapped)
    await rig.commands.define_place(key(), body)
    mended = msgspec.structs.replace(body, area={"circle": {"lat": 51.55, "lon": -0.15, "radius_km": 1}})
    assert (await rig.commands.define_place(key(), mended)).version == 2
    with pytest.raises(Invalid, match="swapped"):
        await rig.commands.define_place(key(), msgspec.structs.replace(body, slug="second"))


@on_both
async def test_built_in_topics_are_defined_once(rig: CommandRig) -> None:
    end = rig.log.position()
    assert end == len(BUILT_IN_TOPICS)
    await rig.commands.define_built_in_topics()
    assert rig.log.position() == end


@on_both
async def test_category_belongs_to_one_topic_at_a_time(rig: CommandRig) -> None:
    floods = TopicBody(slug="floods", name={"en": "Floods"}, categories=("Met",))
    with pytest.raises(Invalid, match="weather"):
        await rig.commands.define_topic(key(), floods)
    weather = TopicBody(slug="weather", name={"en": "Weather"}, categories=("Geo", "Env"))
    await rig.commands.define_topic(key(), weather)
    kept = await rig.commands.define_topic(key(), floods)
    state = rig.log.state(TOPIC, kept.id)
    assert state is not None and state.categories == ("Met",)


@on_both
async def test_circular_segments_are_refused(rig: CommandRig) -> None:
    async def define(slug: str, *names: str) -> Any:
        rule = {"any": [{"segment": name} for name in names] or [{"language": "en"}]}
        return await rig.commands.define_segment(key(), SegmentBody(slug=slug, name=slug, rule=rule))

    first = await define("a")
    await define("b", "a")
    await define("c", "b")
    for names in (("a",), ("c",), ("b",)):
        with pytest.raises(Invalid, match="circle"):
            await define("a", *names)
    with pytest.raises(Invalid, match="unknown segment"):
        await define("a", "z")
    state = rig.log.state(SEGMENT, first.id)
    assert state is not None and state.version == 1


@on_both
async def test_service_point_is_registered_replaced_and_moved(rig: CommandRig) -> None:
    first = await rig.commands.register_point(key(), DESK)
    same = await rig.commands.register_point(key(), DESK)
    hours = await rig.commands.register_point(key(), msgspec.structs.replace(DESK, opening_hours="24/7"))
    moved = await rig.commands.revise_point(key(), first.id, {"lat": 51.56}, version=hours.version)
    assert [kept.created for kept in (first, same, hours, moved)] == [True, False, False, False]
    assert rig.topics()[-3:] == ["ServicePointOpened", "ServicePointHoursSet", "ServicePointMoved"]
    state = rig.log.state(POINT, first.id)
    assert state is not None and (state.facts.lat, state.facts.opening_hours) == (51.56, "24/7")
    with pytest.raises(Stale):
        await rig.commands.revise_point(key(), first.id, {"lat": 51.5}, version=1)
    with pytest.raises(NotFound):
        await rig.commands.revise_point(key(), UUID(int=1), {})
    with pytest.raises(Invalid):
        await rig.commands.revise_point(key(), first.id, {"source_ref": "other"})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "Front Desk"}, "kind"),
        ({"name": ""}, "name"),
        ({"lat": 91.0}, "lat"),
        ({"opening_hours": "whenever"}, "opening_hours"),
        ({"reach_km": 0.0}, "reach_km"),
        ({"visits": [{"dtstart": "2026-03-01T12:00:00+00:00", "minutes": 0}]}, "visits.0.minutes"),
        (
            {"visits": [{"dtstart": "2026-03-01T12:00:00+00:00", "minutes": 60, "rrule": "FREQ=NEVER"}]},
            "visits.0.rrule",
        ),
        (  # dateutil would turn for ever
            {"visits": [{"dtstart": "2026-03-01T12:00:00+00:00", "minutes": 60, "rrule": "FREQ=DAILY;INTERVAL=0"}]},
            "visits.0.rrule",
        ),
        (
            {"visits": [{"dtstart": "2026-03-01T12:00:00+00:00", "minutes": 60, "rrule": "FREQ=SECONDLY"}]},
            "visits.0.rrule",
        ),
        ({"visits": [{"dtstart": "2026-03-01T12:00:00", "minutes": 60}]}, "visits.0.dtstart"),
    ],
)
async def test_bad_service_point_is_refused_by_field(rig: CommandRig, changes: dict[str, Any], field: str) -> None:
    body = msgspec.convert({**msgspec.to_builtins(DESK), **changes}, ServicePointBody)
    with pytest.raises(Invalid) as refused:
        await rig.commands.register_point(key(), body)
    assert [error.field for error in refused.value.errors] == [field]


async def test_service_change_takes_effect_at_its_time(rig: CommandRig) -> None:
    point = await rig.commands.register_point(key(), DESK)
    body = ServiceChangeBody(
        headline="Closed",
        kind="closure",
        service_points=(point.id,),
        effective=START + timedelta(days=1),
        source_ref="c",
        after={"kt": msgspec.convert({"opening_hours": "Mo 10:00-12:00"}, type=_after())},
    )
    kept = await rig.commands.announce_change(key("record"), body)
    await rig.commands.announce_change(
        key("record"), msgspec.structs.replace(body, effective=START + timedelta(days=2))
    )
    state = rig.log.state(CHANGE, kept.id)
    assert state is not None and list(state.facts.after) == [str(point.id)]
    rig.pass_time(days=1)
    await rig.due()
    assert "ServiceChangeTookEffect" not in rig.topics()
    rig.pass_time(days=1)
    await rig.due()
    assert rig.topics()[-1] == "ServiceChangeTookEffect"


def _after() -> Any:
    from alerts.contract.bodies import ChangeAfterBody

    return ChangeAfterBody


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"service_points": []}, "service_points"),
        ({"service_points": [str(UUID(int=7))]}, "service_points.0"),
        ({"until": "2026-03-02T11:00:00+00:00"}, "until"),
        ({"after": {"nobody": {"opening_hours": "24/7"}}}, "after.nobody"),
        ({"after": {"kt": {"lat": 51.5}}}, "after.kt"),
        ({"after": {"kt": {"opening_hours": "x"}}}, "after.kt.opening_hours"),
        ({"topic": "nonsense"}, "topic"),
        ({"effective": "2026-03-02T12:00:00"}, "effective"),
    ],
)
async def test_bad_service_change_is_refused_by_field(rig: CommandRig, changes: dict[str, Any], field: str) -> None:
    await rig.commands.register_point(key(), DESK)
    document = {
        "headline": "Closed",
        "kind": "closure",
        "service_points": [{"source_ref": "kt"}],
        "effective": "2026-03-02T12:00:00+00:00",
        **changes,
    }
    with pytest.raises(Invalid) as refused:
        await rig.commands.announce_change(key("issue"), msgspec.convert(document, ServiceChangeBody))
    assert [error.field for error in refused.value.errors] == [field]


# --- who may come in


async def test_source_secret_is_in_its_stream_alone(rig: CommandRig) -> None:
    kept = await rig.commands.connect_source(key(), "met", "cap", "issue")
    assert kept.secret is not None and kept.secret.startswith("whsec_")
    state = rig.log.state(SOURCE, source_id("met"))
    assert state is not None and (state.secret, state.policy.default) == (kept.secret, "issue")
    with pytest.raises(Conflict):
        await rig.commands.connect_source(key(), "met", "cap")
    await rig.commands.revise_source(key(), "met", "draft")
    state = rig.log.state(SOURCE, source_id("met"))
    assert state is not None and (state.policy.default, state.policy.version) == ("draft", 2)
    await rig.commands.disconnect_source(key(), "met")
    again = await rig.commands.connect_source(key(), "met", "cap")
    assert again.secret != kept.secret


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        ("always", "policy"),
        ({"default": "always"}, "policy"),
        ({"rule": []}, "policy"),
        ({"rules": [{"then": "issue", "colour": "red"}]}, "policy.rules.0"),
        ({"rules": [{"kinds": ["alert"]}]}, "policy"),
        ({"rules": [{"then": "issue", "areas": [{"place": "atlantis"}]}]}, "policy.rules.0.areas.0.place"),
    ],
)
async def test_bad_policy_is_refused_by_field(rig: CommandRig, policy: Any, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        await rig.commands.connect_source(key(), "met", "cap", policy)
    assert [error.field for error in refused.value.errors] == [field]


@pytest.mark.parametrize(("name", "kind"), [("Met Office", "cap"), ("met", "json"), ("met", "email")])
async def test_source_needs_a_slug_and_a_known_kind(rig: CommandRig, name: str, kind: str) -> None:
    with pytest.raises(Invalid):
        await rig.commands.connect_source(key(), name, kind)


async def test_api_key_is_stored_as_a_hash(rig: CommandRig) -> None:
    kept = await rig.commands.issue_api_key(key(), "estates", ["read", "services:write"], "issue")
    state = rig.log.state(KEY, kept.id)
    assert kept.secret is not None and state is not None
    assert state.secret_hash == hash_secret(kept.secret) and kept.secret not in repr(state)
    await rig.commands.revoke_api_key(key(), kept.id)
    await rig.commands.revoke_api_key(key(), kept.id)
    assert rig.topics()[-2:] == ["ApiKeyIssued", "ApiKeyRevoked"]
    for scopes in (["read", "fly"], [], ["notices:approve"]):
        with pytest.raises(Invalid):
            await rig.commands.issue_api_key(key(), "x", scopes)
    with pytest.raises(NotFound):
        await rig.commands.issue_api_key(key(), "x", ["read"], person=UUID(int=1))
    with pytest.raises(NotFound):
        await rig.commands.revoke_api_key(key(), UUID(int=1))


async def test_member_is_identified_by_address(rig: CommandRig) -> None:
    first = await rig.commands.invite_member(key(), "Ann@example.org", "author", "Ann")
    again = await rig.commands.invite_member(key(), "ann@example.org", "approver")
    assert (first.id, again.created) == (again.id, False)
    state = rig.log.state(MEMBER, first.id)
    assert state is not None and (state.role, state.name) == ("approver", "Ann")
    approve = await rig.commands.issue_api_key(key(), "ann", ["notices:approve"], person=first.id)
    assert approve.secret is not None
    with pytest.raises(Invalid):
        await rig.commands.invite_member(key(), "ann@example.org", "king")
    # A subscriber with the same address is somebody else: the two lives have nothing to do with each other.
    assert (await rig.resident("ann@example.org")).id != first.id


def wide(count: int) -> dict[str, Any]:
    """A rule of so many operators."""
    return {"any": [{"channel": "email"}] * (count - 1)}


async def test_segment_too_large_with_those_it_names_is_refused(rig: CommandRig) -> None:
    await rig.commands.define_segment(key(), SegmentBody(slug="a", name="A", rule=wide(600)))
    both = {"any": [{"segment": "a"}, {"segment": "a"}, wide(500)]}
    with pytest.raises(Invalid, match="with its segments it has more than 1,000 operators") as refused:
        await rig.commands.define_segment(key(), SegmentBody(slug="b", name="B", rule=both))
    assert refused.value.errors[0].field == "rule"


async def test_notice_with_too_large_an_audience_is_refused(rig: CommandRig) -> None:
    for slug in ("a", "b"):
        await rig.commands.define_segment(key(), SegmentBody(slug=slug, name=slug, rule=wide(600)))
    body = NoticeBody(kind="announcement", topic="community", audience={"any": [{"segment": "a"}, {"segment": "b"}]})
    with pytest.raises(Invalid, match="with its segments"):
        await rig.commands.draft_notice(key(), body)
    one = msgspec.structs.replace(body, audience={"segment": "a"})
    drafted = await rig.commands.draft_notice(key(), one)
    with pytest.raises(Invalid, match="with its segments"):
        await rig.commands.revise_notice(key(), drafted.id, {"audience": {"segment": None, **(body.audience or {})}})


async def test_notice_is_not_issued_once_its_audience_is_too_large(rig: CommandRig) -> None:
    await rig.commands.define_segment(key(), SegmentBody(slug="a", name="A", rule=wide(600)))
    await rig.commands.define_segment(key(), SegmentBody(slug="b", name="B", rule=wide(10)))
    body = NoticeBody(
        kind="announcement",
        topic="community",
        audience={"any": [{"segment": "a"}, {"segment": "b"}]},
        content={"en": ContentBody(title="A fair", body="On Sunday.")},
    )
    drafted = await rig.commands.draft_notice(key("issue"), body)
    await rig.commands.define_segment(key(), SegmentBody(slug="b", name="B", rule=wide(600)))
    with pytest.raises(Invalid, match="with its segments"):
        await rig.commands.issue(key("issue"), drafted.id)
