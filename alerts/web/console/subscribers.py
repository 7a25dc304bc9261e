"""Subscribers: one person found by an address, with a reason, and their history; suppressions and their repair.

Who has not looked a person up in the last hour does not see their page. Addresses are masked, but for the one by which
the person was found.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from aiohttp import web

from alerts.channels.registry import ANSWERABLE
from alerts.commands.look_ups import REASON
from alerts.domain.reference_data import MemberState
from alerts.kernel.errors import DomainError, Invalid
from alerts.kernel.events import Recorded
from alerts.kernel.terms import Channel
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.console.frame import CHANNELS, Frame
from alerts.web.console.member_actor import actor_of_member, member_of, once_field
from alerts.web.console.place_choice import RADII, chosen_place
from alerts.web.console.presenter import Presenter
from alerts.web.console.subscriber_history import SHOWN, history, why_not
from alerts.web.http.auth import caught_up
from alerts.web.http.routing import Route, role
from alerts.web.public.forms import FormErrors, FormFields, read_form
from alerts.web.public.sign_up.contact_fields import masked_email, masked_phone
from subscribers.domain.events import SubscriberLookedUp
from subscribers.domain.lifecycle import testable
from subscribers.domain.subscriber import SUBSCRIBER, ContactState, SubscriberState

PATH = "/console/subscribers"
OPEN_FOR = timedelta(hours=1)
"""Time for which a look-up shows the person's page."""
_AN_HOUR = 120
"""Look-ups of one member in an hour."""
_MOST = 50
SUPPRESSED = {
    "hard-bounce": "the address does not exist, or takes nothing",
    "gone": "the device gave its subscription up",
    "complaint": "they complained that it was unwanted",
    "opt-out": "they said STOP",
    "by-hand": "stopped by hand",
}
DONE = {
    "places": "Their places are changed.",
    "pause": "It is paused. A danger to life still reaches them.",
    "resume": "The pause has ended.",
    "link": "A link to their own page is on its way, unless one has just been sent.",
    "test": "A test is on its way, unless one was sent today.",
    "end": "It has ended: nothing is sent to them any more.",
    "erase": "Everything about them is erased.",
    "signed-up": "They are signed up, and get alerts from now on.",
}
"""Words for what was just done, by its name in the address."""
_ASKED_FOR = ("complaint", "opt-out")
"""Suppressions that a person wanted: lifted only if they ask for it."""


def routes(services: Services) -> list[Route]:
    """Policy rows of the screens."""
    screens, access = SubscriberScreens(services), role("author", everywhere=True)
    return [
        Route("GET", PATH, screens.ask, access),
        Route("POST", PATH, screens.find, access),
        Route("GET", f"{PATH}/suppressed", screens.suppressed, access),
        Route("POST", f"{PATH}/lift", screens.lift, access),
        Route("GET", f"{PATH}/{{person}}", screens.one, access),
    ]


