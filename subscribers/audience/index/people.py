"""Audience columns: everyone's preferences as numpy columns, following the log one position after another.

They answer "who is due" for a million subscribers in milliseconds (`audience.matching`) and hold no address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from copy import copy
from typing import Literal
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from alerts.kernel.events import Event, Recorded
from alerts.kernel.geometry import Area
from alerts.kernel.terms import CHANNEL_CODE, CHANNELS, SEVERITY_RANK
from alerts.kernel.times import from_micros, micros
from subscribers.audience.index.areas import Places
from subscribers.audience.index.column_store import ColumnStore, Interned, RowIndex
from subscribers.audience.index.schema import (
    CONFIRMED,
    DANGER,
    FREQUENCIES,
    PHASES,
    REMOVED,
    TESTER,
    UNREADABLE,
    UNVERIFIED,
    VERIFIED,
    ContactFacts,
    Contacts,
    People,
    quiet_hours,
)
from subscribers.audience.index.topic_sets import topic_set
from subscribers.domain import events as e
from subscribers.domain.events import ContactRef, Preferences


class AudienceColumns:
    """Every subscriber's preferences at exactly one log position. Not thread-safe: the caller holds a lock.

    `snapshot` gives readers the columns of this position without that lock: nothing is copied unless an event is
    applied before they are done.
    """

    def __init__(self) -> None:
        self.clear()
        self._handlers: dict[type[Event], Callable[[int, Recorded], None]] = {
            e.SubscriberRegistered: self._joined,
            e.SubscriptionRequested: self._joined,
            e.SubscriptionConfirmed: self._confirmed,
            e.SubscriptionLapsed: lambda row, _: self._set_phase(row, "lapsed"),
            e.SubscriptionEnded: lambda row, _: self._set_phase(row, "ended"),
            e.SubscriberErased: self._erased,
            e.PreferencesChanged: self._preferences_changed,
            e.SubscriptionPaused: self._paused,
            e.SubscriptionResumed: self._paused,
            e.ContactPointAdded: self._contact_added,
            e.ContactPointVerified: self._contact_verified,
            e.ContactPointRemoved: self._contact_removed,
            e.ContactPointSuppressed: self._suppress,
            e.SuppressionLifted: self._lift,
        }

    def clear(self) -> None:
        """Reset to the state before the first event."""
        self.people = People()
        self.contacts = Contacts()
        self.places = Places()
        self.languages: Interned[str] = Interned()
        self.timezones: Interned[str] = Interned()
        self.quiets: Interned[tuple[str, str, str] | None] = Interned()
        self.topic_sets: Interned[frozenset[str]] = Interned()
        self.position = 0
        self.suppressed: dict[int, str] = {}
        """Suppression reason by the contact point's row."""
        self._readers = [0]
        """Number of snapshots that share the present arrays."""
        self._by_id = RowIndex(lambda: self.people.id_low)
        self._by_number = RowIndex(lambda: self.contacts.number.view(np.uint64))
        self.topic_sets.code(frozenset())
        self.quiets.code(None)

    # --- following the log ---------------------------------------------------------------------------------------

    def apply(self, recorded: Recorded) -> None:
        """Apply the next event of the log, of any type. Raises ValueError if it is not a later one."""
        if recorded.position <= self.position:
            raise ValueError(f"position {recorded.position} is not after {self.position}")
        handler = self._handlers.get(type(recorded.event))
        if handler is not None:
            self._detach()
            handler(self._row(recorded.originator_id, add=True), recorded)
        self.position = recorded.position

    def apply_many(self, events: Iterable[Recorded]) -> None:
        """Apply events in log order."""
        for recorded in events:
            self.apply(recorded)

    def define_place(self, slug: str, area: Area) -> None:
        """Set a registered place's area, or its next version."""
        self.places.areas.define(slug, area)

    def retire_place(self, slug: str) -> None:
        """Keep the last area for those who chose it; the place cannot be chosen any more."""

    # --- snapshots -----------------------------------------------------------------------------------------------

    @contextmanager
    def snapshot(self, lock: AbstractContextManager[object]) -> Iterator[AudienceColumns]:
        """Yield the columns of this position for reading without the lock (copy on write).

        `lock` guards `apply`; it is held at the beginning and the end only.
        """
        with lock:
            readers = self._readers
            readers[0] += 1
            made = copy(self)
            made.people, made.contacts, made.places = self.people.view(), self.contacts.view(), self.places.view()
            made.languages, made.topic_sets = self.languages.view(), self.topic_sets.view()
            made.timezones, made.quiets = self.timezones.view(), self.quiets.view()
        try:
            yield made
        finally:
            with lock:
                readers[0] -= 1

    def _detach(self) -> None:
        """Leave the present arrays to the snapshots that share them, if there are any."""
        if self._readers[0]:
            for table in self.tables():
                table.detach()
            self._readers = [0]

    # --- looking up ----------------------------------------------------------------------------------------------

    def row(self, subscriber: UUID) -> int:
        """Return a subscriber's row, -1 if there is none."""
        return self._row(subscriber, add=False)

    def subscriber(self, row: int) -> UUID:
        """Return the subscriber of a row."""
        return UUID(int=int(self.people.id_high[row]) << 64 | int(self.people.id_low[row]))

    def place_area(self, slug: str) -> Area | None:
        """Return the current area of a registered place."""
        return self.places.areas.get(slug)

    def contact_row(self, number: int) -> int:
        """Return a contact point's row, -1 if there is none."""
        numbers = self.contacts.number
        return self._by_number.find(number, lambda row: numbers[row] == number)

    def contact_rows(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows of many contact points, -1 for missing ones."""
        return self._by_number.find_all(numbers.astype(np.int64).view(np.uint64))

    def facts(self, contact: int) -> ContactFacts | None:
        """Return all that a hand-over needs to know of a contact point; None if the number is unknown."""
        row = self.contact_row(contact)
        if row < 0:
            return None
        people, person = self.people, int(self.contacts.person[row])
        why_not = self._why_not(row, person)
        quiet = self.quiets.values[people.quiet[person]]
        paused = int(people.paused_until[person])
        flags = int(people.flags[person])
        known = bool(self.languages.values)
        return ContactFacts(
            number=contact,
            subscriber=self.subscriber(person),
            channel=CHANNELS[self.contacts.channel[row]],
            usable=not why_not,
            why_not=why_not,
            confirmed=PHASES[people.phase[person]] == "confirmed",
            paused_until=from_micros(paused) if paused else None,
            language=self.languages.values[people.language[person]] if known else "",
            timezone=self.timezones.values[people.timezone[person]] if known else "UTC",
            frequency=FREQUENCIES[people.frequency[person]],
            quiet_hours=None if quiet is None else quiet_hours(quiet),
            danger_to_life=bool(flags & DANGER),
            tester=bool(flags & TESTER),
        )

    @property
    def nbytes(self) -> int:
        """Memory of all columns and indexes."""
        parts = (self.people, self.contacts, self.places.points, self.places.named, self._by_id, self._by_number)
        return sum(part.nbytes for part in parts)

    def tables(self) -> tuple[ColumnStore, ...]:
        """Tables of rows, in a fixed order."""
        return self.people, self.contacts, self.places.points, self.places.named

    def reindex(self) -> None:
        """Rebuild the indexes by id and by number, after the tables were filled from elsewhere."""
        self._by_id.refill(self.people.size)
        self._by_number.refill(self.contacts.size)

    # --- event handlers -------------------------------------------------------------------------------------------

    def _row(self, subscriber: UUID, *, add: bool) -> int:
        high, low = subscriber.int >> 64, subscriber.int & 0xFFFFFFFFFFFFFFFF
        people = self.people
        size = people.size  # a snapshot shares the index, which may know later rows
        found = self._by_id.find(
            low, lambda row: row < size and people.id_low[row] == low and people.id_high[row] == high
        )
        if found >= 0 or not add:
            return found
        row = people.add()
        people.id_high[row], people.id_low[row] = high, low
        self._by_id.add(low, row)
        return row

    def _joined(self, row: int, recorded: Recorded) -> None:
        """Handle a (repeated) registration or request: contact points no longer named are removed."""
        event = recorded.event
        assert isinstance(event, e.SubscriberRegistered | e.SubscriptionRequested)
        confirmed = isinstance(event, e.SubscriberRegistered)
        self._remove_contacts(row)
        for ref in event.contacts:
            self._put_contact(row, ref, VERIFIED if confirmed else UNVERIFIED)
        self._prefer(row, event.preferences)
        self.people.paused_until[row] = 0
        self.people.confirmed_at[row] = micros(recorded.at) if confirmed else 0
        self._set_phase(row, "confirmed" if confirmed else "requested")

    def _confirmed(self, row: int, recorded: Recorded) -> None:
        self.people.confirmed_at[row] = micros(recorded.at)
        self._set_phase(row, "confirmed")

    def _erased(self, row: int, recorded: Recorded) -> None:
        self._remove_contacts(row)
        self._prefer(row, None)
        self._set_phase(row, "erased")

    def _paused(self, row: int, recorded: Recorded) -> None:
        event = recorded.event
        self.people.paused_until[row] = micros(event.until) if isinstance(event, e.SubscriptionPaused) else 0

    def _preferences_changed(self, row: int, recorded: Recorded) -> None:
        assert isinstance(recorded.event, e.PreferencesChanged)
        self._prefer(row, recorded.event.preferences)

    def _set_phase(self, row: int, phase: Literal["requested", "confirmed", "lapsed", "ended", "erased"]) -> None:
        people = self.people
        people.phase[row] = PHASES.index(phase)
        if phase == "confirmed":
            people.flags[row] |= CONFIRMED
        else:
            people.flags[row] &= ~CONFIRMED & 0xFF

    def _prefer(self, row: int, preferences: Preferences | None) -> None:
        """Store the preferences; nothing is left of erased ones."""
        people = self.people
        self.places.clear(int(people.first_point[row]), int(people.first_area[row]))
        unreadable = preferences is None
        preferences = preferences or Preferences(danger_to_life=False)
        point = area = -1
        # in reverse, so that each chain has the order given by the person
        for place in reversed(preferences.places):
            if place.lat is not None:
                point = self.places.add_point(row, place, point)
            else:
                area = self.places.add_area(row, place, area)
        people.first_point[row], people.first_area[row] = point, area
        people.wanted[row] = sum(1 << CHANNEL_CODE[channel] for channel in set(preferences.channels))
        people.everywhere[row] = not preferences.places
        people.topics[row] = self.topic_sets.code(topic_set(preferences))
        people.floor[row] = SEVERITY_RANK[preferences.severity_at_least or "Minor"]
        people.frequency[row] = FREQUENCIES.index(preferences.frequency)
        people.language[row] = self.languages.code(preferences.language)
        people.timezone[row] = self.timezones.code(preferences.timezone)
        quiet = preferences.quiet_hours
        people.quiet[row] = self.quiets.code(None if quiet is None else (quiet.start, quiet.end, quiet.wake_for))
        flags = int(people.flags[row]) & CONFIRMED | (UNREADABLE if unreadable else 0)
        flags |= DANGER if preferences.danger_to_life else 0
        people.flags[row] = flags | (TESTER if preferences.tester else 0)

    def _contact_added(self, row: int, recorded: Recorded) -> None:
        event = recorded.event
        assert isinstance(event, e.ContactPointAdded)
        self._put_contact(row, ContactRef(event.number, event.channel), VERIFIED if event.verified else UNVERIFIED)

    def _contact_verified(self, row: int, recorded: Recorded) -> None:
        assert isinstance(recorded.event, e.ContactPointVerified)
        self._set_contact(recorded.event.number, VERIFIED)

    def _contact_removed(self, row: int, recorded: Recorded) -> None:
        assert isinstance(recorded.event, e.ContactPointRemoved)
        self._set_contact(recorded.event.number, REMOVED)

    def _suppress(self, row: int, recorded: Recorded) -> None:
        assert isinstance(recorded.event, e.ContactPointSuppressed)
        contact = self.contact_row(recorded.event.number)
        if contact >= 0:
            self.suppressed[contact] = recorded.event.reason
            self.contacts.usable[contact] = False

    def _lift(self, row: int, recorded: Recorded) -> None:
        assert isinstance(recorded.event, e.SuppressionLifted)
        contact = self.contact_row(recorded.event.number)
        if contact >= 0:
            self.suppressed.pop(contact, None)
            self.contacts.usable[contact] = self.contacts.state[contact] == VERIFIED

    def _put_contact(self, person: int, ref: ContactRef, state: int) -> None:
        row = self.contact_row(ref.number)
        contacts = self.contacts
        if row < 0:
            row = contacts.add()
            contacts.number[row], contacts.person[row] = ref.number, person
            contacts.next[row], self.people.first_contact[person] = self.people.first_contact[person], row
            self._by_number.add(ref.number, row)
        contacts.channel[row] = CHANNEL_CODE[ref.channel]
        contacts.state[row] = state
        contacts.usable[row] = state == VERIFIED and row not in self.suppressed

    def _set_contact(self, number: int, state: int) -> None:
        row = self.contact_row(number)
        if row >= 0:
            self.contacts.state[row] = state
            self.contacts.usable[row] = state == VERIFIED and row not in self.suppressed

    def _remove_contacts(self, person: int) -> None:
        row = int(self.people.first_contact[person])
        while row >= 0:
            self.contacts.state[row], self.contacts.usable[row] = REMOVED, False
            row = int(self.contacts.next[row])

    def _why_not(self, row: int, person: int) -> str:
        phase = PHASES[self.people.phase[person]]
        if phase != "confirmed":
            return "not confirmed yet" if phase == "requested" else phase
        state = int(self.contacts.state[row])
        if state != VERIFIED:
            return "removed" if state == REMOVED else "not verified"
        reason = self.suppressed.get(row)
        return "" if reason is None else f"suppressed: {reason}"
