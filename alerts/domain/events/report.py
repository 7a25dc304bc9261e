"""Events of residents' reports. What a resident wrote is sealed under the report's own key."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from alerts.kernel.events import Event
from alerts.kernel.terms import Channel


class ReportReceived(Event, frozen=True, kw_only=True):
    """A resident reported something. It is published by nobody but a person."""

    personal: ClassVar[tuple[str, ...]] = ("words", "where", "lat", "lon", "address")
    private: ClassVar[tuple[str, ...]] = ("receipt",)

    receipt: str
    """Number by which the resident sees what became of it, such as `R-4471-KD7P`: it takes the place of a password."""
    language: str
    place: str | None = None
    """Registered place that contains the position."""
    photo: bool = False
    """True if a photo is in the photo store."""
    contact: int | None = None
    """Contact point number of `address`, which exists for the answer alone; None without an address."""
    channel: Channel | None = None
    words: str | None = None
    where: str | None = None
    lat: float | None = None
    lon: float | None = None
    address: str | None = None


class ReportAnswered(Event, frozen=True, kw_only=True):
    """A person answered. The answer goes to the address, if there is one, and to the page of the receipt number.

    It repeats the personal fields: a document keeps the last sealed value of its stream.
    """

    personal: ClassVar[tuple[str, ...]] = ("words", "where", "lat", "lon", "address", "answer")

    contact: int | None = None
    channel: Channel | None = None
    words: str | None = None
    where: str | None = None
    lat: float | None = None
    lon: float | None = None
    address: str | None = None
    answer: str | None = None


class ReportDismissed(Event, frozen=True, kw_only=True):
    """A person decided that nothing follows from it."""

    reason: str


class ReportAccepted(Event, frozen=True, kw_only=True):
    """A person made an incident of it."""

    incident: UUID


class ReportErased(Event, frozen=True, kw_only=True):
    """Its key and its photo were destroyed: words, place, address and answer cannot be read any more."""


EVENTS: tuple[type[Event], ...] = (
    ReportReceived,
    ReportAnswered,
    ReportDismissed,
    ReportAccepted,
    ReportErased,
)
