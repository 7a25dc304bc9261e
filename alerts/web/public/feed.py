"""`/feeds/alerts.atom`: live notices in the reader's language; `?place=` filters by registered place."""

from __future__ import annotations

from aiohttp import web

from alerts.channels import markdown
from alerts.domain.notice import NoticeState
from alerts.kernel.plain_text import as_markdown
from alerts.web.http.routing import Handler
from alerts.web.public import atom
from alerts.web.public.notice_view import ReaderLocale
from alerts.web.public.page_cache import Built
from alerts.web.public.page_frame import PageFrame, issued_at


def handler(frame: PageFrame) -> Handler:
    """Return the handler of the feed."""

    async def feed(request: web.Request) -> web.StreamResponse:
        return await frame.minutely(request, "feed", lambda reader, path, place, page: build(frame, reader, place))

    return feed


def build(frame: PageFrame, reader: ReaderLocale, place: str) -> Built | None:
    """Build the feed; None for a place that is not registered. Blocks."""
    if not frame.has_place(place):
        return None
    live = frame.live(reader, place)
    entries = [_entry(frame, n, reader) for n in sorted(live, key=issued_at, reverse=True)]
    where = frame.pages.site
    updated = max((e.updated for e in entries), default=reader.now.replace(hour=0, minute=0))
    here = f"{where.url}/feeds/alerts.atom" + (f"?place={place}" if place else "")
    body = atom.feed(where.name, where.url, here, reader.translator.tag, updated, entries)
    return Built(body, "application/atom+xml", language=reader.translator.tag)


def _entry(frame: PageFrame, notice: NoticeState, reader: ReaderLocale) -> atom.Entry:
    issuer = frame.notices.organisation(notice, reader)
    key = (notice.id, notice.version, reader.translator.tag, reader.default_language, issuer)
    return frame.entries.get(("alerts", *key), lambda: _made(frame, notice, reader))


def _made(frame: PageFrame, notice: NoticeState, reader: ReaderLocale) -> atom.Entry:
    language, words = reader.words(notice)
    card = frame.notices.card(notice, reader)
    content = "".join(markdown.html(part) for part in (words.instruction, words.body) if part)
    return atom.Entry(
        id=notice.id,
        title=f"{card['tag']}: {words.title}",
        link=f"{frame.pages.site.url}/alerts/{notice.thread}",
        updated=issued_at(notice),
        language=language,
        author=frame.notices.organisation(notice, reader)[0],
        html=content or markdown.html(as_markdown(words.title)),
        category=notice.plan.category or notice.plan.topic or notice.plan.kind,
    )
