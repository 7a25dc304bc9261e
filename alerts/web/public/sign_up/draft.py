"""Draft of a sign-up: what was entered so far, sealed in each form, so that tabs and the back button stay apart."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec
from msgspec.structs import replace

from alerts.contract.bodies import (
    ConsentBody,
    PushBody,
    QuietHoursBody,
    SubscriberBody,
    SubscriberPlaceBody,
)
from alerts.gazetteer import PlaceCandidate
from alerts.kernel.sealed_values import open_value, seal_value
from alerts.kernel.secret_keys import SecretKeys
from alerts.kernel.terms import CHANNELS, Channel, Frequency, Severity
from alerts.web.public.drawn_area import Ring, drawn_area
from subscribers.domain.events import Preferences, QuietHours, SubscriberPlace

PURPOSE, SENT = "sign-up", "sign-up sent"
LIVES_FOR = timedelta(days=1)
RADII = (0.5, 2.0, 5.0)
MOST_PLACES = 10


class DraftPlace(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Place as it was found: a registered one by `slug`, a drawn one by `ring`, any other by position and radius."""

    label: str
    within: str = ""
    slug: str | None = None
    lat: float | None = None
    lon: float | None = None
    radius_km: float = 2.0
    name: str = ""
    ring: Ring | None = None

    @classmethod
    def of(cls, found: PlaceCandidate) -> DraftPlace:
        """Build from a candidate of the look-up."""
        return cls(label=found.label, within=found.within, slug=found.place, lat=found.lat, lon=found.lon)

    @property
    def words(self) -> str:
        """Label with what it lies in."""
        return f"{self.label}, {self.within}" if self.within else self.label

    def body(self) -> SubscriberPlaceBody:
        """Return it as the API takes it; without a name of its own it is called by its label."""
        if self.slug is not None:
            return SubscriberPlaceBody(place=self.slug, name=self.name)
        if self.ring is not None:
            return SubscriberPlaceBody(area=drawn_area(self.ring), name=self.name)
        return SubscriberPlaceBody(lat=self.lat, lon=self.lon, radius_km=self.radius_km, name=self.name or self.label)

    def place(self) -> SubscriberPlace:
        """Return it as preferences hold it."""
        if self.slug is not None:
            return SubscriberPlace(slug=self.slug, name=self.name)
        if self.ring is not None:
            return SubscriberPlace(area=drawn_area(self.ring), name=self.name)
        return SubscriberPlace(lat=self.lat, lon=self.lon, radius_km=self.radius_km, name=self.name or self.label)


