"""Waiting screen: what is parked, paused or failed, with its age, and what a person decides about it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from aiohttp import web

from alerts.commands.actor import Actor
from alerts.commands.ports import Idempotency
from alerts.commands.retry_trigger import retry_trigger
from alerts.commands.validation import REASON
from alerts.delivery_queue.requeue import requeue_failed
from alerts.domain.notice import NoticeState
from alerts.domain.roles import at_least
from alerts.kernel.errors import DomainError, Forbidden, NotFound
from alerts.kernel.times import from_micros
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.console.frame import Frame
from alerts.web.console.member_actor import actor_of_member, idempotency_of, member_of, once_field
from alerts.web.console.presenter import Presenter
from alerts.web.http.auth import caught_up
from alerts.web.http.routing import Route, role
from alerts.web.public.forms import FormErrors, FormFields, read_form
from alerts.web.public.why_view import title_of

PATH = "/console/waiting"
_log = logging.getLogger(__name__)
_MOST = 100
_ROOM = 10 * REASON
"""Characters of a reason that is too long which are shown again, so that it can be shortened."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Item that waits. `retry`, `drop`: labels of its buttons, "" for none."""

    kind: str
    id: str
    what: str
    words: str
    at: datetime | None = None
    link: str = ""
    retry: str = ""
    drop: str = ""
    tone: str = "moderate"

    @property
    def field(self) -> str:
        """Id of its reason's field."""
        return f"reason-{self.id.replace('@', '-')}"


def routes(services: Services) -> list[Route]:
    """Policy rows of the screen: authors see it, approvers decide; of a read model an administrator."""
    screen = WaitingScreen(services)
    return [
        Route("GET", PATH, screen.show, role("author", everywhere=True)),
        Route("POST", PATH, screen.decide, role("approver", everywhere=True)),
    ]


class WaitingScreen:
    """Handlers of the screen."""

    def __init__(self, services: Services) -> None:
        self._services, self._frame = services, Frame(services)

    async def show(self, request: web.Request) -> web.Response:
        """Show what waits, the oldest first."""
        return await self._screen(request, FormErrors())

    async def decide(self, request: web.Request) -> web.Response:
        """Try one item again, or let it go with a reason."""
        fields, errors = await read_form(request), FormErrors()
        kind, item = (request.query.get(name) or fields.line(name) for name in ("kind", "id"))
        drop, field = fields.line("do") == "drop", Waiting(kind[:40], item[:200], "", "").field
        reason = fields.text(field, REASON + 1).strip()
        if drop and not reason:
            errors.add(field, "Say why it is let go.")
        elif len(reason) > REASON:
            errors.add(field, f"Shorten it to {REASON:,} characters.")
        if errors:
            return await self._screen(request, errors, fields, status=422)
        try:
            await self._decided(request, fields, kind, item, reason, drop=drop)
        except DomainError as error:
            errors.add("waiting", error.message)
            return await self._screen(request, errors, fields, status=409)
        left = fields.without(field)
        if left.has_words(*left.names("reason-")):
            return await self._screen(request, errors, left)
        return await self._frame.to(PATH)

    async def _decided(
        self, request: web.Request, fields: FormFields, kind: str, item: str, reason: str, *, drop: bool
    ) -> None:
        """Carry a decision out. Raises DomainError."""
        actor, commands = actor_of_member(request), self._services.commands
        if kind == "read-model":
            if not at_least(member_of(request).role, "admin"):
                raise Forbidden("An administrator decides about the read models.")
            await self._read_model(actor, item, reason, drop=drop)
            return
        try:
            wanted = UUID(item)
        except ValueError:
            raise NotFound("Nothing waits under this name any more.") from None
        if kind == "trigger" and drop:
            await commands.drop_trigger(actor, wanted, reason)
        elif kind == "trigger":
            saved = await retry_trigger(self._services.log, commands, wanted, actor.by)
            if saved.state == "parked":
                raise NotFound(f"It waits again: {saved.reason}")
        elif kind == "paused" and drop:
            await commands.stop(actor, wanted, reason, idem=_once(request, fields, item))
        elif kind == "paused":
            await commands.resume(actor, wanted, reason, idem=_once(request, fields, item))
        elif kind == "failed" and not drop:
            await requeue_failed(self._services.writer, wanted, by=actor.by)
        else:
            raise NotFound("Nothing waits under this name any more.")

    async def _read_model(self, actor: Actor, item: str, reason: str, *, drop: bool) -> None:
        """Apply a parked event to its read model, or drop it; then record who did. Raises DomainError."""
        try:
            act = self._services.runner.drop if drop else self._services.runner.retry
            await read(self._services, act, item)
        except DomainError:
            raise
        except Exception as error:
            _log.warning("the parked event %s failed again", item, exc_info=error)
            raise NotFound(f"It failed again: {type(error).__name__}: {str(error)[:300]}") from error
        record = self._services.commands.record_parked_event
        await record(actor, item, "dropped" if drop else "retried", reason)

    async def _screen(
        self, request: web.Request, errors: FormErrors, fields: FormFields | None = None, status: int = 200
    ) -> web.Response:
        await caught_up(self._services)
        context = await read(self._services, self._context)
        member = member_of(request)
        context |= {
            "typed": {name: fields.text(name, _ROOM) for name in fields.names("reason-")} if fields else {},
            "approver": at_least(member.role, "approver"),
            "admin": at_least(member.role, "admin"),
            "errors": errors.words,
            "error_heading": "There is a problem",
            **once_field(),
        }
        return self._frame.screen(request, "console/waiting.html", context, status)

    def _context(self) -> dict[str, Any]:
        presenter = Presenter(self._frame)
        found = sorted(waiting_items(presenter), key=lambda one: (one.at is None, one.at or datetime.max))
        return {
            "here": "waiting",
            "path": f"{self._frame.site.base}{PATH}",
            "waiting": [(one, presenter.age(one.at) if one.at is not None else "") for one in found],
        }


