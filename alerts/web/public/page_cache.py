"""Public pages as bytes, built once and served to thousands of readers a second until something public happens.

Every page is voided when an event that can change one is written here, or passed by the read models if another process
has written it. Events of dispatch and of subscribers do not, so a mass dispatch leaves the pages in place. Once a
cancel has been answered, this process never serves the page of before: it waits for the read models first.
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
from alerts.domain.streams import CHANGE, PLACE, POINT, TOPIC
from alerts.kernel.events import Event
from alerts.services import Services
from alerts.web.http.requests import unchanged
from alerts.web.http.security import ALWAYS, PAGES

_NOTICES: tuple[type[Event], ...] = (e.NoticeIssued, *ENDINGS, e.DispatchPlanned)
PUBLIC_TOPICS = frozenset(event.topic() for event in _NOTICES).union(
    PLACE.topics, TOPIC.topics, POINT.topics, CHANGE.topics
)
_MOST, _MOST_ASKED = 512, 4096
_WORTH_PACKING = 1000
_PATIENCE_S = 1.0
"""How long a reader waits for read models that lag behind; then what they say is better than nothing."""
_NOTHING: tuple[None, None] = (None, None)
_SLOWLY = 500
"""Pages a second while an emergency goes out; who would wait for longer than `_PATIENCE_S` comes in with the others."""


@dataclass(frozen=True, slots=True)
class Built:
    """A page as it was made."""

    body: bytes
    content_type: str = "text/html"
    language: str = ""


@dataclass(frozen=True, slots=True)
class _StoredPage:
    body: bytes
    packed: bytes | None
    etag: str
    headers: CIMultiDict[str]


class PageCache:
    """Keeps pages by key; one build at a time for each."""

    def __init__(self, services: Services, tick: Callable[[], float] = monotonic) -> None:
        self._services, self._tick = services, tick
        self._next_turn = 0.0
        self._seen = -1
        """Up to this position the log was searched for what changes a page."""
        self._shown = -1
        """Where the read models stood then."""
        self._late = 0
        """A position that the read models have to come to before pages made of them are up to date; 0: none."""
        self._pages: OrderedDict[tuple[Any, ...], asyncio.Future[_StoredPage | None]] = OrderedDict()
        self._asked: dict[tuple[str, str], tuple[_StoredPage, datetime | None]] = {}
        self._look: asyncio.Future[None] | None = None

    async def serve(
        self,
        request: web.Request,
        key: tuple[Any, ...],
        build: Callable[[], Built | None],
        until: datetime | None = None,
    ) -> web.StreamResponse:
        """The page of this key, built in a thread for blocking reads if it is not here. 404 if `build` returns None.

        `until` is when the same question has another key (None: never).
        """
        if not self._is_fresh():
            written = self._services.writer.position()
            await self._freshen()
            if self._seen < written:  # that look had begun before what was written last
                await self._freshen()
        kept = await self._page(key, build)
        if kept is None:
            raise web.HTTPNotFound
        made = self._pages.get(key)
        if made is not None and made.done() and made.result() is kept:  # nothing has voided it meanwhile
            if len(self._asked) >= _MOST_ASKED:
                self._asked.clear()
            self._asked[_cache_key(request)] = kept, until
        return _revalidated(request, kept)

    async def at_hand(self, request: web.Request) -> web.StreamResponse | None:
        """What was answered to the very same question, if it still stands; None to look further.

        While an emergency goes out of this process readers come in slowly, so that it does not wait for them.
        """
        if self._services.urgent():
            await self._turn()
        kept, until = self._asked.get(_cache_key(request), _NOTHING)
        if kept is None or not self._is_fresh() or (until is not None and self._services.clock() >= until):
            return None
        return _revalidated(request, kept)

    async def _turn(self) -> None:
        now = self._tick()
        turn = max(self._next_turn, now)
        if turn - now < _PATIENCE_S:
            self._next_turn = turn + 1 / _SLOWLY
        await asyncio.sleep(turn - now)

    def _is_fresh(self) -> bool:
        services = self._services
        return services.runner.position() == self._shown and services.writer.position() <= self._seen

    def _void(self) -> None:
        self._pages.clear()
        self._asked.clear()

    async def _page(self, key: tuple[Any, ...], build: Callable[[], Built | None]) -> _StoredPage | None:
        made = self._pages.get(key)
        if made is not None and made.done() and not made.cancelled() and made.exception() is None:
            return made.result()
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

    def _drop(self, key: tuple[Any, ...], made: asyncio.Future[_StoredPage | None]) -> None:
        if self._pages.get(key) is made:
            del self._pages[key]

    async def _build(self, build: Callable[[], Built | None]) -> _StoredPage | None:
        built = await asyncio.get_running_loop().run_in_executor(self._services.reads, build)
        return None if built is None else _stored_page(built)

    async def _freshen(self) -> None:
        """Void everything if something public happened since the last look. Readers who come together look once."""
        if self._look is None or self._look.done():
            self._look = asyncio.ensure_future(self._look_at_log())
        await asyncio.shield(self._look)

    async def _look_at_log(self) -> None:
        runner, log = self._services.runner, self._services.log
        shown, seen = runner.position(), self._seen
        end = max(shown, self._services.writer.position())
        if seen < 0 or shown < self._shown:  # the first look, or read models that were swapped for rebuilt ones
            self._late = end
            await runner.wait_for_async(end, _PATIENCE_S)
            self._void()
        elif end > seen:
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(self._services.reads, lambda: log.read(seen, 1, PUBLIC_TOPICS))
            if found and found[0].position <= end:
                self._late = end
                await runner.wait_for_async(end, _PATIENCE_S)
                self._void()
        if self._late and runner.position() >= self._late:
            self._late = 0
            self._void()
        self._seen, self._shown = max(end, seen), shown


def _cache_key(request: web.Request) -> tuple[str, str]:
    """All of a request that the choice of a page depends on."""
    return request.raw_path, request.headers.get("Accept-Language", "")


def _revalidated(request: web.Request, kept: _StoredPage) -> web.Response:
    headers = request.headers
    if "If-None-Match" in headers and unchanged(request, kept.etag):
        return web.Response(status=304, headers=kept.headers)
    if kept.packed is not None and "gzip" in headers.get("Accept-Encoding", ""):
        packed = kept.headers.copy()
        packed["Content-Encoding"] = "gzip"
        return web.Response(body=kept.packed, headers=packed)
    return web.Response(body=kept.body, headers=kept.headers)


def _stored_page(built: Built) -> _StoredPage:
    etag = f'"{hashlib.sha256(built.body).hexdigest()[:24]}"'
    headers = {
        **ALWAYS,
        **(PAGES if built.content_type == "text/html" else {}),
        "Content-Type": f"{built.content_type}; charset=utf-8",
        "ETag": etag,
        "Cache-Control": "no-cache",  # keep it, but ask whether it still stands
        "Vary": "Accept-Encoding, Accept-Language",
    }
    if built.language:
        headers["Content-Language"] = built.language
    packed = gzip.compress(built.body, 6, mtime=0) if len(built.body) >= _WORTH_PACKING else None
    return _StoredPage(built.body, packed, etag, CIMultiDict(headers))
