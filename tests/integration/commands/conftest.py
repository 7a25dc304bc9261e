"""The commands joined with the real log, vault and follower, under a clock that the test moves.

On SQLite, and with `@on_both` on PostgreSQL too: every statement of the commands' own SQL is run by some test on both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from alerts.commands import Actor, Commands, MemberSaved
from alerts.contract.bodies import PlaceBody, SubscriberBody
from alerts.domain import events as e
from alerts.domain.events import Policy, PolicyRule
from alerts.domain.notice import NoticeState
from alerts.domain.reference_data import SourceState
from alerts.domain.streams import NOTICE, SOURCE, source_id
from alerts.eventlog.application import EventStoreApplication
from alerts.eventlog.codec import Codec
from alerts.eventlog.log import EventLog
from alerts.eventlog.writer import GroupCommitWriter
from alerts.kernel.events import Recorded
from alerts.scheduler.due_items import DuePoll
from alerts.storage.base import BaseDatabase
from subscribers.addresses import Addresses
from subscribers.audience.index import AudienceColumns
from subscribers.audience.projector import AudienceProjector
from subscribers.audience.reference_data import ReferenceData
from subscribers.domain import events as se
from subscribers.domain.subscriber import SUBSCRIBER, SubscriberState
from subscribers.vault import Vault

if TYPE_CHECKING:
    from tests.support.databases import Databases

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
CAMDEN = {"type": "Polygon", "coordinates": [[[-0.2, 51.5], [-0.1, 51.5], [-0.1, 51.6], [-0.2, 51.6], [-0.2, 51.5]]]}
HACKNEY = {"type": "Polygon", "coordinates": [[[-0.1, 51.5], [0.0, 51.5], [0.0, 51.6], [-0.1, 51.6], [-0.1, 51.5]]]}
CONSENT = {"wording": "Tell me.", "given_at": START, "how": "form"}


def key(policy: str | Policy = "draft", name: str = "city", scopes: tuple[str, ...] = ()) -> Actor:
    """A program with that policy."""
    decided = policy if isinstance(policy, Policy) else Policy(default=policy)  # type: ignore[arg-type]
    return Actor(kind="key", id=f"k-{name}", name=name, policy=decided, scopes=frozenset(scopes))


on_both = pytest.mark.parametrize("dialect", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture(params=["sqlite"])
def dialect(request: pytest.FixtureRequest) -> str:
    """What these tests decide does not depend on the database, unless they say so by `@on_both`."""
    return str(request.param)


@dataclass
class House:
    """What the tests speak to. `now` is the clock; move it forward."""

    database: BaseDatabase
    log: EventLog
    writer: GroupCommitWriter
    follower: AudienceProjector
    vault: Vault
    commands: Commands
    now: datetime = START
    people: dict[str, Actor] = field(default_factory=dict)
    following: bool = False

    def pass_time(self, **by: float) -> None:
        self.now += timedelta(**by)

    async def person(self, name: str, *, role: str = "approver") -> Actor:
        """A team member who may approve, by name: the same one on every call."""
        if name not in self.people:
            member: MemberSaved = await self.commands.invite_member(key(), f"{name}@example.org", role, name)
            scopes = frozenset(("notices:write", "notices:approve", "notices:issue"))
            self.people[name] = Actor(kind="person", id=str(member.id), name=name, person=member.id, scopes=scopes)
        return self.people[name]

    async def source(self, policy: Any = "issue", name: str = "met", kind: str = "cap") -> SourceState:
        """A connected source, as the door finds it."""
        await self.commands.connect_source(key(), name, kind, policy)
        state = self.log.state(SOURCE, source_id(name))
        assert state is not None
        return state

    async def places(self) -> None:
        """Camden and Hackney, side by side."""
        await self.commands.define_place(key(), PlaceBody(slug="camden", name={"en": "Camden"}, area=CAMDEN))
        await self.commands.define_place(key(), PlaceBody(slug="hackney", name={"en": "Hackney"}, area=HACKNEY))

    async def resident(self, email: str = "ann@example.org", **more: Any) -> SubscriberState:
        """Somebody in the middle of Camden, confirmed."""
        import msgspec

        document = {"email": email, "places": [{"lat": 51.55, "lon": -0.15}], "confirmed": True, "consent": CONSENT}
        kept = await self.commands.register_subscriber(key(), msgspec.convert({**document, **more}, SubscriberBody))
        return self.subscriber(kept.id)

    async def settled(self) -> None:
        """Let the follower see everything: whoever counts an audience needs it."""
        if not self.following:
            self.follower.start()
            self.following = True
        assert await asyncio.to_thread(self.follower.wait_for, self.writer.position(), 10)

    async def due(self) -> list[str]:
        """Fire what is due now, as the poll does; the kinds of what was fired."""
        fired: list[str] = []

        async def fire(kind: str, subject: UUID, due_at: datetime) -> bool:
            if done := await self.commands.fire(kind, subject, due_at):
                fired.append(kind)
            return done

        await DuePoll(self.database, fire, clock=lambda: self.now).poll()
        return fired

    def notice(self, notice: UUID) -> NoticeState:
        state = self.log.state(NOTICE, notice)
        assert state is not None
        return state

    def subscriber(self, subscriber: UUID) -> SubscriberState:
        state = self.log.state(SUBSCRIBER, subscriber)
        assert state is not None
        return state

    def events(self, *topics: str) -> list[Recorded]:
        """The log's events of these topics (all, if none is named)."""
        return self.log.read(0, 10_000, topics)

    def topics(self, after: int = 0) -> list[str]:
        return [recorded.event.topic() for recorded in self.log.read(after, 10_000)]


@pytest.fixture
def house(databases: Databases) -> Iterator[House]:
    """Everything joined as the product joins it, with the built-in topics there."""
    vault = Vault(databases.keys, bytes(range(32)))
    codec = Codec(e.CATALOGUE.joined(se.CATALOGUE), vault)
    made: list[House] = []

    def clock() -> datetime:
        return made[0].now if made else START

    application = EventStoreApplication(databases.main, codec)
    log = EventLog(application)
    writer = GroupCommitWriter(application, clock, flush_keys=vault.flush, grown=log.notify_appended)
    follower = AudienceProjector(log, AudienceColumns(), ReferenceData(), clock=clock)
    commands = Commands(
        writer=writer,
        log=log,
        database=databases.main,
        addresses=Addresses(b"s" * 32),
        audience=follower,
        erase_key=vault.destroy,
        clock=clock,
    )
    made.append(House(databases.main, log, writer, follower, vault, commands))
    asyncio.run(commands.define_built_in_topics())
    try:
        yield made[0]
    finally:
        follower.stop()
        writer.close()


def rules(*then: PolicyRule, default: str = "draft") -> Policy:
    """A policy of these rules."""
    return Policy(version=3, default=default, rules=then)  # type: ignore[arg-type]
