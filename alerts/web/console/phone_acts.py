"""Acts for a subscriber who is on the telephone: places, pause, link, test, end, erase; each by how they agreed.

They are on the person's page, which shows for an hour after a look-up; without one, nothing is done.
"""

from __future__ import annotations

import re
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from alerts.commands.actor import Actor
from alerts.commands.look_ups import REASON
from alerts.commands.ports import Idempotency
from alerts.commands.preferences import subscriber_json
from alerts.kernel.errors import DomainError, Invalid
from alerts.services import Services
from alerts.web.console.frame import Frame
from alerts.web.console.local_time import parse_day
from alerts.web.console.member_actor import actor_of_member, idempotency_of
from alerts.web.console.place_choice import chosen_place
from alerts.web.console.subscribers import PATH, SubscriberScreens, link_ways, places_mark, subscriber_id
from alerts.web.http.routing import Route, role
from alerts.web.public.forms import FormErrors, FormFields, read_form
from subscribers.domain.lifecycle import testable
from subscribers.domain.subscriber import SubscriberState

BY_WORD = ("places", "pause", "resume", "end", "erase")
"""Acts for which it is recorded how the person agreed."""
ACTS = (*BY_WORD, "link", "test", "explain")
_FIELDS = {"places": ("place", "pick", "keep", "radius", "shown"), "pause": ("until",)}
"""Fields of an act besides how they agreed."""
_RADIUS = re.compile(r"\d{1,4}(?:[.,]\d{1,3})?")


def routes(services: Services) -> list[Route]:
    """Policy row of the acts."""
    acts = PhoneActs(services)
    return [Route("POST", f"{PATH}/{{person}}/act", acts.take, role("author", everywhere=True))]


class PhoneActs:
    """Handler of the acts."""

    def __init__(self, services: Services) -> None:
        self._services, self._frame = services, Frame(services)
        self._screens = SubscriberScreens(services)

    async def take(self, request: web.Request) -> web.Response:
        """Do one thing for the person, then show their page; or their page with what is wrong."""
        fields, errors = await read_form(request), FormErrors()
        act = fields.one_of("do", ACTS, "")
        person = subscriber_id(request.match_info["person"])
        if not act or person is None:
            raise web.HTTPNotFound
        state = await self._screens.looked_up(request, person)
        if state is None:
            return await self._screens.person_page(request, person, fields, errors)  # which asks why they look
        if act == "explain":
            return await self._screens.person_page(request, person, fields, errors)
        if act == "erase" and state.phase == "erased":  # a second press
            return await self._frame.to(f"{PATH}?done={act}")
        agreed = fields.line(f"agreed-{act}")
        if act in BY_WORD and not agreed:
            errors.add(f"agreed-{act}", "Say how they agreed, such as: by telephone, 14:05.")
        elif len(agreed) > REASON:
            errors.add(f"agreed-{act}", f"Shorten it to {REASON} characters.")
        try:
            if not errors:
                await self._do(request, state, act, fields, errors, agreed)
        except Invalid as error:
            for one in error.errors:
                errors.add("until" if one.field == "paused_until" else "act", one.message)
        except DomainError as error:
            errors.add("act", error.message)
        if errors:
            return await self._screens.person_page(request, person, fields, errors, status=422)
        if act == "erase":
            return await self._frame.to(f"{PATH}?done={act}")
        left = fields.without(f"agreed-{act}", "notice", *_FIELDS.get(act, ()))
        if act != "end" and await self._screens.unfinished(person, left):
            return await self._screens.person_page(request, person, left, errors, done=act)
        return await self._frame.to(f"{PATH}/{person}?done={act}")

    async def _do(
        self,
        request: web.Request,
        state: SubscriberState,
        act: str,
        fields: FormFields,
        errors: FormErrors,
        agreed: str,
    ) -> None:
        """Do it, or add to `errors`. Raises DomainError."""
        commands, actor, once = self._services.commands, actor_of_member(request), idempotency_of(request, fields)
        if act == "places":
            await self._places(actor, state, fields, errors, agreed, once)
        elif act == "pause":
            if (until := self._until(state, fields, errors)) is not None:
                await commands.pause(actor, state.id, until, idem=once, agreed=agreed)
        elif act == "resume":
            await commands.pause(actor, state.id, None, idem=once, agreed=agreed)
        elif act == "link":
            number = fields.whole("number")
            if number is None or number not in [c.number for c in link_ways(state)]:
                errors.add("act", "A link goes by e-mail or text only: choose one of those ways.")
            else:
                await commands.send_link_to(state.id, number, actor)
        elif act == "test":
            if not testable(state):
                errors.add("act", "No test can go to a landline or by letter: call them, or add another way.")
            else:
                await commands.send_test(state.id, actor)
        elif act == "end":
            await commands.end_subscriber(actor, state.id, "asked for", idem=once, agreed=agreed)
        elif not fields.ticked("sure"):
            errors.add("sure", "Tick that they asked for it.")
        else:
            await commands.end_subscriber(actor, state.id, "asked for", agreed=agreed)
            await commands.erase_subscriber(actor, state.id, idem=once)

    async def _places(
        self,
        actor: Actor,
        state: SubscriberState,
        fields: FormFields,
        errors: FormErrors,
        agreed: str,
        once: Idempotency | None,
    ) -> None:
        """Take the ticked places with their distances, and one more. Without any they would get everything: refused."""
        if fields.line("shown") != places_mark(state):  # the ticks count places that are others now
            errors.add("act", "Their places have changed since you opened this page: look at them, then save again.")
            return
        kept: list[Any] = []
        for at, place in enumerate(subscriber_json(state)["places"]):
            if str(at) not in fields.all("keep"):
                continue
            given = fields.line(f"radius-{at}")
            if "radius_km" in place and given:
                if _RADIUS.fullmatch(given) is None or not 0 < float(given.replace(",", ".")) <= 100:
                    errors.add(f"radius-{at}", "Give kilometres, from 0.1 to 100.")
                    continue
                place = {**place, "radius_km": float(given.replace(",", "."))}
            kept.append(place)
        more = await chosen_place(self._services, fields, errors)
        if more.found is not None:
            found = more.found
            kept.append(
                {"place": found.place}
                if found.place is not None
                else {"lat": found.lat, "lon": found.lon, "radius_km": found.radius_km, "name": found.name}
            )
        if not kept and not errors:
            errors.add("place", "Leave them at least one place: without any they get alerts from everywhere.")
        if not errors:
            await self._services.commands.change_subscriber(actor, state.id, {"places": kept}, agreed=agreed, idem=once)

    def _until(self, state: SubscriberState, fields: FormFields, errors: FormErrors) -> datetime | None:
        """The morning of a day, by the person's clock."""
        zone = ZoneInfo(state.preferences.timezone if state.preferences else self._services.settings.timezone)
        today = self._services.clock().astimezone(zone).date()
        day = parse_day(fields.line("until"), today)
        if day is None:
            errors.add("until", "Give a day such as 24 December, or 2026-12-24.")
            return None
        if not today < day <= today.replace(year=today.year + 1, day=min(today.day, 28)):
            errors.add("until", "Choose a day after today, at most a year ahead.")
            return None
        return datetime.combine(day, time(6), tzinfo=zone)
