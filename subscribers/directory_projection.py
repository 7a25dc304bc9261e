"""Directory projection: writes the directory from the log, in batches.

No key is needed for it: the state is folded without personal fields, and the log's ciphertexts are copied unchanged. So
a rebuild gives the same rows, and an erasure covers them all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from uuid import UUID

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from alerts.eventlog.read_model import ReadModel
from alerts.kernel.events import Recorded
from alerts.kernel.ids import contact_shard, shard_of
from alerts.storage import named_queries
from alerts.storage.in_clauses import rows_of_pairs
from alerts.storage.ports import Transaction, Value
from subscribers.domain.events import (
    CATALOGUE,
    ConsentGiven,
    ConsentWithdrawn,
    ContactPointAdded,
    PreferencesChanged,
    SubscriberErased,
    SubscriberRegistered,
    SubscriptionConfirmed,
    SubscriptionRequested,
)
from subscribers.domain.subscriber import SUBSCRIBER, SubscriberState

_SQL = named_queries.load("subscribers", "directory.sql")
_ENCODER = msgspec.msgpack.Encoder(uuid_format="bytes")
_DECODER = msgspec.msgpack.Decoder(SubscriberState)

_EVENTS = frozenset(CATALOGUE.events.values())

WITH_REGISTRATION = b""
"""Value of `people.consent` if the consent is in the registration. NULL: there is none."""


class _Person:
    """Person within a batch: the state, and the ciphertexts of its personal parts."""

    __slots__ = ("addresses", "consent", "new", "phase_before", "preferences", "registrations", "sealed", "state")

    def __init__(self, state: SubscriberState | None) -> None:
        self.state = state
        self.new = state is None
        self.phase_before = state.phase if state else None
        self.sealed: bytes | None = None
        self.preferences: bytes | None = None
        self.consent: bytes | None = None
        self.addresses: dict[int, bytes | None] = {}
        """Contact points whose address this batch has set: its own ciphertext, or None for the registration's."""
        self.registrations: dict[int, bytes] = {}
        """Contact points that outlived the registration which held their address, and that registration."""

    def take(self, recorded: Recorded) -> None:
        """Fold one event."""
        before = self.state
        after = self.state = SUBSCRIBER.evolve(before, recorded.without_personal())
        match recorded.event:
            case SubscriberRegistered() | SubscriptionRequested():
                self._register(recorded, before, after)
            case PreferencesChanged():
                self.preferences = recorded.sealed
            case SubscriptionConfirmed() | ConsentGiven() if recorded.sealed is not None:
                self.consent = recorded.sealed
            case ConsentWithdrawn():
                self.consent = None
            case ContactPointAdded(number=number):
                self.addresses[number] = recorded.sealed
                self.registrations.pop(number, None)
            case SubscriberErased():
                self.sealed = self.preferences = self.consent = None
                self.addresses = {contact.number: None for contact in after.contacts}
                self.registrations.clear()
            case _:
                pass

    def _register(self, recorded: Recorded, before: SubscriberState | None, after: SubscriberState) -> None:
        event = recorded.event
        assert isinstance(event, SubscriberRegistered | SubscriptionRequested)
        named = {contact.number for contact in event.contacts}
        for contact in before.contacts if before else ():
            if contact.number in named or self.sealed is None:
                continue
            if contact.number not in self.addresses:
                self.registrations.setdefault(contact.number, self.sealed)
            elif self.addresses[contact.number] is None:
                self.addresses[contact.number] = self.sealed
        for number in named:
            self.addresses[number] = None
            self.registrations.pop(number, None)
        self.sealed, self.preferences = recorded.sealed, None
        self.consent = WITH_REGISTRATION if isinstance(event, SubscriberRegistered) else None


class DirectoryProjection(ReadModel):
    """People, contact points and their numbers by phase (`alerts.eventlog.ports.Projection`)."""

    name = "directory"
    guards = True
    """Stop at an unreadable event (see the runner): a suppression, ending or erasure must not be skipped."""
    topics: Collection[str] = frozenset(CATALOGUE.events)

    def apply(self, tx: Transaction, events: Sequence[Recorded]) -> None:
        """Fold these events into their people: one read, then inserts of new people and updates of the others."""
        lives: dict[UUID, list[Recorded]] = {}
        for recorded in events:
            if type(recorded.event) in _EVENTS:
                lives.setdefault(recorded.originator_id, []).append(recorded)
        people = self._load(tx, [key for key, life in lives.items() if life[0].originator_version > 1])
        for key, life in lives.items():
            person = people.get(key)
            if person is None:
                person = people[key] = _Person(None)
            for recorded in life:
                person.take(recorded)
        self._save(tx, people)

    @staticmethod
    def _load(tx: Transaction, known: Sequence[UUID]) -> dict[UUID, _Person]:
        """Load the people that exist already."""
        people: dict[UUID, _Person] = {}
        for key, doc, sealed, preferences, consent in rows_of_pairs(
            tx, _SQL.load, [(shard_of(i), i.bytes) for i in known]
        ):
            person = people[UUID(bytes=bytes(key))] = _Person(_DECODER.decode(doc))
            person.sealed, person.preferences, person.consent = _bytes(sealed), _bytes(preferences), _bytes(consent)
        return people

    @staticmethod
    def _save(tx: Transaction, people: dict[UUID, _Person]) -> None:
        rows: dict[str, list[Sequence[Value]]] = {name: [] for name in _STATEMENTS}
        counts: Counter[str] = Counter()
        for key, person in people.items():
            state = person.state
            assert state is not None, "a fold of at least one event has a state"
            raw, doc = key.bytes, _ENCODER.encode(_for_reading(state))
            rows["add" if person.new else "save"].append(
                (shard_of(key), raw, state.phase, doc, person.sealed, person.preferences, person.consent)
            )
            _contact_rows(rows, raw, person, state)
            if person.phase_before != state.phase:
                counts[state.phase] += 1
                if person.phase_before:
                    counts[person.phase_before] -= 1
        rows["add_counts"] = [(phase, change) for phase, change in sorted(counts.items()) if change]
        for name in _STATEMENTS:
            if rows[name]:
                tx.executemany(_SQL[name], rows[name])
        if min(counts.values(), default=0) < 0:
            tx.execute(_SQL.drop_empty_counts)


_STATEMENTS = ("add", "save", "add_contact", "save_contact", "mark_contact", "keep_address", "add_counts")
"""Statements in execution order: an address is stored only after its contact point."""


def _for_reading(state: SubscriberState) -> SubscriberState:
    """Return the state without what decisions alone need."""
    own = (state.leavings, state.tests, state.wanted_more, state.yearly_mail_at)
    if all(value is UNSET for value in own):
        return state
    return replace(state, leavings=UNSET, tests=UNSET, wanted_more=UNSET, yearly_mail_at=UNSET)


def _contact_rows(rows: dict[str, list[Sequence[Value]]], raw: bytes, person: _Person, state: SubscriberState) -> None:
    """Rows of one person's contact points, by statement."""
    for contact in state.contacts:
        number, shard = contact.number, contact_shard(contact.number)
        if number in person.addresses:
            rows["add_contact" if person.new else "save_contact"].append(
                (shard, number, raw, contact.channel, contact.state, contact.suppressed, person.addresses[number])
            )
        else:
            rows["mark_contact"].append((contact.state, contact.suppressed, shard, number))
            if number in person.registrations:
                rows["keep_address"].append((person.registrations[number], shard, number))


def _bytes(value: bytes | None) -> bytes | None:
    return None if value is None else bytes(value)
