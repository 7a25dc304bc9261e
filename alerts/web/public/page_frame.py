"""Shared frame of the public pages: layouts, views, the reader, and the page cache."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from aiohttp import web

from alerts.channels.i18n import Translator, translator
from alerts.domain.notice import NoticeState
from alerts.services import Services
from alerts.web.public.changes_view import ChangeViews
from alerts.web.public.fragments import FragmentCache
from alerts.web.public.notice_view import NoticeViews, ReaderLocale
from alerts.web.public.page_cache import Built, PageCache
from alerts.web.public.place_shapes import PlaceShapes
from alerts.web.public.templating import Pages

T = TypeVar("T")
PAGE = 50
"""Entries of one list on a page."""
_MINUTE = timedelta(minutes=1)
SLUG = re.compile("[a-z0-9][a-z0-9-]{0,99}")
"""Slug of a registered place."""


class PageFrame:
    """Builds and serves public pages; each is built in a thread for blocking reads, and only after a public change."""

    def __init__(self, services: Services, pages: Pages | None = None) -> None:
        """`pages` renders them; given for a static copy, which has no server to filter by place."""
        self.services = services
        self.is_copy = pages is not None
        self.pages = pages or Pages(services)
        self.place_shapes = PlaceShapes(services.views, services.settings.default_language)
        self.notices = NoticeViews(services.views, self.place_shapes, self.pages.site, services.settings.secret_key)
        self.changes = ChangeViews(services.views, self.place_shapes, self.pages.site)
        self.cache = PageCache(services)
        self.near_cache = PageCache(services)
        """Pages for a place or a choice of the reader's: however many are asked for, the shared ones stay cached."""
        self.entries = FragmentCache(10_000)
        """Entries of feeds."""

    async def minutely(
        self, request: web.Request, name: str, build: Callable[[ReaderLocale, str, str, int], Built | None]
    ) -> web.StreamResponse:
        """Serve a page that shows its time; it is rebuilt each minute. `build` gets reader, path, place and page."""
        if (cached := await self.cache.cached(request)) is not None:
            return cached
        now, place, number = self.minute(), place_of(request), page_of(request)
        tag = self.pages.language(request)
        made = partial(build, self.reader(tag, now), request.path, place, number)
        return await self.cache.serve(request, (name, tag, now, place, number), made, now + _MINUTE)

    def minute(self) -> datetime:
        """Return the current time, truncated to the minute."""
        return self.services.clock().replace(second=0, microsecond=0)

    def reader(self, tag: str, now: datetime) -> ReaderLocale:
        """Return the reader for a language and a time."""
        settings = self.services.settings
        return ReaderLocale(
            translator(tag, settings.default_language), settings.default_language, settings.timezone, now
        )

    def built(self, layout: str, reader: ReaderLocale, path: str, context: dict[str, Any]) -> Built:
        """Render a layout with the page's time and links to the other languages."""
        t = reader.translator
        shared = {
            "as_of": t.text("page", "as_of", time=t.clock(reader.now, reader.timezone)),
            "languages": self.pages.languages(path, t, context.get("place", ""), context.get("kept", "")),
        }
        return Built(self.pages.render(layout, t, {**shared, **context}), language=t.tag)

    def live(self, reader: ReaderLocale, place: str) -> list[NoticeState]:
        """Return live notices, most severe first; with `place`, those that overlap it or have no area."""
        return self._concerning([n for n in self.services.views.live(reader.now) if _shown(n)], place)

    def messages(self, since: datetime, now: datetime, place: str) -> list[NoticeState]:
        """Return actual notices that are live or were issued since a time, cancels too; the latest first."""
        actual = [n for n in self.services.views.recent(since, now) if n.issued and n.plan.status == "Actual"]
        return self._concerning(actual, place)

    def _concerning(self, notices: list[NoticeState], place: str) -> list[NoticeState]:
        if not place or self.place_shapes.outline(place) is None:
            return notices
        return [n for n in notices if not n.plan.area or self.place_shapes.overlap(n, place)]

    def has_place(self, place: str) -> bool:
        """True if the place is registered, or "" (everywhere)."""
        return not place or self.services.views.place(place) is not None


def place_of(request: web.Request) -> str:
    """Return the requested slug; "" for everywhere. An invalid slug is a 404 and takes no space in the cache."""
    slug = request.query.get("place", "")
    if slug and not SLUG.fullmatch(slug):
        raise web.HTTPNotFound
    return slug


def notice_id(request: web.Request) -> UUID:
    """Return the notice in the path; what is no id is a 404."""
    try:
        return UUID(request.match_info["notice"])
    except ValueError:
        raise web.HTTPNotFound from None


def page_of(request: web.Request) -> int:
    """Return the requested page of a list, from 1; an invalid one is a 404."""
    text = request.query.get("page", "1")
    if not (text.isascii() and text.isdigit() and 0 < len(text) <= 4 and int(text) > 0):
        raise web.HTTPNotFound
    return int(text)


def part_of(entries: Sequence[T], page: int) -> Sequence[T]:
    """Return the entries of a list that one of its pages shows."""
    return entries[(page - 1) * PAGE : page * PAGE]


def paging(t: Translator, path: str, place: str, page: int, longest: int, *, kept: str = "") -> dict[str, Any] | None:
    """Return links to the other pages of a list and the words between them; None if there is one page.

    `longest`: entries of the longest list on the page. `kept`: the address with its query, where that is not the path
    with `place` alone. Raises IndexError for a page after the last one.
    """
    pages = max(1, -(-longest // PAGE))
    if page > pages:
        raise IndexError(page)
    if pages == 1:
        return None
    base = (kept or f"{path}?lang={t.tag}" + (f"&place={place}" if place else "")) + "&page="
    return {
        "words": t.text("page", "page_of", page=t.number(page), pages=t.number(pages)),
        "before": base + str(page - 1) if page > 1 else "",
        "after": base + str(page + 1) if page < pages else "",
    }


def _shown(notice: NoticeState) -> bool:
    """True for actual alerts and updates. Drills are for their participants; endings appear on the thread's page."""
    return notice.plan.status == "Actual" and notice.msg_type in ("Alert", "Update")


def issued_at(notice: NoticeState) -> datetime:
    """Return the issue time of a listed notice."""
    assert notice.issued_at is not None, "only issued notices are listed"
    return notice.issued_at


def count_in_words(t: Translator, count: int, one: str, many: str, none: str) -> str:
    """Format a count by the catalogue's texts for none, one and many."""
    if count == 0:
        return t.text("page", none) if none else ""
    return t.text("page", one) if count == 1 else t.text("page", many, count=t.number(count))
