"""`/bulletin.txt`: what is happening, as sentences that a telephone line reads out; `?place=` filters.

No addresses, no abbreviations and no signs that a voice would spell: one thought a line.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from aiohttp import web

from alerts.channels import markdown
from alerts.domain.notice import NoticeState
from alerts.domain.place_names import place_name
from alerts.kernel.languages import choose
from alerts.web.http.routing import Handler
from alerts.web.public.notice_view import ReaderLocale, marked_tag
from alerts.web.public.page_cache import Built
from alerts.web.public.page_frame import PageFrame, count_in_words

_MOST_CHANGES = 5
_ENDINGS = (".", "!", "?", "…", "۔", "؟", ":")


def handler(frame: PageFrame) -> Handler:
    """Return the handler of the text."""

    async def bulletin(request: web.Request) -> web.StreamResponse:
        return await frame.minutely(request, "bulletin", partial(build, frame))

    return bulletin


def build(frame: PageFrame, reader: ReaderLocale, path: str, place: str, page: int = 1) -> Built | None:
    """Build the text; None for a place that is not registered. Blocks."""
    if not frame.has_place(place):
        return None
    lines = [_sentence(line) for line in _lines(frame, reader, place) if line.strip()]
    return Built(("\n".join(lines) + "\n").encode(), "text/plain", language=reader.translator.tag)


def _lines(frame: PageFrame, reader: ReaderLocale, place: str) -> Iterator[str]:
    t = reader.translator
    registered = frame.services.views.place(place) if place else None
    name = place_name(registered, t.tag, reader.default_language) if registered else ""
    title = t.text("page", "now_in", place=name) if name else t.text("page", "now_title")
    yield f"{frame.pages.site.name}: {title}"
    yield t.text("bulletin", "at", time=reader.time(reader.now))
    live = frame.live(reader, place)
    alerts = [notice for notice in live if notice.plan.kind == "alert"]
    yield count_in_words(t, len(alerts), "count_one", "count_many", "no_alerts")
    for number, notice in enumerate(alerts, 1):
        if len(alerts) > 1:
            yield t.text("bulletin", "number", number=t.number(number))
        yield from _notice(frame, notice, reader, place)
    for notice in live:
        if notice.plan.kind in ("announcement", "bulletin"):
            yield t.text("kind", notice.plan.kind)
            yield reader.words(notice)[1].title
    planned = frame.changes.planned(reader, place)
    if planned:
        yield count_in_words(t, len(planned), "change_one", "change_many", "")
    for change in planned[:_MOST_CHANGES]:
        key = "from_day" if change.facts.effective > reader.now else "since"
        yield reader.time_phrase(key, change.facts.effective)
        yield choose(change.facts.headline, t.tag, reader.default_language)[1]
    yield t.text("bulletin", "end")


def _notice(frame: PageFrame, notice: NoticeState, reader: ReaderLocale, place: str) -> Iterator[str]:
    t, words = reader.translator, reader.words(notice)[1]
    yield marked_tag(notice, t)
    yield words.title
    where = frame.place_shapes.where_for(notice, t, place)
    if where:
        yield t.text("message", "where", area=where)
    if words.instruction:
        yield f"{t.text('message', 'what_to_do')}:"
        yield from markdown.plain(words.instruction).splitlines()
    elif words.body:
        yield markdown.first_line(words.body, 280)
    if notice.expires is not None:
        yield reader.time_phrase("valid", notice.expires)


def _sentence(line: str) -> str:
    """End a line as a sentence, so that a voice pauses."""
    line = " ".join(line.split())
    line = line[:1].upper() + line[1:]
    return line if line.endswith(_ENDINGS) else f"{line}."