class SubscriberScreens:
    """Handlers of the screens."""

    def __init__(self, services: Services) -> None:
        self._services, self._frame = services, Frame(services)

    async def ask(self, request: web.Request) -> web.Response:
        """Show the form of a look-up."""
        return await self._ask(request, FormFields({}), FormErrors())

    async def find(self, request: web.Request) -> web.Response:
        """Look a person up by an address, on record."""
        fields, errors = await read_form(request), FormErrors()
        address, reason = fields.line("address"), fields.line("reason")
        if not address:
            errors.add("address", "Give an e-mail address, or a telephone number.")
        if not reason:
            errors.add("reason", "Say why you look.")
        elif len(reason) > REASON:
            errors.add("reason", f"Shorten it to {REASON} characters.")
        if errors:
            return await self._ask(request, fields, errors, status=422)
        count_look_up(self._services, member_of(request))
        try:
            saved = await self._services.commands.look_up(actor_of_member(request), address, reason)
        except DomainError as error:
            found = error.errors if isinstance(error, Invalid) else ()
            field = found[0].field if found and found[0].field == "reason" else "address"
            errors.add(field, error.message)
            return await self._ask(request, fields, errors, status=422)
        return await self._frame.to(f"{PATH}/{saved.id}")

    async def one(self, request: web.Request) -> web.Response:
        """Show a person to whoever has looked them up in the last hour; else the form of a look-up."""
        person = subscriber_id(request.match_info["person"])
        if person is None:
            raise web.HTTPNotFound
        return await self.person_page(request, person, FormFields({}), FormErrors())

    async def suppressed(self, request: web.Request) -> web.Response:
        """List the addresses that are sent nothing."""
        return await self._suppressed(request, FormFields({}), FormErrors())

    async def lift(self, request: web.Request) -> web.Response:
        """Lift the suppression of one contact point, with a reason; a wish of the person only when they ask for it."""
        fields, errors = await read_form(request), FormErrors()
        number, person = fields.whole("lift"), subscriber_id(request.query.get("person", ""))
        if number is None:
            number = -1
        card = (await read(self._services, self._services.directory.cards, [number])).get(number)
        field, tick = f"reason-{number}", f"wanted-{number}"
        reason = fields.line(field)
        if card is None or card.suppressed is None:
            errors.add("suppressed", "This address is not suppressed any more.")
        elif not reason:
            errors.add(field, "Say why it may be sent to again.")
        elif len(reason) > REASON:
            errors.add(field, f"Shorten it to {REASON} characters.")
        elif card.suppressed in _ASKED_FOR and not fields.ticked(tick):
            words = SUPPRESSED[card.suppressed]
            errors.add(tick, f"Careful: {words}. Lift it only if they ask you to, and tick that.")
        if not errors:
            await self._services.commands.lift(actor_of_member(request), number, reason)
            fields = fields.without(field, tick)
            if not await self.unfinished(person, fields):
                return await self._frame.to(f"{PATH}/{person}" if person is not None else f"{PATH}/suppressed")
        status = 422 if errors else 200
        if person is not None:
            return await self.person_page(request, person, fields, errors, status)
        return await self._suppressed(request, fields, errors, status)

    async def unfinished(self, person: UUID | None, fields: FormFields) -> bool:
        """True if something was typed on a page for another of its acts."""
        if fields.has_words("until", "place", *fields.names("agreed-"), *fields.names("reason-")):
            return True
        state = await read(self._services, self._services.log.state, SUBSCRIBER, person) if person else None
        return state is not None and any(
            not place["kept"] or place["typed"] != place["radius"] for place in _places(state, fields)
        )

    async def _ask(
        self, request: web.Request, fields: FormFields, errors: FormErrors, status: int = 200
    ) -> web.Response:
        context = {
            "here": "subscribers",
            "path": f"{self._frame.site.base}{PATH}",
            "address": fields.line("address"),
            "done": DONE.get(request.query.get("done", ""), ""),
            "reason": fields.line("reason"),
            "errors": errors.words,
            "error_heading": "There is a problem",
        }
        return self._frame.screen(request, "console/subscribers.html", context, status)

    async def person_page(
        self,
        request: web.Request,
        person: UUID,
        fields: FormFields,
        errors: FormErrors,
        status: int = 200,
        done: str = "",
    ) -> web.Response:
        """Show a person's page to whoever has looked them up; else the form of a look-up.

        `fields`: what was typed and is still to be taken. `done`: name of the act that was just done.
        """
        state = await read(self._services, self._services.log.state, SUBSCRIBER, person)
        if state is None or state.phase == "erased":
            raise web.HTTPNotFound
        events = await read(self._services, self._services.log.stream, person)
        looked = self._looked_up(events, actor_of_member(request).by)
        if looked is None:
            wanted = FormErrors()
            wanted.add("reason", "Say why you look.")
            return await self._ask(request, FormFields({}), wanted, status=403)
        await caught_up(self._services)
        asked = fields.line("notice") or request.query.get("notice", "")
        context = await read(self._services, self._context, state, events, looked, request.query.get("show", ""), asked)
        context |= await self._phone_context(state, fields, errors)
        context["done"] = DONE.get(done or request.query.get("done", ""), "")
        return self._frame.screen(request, "console/subscriber.html", {**context, **_typed(fields, errors)}, status)

    async def looked_up(self, request: web.Request, person: UUID) -> SubscriberState | None:
        """Return a person whom this member has looked up in the last hour; None for another."""
        events = await read(self._services, self._services.log.stream, person)
        if self._looked_up(events, actor_of_member(request).by) is None:
            return None
        return await read(self._services, self._services.log.state, SUBSCRIBER, person)

    async def _phone_context(self, state: SubscriberState, fields: FormFields, errors: FormErrors) -> dict[str, Any]:
        """Context of what is done for somebody on the telephone. `errors`: of the act that was refused."""
        act = fields.line("do") if errors else ""
        choice = await chosen_place(self._services, fields if act == "places" else FormFields({}), FormErrors())
        choice.typed, choice.radius = fields.line("place"), fields.one_of("radius", RADII, choice.radius)
        typed = {name: fields.line(name) for name in ("until", *fields.names("agreed-"))}
        places = _places(state, fields)
        begun = {name.removeprefix("agreed-") for name, words in typed.items() if words and name != "until"}
        if typed["until"]:
            begun.add("pause")
        if choice.typed or any(not one["kept"] or one["typed"] != one["radius"] for one in places):
            begun.add("places")
        return {
            "is_subscribed": state.phase == "confirmed",
            "acting": begun | {act},
            "typed_for": typed,
            "place_choice": choice,
            "places_mark": places_mark(state),
            "radii": [(one, f"{one} km") for one in RADII],
            "places": places,
            "link_ways": [
                (str(c.number), f"{CHANNELS[c.channel]} {_masked(c.channel, c.address)}") for c in link_ways(state)
            ],
            "is_testable": bool(testable(state)),
        }

    def _looked_up(self, events: list[Recorded], by: str) -> Recorded | None:
        """Return the member's last look-up of this person, if it still shows their page."""
        since = self._services.clock() - OPEN_FOR
        return next(
            (
                one
                for one in reversed(events)
                if isinstance(one.event, SubscriberLookedUp) and one.by == by and one.at > since
            ),
            None,
        )

    async def _suppressed(
        self, request: web.Request, fields: FormFields, errors: FormErrors, status: int = 200
    ) -> web.Response:
        await caught_up(self._services)
        try:
            page = await read(self._services, self._services.directory.suppressed, request.query.get("cursor"), _MOST)
        except ValueError:
            raise web.HTTPNotFound from None
        path = f"{self._frame.site.base}{PATH}"
        context = {
            "here": "subscribers",
            "path": path,
            "person": "",
            "contacts": [_way(card.number, card.channel, card.address, card.suppressed, "") for card in page.items],
            "older": f"{path}/suppressed?cursor={page.next}" if page.next else "",
            **_typed(fields, errors),
        }
        return self._frame.screen(request, "console/suppressed.html", context, status)

    def _context(
        self, state: SubscriberState, events: list[Recorded], looked: Recorded, show: str, notice: str
    ) -> dict[str, Any]:
        presenter, views, now = Presenter(self._frame), self._services.views, self._services.clock()
        by_number = looked.event.number if isinstance(looked.event, SubscriberLookedUp) else 0
        reason = looked.event.reason if isinstance(looked.event, SubscriberLookedUp) else ""
        recent = [n for n in views.recent(now - timedelta(days=30), now) if n.issued and n.plan.status == "Actual"]
        asked = next((n for n in recent if str(n.id) == notice), None)
        found = state.contact(by_number)
        preferences = state.preferences
        return {
            "here": "subscribers",
            "path": f"{self._frame.site.base}{PATH}",
            "person": str(state.id),
            "title": _shown(found, by_number) if found is not None else "Subscriber",
            "phase": state.phase,
            "paused": presenter.time(state.paused_until) if state.paused_until and state.paused_until > now else "",
            "since": presenter.time(state.since),
            "how": state.how,
            "language": presenter.translator.language(preferences.language) if preferences else "",
            "looked_at": presenter.time(looked.at),
            "looked_why": reason,
            "show": show if show in SHOWN else "",
            "shows": list(SHOWN.items()),
            "history": history(presenter, state, events, show),
            "notices": [(str(n.id), presenter.card(n)["title"]) for n in recent[:_MOST]],
            "asked": str(asked.id) if asked is not None else "",
            "why": why_not(presenter, asked.id, state.id) if asked is not None else None,
            "contacts": [
                _way(c.number, c.channel, c.address, c.suppressed, c.state, full=c.number == by_number)
                for c in state.current
            ],
        }


