"""Form that makes an incident of a resident's report, in the words of the person who fills it in."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, get_args

from aiohttp import web

from alerts.contract.bodies import IncidentBody
from alerts.domain.events import Policy
from alerts.domain.report import ReportState
from alerts.intake import strict_json
from alerts.kernel.errors import DomainError, Invalid
from alerts.kernel.terms import Category
from alerts.kernel.texts import BODY, cut
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.console.compose_view import MEANINGS
from alerts.web.console.frame import Frame
from alerts.web.console.member_actor import ONCE, actor_of_member, idempotency_of, once_key
from alerts.web.console.notice_form import CERTAINTIES, SEVERITIES, URGENCIES, NoticeForm, add_area
from alerts.web.console.reports import PATH, report_id, report_state
from alerts.web.http.routing import Route, role
from alerts.web.public.forms import FormErrors, FormFields, read_form

CATEGORIES: dict[str, str] = {
    "Fire": "Fire",
    "Rescue": "Rescue",
    "Safety": "General emergency and public safety",
    "Security": "Police and security",
    "Health": "Health",
    "Met": "Weather and flood",
    "Geo": "Landslide, earthquake",
    "Env": "Pollution and environment",
    "Transport": "Transport",
    "Infra": "Utilities, telecommunications",
    "CBRNE": "Chemical, biological, radioactive, explosive",
    "Other": "Something else",
}
_HEADLINE = 65
_FIELD_OF = {"organisation": "near", "area": "near", "language": "headline"}


def routes(services: Services) -> list[Route]:
    """Policy rows of the form."""
    form, path, access = ReportIncident(services), f"{PATH}/{{report}}/incident", role("author", everywhere=True)
    return [Route("GET", path, form.show, access), Route("POST", path, form.make, access)]


class ReportIncident:
    """Handlers of the form."""

    def __init__(self, services: Services) -> None:
        self._services, self._frame = services, Frame(services)

    async def show(self, request: web.Request) -> web.Response:
        """Show the form, filled from the report."""
        state = await report_state(self._services, request)
        near = f"{state.lat},{state.lon}" if state.lat is not None else state.place or ""
        form = NoticeForm(severity="Unknown", urgency="Unknown", certainty="Unknown", near=near)
        shown = {"headline": headline_of(state.words or ""), "description": "", "category": "Other"}
        return await self._screen(request, state, form, shown, FormErrors())

    async def make(self, request: web.Request) -> web.Response:
        """Make the incident; then the notice that was drafted of it, or the report."""
        fields, errors, state = await read_form(request), FormErrors(), await report_state(self._services, request)
        form = _form(fields)
        near = form.near
        shown = {
            "headline": fields.line("headline"),
            "description": fields.text("description", BODY + 1).strip(),
            "category": fields.one_of("category", get_args(Category), "Other"),
        }
        if not shown["headline"]:
            errors.add("headline", "Say in one line what is happening, and where.")
        if not near:
            errors.add("near", "Say where: a postcode, a registered place, or a point as 51.49,-0.09.")
        find = self._services.place_lookup.find
        await read(self._services, add_area, form, fields.line("pick"), lambda text: find(text, "en"), errors)
        if not errors:
            body = {**shown, "area": form.area, "severity": form.severity, "urgency": form.urgency}
            try:
                saved = await self._services.commands.accept_report(
                    replace(actor_of_member(request), policy=Policy()),  # a notice is drafted, never issued
                    report_id(request),
                    strict_json.typed({**body, "certainty": form.certainty}, IncidentBody),
                    idem=idempotency_of(request, fields),
                )
            except DomainError as error:
                _add(errors, error)
            else:
                made = f"/console/notices/{saved.notice}" if saved.notice else f"{PATH}/{report_id(request)}"
                return await self._frame.to(made)
        form.near = near
        return await self._screen(request, state, form, shown, errors, status=422)

    async def _screen(
        self,
        request: web.Request,
        state: ReportState,
        form: NoticeForm,
        shown: dict[str, str],
        errors: FormErrors,
        status: int = 200,
    ) -> web.Response:
        context: dict[str, Any] = {
            "here": "reports",
            "path": f"{self._frame.site.base}{PATH}/{state.id}",
            "receipt": state.receipt,
            "words": state.words or "",
            "where": state.where or "",
            "lang": state.language,
            "form": form,
            "shown": shown,
            "categories": list(CATEGORIES.items()),
            "meanings": {name: list(words.items()) for name, words in MEANINGS.items()},
            "errors": errors.words,
            "error_heading": "There is a problem",
            "once": once_key(),
            "once_name": ONCE,
        }
        return self._frame.screen(request, "console/report_incident.html", context, status)


def headline_of(words: str) -> str:
    """Return the first sentence of a report, cut to the length of a good title."""
    return cut(re.split(r"(?<=[.!?])\s|\n", " ".join(words.split()), maxsplit=1)[0], _HEADLINE)


def _form(fields: FormFields) -> NoticeForm:
    return NoticeForm(
        severity=fields.one_of("severity", SEVERITIES, "Unknown"),
        urgency=fields.one_of("urgency", URGENCIES, "Unknown"),
        certainty=fields.one_of("certainty", CERTAINTIES, "Unknown"),
        near=fields.line("near"),
        radius=fields.line("radius") or "500",
    )


def _add(errors: FormErrors, error: DomainError) -> None:
    """Show a command's errors at the fields of the form."""
    found = error.errors if isinstance(error, Invalid) else ()
    for one in found:
        field = one.field.partition(".")[0]
        errors.add(_FIELD_OF.get(field, field or "headline"), one.message)
    if not found:
        errors.add("headline", error.message)
