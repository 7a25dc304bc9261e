"""P7 and P12 on both databases: a rebuild gives the live rows, after an erasure too; no view holds what is personal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from alerts.domain import events as e
from alerts.domain import streams
from alerts.eventlog.application import EventStoreApplication
from alerts.eventlog.codec import Codec
from alerts.eventlog.log import EventLog
from alerts.eventlog.ports import UnitOfWork
from alerts.eventlog.writer import GroupCommitWriter
from alerts.kernel.events import Event, Stream
from alerts.kernel.ids import contact_number, new_id
from alerts.projections import ReadModels, projections
from alerts.projections.checksums import TABLES, checksums
from alerts.projections.rebuild import rebuild
from alerts.projections.runner import ProjectionRunner
from alerts.storage.generations import LiveViews
from subscribers.domain import events as se
from subscribers.domain.subscriber import SUBSCRIBER
from subscribers.vault import Vault

CATALOGUE = e.CATALOGUE.joined(se.CATALOGUE)
GIVEN = datetime(2026, 2, 1, tzinfo=UTC)


def clock() -> datetime:
    return datetime.now(UTC)


@dataclass
class House:
    """The real parts, joined as the product joins them."""

    databases: Any
    vault: Vault
    log: EventLog
    writer: GroupCommitWriter
    database: LiveViews
    runner: ProjectionRunner
    views: ReadModels

    def tell(self, stream: Stream[Any], stream_id: UUID, *events: Event) -> int:
        """Append and wait until the views have it."""

        def work(unit: UnitOfWork) -> None:
            unit.get(stream, stream_id)
            unit.append(stream, stream_id, *events)

        position = self.writer.submit(work, by="system").result(10).position
        assert self.views.wait_for(position, 10)
        return position

    def rebuilt(self) -> dict[str, str]:
        """The checksums of the read models computed again beside the live ones."""
        main, url = self.databases.main, self.databases.url
        generation = rebuild(url, main, self.log, projections(), self.databases.migrations("views"), clock)
        return checksums(self.databases.another("views", generation))


@pytest.fixture
def house(databases: Any) -> Iterator[House]:
    with ExitStack() as stack:
        vault = Vault(databases.keys, bytes(range(32)))
        codec = Codec(CATALOGUE, vault)
        application = EventStoreApplication(databases.main, codec)
        log = EventLog(application)
        stack.callback(log.close)
        writer = GroupCommitWriter(application, clock, flush_keys=vault.flush, grown=log.notify_appended)
        stack.callback(writer.close)
        current = LiveViews(databases.url, databases.main, databases.migrations("views"))
        stack.callback(current.close)
        runner = ProjectionRunner(log, current, projections(), clock)
        runner.start()
        stack.callback(runner.stop)
        yield House(databases, vault, log, writer, current, runner, ReadModels(current, runner, vault))


def registered(person: UUID, *numbers: int) -> se.SubscriberRegistered:
    return se.SubscriberRegistered(
        how="api",
        contacts=tuple(se.ContactRef(n, "email") for n in numbers),
        addresses={n: f"canary-{n}@example.org" for n in numbers},
        preferences=se.Preferences(places=(se.Place(name="canary-home", lat=51.5, lon=-0.1),), language="cy"),
        consent=se.Consent("canary-words", GIVEN, "form"),
    )


def a_little_life(house: House) -> tuple[UUID, UUID]:
    """Something of everything; two people, of whom one has changed the wishes and has a second address."""
    anna, boris, notice, incident, point, change, key, member, trigger = (new_id() for _ in range(9))
    a, b, more = contact_number(1, anna), contact_number(2, boris), contact_number(3, anna)
    house.tell(SUBSCRIBER, anna, registered(anna, a))
    house.tell(SUBSCRIBER, anna, se.ContactPointAdded(number=more, channel="sms", address="canary-07700900123"))
    house.tell(SUBSCRIBER, anna, se.PreferencesChanged(preferences=se.Preferences(topics=("canary-topic",))))
    house.tell(SUBSCRIBER, boris, registered(boris, b), se.ContactPointSuppressed(number=b, reason="hard-bounce"))
    square = {"type": "Polygon", "coordinates": [[[0.0, 51.0], [0.5, 51.0], [0.5, 51.5], [0.0, 51.0]]]}
    house.tell(streams.PLACE, streams.place_id("h"), e.PlaceDefined(slug="h", name={"en": "H"}, geometry=square))
    house.tell(streams.TOPIC, streams.topic_id("air"), e.TopicDefined(slug="air", name={"en": "Air"}))
    house.tell(streams.SEGMENT, streams.segment_id("s"), e.SegmentDefined(slug="s", name="S", rule={"all": []}))
    house.tell(streams.NEWSLETTER, streams.newsletter_id("n"), e.NewsletterStarted(slug="n", name="N", sections=("A",)))
    house.tell(streams.NEWSLETTER, streams.newsletter_id("n"), e.NewsletterScheduleSet(name="M"), e.NewsletterEnded())
    facts = e.IncidentFacts(headline={"en": "Flood"}, severity="Severe")
    house.tell(streams.INCIDENT, incident, e.IncidentReported(facts=facts, source="source:river"))
    desk = e.PointFacts(kind="front-desk", name="Desk", lat=51.0, lon=0.0)
    house.tell(streams.POINT, point, e.ServicePointOpened(facts=desk, source="key:k"))
    closing = e.ChangeFacts(headline={"en": "Shut"}, kind="closure", service_points=(point,), effective=GIVEN)
    house.tell(streams.CHANGE, change, e.ServiceChangeAnnounced(facts=closing, source="key:k"))
    plan = e.NoticePlan(kind="alert", incident=incident, content={"en": e.Content(title="Flood")})
    house.tell(streams.NOTICE, notice, e.NoticeDrafted(number=1, thread=notice, plan=plan), e.NoticeSubmitted())
    planned = e.DispatchPlanned(notice=notice, number=1, lane="notice", position=9, people=1, unreachable=0, contacts=1)
    house.tell(streams.DISPATCH, streams.dispatch_id(notice), planned)
    outcome = e.Outcome(contact=a, state="sent", channel="email", language="cy", area="h")
    house.tell(streams.CHUNK, new_id(), e.DispatchChunkFinished(notice=notice, number=1, outcomes=(outcome,)))
    connected = e.SourceConnected(name="river", kind="cap", policy=e.Policy(), secret="canary-secret")
    house.tell(streams.SOURCE, streams.source_id("river"), connected)
    issued = e.ApiKeyIssued(name="bot", scopes=("read",), policy=e.Policy(), secret_hash="ab")
    house.tell(streams.KEY, key, issued)
    invited = e.TeamMemberInvited(email="canary@example.org", name="canary", contact=contact_number(9, member))
    house.tell(streams.MEMBER, member, invited, e.RoleGranted(role="author"))
    received = e.TriggerReceived(source="river", kind="Alert", external_id="x", state="recorded")
    house.tell(streams.TRIGGER, trigger, received)
    return anna, boris


def erase(house: House, person: UUID) -> None:
    """As the product does: the key goes, then the event says so."""
    house.vault.destroy(person)
    house.tell(SUBSCRIBER, person, se.SubscriberErased())


def test_a_rebuild_gives_the_live_rows(house: House) -> None:
    a_little_life(house)
    live = checksums(house.database)
    assert len(set(live.values())) == len(TABLES), "no table is empty, and no two are alike"
    assert house.rebuilt() == live


def test_a_rebuild_after_an_erasure_gives_the_live_rows(house: House) -> None:
    anna, boris = a_little_life(house)
    before = checksums(house.database)
    erase(house, anna)
    live = checksums(house.database)
    assert {t for t in TABLES if live[t] != before[t]} == {"people", "contact_points", "people_counts"}
    assert house.rebuilt() == live
    gone, kept = house.views.directory.person(anna), house.views.directory.person(boris)
    assert gone is not None and gone.preferences is None and all(c.address is None for c in gone.contacts)
    assert kept is not None and kept.preferences is not None


def test_readers_follow_to_the_rebuilt_views(house: House) -> None:
    anna, _ = a_little_life(house)
    live = house.rebuilt()
    position = house.tell(SUBSCRIBER, anna, se.SubscriptionEnded(reason="asked"))
    waited = house.runner
    for _ in range(100):
        if house.database.generation == 2:
            break
        waited.wait_for(position + 1, 0.05)
    assert house.database.generation == 2
    assert house.views.wait_for(position, 5)
    person = house.views.directory.person(anna)
    assert person is not None and person.phase == "ended"
    now = checksums(house.database)
    assert {t for t in TABLES if now[t] != live[t]} == {"people", "people_counts"}


def test_no_view_holds_what_is_personal(house: House, tmp_path: Path) -> None:
    a_little_life(house)
    with house.database.read() as tx:
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


def test_what_was_sealed_is_read_again(house: House) -> None:
    anna, boris = a_little_life(house)
    person = house.views.directory.person(anna)
    assert person is not None and person.preferences is not None and person.consent is not None
    assert [c.address for c in person.contacts] == [
        f"canary-{person.contacts[0].number}@example.org",
        "canary-07700900123",
    ]
    assert person.preferences.topics == ("canary-topic",)
    cards = house.views.cards([person.contacts[0].number, *(n.number for n in _contacts(house, boris))])
    assert {card.suppressed for card in cards.values()} == {None, "hard-bounce"}
    source = house.views.source("river")
    assert source is not None and source.secret == "canary-secret"
    assert [m.email for m in house.views.members()] == ["canary@example.org"]
    assert house.views.bounds() == (0.0, 51.0, 0.5, 51.5)
    assert [n.number for n in house.views.notices("pending-approval", "alert").items] == [1]
    assert len(house.views.timeline(100)) == 17
    assert [n.slug for n in house.views.newsletters()] == [] and house.views.newsletter("n").name == "M"  # type: ignore[union-attr]
    assert [c.deliveries for c in house.views.outcome_counts(1)] == [1]
    assert house.runner.halted() == {} and house.runner.parked() == []


def _contacts(house: House, person: UUID) -> list[Any]:
    return house.views.directory.contacts_of(person)


def test_many_cards_come_in_few_statements(house: House) -> None:
    people = [new_id() for _ in range(700)]
    numbers = [contact_number(n, person) for n, person in enumerate(people, 1)]

    def work(unit: UnitOfWork) -> None:
        for person, number in zip(people, numbers, strict=True):
            unit.get(SUBSCRIBER, person)
            unit.append(SUBSCRIBER, person, registered(person, number))

    position = house.writer.submit(work, by="system").result(30).position
    assert house.views.wait_for(position, 30)
    cards = house.views.cards(numbers)
    assert [cards[n].address for n in numbers] == [f"canary-{n}@example.org" for n in numbers]
    assert [cards[n].subscriber for n in numbers] == people
    assert house.views.directory.counts() == {"confirmed": 700}