def _once(request: web.Request, fields: FormFields, item: str) -> Idempotency | None:
    """Return the idempotency key of one item: the buttons of all items send the same form."""
    once = idempotency_of(request, fields)
    return replace(once, key=f"{once.key} {item}") if once is not None else None


def waiting_items(presenter: Presenter) -> Iterator[Waiting]:
    """Everything that is parked, paused or failed. Blocks."""
    services, now = presenter.services, presenter.services.clock()
    for trigger in services.views.triggers("parked", None, _MOST).items:
        what = f"“{trigger.source}” sent {trigger.kind}"
        yield Waiting("trigger", str(trigger.id), what, trigger.reason, trigger.at, "", "Decide again", "Drop it")
    for paused in services.dispatch.paused(now):
        notice = services.views.notice(paused.id)
        link, title = _titled(presenter, notice)
        at = notice.issued_at if notice is not None else None
        words = f"Paused: {paused.reason}. Shall it go on?"
        yield Waiting("paused", str(paused.id), title, words, at, link, "Let it go on", "Stop it", "severe")
    for failed in services.dispatch.failed(now):
        notice = services.views.notice(failed.id) if failed.notice is not None else None
        link, title = _titled(presenter, notice)
        words = f"{failed.amount:,} messages failed for technical reasons. Once that is mended, try them again."
        yield Waiting(
            "failed", str(failed.id), title, words, failed.issued_at, link, f"Try {failed.amount:,} again", "", "severe"
        )
    for parked in services.dispatch.parked():
        notice = services.views.notice(parked.id)
        link, title = _titled(presenter, notice)
        at = notice.issued_at if notice is not None else None
        words = f"Nobody was told: {parked.reason} Mend it, then issue it anew as an update."
        yield Waiting("audience", str(parked.id), title, words, at, link, tone="extreme")
    for event in services.runner.parked():
        what = f"The read model {event.projection} stumbled over {event.topic} at entry {event.position}"
        yield Waiting(
            "read-model", event.id, what, event.error, from_micros(event.at), "", "Apply it again", "Drop it", "severe"
        )


def _titled(presenter: Presenter, notice: NoticeState | None) -> tuple[str, str]:
    """Return link and title of a notice; those of messages of the house for none."""
    if notice is None:
        return "", "Confirmations, answers and messages to the team"
    title = title_of(notice, *[presenter.services.settings.default_language] * 2)[1]
    return f"{presenter.site.base}/console/notices/{notice.id}", title
