"""`/alerts/{notice}.pdf`: a notice as a poster of one A4 page, in large type, with a QR code of its page.

Without the libraries of the PDF writer the answer is 503, in words. Posters are made one at a time in a thread of
their own, and kept by version and language.
"""

from __future__ import annotations

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

from aiohttp import web
from markupsafe import Markup

from alerts.channels import pdf
from alerts.web.http.requests import read, unchanged
from alerts.web.http.routing import Handler
from alerts.web.public.fragments import FragmentCache
from alerts.web.public.page_frame import PageFrame, notice_id

CONTENT_TYPE = "application/pdf"
RATE = 1.0
"""New posters a second from one address: each takes a second of a processor."""


class Posters:
    """Makes posters. One per process, in one event loop."""

    def __init__(self, frame: PageFrame) -> None:
        self._frame = frame
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="posters")
        self._made = FragmentCache(64)
        self._known: set[tuple[Any, ...]] = set()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve a poster, made if nobody has asked for this version of the notice in this language."""
        notice, tag = notice_id(request), self._frame.pages.language(request)
        found = await read(self._frame.services, self._page, notice, tag)
        if found is None:
            raise web.HTTPNotFound
        key, html = found
        if key not in self._known:
            if not pdf.is_available():
                return self._missing(request)
            self._frame.services.limits.take(f"poster:{request.remote or ''}", RATE)
        loop = asyncio.get_running_loop()
        body = await loop.run_in_executor(
            self._executor, lambda: self._made.get(key, lambda: pdf.draw(html, "pdf/ua-1"))
        )
        if len(self._known) > 1000:
            self._known.clear()
        self._known.add(key)
        etag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
        headers = {"ETag": etag, "Cache-Control": "no-cache", "Content-Language": tag, "Vary": "Accept-Language"}
        if unchanged(request, etag):
            return web.Response(status=304, headers=headers)
        headers["Content-Disposition"] = f'inline; filename="alert-{str(notice)[-12:]}.pdf"'
        return web.Response(body=body, content_type=CONTENT_TYPE, headers=headers)

    def _missing(self, request: web.Request) -> web.Response:
        pages = self._frame.pages
        t = pages.translator(request)
        lines = [t.text("poster", "missing")]
        context = {"title": t.text("poster", "missing_title"), "lines": lines, "button": ""}
        return pages.page("pages/message.html", t, context, 503, {"Retry-After": "3600"})

    def _page(self, notice: UUID, tag: str) -> tuple[tuple[Any, ...], str] | None:
        """Return the poster's key and HTML. Blocks."""
        frame = self._frame
        thread = frame.services.views.thread(notice, issued=True)
        if not thread:
            return None
        reader = frame.reader(tag, frame.services.clock())
        context = frame.notices.page(thread, reader)
        url = f"{frame.pages.site.url}/a/{thread[0].number}"
        html = frame.pages.render(
            "print/poster.html",
            reader.translator,
            {**context, "qr": qr(url), "address": url.partition("://")[2]},
        ).decode()
        return (hashlib.sha256(html.encode()).digest(),), html


def handler(frame: PageFrame) -> Handler:
    """Return the handler of posters."""
    return Posters(frame).serve


def qr(url: str) -> Markup:
    """Draw an address as a QR code, an SVG of black on white."""
    import segno

    code = segno.make(url, error="q").svg_inline(omitsize=True, border=2, light="#fff", svgclass="qr", lineclass="")
    return Markup(code)  # nosec B704: drawn from our own address
