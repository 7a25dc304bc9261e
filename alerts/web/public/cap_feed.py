"""`/feeds/cap.atom`: an index of CAP messages for aggregators, one entry per message; `?place=` filters like the pages.

Each entry leads to its message and repeats what aggregators sort by (`cap:severity`, `cap:expires` and so on).
Cancels and all-clears are messages too. A message leaves the feed when it is neither live nor issued within `DAYS`;
`updated` never falls, since what leaves is older than the floor below it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from aiohttp import web

from alerts.channels import markdown
from alerts.domain.notice import NoticeState
from alerts.kernel.plain_text import as_markdown
from alerts.web.http.routing import Handler
from alerts.web.public import atom, cap_writer
from alerts.web.public.notice_view import ReaderLocale
from alerts.web.public.page_cache import Built
from alerts.web.public.page_frame import PageFrame, issued_at

DAYS = timedelta(days=7)


def handler(frame: PageFrame) -> Handler:
    """Return the handler of the feed."""

    async def feed(request: web.Request) -> web.StreamResponse:
        return await frame.minutely(request, "cap feed", lambda reader, path, place, page: build(frame, reader, place))

    return feed


def build(frame: PageFrame, reader: ReaderLocale, place: str) -> Built | None:
    """Build the feed; None for a place that is not registered. Blocks."""
    if not frame.has_place(place):
        return None
    floor = oldest(reader.now)
    entries = [_entry(frame, notice, reader) for notice in frame.messages(floor, reader.now, place)]
    site = frame.pages.site
    here = f"{site.url}/feeds/cap.atom" + (f"?place={place}" if place else "")
    updated = max([floor, *(entry.updated for entry in entries)])
    body = atom.feed(site.name, site.url, here, reader.translator.tag, updated, entries)
    return Built(body, "application/atom+xml", language=reader.translator.tag)


def oldest(now: datetime) -> datetime:
    """Issue time of the oldest message that is listed without being live: whole days, so the bytes stay the same."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0) - DAYS


def _entry(frame: PageFrame, notice: NoticeState, reader: ReaderLocale) -> atom.Entry:
    issuer = frame.notices.organisation(notice, reader)
    key = (notice.id, notice.version, reader.translator.tag, reader.default_language, issuer)
    return frame.entries.get(("cap", *key, frame.place_shapes.version()), lambda: _made(frame, notice, reader))


def _made(frame: PageFrame, notice: NoticeState, reader: ReaderLocale) -> atom.Entry:
    language, words = reader.words(notice)
    card = frame.notices.card(notice, reader)
    return atom.Entry(
        id=notice.id,
        title=f"{card['tag']}: {words.title}",
        link=f"{frame.pages.site.url}/alerts/{notice.id}.cap",
        link_type=cap_writer.CONTENT_TYPE,
        updated=issued_at(notice),
        language=language,
        author=frame.notices.organisation(notice, reader)[0],
        html=markdown.html(words.instruction or words.body or as_markdown(words.title)),
        category=notice.plan.category or notice.plan.topic or notice.plan.kind,
        cap=cap_writer.summary(
            notice,
            language,
            frame.services.settings.timezone,
            frame.place_shapes.where(notice.plan.area, reader.translator),
        ),
    )
