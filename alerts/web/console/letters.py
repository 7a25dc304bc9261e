"""Letters and calls screen: what lies ready, the batches, and what became of their pages."""

from __future__ import annotations

import csv
import io
from typing import Any, Literal, cast
from uuid import UUID

import msgspec
from aiohttp import web

from alerts.commands.actor import Actor
from alerts.commands.print_batches import BatchPage, UnwrittenLines
from alerts.domain.reference_data import MemberState
from alerts.domain.roles import SCOPES, scopes_of
from alerts.domain.streams import PRINT_BATCH
from alerts.import_export.csv_format import escape_formula
from alerts.kernel.people_words import people_words
from alerts.kernel.terms import Channel
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.api.print_batches import batch_pages, pdf_response
from alerts.web.console.frame import CHANNELS, Frame
from alerts.web.console.presenter import Presenter
from alerts.web.http.routing import MEMBER, Route, role
from alerts.web.public.multipart_form import read_upload

_PATH = "/console/letters"
_BY_HAND = ("letter", "phone")
_OUTCOMES: dict[str, tuple[Literal["sent", "failed"], str]] = {
    "sent": ("sent", ""),
    "failed": ("failed", "not reached"),
    "no-answer": ("failed", "no answer"),
    "wrong-number": ("failed", "wrong number"),
}
"""Buttons of a page: what becomes of its delivery, and the reason on record."""
_COLUMNS = ("to", "address", "language", "first", "about_the_number", "title", "what_to_do", "text", "facts")


def routes(services: Services) -> list[Route]:
    """Policy rows of the screen. Authors and above: pages hold addresses."""
    screens = LetterScreens(services)
    return [
        Route("GET", _PATH, screens.screen, role("author", everywhere=True)),
        Route("POST", _PATH, screens.make, role("author", everywhere=True)),
        Route("GET", f"{_PATH}/{{id}}", screens.batch, role("author", everywhere=True)),
        Route("POST", f"{_PATH}/{{id}}", screens.mark, role("author", everywhere=True)),
        Route("GET", f"{_PATH}/{{id}}/pdf", screens.pdf, role("author", everywhere=True)),
        Route("GET", f"{_PATH}/{{id}}/csv", screens.csv, role("author", everywhere=True)),
    ]


