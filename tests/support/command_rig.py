"""The commands on databases or in memory, under a clock that the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from alerts.app.catalogue import CATALOGUE
from alerts.commands import Actor, Commands, MemberSaved
from alerts.contract.bodies import PlaceBody, SubscriberBody
from alerts.domain.events import Policy, PolicyRule
from alerts.domain.incident import IncidentState
from alerts.domain.notice import NoticeState
from alerts.domain.reference_data import SourceState
from alerts.domain.streams import INCIDENT, NOTICE, SOURCE, source_id
from alerts.eventlog.codec import Codec
from alerts.eventlog.ports import Log, Writer
from alerts.kernel.events import Recorded
from alerts.scheduler.due_items import DuePoll
from alerts.storage.ports import Database
from subscribers.addresses import Addresses, original_key
from subscribers.audience.index import AudienceColumns
from subscribers.audience.projector import AudienceProjector
from subscribers.audience.reference_data import ReferenceData
from subscribers.domain.subscriber import SUBSCRIBER, SubscriberState
from tests.support.databases import Databases
from tests.support.memory_store import MemoryDatabase, MemoryKeys
from tests.support.memory_unit import MemoryLog, MemoryWriter
from tests.support.rig import SECRET, Rig

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
CAMDEN = {"type": "Polygon", "coordinates": [[[-0.2, 51.5], [-0.1, 51.5], [-0.1, 51.6], [-0.2, 51.6], [-0.2, 51.5]]]}
HACKNEY = {"type": "Polygon", "coordinates": [[[-0.1, 51.5], [0.0, 51.5], [0.0, 51.6], [-0.1, 51.6], [-0.1, 51.5]]]}
CONSENT = {"wording": "Tell me.", "given_at": START, "how": "form"}


def key(policy: str | Policy = "draft", name: str = "city", scopes: tuple[str, ...] = ()) -> Actor:
    """A program with that policy."""
    decided = policy if isinstance(policy, Policy) else Policy(default=policy)  # type: ignore[arg-type]
    return Actor(kind="key", id=f"k-{name}", name=name, policy=decided, scopes=frozenset(scopes))


on_both = pytest.mark.parametrize("dialect", ["sqlite", "postgresql"], indirect=True)
"""Mark of tests whose SQL runs on both databases."""


def rules(*then: PolicyRule, default: str = "draft") -> Policy:
    """A policy of these rules."""
    return Policy(version=3, default=default, rules=then)  # type: ignore[arg-type]


class CommandRig:
    """The commands of one process, and what their tests look at. `now` is the clock."""

    database: Database
    log: Log
    writer: Writer
    projector: AudienceProjector
    destroy_key: Callable[[UUID], None]
    commands: Commands
    close: Callable[[], None]

    def __init__(self) -> None:
        self.now = START
        self.people: dict[str, Actor] = {}
        self._following = False

    @classmethod
    def on(cls, databases: Databases) -> CommandRig:
        """The product's own parts on databases, following nothing until a test asks for it."""
        made = cls()
        rig = Rig(databases, lambda: made.now, sends=False, follows=False)
        made.database, made.log, made.writer, made.projector = rig.main, rig.log, rig.writer, rig.projector
        made.commands, made.destroy_key, made.close = rig.commands, rig.vault.destroy, rig.close
        return made

    @classmethod
    def in_memory(cls) -> CommandRig:
        """Without files and threads: rules that do not depend on the database."""
        made = cls()
        clock, keys, database = (lambda: made.now), MemoryKeys(), MemoryDatabase("main")
        log = MemoryLog(Codec(CATALOGUE, keys))
        made.database, made.log, made.writer = database, log, MemoryWriter(log, database, clock)
        made.projector = AudienceProjector(log, AudienceColumns(), ReferenceData(), clock=clock)
        made.destroy_key = keys.destroy
        made.commands = Commands(
            writer=made.writer,
            log=log,
            database=database,
            addresses=Addresses(original_key(SECRET)),
            audience=made.projector,
            erase_key=keys.destroy,
            clock=clock,
        )

        def close() -> None:
            made.projector.stop()
            database.close()

        made.close = close
        return made

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
        """A connected source, as a webhook finds it."""
        await self.commands.connect_source(key(), name, kind, policy)
        return self.source_state(name)

    async def places(self) -> None:
        """Camden and Hackney, side by side."""
        await self.commands.define_place(key(), PlaceBody(slug="camden", name={"en": "Camden"}, area=CAMDEN))
        await self.commands.define_place(key(), PlaceBody(slug="hackney", name={"en": "Hackney"}, area=HACKNEY))

    async def resident(self, email: str = "ann@example.org", **more: Any) -> SubscriberState:
        """A confirmed subscriber in the middle of Camden."""
        document = {"email": email, "places": [{"lat": 51.55, "lon": -0.15}], "confirmed": True, "consent": CONSENT}
        kept = await self.commands.register_subscriber(key(), msgspec.convert({**document, **more}, SubscriberBody))
        return self.subscriber(kept.id)

    async def settled(self) -> None:
        """Wait until the audience has everything: counting it needs that."""
        if not self._following:
            self.projector.start()
            self._following = True
        assert await asyncio.to_thread(self.projector.wait_for, self.writer.position(), 10)

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

    def incident(self, incident: UUID) -> IncidentState:
        state = self.log.state(INCIDENT, incident)
        assert state is not None
        return state

    def source_state(self, name: str) -> SourceState:
        state = self.log.state(SOURCE, source_id(name))
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
