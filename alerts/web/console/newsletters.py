"""Newsletters: series with their recurrence, the next five times before it is saved, and their issues."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from alerts.contract.bodies import BulletinBody, NewsletterBody
from alerts.domain import recurrence
from alerts.domain.events import NewsletterSchedule
from alerts.domain.newsletter import NewsletterState
from alerts.domain.reference_data import MemberState
from alerts.intake import strict_json
from alerts.kernel.errors import DomainError, Invalid
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.console import series
from alerts.web.console.frame import Frame
from alerts.web.console.member_actor import ONCE, actor_of_member, idempotency_of, member_of, once_key
from alerts.web.console.organisation_choice import name_options
from alerts.web.console.presenter import Presenter
from alerts.web.console.series import SeriesForm, next_issues
from alerts.web.http.auth import caught_up
from alerts.web.http.routing import Route, role
from alerts.web.public.forms import FormErrors, FormFields, read_form

_LIMITED = "Newsletters reach everywhere: your role is limited to some areas. Ask an administrator."
_FIELDS = {"schedule.rrule": "rule", "schedule.at": "at"}


def routes(services: Services) -> list[Route]:
    """Policy rows of the screens."""
    screens = NewsletterScreens(services)
    one = "/console/newsletters/{slug}"
    return [
        Route("GET", "/console/newsletters", screens.all, role("viewer")),
        Route("GET", "/console/newsletters/new", screens.blank, role("author")),
        Route("POST", "/console/newsletters/new", screens.create, role("author")),
        Route("GET", one, screens.show, role("viewer")),
        Route("POST", one, screens.save, role("author")),
    ]


class NewsletterScreens:
    """Handlers of newsletters."""

    def __init__(self, services: Services) -> None:
        self._services, self._frame = services, Frame(services)

    async def all(self, request: web.Request) -> web.Response:
        """List the series with their next times."""
        context = await read(self._services, self._list)
        return self._frame.screen(request, "console/newsletters.html", context)

    async def blank(self, request: web.Request) -> web.Response:
        """Show the form of a new series."""
        return await self._form(request, None, SeriesForm(), FormErrors(), FormFields({}))

    async def create(self, request: web.Request) -> web.Response:
        """Start a series; or show its next times first."""
        fields, errors = await read_form(request), FormErrors()
        form, rule = series.parse(fields, errors)
        name, slug = fields.line("name"), fields.line("slug")
        if not name:
            errors.add("name", "Give a name, as subscribers shall read it.")
        schedule = await read(self._services, self._schedule, form, rule, errors)
        if errors or fields.line("do") == "show":
            status = 422 if errors else 200
            return await self._form(request, None, form, errors, fields, schedule, status)
        try:
            self._everywhere(request)
            body: dict[str, Any] = {
                "slug": slug or _slug(name),
                "name": name,
                "schedule": {"rrule": rule, "at": form.at},
            }
            body["organisation"] = fields.line("organisation") or None
            await self._services.commands.start_newsletter(
                actor_of_member(request),
                strict_json.typed(body, NewsletterBody),
                idem=idempotency_of(request, fields),
            )
        except DomainError as error:
            return await self._form(request, None, form, _errors_of(error), fields, schedule, 422)
        return await self._frame.to(f"/console/newsletters/{slug or _slug(name)}")

    async def show(self, request: web.Request) -> web.Response:
        """Show one series."""
        state = await self._found(request)
        return await self._form(request, state, series.of_schedule(state.schedule), FormErrors(), FormFields({}))

    async def save(self, request: web.Request) -> web.Response:
        """Move a series, end it, draft its next issue; or show its next times first."""
        fields, state, errors = await read_form(request), await self._found(request), FormErrors()
        actor, do = actor_of_member(request), fields.line("do")
        form, rule = series.parse(fields, errors if do in ("show", "save") else FormErrors())
        if do in ("issue", "end") and fields.ticked("name"):
            named = fields.line("organisation") if fields.ticked("organisation") else state.organisation or ""
            if (form.differs(state.schedule), fields.line("name"), named) != (
                False,
                state.name,
                state.organisation or "",
            ):
                errors.add("name", "The series was changed on this page: save it first.")
            elif do == "end" and fields.has_words("title", "body"):
                errors.add("title", "An issue is begun on this page: draft it first, or empty it.")
        checked = rule if do in ("show", "save") else ""
        schedule = await read(self._services, self._schedule, form, checked, errors)
        if errors or do == "show":
            return await self._form(request, state, form, errors, fields, schedule, 422 if errors else 200)
        try:
            self._everywhere(request)
            if do == "issue":
                words = {"title": fields.line("title"), "body": fields.text("body", 20_000).strip()}
                body = strict_json.typed({"content": {self._services.settings.default_language: words}}, BulletinBody)
                saved = await self._services.commands.draft_bulletin(
                    actor, state.id, body, idem=idempotency_of(request, fields)
                )
                return await self._frame.to(f"/console/notices/{saved.id}/edit")
            if do == "end":
                await self._services.commands.end_newsletter(actor, state.id)
                return await self._frame.to("/console/newsletters")
            patch: dict[str, Any] = {
                "name": fields.line("name") or state.name,
                "schedule": {"rrule": rule, "at": form.at},
            }
            if fields.ticked("organisation"):
                patch["organisation"] = fields.line("organisation") or None
            version = fields.whole("version")
            seen = state.version if version is None else version
            await self._services.commands.revise_newsletter(actor, state.id, patch, seen)
        except DomainError as error:
            shown = form if do == "save" or fields.ticked("name") else series.of_schedule(state.schedule)
            return await self._form(request, state, shown, _errors_of(error), fields, schedule, 422)
        if fields.has_words("title", "body"):
            await caught_up(self._services)
            state = await self._found(request)
            return await self._form(request, state, form, errors, fields.without("name"), schedule)
        return await self._frame.to(f"/console/newsletters/{state.slug}")

    def _everywhere(self, request: web.Request) -> None:
        if member_of(request).areas is not None:
            raise Invalid.field("name", _LIMITED)

    def _schedule(self, form: SeriesForm, rule: str, errors: FormErrors) -> NewsletterSchedule | None:
        """Return the checked schedule; None with an error if it is no schedule. Blocks."""
        if not rule:
            return None
        schedule = NewsletterSchedule(rrule=rule, at=form.at, timezone=self._services.settings.timezone)
        try:
            return recurrence.check(schedule, self._services.clock())
        except Invalid as error:
            for one in error.errors:
                errors.add(_FIELDS.get(one.field, "rule"), one.message)
            return None

    async def _found(self, request: web.Request) -> NewsletterState:
        running = await read(self._services, self._services.views.newsletters)
        found = next((one for one in running if one.slug == request.match_info["slug"]), None)
        if found is None:
            raise web.HTTPNotFound
        return found

    def _list(self) -> dict[str, Any]:
        return {
            "here": "newsletters",
            "newsletters": [
                {"name": one.name, "slug": one.slug, "times": self._times(one.schedule, one.scheduled_at)}
                for one in self._services.views.newsletters()
            ],
        }

    def _times(self, schedule: NewsletterSchedule | None, since: Any = None) -> list[str]:
        """Format the next times of a schedule. Blocks."""
        if schedule is None:
            return []
        now = self._services.clock()
        return [self._frame.translator.time(at, schedule.timezone) for at in next_issues(schedule, since or now, now)]

    async def _form(
        self,
        request: web.Request,
        state: NewsletterState | None,
        form: SeriesForm,
        errors: FormErrors,
        fields: FormFields,
        schedule: NewsletterSchedule | None = None,
        status: int = 200,
    ) -> web.Response:
        shown = schedule or (state.schedule if state is not None and not errors else None)
        since = None if schedule is not None or state is None else state.scheduled_at
        times = await read(self._services, self._times, shown, since)
        issues = await read(self._services, self._issues, state) if state is not None else []
        saved = state.organisation if state is not None else None
        chosen = fields.line("organisation") if fields.ticked("organisation") else saved or ""
        names = await read(self._services, self._names, member_of(request), chosen)
        context = {
            "here": "newsletters",
            "state": state,
            "form": form,
            "name": fields.line("name") or (state.name if state else ""),
            "slug": fields.line("slug"),
            "organisation": chosen,
            **names,
            "issue_title": fields.line("title"),
            "issue_body": fields.text("body", 20_000),
            "times": times,
            "issues": issues,
            "days": series.DAYS,
            "often": series.OFTEN,
            "zone": self._services.settings.timezone,
            "errors": errors.words,
            "error_heading": "There is a problem",
            "once": once_key(),
            "once_name": ONCE,
        }
        return self._frame.screen(request, "console/newsletter.html", context, status)

    def _names(self, member: MemberState, chosen: str) -> dict[str, Any]:
        """Return the names to choose from, and the one that its issues bear where there is no choice. Blocks."""
        views = self._services.views
        names = name_options(views, member, self._frame.site.name, None, chosen or None)
        only = chosen or (member.organisations[0] if member.organisations else None)
        found = views.organisation(only) if only and not names else None
        return {"names": names, "issuer": found.sender_name if found is not None else ""}

    def _issues(self, state: NewsletterState) -> list[dict[str, Any]]:
        presenter = Presenter(self._frame)
        waiting = [one for one in self._services.views.waiting() if one.plan.topic == state.topic]
        return [presenter.card(one) for one in waiting]


def _slug(name: str) -> str:
    """Make a slug of a name: `Southwark this week` → `southwark-this-week`."""
    kept = "".join(char if char.isalnum() and char.isascii() else " " for char in name.lower())
    return "-".join(kept.split())[:60] or "newsletter"


def _errors_of(error: DomainError) -> FormErrors:
    errors = FormErrors()
    for one in error.errors if isinstance(error, Invalid) else ():
        name = _FIELDS.get(one.field, one.field.split(".")[-1])
        known = ("rule", "at", "slug", "title", "body", "organisation")
        errors.add(name if name in known else "name", one.message)
    if not errors:
        errors.add("name", error.message)
    return errors