def link_ways(state: SubscriberState) -> list[ContactState]:
    """Contact points to which a link to the person's own page can go."""
    return [c for c in state.current if c.channel in ANSWERABLE and c.state == "verified" and not c.suppressed]


def _way(
    number: int, channel: Channel, address: str | None, suppressed: str | None, state: str, *, full: bool = False
) -> dict[str, Any]:
    """Format a contact point for the parts that list them."""
    return {
        "number": number,
        "channel": CHANNELS[channel],
        "shown": (address or "") if full else _masked(channel, address),
        "state": state,
        "suppressed": suppressed or "",
        "why": SUPPRESSED.get(suppressed or "", suppressed or ""),
        "wanted": suppressed in _ASKED_FOR,
    }


def _shown(contact: ContactState, by_number: int) -> str:
    if contact.number == by_number and contact.address is not None and contact.channel in ("email", "sms", "phone"):
        return contact.address
    return _masked(contact.channel, contact.address)


def _masked(channel: Channel, address: str | None) -> str:
    """Return what of an address its owner knows it by; nothing of a device or a letter's."""
    if address is None:
        return ""
    if channel == "email":
        return masked_email(address)
    return f"ends in {masked_phone(address)}" if channel in ("sms", "phone") else ""


def _typed(fields: FormFields, errors: FormErrors) -> dict[str, Any]:
    return {
        "typed": {name: fields.line(name) for start in ("reason-", "wanted-") for name in fields.names(start)},
        "errors": errors.words,
        "error_heading": "There is a problem",
        **once_field(),
    }


