"""Conversion between a subscriber's body and contact points with preferences."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from alerts.channels.descriptor import AddressRules, EndpointRule
from alerts.channels.registry import REGISTRY, WRITABLE
from alerts.commands import validation
from alerts.commands.register_cache import KnownNames
from alerts.contract.bodies import ConsentBody, QuietHoursBody, SubscriberBody, SubscriberPlaceBody
from alerts.gazetteer import Postcodes
from alerts.kernel.errors import Invalid
from alerts.kernel.terms import CHANNEL_TERMS, CHANNELS, Channel
from subscribers.domain.events import Consent, Preferences, QuietHours, SubscriberPlace
from subscribers.domain.subscriber import SubscriberState

MAX_PLACES = 100
MAX_RADIUS_KM = 1_000.0
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


class SubscriberEdit(SubscriberBody, frozen=True, kw_only=True):
    """Target of a subscriber's merge patch."""

    paused_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class RequestedPreferences:
    """Validated subscriber body."""

    reaches: tuple[tuple[Channel, str], ...]
    """Channel and normalized address, at most one per channel."""
    preferences: Preferences
    consent: Consent | None


def check_subscriber(
    body: SubscriberBody,
    known: KnownNames,
    *,
    language: str,
    timezone: str,
    endpoints: EndpointRule | None,
    prefixes: tuple[str, ...] = (),
    kept: Collection[tuple[Channel, str]] = (),
    postcodes: Postcodes | None = None,
) -> RequestedPreferences:
    """Validate a body, with the instance's `language` and `timezone` as defaults. Raises Invalid.

    `prefixes`: prefixes of accepted telephone numbers (empty: any). `kept`: addresses that the person has already: the
    rules for new ones do not apply to them.
    """
    validation.check_times(body)
    reaches = _reaches(body, AddressRules(prefixes, endpoints), kept)
    if len(body.places) > MAX_PLACES:
        raise Invalid.field("places", f"At most {MAX_PLACES} places are taken.")
    if body.channels is not None and not body.channels:
        raise Invalid.field("channels", "Name at least one channel, or leave it out for all.")
    for index, topic in enumerate(body.topics):
        known.topic(topic, f"topics.{index}")
    preferences = Preferences(
        places=tuple(_place(place, f"places.{index}", known, postcodes) for index, place in enumerate(body.places)),
        topics=tuple(dict.fromkeys(body.topics)),
        severity_at_least=body.severity_at_least,
        channels=tuple(c for c in CHANNELS if body.channels is None or c in body.channels),
        language=validation.language(body.language or language),
        timezone=validation.timezone(body.timezone or timezone),
        frequency=body.frequency,
        quiet_hours=_quiet(body.quiet_hours),
        danger_to_life=body.danger_to_life,
        tester=body.tester,
        relay=body.relay,
        discreet=body.discreet,
    )
    return RequestedPreferences(reaches, preferences, _consent(body.consent))


def _reaches(
    body: SubscriberBody, rules: AddressRules, kept: Collection[tuple[Channel, str]] = ()
) -> tuple[tuple[Channel, str], ...]:
    """Channel and address, in its normal form, of each address that the body gives."""
    found: list[tuple[Channel, str]] = []
    for channel, row in WRITABLE.items():
        field = CHANNEL_TERMS[channel].field
        given = getattr(body, field)
        if isinstance(given, str) and (channel, given) in kept:
            found.append((channel, given))
        elif given is not None:
            found.append((channel, row.parse_address(given, field, rules)))
    return tuple(found)


def _place(
    body: SubscriberPlaceBody, field: str, known: KnownNames, postcodes: Postcodes | None = None
) -> SubscriberPlace:
    from alerts.kernel.geometry import FINE_CIRCLE, check_point, resolve_area, validate_area

    name = validation.text(body.name, f"{field}.name", validation.NAME, line=True)
    is_point, by_postcode = body.lat is not None or body.lon is not None, body.postcode is not None
    if sum((is_point, by_postcode, body.place is not None, body.area is not None)) != 1:
        raise Invalid.field(field, "Give exactly one of lat with lon, postcode, place, or area.")
    if body.radius_km is not None and not (is_point or by_postcode):
        raise Invalid.field(f"{field}.radius_km", "Only a point (lat and lon) or a postcode has a radius.")
    if body.postcode is not None:
        return _around_postcode(body.postcode, name, body.radius_km or 0.0, field, postcodes)
    if body.place is not None:
        if body.place not in known.places:
            validate_area({"place": body.place}, field, known.places)  # refuses it, with the list
        return SubscriberPlace(name=name, slug=body.place)
    if body.area is not None:
        parts = validate_area(body.area, f"{field}.area", known.places, known.bounds)
        if len(parts) == 1 and "type" in parts[0]:
            return SubscriberPlace(name=name, area=parts[0])
        circle = parts[0].get("circle") if len(parts) == 1 else None
        if circle is not None and circle["radius_km"] <= MAX_RADIUS_KM:
            # kept as a circle: a polygon would lose the area between two corners
            return SubscriberPlace(name=name, **circle)
        if any("place" in part for part in parts):
            raise Invalid.field(f"{field}.area", "Give a registered place as a place of its own.")
        return SubscriberPlace(name=name, area=resolve_area(parts, lambda _: None).to_geojson(FINE_CIRCLE))
    if body.lat is None or body.lon is None:
        raise Invalid.field(field, "A point needs both lat and lon.")
    check_point(body.lat, body.lon, field, known.bounds)
    radius = _radius(body.radius_km or 0.0, field)
    return SubscriberPlace(name=name, lat=body.lat, lon=body.lon, radius_km=radius)