class Draft(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that was entered; defaults are those of the form."""

    started: int
    """Seconds since 1970 at which the first page was opened."""
    nonce: str
    """One-time key: the same draft sent twice is one sign-up."""
    current: DraftPlace | None = None
    """Place that is being found."""
    places: tuple[DraftPlace, ...] = ()
    everywhere: bool = False
    unticked: tuple[str, ...] = ()
    """Topics that were unticked; newsletters start that way."""
    newsletters: tuple[str, ...] = ()
    severity: Severity | None = None
    by_email: bool = True
    by_text: bool = False
    by_push: bool = False
    email: str = ""
    phone: str = ""
    push: PushBody | None = None
    """Subscription of the browser in which the form is filled in."""
    frequency: Frequency = "immediate"
    danger: bool = True
    quiet: bool = False
    quiet_from: str = "22:00"
    quiet_to: str = "07:00"
    wake_for: Literal["danger", "emergency"] = "danger"
    language: str = ""
    discreet: bool = False

    @property
    def all_places(self) -> tuple[DraftPlace, ...]:
        """Places added, and the one being found."""
        return (*self.places, self.current) if self.current is not None else self.places

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Channels that were ticked; a device that is added later counts too."""
        ticked = {"email": self.by_email, "sms": self.by_text, "push": True}
        return tuple(channel for channel in CHANNELS if ticked.get(channel))

    @property
    def is_reachable(self) -> bool:
        """True if a way is ticked, and each that is has its address."""
        ways = ((self.by_email, self.email), (self.by_text, self.phone), (self.by_push, self.push))
        return any(ticked for ticked, _ in ways) and all(address for ticked, address in ways if ticked)

    def topics(self, known: tuple[str, ...]) -> tuple[str, ...]:
        """Topics wanted of the `known` ones without newsletters; () for all of them and no newsletter."""
        ticked = tuple(topic for topic in known if topic not in self.unticked)
        if len(ticked) == len(known) and not self.newsletters:
            return ()
        return (*ticked, *self.newsletters)

    def quiet_hours(self) -> QuietHours | None:
        """Quiet hours, None if off."""
        if not self.quiet:
            return None
        return QuietHours(start=self.quiet_from, end=self.quiet_to, wake_for=self.wake_for)

    def preferences(self, known: tuple[str, ...], timezone: str, *places: DraftPlace) -> Preferences:
        """Return the preferences that the draft means; `places` replace its own."""
        chosen = places or (() if self.everywhere else self.all_places)
        return Preferences(
            places=tuple(place.place() for place in chosen),
            topics=self.topics(known),
            severity_at_least=self.severity,
            channels=self.channels,
            language=self.language or "en",
            timezone=timezone,
            frequency=self.frequency,
            quiet_hours=self.quiet_hours(),
            danger_to_life=self.danger,
            discreet=self.discreet,
        )

    def body(self, known: tuple[str, ...], wording: str, now: datetime) -> SubscriberBody:
        """Return the body of the sign-up, with the consent that was ticked."""
        quiet = self.quiet_hours()
        return SubscriberBody(
            email=self.email if self.by_email else None,
            phone=self.phone if self.by_text else None,
            push=self.push if self.by_push else None,
            places=() if self.everywhere else tuple(place.body() for place in self.all_places),
            topics=self.topics(known),
            severity_at_least=self.severity,
            channels=self.channels,
            language=self.language,
            frequency=self.frequency,
            quiet_hours=None
            if quiet is None
            else QuietHoursBody(start=quiet.start, end=quiet.end, wake_for=quiet.wake_for),
            danger_to_life=self.danger,
            discreet=self.discreet,
            consent=ConsentBody(wording=wording, given_at=now, how="sign-up form"),
        )


class SentForm(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Knowledge of the page "One step left": the draft, who asked, and when messages went out."""

    draft: Draft
    at: int
    subscriber: UUID | None = None
    phone_contact: int = 0
    """Contact point that got a code; 0 if none."""
    again: bool = False
    follows: str = ""
    """Title of the message to be followed; "" for a sign-up."""
    follow_link: str = ""
    """Page on which the address is given, for another one."""


class Drafts:
    """Seals and opens drafts. `keys` seal; drafts live for a day."""

    def __init__(self, keys: SecretKeys) -> None:
        self._keys = keys

    def new(self, now: datetime, language: str) -> Draft:
        """Start a draft."""
        return Draft(started=int(now.timestamp()), nonce=secrets.token_hex(8), language=language)

    def seal(self, draft: Draft) -> str:
        """Seal a draft for a form or an address."""
        return seal_value(self._keys, PURPOSE, draft)

    def open(self, text: str, now: datetime) -> Draft | None:
        """Open a draft; None if it is none of ours, or is older than a day."""
        draft = open_value(self._keys, PURPOSE, Draft, text) if text else None
        if draft is None or now.timestamp() - draft.started > LIVES_FOR.total_seconds():
            return None
        return draft

    def seal_sent(self, sent: SentForm) -> str:
        """Seal the state of the last page."""
        return seal_value(self._keys, SENT, sent)

    def open_sent(self, text: str) -> SentForm | None:
        """Open the state of the last page."""
        return open_value(self._keys, SENT, SentForm, text) if text else None


def with_added(draft: Draft) -> Draft:
    """Move the place that was found to those added, so that another can be found."""
    if draft.current is None:
        return draft
    return replace(draft, places=draft.all_places[:MOST_PLACES], current=None)
