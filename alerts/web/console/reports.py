"""Reports inbox: what residents reported, the oldest first; answer, make an incident of it, or dismiss it."""

from __future__ import annotations

from hashlib import sha256
from typing import Any
from uuid import UUID

from aiohttp import web

from alerts.channels.i18n import direction
from alerts.channels.replies import Answers, ReportAnswer
from alerts.commands.validation import REASON
from alerts.domain.report import ReportState
from alerts.domain.streams import REPORT
from alerts.kernel.errors import DomainError
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.console.frame import CHANNELS, Frame
from alerts.web.console.member_actor import ONCE, actor_of_member, idempotency_of, once_key
from alerts.web.console.presenter import Presenter
from alerts.web.console.previews import shown_on
from alerts.web.http.routing import Route, role
from alerts.web.public.forms import FormErrors, FormFields, read_form
from alerts.web.public.map_svg import Pin, draw

PATH = "/console/reports"
MOST = 50
"""Reports on one page."""
_ROOM = 10 * REASON
"""Characters of a text that is too long which are shown again, so that they can be shortened."""
_TONES = {"waiting": "moderate", "accepted": "clear", "answered": "clear"}


def routes(services: Services) -> list[Route]:
    """Policy rows of the inbox. Not for people whose role is limited to some areas, as in the API."""
    inbox, access, one = ReportsInbox(services), role("author", everywhere=True), f"{PATH}/{{report}}"
    return [
        Route("GET", PATH, inbox.screen, access),
        Route("GET", one, inbox.one, access),
        Route("GET", f"{one}/photo", inbox.photo, access),
        Route("POST", f"{one}/answer", inbox.answer, access),
        Route("POST", f"{one}/dismiss", inbox.dismiss, access),
        Route("POST", f"{one}/erase", inbox.erase, access),
    ]


