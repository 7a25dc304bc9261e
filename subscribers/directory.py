"""Subscriber directory: current people and contact points, for sending and for look-ups.

Addresses, preferences and consent are stored as the log's own ciphertexts and decrypted one reader at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal
from uuid import UUID

import msgspec

from alerts.domain.reference_data import MemberState
from alerts.domain.report import ReportState
from alerts.kernel.ids import contact_shard, shard_of
from alerts.kernel.paging import Page, cursor_number
from alerts.kernel.terms import SIGN_IN_CHANNEL, Channel
from alerts.storage import named_queries
from alerts.storage.in_clauses import rows_of_pairs
from alerts.storage.ports import Database, Row, Transaction
from subscribers.directory_projection import WITH_REGISTRATION, DirectoryProjection
from subscribers.domain.events import Preferences
from subscribers.domain.subscriber import ContactState, SubscriberState
from subscribers.unsealing import NOTHING, Opened, Unsealer, opened

__all__ = ["ContactCard", "Directory", "DirectoryProjection", "ReportCard", "card_of_member", "card_of_report"]

_SQL = named_queries.load("subscribers", "directory.sql")
_BEYOND = 2**62
"""Above every number of a contact point."""
_DECODER = msgspec.msgpack.Decoder(SubscriberState)


class ContactCard(msgspec.Struct, frozen=True, kw_only=True):
    """Contact point with all that a message to it needs."""

    number: int
    subscriber: UUID
    """Id of the person; for a team member, of the member."""
    channel: Channel
    state: Literal["unverified", "verified", "removed"]
    suppressed: str | None
    """Suppression reason; None if not suppressed."""
    address: str | None
    """None after an erasure."""
    preferences: Preferences | None
    """None after an erasure, and for a team member."""
    language: str
    """The person's language tag, "" if unknown."""
    phase: str
    """The person's phase: requested, confirmed, lapsed, ended, erased."""


def card_of_member(member: MemberState) -> ContactCard:
    """The sign-in address of a team member as a contact point."""
    return ContactCard(
        number=member.contact,
        subscriber=member.id,
        channel=SIGN_IN_CHANNEL,
        state="verified",
        suppressed=None,
        address=member.email,
        preferences=None,
        language="",
        phase="confirmed",
    )


class ReportCard(ContactCard, frozen=True, kw_only=True):
    """Address that came with a report, for its answer alone."""

    receipt: str
    answer: str | None
    """None before the answer, and after an erasure."""


def card_of_report(report: ReportState) -> ReportCard:
    """The address of a resident who reported, as a contact point. Raises ValueError for a report without one."""
    if report.contact is None or report.channel is None:
        raise ValueError("this report came without an address")
    return ReportCard(
        number=report.contact,
        subscriber=report.id,
        channel=report.channel,
        state="verified",
        suppressed=None,
        address=report.address,
        preferences=None,
        language=report.language,
        phase="erased" if report.phase == "erased" else "confirmed",
        receipt=report.receipt,
        answer=report.answer,
    )


