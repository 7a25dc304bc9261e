"""Team screen: people, roles with their limits, invitations, sign-ins. For administrators."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, get_args
from uuid import UUID

from aiohttp import web

from alerts.channels.replies import Answers
from alerts.domain import place_names
from alerts.domain.events import AreaJson
from alerts.domain.reference_data import MemberState
from alerts.domain.roles import ROLES
from alerts.domain.streams import MEMBER
from alerts.kernel.errors import DomainError, Invalid, TooManyRequests
from alerts.kernel.ids import new_id
from alerts.kernel.terms import NoticeKind
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.api.team import TeamMember, team_of
from alerts.web.console.area_lines import LONGEST, areas_of, drawn_of, lines_of
from alerts.web.console.frame import KIND_LABELS, Frame
from alerts.web.console.member_actor import actor_of_member, idempotency_of, member_of, once_field
from alerts.web.console.organisation_choice import options
from alerts.web.console.presenter import Presenter
from alerts.web.http.auth import caught_up
from alerts.web.http.routing import Handler, Route, role
from alerts.web.public.forms import FormErrors, FormFields, read_form

PATH = "/console/team"
UNUSED = timedelta(days=90)
"""Time without a sign-in after which the list asks whether somebody still needs the console."""
_log = logging.getLogger(__name__)
ROLE_WORDS = (
    ("viewer", "Viewer", "Sees notices, progress and the log."),
    ("author", "Author", "Writes notices, answers reports, prints letters. Somebody else sends."),
    ("approver", "Approver", "Sends to residents what others wrote, and stops it."),
    ("admin", "Administrator", "Decides who is in the team and which programs may send. No limits."),
)
_ROLE_NAMES = {value: name for value, name, _ in ROLE_WORDS}
_FIELDS = ("email", "name", "role", "kinds", "organisations")


@dataclass(slots=True)
class RoleForm:
    """Typed values of a person's role and its limits."""

    email: str = ""
    name: str = ""
    role: str = ""
    places: str = ""
    drawn: AreaJson = field(default_factory=list)
    """Drawn areas that the role has already; the form keeps or drops them."""
    keep: bool = True
    kinds: tuple[str, ...] = ()
    organisations: tuple[str, ...] = ()

    @classmethod
    def of(cls, fields: FormFields, drawn: AreaJson) -> RoleForm:
        """Read a submitted form."""
        return cls(
            email=fields.line("email")[:300],
            name=fields.line("name"),
            role=fields.one_of("role", ROLES, ""),
            places=fields.text("places", LONGEST).strip(),
            drawn=drawn,
            keep=fields.ticked("keep"),
            kinds=fields.all("kind"),
            organisations=fields.all("organisation"),
        )


def routes(services: Services) -> list[Route]:
    """Policy rows of the screens."""
    team, access, one = TeamScreens(services), role("admin"), f"{PATH}/{{member}}"
    return [
        Route("GET", PATH, team.all, access),
        Route("POST", PATH, team.invite, access),
        Route("GET", one, team.one, access),
        Route("POST", f"{one}/role", team.change, access),
        Route("POST", f"{one}/invite", team.invite_again, access),
        Route("POST", f"{one}/end-sign-ins", team.act("end"), access),
        Route("POST", f"{one}/remove", team.act("remove"), access),
    ]


