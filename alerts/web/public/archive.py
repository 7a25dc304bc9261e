"""`/archive`: what was said, by place and date; one entry for each thread, the latest first.

A day may be typed as a calendar gives it (2026-11-24) or as people write it (24/11/2026).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from aiohttp import web

from alerts.domain.notice import NoticeState
from alerts.kernel.times import instant
from alerts.web.http.routing import Handler
from alerts.web.public import near_view
from alerts.web.public.now import box
from alerts.web.public.page_cache import Built
from alerts.web.public.page_frame import PageFrame, issued_at, page_of, paging, part_of
from alerts.web.public.reader_locale import ReaderLocale
from alerts.web.public.reader_place import NO_QUESTION, PlaceQuestion, asked_place, typed

_DEFAULT = timedelta(days=90)
_WIDE_YEARS = 10
_MOST = 2_000
"""Notices that are looked through; a longer period is narrowed by the reader."""
_DAY = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})|(\d{1,2})[/. ](\d{1,2})[/. ](\d{4})")
_ENDS = ("Cancel", "AllClear")


@dataclass(frozen=True)
class Period:
    """Days asked for, both included, as typed and as read; `errors` by field."""

    start_text: str
    end_text: str
    start: date
    end: date
    errors: tuple[tuple[str, str], ...] = ()


def handler(frame: PageFrame) -> Handler:
    """Return the handler of the page."""

    async def archive(request: web.Request) -> web.StreamResponse:
        if (cached := await frame.near_cache.cached(request)) is not None:
            return cached
        question = await asked_place(frame, request)
        tag, at, number = frame.pages.language(request), frame.minute(), page_of(request)
        reader = frame.reader(tag, at)
        period = read_period(typed(request.query.get("from", "")), typed(request.query.get("to", "")), reader)
        made = partial(build, frame, reader, request.path, question, period, number)
        key = ("archive", tag, at, question.key, period, number)
        return await frame.near_cache.serve(request, key, made, at + timedelta(minutes=1))

    return archive


def read_period(start: str, end: str, reader: ReaderLocale) -> Period:
    """Read the two days; absent ones are the last 90 days. What cannot be read is said at its field."""
    t = reader.translator
    today = reader.now.astimezone(ZoneInfo(reader.timezone)).date()
    first, last = read_day(start), read_day(end)
    errors = [
        (name, t.text("archive", "bad_day"))
        for name, text, day in (("from", start, first), ("to", end, last))
        if text and day is None
    ]
    last_day = last or today
    first_day = first or min(last_day, today) - _DEFAULT
    if not errors and last_day < first_day:
        errors = [("to", t.text("archive", "end_before_start"))]
    return Period(start or first_day.isoformat(), end or last_day.isoformat(), first_day, last_day, tuple(errors))


def read_day(text: str) -> date | None:
    """Read a day; None for what is none."""
    match = _DAY.fullmatch(text)
    if match is None:
        return None
    parts = match.groups()
    year, month, day = (parts[0], parts[1], parts[2]) if parts[0] else (parts[5], parts[4], parts[3])
    try:
        found = date(int(year), int(month), int(day))
    except ValueError:
        return None
    return found if 1970 <= found.year <= 9000 else None


def build(
    frame: PageFrame,
    reader: ReaderLocale,
    path: str,
    question: PlaceQuestion = NO_QUESTION,
    period: Period | None = None,
    page: int = 1,
) -> Built | None:
    """Build one page of the list; None after the last page. Blocks."""
    t = reader.translator
    period = period or read_period("", "", reader)
    threads = (
        [] if period.errors or question.is_unknown or question.choices else _threads(frame, reader, question, period)
    )
    asked = {"from": period.start_text, "to": period.end_text}
    place = question.place.query if question.place else urlencode({"q": question.text} if question.text else {})
    kept = "&".join(part for part in (urlencode(asked), place) if part)
    try:
        pages = paging(t, path, "", page, len(threads), kept=f"{path}?lang={t.tag}&{kept}")
    except IndexError:
        return None
    shown = part_of(threads, page)
    wide = {"lang": t.tag, "from": f"{reader.now.year - _WIDE_YEARS}-01-01", "to": reader.now.date().isoformat()}
    context: dict[str, Any] = {
        **box(frame, question, reader, path),
        "start": period.start_text,
        "end": period.end_text,
        "kept": kept,
        "place": "",
        "pages": pages,
        "entries": [_entry(frame, thread, reader, question) for thread in shown],
        "counts": _counts(len(threads), period, reader),
        "wider": f"{path}?{urlencode(wide)}",
    }
    context["errors"] = {**context["errors"], **dict(period.errors)}
    return frame.built("pages/archive.html", reader, path, context)


def _threads(
    frame: PageFrame, reader: ReaderLocale, question: PlaceQuestion, period: Period
) -> list[list[NoticeState]]:
    """Return the notices of each thread in the period, oldest first; the thread with the latest word first."""
    since = instant(period.start, time.min, reader.timezone)
    until = instant(period.end + timedelta(days=1), time.min, reader.timezone)
    found: dict[UUID, list[NoticeState]] = {}
    for notice in frame.services.views.issued_between(since, min(until, _after(reader.now)), _MOST):
        found.setdefault(notice.thread, []).insert(0, notice)
    place = question.place
    if place is None:
        return list(found.values())
    return [thread for thread in found.values() if any(_concerns(frame, n, question) for n in thread)]


def _concerns(frame: PageFrame, notice: NoticeState, question: PlaceQuestion) -> bool:
    place = question.place
    if place is None:
        return True
    about = notice.plan.service_change
    if about is None:
        return near_view.is_near(frame, notice, place)
    change = frame.services.views.service_change(about)
    return change is not None and bool(near_view.changes_near(frame, [change], place))


def _entry(
    frame: PageFrame, thread: list[NoticeState], reader: ReaderLocale, question: PlaceQuestion
) -> dict[str, Any]:
    """Format a thread: past must not be read as present, so what is over says so first."""
    t, head = reader.translator, thread[-1]
    subject = next((n for n in reversed(thread) if n.msg_type not in _ENDS), head)
    return {
        **near_view.card(frame, subject, reader, question.place),
        "day": t.long_day(issued_at(thread[0]), reader.timezone),
        "over": _over(head, reader),
        "struck": head.msg_type == "Cancel" or head.phase == "cancelled",
    }


def _over(head: NoticeState, reader: ReaderLocale) -> str:
    """Say how a thread ended; "" while it is live."""
    t = reader.translator
    if head.msg_type == "Cancel" or head.phase == "cancelled":
        return t.text("archive", "cancelled")
    live = head.phase == "live" and head.msg_type not in _ENDS and (head.expires is None or head.expires > reader.now)
    return "" if live else t.text("archive", "over")


def _counts(count: int, period: Period, reader: ReaderLocale) -> str:
    t = reader.translator
    if period.errors:
        return ""
    noon = time(12)
    days = [t.long_day(datetime.combine(day, noon, UTC), "UTC") for day in (period.start, period.end)]
    words = t.text("archive", "count_one") if count == 1 else t.text("archive", "count_many", count=t.number(count))
    return f"{words}{t.comma}{t.text('archive', 'period', start=days[0], end=days[1])}"


def _after(now: datetime) -> datetime:
    return now + timedelta(minutes=1)