def _around_postcode(
    code: str, name: str, radius_km: float, field: str, postcodes: Postcodes | None
) -> SubscriberPlace:
    """Return the circle around a postcode, named by it unless it has a name."""
    if postcodes is None or not postcodes.available:
        raise Invalid.field(
            f"{field}.postcode",
            "Postcodes are not available on this server: give lat and lon with a radius, or a registered place.",
        )
    found = postcodes.find(code)
    if found is None:
        raise Invalid.field(
            f"{field}.postcode", f"{code[:20]!r} is no postcode that we know: check it, or give lat and lon."
        )
    radius = _radius(radius_km, field)
    return SubscriberPlace(name=name or found.code, lat=found.lat, lon=found.lon, radius_km=radius)


def _radius(km: float, field: str) -> float:
    if not 0.0 <= km <= MAX_RADIUS_KM:
        raise Invalid.field(f"{field}.radius_km", f"Give 0 to {MAX_RADIUS_KM:.0f} kilometres.")
    return km


def _quiet(body: QuietHoursBody | None) -> QuietHours | None:
    if body is None:
        return None
    for name, value in (("from", body.start), ("to", body.end)):
        if not _CLOCK.fullmatch(value):
            raise Invalid.field(f"quiet_hours.{name}", "Write a local time such as 22:00.")
    return QuietHours(start=body.start, end=body.end, wake_for=body.wake_for)


def _consent(body: ConsentBody | None) -> Consent | None:
    if body is None:
        return None
    return Consent(
        wording=validation.text(body.wording, "consent.wording", validation.BODY, needed=True),
        given_at=body.given_at,
        how=validation.text(body.how, "consent.how", validation.REASON, needed=True),
    )


def following_as_before(requested: RequestedPreferences, before: Preferences | None) -> RequestedPreferences:
    """Keep what the person follows, which no body names; who gets a place or topics wants more than that since."""
    if before is None or not before.followed:
        return requested
    wanted = requested.preferences
    alone = before.only_followed and not wanted.places and not wanted.topics
    kept = msgspec.structs.replace(wanted, followed=before.followed, only_followed=alone)
    return replace(requested, preferences=kept)


def with_asked_threads(requested: RequestedPreferences, before: SubscriberState | None) -> RequestedPreferences:
    """Keep the threads that a request asks for which waits for its confirmation: one confirmation is for both."""
    if before is None or before.phase != "requested" or before.preferences is None or requested.preferences.followed:
        return requested
    kept = msgspec.structs.replace(requested.preferences, followed=before.preferences.followed)
    return replace(requested, preferences=kept)


def subscriber_json(state: SubscriberState) -> dict[str, Any]:
    """Return a subscriber as the body that creates them: shown by GET, and the base of a merge patch."""
    preferences = state.preferences or Preferences()
    document: dict[str, Any] = msgspec.to_builtins(preferences)
    for name in ("followed", "only_followed"):  # of the person's own pages, not of a body
        document.pop(name, None)
    document["places"] = [_place_json(place) for place in preferences.places]
    if preferences.quiet_hours is not None:
        quiet = preferences.quiet_hours
        document["quiet_hours"] = {"from": quiet.start, "to": quiet.end, "wake_for": quiet.wake_for}
    for channel in WRITABLE:
        row = REGISTRY[channel]
        theirs = [c.address for c in state.current if c.channel == channel and c.address is not None]
        if theirs:
            # Of several devices only the last is shown: patching in another adds a device, null removes all.
            document[row.terms.field] = row.as_body(theirs[-1 if row.terms.per_device else 0])
    if state.paused_until is not None:
        document["paused_until"] = state.paused_until.isoformat()
    return document


def _place_json(place: SubscriberPlace) -> dict[str, Any]:
    document: dict[str, Any] = {"name": place.name} if place.name else {}
    if place.slug is not None:
        return {**document, "place": place.slug}
    if place.area is not None:
        return {**document, "area": place.area}
    return {**document, "lat": place.lat, "lon": place.lon, "radius_km": place.radius_km}