class TeamScreens:
    """Handlers of the screens."""

    def __init__(self, services: Services) -> None:
        self._services, self._frame = services, Frame(services)
        settings = services.settings
        self._answers = Answers(
            sender=settings.sender, clock=services.clock, default_language=settings.default_language
        )

    async def all(self, request: web.Request) -> web.Response:
        """List the team, with the form of an invitation."""
        return await self._list(request, RoleForm(role="viewer"), FormErrors())

    async def invite(self, request: web.Request) -> web.Response:
        """Invite somebody: they get a link by e-mail."""
        fields, errors = await read_form(request), FormErrors()
        form = RoleForm.of(fields, [])
        if "@" not in form.email:
            errors.add("email", "Give their e-mail address, such as kim@town.example.")
        saved = await self._granted(request, fields, form, errors, anew=True)
        if saved is None:
            return await self._list(request, form, errors, status=422)
        return await self._frame.to(f"{PATH}/{saved}{await self._mailed(saved)}")

    async def one(self, request: web.Request) -> web.Response:
        """Show one person."""
        state = await self._member(request)
        return await self._screen(request, state, _form_of(state), FormErrors())

    async def change(self, request: web.Request) -> web.Response:
        """Give a person another role, or other limits."""
        state, fields, errors = await self._member(request), await read_form(request), FormErrors()
        form = RoleForm.of(fields, drawn_of(state.areas))
        form.email, form.name = state.email or "", state.name or ""
        saved = await self._granted(request, fields, form, errors)
        if saved is None:
            return await self._screen(request, state, form, errors, status=422)
        now = await self._member(request)
        unused = now.version != state.version and saved not in await read(
            self._services, self._services.sessions.activity
        )
        return await self._frame.to(f"{PATH}/{saved}{'?mail=void' if unused else ''}")

    async def invite_again(self, request: web.Request) -> web.Response:
        """Mail another link to somebody who has never signed in."""
        state = await self._member(request)
        return await self._frame.to(f"{PATH}/{state.id}{await self._mailed(state.id)}")

    def act(self, what: str) -> Handler:
        """Handler that ends a person's sign-ins, or removes them from the team."""

        async def carry_out(request: web.Request) -> web.Response:
            state, commands = await self._member(request), self._services.commands
            command = commands.remove_member if what == "remove" else commands.end_sign_ins
            try:
                await command(actor_of_member(request), state.id)
            except DomainError as error:
                errors = FormErrors()
                errors.add("remove", error.message)
                return await self._screen(request, state, _form_of(state), errors, status=409)
            if state.id == member_of(request).id:
                return web.Response(status=303, headers={"Location": f"{self._frame.site.base}/console/sign-in"})
            return await self._frame.to(PATH if what == "remove" else f"{PATH}/{state.id}")

        return carry_out

    async def _granted(
        self, request: web.Request, fields: FormFields, form: RoleForm, errors: FormErrors, *, anew: bool = False
    ) -> UUID | None:
        """Invite, or grant a role; the member's id, None with errors in the form."""
        if not form.role:
            errors.add("role", "Choose a role.")
        areas = await read(self._services, self._areas, form, errors)
        if errors:
            return None
        try:
            saved = await self._services.commands.invite_member(
                actor_of_member(request),
                form.email,
                form.role,
                form.name,
                areas or None,
                [kind for kind in form.kinds if kind in get_args(NoticeKind)] or None,
                organisations=form.organisations or None,
                anew=anew,
                idem=idempotency_of(request, fields),
            )
        except DomainError as error:
            found = error.errors if isinstance(error, Invalid) else ()
            for one in found:
                errors.add(one.field if one.field in _FIELDS else "role", one.message)
            if not found:
                errors.add("role", error.message)
            return None
        return saved.id

    def _areas(self, form: RoleForm, errors: FormErrors) -> AreaJson:
        return areas_of(self._services.views, form.places, form.drawn if form.keep else [], errors)

    async def _mailed(self, member: UUID) -> str:
        """Mail the first link to a member who has never signed in; the query that says what became of it."""
        services = self._services
        state = await read(services, services.log.state, MEMBER, member)
        known = member in await read(services, services.sessions.activity)
        if state is None or state.role is None or state.email is None or known:
            return ""
        if services.mail_now is None:
            return "?mail=none"
        try:
            services.limits.take(f"invitation:{member}", 1 / 60)
            link = await read(services, services.sessions.new_link, member)
            url = f"{services.settings.public_url}/console/sign-in/{link.token}"
            result = await services.mail_now(self._answers.invitation(state.email, f"invite-{new_id().hex}", url))
        except TooManyRequests:
            return "?mail=sent"
        except Exception:
            _log.exception("an invitation could not be sent")
            return "?mail=failed"
        if result.result != "sent":
            _log.warning("an invitation could not be sent: %s", result.reason or result.result)
        return "?mail=sent" if result.result == "sent" else "?mail=failed"

    async def _member(self, request: web.Request) -> MemberState:
        """Load the member of the path as the log has it. Raises HTTPNotFound."""
        try:
            wanted = UUID(request.match_info["member"])
        except ValueError:
            raise web.HTTPNotFound from None
        state = await read(self._services, self._services.log.state, MEMBER, wanted)
        if state is None:
            raise web.HTTPNotFound
        return state

    async def _list(self, request: web.Request, form: RoleForm, errors: FormErrors, status: int = 200) -> web.Response:
        await caught_up(self._services)
        context = await read(self._services, self._team)
        return self._frame.screen(request, "console/team.html", {**context, **_shared(form, errors)}, status)

    async def _screen(
        self, request: web.Request, state: MemberState, form: RoleForm, errors: FormErrors, status: int = 200
    ) -> web.Response:
        await caught_up(self._services)
        context = await read(self._services, self._one, state)
        context |= {"own": state.id == member_of(request).id, "mail": request.query.get("mail", "")}
        return self._frame.screen(request, "console/team_member.html", {**context, **_shared(form, errors)}, status)

    def _team(self) -> dict[str, Any]:
        presenter = Presenter(self._frame)
        people = team_of(self._services)
        return {
            "here": "team",
            "path": f"{self._frame.site.base}{PATH}",
            "organisations": options(self._services.views),
            "people": [self._shown(presenter, one) for one in people if one.role is not None],
            "former": [self._shown(presenter, one) for one in people if one.role is None],
        }

    def _one(self, state: MemberState) -> dict[str, Any]:
        presenter = Presenter(self._frame)
        found = next((one for one in team_of(self._services) if one.id == state.id), None)
        if found is None:
            raise web.HTTPNotFound
        return {
            "here": "team",
            "path": f"{self._frame.site.base}{PATH}",
            "organisations": options(self._services.views, state.organisations or ()),
            "person": self._shown(presenter, found),
        }

    def _shown(self, presenter: Presenter, one: TeamMember) -> dict[str, Any]:
        long_ago = one.signed_in_at is not None and self._services.clock() - one.signed_in_at > UNUSED
        return {
            "id": str(one.id),
            "name": one.name or one.email or "somebody",
            "email": one.email or "",
            "state": one.state,
            "role": _ROLE_NAMES.get(one.role or "", ""),
            "limits": self._limits(one),
            "signed_in": f"{presenter.age(one.signed_in_at)} ago" if one.signed_in_at is not None else "never",
            "unused": long_ago and one.state == "active",
            "sign_ins": one.sign_ins,
            "api_keys": one.keys,
        }

    def _limits(self, one: TeamMember) -> str:
        """Say what a role is limited to; "" for no limit."""
        kinds = ", ".join(KIND_LABELS[kind].lower() for kind in get_args(NoticeKind) if kind in (one.kinds or ()))
        areas = one.areas or []
        places = ", ".join(self._place(part["place"]) for part in areas if "place" in part)
        drawn = sum("place" not in part for part in areas)
        names = ", ".join(map(self._organisation, one.organisations or ()))
        limits = (f"only {kinds}" if kinds else "", places, f"{drawn} drawn areas" if drawn else "")
        return "; ".join(filter(None, (*limits, f"in the name of {names}" if names else "")))

    def _organisation(self, slug: str) -> str:
        found = self._services.views.organisation(slug)
        return slug if found is None else found.sender_name

    def _place(self, slug: str) -> str:
        place = self._services.views.place(slug)
        default = self._services.settings.default_language
        return slug if place is None else place_names.place_name(place, "en", default)


def _form_of(state: MemberState) -> RoleForm:
    """Return the form that shows a person."""
    return RoleForm(
        role=state.role or "",
        places=lines_of(state.areas),
        drawn=drawn_of(state.areas),
        kinds=state.kinds or (),
        organisations=state.organisations or (),
    )


def _shared(form: RoleForm, errors: FormErrors) -> dict[str, Any]:
    return {
        "form": form,
        "roles": ROLE_WORDS,
        "kinds": list(KIND_LABELS.items()),
        "errors": errors.words,
        "error_heading": "There is a problem",
        **once_field(),
    }
