"""Follow-ups of a live notice: update, cancel, all-clear and stop, with prepared words (RULES 13, 14)."""

from __future__ import annotations

from aiohttp import web

from alerts.channels.i18n import translator
from alerts.commands.notice_plans import plan_as_body
from alerts.contract.bodies import AllClearBody, CancelBody, ContentBody, NoticeBody
from alerts.domain.events import Content
from alerts.intake import strict_json
from alerts.kernel.blanks import blanks_in
from alerts.kernel.errors import DomainError
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.console.frame import Frame, notice_state
from alerts.web.console.member_actor import ONCE, actor_of_member, idempotency_of, once_key
from alerts.web.console.presenter import Presenter
from alerts.web.console.template_review import TemplateReview
from alerts.web.http.routing import Handler, Route, role
from alerts.web.public.forms import FormErrors, FormFields, read_form

_ONE = "/console/notices/{notice}"
_TITLES = {
    "cancel": "Correction: it was wrong",
    "all-clear": "All clear: the danger is over",
    "stop": "Stop what has not left",
}


def routes(services: Services) -> list[Route]:
    """Policy rows of the follow-ups."""
    follow_up = FollowUp(services)
    rows = [Route("POST", f"{_ONE}/update", follow_up.update, role("author"))]
    for what in _TITLES:
        rows.append(Route("GET", f"{_ONE}/{what}", follow_up.ask(what), role("approver")))
        rows.append(Route("POST", f"{_ONE}/{what}", follow_up.take(what), role("approver")))
    return rows


class FollowUp:
    """Handlers of the follow-ups."""

    def __init__(self, services: Services) -> None:
        self._services, self._frame = services, Frame(services)
        self._templates = TemplateReview(self._frame)

    async def update(self, request: web.Request) -> web.Response:
        """Draft an update with the words of the latest message; then its form."""
        fields, state = await read_form(request), await notice_state(self._services, request)
        end = state.plan.expires
        passed = {"send_at"} | ({"expires"} if end is not None and end <= self._services.clock() else set())
        body = {name: value for name, value in plan_as_body(state.plan).items() if name not in passed}
        saved = await self._services.commands.update(
            actor_of_member(request),
            state.id,
            strict_json.typed({k: v for k, v in body.items() if v is not None}, NoticeBody),
            idem=idempotency_of(request, fields),
        )
        return await self._frame.to(f"/console/notices/{saved.id}/edit")

    def ask(self, what: str) -> Handler:
        """Handler that shows the prepared words of a follow-up."""

        async def show(request: web.Request) -> web.Response:
            return await self._screen(request, what, FormErrors(), None)

        return show

    def take(self, what: str) -> Handler:
        """Handler that carries a follow-up out at once."""

        async def carry_out(request: web.Request) -> web.Response:
            fields, errors = await read_form(request), FormErrors()
            if what != "all-clear" and not fields.text("reason", 2_000).strip():
                errors.add("reason", "Say what was wrong.")
                return await self._screen(request, what, errors, fields, status=422)
            if what != "stop" and (errors := await self._unfilled(request, fields)):
                return await self._screen(request, what, errors, fields, status=422)
            try:
                shown = await self._carried_out(request, what, fields)
            except DomainError as error:
                errors.add("reason" if what != "all-clear" else "title", error.message)
                return await self._screen(request, what, errors, fields, status=409)
            return await self._frame.to(f"/console/notices/{shown}")

        return carry_out

    async def _carried_out(self, request: web.Request, what: str, fields: FormFields) -> object:
        """Issue the follow-up, or stop; the notice to be shown next. Raises DomainError."""
        commands, actor, state = (
            self._services.commands,
            actor_of_member(request),
            await notice_state(self._services, request),
        )
        idem, reason = idempotency_of(request, fields), fields.text("reason", 2_000).strip()
        if what == "stop":
            await commands.stop(actor, state.id, reason, idem=idem)
            return state.id
        content = {
            tag: ContentBody(title=title, instruction=fields.text(f"instruction-{tag}", 20_000).strip())
            for tag in state.plan.content
            if (title := fields.line(f"title-{tag}"))
        }
        if content:  # a language whose words were taken out repeats its title, as all do without words
            content = {
                tag: content.get(tag) or ContentBody(title=said.title) for tag, said in state.plan.content.items()
            }
        if what == "cancel":
            body = CancelBody(reason=reason, content=content or None)
            return (await commands.cancel(actor, state.id, body, idem=idem)).id
        return (await commands.all_clear(actor, state.id, AllClearBody(content=content or None), idem=idem)).id

    async def _unfilled(self, request: web.Request, fields: FormFields) -> FormErrors:
        """Name titles that are missing above other words, and blanks of a template that the words still have."""
        errors, state = FormErrors(), await notice_state(self._services, request)
        for tag in state.plan.content:
            if fields.text(f"instruction-{tag}", 20_000).strip() and not fields.line(f"title-{tag}"):
                errors.add(f"title-{tag}", "Write a title: what to do does not go out without one.")
        for tag in state.plan.content if state.plan.template is not None else ():
            for field in (f"title-{tag}", f"instruction-{tag}"):
                for name in blanks_in(fields.text(field, 20_000))[:1]:
                    errors.add(field, f"Fill [{name}].")
        return errors

    async def _screen(
        self, request: web.Request, what: str, errors: FormErrors, fields: FormFields | None, status: int = 200
    ) -> web.Response:
        state = await notice_state(self._services, request)
        presenter = Presenter(self._frame)
        card = await read(self._services, presenter.card, state)
        prepared = await read(self._services, self._templates.correction, state.plan) if what == "cancel" else {}
        words = [
            (
                tag,
                presenter.translator.language(tag),
                translator(tag).text("banner", "Cancel" if what == "cancel" else "AllClear"),
                fields.line(f"title-{tag}") if fields else ready.title,
                fields.text(f"instruction-{tag}", 20_000) if fields else ready.instruction,
            )
            for tag, said in state.plan.content.items()
            for ready in (prepared.get(tag) or Content(title=said.title),)
        ]
        context = {
            "here": "notices",
            **card,
            "id": str(state.id),
            "what": what,
            "heading": _TITLES[what],
            "prepared": bool(prepared),
            "words": [] if what == "stop" else words,
            "reason": fields.text("reason", 2_000) if fields else "",
            "errors": errors.words,
            "error_heading": "There is a problem",
            "drill": state.plan.status != "Actual",
            "once": once_key(),
            "once_name": ONCE,
        }
        return self._frame.screen(request, "console/follow_up.html", context, status)
