"""P7 and P12 on both databases: a rebuild gives the live rows, after an erasure too; no view holds what is personal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from alerts.domain import events as e
from alerts.domain import streams
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.events import Event, Stream
from alerts.kernel.ids import contact_number, new_id
from alerts.projections.checksums import TABLES, checksums
from subscribers.domain import events as se
from subscribers.domain.subscriber import SUBSCRIBER
from tests.support.databases import Databases
from tests.support.rig import Rig

GIVEN = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture
def rig(databases: Databases) -> Iterator[Rig]:
    """A process that sends nothing, with its read models at work."""
    made = Rig(databases, sends=False)
    try:
        yield made
    finally:
        made.close()


def shown(rig: Rig, stream: Stream[Any], stream_id: UUID, *events: Event) -> int:
    """Append, and wait until the read models have it; the position."""
    position = rig.tell(stream, stream_id, *events)
    assert rig.views.wait_for(position, 10)
    return position


def rebuilt(rig: Rig) -> dict[str, str]:
    """The checksums of the read models computed again beside the live ones."""
    return checksums(rig.databases.another("views", rig.app.rebuild()))


def registered(person: UUID, *numbers: int) -> se.SubscriberRegistered:
    return se.SubscriberRegistered(
        how="api",
        contacts=tuple(se.ContactRef(n, "email") for n in numbers),
        addresses={n: f"canary-{n}@example.org" for n in numbers},
        preferences=se.Preferences(places=(se.SubscriberPlace(name="canary-home", lat=51.5, lon=-0.1),), language="cy"),
        consent=se.Consent("canary-words", GIVEN, "form"),
    )


def a_little_life(rig: Rig) -> tuple[UUID, UUID]:
    """Something of everything; two people, of whom one has changed the wishes and has a second address."""
    anna, boris, notice, incident, point, change, key, member, trigger = (new_id() for _ in range(9))
    a, b, more = contact_number(1, anna), contact_number(2, boris), contact_number(3, anna)
    shown(rig, SUBSCRIBER, anna, registered(anna, a))
    shown(rig, SUBSCRIBER, anna, se.ContactPointAdded(number=more, channel="sms", address="canary-07700900123"))
    shown(rig, SUBSCRIBER, anna, se.PreferencesChanged(preferences=se.Preferences(topics=("canary-topic",))))
    shown(rig, SUBSCRIBER, boris, registered(boris, b), se.ContactPointSuppressed(number=b, reason="hard-bounce"))
    square = {"type": "Polygon", "coordinates": [[[0.0, 51.0], [0.5, 51.0], [0.5, 51.5], [0.0, 51.0]]]}
    shown(rig, streams.PLACE, streams.place_id("h"), e.PlaceDefined(slug="h", name={"en": "H"}, geometry=square))
    shown(rig, streams.TOPIC, streams.topic_id("air"), e.TopicDefined(slug="air", name={"en": "Air"}))
    shown(rig, streams.SEGMENT, streams.segment_id("s"), e.SegmentDefined(slug="s", name="S", rule={"all": []}))
    shown(rig, streams.NEWSLETTER, streams.newsletter_id("n"), e.NewsletterStarted(slug="n", name="N", sections=("A",)))
    shown(rig, streams.NEWSLETTER, streams.newsletter_id("n"), e.NewsletterScheduleSet(name="M"), e.NewsletterEnded())
    shown(rig, streams.TEMPLATE, streams.template_id("t"), e.TemplateDrafted(slug="t", text=e.TemplateText(name="T")))
    facts = e.IncidentFacts(headline={"en": "Flood"}, severity="Severe")
    shown(rig, streams.INCIDENT, incident, e.IncidentReported(facts=facts, source="source:river"))
    desk = e.PointFacts(kind="front-desk", name="Desk", lat=51.0, lon=0.0)
    shown(rig, streams.POINT, point, e.ServicePointOpened(facts=desk, source="key:k"))
    closing = e.ChangeFacts(headline={"en": "Shut"}, kind="closure", service_points=(point,), effective=GIVEN)
    shown(rig, streams.CHANGE, change, e.ServiceChangeAnnounced(facts=closing, source="key:k"))
    plan = e.NoticePlan(kind="alert", incident=incident, content={"en": e.Content(title="Flood")})
    shown(rig, streams.NOTICE, notice, e.NoticeDrafted(number=1, thread=notice, plan=plan), e.NoticeSubmitted())
    planned = e.DispatchPlanned(notice=notice, number=1, lane="notice", position=9, people=1, unreachable=0, contacts=1)
    shown(rig, streams.DISPATCH, streams.dispatch_id(notice), planned)
    outcome = e.Outcome(contact=a, state="sent", channel="email", language="cy", area="h")
    shown(rig, streams.CHUNK, new_id(), e.DispatchChunkFinished(notice=notice, number=1, outcomes=(outcome,)))
    connected = e.SourceConnected(name="river", kind="cap", policy=e.Policy(), secret="canary-secret")
    shown(rig, streams.SOURCE, streams.source_id("river"), connected)
    issued = e.ApiKeyIssued(name="bot", scopes=("read",), policy=e.Policy(), secret_hash="ab")
    shown(rig, streams.KEY, key, issued)
    invited = e.TeamMemberInvited(email="canary@example.org", name="canary", contact=contact_number(9, member))
    shown(rig, streams.MEMBER, member, invited, e.RoleGranted(role="author"))
    received = e.TriggerReceived(source="river", kind="Alert", external_id="x", state="recorded")
    shown(rig, streams.TRIGGER, trigger, received)
    reported = e.report.ReportReceived(receipt="R-4471-KD7P", language="en")
    shown(rig, streams.REPORT, new_id(), reported)
    shown(rig, streams.FEEDBACK, new_id(), e.feedback.FeedbackGiven(notice=notice, useful=True, language="en"))
    return anna, boris


def erase(rig: Rig, person: UUID) -> None:
    """As the product does: the key goes, then the event says so."""
    rig.vault.destroy(person)
    shown(rig, SUBSCRIBER, person, se.SubscriberErased())


def test_rebuild_equals_live(rig: Rig) -> None:
    a_little_life(rig)
    live = checksums(rig.databases.views)
    assert len(set(live.values())) == len(TABLES), "no table is empty, and no two are alike"
    assert rebuilt(rig) == live


def test_rebuild_after_an_erasure_equals_live(rig: Rig) -> None:
    anna, boris = a_little_life(rig)
    before = checksums(rig.databases.views)
    erase(rig, anna)
    live = checksums(rig.databases.views)
    assert {t for t in TABLES if live[t] != before[t]} == {"people", "contact_points", "people_counts", "timeline"}
    assert rebuilt(rig) == live
    gone, kept = rig.views.directory.person(anna), rig.views.directory.person(boris)
    assert gone is not None and gone.preferences is None and all(c.address is None for c in gone.contacts)
    assert kept is not None and kept.preferences is not None


def test_readers_switch_to_the_rebuilt_views(rig: Rig) -> None:
    anna, _ = a_little_life(rig)
    live = rebuilt(rig)
    position = shown(rig, SUBSCRIBER, anna, se.SubscriptionEnded(reason="asked"))
    read = rig.views._database
    for _ in range(100):
        if read.generation == 2:
            break
        rig.runner.wait_for(position + 1, 0.05)
    assert read.generation == 2
    assert rig.views.wait_for(position, 5)
    person = rig.views.directory.person(anna)
    assert person is not None and person.phase == "ended"
    now = checksums(read)
    assert {t for t in TABLES if now[t] != live[t]} == {"people", "people_counts"}


def test_views_hold_no_personal_data_in_clear(rig: Rig, tmp_path: Path) -> None:
    a_little_life(rig)
    with rig.databases.views.read() as tx:
        held = b"".join(
            value if isinstance(value, bytes) else str(value).encode()
            for table in TABLES
            for row in tx.execute(f"SELECT * FROM {table}")
            for value in row
        )
    assert b"river" in held
    assert b"canary" not in held
    for file in tmp_path.glob("alerts.views-*"):
        content = file.read_bytes()
        assert b"canary" not in content, file.name


def test_queries_decrypt_sealed_fields(rig: Rig) -> None:
    anna, boris = a_little_life(rig)
    person = rig.views.directory.person(anna)
    assert person is not None and person.preferences is not None and person.consent is not None
    assert [c.address for c in person.contacts] == [
        f"canary-{person.contacts[0].number}@example.org",
        "canary-07700900123",
    ]
    assert person.preferences.topics == ("canary-topic",)
    cards = rig.views.cards([person.contacts[0].number, *(n.number for n in _contacts(rig, boris))])
    assert {card.suppressed for card in cards.values()} == {None, "hard-bounce"}
    source = rig.views.source("river")
    assert source is not None and source.secret == "canary-secret"
    assert [m.email for m in rig.views.members()] == ["canary@example.org"]
    assert rig.views.bounds() == (0.0, 51.0, 0.5, 51.5)
    assert [n.number for n in rig.views.notices("pending-approval", "alert").items] == [1]
    assert len(rig.views.timeline(100)) == 19
    assert [n.slug for n in rig.views.newsletters()] == [] and rig.views.newsletter("n").name == "M"  # type: ignore[union-attr]
    assert [c.deliveries for c in rig.views.outcome_counts(1)] == [1]
    assert rig.runner.halted() == {} and rig.runner.parked() == []


def _contacts(rig: Rig, person: UUID) -> list[Any]:
    return rig.views.directory.contacts_of(person)


def test_contact_cards_are_read_in_bulk(rig: Rig) -> None:
    people = [new_id() for _ in range(700)]
    numbers = [contact_number(n, person) for n, person in enumerate(people, 1)]

    def work(unit: UnitOfWork) -> None:
        for person, number in zip(people, numbers, strict=True):
            unit.get(SUBSCRIBER, person)
            unit.append(SUBSCRIBER, person, registered(person, number))

    position = rig.writer.submit(work, by="system").result(30).position
    assert rig.views.wait_for(position, 30)
    cards = rig.views.cards(numbers)
    assert [cards[n].address for n in numbers] == [f"canary-{n}@example.org" for n in numbers]
    assert [cards[n].subscriber for n in numbers] == people
    assert rig.views.directory.counts() == {"confirmed": 700}
