"""`/feeds/changes.ics` and `/alerts/{notice}.ics`: service changes and single notices for calendars."""

from __future__ import annotations

from email.utils import parseaddr
from functools import partial
from urllib.parse import urlsplit
from uuid import UUID

from aiohttp import web

from alerts.channels import markdown
from alerts.domain.notice import NoticeState
from alerts.domain.service_change import ChangeState
from alerts.kernel.languages import choose
from alerts.kernel.plain_text import as_markdown
from alerts.web.http.routing import Handler
from alerts.web.public.calendar_writer import CONTENT_TYPE, CalendarEntry, calendar
from alerts.web.public.notice_view import ReaderLocale
from alerts.web.public.page_cache import Built
from alerts.web.public.page_frame import PageFrame, issued_at, notice_id


def feed_handler(frame: PageFrame) -> Handler:
    """Return the handler of all changes."""

    async def feed(request: web.Request) -> web.StreamResponse:
        return await frame.minutely(request, "ics", lambda reader, path, place, page: build(frame, reader, place))

    return feed


def notice_handler(frame: PageFrame) -> Handler:
    """Return the handler of one notice."""

    async def one(request: web.Request) -> web.StreamResponse:
        if (cached := await frame.cache.cached(request)) is not None:
            return cached
        notice, tag = notice_id(request), frame.pages.language(request)
        return await frame.cache.serve(request, ("notice ics", notice, tag), partial(build_notice, frame, notice, tag))

    return one


def build(frame: PageFrame, reader: ReaderLocale, place: str) -> Built | None:
    """Build the calendar of changes; None for a place that is not registered. Blocks."""
    if not frame.has_place(place):
        return None
    site, t = frame.pages.site, reader.translator
    url = f"{site.url}/changes" + (f"?place={place}" if place else "")
    entries = [_of_change(frame, change, reader) for change in frame.changes.planned(reader, place)]
    body = calendar(f"{site.name}: {t.text('page', 'changes')}", url, frame.services.settings.sender, entries)
    return Built(body, CONTENT_TYPE, language=t.tag)


def build_notice(frame: PageFrame, notice: UUID, tag: str) -> Built | None:
    """Build the calendar of one thread: one entry, cancelled if the thread was; None if there is none. Blocks."""
    thread = frame.services.views.thread(notice, issued=True)
    if not thread:
        return None
    reader = frame.reader(tag, frame.services.clock())
    head = thread[-1]
    subject = next((n for n in reversed(thread) if n.msg_type not in ("Cancel", "AllClear")), head)
    about = subject.plan.service_change
    change = frame.services.views.service_change(about) if about else None
    entry = _of_thread(frame, thread, subject, change, reader)
    site = frame.pages.site
    body = calendar(site.name, entry.url, frame.services.settings.sender, [entry])
    return Built(body, CONTENT_TYPE, language=tag)


def _of_thread(
    frame: PageFrame, thread: list[NoticeState], subject: NoticeState, change: ChangeState | None, reader: ReaderLocale
) -> CalendarEntry:
    head, site = thread[-1], frame.pages.site
    language, words = reader.words(subject)
    text = "\n\n".join(markdown.plain(part) for part in (words.instruction, words.body) if part)
    if change is not None:
        of_change = _of_change(frame, change, reader)
        starts, ends, place, position = of_change.starts, of_change.ends, of_change.place, of_change.position
    else:
        starts, place, position = (
            issued_at(thread[0]),
            frame.place_shapes.where(subject.plan.area, reader.translator),
            None,
        )
        ends = head.ended_at or (issued_at(head) if head.msg_type == "AllClear" else head.expires)
    drill = "" if head.plan.status == "Actual" else f"{reader.translator.text('mark', head.plan.status)}: "
    return CalendarEntry(
        id=head.thread,
        host=_host(frame),
        stamp=issued_at(head),
        version=len(thread) - 1,
        starts=starts,
        ends=ends,
        title=drill + words.title,
        text=text,
        place=place,
        position=position,
        url=f"{site.url}/alerts/{head.thread}",
        language=language,
        status="CANCELLED" if head.msg_type == "Cancel" else "CONFIRMED",
        sender=_sender(frame, head, reader),
    )


def _sender(frame: PageFrame, notice: NoticeState | None, reader: ReaderLocale) -> str:
    """Organizer of a notice's entry: its organisation at the service's address; "" for the service itself."""
    name = frame.notices.organisation(notice, reader)[0] if notice is not None else ""
    return f'"{name}" <{parseaddr(frame.services.settings.sender)[1]}>' if name else ""


def _of_change(frame: PageFrame, change: ChangeState, reader: ReaderLocale) -> CalendarEntry:
    facts, site = change.facts, frame.pages.site
    language, headline = choose(facts.headline, reader.translator.tag, reader.default_language)
    description = choose(facts.description, language, language)[1] if facts.description else ""
    points = frame.changes.points(change)
    where = [f"{p.facts.name}, {p.facts.address}" if p.facts.address else p.facts.name for p in points]
    only = points[0].facts if len(points) == 1 else None
    return CalendarEntry(
        id=change.notice or change.id,
        host=_host(frame),
        stamp=change.announced_at,
        version=change.version,
        starts=facts.effective,
        ends=facts.until,
        title=headline,
        text=markdown.plain(as_markdown(description)),
        place="; ".join(where),
        position=(only.lat, only.lon) if only else None,
        url=f"{site.url}/alerts/{change.notice}" if change.notice else f"{site.url}/changes",
        language=language,
        sender=_sender(frame, frame.services.views.notice(change.notice) if change.notice else None, reader),
    )


def _host(frame: PageFrame) -> str:
    return urlsplit(frame.pages.site.url).hostname or "localhost"
