"""Check, approve and send: the exact words, the exact number of people, and a second person's decision (RULES 16)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from alerts.authoring.guide import overruled
from alerts.channels.i18n import translator
from alerts.domain.events import Content
from alerts.domain.notice import NoticeState
from alerts.domain.notice_lifecycle import EDITABLE, danger_to_life, lifetime
from alerts.kernel.errors import DomainError
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.console.comments import CommentSection
from alerts.web.console.deciders import deciders, decision_time
from alerts.web.console.draft_review import DraftReview
from alerts.web.console.frame import Frame, notice_state
from alerts.web.console.local_time import send_time
from alerts.web.console.member_actor import (
    ONCE,
    actor_of_member,
    idempotency_of,
    member_of,
    notice_id,
    once_key,
)
from alerts.web.console.presenter import Presenter, area_map
from alerts.web.console.previews import test_mails
from alerts.web.console.team_mail import TeamMail
from alerts.web.console.template_review import TemplateReview
from alerts.web.http.routing import Route, role
from alerts.web.public.forms import FormErrors, FormFields, read_form

_ONE = "/console/notices/{notice}"


def routes(services: Services) -> list[Route]:
    """Policy rows of the screens between a draft and its sending."""
    approval = Approval(services)
    return [
        Route("GET", f"{_ONE}/check", approval.check, role("author")),
        Route("POST", f"{_ONE}/check", approval.submit, role("author")),
        Route("GET", f"{_ONE}/approve", approval.show, role("approver")),
        Route("POST", f"{_ONE}/approve", approval.decide, role("approver")),
    ]


class Approval:
    """Handlers of check and approve."""

    def __init__(self, services: Services) -> None:
        self._services, self._frame = services, Frame(services)
        self._review, self._templates = DraftReview(self._frame), TemplateReview(self._frame)
        self._mail, self._comments = TeamMail(services), CommentSection(self._frame)

    async def check(self, request: web.Request) -> web.Response:
        """Show a draft as it would leave, and what is still missing."""
        return await self._screen(request, "console/check.html", FormErrors())

    async def submit(self, request: web.Request) -> web.Response:
        """Ask for approval, with what the guide found and the author lets stand."""
        fields = await read_form(request)
        state, there = await notice_state(self._services, request), frozenset(fields.all("there"))
        do = fields.line("do")
        if do == "test":
            told = await self._test(request, state)
            return await self._screen(
                request, "console/check.html", FormErrors(), there=there, fields=fields, told=told
            )
        pressed = fields
        errors, fields = await self._commented(request, fields, state)
        if errors or do == "comment":
            status = 422 if errors else 200
            return await self._screen(request, "console/check.html", errors, status, there=there, fields=fields)
        found, stops = await self._review.blocking(state, there)
        if stops and state.phase in ("draft", "returned"):
            errors = FormErrors()
            for one in stops:
                errors.add(f"there-{one.key}" if one.level == "asks" else "stops", f"{one.words}{_in(one.language)}")
            return await self._screen(request, "console/check.html", errors, status=422, there=there, fields=fields)
        errors = FormErrors()
        send_at = self._send_at(fields, errors)
        if errors:
            return await self._screen(request, "console/check.html", errors, status=422, there=there, fields=fields)
        try:
            if state.phase in ("draft", "returned") and state.plan.send_at != send_at:
                patch = {"send_at": send_at.isoformat() if send_at else None}
                await self._services.commands.revise_notice(actor_of_member(request), state.id, patch, state.version)
            saved = await self._services.commands.submit(
                actor_of_member(request),
                notice_id(request),
                note=fields.text("note", 2_000).strip(),
                let_stand=tuple(overruled(found, there)),
                idem=idempotency_of(request, pressed),
            )
        except DomainError as error:
            return await self._refused(request, "console/check.html", "submit", error, fields, there)
        self._mail.asked(
            saved, await notice_state(self._services, request), member_of(request), await self._review.people(state)
        )
        return await self._frame.to(f"/console/notices/{notice_id(request)}")

    async def _commented(
        self, request: web.Request, fields: FormFields, state: NoticeState
    ) -> tuple[FormErrors, FormFields]:
        """Take the comment that was typed on a screen, whichever of its buttons was pressed: it is not lost.

        Returns what is wrong with it, and the fields that are still to be taken.
        """
        if fields.line("do") == "comment":
            errors = await self._comments.add(request, fields, state)
        elif state.phase in EDITABLE:
            errors = await self._comments.add_typed(request, fields, state)
        else:
            return FormErrors(), fields
        return errors, fields if errors else fields.without("comment", "about")

    async def _test(self, request: web.Request, state: NoticeState) -> str:
        """Mail the notice to the member as a test; the answer in words."""
        member, services = member_of(request), self._services
        if services.mail_now is None or not member.email:
            return "No mail server is set up: nothing was sent."
        try:
            services.limits.take(f"test mail:{member.id}", 1 / 10, burst_seconds=30.0)
            area = await read(services, self._frame.place_shapes.where, state.plan.area, self._frame.translator)
            mails = await read(services, test_mails, services, state, area, services.clock(), member.email)
            results = [await services.mail_now(mail) for mail in mails]
        except DomainError as error:
            return f"Nothing was sent: {error.message}"
        failed = next((one for one in results if one.result != "sent"), None)
        if failed is not None:
            return f"The mail server did not take it: {failed.reason or failed.result}"
        return f"A test is on its way to {member.email}, one mail for each language."

    def _send_at(self, fields: FormFields, errors: FormErrors) -> datetime | None:
        """Return the time that was chosen; None for at once. What is wrong with it is added to the errors."""
        if fields.one_of("when", ("now", "at"), "now") == "now":
            return None
        zone, now = self._services.settings.timezone, self._services.clock()
        found = send_time(fields.line("send-day"), fields.line("send-time"), fields.line("which"), zone, now)
        if isinstance(found, str):
            errors.add("send-day", found)
            return None
        return found

    def _when(self, state: NoticeState, fields: FormFields | None) -> dict[str, Any]:
        """Return what the fields of the time show: what was typed, or what the draft has."""
        zone = self._services.settings.timezone
        local = state.plan.send_at.astimezone(ZoneInfo(zone)) if state.plan.send_at else None
        shown = {
            "when": "at" if local else "now",
            "send_day": f"{local:%Y-%m-%d}" if local else "",
            "send_time": f"{local:%H:%M}" if local else "",
            "which": "",
            "zone": zone,
            "send_at_words": self._frame.translator.time(state.plan.send_at, zone) if state.plan.send_at else "",
            "ends_words": self._ends(state, zone),
        }
        if fields is not None:
            shown |= {
                "when": fields.line("when"),
                "send_day": fields.line("send-day"),
                "send_time": fields.line("send-time"),
                "which": fields.line("which"),
                "note_typed": fields.text("note", 2_000),
            }
        return shown

    def _ends(self, state: NoticeState, zone: str) -> str:
        """When a notice ends by itself: its end, or what follows from the issue if it has none."""
        end = state.expires or state.plan.expires
        if end is not None:
            return f"on {self._frame.translator.time(end, zone)}"
        return f"{Presenter(self._frame).span(lifetime(state.plan.kind))} after it is sent"

    async def show(self, request: web.Request) -> web.Response:
        """Ask the approver: these words, to so many people?"""
        return await self._screen(request, "console/approve.html", FormErrors())

    async def decide(self, request: web.Request) -> web.Response:
        """Approve and send, return or reject; the gravest only with the number typed."""
        fields, state = await read_form(request), await notice_state(self._services, request)
        errors, left = await self._commented(request, fields, state)
        if errors or fields.line("do") == "comment":
            return await self._screen(request, "console/approve.html", errors, 422 if errors else 200, fields=left)
        try:
            errors = await self._decided(request, fields)
        except DomainError as error:
            return await self._refused(request, "console/approve.html", "people", error, left)
        if errors or left.has_words("comment"):
            return await self._screen(request, "console/approve.html", errors, 422 if errors else 200, fields=left)
        return await self._frame.to(f"/console/notices/{notice_id(request)}")

    async def _decided(self, request: web.Request, fields: FormFields) -> FormErrors:
        """Carry a decision out; errors of the form, if it is not complete. Raises DomainError."""
        errors, commands = FormErrors(), self._services.commands
        actor, notice, idem = actor_of_member(request), notice_id(request), idempotency_of(request, fields)
        decision = fields.one_of("do", ("send", "return", "reject"), "")
        if decision in ("return", "reject"):
            reason = fields.text("reason", 2_000).strip()
            if not reason:
                errors.add("reason", "Say why, so that the author can mend it.")
            elif decision == "return":
                state = await notice_state(self._services, request)
                saved = await commands.return_(actor, notice, reason, idem=idem)
                self._mail.returned(saved, state, member_of(request), reason)
            else:
                await commands.reject(actor, notice, reason, idem=idem)
            return errors
        state, people, version = (
            await notice_state(self._services, request),
            fields.whole("seen"),
            fields.whole("version"),
        )
        if people is None or version is None:
            errors.add("people", "Read the words again, then decide.")
            return errors
        typed = _digits(fields.line("people"))
        if state.phase == "pending-approval" and _gravest(state) and typed != str(people):
            said = "type it in digits" if fields.line("people") and not typed else f"you typed {typed or 'nothing'}"
            errors.add("people", f"It is {people:,}; {said}.")
            return errors
        # Only what this person saw approved is sent without approving it: else a second press, or that of a second
        # approver, would send at once what the first has approved for later.
        if state.phase != "approved" or state.version != version:
            once = replace(idem, key=f"{idem.key} approve") if idem is not None else None
            saved = await commands.approve(actor, notice, version, people, idem=once)
            if saved.state != "approved":  # it waits for its time, or was an ending that has left at once
                return errors
        await commands.issue(actor, notice, idem=idem)
        return errors

    async def _refused(
        self,
        request: web.Request,
        layout: str,
        field: str,
        error: DomainError,
        fields: FormFields,
        there: frozenset[str] = frozenset(),
    ) -> web.Response:
        errors, state = FormErrors(), await notice_state(self._services, request)
        first = state.approved_by if state.approved_by != actor_of_member(request).by else None
        who = await read(self._services, Presenter(self._frame).who, first) if first else ""
        if who and field == "people":
            done = "sent by" if state.issued else "approved by"
            errors.add(
                field, f"It was {done} {who} a moment ago. Nothing of yours is sent: look again before you press."
            )
        else:
            errors.add(field, error.message)
        return await self._screen(request, layout, errors, 409, there, fields)

    async def _screen(
        self,
        request: web.Request,
        layout: str,
        errors: FormErrors,
        status: int = 200,
        there: frozenset[str] = frozenset(),
        fields: FormFields | None = None,
        told: str = "",
    ) -> web.Response:
        state = await notice_state(self._services, request)
        context = {**await read(self._services, self._context, state, fields), **await self._review.of(state)}
        own = actor_of_member(request).by in state.hands
        if layout == "console/check.html":  # the decider is not asked how long deciding takes
            context["decision_time"] = await read(self._services, decision_time, Presenter(self._frame))
        elif fields is not None:
            context |= _decision_typed(state, fields, errors)
        return self._frame.screen(
            request,
            layout,
            {
                **context,
                "errors": errors.words,
                "error_heading": "There is a problem",
                "there": there,
                "sent_words": told,
                **self._when(state, fields),
                "own": own,
                "me": member_of(request).name or "",
                "once": once_key(),
                "once_name": ONCE,
            },
            status,
            frames=True,
        )

    def _context(self, state: NoticeState, fields: FormFields | None) -> dict[str, Any]:
        presenter = Presenter(self._frame)
        before = [n for n in self._services.views.thread(state.thread) if n.issued and n.id != state.id]
        return {
            "here": "notices",
            **presenter.card(state),
            "id": str(state.id),
            "state": state,
            "drill": state.plan.status != "Actual",
            "decided": presenter.who(state.approved_by) if state.approved_by else "",
            "danger": danger_to_life(state.plan, state.msg_type),
            "gravest": _gravest(state),
            "before": self._said(before[-1]) if before else None,
            "from_template": self._templates.of(state.plan),
            "map": area_map(presenter, state),
            "deciders": deciders(presenter, state),
            "people_typed": "",
            "reason_typed": "",
            **self._comments.of(state, fields),
        }

    def _said(self, state: NoticeState) -> list[tuple[str, str, Content]]:
        """Words of a notice by language: tag, name and words."""
        return [(tag, self._frame.translator.language(tag), said) for tag, said in state.plan.content.items()]


def _decision_typed(state: NoticeState, fields: FormFields, errors: FormErrors) -> dict[str, str]:
    """Return what was typed beside a decision. A number that was typed for other words has to be typed again."""
    people = fields.line("people")
    if people and state.phase == "pending-approval" and fields.whole("version") != state.version:
        people = ""
        errors.add("people", "The words have changed since you typed the number: read them, then type it again.")
    return {"people_typed": people, "reason_typed": fields.text("reason", 2_000)}


def _in(language: str) -> str:
    """Name of the language that an error is about, as its end."""
    return f" ({translator('en').language(language)})" if language else ""


def _gravest(state: NoticeState) -> bool:
    """True if the number of people has to be typed: danger to life, and no drill."""
    return danger_to_life(state.plan, state.msg_type)


def _digits(text: str) -> str:
    """Digits of a typed number, without blanks, commas and leading zeros."""
    return "".join(char for char in text if char.isdigit()).lstrip("0") or ("0" if "0" in text else "")
