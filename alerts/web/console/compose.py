"""Compose screen: write a notice as a draft, with whom it reaches and what is missing beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from aiohttp import web

from alerts.channels.i18n import LANGUAGES, direction
from alerts.contract.bodies import NoticeBody
from alerts.domain import notice_lifecycle as life
from alerts.domain.notice import NoticeState
from alerts.intake import strict_json
from alerts.kernel.errors import Conflict, DomainError, Forbidden, Invalid, Stale
from alerts.kernel.terms import CHANNELS as ALL_CHANNELS
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.console import notice_form
from alerts.web.console.frame import CHANNELS, Frame
from alerts.web.console.member_actor import ONCE, actor_of_member, idempotency_of, notice_id, once_key
from alerts.web.console.notice_form import NoticeForm
from alerts.web.console.presenter import Presenter
from alerts.web.console.previews import previews
from alerts.web.http.auth import caught_up
from alerts.web.http.routing import Route, role
from alerts.web.public.forms import FormErrors, read_form
from alerts.web.public.map_svg import Zone, draw

_MEANINGS: dict[str, dict[str, str]] = {
    "severity": {
        "Extreme": "Extreme: extraordinary danger to life or property",
        "Severe": "Severe: danger to life or property",
        "Moderate": "Moderate: possible danger",
        "Minor": "Minor: little danger",
        "Unknown": "Not known yet",
    },
    "urgency": {
        "Immediate": "Immediate: act now",
        "Expected": "Expected: act within the hour",
        "Future": "Future: act soon",
        "Past": "Past: no need to act any more",
        "Unknown": "Not known yet",
    },
    "certainty": {
        "Observed": "Observed: it has happened",
        "Likely": "Likely: more than even odds",
        "Possible": "Possible: less than even odds",
        "Unlikely": "Unlikely",
        "Unknown": "Not known yet",
    },
}
_STATUSES = (
    ("Actual", "Real: residents get it"),
    ("Exercise", "Drill: testers and the team"),
    ("Test", "Test: testers and the team"),
)
_FIELD_OF = {"area": "near", "audience": "near", "expires": "ends-day", "channels": "channel", "priority": "severity"}
"""Field of the form for a field of the API's body."""


def routes(services: Services) -> list[Route]:
    """Policy rows of the screen."""
    compose = Compose(services)
    one = "/console/notices/{notice}/edit"
    return [
        Route("GET", "/console/notices/new", compose.blank, role("author")),
        Route("POST", "/console/notices/new", compose.create, role("author")),
        Route("GET", one, compose.show, role("author")),
        Route("POST", one, compose.save, role("author")),
    ]


