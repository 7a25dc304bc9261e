"""Personalisation: the notice's content in the reader's language, and the reader's own data (RULES 12, 20)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from alerts.channels.i18n import translator
from alerts.channels.message import Alternative, NoticeWords, Personal
from alerts.delivery_queue.row_format import DeliveryFlag
from alerts.domain.place_names import place_name, where
from alerts.kernel.check_codes import check_code
from alerts.kernel.geometry import Area, area_of, resolve_area
from alerts.kernel.ids import delivery_id
from alerts.kernel.languages import choose
from alerts.kernel.secret_keys import SecretKeys
from alerts.kernel.signed_tokens import FreshLink, contact_token, delivery_token, fresh_link_token
from alerts.kernel.terms import SERVICE_CHANGES_TOPIC
from subscribers.audience.issued_notice import IssuedNotice
from subscribers.audience.nearest import Where, alternatives, nearest, within
from subscribers.audience.query import ChangeReach
from subscribers.audience.reference_data import ReferenceData
from subscribers.audience.service_change_matching import nearest_matters
from subscribers.directory import ContactCard
from subscribers.domain.events import SubscriberPlace

FRESH_FOR = timedelta(hours=1)
"""Life of a fresh link (RULES "Identity")."""


@dataclass(frozen=True, slots=True)
class SenderProfile:
    """Sender data common to all messages."""

    public_url: str
    """Without a trailing slash."""
    secret: SecretKeys
    sender: str
    timezone: str
    default_language: str

    def delivery(self, notice: int, contact: int) -> str:
        """Public id of a delivery."""
        return delivery_id(self.secret, notice, contact)

    def why_url(self, notice: int, contact: int) -> str:
        """Link that explains why this person got the message."""
        return f"{self.public_url}/why/{delivery_token(self.secret, 'why', notice, contact)}"

    def stop_url(self, notice: int, contact: int) -> str:
        """Link that ends this contact point with one click."""
        return f"{self.public_url}/unsubscribe/{delivery_token(self.secret, 'unsubscribe', notice, contact)}"

    def confirm_url(self, card: ContactCard) -> str:
        """Link that verifies this contact point."""
        return f"{self.public_url}/confirm/{contact_token(self.secret, 'confirm', card.subscriber, card.number)}"

    def preferences_url(self, card: ContactCard) -> str:
        """Link to what this person gets, to change or pause it; it shows no address."""
        token = contact_token(self.secret, "preferences", card.subscriber, card.number)
        return f"{self.public_url}/preferences/{token}"

    def fresh_url(self, card: ContactCard, now: datetime) -> str:
        """Link that proves, for an hour, that somebody reads this contact point."""
        token = fresh_link_token(self.secret, FreshLink(card.subscriber, card.number, now + FRESH_FOR))
        return f"{self.public_url}/preferences/{token}"


def notice_content(
    issued: IssuedNotice, language: str, sender: SenderProfile, reference_data: ReferenceData
) -> NoticeWords:
    """Content of a notice, equal for every reader of a language."""
    organisation = issued.organisation
    body_language, content = choose(issued.plan.content, language, sender.default_language)
    return NoticeWords(
        notice=issued.id,
        number=issued.number,
        thread=issued.thread,
        kind=issued.plan.kind,
        msg_type=issued.msg_type,
        status=issued.plan.status,
        priority=issued.priority,
        severity=issued.plan.severity,
        danger_to_life=issued.danger_to_life,
        frame_language=language,
        body_language=body_language,
        title=content.title,
        body=content.body,
        instruction=content.instruction,
        sms=content.sms,
        area_words=area_words(issued, language, sender.default_language, reference_data),
        issued_at=issued.issued_at.astimezone(UTC),
        expires=issued.expires,
        url=f"{sender.public_url}/alerts/{quote(str(issued.id))}",
        short_url=f"{sender.public_url}/a/{issued.number}",
        sender=organisation.sender(sender.sender) if organisation else sender.sender,
        timezone=sender.timezone,
        effective=issued.effective,
        concerned=issued.concerned,
        organisation=organisation.named(language, sender.default_language) if organisation else "",
        sender_name=organisation.sender_name if organisation else "",
        check_code=check_code(sender.secret, issued.number),
    )


def area_words(issued: IssuedNotice, language: str, default: str, reference_data: ReferenceData) -> str:
    """Names of the registered places that the area overlaps, as they were at the issue; "" if there is none."""
    current = {place.slug: place for place in reference_data.places()}
    then = current if issued.places is None else {place.slug: place for place in issued.places}

    def outline(slug: str) -> Area | None:
        if then[slug] is current.get(slug):
            return reference_data.place_area(slug)
        return resolve_area(then[slug].geometry, lambda _: None)

    return where(issued.area, then.values(), outline, language, default, translator(language).comma)


def personal_content(
    issued: IssuedNotice, card: ContactCard, flags: int, sender: SenderProfile, reference_data: ReferenceData
) -> Personal:
    """Data for this reader alone. Raises ValueError if the address is gone."""
    if card.address is None:
        raise ValueError("the address is no longer known")
    team = bool(flags & DeliveryFlag.TEAM)
    place = matched_place(issued, card, reference_data)
    return Personal(
        delivery=sender.delivery(issued.number, card.number),
        to=card.address,
        why_url=sender.why_url(issued.number, card.number),
        stop_url="" if team else sender.stop_url(issued.number, card.number),
        preferences_url="" if team else sender.preferences_url(card),
        place_name=_name_of(issued, place, card, sender, reference_data) if place else "",
        place_radius_m=place.radius_km * 1000 if place is not None and place.lat is not None else 0.0,
        topic=issued.plan.topic or (SERVICE_CHANGES_TOPIC if issued.plan.kind == "service-change" else None),
        relay=bool(card.preferences and card.preferences.relay),
        follows=place is None and card.preferences is not None and issued.thread in card.preferences.followed,
        alternatives=_alternatives(issued, place, reference_data, sender.timezone),
    )


def matched_place(issued: IssuedNotice, card: ContactCard, reference_data: ReferenceData) -> SubscriberPlace | None:
    """First of the reader's places that the notice matches; None if no place mattered."""
    places = card.preferences.places if card.preferences else ()
    if issued.reach is not None:
        return next((p for p in places if _reached(p, issued.reach, reference_data.place_area)), None)
    if issued.area is None:
        return None
    return next((p for p in places if _touches(p, issued.area, reference_data.place_area)), None)


