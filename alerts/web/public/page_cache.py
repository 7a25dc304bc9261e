"""Cache of rendered public pages, invalidated by public events. It serves thousands of readers a second.

All pages are invalidated when an event that can change one is written here, or, if another process has written it, when
the read models pass it. Events of dispatch and of subscribers do not invalidate, so the cache survives a mass dispatch.
After the response to a cancel this process never serves the previous page: it waits for the read models first.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any

from aiohttp import web
from multidict import CIMultiDict

from alerts.domain import events as e
from alerts.domain.events.notice import ENDINGS
from alerts.domain.streams import CHANGE, ORGANISATION, PLACE, POINT, TOPIC
from alerts.kernel.events import Event
from alerts.services import Services
from alerts.settings.map_tiles import origin
from alerts.web.http.requests import unchanged
from alerts.web.http.security import ALWAYS, page_headers

_NOTICES: tuple[type[Event], ...] = (e.NoticeIssued, *ENDINGS, e.DispatchPlanned)
PUBLIC_TOPICS = frozenset(event.topic() for event in _NOTICES).union(
    PLACE.topics, TOPIC.topics, POINT.topics, CHANGE.topics, ORGANISATION.topics
)
_MAX_PAGES, _MAX_REQUESTS = 512, 4096
_MIN_GZIP_BYTES = 1000
_PATIENCE_S = 1.0
"""Seconds a reader waits for lagging read models; after that a stale page is better than none."""
_NOTHING: tuple[None, None] = (None, None)
_EMERGENCY_RATE = 500
"""Pages per second during an emergency dispatch; no reader waits longer than `_PATIENCE_S`."""


@dataclass(frozen=True, slots=True)
class Built:
    """Rendered page."""

    body: bytes
    content_type: str = "text/html"
    language: str = ""


@dataclass(frozen=True, slots=True)
class _StoredPage:
    body: bytes
    gzipped: bytes | None
    etag: str
    headers: CIMultiDict[str]


class PageCache:
    """Page cache by key, with at most one build per key at a time."""

    def __init__(self, services: Services, tick: Callable[[], float] = monotonic) -> None:
        self._services, self._tick = services, tick
        self._next_slot = 0.0
        self._seen = -1
        """Position up to which the log was searched for public events."""
        self._shown = -1
        """Position of the read models at that time."""
        self._late = 0
        """Position that the read models must reach before pages built from them are current; 0: none."""
        self._pages: OrderedDict[tuple[Any, ...], asyncio.Future[_StoredPage | None]] = OrderedDict()
        self._by_request: dict[tuple[str, str], tuple[_StoredPage, datetime | None]] = {}
        self._check: asyncio.Future[None] | None = None

    async def serve(
        self,
        request: web.Request,
        key: tuple[Any, ...],
        build: Callable[[], Built | None],
        until: datetime | None = None,
    ) -> web.StreamResponse:
        """Serve the page of this key, built in a thread for blocking reads if not cached. 404 if `build` returns None.

        `until` is the time at which the same request gets another key (None: never).
        """
        page = await self._current(key, build)
        made = self._pages.get(key)
        if made is not None and made.done() and made.result() is page:  # not invalidated meanwhile
            if len(self._by_request) >= _MAX_REQUESTS:
                self._by_request.clear()
            self._by_request[_cache_key(request)] = page, until
        return _revalidated(request, page)

    async def body(self, key: tuple[Any, ...], build: Callable[[], Built | None]) -> bytes:
        """Return what `serve` serves under this key, whatever a request asks for. Raises HTTPNotFound."""
        return (await self._current(key, build)).body

    async def cached(self, request: web.Request) -> web.StreamResponse | None:
        """Return the cached response to an identical request if it is current, else None.

        Readers are throttled while this process dispatches an emergency, so that they do not delay it.
        """
        if self._services.urgent():
            await self._throttle()
        page, until = self._by_request.get(_cache_key(request), _NOTHING)
        if page is None or not self._is_fresh() or (until is not None and self._services.clock() >= until):
            return None
        return _revalidated(request, page)

    async def _throttle(self) -> None:
        now = self._tick()
        slot = max(self._next_slot, now)
        if slot - now < _PATIENCE_S:
            self._next_slot = slot + 1 / _EMERGENCY_RATE
        await asyncio.sleep(slot - now)

    async def _current(self, key: tuple[Any, ...], build: Callable[[], Built | None]) -> _StoredPage:
        if not self._is_fresh():
            written = self._services.writer.position()
            await self._freshen()
            if self._seen < written:  # the shared check had begun before the last write
                await self._freshen()
        page = await self._page(key, build)
        if page is None:
            raise web.HTTPNotFound
        return page

    def _is_fresh(self) -> bool:
        services = self._services
        return services.runner.position() == self._shown and services.writer.position() <= self._seen

    def _invalidate(self) -> None:
        self._pages.clear()
        self._by_request.clear()

    async def _page(self, key: tuple[Any, ...], build: Callable[[], Built | None]) -> _StoredPage | None:
        made = self._pages.get(key)
        if made is not None and made.done() and not made.cancelled() and made.exception() is None:
            return made.result()
        if made is None:
            made = asyncio.ensure_future(self._build(build))
            self._pages[key] = made
            while len(self._pages) > _MAX_PAGES:
                self._pages.popitem(last=False)
        try:
            page = await asyncio.shield(made)
        except Exception:
            self._drop(key, made)
            raise
        if page is None:  # only guessed ids miss repeatedly: do not cache them
            self._drop(key, made)
        return page

    def _drop(self, key: tuple[Any, ...], made: asyncio.Future[_StoredPage | None]) -> None:
        if self._pages.get(key) is made:
            del self._pages[key]

    async def _build(self, build: Callable[[], Built | None]) -> _StoredPage | None:
        built = await asyncio.get_running_loop().run_in_executor(self._services.reads, build)
        return None if built is None else _stored_page(built, origin(self._services.settings.tile_url))

    async def _freshen(self) -> None:
        """Invalidate all pages if a public event happened since the last check. Concurrent readers share one check."""
        if self._check is None or self._check.done():
            self._check = asyncio.ensure_future(self._check_log())
        await asyncio.shield(self._check)

    async def _check_log(self) -> None:
        runner, log = self._services.runner, self._services.log
        shown, seen = runner.position(), self._seen
        end = max(shown, self._services.writer.position())
        if seen < 0 or shown < self._shown:  # the first check, or read models that were replaced by rebuilt ones
            self._late = end
            await runner.wait_for_async(end, _PATIENCE_S)
            self._invalidate()
        elif end > seen:
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(self._services.reads, lambda: log.read(seen, 1, PUBLIC_TOPICS))
            if found and found[0].position <= end:
                self._late = end
                await runner.wait_for_async(end, _PATIENCE_S)
                self._invalidate()
        if self._late and runner.position() >= self._late:
            self._late = 0
            self._invalidate()
        self._seen, self._shown = max(end, seen), shown


def _cache_key(request: web.Request) -> tuple[str, str]:
    """Return the parts of a request that the page depends on."""
    return request.raw_path, request.headers.get("Accept-Language", "")


def _revalidated(request: web.Request, page: _StoredPage) -> web.Response:
    headers = request.headers
    if "If-None-Match" in headers and unchanged(request, page.etag):
        return web.Response(status=304, headers=page.headers)
    if page.gzipped is not None and "gzip" in headers.get("Accept-Encoding", ""):
        encoded = page.headers.copy()
        encoded["Content-Encoding"] = "gzip"
        return web.Response(body=page.gzipped, headers=encoded)
    return web.Response(body=page.body, headers=page.headers)


def _stored_page(built: Built, tiles: str) -> _StoredPage:
    etag = f'"{hashlib.sha256(built.body).hexdigest()[:24]}"'
    headers = {
        **ALWAYS,
        **(page_headers(tiles) if built.content_type == "text/html" else {}),
        "Content-Type": f"{built.content_type}; charset=utf-8",
        "ETag": etag,
        "Cache-Control": "no-cache",  # may be stored, but must be revalidated
        "Vary": "Accept-Encoding, Accept-Language",
    }
    if built.language:
        headers["Content-Language"] = built.language
    gzipped = gzip.compress(built.body, 6, mtime=0) if len(built.body) >= _MIN_GZIP_BYTES else None
    return _StoredPage(built.body, gzipped, etag, CIMultiDict(headers))
