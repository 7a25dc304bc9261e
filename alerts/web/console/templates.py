"""Message templates: written as a draft, published by another person, seen with samples, and by whom they are used."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from alerts.authoring.templates import filled_with_samples, plan_of_template, template_diagnostics, template_stops
from alerts.channels.i18n import LANGUAGES, direction
from alerts.domain.message_template import TemplateState, gaps
from alerts.domain.notice import NoticeState
from alerts.domain.roles import at_least
from alerts.domain.streams import TEMPLATE, template_id
from alerts.kernel.errors import Conflict, DomainError, Forbidden, Invalid, Stale
from alerts.kernel.terms import CHANNELS as ALL_CHANNELS
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.console import template_form
from alerts.web.console.compose_view import MEANINGS
from alerts.web.console.draft_review import DraftReview
from alerts.web.console.frame import CHANNELS, Frame
from alerts.web.console.member_actor import actor_of_member, idempotency_of, member_of, once_field
from alerts.web.console.presenter import Presenter
from alerts.web.console.previews import previews
from alerts.web.console.template_form import TemplateForm
from alerts.web.console.template_review import TemplateReview
from alerts.web.http.routing import Route, role
from alerts.web.public.forms import FormErrors, FormFields, read_form

_ALL = "/console/templates"
_SAMPLE_AREA = "the area"
_STATUS = {Forbidden: 403, Stale: 409, Conflict: 409}


def routes(services: Services) -> list[Route]:
    """Policy rows of the screens."""
    screens = TemplateScreens(services)
    one = f"{_ALL}/{{slug}}"
    return [
        Route("GET", _ALL, screens.all, role("author")),
        Route("GET", f"{_ALL}/new", screens.blank, role("author")),
        Route("POST", f"{_ALL}/new", screens.create, role("author")),
        Route("GET", one, screens.show, role("author")),
        Route("POST", one, screens.save, role("author")),
        Route("POST", f"{one}/publish", screens.publish, role("approver")),
        Route("POST", f"{one}/retire", screens.retire, role("approver")),
    ]


class TemplateScreens:
    """Handlers of templates."""

    def __init__(self, services: Services) -> None:
        self._services, self._frame = services, Frame(services)
        self._review, self._compared = DraftReview(self._frame), TemplateReview(self._frame)
        self._language = services.settings.default_language
        self._hosts = frozenset({urlsplit(services.settings.public_url).hostname or ""})

    async def all(self, request: web.Request) -> web.Response:
        """List the templates, what is in use of each, and who uses it."""
        return self._frame.screen(request, "console/templates.html", await read(self._services, self._list))

    async def blank(self, request: web.Request) -> web.Response:
        """Show the form of a new template."""
        return await self._screen(request, template_form.new_form(self._language), FormErrors(), None)

    async def create(self, request: web.Request) -> web.Response:
        """Begin a template; then its own form."""
        fields = await read_form(request)
        form = template_form.parse(fields, self._language)
        slug = form.slug or slug_of(form.name)
        try:
            await self._services.commands.draft_template(
                actor_of_member(request), slug, template_form.text_of(form), idem=idempotency_of(request, fields)
            )
        except DomainError as error:
            return await self._refused(request, form, error, None)
        return await self._frame.to(f"{_ALL}/{slug}{_added(fields)}")

    async def show(self, request: web.Request) -> web.Response:
        """Show a template's draft, with fields for a language that was just added."""
        state = await self._found(request)
        form = template_form.of_text(state.draft, self._language)
        template_form.add_language(form, request.query.get("language", ""))
        return await self._screen(request, form, FormErrors(), state)

    async def save(self, request: web.Request) -> web.Response:
        """Save the draft of the next version; what is published stays in use."""
        fields, state = await read_form(request), await self._found(request)
        form = template_form.parse(fields, self._language)
        try:
            await self._services.commands.revise_template(
                actor_of_member(request), state.id, template_form.text_of(form), _version(fields)
            )
        except DomainError as error:
            return await self._refused(request, form, error, state)
        if not form.reason.strip():
            return await self._frame.to(f"{_ALL}/{state.slug}{_added(fields)}")
        saved = await self._found(request)
        shown = template_form.of_text(saved.draft, self._language)
        shown.reason = form.reason
        template_form.add_language(shown, fields.line("add-language"))
        return await self._screen(request, shown, FormErrors(), saved)

    async def publish(self, request: web.Request) -> web.Response:
        """Publish the draft that the approver saw."""
        fields, state = await read_form(request), await self._found(request)
        form, idem = self._typed(fields, state), idempotency_of(request, fields)
        try:
            if state.version == _version(fields):
                _all_saved(form, state, "somebody else publishes it then")
            await self._services.commands.publish_template(
                actor_of_member(request), state.id, _version(fields), self._hosts, idem=idem
            )
        except DomainError as error:
            return await self._refused(request, form, error, state)
        return await self._frame.to(f"{_ALL}/{state.slug}")

    async def retire(self, request: web.Request) -> web.Response:
        """Take a template out of use."""
        fields, state = await read_form(request), await self._found(request)
        form = self._typed(fields, state)
        try:
            _all_saved(form, state, "or open this page again, and retire it then")
            await self._services.commands.retire_template(actor_of_member(request), state.id, form.reason.strip())
        except DomainError as error:
            return await self._refused(request, form, error, state)
        return await self._frame.to(_ALL)

    def _typed(self, fields: FormFields, state: TemplateState) -> TemplateForm:
        """Return what stood in the page's fields; the draft if they were not sent."""
        if fields.ticked("name"):
            return template_form.parse(fields, self._language)
        form = template_form.of_text(state.draft, self._language)
        form.reason = fields.text("reason", 2_000)
        return form

    async def _found(self, request: web.Request) -> TemplateState:
        """Load a template as the log has it. Raises HTTPNotFound."""
        stream = template_id(request.match_info["slug"])
        state = await read(self._services, self._services.log.state, TEMPLATE, stream)
        if state is None:
            raise web.HTTPNotFound
        return state

    async def _refused(
        self, request: web.Request, form: TemplateForm, error: DomainError, state: TemplateState | None
    ) -> web.Response:
        """Show what was typed, with what is wrong; nothing was saved."""
        errors = template_form.errors_of(error, self._language)
        return await self._screen(request, form, errors, state, _STATUS.get(type(error), 422))

    async def _screen(
        self,
        request: web.Request,
        form: TemplateForm,
        errors: FormErrors,
        state: TemplateState | None,
        status: int = 200,
    ) -> web.Response:
        member = member_of(request)
        beside = await read(self._services, self._beside, state) if state is not None else {}
        context = {
            **await read(self._services, self._fields, form),
            **beside,
            "heading": state.draft.name if state else "Write a template",
            "state": state,
            "own": state is not None and actor_of_member(request).by in state.hands,
            "may_publish": at_least(member.role, "approver"),
            "errors": errors.words,
            "error_heading": "There is a problem",
            **once_field(),
        }
        return self._frame.screen(request, "console/template.html", context, status)

    def _fields(self, form: TemplateForm) -> dict[str, Any]:
        name = self._frame.translator.language
        return {
            "here": "templates",
            "form": form,
            "meanings": MEANINGS,
            "blank_kinds": template_form.BLANK_KINDS,
            "topics": [(topic.slug, topic.name.get("en", topic.slug)) for topic in self._services.views.topics()],
            "all_channels": [(channel, CHANNELS.get(channel, channel)) for channel in ALL_CHANNELS],
            "languages_of": [(tag, name(tag), direction(tag), words) for tag, words in form.words.items()],
            "more_languages": [(tag, name(tag)) for tag in LANGUAGES if tag not in form.words],
        }

    def _beside(self, state: TemplateState) -> dict[str, Any]:
        """Return what stands beside the form: what is missing, how it reads and arrives, who uses it. Blocks."""
        services, presenter = self._services, Presenter(self._frame)
        now, zone = services.clock(), services.settings.timezone
        found = template_diagnostics(state.draft, now, zone, self._hosts, self._frame.site.name)
        missing = (*gaps(state.draft), *template_stops(state.draft, now, zone, self._hosts))
        remarks = [one for one in found if one.level == "warns"]
        fields = template_form.errors_of(Invalid("", missing), self._language).words if missing else {}
        current = state.current
        return {
            **self._words(state, presenter),
            "gaps": list(fields.items()),
            "remarks": self._review.by_language(remarks),
            "previews": previews(services, self._sample(state), _SAMPLE_AREA, now) if state.draft.content else [],
            "changes": self._compared.between(current.text, state.draft) if current and state.waits else [],
            "published_by": presenter.who(current.by) if current else "",
            "used": self._used(state.slug, presenter),
        }

    def _words(self, state: TemplateState, presenter: Presenter) -> dict[str, str]:
        """Say how a template stands."""
        if state.retired:
            said, tone = "Retired", "minor"
        elif state.current is None:
            said, tone = "Draft, not in use", "moderate"
        elif state.waits:
            said, tone = f"Version {state.current.number} in use, a draft waits", "moderate"
        else:
            said, tone = f"Version {state.current.number} in use", "clear"
        edited = f"Edited by {presenter.who(state.editor)}, {presenter.time(state.edited_at)}."
        return {"state_words": said, "tone": tone, "edited": edited}

    def _sample(self, state: TemplateState) -> NoticeState:
        """Make a notice of the draft with samples in its blanks, for the previews alone."""
        return NoticeState(
            id=state.id,
            number=0,
            version=1,
            phase="draft",
            msg_type="Alert",
            thread=state.id,
            references=(),
            plan=plan_of_template(filled_with_samples(state.draft)),
            source=None,
            drafted_at=state.edited_at,
            drafted_by=state.editor,
            hands=frozenset(),
        )

    def _used(self, slug: str, presenter: Presenter) -> list[dict[str, Any]]:
        return [
            presenter.card(notice)
            for notice in self._in_use()
            if notice.plan.template is not None and notice.plan.template.slug == slug
        ]

    def _in_use(self) -> list[NoticeState]:
        """List the notices that wait or are live."""
        views = self._services.views
        return [*views.waiting(), *views.live(self._services.clock())]

    def _list(self) -> dict[str, Any]:
        presenter, notices = Presenter(self._frame), self._in_use()
        rows = []
        for state in self._services.views.templates():
            words = self._words(state, presenter)
            used = [presenter.card(n) for n in notices if n.plan.template and n.plan.template.slug == state.slug]
            row = {"slug": state.slug, "name": state.draft.name, "used": used, "ready": state.current is not None}
            rows.append({**row, "state": words["state_words"], "tone": words["tone"], "edited": words["edited"]})
        return {"here": "templates", "templates": rows}


def slug_of(name: str) -> str:
    """Make a short name of a name: `Gas leak` → `gas-leak`."""
    kept = "".join(char if char.isalnum() and char.isascii() else " " for char in name.lower())
    return "-".join(kept.split())[:60] or "template"


def _added(fields: FormFields) -> str:
    """Query of the page that shows a language without words yet."""
    added = fields.line("add-language")
    return f"?language={added}" if added in LANGUAGES else ""


def _all_saved(form: TemplateForm, state: TemplateState, then: str) -> None:
    """Raise Conflict if something was typed that is not in the draft: it would be lost."""
    if template_form.differs(form, state.draft):
        raise Conflict(f"What stands on this page is not saved. Save the draft first; {then}.")


def _version(fields: FormFields) -> int:
    return fields.whole("version") or 0
