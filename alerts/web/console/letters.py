"""Letters and calls screen: what lies ready, the batches, and what became of their pages."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

import msgspec
from aiohttp import web

from alerts.commands.actor import Actor
from alerts.domain.reference_data import MemberState
from alerts.domain.roles import SCOPES, scopes_of
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


def routes(services: Services) -> list[Route]:
    """Policy rows of the screen. Authors and above: pages hold addresses."""
    screens = LetterScreens(services)
    return [
        Route("GET", _PATH, screens.screen, role("author", everywhere=True)),
        Route("POST", _PATH, screens.make, role("author", everywhere=True)),
        Route("GET", f"{_PATH}/{{id}}", screens.batch, role("author", everywhere=True)),
        Route("POST", f"{_PATH}/{{id}}", screens.mark, role("author", everywhere=True)),
        Route("GET", f"{_PATH}/{{id}}/pdf", screens.pdf, role("author", everywhere=True)),
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
        pages = await batch_pages(self._services, batch)
        context: dict[str, Any] = {
            "here": "letters",
            "path": f"{self._frame.site.base}{_PATH}",
            "batch": str(batch),
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
        failed = fields.get("outcome") == "failed"
        await self._services.commands.mark_pages(
            _actor(request),
            batch,
            None if delivery is None else (delivery,),
            "failed" if failed else "sent",
            "not reached" if failed else "",
        )
        raise web.HTTPSeeOther(f"{self._frame.site.base}{_PATH}/{batch}")

    async def pdf(self, request: web.Request) -> web.Response:
        """Serve the pages that still wait as a PDF."""
        return await pdf_response(self._services, _id(request))


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
