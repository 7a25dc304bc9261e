"""A draft as the letter that would be printed, one page for each of its languages, by the code that prints."""

from __future__ import annotations

from aiohttp import web

from alerts.channels import print_pages
from alerts.channels.layouts import Layouts
from alerts.domain.notice import NoticeState
from alerts.kernel.errors import NotFound
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.console.frame import Frame, notice_state
from alerts.web.console.member_actor import member_of
from alerts.web.console.previews import letter_pages
from alerts.web.http.routing import Route, role


def routes(services: Services) -> list[Route]:
    """Policy row of the PDF."""
    frame = Frame(services)

    async def pdf(request: web.Request) -> web.Response:
        state = await notice_state(services, request)
        services.limits.take(f"letter preview:{member_of(request).id}", 0.5, burst_seconds=20.0)
        headers = {"Content-Disposition": f"inline; filename=letter-{state.number}.pdf", "Cache-Control": "no-store"}
        return web.Response(
            body=await read(services, _drawn, frame, state), content_type="application/pdf", headers=headers
        )

    return [Route("GET", "/console/notices/{notice}/letter.pdf", pdf, role("author"))]


def _drawn(frame: Frame, state: NoticeState) -> bytes:
    """Draw the pages. Blocks. Raises NotFound without words or letters, Unavailable where PDFs cannot be drawn."""
    services, settings, now = frame.services, frame.services.settings, frame.services.clock()
    pages = letter_pages(services, state, frame.place_shapes.where(state.plan.area, frame.translator), now)
    if not pages:
        raise NotFound("This notice has no words yet, or does not go out as a letter.")
    layouts = Layouts(sender=settings.sender, clock=services.clock)
    return print_pages.letters(pages, layouts, now, settings.timezone, settings.default_language)
