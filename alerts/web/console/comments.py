"""Comments of the team on a draft, as they stand on compose, check, approve, and a page of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aiohttp import web

from alerts.commands.notice_comments import LONGEST
from alerts.domain.notice import NoticeState
from alerts.domain.notice_comments import CommentsState, fields_of
from alerts.domain.notice_lifecycle import EDITABLE
from alerts.domain.streams import COMMENTS, comments_id
from alerts.kernel.errors import DomainError, Invalid
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.console.draft_merge import label_of
from alerts.web.console.frame import Frame, notice_state
from alerts.web.console.member_actor import (
    actor_of_member,
    idempotency_of,
    member_of,
    once_field,
)
from alerts.web.console.presenter import Presenter
from alerts.web.console.team_mail import TeamMail
from alerts.web.http.routing import Route, role
from alerts.web.public.forms import FormErrors, FormFields, read_form

_ROOM = 2 * LONGEST
"""Characters that are read of what was typed: more than are taken, so that too long a comment is not cut unseen."""


def routes(services: Services) -> list[Route]:
    """Policy rows of the page."""
    screens, path = CommentScreens(services), "/console/notices/{notice}/comments"
    return [
        Route("GET", path, screens.show, role("viewer")),
        Route("POST", path, screens.add, role("viewer")),
        Route("POST", f"{path}/erase", screens.erase, role("admin")),
    ]


class CommentSection:
    """Part of a screen: the comments on a notice, and the fields of a new one."""

    def __init__(self, frame: Frame) -> None:
        self._frame, self._services = frame, frame.services
        self._mail = TeamMail(frame.services)

    def of(self, state: NoticeState | None, fields: FormFields | None = None) -> dict[str, Any]:
        """Return the comments on a notice, the newest last; none on a draft that is not saved yet. Blocks.

        `fields`: what was typed, if it was refused.
        """
        presenter, found = Presenter(self._frame), self._found(state) if state is not None else None
        name = self._frame.translator.language
        parts = fields_of(state.plan) if state is not None else ()
        return {
            "comments": [
                {
                    "who": presenter.who(one.by),
                    "at": presenter.time(one.at),
                    "iso": one.at.isoformat(),
                    "about": label_of(one.field, name) if one.field else "",
                    "quote": one.quote,
                    "text": one.text,
                }
                for one in (found.comments if found is not None else ())
            ],
            "may_comment": (state is None or state.phase in EDITABLE) and not (found is not None and found.erased),
            "may_erase": found is not None and not found.erased,
            "comment_parts": [("", "The whole notice"), *((one, label_of(one, name)) for one in parts)],
            "comment_typed": fields.text("comment", _ROOM) if fields is not None else "",
            "comment_about": fields.line("about") if fields is not None else "",
        }

    async def add_typed(self, request: web.Request, fields: FormFields, state: NoticeState) -> FormErrors:
        """Comment with what was typed beside another act; nothing if nothing was, or no comment is taken any more."""
        if state.phase not in EDITABLE or not fields.text("comment", _ROOM).strip():
            return FormErrors()
        return await self.add(request, fields, state)

    async def add(self, request: web.Request, fields: FormFields, state: NoticeState) -> FormErrors:
        """Comment on a draft, and tell its author and who commented before; the errors if it was refused."""
        errors, words = FormErrors(), fields.text("comment", _ROOM).strip()
        if not words:
            errors.add("comment", "Write something first.")
            return errors
        before = await read(self._services, self._found, state)
        idem = idempotency_of(request, fields)
        try:
            saved = await self._services.commands.comment_on_draft(
                actor_of_member(request),
                state.id,
                words,
                about=fields.line("about"),
                idem=replace(idem, key=f"{idem.key} comment") if idem is not None else None,
            )
        except DomainError as error:
            for one in error.errors if isinstance(error, Invalid) else ():
                errors.add(one.field if one.field in ("comment", "about") else "comment", one.message)
            if not errors:
                errors.add("comment", error.message)
            return errors
        earlier = frozenset(one.by for one in before.comments) if before is not None else frozenset()
        self._mail.commented(saved, state, member_of(request), words, earlier)
        return errors

    def _found(self, state: NoticeState) -> CommentsState | None:
        return self._services.log.state(COMMENTS, comments_id(state.id))


class CommentScreens:
    """Handlers of the page of a notice's comments."""

    def __init__(self, services: Services) -> None:
        self._services, self._frame = services, Frame(services)
        self._section = CommentSection(self._frame)

    async def show(self, request: web.Request) -> web.Response:
        """Show the comments, and a field for the next one."""
        return await self._screen(request, await notice_state(self._services, request), FormErrors(), None)

    async def add(self, request: web.Request) -> web.Response:
        """Take a comment; then the page of the comments."""
        fields, state = await read_form(request), await notice_state(self._services, request)
        errors = await self._section.add(request, fields, state)
        if errors:
            return await self._screen(request, state, errors, fields, 422 if state.phase in EDITABLE else 409)
        return await self._frame.to(f"/console/notices/{state.id}/comments#comments")

    async def erase(self, request: web.Request) -> web.Response:
        """Erase the words of every comment on a notice."""
        fields, state = await read_form(request), await notice_state(self._services, request)
        if not fields.ticked("sure"):
            errors = FormErrors()
            errors.add("sure", "Tick that they shall be erased for good.")
            return await self._screen(request, state, errors, fields, 422)
        await self._services.commands.erase_comments(
            actor_of_member(request), state.id, idem=idempotency_of(request, fields)
        )
        return await self._frame.to(f"/console/notices/{state.id}/comments")

    async def _screen(
        self, request: web.Request, state: NoticeState, errors: FormErrors, fields: FormFields | None, status: int = 200
    ) -> web.Response:
        context = {
            "here": "notices",
            "id": str(state.id),
            "drill": state.plan.status != "Actual",
            "errors": errors.words,
            "error_heading": "There is a problem",
            **once_field(),
            **await read(self._services, self._context, state, fields),
        }
        return self._frame.screen(request, "console/comments.html", context, status)

    def _context(self, state: NoticeState, fields: FormFields | None) -> dict[str, Any]:
        return {**Presenter(self._frame).card(state), **self._section.of(state, fields)}
