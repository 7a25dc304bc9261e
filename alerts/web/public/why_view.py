"""View that explains a delivery in sentences: the subscription, the trigger, the approval and the outcome.

It names organisations and roles, never staff, and shows no address. Whoever holds the message reads it, and several
exact distances would find a home: names of places and distances in full are for the holder of a fresh link alone.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from alerts.channels.i18n import Translator, direction, translator
from alerts.domain.notice import NoticeState
from alerts.domain.place_names import place_name
from alerts.explain.why import Check, Why
from alerts.kernel.geometry import resolve_area
from alerts.kernel.languages import choose
from alerts.kernel.signed_tokens import contact_token, delivery_token
from alerts.services import Services
from alerts.web.public import why_words
from alerts.web.public.templating import Site
from subscribers.audience.nearest import Where, nearest
from subscribers.domain.events import SubscriberPlace
from subscribers.domain.subscriber import SUBSCRIBER

_NAMED_PLACE = re.compile(r"the place “.*”|\bplace \d+\b", re.DOTALL)
_AWAY = re.compile(r"(?<!its )(?<![\d.])(\d+(?:\.\d+)?) (m|km)\b")
"""Distances of `subscribers.audience.explain.metres`, but not the radius that the person chose."""
_OUTCOMES = {
    "queued": "It is waiting to leave.",
    "held": "It is held for later",
    "sending": "It is on its way.",
    "sent": "It left, and your provider took it",
    "delivered": "It was delivered",
    "deferred": "Your provider asked us to try again later",
    "failed-permanent": "Your provider refused it for good",
    "failed-technical": "It could not leave, and a person looks into it",
    "expired": "It was not sent, because its time was over",
    "suppressed": "It was not sent, because nothing is sent to this address any more",
    "superseded": "It was not sent, because a newer message took its place",
    "cancelled": "It was not sent, because the message was withdrawn",
}


def why_page(
    services: Services, site: Site, number: int, contact: int, fresh: str | None = None, t: Translator | None = None
) -> dict[str, Any] | None:
    """Build the context for the delivery of notice `number` to contact point `contact`; None if there is none.

    `fresh`: the token of a fresh link, if one was given. `t`: the reader's language; English if absent.
    """
    notice = services.views.notice_by_number(number)
    found = None if notice is None else services.explainer.why(number, contact)
    if notice is None or found is None:
        return None
    proof = services.fresh_links.read(fresh) if fresh else None
    full = proof is not None and proof.subscriber == found.subscriber
    t, settings = t or translator("en"), services.settings
    language, title = title_of(notice, t.tag, settings.default_language)
    person = found.subscriber
    change = "" if person is None else contact_token(settings.secret_key, "preferences", person, contact)
    stop = delivery_token(settings.secret_key, "unsubscribe", number, contact)
    return {
        "title": title,
        "lang": language,
        "dir": direction(language),
        "notice_link": f"{site.base}/alerts/{notice.thread}",
        **_said(services, found, notice, t, full=full),
        "issuer": _issuer(services, notice, t),
        "change_link": f"{site.base}/preferences/{change}?lang={t.tag}" if change else "",
        "stop_link": f"{site.base}/unsubscribe/{stop}" if found.subscriber else "",
        "record": t.text("why", "record", position=t.number(found.position)) if found.position else "",
    }


def _said(services: Services, found: Why, notice: NoticeState, t: Translator, *, full: bool) -> dict[str, Any]:
    """Say reason, outcome, chain and rules in the reader's language."""
    timezone = services.settings.timezone
    if t.tag == "en":
        return {
            "lead": because(services, found, notice, full=full),
            "summary": summary(found),
            "steps": why_steps(found, timezone),
            "checks": checks(services, found, full=full),
        }
    return {
        "lead": _lead(services, found, notice, t, full=full),
        "summary": why_words.summary(t, found),
        "steps": why_words.steps(t, found, timezone),
        "checks": why_words.checks(t, found),
    }


def _issuer(services: Services, notice: NoticeState, t: Translator) -> str:
    """Say in whose name it went out; "" for the service itself."""
    found = services.views.issuer(notice.plan)
    name = "" if found is None else found.named(t.tag, services.settings.default_language)
    return t.text("message", "issued_by", name=name) if name else ""


def _lead(services: Services, found: Why, notice: NoticeState, t: Translator, *, full: bool) -> str:
    if found.subscriber is None:
        return t.text("why", "tester")
    person = services.log.state(SUBSCRIBER, found.subscriber, found.position or None)
    if person is None or person.preferences is None:
        return ""
    preferences, change = person.preferences, notice.plan.service_change
    if is_followed(found):
        return t.text("why", "follows")
    place = next((p for p in preferences.places if found.place in (p.name, p.slug)), None) if found.place else None
    name = _place_name(services, found, t.tag) if full else t.text("why", "a_place")
    return why_words.lead(
        t,
        day=t.day(person.confirmed_at, services.settings.timezone) if person.confirmed_at else "",
        topic=notice.plan.topic if notice.plan.topic in preferences.topics else None,
        place=name if found.place else "",
        radius_m=place.radius_km * 1000 if place is not None else 0.0,
        away_m=found.distance_m,
        point=_nearest_concerned(services, change, place) if change is not None else "",
        is_change=change is not None,
        full=full,
    )


