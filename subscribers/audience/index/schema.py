"""Columns of people and contact points, and the codes used in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, get_args
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from alerts.kernel.terms import Channel, Frequency
from subscribers.audience.index.column_store import ColumnStore
from subscribers.domain.events import QuietHours

CONFIRMED, DANGER, TESTER, UNREADABLE = 1, 2, 4, 8
"""Flags: confirmed; danger to life is ticked; marked as a tester; the preferences cannot be decrypted any more."""

UNVERIFIED, VERIFIED, REMOVED = 0, 1, 2
PHASES = ("requested", "confirmed", "lapsed", "ended", "erased")
FREQUENCIES: tuple[Frequency, ...] = get_args(Frequency)


class People(ColumnStore):
    """Table with one row per subscriber; rows are never reused for another one."""

    columns: ClassVar = {
        "id_high": (np.uint64, 0),
        "id_low": (np.uint64, 0),
        "phase": (np.uint8, 0),
        "flags": (np.uint8, 0),
        "everywhere": (np.bool_, False),
        "floor": (np.uint8, 0),
        "frequency": (np.uint8, 0),
        "wanted": (np.uint8, 0),
        "language": (np.uint16, 0),
        "timezone": (np.uint16, 0),
        "quiet": (np.uint16, 0),
        "topics": (np.int32, 0),
        "confirmed_at": (np.int64, 0),
        "paused_until": (np.int64, 0),
        "first_contact": (np.int32, -1),
        "first_point": (np.int32, -1),
        "first_area": (np.int32, -1),
    }
    id_high: NDArray[np.uint64]
    id_low: NDArray[np.uint64]
    phase: NDArray[np.uint8]
    flags: NDArray[np.uint8]
    everywhere: NDArray[np.bool_]
    """True if the person has no place."""
    floor: NDArray[np.uint8]
    frequency: NDArray[np.uint8]
    wanted: NDArray[np.uint8]
    """Channels wanted; bits by channel number."""
    language: NDArray[np.uint16]
    timezone: NDArray[np.uint16]
    quiet: NDArray[np.uint16]
    topics: NDArray[np.int32]
    """Number of the set of chosen topics."""
    confirmed_at: NDArray[np.int64]
    paused_until: NDArray[np.int64]
    """Microseconds since 1970; 0 if not paused."""
    first_contact: NDArray[np.int32]
    first_point: NDArray[np.int32]
    first_area: NDArray[np.int32]


class Contacts(ColumnStore):
    """Table with one row per contact point."""

    columns: ClassVar = {
        "number": (np.int64, 0),
        "person": (np.int32, -1),
        "channel": (np.uint8, 0),
        "state": (np.uint8, 0),
        "usable": (np.bool_, False),
        "next": (np.int32, -1),
    }
    number: NDArray[np.int64]
    person: NDArray[np.int32]
    channel: NDArray[np.uint8]
    state: NDArray[np.uint8]
    usable: NDArray[np.bool_]
    """Verified, not suppressed, not removed."""
    next: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class ContactFacts:
    """All that a hand-over needs to know of a contact point and its person, except the address."""

    number: int
    subscriber: UUID
    channel: Channel
    usable: bool
    """True if the person is confirmed, the contact point verified and not suppressed."""
    why_not: str
    """Reason in words, "" if usable; a suppression starts with `suppressed: `."""
    confirmed: bool
    paused_until: datetime | None
    language: str
    timezone: str
    frequency: Frequency
    quiet_hours: QuietHours | None
    danger_to_life: bool
    tester: bool

    def takes(self, channel: Channel) -> bool:
        """True if a message of a channel may go there.

        A number that takes no texts may be called by a person: it is a landline, or only its texts fail.
        """
        return self.usable or (
            channel == "phone" and self.channel == "sms" and self.why_not == "suppressed: hard-bounce"
        )


def quiet_hours(value: tuple[str, str, str]) -> QuietHours:
    """Convert an interned value to its struct."""
    start, end, wake_for = value
    return QuietHours(start, end, "emergency" if wake_for == "emergency" else "danger")
