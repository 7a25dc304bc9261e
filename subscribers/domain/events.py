"""Events of a subscriber. Addresses and preferences are personal: sealed under the subscriber's own key."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

import msgspec

from alerts.kernel.events import Catalogue, Event
from alerts.kernel.terms import Channel, Frequency, Severity


class PostalAddress(msgspec.Struct, frozen=True):
    """Postal address of a letter."""

    name: str
    lines: tuple[str, ...]


class SubscriberPlace(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A place of a subscriber: a point with a radius (0 is a bare point), a registered place, or a drawn area.

    Exactly one of (lat, lon, radius_km), slug, area is given. `area` is GeoJSON (Polygon or MultiPolygon, lon/lat),
    already repaired and validated.
    """

    name: str = ""
    lat: float | None = None
    lon: float | None = None
    radius_km: float = 0.0
    slug: str | None = None
    area: dict[str, object] | None = None


class QuietHours(msgspec.Struct, frozen=True, omit_defaults=True):
    """Local times `HH:MM`; `start` > `end` spans midnight; equal means never quiet.

    `wake_for`: "danger" lets only danger to life through, "emergency" other emergencies too.
    """

    start: str
    end: str
    wake_for: Literal["danger", "emergency"] = "danger"


class Preferences(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Preferences of one person: the subscription."""

    places: tuple[SubscriberPlace, ...] = ()
    """None means everywhere."""
    topics: tuple[str, ...] = ()
    """None chosen means all but newsletters."""
    severity_at_least: Severity | None = None
    channels: tuple[Channel, ...] = ()
    """The channels wanted; never empty in a decided event (absent in the request means all)."""
    language: str = "en"
    timezone: str = "Europe/London"
    frequency: Frequency = "immediate"
    quiet_hours: QuietHours | None = None
    danger_to_life: bool = True
    tester: bool = False
    relay: bool = False
    """Passes messages on to others."""
    discreet: bool = False
    """True for a neutral sender, subject and preview."""
    followed: tuple[UUID, ...] = ()
    """Threads that the person follows until they are over (RULES 14), by the id of their first notice."""
    only_followed: bool = False
    """True if nothing but the threads followed is wanted: places, topics and severity are not asked."""


class Consent(msgspec.Struct, frozen=True):
    """Consent of a person: wording, time and method."""

    wording: str
    given_at: datetime
    how: str


class ContactRef(msgspec.Struct, frozen=True, omit_defaults=True):
    """Contact point by its number; the address is stored separately, sealed."""

    number: int
    channel: Channel
    left_at: datetime | None = None
    """Time at which a former owner left by this address, if it was taken over from one."""


class SubscriberRegistered(Event, frozen=True, kw_only=True):
    """Registered by staff, API or import: confirmed at once, every contact point verified."""

    personal: ClassVar[tuple[str, ...]] = ("addresses", "preferences", "consent")
    how: str
    contacts: tuple[ContactRef, ...]
    addresses: dict[int, str] | None
    """Contact number → e-mail address, E.164 number, or JSON of a push subscription or postal address."""
    preferences: Preferences | None
    consent: Consent | None


class SubscriptionRequested(Event, frozen=True, kw_only=True):
    """Subscription requested; each contact point gets its own confirmation and nothing else."""

    personal: ClassVar[tuple[str, ...]] = ("addresses", "preferences")
    how: str
    contacts: tuple[ContactRef, ...]
    addresses: dict[int, str] | None
    preferences: Preferences | None


class ContactPointVerified(Event, frozen=True, kw_only=True):
    """The person proved that this contact point is theirs."""

    number: int


class SubscriptionConfirmed(Event, frozen=True, kw_only=True):
    """The first contact point is verified (or the person came back): messages may be sent from now on."""

    personal: ClassVar[tuple[str, ...]] = ("consent",)
    consent: Consent | None


class SubscriptionLapsed(Event, frozen=True, kw_only=True):
    """Never confirmed within a week."""


class PreferencesChanged(Event, frozen=True, kw_only=True):
    """New preferences, complete."""

    personal: ClassVar[tuple[str, ...]] = ("preferences",)
    preferences: Preferences | None


class SubscriptionPaused(Event, frozen=True, kw_only=True):
    """Paused until then, except for danger to life; nothing is sent later instead."""

    until: datetime


class SubscriptionResumed(Event, frozen=True, kw_only=True):
    """The pause ended early."""


class ContactPointAdded(Event, frozen=True, kw_only=True):
    """A new contact point; verified at once only by staff or with a consent."""

    personal: ClassVar[tuple[str, ...]] = ("address",)
    number: int
    channel: Channel
    address: str | None
    verified: bool = False
    left_at: datetime | None = None
    """Time at which a former owner left by this address, if it was taken over from one."""


class DeviceAnnounced(Event, frozen=True, kw_only=True):
    """A device was added by a link: the person's other contact points are told, so that a stranger's is noticed."""

    number: int
    to: tuple[ContactRef, ...]


class FreshLinkRequested(Event, frozen=True, kw_only=True):
    """Somebody asked for a fresh link to a contact point of this person: it is sent there, and nowhere else."""

    number: int
    channel: Channel


class ContactTestRequested(Event, frozen=True, kw_only=True):
    """The person asked for a test: a message marked TEST is sent to each of these contact points of theirs."""

    to: tuple[ContactRef, ...]


class YearlyMailDue(Event, frozen=True, kw_only=True):
    """Nothing was sent to this person for a year: one e-mail says that we are still here. At most one a year."""

    number: int


class FollowRequested(Event, frozen=True, kw_only=True):
    """Somebody asked that this contact point of a living subscription follow a thread: it gets a link to agree."""

    personal: ClassVar[tuple[str, ...]] = ("thread",)
    number: int
    channel: Channel
    thread: UUID | None


class SubscriberLookedUp(Event, frozen=True, kw_only=True):
    """A member of the team found this person by an address, and saw what they get and got."""

    personal: ClassVar[tuple[str, ...]] = ("reason",)
    number: int
    """Contact point by whose address they were found."""
    reason: str | None


class ActedOnBehalf(Event, frozen=True, kw_only=True):
    """A member of the team makes the change that follows on the person's word, such as on the telephone."""

    personal: ClassVar[tuple[str, ...]] = ("agreed",)
    agreed: str | None
    """Manner of the agreement, in the member's words: by telephone, 14:05."""


class ContactPointRemoved(Event, frozen=True, kw_only=True):
    """One-click, STOP, or by hand: this contact point gets nothing more, danger to life included."""

    number: int
    reason: str


class ContactPointSuppressed(Event, frozen=True, kw_only=True):
    """Suppressed: hard-bounce, complaint, opt-out, by-hand."""

    number: int
    reason: str


class SuppressionLifted(Event, frozen=True, kw_only=True):
    """The suppression was lifted."""

    number: int
    reason: str


class ConsentGiven(Event, frozen=True, kw_only=True):
    """A further consent, with its exact wording."""

    personal: ClassVar[tuple[str, ...]] = ("consent",)
    consent: Consent | None


class ConsentWithdrawn(Event, frozen=True, kw_only=True):
    """Consent withdrawn."""

    reason: str


class SubscriptionEnded(Event, frozen=True, kw_only=True):
    """Nothing more is sent to this person; signing up again keeps the id."""

    reason: str


class SubscriberErased(Event, frozen=True, kw_only=True):
    """The key is destroyed; sealed data is permanently unreadable."""


CATALOGUE = Catalogue.of(
    SubscriberRegistered,
    SubscriptionRequested,
    ContactPointVerified,
    SubscriptionConfirmed,
    SubscriptionLapsed,
    PreferencesChanged,
    SubscriptionPaused,
    SubscriptionResumed,
    ContactPointAdded,
    DeviceAnnounced,
    FreshLinkRequested,
    ContactTestRequested,
    YearlyMailDue,
    FollowRequested,
    SubscriberLookedUp,
    ActedOnBehalf,
    ContactPointRemoved,
    ContactPointSuppressed,
    SuppressionLifted,
    ConsentGiven,
    ConsentWithdrawn,
    SubscriptionEnded,
    SubscriberErased,
)
