"""Public pages as bytes, built once and served to thousands of readers a second until something public happens.

Every page is voided when the read models pass an event that can change one. Events of dispatch and of subscribers do
not, so a mass dispatch leaves the pages in place.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from alerts.domain import events as e
from alerts.web.parts import Parts
from alerts.web.requests import unchanged

PUBLIC_TOPICS = frozenset(
    event.topic()
    for event in (
        *(e.PlaceDefined, e.PlaceRevised, e.PlaceRetired, e.TopicDefined, e.TopicRetired),
        *(e.ServicePointOpened, e.ServicePointHoursSet, e.ServicePointMoved, e.ServicePointClosed),
        *(e.ServiceChangeAnnounced, e.ServiceChangeRevised, e.ServiceChangeTookEffect, e.ServiceChangeWithdrawn),
        *(e.NoticeIssued, e.NoticeSuperseded, e.NoticeCancelled, e.NoticeCleared, e.NoticeExpired),
        e.DispatchPlanned,
    )
)
_MOST = 512
_WORTH_PACKING = 1000


@dataclass(frozen=True, slots=True)
class Built:
    """A page as it was made."""

    body: bytes
    content_type: str = "text/html"
    language: str = ""


@dataclass(frozen=True, slots=True)
class _Kept:
    body: bytes
    packed: bytes | None
    etag: str
    headers: dict[str, str]


class PageCache:
    """Keeps pages by key; one build at a time for each."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._seen: int | None = None
        self._pages: OrderedDict[tuple[Any, ...], asyncio.Future[_Kept | None]] = OrderedDict()
        self._look: asyncio.Future[None] | None = None

    async def serve(
        self, request: web.Request, key: tuple[Any, ...], build: Callable[[], Built | None]
    ) -> web.Response:
        """The page of this key, built in a thread for blocking reads if it is not here. 404 if `build` returns None."""
        if self._parts.runner.position() != self._seen:
            await self._freshen()
        kept = await self._page(key, build)
        if kept is None:
            raise web.HTTPNotFound
        if unchanged(request, kept.etag):
            return web.Response(status=304, headers=kept.headers)
        if kept.packed is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
            return web.Response(body=kept.packed, headers={**kept.headers, "Content-Encoding": "gzip"})
        return web.Response(body=kept.body, headers=kept.headers)

    async def _page(self, key: tuple[Any, ...], build: Callable[[], Built | None]) -> _Kept | None:
        made = self._pages.get(key)
        if made is None:
            made = asyncio.ensure_future(self._build(build))
            self._pages[key] = made
            while len(self._pages) > _MOST:
                self._pages.popitem(last=False)
        try:
            kept = await asyncio.shield(made)
        except Exception:
            self._drop(key, made)
            raise
        if kept is None:  # an unknown id is asked for again and again only by those who guess: keep no room for it
            self._drop(key, made)
        return kept

    def _drop(self, key: tuple[Any, ...], made: asyncio.Future[_Kept | None]) -> None:
        if self._pages.get(key) is made:
            del self._pages[key]

    async def _build(self, build: Callable[[], Built | None]) -> _Kept | None:
        built = await asyncio.get_running_loop().run_in_executor(self._parts.reads, build)
        return None if built is None else _kept(built)

    async def _freshen(self) -> None:
        """Void everything if something public happened since the last look. Readers who come together look once."""
        if self._look is None or self._look.done():
            self._look = asyncio.ensure_future(self._look_at_log())
        await asyncio.shield(self._look)

    async def _look_at_log(self) -> None:
        position = self._parts.runner.position()
        seen = self._seen
        if seen is not None and position > seen:
            read = self._parts.log.read
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(self._parts.reads, lambda: read(seen, 1, PUBLIC_TOPICS))
            if found and found[0].position <= position:
                self._pages.clear()
        else:
            self._pages.clear()  # the first look, or read models that were swapped for rebuilt ones
        self._seen = position


def _kept(built: Built) -> _Kept:
    etag = f'"{hashlib.sha256(built.body).hexdigest()[:24]}"'
    headers = {
        "Content-Type": f"{built.content_type}; charset=utf-8",
        "ETag": etag,
        "Cache-Control": "no-cache",  # keep it, but ask whether it still stands
        "Vary": "Accept-Encoding, Accept-Language",
    }
    if built.language:
        headers["Content-Language"] = built.language
    packed = gzip.compress(built.body, 6, mtime=0) if len(built.body) >= _WORTH_PACKING else None
    return _Kept(built.body, packed, etag, headers)