class LetterScreens:
    """Handlers of the screen."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._frame = Frame(services)

    async def screen(self, request: web.Request) -> web.Response:
        """Show what lies ready, and the last batches."""
        presenter = Presenter(self._frame)
        waiting = await read(self._services, self._services.commands.waiting_pages)
        made = await read(self._services, self._services.commands.batches)
        context = {
            "here": "letters",
            "waiting": [
                {
                    "channel": pages.channel,
                    "label": CHANNELS[pages.channel],
                    "pages": pages.pages,
                    "oldest": presenter.time(pages.oldest),
                    "urgent": pages.urgent,
                }
                for pages in waiting
            ],
            "batches": [
                {**msgspec.structs.asdict(batch), "label": CHANNELS[batch.channel], "at": presenter.time(batch.made_at)}
                for batch in made
            ],
            "path": f"{self._frame.site.base}{_PATH}",
        }
        return self._frame.screen(request, "console/letters.html", context)

    async def make(self, request: web.Request) -> web.Response:
        """Put what lies ready together, then lead to the batch."""
        fields = (await read_upload(request, "", 0)).fields
        channel = fields.get("channel", "")
        if channel not in _BY_HAND:
            raise web.HTTPNotFound
        saved = await self._services.commands.make_batch(_actor(request), cast(Channel, channel))
        raise web.HTTPSeeOther(f"{self._frame.site.base}{_PATH}/{saved.id}")

    async def batch(self, request: web.Request) -> web.Response:
        """Show a batch, page by page."""
        batch = _id(request)
        notice, unwritten = await read(self._services, self._services.commands.unwritten, batch)
        pages = await batch_pages(self._services, batch, empty=notice is not None)
        state = await read(self._services, self._services.log.state, PRINT_BATCH, batch)
        context: dict[str, Any] = {
            "here": "letters",
            "path": f"{self._frame.site.base}{_PATH}",
            "batch": str(batch),
            "calls": state is not None and state.channel == "phone",
            "notice": f"{self._frame.site.base}/console/notices/{notice}/report#unreached" if notice else "",
            "unwritten": [_unwritten(one) for one in unwritten],
            "waiting": sum(page.state == "waiting" for page in pages),
            "pages": [
                {
                    "delivery": page.delivery,
                    "to": _name(page.to),
                    "title": page.page.parts[0].title if page.page else "",
                    "lang": page.page.parts[0].lang if page.page else "en",
                    "dir": page.page.parts[0].direction if page.page else "ltr",
                    "state": page.state,
                    "reason": page.reason,
                    "urgent": page.urgent,
                    "remark": page.remark,
                    "say": _said(page),
                }
                for page in pages
            ],
        }
        return self._frame.screen(request, "console/letter_batch.html", context)

    async def mark(self, request: web.Request) -> web.Response:
        """Mark one page or all, then show the batch again."""
        batch = _id(request)
        fields = (await read_upload(request, "", 0)).fields
        delivery = fields.get("delivery")
        outcome, reason = _OUTCOMES.get(fields.get("outcome", "sent"), _OUTCOMES["sent"])
        await self._services.commands.mark_pages(
            _actor(request),
            batch,
            None if delivery is None else (delivery,),
            outcome,
            reason,
        )
        raise web.HTTPSeeOther(f"{self._frame.site.base}{_PATH}/{batch}")

    async def pdf(self, request: web.Request) -> web.Response:
        """Serve the pages that still wait as a PDF."""
        return await pdf_response(self._services, _id(request))

    async def csv(self, request: web.Request) -> web.Response:
        """Serve the pages that still wait as CSV; what a spreadsheet would compute is disarmed."""
        batch = _id(request)
        pages = [page for page in await batch_pages(self._services, batch) if page.state == "waiting"]
        out = io.StringIO()
        rows = csv.writer(out)
        rows.writerow(_COLUMNS)
        rows.writerows([escape_formula(cell) for cell in _cells(page)] for page in pages if page.to and page.page)
        headers = {"Content-Disposition": f"attachment; filename=list-{batch}.csv", "Cache-Control": "no-store"}
        return web.Response(text=out.getvalue(), content_type="text/csv", charset="utf-8", headers=headers)


def _actor(request: web.Request) -> Actor:
    member = cast(MemberState, request[MEMBER])
    scopes = scopes_of(member.role, SCOPES)
    return Actor(kind="person", id=str(member.id), person=member.id, scopes=scopes, member_version=member.version)


def _id(request: web.Request) -> UUID:
    try:
        return UUID(request.match_info["id"])
    except ValueError:
        raise web.HTTPNotFound from None


def _name(to: str | None) -> str:
    """Name on a letter, or the number of a call."""
    if to is None:
        return ""
    return str(msgspec.json.decode(to)["name"]) if to.startswith("{") else to


def _said(page: BatchPage) -> list[dict[str, str]]:
    """Words that a caller reads out, what to do first."""
    parts = page.page.parts if page.page else ()
    return [
        {"lang": part.lang, "dir": part.direction, "words": "\n".join(filter(None, (part.instruction, part.body)))}
        for part in parts
    ]


def _cells(page: BatchPage) -> list[str]:
    """Row of the CSV, in the order of `_COLUMNS`."""
    assert page.to is not None and page.page is not None
    lines: list[str] = msgspec.json.decode(page.to)["lines"] if page.to.startswith("{") else []
    parts = page.page.parts
    return [
        _name(page.to),
        ", ".join(lines),
        page.page.lang,
        "yes" if page.urgent else "",
        page.remark,
        " / ".join(part.title for part in parts),
        " / ".join(part.instruction for part in parts if part.instruction),
        " / ".join(part.body for part in parts if part.body),
        " / ".join(fact for part in parts for fact in part.facts),
    ]


def _unwritten(lines: UnwrittenLines) -> str:
    """Say why people on a list have no page."""
    people = people_words(lines.people)
    if lines.state == "held":
        return f"{people}: held for {lines.reason}"
    if lines.state in ("queued", "sending", "deferred"):
        return f"{people}: being written, reload in a moment"
    return f"{people}: not needed any more ({lines.reason or lines.state})"