class Directory:
    """Queries of the directory. Results are as of the position that the projection has reached."""

    def __init__(self, database: Database, vault: Unsealer) -> None:
        self._database = database
        self._vault = vault

    def cards(self, numbers: Iterable[int]) -> dict[int, ContactCard]:
        """Return the contact points of these numbers, by number; missing ones are left out.

        One query for each 512, one for their keys, one decryption per person.
        """
        wanted = sorted(set(numbers))
        with self._database.read() as tx:
            rows = list(rows_of_pairs(tx, _SQL.cards, [(contact_shard(n), n) for n in wanted]))
        people = {key: UUID(bytes=key) for key in {bytes(row[1]) for row in rows}}
        self._vault.prefetch(people.values())
        found: dict[int, ContactCard] = {}
        seen: dict[bytes, tuple[UUID, Opened, Preferences | None]] = {}
        for number, subscriber, channel, state, suppressed, own, phase, sealed, sealed_preferences in rows:
            key = bytes(subscriber)
            known = seen.get(key)
            if known is None:
                person = people[key]
                registered = opened(self._vault, person, sealed)
                changed = opened(self._vault, person, sealed_preferences)
                known = seen[key] = (person, registered, changed.preferences or registered.preferences)
            person, registered, preferences = known
            found[number] = ContactCard(
                number=number,
                subscriber=person,
                channel=channel,
                state=state,
                suppressed=suppressed,
                address=_address(number, registered, opened(self._vault, person, own)),
                preferences=preferences,
                language=preferences.language if preferences else "",
                phase=phase,
            )
        return found

    def person(self, subscriber: UUID) -> SubscriberState | None:
        """Return one person with addresses, preferences and consent; after an erasure these are None."""
        with self._database.read() as tx:
            rows = tx.execute(_SQL.person, (shard_of(subscriber), subscriber.bytes))
            people = self._people(tx, rows)
        return people[0] if people else None

    def people(self, cursor: str | None, limit: int) -> Page[SubscriberState]:
        """List everyone in the order of registration. `cursor` is an earlier page's `next`; else ValueError."""
        after = bytes.fromhex(cursor) if cursor else b""
        with self._database.read() as tx:
            rows = tx.execute(_SQL.people, (after, limit + 1))
            people = self._people(tx, rows[:limit])
        more = len(rows) > limit > 0
        return Page(people, bytes(rows[limit - 1][0]).hex() if more else None)

    def suppressed(self, cursor: str | None, limit: int) -> Page[ContactCard]:
        """List the contact points that are sent nothing, the newest first. Raises ValueError for a bad cursor."""
        before = _BEYOND if cursor is None else cursor_number(cursor)
        with self._database.read() as tx:
            numbers = [int(row[0]) for row in tx.execute(_SQL.suppressed, (before, limit + 1))]
        cards = self.cards(numbers[:limit])
        found = tuple(cards[number] for number in numbers[:limit] if number in cards)
        return Page(found, str(numbers[limit - 1]) if len(numbers) > limit > 0 else None)

    def contacts_of(self, subscriber: UUID) -> list[ContactCard]:
        """A person's contact points by number, removed ones included; [] for an unknown person."""
        person = self.person(subscriber)
        if person is None:
            return []
        cards = self.cards(contact.number for contact in person.contacts)
        return [cards[number] for number in sorted(cards)]

    def counts(self) -> dict[str, int]:
        """Number of people in each phase."""
        with self._database.read() as tx:
            return dict(tx.execute(_SQL.counts))

    def count(self, phase: str | None = None) -> int:
        """Number of people in one phase or in all."""
        counts = self.counts()
        return sum(counts.values()) if phase is None else counts.get(phase, 0)

    def _people(self, tx: Transaction, rows: Sequence[Row]) -> tuple[SubscriberState, ...]:
        """Decode rows of (id, doc, sealed, wishes, consent) into people."""
        states = [_DECODER.decode(row[1]) for row in rows]
        pairs = [(contact_shard(c.number), c.number) for state in states for c in state.contacts]
        self._vault.prefetch({state.id for state in states if state.phase != "erased"})
        own: dict[int, bytes] = dict(rows_of_pairs(tx, _SQL.addresses, pairs))
        return tuple(self._full(state, row, own) for state, row in zip(states, rows, strict=True))

    def _full(self, state: SubscriberState, row: Row, own: Mapping[int, bytes]) -> SubscriberState:
        _, _, sealed, sealed_preferences, consent = row
        if state.phase == "erased":
            return state
        registered = opened(self._vault, state.id, sealed)
        changed = opened(self._vault, state.id, sealed_preferences)
        with_registration = consent is not None and bytes(consent) == WITH_REGISTRATION
        agreed = registered if with_registration else opened(self._vault, state.id, consent)
        contacts = tuple(self._contact(state.id, contact, registered, own) for contact in state.contacts)
        return msgspec.structs.replace(
            state,
            contacts=contacts,
            preferences=changed.preferences or registered.preferences,
            consent=agreed.consent,
        )

    def _contact(
        self, person: UUID, contact: ContactState, registered: Opened, own: Mapping[int, bytes]
    ) -> ContactState:
        sealed = own.get(contact.number)
        address = _address(contact.number, registered, opened(self._vault, person, sealed) if sealed else NOTHING)
        return msgspec.structs.replace(contact, address=address)


def _address(number: int, registered: Opened, own: Opened) -> str | None:
    """Find a contact point's address: its own, its own (earlier) registration's, or the person's."""
    if own.address is not None:
        return own.address
    if own.addresses is not None:
        return own.addresses.get(number)
    return registered.addresses.get(number) if registered.addresses else None