def _touches(place: SubscriberPlace, area: Area, place_area: Callable[[str], Area | None]) -> bool:
    where = _where(place, place_area)
    if isinstance(where, Area):
        return area.overlaps(where)
    return where is not None and area.touches(where[0], where[1], place.radius_km * 1000)


def _reached(place: SubscriberPlace, reach: ChangeReach, place_area: Callable[[str], Area | None]) -> bool:
    """True if a change reaches a place (RULES 11), for wording only; `subscribers.audience.matching` decides."""
    where = _where(place, place_area)
    if where is None:
        return False
    own = 0.0 if isinstance(where, Area) else place.radius_km * 1000
    if within(where, [(point.lat, point.lon, point.reach_km * 1000 + own) for point in reach.points]):
        return True
    concerned = {point.id for point in reach.points}
    return any(nearest(points, where, most=1)[0][0] in concerned for points in nearest_matters(reach))


def _where(place: SubscriberPlace, place_area: Callable[[str], Area | None]) -> Where | None:
    if place.lat is not None and place.lon is not None:
        return place.lat, place.lon
    if place.slug is not None:
        return place_area(place.slug)
    return area_of([place.area], place_area) if place.area is not None else None


def _alternatives(
    issued: IssuedNotice, place: SubscriberPlace | None, reference_data: ReferenceData, timezone: str
) -> tuple[Alternative, ...]:
    if place is None or issued.reach is None or not issued.open_points:
        return ()
    where = _where(place, reference_data.place_area)
    if where is None:
        return ()
    return tuple(
        Alternative(
            name=near.point.name,
            address=near.point.address,
            distance_m=near.distance_m,
            opening_hours=near.point.opening_hours,
            next_visit=near.next_visit,
            minutes=near.minutes,
        )
        for near in alternatives(
            issued.open_points, issued.point_kind, where, issued.effective or issued.issued_at, timezone
        )
    )


def _name_of(
    issued: IssuedNotice,
    place: SubscriberPlace,
    card: ContactCard,
    sender: SenderProfile,
    reference_data: ReferenceData,
) -> str:
    """The reader's own name for the place, else the registered name at the issue, in their language."""
    if place.name or place.slug is None:
        return place.name
    then = (one for one in issued.places or () if one.slug == place.slug)
    registered = next(then, None) or reference_data.place(place.slug)
    if registered is None or not registered.name:
        return ""
    return place_name(registered, card.language or sender.default_language, sender.default_language)
