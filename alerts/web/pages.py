"""Public pages: what is happening, one notice, service changes, and the Atom feed. Served from kept bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
from aiohttp import web

from alerts.channels import prose
from alerts.channels.words import Frame, direction, frame
from alerts.domain.notice import NoticeState
from alerts.domain.service_change import ChangeState
from alerts.web import atom
from alerts.web.atlas import Atlas
from alerts.web.map_svg import Pin, draw
from alerts.web.notice_view import NoticeViews, Reader, public_json
from alerts.web.page_cache import Built, PageCache
from alerts.web.parts import Parts
from alerts.web.routes import PUBLIC, Route
from alerts.web.site import Pages, choose

_ON_FRONT = 5
"""Planned changes on the front page; `/changes` has all."""
_CHANGE_TONES = {"closure": "change", "hours": "change", "move": "change", "visit": "clear", "opening": "clear"}


def routes(parts: Parts) -> list[Route]:
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


async def error_page(parts: Parts, request: web.Request, status: int, message: str) -> web.Response:
    """An error as a person reads it; `message` is for programs and stands small below our own words."""
    pages = Pages(parts)
    speech = pages.speech(request)
    key = "not_found" if status == 404 else "trouble" if status >= 500 else ""
    if key:
        context = {"title": speech.text("page", f"{key}_title"), "lines": [speech.text("page", key)], "action": None}
    else:
        words = message[:1].upper() + message[1:]
        context = {"title": "This is not possible", "lines": [words], "action": None}
    return pages.page("pages/message.html", speech, context, status)


class PublicPages:
    """Handlers; each builds its page in a thread for blocking reads, and only when something public has changed."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._pages = Pages(parts)
        self._atlas = Atlas(parts.views)
        self._views = NoticeViews(parts.views, self._atlas, self._pages.site)
        self._cache = PageCache(parts)

    async def now(self, request: web.Request) -> web.Response:
        """What is happening, worst first."""
        return await self._minutely(request, "now", self._now)

    async def changes(self, request: web.Request) -> web.Response:
        """Service changes by date."""
        return await self._minutely(request, "changes", self._changes)

    async def feed(self, request: web.Request) -> web.Response:
        """The Atom feed of what is live, in the reader's language."""
        now = self._minute()
        tag = self._pages.language(request)
        return await self._cache.serve(request, ("feed", tag, now), partial(self._feed, self._reader(tag, now)))

    async def notice(self, request: web.Request) -> web.Response:
        """A thread by the id of any of its notices."""
        notice = _id(request)
        tag = self._pages.language(request)
        build = partial(self._notice, notice, tag)
        return await self._cache.serve(request, ("notice", notice, tag), build)

    async def notice_json(self, request: web.Request) -> web.Response:
        """The same as data."""
        notice = _id(request)
        return await self._cache.serve(request, ("json", notice), partial(self._notice_json, notice))

    async def short(self, request: web.Request) -> web.Response:
        """The short address that text messages carry: a notice by its number."""
        text = request.match_info["number"]
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
        loop = request.loop
        found = await loop.run_in_executor(self._parts.reads, self._parts.views.notice_by_number, number)
        if found is None or not found.issued:
            raise web.HTTPNotFound
        raise web.HTTPFound(self._views.link(found.id))

    async def _minutely(self, request: web.Request, name: str, build: Callable[[Reader, str], Built]) -> web.Response:
        """Pages that say how fresh they are are made anew each minute."""
        now = self._minute()
        tag = self._pages.language(request)
        return await self._cache.serve(request, (name, tag, now), partial(build, self._reader(tag, now), request.path))

    def _minute(self) -> datetime:
        return self._parts.clock().replace(second=0, microsecond=0)

    def _reader(self, tag: str, now: datetime) -> Reader:
        settings = self._parts.settings
        return Reader(frame(tag, settings.default_language), settings.default_language, settings.timezone, now)

    def _page(self, layout: str, reader: Reader, path: str, context: dict[str, Any]) -> Built:
        speech = reader.speech
        shared = {
            "as_of": speech.text("page", "as_of", time=speech.clock(reader.now, reader.timezone)),
            "languages": self._pages.languages(path, speech),
        }
        return Built(self._pages.render(layout, speech, {**shared, **context}), language=speech.tag)

    def _now(self, reader: Reader, path: str) -> Built:
        live = [n for n in self._parts.views.live(reader.now) if _shown(n)]
        alerts = [n for n in live if n.plan.kind == "alert"]
        other = [n for n in live if n.plan.kind in ("announcement", "bulletin")]
        planned = self._planned(reader)
        zones = [self._views.zone(n, reader) for n in alerts]
        speech = reader.speech
        titles = "; ".join(zone.label for zone in zones) or self._pages.site.name
        svg = draw(self._atlas.outlines(), zones, [], speech.text("page", "map_of", what=titles))
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
                "counts": speech.comma.join(c for c in counts if c),
                "alerts": [self._views.card(n, reader) for n in alerts],
                "announcements": [self._views.card(n, reader) for n in other],
                "changes": [self._change(c, reader) for c in planned[:_ON_FRONT]],
                "map": svg
                and {"svg": svg, "words": speech.text("page", "in_words", area=in_words) if in_words else ""},
            },
        )

    def _changes(self, reader: Reader, path: str) -> Built:
        planned = self._planned(reader)
        speech = reader.speech
        pins = [
            Pin("closing" if c.facts.kind in ("closure", "move") else "open", p.facts.lat, p.facts.lon, p.facts.name)
            for c in planned
            for p in map(self._parts.views.service_point, c.facts.service_points)
            if p is not None
        ]
        label = speech.text("page", "map_of", what=speech.text("page", "changes"))
        svg = draw(self._atlas.outlines(), [], pins, label) if pins else None
        return self._page(
            "pages/changes.html",
            reader,
            path,
            {
                "here": "changes",
                "counts": _counted(speech, len(planned), "change_one", "change_many", "no_changes"),
                "changes": [self._change(c, reader) for c in planned],
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

    def _feed(self, reader: Reader) -> Built:
        live = [n for n in self._parts.views.live(reader.now) if _shown(n)]
        entries = [self._entry(n, reader) for n in sorted(live, key=_issued_at, reverse=True)]
        where = self._pages.site
        updated = max((e.updated for e in entries), default=reader.now.replace(hour=0, minute=0))
        body = atom.feed(where.name, where.url, f"{where.url}/feeds/alerts.atom", reader.speech.tag, updated, entries)
        return Built(body, "application/atom+xml", language=reader.speech.tag)

    def _entry(self, notice: NoticeState, reader: Reader) -> atom.Entry:
        language, words = reader.words(notice)
        card = self._views.card(notice, reader)
        content = "".join(prose.html(part) for part in (words.instruction, words.body) if part)
        return atom.Entry(
            id=notice.id,
            title=f"{card['tag']}: {words.title}",
            link=f"{self._pages.site.url}/alerts/{notice.thread}",
            updated=_issued_at(notice),
            language=language,
            html=content or prose.html(words.title),
            category=notice.plan.category or notice.plan.topic or notice.plan.kind,
        )

    def _planned(self, reader: Reader) -> list[ChangeState]:
        """Changes that people have been told of and that last on: those to come first, then those in effect."""
        told = self._parts.views.changes(reader.now - timedelta(days=1))
        day = reader.now - timedelta(days=30)
        coming = [c for c in told if c.facts.effective > reader.now]
        return coming + [c for c in told if day < c.facts.effective <= reader.now]

    def _change(self, change: ChangeState, reader: Reader) -> dict[str, Any]:
        facts, speech = change.facts, reader.speech
        language, headline = choose(facts.headline, speech.tag, reader.default_language)
        description = choose(facts.description, language, language)[1] if facts.description else ""
        points = [p.facts.name for p in map(self._parts.views.service_point, facts.service_points) if p is not None]
        weekday, day, month = _tile(facts.effective, speech, reader.timezone)
        return {
            "iso": facts.effective.date().isoformat(),
            "weekday": weekday,
            "day": day,
            "month": month,
            "tone": _CHANGE_TONES[facts.kind],
            "tag": speech.text("kind", "service-change"),
            "title": headline,
            "lang": language,
            "dir": direction(language),
            "lead": prose.first_line(description, 240),
            "points": speech.comma.join(sorted(points)),
            "link": self._views.link(change.notice) if change.notice else "",
        }

    def _where(self, notice: NoticeState, reader: Reader) -> str:
        return self._atlas.where(notice.plan.area, reader.speech)


def _id(request: web.Request) -> UUID:
    try:
        return UUID(request.match_info["notice"])
    except ValueError:
        raise web.HTTPNotFound from None


def _shown(notice: NoticeState) -> bool:
    """Drills and tests are for those who take part; a cancel or all-clear is told on its thread's page."""
    return notice.plan.status == "Actual" and notice.msg_type in ("Alert", "Update")


def _issued_at(notice: NoticeState) -> datetime:
    assert notice.issued_at is not None, "only issued notices are listed"
    return notice.issued_at


def _counted(speech: Frame, count: int, one: str, many: str, none: str) -> str:
    if count == 0:
        return speech.text("page", none) if none else ""
    return speech.text("page", one) if count == 1 else speech.text("page", many, count=speech.number(count))


def _tile(at: datetime, speech: Frame, timezone: str) -> Sequence[str]:
    """Weekday, day and month of a date's tile."""
    from zoneinfo import ZoneInfo

    from babel.dates import format_date

    local = at.astimezone(ZoneInfo(timezone))
    return [format_date(local, part, locale=speech.locale) for part in ("EEE", "d", "MMM")]
