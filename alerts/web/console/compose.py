"""Compose screen: write a notice as a draft, with whom it reaches and what is missing beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from aiohttp import web

from alerts.contract.bodies import NoticeBody
from alerts.domain import notice_lifecycle as life
from alerts.domain.notice import NoticeState
from alerts.domain.streams import NOTICE
from alerts.intake import strict_json
from alerts.kernel.errors import Conflict, DomainError, Forbidden, Invalid, Stale
from alerts.kernel.people_words import people_words
from alerts.kernel.terms import CHANNELS as ALL_CHANNELS
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.console import notice_form
from alerts.web.console.comments import CommentSection
from alerts.web.console.compose_view import ComposeView
from alerts.web.console.draft_merge import Collision, merge, take, taken
from alerts.web.console.draft_outline import corners_of, simplify
from alerts.web.console.draft_review import NEAR_MISS_M, DraftReview
from alerts.web.console.frame import Frame
from alerts.web.console.member_actor import actor_of_member, idempotency_of, member_of, notice_id
from alerts.web.console.notice_form import AUTO, COUNT, NoticeForm
from alerts.web.console.template_choice import begun_from
from alerts.web.http.routing import Route, role
from alerts.web.public.forms import FormErrors, FormFields, read_form

COMMENT = "comment"
"""Act that saves, then comments: what was typed beside the comment is not lost without the page's script."""
TEMPLATE = "template"
"""Act that fills the form from a template, and saves nothing."""
SIMPLIFY = "simplify"
"""Act that saves the area with fewer corners."""
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
        self._view = ComposeView(self._frame, self._review, self._comments)
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
            return await self._counted(request, form, None, errors)
        if fields.line("do") == TEMPLATE:
            errors = FormErrors()
            form = await begun_from(self._services, form, fields.line("start"), errors)
            return await self._screen(request, form, errors, None, 404 if errors else 200, fields)
        if not errors and fields.line("do") == SIMPLIFY:
            await self._simplify(form, errors)
        if errors:
            return await self._refused(request, fields, form, errors, None, 422)
        notice_form.fill_blanks(form)
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
            return await self._done(request, fields, saved.id, simplified=form.corners_before)
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
        before = request.query.get("simplified", "")
        after = await read(self._services, corners_of, form.area) if before.isdecimal() else 0
        simplified = (before, after) if before.isascii() and after and len(before) < 8 else None
        shown: dict[str, Any] = {"asked": asked, "answer": answer, "simplified": simplified}
        shown["shown_language"] = request.query.get("language", "")
        return await self._screen(request, form, FormErrors(), state, **shown)

    async def save(self, request: web.Request) -> web.Response:
        """Save a draft. Of a colleague's change in between, each field that only they changed is taken over."""
        fields, state = await read_form(request), await self._draft(notice_id(request))
        began = await self._began(state, fields)
        form, errors = await read(self._services, self._parse, fields, began.plan.area or ())
        theirs = notice_form.of_plan(state.plan, self._zone, self._language)
        notice_form.keep_kind(form, theirs)
        if fields.line("do") == COUNT:
            return await self._counted(request, form, state, errors)
        take(form, theirs, fields.all("take"))
        if fields.line("do") == "grow":
            notice_form.grow(form, NEAR_MISS_M)
        if not errors and fields.line("do") == SIMPLIFY:
            await self._simplify(form, errors)
        if errors:  # the next press merges from where this editor began
            return await self._refused(request, fields, form, errors, began, 422)
        notice_form.fill_blanks(form)
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
            notice_form.fill_blanks(merged)  # also in the words of a colleague
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
        return await self._done(request, fields, state.id, taken(form, merged), form.corners_before)

    async def _simplify(self, form: NoticeForm, errors: FormErrors) -> None:
        """Put an area of fewer corners into a form; an error if there is none."""
        try:
            if not await read(self._services, simplify, form):
                errors.add("fine", "Fewer corners would not do: the area stays as it is.")
        except DomainError as error:
            errors.add("near", error.message)

    async def _counted(
        self, request: web.Request, form: NoticeForm, state: NoticeState | None, errors: FormErrors
    ) -> web.Response:
        """Answer the page's script with how many people a form would reach, or why that is not known."""
        wrong = next((errors.words[name] for name in ("geojson", "postcodes", "radius") if name in errors.words), "")
        if wrong:
            return web.json_response({"words": f"Not counted: {wrong}"})
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
        said = [f"It would reach {people_words(self._frame.translator.number(counted.people))}."]
        fine = await read(self._services, self._review.outline_problem, form.area)
        if fine is not None:
            said.append(f"Its outline is too fine: {fine.words}")
        return web.json_response({"words": " ".join(said)})

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
        context = await self._view.page(member_of(request), form, errors, state, fields)
        return self._frame.screen(request, "console/compose.html", {**context, **more}, status, frames=True)

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
        if form.simplified_from is not None:
            form.area = form.simplified_from
        if fields.line("do") == AUTO:
            counts = await read(self._services, self._view.counts, form, state)
            return web.json_response({"errors": errors.words, "counts": counts}, status=status)
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
        self,
        request: web.Request,
        fields: FormFields,
        notice: UUID,
        merged: dict[str, Any] | None = None,
        simplified: int = 0,
    ) -> web.Response:
        """Answer a save: the parts of the page that depend on it, or the page that was asked for.

        `merged`: fields that a colleague has changed, for the page's script to show. `simplified`: corners of the area
        before this press has simplified it.
        """
        do = fields.line("do")
        if do == COMMENT:
            return await self._commented(request, fields, await self._draft(notice))
        if do != AUTO:
            shown = {
                "reaches": fields.line("reaches") if do == "reaches" else "",
                "language": fields.line("add-language"),
                "simplified": str(simplified) if simplified else "",
            }
            query = urlencode({name: value for name, value in shown.items() if value})
            tail = f"?{query}" if query else ""
            screen = "check" if do == "check" and not shown["language"] else "edit"  # a new language has no words yet
            return await self._frame.to(f"/console/notices/{notice}/{screen}{tail}")
        state = await self._draft(notice)
        form = notice_form.of_plan(state.plan, self._zone, self._language)
        context = await self._view.draft(form, FormErrors(), state, recent=True)
        return web.json_response(
            {
                "url": f"{self._frame.site.base}/console/notices/{notice}/edit",
                "version": state.version,
                "position": state.position,
                "saved": f"Draft saved {self._services.clock().astimezone(ZoneInfo(self._zone)):%H:%M:%S}."
                + (" What a colleague changed is taken over." if merged else ""),
                "taken": merged or {},
                "counts": context["counts"],
                "lacks": context["lacks"],
                **{name: self._part(name, context) for name in ("aside", "area", "fine", "dock", "talk")},
            }
        )

    def _part(self, name: str, context: dict[str, Any]) -> str:
        return self._frame.pages.render(f"console/compose_{name}.html", self._frame.translator, context).decode()


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