def count_look_up(services: Services, member: MemberState) -> None:
    """Count a look-up of a member. Raises TooManyRequests beyond what a help desk needs."""
    services.limits.take(f"look-up:{member.id}", _AN_HOUR / 3600, burst_seconds=1800.0)


def _places(state: SubscriberState, fields: FormFields) -> list[dict[str, Any]]:
    """Return a person's places, with ticks and distances as they were changed on a page that showed these places."""
    changed = fields.line("shown") == places_mark(state)
    found = []
    for at, place in enumerate(state.preferences.places if state.preferences else ()):
        radius = f"{place.radius_km:g}" if place.lat is not None and place.radius_km else ""
        found.append(
            {
                "words": place.name or place.slug or "A drawn area",
                "radius": radius,
                "typed": fields.line(f"radius-{at}") if changed and radius else radius,
                "kept": not changed or str(at) in fields.all("keep"),
            }
        )
    return found


def places_mark(state: SubscriberState) -> str:
    """Return the mark of a person's places that a form shows, so that its ticks are not taken for other places."""
    places = state.preferences.places if state.preferences else ()
    return hashlib.sha256(msgspec.json.encode(places)).hexdigest()[:16]


def subscriber_id(text: str) -> UUID | None:
    """Return the id in an address; None if it is none."""
    try:
        return UUID(text)
    except ValueError:
        return None
