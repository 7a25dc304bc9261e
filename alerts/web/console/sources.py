"""Sources: the webhook integrations, each with its policy, mapping, secret and history. For administrators."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from aiohttp import web

from alerts.commands.access import KINDS
from alerts.domain.reference_data import SourceState, TriggerState
from alerts.domain.streams import SOURCE, source_id
from alerts.kernel.errors import DomainError, Invalid
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.console.frame import Frame
from alerts.web.console.member_actor import actor_of_member, idempotency_of, once_field
from alerts.web.console.organisation_choice import options
from alerts.web.console.presenter import Presenter
from alerts.web.console.source_form import POLICIES, SourceForm, errors_of, policy_words
from alerts.web.console.source_trial import SourceTrial
from alerts.web.http.auth import caught_up
from alerts.web.http.routing import Route, role
from alerts.web.public.forms import FormErrors, FormFields, read_form

PATH = "/console/sources"
OVERLAP = timedelta(days=1)
"""Time for which the secret before a rotation is taken too, if that was asked for."""
REFUSALS = timedelta(days=30)
"""Time for which refused webhooks are listed."""
_MOST = 50
KIND_WORDS = {
    "standard-webhook": "Standard Webhook: our own types, signed",
    "cap": "CAP 1.2",
    "json": "Any JSON, by a mapping",
}
_STATES = {"recorded": "minor", "drafted": "change", "issued": "clear", "parked": "moderate"}


def routes(services: Services) -> list[Route]:
    """Policy rows of the screens."""
    screens, access, one = SourceScreens(services), role("admin"), f"{PATH}/{{name}}"
    return [
        Route("GET", PATH, screens.all, access),
        Route("GET", f"{PATH}/new", screens.blank, access),
        Route("POST", f"{PATH}/new", screens.create, access),
        Route("GET", one, screens.one, access),
        Route("POST", f"{one}/revise", screens.revise, access),
        Route("POST", f"{one}/secret", screens.secret, access),
        Route("POST", f"{one}/remove", screens.remove, access),
    ]


class SourceScreens:
    """Handlers of the screens."""

    def __init__(self, services: Services) -> None:
        self._services, self._frame = services, Frame(services)
        self._trial = SourceTrial(self._frame)

    async def all(self, request: web.Request) -> web.Response:
        """List the sources, connected ones first."""
        await caught_up(self._services)
        return self._frame.screen(request, "console/sources.html", await read(self._services, self._list))

    async def blank(self, request: web.Request) -> web.Response:
        """Show the form of a new source."""
        return await self._new(request, SourceForm(), FormErrors())

    async def create(self, request: web.Request) -> web.Response:
        """Connect a source and show its secret: in this answer and never again, so it does not redirect."""
        form, errors = SourceForm.of(await read_form(request)), FormErrors()
        policy, mapping = form.read(errors)
        if not form.name:
            errors.add("name", "Name it, in small letters, digits and hyphens, such as street-works.")
        if form.kind not in KINDS:
            errors.add("kind", "Choose what it sends.")
        if not errors:
            try:
                saved = await self._services.commands.connect_source(
                    actor_of_member(request),
                    form.name,
                    form.kind,
                    policy,
                    mapping if form.kind == "json" else None,
                )
            except DomainError as error:
                errors_of(error, errors, "name")
            else:
                return self._secret(request, saved.name, saved.secret or "", "It is connected")
        return await self._new(request, form, errors, status=422)

    async def one(self, request: web.Request) -> web.Response:
        """Show one source."""
        source = await self._source(request)
        return await self._screen(request, source, SourceForm.of_source(source), FormErrors())

    async def revise(self, request: web.Request) -> web.Response:
        """Try a policy and a mapping on the last month and on a sample; save them when that is asked for."""
        source, fields, errors = await self._source(request), await read_form(request), FormErrors()
        form = SourceForm.of(fields)
        form.kind = source.kind
        policy, mapping = form.read(errors)
        trial: dict[str, Any] = {}
        if not errors:
            try:
                trial = await self._trial.of(source, policy, mapping, form.sample)
                if fields.line("do") == "save":
                    idem = idempotency_of(request, fields)
                    actor, commands = actor_of_member(request), self._services.commands
                    await commands.revise_source(actor, source.name, policy, mapping, idem=idem)
                    return await self._frame.to(f"{PATH}/{source.name}")
            except DomainError as error:
                errors_of(error, errors, "policy")
        return await self._screen(request, source, form, errors, status=422 if errors else 200, trial=trial)

    async def secret(self, request: web.Request) -> web.Response:
        """Make a new secret and show it once, or end the old one."""
        source, fields, errors = await self._source(request), await read_form(request), FormErrors()
        actor, commands = actor_of_member(request), self._services.commands
        try:
            if fields.line("do") == "end":
                await commands.end_old_secret(actor, source.name)
                return await self._frame.to(f"{PATH}/{source.name}")
            seen = fields.whole("version")
            if seen is None:
                raise Invalid("Look at the source again, then make a new secret.")
            overlap = None if fields.line("do") == "now" else OVERLAP
            saved = await commands.rotate_source_secret(actor, source.name, overlap=overlap, version=seen)
        except DomainError as error:
            errors.add("secret", error.message)
            return await self._screen(request, source, SourceForm.of_source(source), errors, status=409)
        return self._secret(request, source.name, saved.secret or "", "It has a new secret")

    async def remove(self, request: web.Request) -> web.Response:
        """Disconnect a source whose name was typed."""
        source, fields, errors = await self._source(request), await read_form(request), FormErrors()
        if fields.line("typed") != source.name:
            errors.add("typed", f"Type {source.name} to remove it.")
            return await self._screen(request, source, SourceForm.of_source(source), errors, status=422)
        await self._services.commands.disconnect_source(actor_of_member(request), source.name)
        return await self._frame.to(PATH)

    async def _source(self, request: web.Request) -> SourceState:
        """Load the source of the path as the log has it. Raises HTTPNotFound."""
        name = request.match_info["name"]
        state = await read(self._services, self._services.log.state, SOURCE, source_id(name))
        if state is None:
            raise web.HTTPNotFound
        return state

    def _secret(self, request: web.Request, name: str, secret: str, title: str) -> web.Response:
        context = {
            "here": "sources",
            "title": title,
            "name": name,
            "secret": secret,
            "url": f"{self._services.settings.public_url}/hooks/{name}",
            "path": f"{self._frame.site.base}{PATH}",
        }
        return self._frame.screen(request, "console/source_secret.html", context)

    async def _new(self, request: web.Request, form: SourceForm, errors: FormErrors, status: int = 200) -> web.Response:
        context = {
            "organisations": await read(self._services, options, self._services.views),
            "here": "sources",
            "path": f"{self._frame.site.base}{PATH}",
            "form": form,
            "kinds": list(KIND_WORDS.items()),
            "policies": POLICIES,
            "errors": errors.words,
            "error_heading": "There is a problem",
            **once_field(),
        }
        return self._frame.screen(request, "console/source_new.html", context, status)

    async def _screen(
        self,
        request: web.Request,
        source: SourceState,
        form: SourceForm,
        errors: FormErrors,
        status: int = 200,
        trial: dict[str, Any] | None = None,
    ) -> web.Response:
        await caught_up(self._services)
        asked = FormFields({"state": request.query.get("state", "")}).one_of("state", tuple(_STATES), "")
        try:
            context = await read(self._services, self._context, source, asked, request.query.get("cursor"))
        except ValueError:
            raise web.HTTPNotFound from None
        context |= {
            "form": form,
            "policies": POLICIES,
            "trial": trial or {},
            "errors": errors.words,
            "error_heading": "There is a problem",
            **once_field(),
        }
        return self._frame.screen(request, "console/source.html", context, status)

    def _list(self) -> dict[str, Any]:
        presenter, views = Presenter(self._frame), self._services.views
        rows = []
        for source in sorted(views.sources(), key=lambda one: not one.connected):
            last = next(iter(views.triggers_of(source.name, limit=1).items), None)
            refused = self._refused(source.name)
            rows.append(
                {
                    "name": source.name,
                    "kind": KIND_WORDS[source.kind],
                    "connected": source.connected,
                    "policy": policy_words(source.policy),
                    "organisation": self._organisation(source),
                    "seen": f"{presenter.age(last.at)} ago" if last is not None else "never",
                    "refused": f"{presenter.age(refused[0].at)} ago: {refused[0].detail}" if refused else "",
                }
            )
        return {"here": "sources", "path": f"{self._frame.site.base}{PATH}", "sources": rows}

    def _organisation(self, source: SourceState) -> str:
        """Name the organisation that a source writes for; "" for the service itself."""
        slug = source.policy.organisation
        found = self._services.views.organisation(slug) if slug is not None else None
        return found.sender_name if found is not None else slug or ""

    def _refused(self, name: str) -> list[Any]:
        today = self._services.clock().date()
        days = [today - timedelta(days=back) for back in range(REFUSALS.days)]
        return self._services.views.rejections(name, days)

    def _context(self, source: SourceState, state: Any, cursor: str | None) -> dict[str, Any]:
        presenter, base = Presenter(self._frame), self._frame.site.base
        path = f"{base}{PATH}/{source.name}"
        page = self._services.views.triggers_of(source.name, state or None, cursor, _MOST)
        kept = f"state={state}&" if state else ""
        live = source.old_until is not None and self._services.clock() < source.old_until
        return {
            "here": "sources",
            "path": f"{base}{PATH}",
            "waiting_path": f"{base}/console/waiting",
            "name": source.name,
            "kind": KIND_WORDS[source.kind],
            "mapped": source.kind == "json",
            "connected": source.connected,
            "policy_words": policy_words(source.policy),
            "organisation": self._organisation(source),
            "policy_version": source.policy.version,
            "version": source.version,
            "url": f"{self._services.settings.public_url}/hooks/{source.name}",
            "old_until": presenter.time(source.old_until) if live else "",
            "unverified": self._services.unverified[source.name],
            "organisations": options(self._services.views, (source.policy.organisation or "",)),
            "states": list(_STATES),
            "state": state,
            "triggers": [self._trigger(presenter, one) for one in page.items],
            "older": f"{path}?{kept}cursor={page.next}" if page.next else "",
            "refusals": [
                {"at": presenter.time(one.at), "why": one.detail.partition(": ")[2]}
                for one in self._refused(source.name)[:_MOST]
            ],
        }

    def _trigger(self, presenter: Presenter, trigger: TriggerState) -> dict[str, Any]:
        base = presenter.site.base
        return {
            "id": str(trigger.id),
            "at": presenter.time(trigger.at),
            "kind": trigger.kind,
            "state": trigger.state,
            "tone": _STATES[trigger.state],
            "reason": trigger.reason,
            "notices": [f"{base}/console/notices/{notice}" for notice in trigger.notices],
        }