class Compose:
    """Handlers of compose."""

    def __init__(self, services: Services) -> None:
        self._services, self._frame = services, Frame(services)
        self._zone, self._language = services.settings.timezone, services.settings.default_language

    async def blank(self, request: web.Request) -> web.Response:
        """Show the form of a new notice."""
        form = notice_form.blank(self._services.clock(), self._zone, self._language, ALL_CHANNELS)
        return await self._screen(request, form, FormErrors(), None)

    async def create(self, request: web.Request) -> web.Response:
        """Draft a notice; then its own form."""
        fields = await read_form(request)
        form, errors = await read(self._services, self._parse, fields, ())
        if errors:
            return await self._screen(request, form, errors, None, status=422)
        body = {name: value for name, value in notice_form.body_of(form, self._zone).items() if value is not None}
        try:
            saved = await self._services.commands.draft_notice(
                actor_of_member(request),
                strict_json.typed(body, NoticeBody),
                idem=idempotency_of(request, fields),
            )
        except DomainError as error:
            return await self._screen(request, form, _errors_of(error), None, status=422)
        return await self._to(f"/console/notices/{saved.id}/{'check' if fields.line('do') == 'check' else 'edit'}")

    async def show(self, request: web.Request) -> web.Response:
        """Show a draft's form."""
        state = await self._draft(notice_id(request))
        form = notice_form.of_plan(state.plan, self._zone, self._language)
        return await self._screen(request, form, FormErrors(), state)

    async def save(self, request: web.Request) -> web.Response:
        """Save a draft; a colleague's change in between is shown, and nothing typed is lost."""
        fields, state = await read_form(request), await self._draft(notice_id(request))
        form, errors = await read(self._services, self._parse, fields, state.plan.area or ())
        if errors:
            return await self._screen(request, form, errors, state, status=422)
        version = fields.line("version")
        try:
            await self._services.commands.revise_notice(
                actor_of_member(request),
                state.id,
                notice_form.body_of(form, self._zone),
                int(version) if version.isdigit() else None,
            )
        except Stale:
            errors.add(
                "title",
                "A colleague has changed this draft since you opened it. Below is what you typed: saving it "
                "again takes yours; theirs is in the log.",
            )
            return await self._screen(request, form, errors, await self._draft(state.id), status=409)
        except DomainError as error:
            return await self._screen(request, form, _errors_of(error), state, status=422)
        return await self._to(f"/console/notices/{state.id}/{'check' if fields.line('do') == 'check' else 'edit'}")

    def _parse(self, fields: Any, before: Sequence[Any]) -> tuple[NoticeForm, FormErrors]:
        lookup = self._services.place_lookup
        return notice_form.parse(fields, before, lambda text: lookup.find(text, "en"), self._zone, self._language)

    async def _draft(self, notice: UUID) -> NoticeState:
        """Load a notice that may still be edited, as the log has it. Raises HTTPNotFound, Conflict."""
        from alerts.domain.streams import NOTICE

        state = await read(self._services, self._services.log.state, NOTICE, notice)
        if state is None:
            raise web.HTTPNotFound
        if state.phase not in life.EDITABLE:
            raise Conflict(f"A notice that is {state.phase} is not edited any more; make an update of it instead.")
        return state

    async def _screen(
        self, request: web.Request, form: NoticeForm, errors: FormErrors, state: NoticeState | None, status: int = 200
    ) -> web.Response:
        context = await read(self._services, self._context, form, errors, state)
        reach = await self._reach(state) if state is not None else None
        return self._frame.screen(request, "console/compose.html", {**context, "reach": reach}, status)

    async def _reach(self, state: NoticeState) -> dict[str, Any]:
        """Whom the saved draft would reach now; the reason if that cannot be counted."""
        number = self._frame.translator.number
        try:
            counted = await self._services.commands.count_plan(state.plan)
        except (Invalid, Forbidden) as error:
            return {"why": error.message}
        return {
            "people": number(counted.people),
            "unreachable": number(counted.unreachable),
            "channels": [(CHANNELS.get(c, c), number(n)) for c, n in counted.by_channel.items()],
            "languages": [(self._frame.translator.language(tag), number(n)) for tag, n in counted.by_language.items()],
        }

    def _context(self, form: NoticeForm, errors: FormErrors, state: NoticeState | None) -> dict[str, Any]:
        presenter, now = Presenter(self._frame), self._services.clock()
        area_words = presenter.place_shapes.where(state.plan.area, presenter.translator) if state else ""
        danger = form.kind == "alert" and form.severity in ("Extreme", "Severe") and form.status == "Actual"
        danger = danger and form.urgency in ("Immediate", "Expected") and form.certainty in ("Observed", "Likely")
        return {
            "here": "compose",
            "form": form,
            "errors": errors.words,
            "error_heading": "There is a problem",
            "state": state,
            "once": once_key(),
            "once_name": ONCE,
            "drill": form.status != "Actual",
            "danger": danger,
            "meanings": _MEANINGS,
            "statuses": _STATUSES,
            "topics": [(topic.slug, topic.name.get("en", topic.slug)) for topic in self._services.views.topics()],
            "all_channels": [(channel, CHANNELS.get(channel, channel)) for channel in ALL_CHANNELS],
            "area_parts": [_part_words(part) for part in form.area],
            "area_words": area_words,
            "map": self._map(presenter, state),
            "languages_of": [
                (tag, presenter.translator.language(tag), direction(tag), words) for tag, words in form.words.items()
            ],
            "more_languages": [(tag, presenter.translator.language(tag)) for tag in LANGUAGES if tag not in form.words],
            "missing": [gap.message for gap in life.gaps(state.plan, now)] if state else [],
            "previews": previews(self._services, state, area_words, now) if state else [],
            "zone": self._zone,
        }

    def _map(self, presenter: Presenter, state: NoticeState | None) -> str | None:
        area = presenter.place_shapes.area(state.plan.area) if state is not None else None
        if state is None or area is None or area.empty:
            return None
        zone = Zone(presenter.style_class(state), area)
        return str(draw(presenter.place_shapes.outlines(), [zone], [], "Map of the area"))

    async def _to(self, path: str) -> web.Response:
        """Redirect, once the read models show what was just written."""
        await caught_up(self._services)
        return web.Response(status=303, headers={"Location": f"{self._frame.site.base}{path}"})


def _errors_of(error: DomainError) -> FormErrors:
    """Errors of a command at the form's fields."""
    errors = FormErrors()
    for one in error.errors if isinstance(error, Invalid) else ():
        path = one.field.split(".")
        name = f"{path[2]}-{path[1]}" if path[0] == "content" and len(path) > 2 else _FIELD_OF.get(path[0], path[0])
        errors.add(name.split("[")[0] or "title", one.message)
    if not errors:
        errors.add("title", error.message)
    return errors


def _part_words(part: dict[str, Any]) -> str:
    """Describe a part of an area."""
    if "place" in part:
        return str(part["place"]).replace("-", " ").capitalize()
    if "circle" in part:
        circle = part["circle"]
        return f"A circle of {float(circle['radius_km']) * 1000:,.0f} m around {circle['lat']:.5f}, {circle['lon']:.5f}"
    return f"A drawn outline ({part.get('type', 'GeoJSON')})"
