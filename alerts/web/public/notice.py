"""`/alerts/{notice}`: a thread by the id of any of its notices, as page and JSON; `/a/{number}` redirects to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
from aiohttp import web

from alerts.channels import markdown
from alerts.commands.following import may_be_followed
from alerts.domain.notice import NoticeState
from alerts.web.api.common import read
from alerts.web.http.routing import Handler
from alerts.web.public.near_view import away
from alerts.web.public.nearest_points import instead_near
from alerts.web.public.notice_view import ENDS, ReaderLocale
from alerts.web.public.now import box
from alerts.web.public.page_cache import Built
from alerts.web.public.page_frame import PageFrame, notice_id
from alerts.web.public.place_shapes import PlaceShapes
from alerts.web.public.reader_place import NO_QUESTION, PlaceQuestion, asked_place
from alerts.web.public.templating import Site


def page_handler(frame: PageFrame) -> Handler:
    """Return the handler of the page."""

    async def page(request: web.Request) -> web.StreamResponse:
        if (cached := await frame.cache.cached(request)) is not None:
            return cached
        notice = notice_id(request)
        tag = frame.pages.language(request)
        if not request.query.get("q") and not request.query.get("place"):
            return await frame.cache.serve(request, ("notice", notice, tag), partial(build, frame, notice, tag))
        if (cached := await frame.near_cache.cached(request)) is not None:
            return cached
        question = await asked_place(frame, request)
        made = partial(build, frame, notice, tag, question)
        return await frame.near_cache.serve(request, ("notice near", notice, tag, question.key), made)

    return page


def json_handler(frame: PageFrame) -> Handler:
    """Return the handler of the JSON document."""

    async def data(request: web.Request) -> web.StreamResponse:
        if (cached := await frame.cache.cached(request)) is not None:
            return cached
        notice = notice_id(request)
        return await frame.cache.serve(request, ("json", notice), partial(build_json, frame, notice))

    return data


def short_handler(frame: PageFrame) -> Handler:
    """Return the handler of the short URL in text messages: redirect by notice number."""

    async def short(request: web.Request) -> web.Response:
        text = request.match_info["number"]
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
        found = await read(frame.services, frame.services.views.notice_by_number, number)
        if found is None or not found.issued:
            raise web.HTTPNotFound
        raise web.HTTPFound(frame.notices.link(found.id))

    return short


def build(frame: PageFrame, notice: UUID, tag: str, question: PlaceQuestion = NO_QUESTION) -> Built | None:
    """Build the page, for a reader's place if there is one; None if there is no such thread. Blocks."""
    thread = frame.services.views.thread(notice, issued=True)
    return page_of(frame, thread, notice, tag, question) if thread else None


def page_of(
    frame: PageFrame,
    thread: Sequence[NoticeState],
    notice: UUID,
    tag: str,
    question: PlaceQuestion = NO_QUESTION,
    *,
    preview: bool = False,
) -> Built:
    """Build the page of a thread. `preview`: of a draft as if it were issued, with no form in it. Blocks."""
    reader = frame.reader(tag, frame.services.clock())
    here = "changes" if thread[-1].plan.kind == "service-change" else ""
    path = frame.notices.link(notice)
    context = {
        **frame.notices.page(thread, reader),
        **box(frame, question, reader, path),
        "here": here,
        "feedback": "" if frame.is_copy or preview else f"{frame.notices.link(thread[-1].thread)}/feedback",
        "follow": "" if preview else _follow_path(frame, thread, reader),
        "preview": preview,
        "near_path": path,
        "kept": question.place.query if question.place else "",
        "mine": _mine(frame, thread, question, reader),
    }
    return frame.built("pages/notice.html", reader, path, context)


def _follow_path(frame: PageFrame, thread: Sequence[NoticeState], reader: ReaderLocale) -> str:
    """Return the address that takes who wants to follow; "" for a static copy, and when it is over."""
    if frame.is_copy or not may_be_followed(thread[-1], reader.now):
        return ""
    return f"{frame.notices.link(thread[-1].thread)}/follow"


def _mine(
    frame: PageFrame, thread: Sequence[NoticeState], question: PlaceQuestion, reader: ReaderLocale
) -> dict[str, Any] | None:
    """Return distance from the reader's place, and what is open near it; None if no place was asked for."""
    place = question.place
    where = place.where(frame) if place else None
    subject = next((n for n in reversed(thread) if n.msg_type not in ENDS), thread[-1])
    if place is None or where is None:
        return None
    views, about = frame.services.views, subject.plan.service_change
    change = views.service_change(about) if about else None
    metres = place.distance_m(frame.place_shapes.of_notice(subject), frame)
    return {
        "place": place.label,
        "away": "" if metres is None else away(metres, place, reader.translator),
        "points": instead_near(views, change, frame.changes.points(change), where, reader) if change else [],
    }


def build_json(frame: PageFrame, notice: UUID) -> Built | None:
    """Build the JSON document; None if there is no such thread. Blocks."""
    thread = frame.services.views.thread(notice, issued=True)
    if not thread:
        return None
    document = msgspec.json.encode(_thread_json(thread, frame.pages.site, frame.place_shapes))
    return Built(document, "application/json")


def _thread_json(thread: Sequence[NoticeState], site: Site, place_shapes: PlaceShapes) -> Mapping[str, Any]:
    """Convert a thread to JSON: its issued notices, latest first."""
    return {
        "thread": thread[-1].thread,
        "latest": thread[-1].id,
        "url": f"{site.url}/alerts/{thread[-1].thread}",
        "notices": [_notice_json(notice, place_shapes) for notice in reversed(thread)],
    }


def _notice_json(notice: NoticeState, place_shapes: PlaceShapes) -> dict[str, Any]:
    plan = notice.plan
    area = place_shapes.area(plan.area)
    return {
        "id": notice.id,
        "msg_type": notice.msg_type,
        "references": notice.references,
        "state": notice.phase,
        "status": plan.status,
        "kind": plan.kind,
        "topic": plan.topic,
        "category": plan.category,
        "urgency": plan.urgency,
        "severity": plan.severity,
        "certainty": plan.certainty,
        "danger_to_life": notice.danger_to_life,
        "content": {
            tag: {
                "title": words.title,
                "body": markdown.plain(words.body),
                "instruction": markdown.plain(words.instruction),
            }
            for tag, words in plan.content.items()
        },
        "area": plan.area,
        "geometry": None if area.empty else area.to_geojson(),
        "issued_at": notice.issued_at,
        "expires": notice.expires,
        "ended_at": notice.ended_at,
        "replaced_by": notice.replaced_by,
        "position": notice.issued_position,
    }