class ReportsInbox:
    """Handlers of the inbox and of one report."""

    def __init__(self, services: Services) -> None:
        self._services, self._frame = services, Frame(services)
        settings = services.settings
        self._answers = Answers(
            sender=settings.sender, clock=services.clock, default_language=settings.default_language
        )

    async def screen(self, request: web.Request) -> web.Response:
        """Show what waits, the oldest first; `?state=done`, `?state=newest`: decided, or waiting, the newest first."""
        which = request.query.get("state", "")
        try:
            context = await read(self._services, self._list, which, request.query.get("cursor"))
        except ValueError:
            raise web.HTTPNotFound from None
        return self._frame.screen(request, "console/reports.html", context)

    async def one(self, request: web.Request) -> web.Response:
        """Show one report with its photo and place."""
        return await self._screen(request, FormErrors())

    async def photo(self, request: web.Request) -> web.Response:
        """Serve the photo of a report. Raises HTTPNotFound if there is none."""
        report = report_id(request)
        sealed = await read(self._services, self._services.commands.sealed_photo, report)
        raw = None if sealed is None else await read(self._services, self._services.unseal, report, sealed)
        if raw is None:
            raise web.HTTPNotFound
        return web.Response(body=raw, content_type="image/jpeg")

    async def answer(self, request: web.Request) -> web.Response:
        """Show what the resident would get; answer with the words that were shown."""
        fields, errors = await read_form(request), FormErrors()
        words = fields.text("words", REASON + 1).strip()
        if not words:
            errors.add("words", "Write what the resident shall read.")
        elif len(words) > REASON:
            errors.add("words", f"Shorten it to {REASON:,} characters.")
        if errors:
            return await self._screen(request, errors, fields, status=422)
        if fields.line("do") != "send" or fields.line("shown") != _mark(words):
            return await self._screen(request, errors, fields, preview=words)
        commands, idem = self._services.commands, idempotency_of(request, fields)
        try:
            await commands.answer_report(actor_of_member(request), report_id(request), words, idem=idem)
        except DomainError as error:
            errors.add("words", await self._said(request, error))
            return await self._screen(request, errors, fields, status=409)
        if fields.has_words("reason"):
            return await self._screen(request, errors, fields.without("words"))
        return await self._frame.to(f"{PATH}/{report_id(request)}")

    async def dismiss(self, request: web.Request) -> web.Response:
        """Dismiss a report with a reason, then show the inbox."""
        fields, errors = await read_form(request), FormErrors()
        reason = fields.text("reason", REASON + 1).strip()
        if not reason:
            errors.add("reason", "Say why nothing follows.")
        elif len(reason) > REASON:
            errors.add("reason", f"Shorten it to {REASON:,} characters.")
        if errors:
            return await self._screen(request, errors, fields, status=422)
        commands, idem = self._services.commands, idempotency_of(request, fields)
        try:
            await commands.dismiss_report(actor_of_member(request), report_id(request), reason, idem=idem)
        except DomainError as error:
            errors.add("reason", error.message)
            return await self._screen(request, errors, fields, status=409)
        if fields.has_words("words"):
            return await self._screen(request, errors, fields.without("reason"))
        return await self._frame.to(PATH)

    async def erase(self, request: web.Request) -> web.Response:
        """Erase what a resident wrote, their photo and address, then show the inbox."""
        fields, errors = await read_form(request), FormErrors()
        if not fields.ticked("sure"):
            errors.add("sure", "Tick that it shall be erased for good.")
            return await self._screen(request, errors, fields, status=422)
        commands, idem = self._services.commands, idempotency_of(request, fields)
        await commands.erase_report(actor_of_member(request), report_id(request), idem=idem)
        return await self._frame.to(PATH)

    async def _said(self, request: web.Request, error: DomainError) -> str:
        """Return an error's words; of a report that somebody has answered, with their name."""
        state = await report_state(self._services, request)
        if state.answered_at is None:
            return error.message
        who = await read(self._services, Presenter(self._frame).who, state.answered_by)
        return f"{who} has answered this already. There is one answer to a report."

    async def _screen(
        self,
        request: web.Request,
        errors: FormErrors,
        fields: FormFields | None = None,
        status: int = 200,
        preview: str = "",
    ) -> web.Response:
        state = await report_state(self._services, request)
        context = await read(self._services, self._context, state, preview)
        typed = fields or FormFields({})
        context |= {
            "words_of": state.words or "",
            "words": typed.text("words", _ROOM),
            "reason": typed.text("reason", _ROOM),
            "shown": _mark(preview) if preview else "",
            "errors": errors.words,
            "error_heading": "There is a problem",
            "once": once_key(),
            "once_name": ONCE,
        }
        return self._frame.screen(request, "console/report.html", context, status)

    def _list(self, which: str, cursor: str | None) -> dict[str, Any]:
        presenter, views = Presenter(self._frame), self._services.views
        count, _ = views.waiting_reports()
        older, done = "", which == "done"
        if which in ("done", "newest"):
            page = views.reports(None if done else "waiting", cursor, MOST)
            found = [state for state in page.items if (state.phase != "waiting") == done]
            older = f"{self._frame.site.base}{PATH}?state={which}&cursor={page.next}" if page.next else ""
        else:
            found = views.reports_to_decide(MOST)
        return {
            "here": "reports",
            "path": f"{self._frame.site.base}{PATH}",
            "done": done,
            "newest": which == "newest",
            "count": count,
            "most": MOST,
            "older": older,
            "reports": [self._row(presenter, state) for state in found],
        }

    def _row(self, presenter: Presenter, state: ReportState) -> dict[str, Any]:
        return {
            "id": str(state.id),
            "receipt": state.receipt,
            "at": presenter.time(state.received_at),
            "age": presenter.age(state.received_at),
            "phase": state.phase,
            "tone": _TONES.get(state.phase, "minor"),
            "words": state.words or "",
            "where": state.where or "",
            "lang": state.language,
            "dir": direction(state.language),
            "photo": state.photo,
        }

    def _context(self, state: ReportState, preview: str) -> dict[str, Any]:
        presenter = Presenter(self._frame)
        incident = self._services.views.incident(state.incident) if state.incident else None
        return {
            "here": "reports",
            "path": f"{self._frame.site.base}{PATH}",
            **self._row(presenter, state),
            "language": presenter.translator.language(state.language),
            "map": self._map(state),
            "way": CHANNELS[state.channel] if state.channel else "",
            "answer": state.answer or "",
            "answered": presenter.time(state.answered_at),
            "answered_by": presenter.who(state.answered_by) if state.answered_at else "",
            "why": state.reason,
            "incident": next(iter(incident.facts.headline.values()), "") if incident else "",
            "notice": str(incident.notice) if incident is not None and incident.notice else "",
            "preview": self._preview(state, preview) if preview else None,
        }

    def _map(self, state: ReportState) -> Any:
        """Draw the place of a report on a small map; None without a position."""
        if state.lat is None or state.lon is None:
            return None
        pin = Pin("here", state.lat, state.lon, state.where or "")
        return draw(self._frame.place_shapes.outlines(), [], [pin], f"Map: {state.where or 'the place of the report'}")

    def _preview(self, state: ReportState, words: str) -> dict[str, Any]:
        """Render an answer as the code that sends does; nothing but the words if they gave no way to be reached."""
        if state.channel is None or state.address is None:
            return {"subject": "", "segments": 0, "text": words}
        url = f"{self._services.settings.public_url}/report/{state.receipt}"
        answer = ReportAnswer(receipt=state.receipt, words=words, url=url)
        message = self._answers.report_answer(state.channel, state.language, state.address, "preview", answer)
        return shown_on(state.channel, message.data)


def report_id(request: web.Request) -> UUID:
    """Return the report of the path. Raises HTTPNotFound."""
    try:
        return UUID(request.match_info["report"])
    except ValueError:
        raise web.HTTPNotFound from None


async def report_state(services: Services, request: web.Request) -> ReportState:
    """Load the report of the path as the log has it. Raises HTTPNotFound."""
    state = await read(services, services.log.state, REPORT, report_id(request))
    if state is None:
        raise web.HTTPNotFound
    return state


def _mark(words: str) -> str:
    """Mark of the words that a preview has shown."""
    return sha256(words.encode()).hexdigest()[:16]