def because(services: Services, found: Why, notice: NoticeState, *, full: bool) -> str:
    """Describe the preference that matched, as of the notice; "" if it is no longer known (erased).

    `full`: with the names of places and exact distances.
    """
    if found.subscriber is None:
        return "Because you are a tester or a member of the team, and this is a drill or a test."
    person = services.log.state(SUBSCRIBER, found.subscriber, found.position or None)
    if person is None or person.preferences is None:
        return ""
    t, settings = translator("en"), services.settings
    preferences = person.preferences
    if is_followed(found):
        return "Because you asked to follow this message until it is over."
    place = next((p for p in preferences.places if found.place in (p.name, p.slug)), None) if found.place else None
    subject = f"“{t.topic(notice.plan.topic)}”" if notice.plan.topic in preferences.topics else "alerts"
    name = _place_name(services, found) if full else "a place of yours"
    where = f" in {name}" if found.place else ""
    if place is not None and place.radius_km > 0:
        where = f" within {t.distance(place.radius_km * 1000)} of {f'“{name}”' if full else name}"
    when = f"on {t.day(person.confirmed_at, settings.timezone)} " if person.confirmed_at else ""
    return f"Because {when}you asked for {subject}{where}{_distance(services, found, notice, place, full=full)}."


def is_followed(found: Why) -> bool:
    """True if the message was due because its thread is followed."""
    return any(check.rule == "following" and check.holds for check in found.checks)


def _distance(services: Services, found: Why, notice: NoticeState, place: SubscriberPlace | None, *, full: bool) -> str:
    if not found.place or found.distance_m is None:
        return ""
    thing = "the area it concerns"
    if notice.plan.service_change is not None:
        name = _nearest_concerned(services, notice.plan.service_change, place)
        thing = f"this message concerns {name}, which" if name else "the nearest service point it concerns"
    if found.distance_m < 1 and not notice.plan.service_change:
        return ", which lies in the area that this message concerns"
    away = translator("en").distance(found.distance_m) if full else _coarse(found.distance_m)
    return f", and {thing} is {away} away"


def _coarse(distance_m: float) -> str:
    """Format a distance as far as the decision needs it: in whole kilometres."""
    return "less than 1 km" if distance_m < 1_000 else f"about {round(distance_m / 1_000)} km"


def _nearest_concerned(services: Services, change: UUID, place: SubscriberPlace | None) -> str:
    """Return the name of a change's service point nearest to a place; "" if the place has no position."""
    announced = services.views.service_change(change)
    where = None if place is None else _position(services, place)
    if announced is None or where is None:
        return ""
    points = [p for p in map(services.views.service_point, announced.facts.service_points) if p is not None]
    near = nearest([(p.id, p.facts.lat, p.facts.lon) for p in points], where)
    return next((p.facts.name for p in points if near and p.id == near[0][0]), "")


def _position(services: Services, place: SubscriberPlace) -> Where | None:
    """Return a subscriber's place as a position or shape; None if it is a drawn area or no longer registered."""
    if place.lat is not None and place.lon is not None:
        return place.lat, place.lon
    registered = services.views.place(place.slug) if place.slug else None
    return None if registered is None else resolve_area(registered.geometry, lambda _: None)


def _place_name(services: Services, found: Why, language: str = "en") -> str:
    """Return the owner's name of the matched place; the registered name for a registered one."""
    registered = services.views.place(found.place) if found.place else None
    return found.place if registered is None else place_name(registered, language, services.settings.default_language)


def checks(services: Services, found: Why, *, full: bool = True) -> list[dict[str, Any]]:
    """Format the evaluated rules as sentences. `full`: with the names of places and exact distances."""
    if not full:
        return [{"holds": check.holds, "detail": _sentence(_without_place(check))} for check in found.checks]
    named = f"“{_place_name(services, found)}”"
    named_checks = [(check.holds, check.detail.replace(f"“{found.place}”", named)) for check in found.checks]
    return [{"holds": holds, "detail": _sentence(detail)} for holds, detail in named_checks]


def _without_place(check: Check) -> str:
    """Return the detail of a check without the name of a place, with distances in whole kilometres."""
    if check.rule != "place":
        return check.detail
    unnamed = _NAMED_PLACE.sub("your place", check.detail)
    return _AWAY.sub(lambda m: _coarse(float(m[1]) * (1 if m[2] == "m" else 1_000)), unnamed)


def why_steps(found: Why, timezone: str) -> list[dict[str, str]]:
    """Format the chain, one sentence per step, oldest first."""
    return [
        {"at": _to_the_second(link.at, timezone), "text": _sentence(link.detail or link.what), "by": link.by}
        for link in found.chain
    ]


def summary(found: Why) -> str:
    """Format the outcome as one sentence."""
    outcome = _OUTCOMES.get(found.outcome, "")
    if not outcome:
        return "This person was due for the message." if found.due else "This person was not due for the message."
    reason = f": {found.reason}" if found.reason and not outcome.endswith(".") else ""
    return f"{outcome.rstrip('.')}{reason}."


def title_of(notice: NoticeState, wanted: str, default_language: str) -> tuple[str, str]:
    """Return (language, title) of a notice, in the wanted language if it has that."""
    if not notice.plan.content:
        return default_language, "a message without words"
    language, words = choose(notice.plan.content, wanted, default_language)
    return language, words.title


def _to_the_second(at: datetime, timezone: str) -> str:
    local = at.astimezone(ZoneInfo(timezone))
    return f"{translator('en').day(at, timezone)}, {local:%H:%M:%S}"


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) or not text else f"{text}."
