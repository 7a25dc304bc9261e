"""`/api/v1/print-batches`: letters to print and people to call, and what became of them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from aiohttp import web

from alerts.channels import print_pages
from alerts.channels.layouts import Layouts
from alerts.channels.print_pages import PrintedPage
from alerts.commands.print_batches import BatchCounts, BatchPage, PageState, WaitingPages
from alerts.contract.bodies import MarkBody, PrintBatchBody
from alerts.domain.streams import PRINT_BATCH
from alerts.kernel.errors import NotFound
from alerts.kernel.terms import Channel
from alerts.services import Services
from alerts.web.api.common import ROOT, actor_of, idempotency
from alerts.web.http.operation import Operation
from alerts.web.http.requests import id_of, json_body, read
from alerts.web.http.responses import Accepted, JsonResponse, json_response
from alerts.web.http.routing import Route, scope

ACCESS = scope("letters:write", everywhere=True)


class WaitingBatch(JsonResponse, frozen=True, kw_only=True):
    """Pages of a channel that are in no batch yet."""

    channel: Channel
    pages: int
    oldest: datetime
    urgent: bool

    @classmethod
    def of(cls, waiting: WaitingPages) -> WaitingBatch:
        """Build from the counts."""
        return cls(channel=waiting.channel, pages=waiting.pages, oldest=waiting.oldest, urgent=waiting.urgent)


class PrintBatch(JsonResponse, frozen=True, kw_only=True):
    """Print batch: how many pages it has, and what became of them. Pages that are not needed count in none."""

    id: UUID
    channel: Channel
    made_at: datetime
    made_by: str
    pages: int
    sent: int
    failed: int
    waiting: int

    @classmethod
    def of(cls, batch: BatchCounts) -> PrintBatch:
        """Build from the counts."""
        return cls(
            id=batch.id,
            channel=batch.channel,
            made_at=batch.made_at,
            made_by=batch.made_by,
            pages=batch.pages,
            sent=batch.sent,
            failed=batch.failed,
            waiting=batch.waiting,
        )


class PrintBatches(JsonResponse, frozen=True, kw_only=True):
    """Pages that lie ready, and the last batches, newest first."""

    waiting: tuple[WaitingBatch, ...]
    items: tuple[PrintBatch, ...]


class PrintPage(JsonResponse, frozen=True, kw_only=True):
    """Page of a batch."""

    delivery: str
    contact_point: int
    urgent: bool
    state: PageState
    reason: str

    @classmethod
    def of(cls, page: BatchPage) -> PrintPage:
        """Build from the stored page."""
        return cls(
            delivery=page.delivery,
            contact_point=page.contact,
            urgent=page.urgent,
            state=page.state,
            reason=page.reason,
        )


class PrintPages(JsonResponse, frozen=True, kw_only=True):
    """Pages of a batch, the urgent first."""

    items: tuple[PrintPage, ...]


LIST = Operation("Letters and calls that lie ready, and the last batches", response=PrintBatches)
MAKE = Operation(
    "Put what lies ready together, at most 500 pages",
    status=201,
    response=Accepted,
    body=PrintBatchBody,
    example={"channel": "letter"},
)
PAGES = Operation("The pages of a batch", response=PrintPages)
PDF = Operation("The pages that still wait, as a PDF: letters for window envelopes, or a call list")
MARK = Operation(
    "Say what became of pages: of these deliveries, or of all that wait",
    response=Accepted,
    body=MarkBody,
    body_required=False,
    example={"outcome": "sent"},
)


def routes(services: Services) -> list[Route]:
    """Policy rows of print batches."""
    commands, one_path = services.commands, f"{ROOT}/print-batches/{{id}}"

    async def get_list(request: web.Request) -> web.StreamResponse:
        waiting = await read(services, commands.waiting_pages)
        batches = await read(services, commands.batches)
        return json_response(
            PrintBatches(waiting=tuple(map(WaitingBatch.of, waiting)), items=tuple(map(PrintBatch.of, batches)))
        )

    async def make(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, PrintBatchBody)
        saved = await commands.make_batch(actor_of(request), body.channel, idem=idempotency(request, raw))
        accepted = Accepted(id=saved.id, version=saved.version, position=saved.position)
        location = f"{services.settings.public_url}{ROOT}/print-batches/{saved.id}"
        return json_response(accepted, 201, {"Location": location})

    async def pages(request: web.Request) -> web.StreamResponse:
        found = await batch_pages(services, id_of(request, what="print batch"))
        return json_response(PrintPages(items=tuple(map(PrintPage.of, found))))

    async def pdf(request: web.Request) -> web.StreamResponse:
        return await pdf_response(services, id_of(request, what="print batch"))

    async def mark(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, MarkBody)
        batch, idem = id_of(request, what="print batch"), idempotency(request, raw)
        saved = await commands.mark_pages(
            actor_of(request), batch, body.deliveries, body.outcome, body.reason, idem=idem
        )
        return json_response(Accepted(id=saved.id, version=saved.version, position=saved.position))

    return [
        Route("GET", f"{ROOT}/print-batches", get_list, ACCESS, LIST),
        Route("POST", f"{ROOT}/print-batches", make, ACCESS, MAKE),
        Route("GET", one_path, pages, ACCESS, PAGES),
        Route("GET", f"{one_path}/pdf", pdf, ACCESS, PDF),
        Route("POST", f"{one_path}/mark", mark, ACCESS, MARK),
    ]


async def batch_pages(services: Services, batch: UUID, *, empty: bool = False) -> list[BatchPage]:
    """Return the pages of a batch. Raises NotFound for an unknown one; `empty`: it is known, and may have none yet."""
    found = await read(services, services.commands.batch_pages, batch, services.unseal)
    if not found and not empty:
        raise NotFound(f"there is no print batch {batch}")
    return found


async def pdf_response(services: Services, batch: UUID) -> web.Response:
    """Serve a batch as a PDF. Raises NotFound, or Unavailable where no PDF can be made."""
    found = [page for page in await batch_pages(services, batch) if page.state == "waiting" and page.to and page.page]
    state = await read(services, services.log.state, PRINT_BATCH, batch)
    channel = state.channel if state else "letter"
    pages = [
        PrintedPage(to=page.to, delivery=page.delivery, page=page.page, urgent=page.urgent, remark=page.remark)
        for page in found
        if page.to is not None and page.page is not None
    ]
    if not pages:
        raise NotFound("nothing of this batch waits any more")
    settings = services.settings
    layouts = Layouts(sender=settings.sender, clock=services.clock)
    make = print_pages.calls if channel == "phone" else print_pages.letters
    body = await read(services, make, pages, layouts, services.clock(), settings.timezone, settings.default_language)
    headers = {"Content-Disposition": f"inline; filename={channel}-{batch}.pdf", "Cache-Control": "no-store"}
    return web.Response(body=body, content_type="application/pdf", headers=headers)
