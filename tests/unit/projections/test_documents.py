"""Documents say what the folds say, lists come in order and by page, and what must stay sealed does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given, settings

from alerts.domain import events as e
from alerts.domain import streams
from alerts.kernel.events import Event
from alerts.kernel.terms import BUILT_IN_TOPICS
from alerts.projections.checksums import TABLES, checksums
from tests.support.memory_views import START, World

DAY = timedelta(days=1)
SQUARE = {"type": "Polygon", "coordinates": [[[0.0, 51.0], [0.5, 51.0], [0.5, 51.5], [0.0, 51.5], [0.0, 51.0]]]}


def plan(title: str = "Flood", **more: object) -> e.NoticePlan:
    return e.NoticePlan(kind="alert", content={"en": e.Content(title=title)}, severity="Severe", **more)  # type: ignore[arg-type]


def drafted(notice: UUID, number: int, **more: object) -> e.NoticeDrafted:
    given = {"thread": notice, "plan": plan(), **more}
    return e.NoticeDrafted(number=number, **given)  # type: ignore[arg-type]


def issued(notice: UUID, number: int, **more: object) -> e.NoticeIssued:
    given = {
        "msg_type": "Alert",
        "thread": notice,
        "plan": plan(),
        "priority": "notice",
        "danger_to_life": False,
        "expires": START + DAY,
        **more,
    }
    return e.NoticeIssued(number=number, **given)  # type: ignore[arg-type]


def point(name: str, lat: float, lon: float, kind: str = "front-desk") -> e.PointFacts:
    return e.PointFacts(kind=kind, name=name, lat=lat, lon=lon, opening_hours="Mo-Fr 09:00-17:00")


def change(kind: str, *points: UUID, effective: datetime = START + DAY, **more: object) -> e.ServiceChangeAnnounced:
    facts = e.ChangeFacts(
        headline={"en": f"A {kind}"},
        kind=kind,
        service_points=points,
        effective=effective,
        **more,  # type: ignore[arg-type]
    )
    return e.ServiceChangeAnnounced(facts=facts, source="key:k")


def test_a_notice_is_what_its_fold_says_at_every_step(world: World) -> None:
    notice, other = uuid4(), uuid4()
    steps: Sequence[Event] = (
        drafted(notice, 1),
        e.NoticeRevised(plan=plan("Flood on the Lea")),
        e.NoticeSubmitted(),
        e.NoticeApproved(approver="person:b", people=12, hash="h"),
        issued(notice, 1),
        e.NoticeSuperseded(replaced_by=other),
    )
    for hand, step in enumerate(steps):
        world.tell(notice, step, by=f"person:{hand % 3}")
        state = None
        for recorded in world.recorded(notice):
            state = streams.NOTICE.evolve(state, recorded)
        assert world.views.notice(notice) == state
        assert world.views.notice_by_number(1) == state
    assert world.views.notice(other) is None
    assert world.views.notice_by_number(2) is None


def test_notices_come_newest_first_by_page_and_by_state(world: World) -> None:
    ids = [uuid4() for _ in range(7)]
    for number, notice in enumerate(ids, 1):
        world.append(notice, drafted(notice, number))
    world.tell(ids[2], e.NoticeSubmitted())
    first = world.views.notices(limit=5)
    second = world.views.notices(cursor=first.next, limit=5)
    assert [n.number for n in (*first.items, *second.items)] == [7, 6, 5, 4, 3, 2, 1]
    assert second.next is None
    assert [n.number for n in world.views.notices("pending-approval").items] == [3]
    assert world.views.notices(kind="bulletin").items == ()
    assert [n.number for n in world.views.notices("draft", "alert", limit=2).items] == [7, 6]
    with pytest.raises(ValueError, match="invalid literal"):
        world.views.notices(cursor="nonsense")


def test_a_full_last_page_has_no_next(world: World) -> None:
    for number in (1, 2):
        notice = uuid4()
        world.tell(notice, drafted(notice, number))
    assert world.views.notices(limit=2).next is None


def test_a_thread_is_found_by_any_member_and_hides_drafts_from_the_public(world: World) -> None:
    first, update, stranger = uuid4(), uuid4(), uuid4()
    world.append(first, drafted(first, 1), issued(first, 1))
    world.append(stranger, drafted(stranger, 2))
    world.tell(update, drafted(update, 3, thread=first, msg_type="Update", references=(first,)))
    assert [n.id for n in world.views.thread(update)] == [first, update]
    assert [n.id for n in world.views.thread(first, issued=True)] == [first]
    assert world.views.thread(uuid4()) == []


def test_live_is_worst_first_and_ends_at_expiry(world: World) -> None:
    def alert(number: int, severity: str, **more: object) -> UUID:
        notice = uuid4()
        worse = e.NoticePlan(kind="alert", severity=severity)  # type: ignore[arg-type]
        world.append(notice, drafted(notice, number), issued(notice, number, plan=worse, **more))
        return notice

    minor, moderate, unknown = alert(1, "Minor"), alert(2, "Moderate"), alert(3, "Unknown")
    emergency = alert(4, "Minor", priority="emergency")
    danger = alert(5, "Severe", priority="emergency", danger_to_life=True)
    over = alert(6, "Extreme", expires=START + timedelta(hours=1))
    world.project()
    now = START + timedelta(hours=1)
    assert [n.id for n in world.views.live(now)] == [danger, emergency, unknown, moderate, minor]
    assert [n.id for n in world.views.live(now - timedelta(seconds=1))][2] == over
    assert world.views.live(START + DAY) == []


def test_waiting_is_what_somebody_still_has_to_move(world: World) -> None:
    draft, live, rejected, scheduled = (uuid4() for _ in range(4))
    world.append(draft, drafted(draft, 1))
    world.append(live, drafted(live, 2), issued(live, 2))
    world.append(rejected, drafted(rejected, 3), e.NoticeSubmitted(), e.NoticeRejected(reason="no"))
    world.tell(scheduled, drafted(scheduled, 4), e.NoticeScheduled(send_at=START))
    assert [n.id for n in world.views.waiting()] == [scheduled, draft]


def test_an_incident_knows_the_first_notice_of_its_first_thread(world: World) -> None:
    incident, first, update, second = (uuid4() for _ in range(4))
    facts = e.IncidentFacts(headline={"cy": "Llifogydd", "en": "Flood"}, severity="Severe")
    world.tell(incident, e.IncidentReported(facts=facts, source="source:river"))
    found = world.views.incident(incident)
    assert found is not None and found.notice is None
    about = plan(incident=incident)
    world.append(first, drafted(first, 1, plan=about))
    world.append(update, drafted(update, 2, thread=first, msg_type="Update", plan=about))
    world.tell(second, drafted(second, 3, plan=about))
    found = world.views.incident(incident)
    assert found is not None and found.notice == first
    assert list(found.facts.headline) == ["cy", "en"], "the reporter's own language stays first"
    assert world.views.incidents().items == (found,)
    assert world.views.incidents("resolved").items == ()
    notice = world.views.incident_notice(incident)
    assert notice is not None and notice.id == first
    assert world.views.incident_notice(uuid4()) is None


def test_open_points_are_as_the_issued_changes_leave_them(world: World) -> None:
    ids = sorted(uuid4() for _ in range(5))
    near, far, moved, mobile, shut = ids
    for place, lat in zip(ids, (51.0, 51.2, 51.4, 51.01, 51.02), strict=True):
        kind = "mobile" if place == mobile else "front-desk"
        world.append(place, e.ServicePointOpened(facts=point(f"Desk {lat}", lat, 0.0, kind), source="key:k"))
    world.append(shut, e.ServicePointClosed())
    closing, moving, quiet = uuid4(), uuid4(), uuid4()
    until = START + 3 * DAY
    world.append(closing, change("closure", near, uuid4(), until=until))
    after = {str(moved): e.ChangeAfter(lat=51.05, lon=0.0, address="There")}
    world.append(moving, change("move", moved, effective=START + 2 * DAY, after=after))
    world.append(quiet, change("closure", far))
    world.project()

    def open_at(at: datetime, **more: UUID) -> list[UUID]:
        return [p.id for p in world.views.open_points("front-desk", at, **more)]

    assert open_at(START + DAY) == [near, far, moved], "nothing is issued yet"
    for number, about in enumerate((closing, moving), 1):
        notice = uuid4()
        told = e.NoticePlan(kind="service-change", service_change=about)
        world.append(notice, drafted(notice, number, plan=told), issued(notice, number, plan=told))
    world.project()
    assert open_at(START) == [near, far, moved]
    assert open_at(START + DAY) == [far, moved]
    assert open_at(START + DAY, without_change=closing) == [near, far, moved]
    assert open_at(until) == [near, far, moved]
    assert [p.id for p in world.views.open_points(None, START + DAY)] == [far, moved, mobile]
    nearest = world.views.nearest_open("front-desk", 51.0, 0.0, START + 2 * DAY, 5)
    assert [(p.id, round(d)) for p, d in nearest] == [(moved, 5562), (far, 22250)]
    assert nearest[0][0].facts.address == "There"
    assert world.views.nearest_open("kiosk", 51.0, 0.0, START, 3) == []
    assert [c.id for c in world.views.changes(START)] == [closing, moving]
    assert [c.id for c in world.views.changes(until, issued=False)] == [quiet, moving]
    announced = world.views.service_change(closing)
    assert announced is not None and announced.notice is not None
    kept = world.views.change_notice(closing)
    assert kept is not None and kept.id == announced.notice
    assert [c.notice is None for c in world.views.service_changes().items] == [True, False, False]


def test_a_cancelled_change_closes_nothing(world: World) -> None:
    desk, closing, notice, cancel = (uuid4() for _ in range(4))
    told = e.NoticePlan(kind="service-change", service_change=closing)
    world.append(desk, e.ServicePointOpened(facts=point("Desk", 51.0, 0.0), source="key:k"))
    world.append(closing, change("closure", desk))
    world.tell(notice, drafted(notice, 1, plan=told), issued(notice, 1, plan=told))
    assert world.views.open_points("front-desk", START + DAY) == []
    world.append(cancel, drafted(cancel, 2, thread=notice, msg_type="Cancel", plan=told))
    world.append(cancel, issued(cancel, 2, thread=notice, msg_type="Cancel", plan=told))
    world.tell(notice, e.NoticeCancelled(replaced_by=cancel))
    assert [p.id for p in world.views.open_points("front-desk", START + DAY)] == [desk]
    assert world.views.changes(START) == []


def test_a_desk_whose_opening_is_told_of_is_not_open_before(world: World) -> None:
    desk, opening, notice = (uuid4() for _ in range(3))
    told = e.NoticePlan(kind="service-change", service_change=opening)
    world.append(desk, e.ServicePointOpened(facts=point("Desk", 51.0, 0.0), source="key:k"))
    world.append(opening, change("opening", desk))
    world.tell(notice, drafted(notice, 1, plan=told), issued(notice, 1, plan=told))
    assert world.views.open_points("front-desk", START) == []
    assert [p.id for p in world.views.open_points("front-desk", START + DAY)] == [desk]


def test_ties_of_distance_go_by_id(world: World) -> None:
    ids = sorted(uuid4() for _ in range(3))
    for desk in reversed(ids):
        world.append(desk, e.ServicePointOpened(facts=point("Desk", 51.0, 0.0), source="key:k"))
    world.project()
    assert [p.id for p, _ in world.views.nearest_open("front-desk", 51.5, 0.0, START, 2)] == ids[:2]


def test_places_are_kept_until_they_change(world: World) -> None:
    place = streams.place_id("hackney")
    assert world.views.bounds() is None
    world.tell(place, e.PlaceDefined(slug="hackney", name={"en": "Hackney"}, geometry=SQUARE))
    first = world.views.place("hackney")
    assert first is not None and first.geometry == SQUARE
    assert world.views.place("hackney") is first, "an outline is not decoded twice"
    assert world.views.bounds() == (0.0, 51.0, 0.5, 51.5)
    world.tell(place, e.PlaceRevised(slug="hackney", name={"en": "Hackney Town"}, geometry=SQUARE))
    second = world.views.place("hackney")
    assert second is not None and (second.version, second.name) == (2, {"en": "Hackney Town"})
    world.tell(place, e.PlaceRetired(slug="hackney"))
    assert world.views.places() == []
    assert world.views.bounds() is None
    retired = world.views.place("hackney")
    assert retired is not None and retired.retired


def test_topics_are_there_from_the_start_and_may_be_defined_anew(world: World) -> None:
    assert [t.slug for t in world.views.topics()] == list(BUILT_IN_TOPICS)
    world.append(streams.topic_id("weather"), e.TopicDefined(slug="weather", name={"en": "Storms"}))
    world.append(streams.topic_id("air"), e.TopicDefined(slug="air", name={"en": "Air"}))
    world.append(streams.topic_id("air"), e.TopicRetired(slug="air"))
    world.project()
    assert [t.slug for t in world.views.topics()] == list(BUILT_IN_TOPICS)
    weather, air = world.views.topic("weather"), world.views.topic("air")
    assert weather is not None and weather.name == {"en": "Storms"}
    assert air is not None and air.retired
    assert world.views.topic("nothing") is None


def test_segments_are_listed_until_retired(world: World) -> None:
    stream = streams.segment_id("carers")
    world.tell(stream, e.SegmentDefined(slug="carers", name="Carers", rule={"all": []}))
    assert [s.slug for s in world.views.segments()] == ["carers"]
    world.tell(stream, e.SegmentRetired(slug="carers"))
    assert world.views.segments() == []
    assert world.views.segment("carers") is not None


@pytest.mark.parametrize("sealed_only", [True, False])
def test_secrets_and_addresses_stay_sealed_until_they_are_read(world: World, sealed_only: bool) -> None:
    source, member = streams.source_id("estates"), uuid4()
    world.append(
        source, e.SourceConnected(name="estates", kind="cap", policy=e.Policy(), secret="canary-one"), by="system"
    )
    world.append(source, e.SourceSecretRotated(secret="canary-two"))
    world.append(source, e.SourceRevised(policy=e.Policy(default="issue")))
    world.append(member, e.TeamMemberInvited(email="canary@example.org", name="Canary", contact=513))
    world.append(member, e.RoleGranted(role="author"))
    world.project(sealed_only=sealed_only)
    tables = "\n".join(world.database.connection.iterdump())
    assert "canary" not in tables and b"canary".hex() not in tables.lower()
    found = world.views.source("estates")
    assert found is not None and (found.secret, found.policy.default, found.version) == ("canary-two", "issue", 3)
    assert world.views.sources() == [found]
    assert [(m.email, m.name, m.role) for m in world.views.members()] == [("canary@example.org", "Canary", "author")]
    assert world.views.member(member) == world.views.members()[0]
    card = world.views.cards([513, 514])[513]
    assert (card.address, card.channel, card.subscriber) == ("canary@example.org", "email", member)
    world.tell(member, e.RoleRevoked())
    assert world.views.cards([513]) == {}, "who has no role any more gets no drill"
    world.keys.destroyed |= {source, member}
    found = world.views.source("estates")
    assert found is not None and found.secret is None
    assert [(m.email, m.name) for m in world.views.members()] == [(None, None)]


def test_a_revoked_key_opens_nothing(world: World) -> None:
    key = uuid4()
    world.tell(key, e.ApiKeyIssued(name="bot", scopes=("read",), policy=e.Policy(), secret_hash="ab12"))
    found = world.views.key_by_hash("ab12")
    assert found is not None and found.id == key
    assert world.views.key_by_hash("ab13") is None
    world.tell(key, e.ApiKeyRevoked())
    assert world.views.key_by_hash("ab12") is None
    assert [k.revoked for k in world.views.keys()] == [True]  # noqa: SIM118


def test_triggers_are_found_by_id_and_by_state(world: World) -> None:
    parked, taken = uuid4(), uuid4()
    for trigger, state in ((parked, "parked"), (taken, "issued")):
        world.append(trigger, e.TriggerReceived(source="s", kind="cap", external_id=str(trigger), state=state))  # type: ignore[arg-type]
    world.project()
    found = world.views.trigger(parked)
    assert found is not None and found.state == "parked"
    assert [t.id for t in world.views.triggers().items] == [taken, parked]
    assert [t.id for t in world.views.triggers("parked").items] == [parked]


def test_dispatch_and_outcomes_of_a_notice(world: World) -> None:
    notice = uuid4()
    assert world.views.dispatch(notice) is None
    planned = e.DispatchPlanned(notice=notice, number=4, lane="notice", position=1, people=3, unreachable=1, contacts=4)
    world.tell(streams.dispatch_id(notice), planned)
    dispatch = world.views.dispatch(notice)
    assert dispatch is not None and dispatch.planned == planned
    for state in ("deferred", "sent"):
        outcomes = tuple(
            e.Outcome(contact=n, state=state, channel="email", language="cy", area="hackney")  # type: ignore[arg-type]
            for n in (256, 512)
        )
        world.tell(uuid4(), e.DispatchChunkFinished(notice=notice, number=4, outcomes=outcomes))
    failed = (e.Outcome(contact=768, state="failed-permanent", channel="sms"),)
    world.tell(uuid4(), e.DispatchChunkFinished(notice=notice, number=4, outcomes=failed))
    assert [(c.channel, c.state, c.language, c.area, c.deliveries) for c in world.views.outcome_counts(4)] == [
        ("email", "deferred", "cy", "hackney", 2),
        ("email", "sent", "cy", "hackney", 2),
        ("sms", "failed-permanent", "", "", 1),
    ]
    assert world.views.outcome_counts(5) == []


def test_the_timeline_tells_the_log_in_words(world: World) -> None:
    notice, incident, member = uuid4(), uuid4(), uuid4()
    facts = e.IncidentFacts(headline={"en": "A flood"})
    world.append(incident, e.IncidentReported(facts=facts, source="source:river"), by="source:river")
    world.append(member, e.TeamMemberInvited(email="canary@example.org", contact=1))
    world.append(notice, drafted(notice, 1), e.NoticeReturned(reason="Say where"))
    stop = e.DispatchStopped(notice=notice, number=1, reason="A slip")
    world.tell(streams.dispatch_id(notice), stop, by="person:b")
    lines = world.views.timeline(10)
    assert [(t.position, t.topic, t.kind, t.title, t.detail) for t in lines] == [
        (5, "DispatchStopped", "notices", "Flood", "A slip"),
        (4, "NoticeReturned", "notices", "Flood", "Say where"),
        (3, "NoticeDrafted", "notices", "Flood", ""),
        (2, "TeamMemberInvited", "members", "", ""),
        (1, "IncidentReported", "incidents", "A flood", ""),
    ]
    assert lines[0].by == "person:b"
    assert lines[-1].at == START + timedelta(seconds=1)
    assert [t.position for t in world.views.timeline(2, before=4)] == [3, 2]
    assert [t.position for t in world.views.timeline(9, subject=notice)] == [5, 4, 3]


@settings(max_examples=40, deadline=None)
@given(batches=st.lists(st.integers(1, 6), max_size=12), unsealed=st.booleans())
def test_the_rows_do_not_depend_on_how_the_log_was_cut(batches: list[int], unsealed: bool) -> None:
    world = World()
    ids = [UUID(int=n) for n in range(1, 6)]
    for number, notice in enumerate(ids, 1):
        world.append(notice, drafted(notice, number), by=f"person:{number}")
    for notice in ids[:3]:
        world.append(notice, e.NoticeRevised(plan=plan("Anew")), by="person:z")
        world.append(notice, e.NoticeSubmitted(), by="person:y")
    world.append(ids[0], issued(ids[0], 1))
    source = streams.source_id("estates")
    world.append(source, e.SourceConnected(name="estates", kind="cap", policy=e.Policy(), secret="s"))
    world.append(source, e.SourceSecretRotated(secret="t"))
    place = streams.place_id("hackney")
    world.append(place, e.PlaceDefined(slug="hackney", name={"en": "Hackney"}, geometry=SQUARE))
    for contact in range(4):
        outcome = e.Outcome(contact=contact, state="sent", channel="email")
        world.append(UUID(int=100 + contact), e.DispatchChunkFinished(notice=ids[0], number=1, outcomes=(outcome,)))
    world.project(*batches, sealed_only=not unsealed)
    once = world.again()
    once.project()
    assert checksums(once.database) == checksums(world.database)


def test_what_has_no_order_is_kept_in_one(world: World) -> None:
    """Two processes walk a set of strings in two orders: their rows must be the same all the same."""
    notice = uuid4()
    hands = [f"person:{letter}" for letter in "zyxwvutsrqponm"]
    world.append(notice, drafted(notice, 1), by=hands[0])
    for hand in hands[1:]:
        world.append(notice, e.NoticeRevised(plan=plan()), by=hand)
    world.project()
    (doc,) = world.database.connection.execute("SELECT doc FROM notices").fetchone()
    assert msgspec.msgpack.decode(doc)["hands"] == sorted(hands)


def test_a_checksum_sees_every_table_and_every_change(world: World) -> None:
    tables = {
        row[0]
        for row in world.database.connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        if not row[0].startswith("sqlite_")
    }
    assert tables - {"tracking", "parked"} == set(TABLES)
    notice = uuid4()
    world.tell(notice, drafted(notice, 1))
    before = checksums(world.database)
    world.tell(notice, e.NoticeSubmitted())
    after = checksums(world.database)
    assert {table for table in TABLES if before[table] != after[table]} == {"notices", "timeline"}
