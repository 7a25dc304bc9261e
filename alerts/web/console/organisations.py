"""Organisations: in whose name notices go out, with their areas, kinds and consent lines. For administrators."""

from __future__ import annotations

from typing import Any, get_args

from aiohttp import web

from alerts.channels.i18n import LANGUAGES, direction, language_name
from alerts.domain import place_names
from alerts.domain.organisation import OrganisationState
from alerts.domain.streams import ORGANISATION, organisation_id
from alerts.kernel.errors import DomainError, Stale
from alerts.kernel.terms import NoticeKind
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.console.area_lines import areas_of, drawn_of
from alerts.web.console.frame import KIND_LABELS, Frame
from alerts.web.console.member_actor import actor_of_member, idempotency_of, once_field
from alerts.web.console.organisation_form import OrganisationForm, errors_of
from alerts.web.http.auth import caught_up
from alerts.web.http.routing import Route, role
from alerts.web.public.forms import FormErrors, read_form

PATH = "/console/organisations"
_CHANGED = "A colleague changed it since you opened it. Nothing of yours is lost: look at it again in another tab."


def routes(services: Services) -> list[Route]:
    """Policy rows of the screens."""
    screens, access, one = OrganisationScreens(services), role("admin"), f"{PATH}/{{slug}}"
    return [
        Route("GET", PATH, screens.all, access),
        Route("POST", PATH, screens.create, access),
        Route("GET", one, screens.one, access),
        Route("POST", f"{one}/revise", screens.revise, access),
        Route("POST", f"{one}/retire", screens.retire, access),
    ]


class OrganisationScreens:
    """Handlers of the screens."""

    def __init__(self, services: Services) -> None:
        self._services, self._frame = services, Frame(services)

    async def all(self, request: web.Request) -> web.Response:
        """List the organisations, with the form of a new one."""
        return await self._list(request, OrganisationForm(), FormErrors())

    async def create(self, request: web.Request) -> web.Response:
        """Define an organisation."""
        fields, errors = await read_form(request), FormErrors()
        form = OrganisationForm.of(fields, [])
        if not form.slug:
            errors.add("slug", "Give it a short name, in small letters, digits and hyphens, such as police.")
        if not form.sender_name:
            errors.add("sender", "Say how its messages begin, such as Southwark Council.")
        areas = await read(self._services, areas_of, self._services.views, form.places, [], errors)
        if not errors:
            try:
                await self._services.commands.define_organisation(
                    actor_of_member(request), form.body(areas, None), version=0, idem=idempotency_of(request, fields)
                )
                return await self._frame.to(f"{PATH}/{form.slug}")
            except DomainError as error:
                errors_of(error, errors)
        return await self._list(request, form, errors, 422)

    async def one(self, request: web.Request) -> web.Response:
        """Show one organisation."""
        state = await self._organisation(request)
        return await self._screen(request, state, OrganisationForm.of_state(state), FormErrors())

    async def revise(self, request: web.Request) -> web.Response:
        """Save an organisation; a retired one is taken up again."""
        state, fields, errors = await self._organisation(request), await read_form(request), FormErrors()
        form = OrganisationForm.of(fields, drawn_of(state.areas))
        form.slug = state.slug
        if not form.sender_name:
            errors.add("sender", "Say how its messages begin, such as Southwark Council.")
        drawn = form.drawn if form.keep else []
        areas = await read(self._services, areas_of, self._services.views, form.places, drawn, errors)
        status = 422
        if not errors:
            try:
                await self._services.commands.define_organisation(
                    actor_of_member(request),
                    form.body(areas, state),
                    version=fields.whole("version") or state.version,
                    idem=idempotency_of(request, fields),
                )
                return await self._frame.to(f"{PATH}/{state.slug}")
            except Stale:
                errors.add("sender", _CHANGED)
                status = 409
            except DomainError as error:
                errors_of(error, errors)
        return await self._screen(request, state, form, errors, status)

    async def retire(self, request: web.Request) -> web.Response:
        """Retire an organisation whose short name was typed."""
        state, fields, errors = await self._organisation(request), await read_form(request), FormErrors()
        if fields.line("typed") != state.slug:
            errors.add("typed", f"Type {state.slug} to retire it.")
            return await self._screen(request, state, OrganisationForm.of_state(state), errors, 422)
        await self._services.commands.retire_organisation(actor_of_member(request), state.slug)
        return await self._frame.to(PATH)

    async def _organisation(self, request: web.Request) -> OrganisationState:
        """Load the organisation of the path as the log has it. Raises HTTPNotFound."""
        stream = organisation_id(request.match_info["slug"])
        state = await read(self._services, self._services.log.state, ORGANISATION, stream)
        if state is None:
            raise web.HTTPNotFound
        return state

    async def _list(
        self, request: web.Request, form: OrganisationForm, errors: FormErrors, status: int = 200
    ) -> web.Response:
        await caught_up(self._services)
        context = await read(self._services, self._all)
        return self._frame.screen(request, "console/organisations.html", {**context, **_shared(form, errors)}, status)

    async def _screen(
        self,
        request: web.Request,
        state: OrganisationState,
        form: OrganisationForm,
        errors: FormErrors,
        status: int = 200,
    ) -> web.Response:
        await caught_up(self._services)
        context = {**await read(self._services, self._shown, state, self._live()), **_shared(form, errors)}
        context |= {"here": "organisations", "path": f"{self._frame.site.base}{PATH}", "version": state.version}
        return self._frame.screen(request, "console/organisation.html", context, status)

    def _all(self) -> dict[str, Any]:
        live = self._live()
        found = sorted(self._services.views.organisations(retired=True), key=lambda one: one.retired)
        return {
            "here": "organisations",
            "path": f"{self._frame.site.base}{PATH}",
            "organisations": [self._shown(one, live) for one in found],
        }

    def _live(self) -> dict[str, int]:
        """Count the live notices by organisation."""
        counts: dict[str, int] = {}
        for notice in self._services.views.live(self._services.clock()):
            if (slug := notice.plan.organisation) is not None:
                counts[slug] = counts.get(slug, 0) + 1
        return counts

    def _shown(self, state: OrganisationState, live: dict[str, int]) -> dict[str, Any]:
        kinds = ", ".join(KIND_LABELS[kind] for kind in get_args(NoticeKind) if kind in (state.kinds or ()))
        places = [self._place(part["place"]) for part in state.areas or () if "place" in part]
        drawn = sum("place" not in part for part in state.areas or ())
        return {
            "slug": state.slug,
            "sender": state.sender_name,
            "retired": state.retired,
            "kinds_words": kinds or "all",
            "areas_words": ", ".join([*places, *([f"{drawn} drawn areas"] if drawn else [])]) or "everywhere",
            "live": live.get(state.slug, 0),
        }

    def _place(self, slug: str) -> str:
        place = self._services.views.place(slug)
        default = self._services.settings.default_language
        return slug if place is None else place_names.place_name(place, "en", default)


def _shared(form: OrganisationForm, errors: FormErrors) -> dict[str, Any]:
    fields = [f"{name}-{tag}" for tag in LANGUAGES[1:] for name in ("name", "consent")]
    typed = [form.names.get(tag) or form.consents.get(tag) for tag in LANGUAGES[1:]]
    return {
        "further": any(typed) or any(name in errors.words for name in fields),
        "form": form,
        "kinds": list(KIND_LABELS.items()),
        "languages": [(tag, language_name(tag), direction(tag)) for tag in LANGUAGES],
        "errors": errors.words,
        "error_heading": "There is a problem",
        **once_field(),
    }
