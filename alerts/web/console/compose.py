"""Compose screen: write a notice as a draft, with whom it reaches and what is missing beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from aiohttp import web

from alerts.channels.i18n import LANGUAGES, direction
from alerts.contract.bodies import NoticeBody
from alerts.domain import notice_lifecycle as life
from alerts.domain.notice import NoticeState
from alerts.domain.reference_data import MemberState
from alerts.domain.streams import NOTICE
from alerts.intake import strict_json
from alerts.kernel.errors import Conflict, DomainError, Forbidden, Invalid, Stale
from alerts.kernel.people_words import people_words
from alerts.kernel.terms import CHANNELS as ALL_CHANNELS
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.console import notice_form
from alerts.web.console.comments import CommentSection
from alerts.web.console.draft_merge import Collision, merge, take, taken
from alerts.web.console.draft_review import NEAR_MISS_M, DraftReview
from alerts.web.console.frame import CHANNELS, Frame
from alerts.web.console.member_actor import ONCE, actor_of_member, idempotency_of, member_of, notice_id, once_key
from alerts.web.console.notice_form import NoticeForm
from alerts.web.console.organisation_choice import name_options
from alerts.web.console.presenter import Presenter
from alerts.web.console.template_choice import begun_from, template_options
from alerts.web.http.routing import Route, role
from alerts.web.public.forms import FormErrors, FormFields, read_form
from alerts.web.public.map_svg import Zone, draw

MEANINGS: dict[str, dict[str, str]] = {
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
COMMENT = "comment"
"""Act that saves, then comments: what was typed beside the comment is not lost without the page's script."""
COUNT = "count"
"""Act of the page's script while an area is drawn: count, and save nothing."""
TEMPLATE = "template"
"""Act that fills the form from a template, and saves nothing."""
AUTO = "auto"
"""Act of the page's script: save, and answer with the parts of the page that depend on it."""
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
        self._review, self._comments = DraftReview(self._frame), CommentSection(self._frame)
        self._zone, self._language = services.settings.timezone, services.settings.default_language

    async def blank(self, request: web.Request) -> web.Response:
        """Show the form of a new notice: blank, or begun from a template."""
        form = notice_form.blank(self._services.clock(), self._zone, self._language, ALL_CHANNELS)
        if request.query.get("drill") == "1":
            form.status = "Exercise"
        errors = FormErrors()
        form = await begun_from(self._services, form, request.query.get("template", ""), errors)
        return await self._screen(request, form, errors, None, 404 if errors else 200)

    async def create(self, request: web.Request) -> web.Response:
        """Draft a notice; then its own form."""
        fields = await read_form(request)
        form, errors = await read(self._services, self._parse, fields, ())
        if fields.line("do") == COUNT:
            return await self._counted(request, form, None)
        if fields.line("do") == TEMPLATE:
            errors = FormErrors()
            form = await begun_from(self._services, form, fields.line("start"), errors)
            return await self._screen(request, form, errors, None, 404 if errors else 200, fields)
        if errors:
            return await self._refused(request, fields, form, errors, None, 422)
        body = {name: value for name, value in notice_form.body_of(form, self._zone).items() if value is not None}
        try:
            saved = await self._services.commands.draft_notice(
                actor_of_member(request),
                strict_json.typed(body, NoticeBody),
                template=notice_form.template_of(form),
                idem=idempotency_of(request, fields, whole=False),  # the script's press, then the person's: one draft
            )
        except DomainError as error:
            return await self._refused(request, fields, form, _errors_of(error), None, 422)
        state = await self._draft(saved.id)
        drafted = state if state.version == saved.version else await self._at(state, saved.position)
        _leave_name(form, drafted)
        if not taken(form, notice_form.of_plan(drafted.plan, self._zone, self._language)):
            return await self._done(request, fields, saved.id)
        # An earlier press had fewer words: that of the script, which was under way.
        return await self._saved(request, fields, form, drafted)

    async def show(self, request: web.Request) -> web.Response:
        """Show a draft's form."""
        state = await self._draft(notice_id(request))
        if actor_of_member(request).by == state.returned_by:
            raise Forbidden(life.RETURNER)
        form = notice_form.of_plan(state.plan, self._zone, self._language)
        notice_form.add_language(form, request.query.get("language", ""))
        asked = request.query.get("reaches", "")[:200].strip()
        answer = await self._review.reaches(state, asked) if asked else ""
        return await self._screen(request, form, FormErrors(), state, asked=asked, answer=answer)

    async def save(self, request: web.Request) -> web.Response:
        """Save a draft. Of a colleague's change in between, each field that only they changed is taken over."""
        fields, state = await read_form(request), await self._draft(notice_id(request))
        began = await self._began(state, fields)
        form, errors = await read(self._services, self._parse, fields, began.plan.area or ())
        theirs = notice_form.of_plan(state.plan, self._zone, self._language)
        notice_form.keep_kind(form, theirs)
        if fields.line("do") == COUNT:
            return await self._counted(request, form, state)
        take(form, theirs, fields.all("take"))
        if fields.line("do") == "grow":
            notice_form.grow(form, NEAR_MISS_M)
        if errors:  # the next press merges from where this editor began
            return await self._refused(request, fields, form, errors, began, 422)
        return await self._saved(request, fields, form, began)

    async def _saved(
        self, request: web.Request, fields: FormFields, form: NoticeForm, began: NoticeState
    ) -> web.Response:
        """Save what an editor made of the draft `began`, merged with what others have made of it since."""
        state, merged = await self._draft(began.id), form
        _leave_name(form, began)
        if began.version != state.version:
            theirs = notice_form.of_plan(state.plan, self._zone, self._language)
            base = notice_form.of_plan(began.plan, self._zone, self._language)
            merged, collisions = merge(base, form, theirs)
            if collisions:
                return await self._collided(request, fields, merged, collisions, state)
        try:
            await self._services.commands.revise_notice(
                actor_of_member(request),
                state.id,
                notice_form.patch_of(merged, state.plan, self._zone),
                state.version,
            )
        except Stale:
            words = "A colleague saved this draft at the same moment. Nothing of yours is lost: save it again."
            return await self._refused(request, fields, form, _error("title", words), began, 409)
        except DomainError as error:
            return await self._refused(request, fields, merged, _errors_of(error), state, 422)
        return await self._done(request, fields, state.id, taken(form, merged))

    async def _counted(self, request: web.Request, form: NoticeForm, state: NoticeState | None) -> web.Response:
        """Answer the page's script with how many people a form would reach, or why that is not known."""
        if state is None:
            body = {name: value for name, value in notice_form.body_of(form, self._zone).items() if value is not None}
        else:
            body = notice_form.patch_of(form, state.plan, self._zone)
        body.pop("expires", None)
        try:
            counted = await self._services.commands.count_draft(
                actor_of_member(request), body, state.id if state else None
            )
        except DomainError as error:
            return web.json_response({"words": f"Not counted: {error.message}"})
        return web.json_response(
            {"words": f"It would reach {people_words(self._frame.translator.number(counted.people))}."}
        )

    def _parse(self, fields: Any, before: Sequence[Any]) -> tuple[NoticeForm, FormErrors]:
        lookup = self._services.place_lookup
        now = self._services.clock()
        return notice_form.parse(fields, before, lambda text: lookup.find(text, "en"), self._zone, self._language, now)

    async def _began(self, state: NoticeState, fields: FormFields) -> NoticeState:
        """Return the draft from which an editor began; as it is now if the form does not say."""
        position = fields.whole("position")
        return state if position in (None, state.position) else await self._at(state, position)

    async def _at(self, state: NoticeState, position: int) -> NoticeState:
        """Return a draft as it was at a position of the log."""
        log = self._services.log
        return await read(self._services, lambda: log.state(NOTICE, state.id, position)) or state

    async def _draft(self, notice: UUID) -> NoticeState:
        """Load a notice that may still be edited, as the log has it. Raises HTTPNotFound, Conflict."""
        state = await read(self._services, self._services.log.state, NOTICE, notice)
        if state is None:
            raise web.HTTPNotFound
        if state.phase not in life.EDITABLE:
            raise Conflict(f"A notice that is {state.phase} is not edited any more; make an update of it instead.")
        return state

    async def _screen(
        self,
        request: web.Request,
        form: NoticeForm,
        errors: FormErrors,
        state: NoticeState | None,
        status: int = 200,
        fields: FormFields | None = None,
        **more: Any,
    ) -> web.Response:
        context = await self._context(form, errors, state, fields)
        context |= await read(self._services, self._names, member_of(request), form, state)
        return self._frame.screen(request, "console/compose.html", {**context, **more}, status)

    async def _refused(
        self,
        request: web.Request,
        fields: FormFields,
        form: NoticeForm,
        errors: FormErrors,
        state: NoticeState | None,
        status: int,
    ) -> web.Response:
        """Show what was typed, with what is wrong; nothing was saved."""
        if fields.line("do") == AUTO:
            return web.json_response({"errors": errors.words}, status=status)
        return await self._screen(request, form, errors, state, status, fields)

    async def _commented(self, request: web.Request, fields: FormFields, state: NoticeState) -> web.Response:
        """Comment on a draft that was just saved."""
        errors = await self._comments.add(request, fields, state)
        if errors:
            form = notice_form.of_plan(state.plan, self._zone, self._language)
            return await self._screen(request, form, errors, state, 422, fields)
        return await self._frame.to(f"/console/notices/{state.id}/edit#comments")

    async def _collided(
        self,
        request: web.Request,
        fields: FormFields,
        form: NoticeForm,
        collisions: list[Collision],
        state: NoticeState,
    ) -> web.Response:
        """Show both values of each field that two people changed."""
        errors = _error(
            "title",
            "A colleague has changed this draft since you opened it. What only they changed is taken over; where both "
            "of you wrote, yours stands: tick what shall be theirs, and save again.",
        )
        if fields.line("do") == AUTO:
            return web.json_response({"errors": errors.words, "collision": True}, status=409)
        return await self._screen(request, form, errors, state, 409, fields, collisions=collisions)

    async def _done(
        self, request: web.Request, fields: FormFields, notice: UUID, merged: dict[str, Any] | None = None
    ) -> web.Response:
        """Answer a save: the parts of the page that depend on it, or the page that was asked for.

        `merged`: fields that a colleague has changed, for the page's script to show.
        """
        do = fields.line("do")
        if do == COMMENT:
            return await self._commented(request, fields, await self._draft(notice))
        if do != AUTO:
            shown = {
                "reaches": fields.line("reaches") if do == "reaches" else "",
                "language": fields.line("add-language"),
            }
            query = urlencode({name: value for name, value in shown.items() if value})
            tail = f"?{query}" if query else ""
            return await self._frame.to(f"/console/notices/{notice}/{'check' if do == 'check' else 'edit'}{tail}")
        state = await self._draft(notice)
        form = notice_form.of_plan(state.plan, self._zone, self._language)
        context = await self._context(form, FormErrors(), state, recent=True)
        return web.json_response(
            {
                "url": f"{self._frame.site.base}/console/notices/{notice}/edit",
                "version": state.version,
                "position": state.position,
                "saved": f"Draft saved {self._services.clock().astimezone(ZoneInfo(self._zone)):%H:%M:%S}."
                + (" What a colleague changed is taken over." if merged else ""),
                "taken": merged or {},
                "aside": self._part("aside", context),
                "area": self._part("area", context),
                "dock": self._part("dock", context),
                "talk": self._part("talk", context),
            }
        )

    def _part(self, name: str, context: dict[str, Any]) -> str:
        return self._frame.pages.render(f"console/compose_{name}.html", self._frame.translator, context).decode()

    async def _context(
        self,
        form: NoticeForm,
        errors: FormErrors,
        state: NoticeState | None,
        fields: FormFields | None = None,
        recent: bool = False,
    ) -> dict[str, Any]:
        return {
            **await read(self._services, self._fields, form, errors, state),
            **(await self._review.of(state, recent=recent) if state is not None else {"area_words": ""}),
            **await read(self._services, self._comments.of, state, fields),
        }

    def _fields(self, form: NoticeForm, errors: FormErrors, state: NoticeState | None) -> dict[str, Any]:
        translator = self._frame.translator
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
            "meanings": MEANINGS,
            "statuses": _STATUSES,
            "topics": [(topic.slug, topic.name.get("en", topic.slug)) for topic in self._services.views.topics()],
            "all_channels": [(channel, CHANNELS.get(channel, channel)) for channel in ALL_CHANNELS],
            "area_parts": [(notice_form.part_value(part), notice_form.part_words(part)) for part in form.area],
            "map": self._map(state),
            "languages_of": [
                (tag, translator.language(tag), direction(tag), words) for tag, words in form.words.items()
            ],
            "more_languages": [(tag, translator.language(tag)) for tag in LANGUAGES if tag not in form.words],
            "zone": self._zone,
            **template_options(self._services.views, form, state),
        }

    def _names(self, member: MemberState, form: NoticeForm, state: NoticeState | None) -> dict[str, Any]:
        """Return the names to choose from, and the one that it has where there is no choice."""
        views, chosen = self._services.views, form.organisation or (state.plan.organisation if state else None)
        names = name_options(views, member, self._frame.site.name, state, chosen)
        only = chosen or (member.organisations[0] if member.organisations else None)
        found = views.organisation(only) if only and not names else None
        return {"names": names, "issuer": found.sender_name if found is not None else ""}

    def _map(self, state: NoticeState | None) -> str | None:
        presenter = Presenter(self._frame)
        area = presenter.place_shapes.area(state.plan.area) if state is not None else None
        if state is None or area is None or area.empty:
            return None
        zone = Zone(presenter.style_class(state), area)
        return str(draw(presenter.place_shapes.outlines(), [zone], [], "Map of the area"))


def _leave_name(form: NoticeForm, began: NoticeState) -> None:
    """Leave the organisation as it was, where the form did not ask for it."""
    if form.organisation is None:
        form.organisation = began.plan.organisation or ""


def _error(field: str, words: str) -> FormErrors:
    errors = FormErrors()
    errors.add(field, words)
    return errors


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
