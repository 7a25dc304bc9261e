"""Report of a notice: people and messages, by channel, language and place, how fast, what failed, what readers said."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID

from aiohttp import web

from alerts.domain.notice import NoticeState
from alerts.domain.reference_data import MemberState
from alerts.import_export.csv_format import escape_formula
from alerts.kernel.errors import Conflict
from alerts.projections.queries import OutcomeCount
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.console.frame import CHANNELS, Frame
from alerts.web.console.member_actor import actor_of_member, idempotency_of, member_of, notice_id
from alerts.web.console.notice import failures
from alerts.web.console.presenter import Presenter
from alerts.web.console.unreached import unreached_context
from alerts.web.http.routing import Route, role
from alerts.web.public.forms import read_form

_LEFT = ("sent", "delivered")
_COLUMNS = ("channel", "state", "language", "place", "deliveries")
_WORDS = 20


def routes(services: Services) -> list[Route]:
    """Policy rows of the report."""
    report = OutcomeReport(services)
    one = "/console/notices/{notice}/report"
    return [
        Route("GET", one, report.show, role("viewer")),
        Route("GET", f"{one}.csv", report.csv, role("viewer")),
        # As for letters and calls: the list holds addresses.
        Route("POST", "/console/notices/{notice}/call-list", report.make_list, role("author", everywhere=True)),
    ]


class OutcomeReport:
    """Handlers of the report."""

    def __init__(self, services: Services) -> None:
        self._services, self._frame = services, Frame(services)

    async def show(self, request: web.Request) -> web.Response:
        """Show the report."""
        context = await read(self._services, self._context, notice_id(request), member_of(request))
        return self._frame.screen(request, "console/outcome_report.html", context)

    async def make_list(self, request: web.Request) -> web.Response:
        """Make the lists of the unreached, then lead to the first; a refusal is said where they are counted."""
        fields, notice = await read_form(request), notice_id(request)
        try:
            saved = await self._services.commands.list_unreached(
                actor_of_member(request), notice, idem=idempotency_of(request, fields)
            )
        except Conflict as refused:
            context = await read(self._services, self._context, notice, member_of(request))
            context |= {"refused": str(refused)}
            return self._frame.screen(request, "console/outcome_report.html", context, status=409)
        return await self._frame.to(f"/console/letters/{saved.id}")

    async def csv(self, request: web.Request) -> web.Response:
        """Serve the counts as CSV; what a spreadsheet would compute is disarmed."""
        notice = notice_id(request)
        text = await read(self._services, self._csv, notice)
        name = f'attachment; filename="notice-{str(notice)[-12:]}.csv"'
        headers = {"Content-Disposition": name, "Cache-Control": "no-store"}
        return web.Response(text=text, content_type="text/csv", charset="utf-8", headers=headers)

    def _found(self, notice: UUID) -> NoticeState:
        found = self._services.views.notice(notice)
        if found is None or not found.issued:
            raise web.HTTPNotFound
        return found

    def _context(self, notice: UUID, member: MemberState) -> dict[str, Any]:
        found = self._found(notice)
        presenter = Presenter(self._frame)
        counts = self._services.views.outcome_counts(found.number)
        progress = presenter.progress(found)
        feedback = self._services.views.feedback(found.thread)
        return {
            "here": "notices",
            **presenter.card(found),
            "id": str(found.id),
            "drill": found.plan.status != "Actual",
            "progress": progress,
            "final": progress is not None and progress["complete"],
            "tables": [
                self._table("Way", counts, lambda one: CHANNELS.get(one.channel, one.channel)),
                self._table("Language", counts, self._language),
                self._table("Place", counts, self._place),
            ],
            "failures": failures(presenter, found),
            **unreached_context(presenter, found, member),
            "feedback": feedback,
            "said": [one.words for one in self._services.views.feedback_words(found.thread, None, _WORDS).items],
        }

    def _language(self, one: OutcomeCount) -> str:
        return self._frame.translator.language(one.language) if one.language else "not written yet"

    def _place(self, one: OutcomeCount) -> str:
        place = self._services.views.place(one.area) if one.area else None
        return next(iter(place.name.values()), place.slug) if place is not None else "no place of the register"

    def _table(self, heading: str, counts: list[OutcomeCount], name: Callable[[OutcomeCount], str]) -> dict[str, Any]:
        """Sum the counts by one property: messages, how many left, and their share."""
        number, percent = self._frame.translator.number, self._frame.translator.percent
        total: Counter[str] = Counter()
        left: Counter[str] = Counter()
        for one in counts:
            total[name(one)] += one.deliveries
            left[name(one)] += one.deliveries if one.state in _LEFT else 0
        rows = [
            {
                "name": key,
                "total": number(count),
                "left": number(left[key]),
                "share": percent(left[key] / count),
                "width": f"{100 * left[key] / count:.1f}",
            }
            for key, count in total.most_common(40)
            if count
        ]
        return {"heading": heading, "rows": rows}

    def _csv(self, notice: UUID) -> str:
        counts = self._services.views.outcome_counts(self._found(notice).number)
        out = io.StringIO()
        rows = csv.writer(out)
        rows.writerow(_COLUMNS)
        for one in counts:
            cells = (one.channel, one.state, one.language, one.area)
            rows.writerow([*(escape_formula(cell) for cell in cells), one.deliveries])
        return out.getvalue()
