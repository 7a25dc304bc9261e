"""Public pages: what is happening, one notice, service changes, and the Atom feed. Served from kept bytes."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
from aiohttp import web

from alerts.channels import markdown
from alerts.channels.i18n import Translator, translator
from alerts.domain.notice import NoticeState
from alerts.domain.place_names import place_name
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.http.problem import NOT_YET
from alerts.web.http.routing import PUBLIC, Route
from alerts.web.public import atom
from alerts.web.public.changes_view import ChangeViews
from alerts.web.public.map_svg import Pin, draw
from alerts.web.public.notice_view import NoticeViews, Reader, public_json
from alerts.web.public.page_cache import Built, PageCache
from alerts.web.public.place_shapes import PlaceShapes
from alerts.web.public.templating import Pages

_MINUTE = timedelta(minutes=1)
_ON_FRONT = 5
"""Planned changes on the front page; `/changes` has all."""
_SLUG = re.compile("[a-z0-9][a-z0-9-]{0,99}")


def routes(parts: Services) -> list[Route]:
    """The public pages."""
    public = PublicPages(parts)
    return [
        Route("GET", "/", public.now, PUBLIC),
        Route("GET", "/changes", public.changes, PUBLIC),
        Route("GET", "/feeds/alerts.atom", public.feed, PUBLIC),
        Route("GET", "/alerts/{notice}.json", public.notice_json, PUBLIC),
        Route("GET", "/alerts/{notice}", public.notice, PUBLIC),
        Route("GET", "/a/{number}", public.short, PUBLIC),
    ]


async def error_page(parts: Services, request: web.Request, status: int, message: str) -> web.Response:
    """An error as a person reads it; `message` is for programs and stands small below our own words."""
    pages = Pages(parts)
    speech = pages.speech(request)
    if status == 404 and message.endswith(NOT_YET):
        context = {"title": "Not there yet", "lines": [message], "button": ""}
        return pages.page("pages/message.html", speech, context, status)
    key = "not_found" if status == 404 else "trouble" if status >= 500 else ""
    if key:
        context = {"title": speech.text("page", f"{key}_title"), "lines": [speech.text("page", key)], "button": ""}
    else:
        words = message[:1].upper() + message[1:]
        context = {"title": "This is not possible", "lines": [words], "button": ""}
    return pages.page("pages/message.html", speech, context, status)


class PublicPages:
    """Handlers; each builds its page in a thread for blocking reads, and only when something public has changed."""

    def __init__(self, parts: Services, pages: Pages | None = None) -> None:
        """`pages` render them: the site's own, or those of a copy, which has no server to choose a place by."""
        self._parts = parts
        self._is_copy = pages is not None
        self._pages = pages or Pages(parts)
        self._atlas = PlaceShapes(parts.views)
        self._views = NoticeViews(parts.views, self._atlas, self._pages.site)
        self._changes_view = ChangeViews(parts.views, self._atlas, self._pages.site)
        self._cache = PageCache(parts)

    async def now(self, request: web.Request) -> web.StreamResponse:
        """What is happening, worst first; `?place=` shows one registered place alone."""
        return await self._minutely(request, "now", self._now)

    async def changes(self, request: web.Request) -> web.StreamResponse:
        """Service changes by date."""
        return await self._minutely(request, "changes", self._changes)

    async def feed(self, request: web.Request) -> web.StreamResponse:
        """The Atom feed of what is live, in the reader's language, if asked for one place alone."""
        if (kept := await self._cache.at_hand(request)) is not None:
            return kept
        now, place = self._minute(), _place(request)
        tag = self._pages.language(request)
        build = partial(self._feed, self._reader(tag, now), place)
        return await self._cache.serve(request, ("feed", tag, now, place), build, now + _MINUTE)

    async def notice(self, request: web.Request) -> web.StreamResponse:
        """A thread by the id of any of its notices."""
        if (kept := await self._cache.at_hand(request)) is not None:
            return kept
        notice = _id(request)
        tag = self._pages.language(request)
        build = partial(self._notice, notice, tag)
        return await self._cache.serve(request, ("notice", notice, tag), build)

    async def notice_json(self, request: web.Request) -> web.StreamResponse:
        """The same as data."""
        if (kept := await self._cache.at_hand(request)) is not None:
            return kept
        notice = _id(request)
        return await self._cache.serve(request, ("json", notice), partial(self._notice_json, notice))

    async def short(self, request: web.Request) -> web.Response:
        """The short address that text messages carry: a notice by its number."""
        text = request.match_info["number"]
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
        found = await read(self._parts, self._parts.views.notice_by_number, number)
        if found is None or not found.issued:
            raise web.HTTPNotFound
        raise web.HTTPFound(self._views.link(found.id))

    # --- for a copy; all of these block ---

    def thread_page(self, notice: UUID, tag: str) -> bytes:
        """The page of a notice's thread in a language. LookupError if there is none."""
        return _body(self._notice(notice, tag))

    def thread_json(self, notice: UUID) -> bytes:
        """The same as data."""
        return _body(self._notice_json(notice))

    def missing(self, speech: Translator) -> bytes:
        """What stands where there is nothing."""
        lines = [speech.text("page", "not_found")]
        context = {"title": speech.text("page", "not_found_title"), "lines": lines, "button": ""}
        return self._pages.render("pages/message.html", speech, context)

    def fronts(self, tag: str) -> list[tuple[str, bytes]]:
        """(file, content) of what leads to the rest, the front page last."""
        reader, base = self._reader(tag, self._minute()), self._pages.site.base
        return [
            ("feeds/alerts.atom", _body(self._feed(reader, ""))),
            ("changes/index.html", _body(self._changes(reader, f"{base}/changes", ""))),
            ("index.html", _body(self._now(reader, f"{base}/", ""))),
        ]

    async def _minutely(
        self, request: web.Request, name: str, build: Callable[[Reader, str, str], Built | None]
    ) -> web.StreamResponse:
        """Pages that say how fresh they are are made anew each minute."""
        if (kept := await self._cache.at_hand(request)) is not None:
            return kept
        now, place = self._minute(), _place(request)
        tag = self._pages.language(request)
        made = partial(build, self._reader(tag, now), request.path, place)
        return await self._cache.serve(request, (name, tag, now, place), made, now + _MINUTE)

    def _minute(self) -> datetime:
        return self._parts.clock().replace(second=0, microsecond=0)

    def _reader(self, tag: str, now: datetime) -> Reader:
        settings = self._parts.settings
        return Reader(translator(tag, settings.default_language), settings.default_language, settings.timezone, now)

    def _page(self, layout: str, reader: Reader, path: str, context: dict[str, Any]) -> Built:
        speech = reader.speech
        shared = {
            "as_of": speech.text("page", "as_of", time=speech.clock(reader.now, reader.timezone)),
            "languages": self._pages.languages(path, speech, context.get("place", "")),
        }
        return Built(self._pages.render(layout, speech, {**shared, **context}), language=speech.tag)

    def _now(self, reader: Reader, path: str, place: str) -> Built | None:
        if place and self._parts.views.place(place) is None:
            return None
        live = self._live(reader, place)
        alerts = [n for n in live if n.plan.kind == "alert"]
        other = [n for n in live if n.plan.kind in ("announcement", "bulletin")]
        planned = self._changes_view.planned(reader, place)
        zones = [self._views.zone(n, reader) for n in alerts]
        speech = reader.speech
        titles = "; ".join(zone.label for zone in zones) or self._pages.site.name
        svg = draw(self._atlas.outlines(), zones, [], speech.text("page", "map_of", what=titles))
        places = (
            [] if self._is_copy else sorted((place_name(p, speech.tag), p.slug) for p in self._parts.views.places())
        )
        chosen = next((name for name, slug in places if slug == place), place)
        in_words = "; ".join(
            f"{zone.label}: {where}" for zone, n in zip(zones, alerts, strict=True) if (where := self._where(n, reader))
        )
        counts = [
            _counted(speech, len(alerts), "count_one", "count_many", "no_alerts"),
            _counted(speech, len(planned), "change_one", "change_many", ""),
        ]
        return self._page(
            "pages/now.html",
            reader,
            path,
            {
                "here": "now",
                "title": speech.text("page", "now_in", place=chosen) if place else speech.text("page", "now_title"),
                "places": places,
                "place": place,
                "counts": speech.comma.join(c for c in counts if c),
                "alerts": [self._views.card(n, reader) for n in alerts],
                "announcements": [self._views.card(n, reader) for n in other],
                "changes": [self._changes_view.tile(c, reader) for c in planned[:_ON_FRONT]],
                "map": svg
                and {"svg": svg, "words": speech.text("page", "in_words", area=in_words) if in_words else ""},
            },
        )

    def _changes(self, reader: Reader, path: str, place: str) -> Built | None:
        if place and self._parts.views.place(place) is None:
            return None
        planned = self._changes_view.planned(reader, place)
        speech = reader.speech
        pins = [
            Pin("closing" if c.facts.kind in ("closure", "move") else "open", p.facts.lat, p.facts.lon, p.facts.name)
            for c in planned
            for p in self._changes_view.points(c)
        ]
        label = speech.text("page", "map_of", what=speech.text("page", "changes"))
        svg = draw(self._atlas.outlines(), [], pins, label) if pins else None
        return self._page(
            "pages/changes.html",
            reader,
            path,
            {
                "here": "changes",
                "place": place,
                "counts": _counted(speech, len(planned), "change_one", "change_many", "no_changes"),
                "changes": [self._changes_view.tile(c, reader) for c in planned],
                "map": svg and {"svg": svg, "words": ""},
            },
        )

    def _notice(self, notice: UUID, tag: str) -> Built | None:
        thread = self._parts.views.thread(notice, issued=True)
        if not thread:
            return None
        reader = self._reader(tag, self._parts.clock())
        here = "changes" if thread[-1].plan.kind == "service-change" else ""
        path = self._views.link(notice)
        return self._page("pages/notice.html", reader, path, {"here": here, **self._views.page(thread, reader)})

    def _notice_json(self, notice: UUID) -> Built | None:
        thread = self._parts.views.thread(notice, issued=True)
        if not thread:
            return None
        document = msgspec.json.encode(public_json(thread, self._pages.site, self._atlas))
        return Built(document, "application/json")

    def _feed(self, reader: Reader, place: str) -> Built | None:
        if place and self._parts.views.place(place) is None:
            return None
        live = self._live(reader, place)
        entries = [self._entry(n, reader) for n in sorted(live, key=_issued_at, reverse=True)]
        where = self._pages.site
        updated = max((e.updated for e in entries), default=reader.now.replace(hour=0, minute=0))
        here = f"{where.url}/feeds/alerts.atom" + (f"?place={place}" if place else "")
        body = atom.feed(where.name, where.url, here, reader.speech.tag, updated, entries)
        return Built(body, "application/atom+xml", language=reader.speech.tag)

    def _entry(self, notice: NoticeState, reader: Reader) -> atom.Entry:
        language, words = reader.words(notice)
        card = self._views.card(notice, reader)
        content = "".join(markdown.html(part) for part in (words.instruction, words.body) if part)
        return atom.Entry(
            id=notice.id,
            title=f"{card['tag']}: {words.title}",
            link=f"{self._pages.site.url}/alerts/{notice.thread}",
            updated=_issued_at(notice),
            language=language,
            html=content or markdown.html(words.title),
            category=notice.plan.category or notice.plan.topic or notice.plan.kind,
        )

    def _live(self, reader: Reader, place: str) -> list[NoticeState]:
        """What is live, worst first; of one place what overlaps it, or has no area of its own."""
        live = [n for n in self._parts.views.live(reader.now) if _shown(n)]
        outline = self._atlas.outline(place) if place else None
        if outline is None:
            return live
        return [n for n in live if not n.plan.area or self._atlas.area(n.plan.area).overlaps(outline)]

    def _where(self, notice: NoticeState, reader: Reader) -> str:
        return self._atlas.where(notice.plan.area, reader.speech)


def _body(built: Built | None) -> bytes:
    if built is None:
        raise LookupError("there is no such page")
    return built.body


def _id(request: web.Request) -> UUID:
    try:
        return UUID(request.match_info["notice"])
    except ValueError:
        raise web.HTTPNotFound from None


def _place(request: web.Request) -> str:
    """The slug asked for; "" for everywhere. What no place can be called is not kept room for."""
    slug = request.query.get("place", "")
    if slug and not _SLUG.fullmatch(slug):
        raise web.HTTPNotFound
    return slug


def _shown(notice: NoticeState) -> bool:
    """Drills and tests are for those who take part; a cancel or all-clear is told on its thread's page."""
    return notice.plan.status == "Actual" and notice.msg_type in ("Alert", "Update")


def _issued_at(notice: NoticeState) -> datetime:
    assert notice.issued_at is not None, "only issued notices are listed"
    return notice.issued_at


def _counted(speech: Translator, count: int, one: str, many: str, none: str) -> str:
    if count == 0:
        return speech.text("page", none) if none else ""
    return speech.text("page", one) if count == 1 else speech.text("page", many, count=speech.number(count))
