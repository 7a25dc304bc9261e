"""`/feeds/alerts.geojson`: live notices as a FeatureCollection (RFC 7946); `?place=` filters by registered place."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from alerts.channels import markdown
from alerts.channels.subject import marks
from alerts.domain.notice import NoticeState
from alerts.web.http.routing import Handler
from alerts.web.public.notice_view import ReaderLocale
from alerts.web.public.page_cache import Built
from alerts.web.public.page_frame import PageFrame, issued_at

CONTENT_TYPE = "application/geo+json"


def handler(frame: PageFrame) -> Handler:
    """Return the handler of the feed."""

    async def feed(request: web.Request) -> web.StreamResponse:
        return await frame.minutely(request, "geojson", lambda reader, path, place, page: build(frame, reader, place))

    return feed


def build(frame: PageFrame, reader: ReaderLocale, place: str) -> Built | None:
    """Build the feed, worst first; None for a place that is not registered. Blocks."""
    if not frame.has_place(place):
        return None
    features = [_feature(frame, notice, reader) for notice in frame.live(reader, place)]
    body = msgspec.json.encode({"type": "FeatureCollection", "features": features})
    return Built(body, CONTENT_TYPE, language=reader.translator.tag)


def _feature(frame: PageFrame, notice: NoticeState, reader: ReaderLocale) -> dict[str, Any]:
    issuer = frame.notices.organisation(notice, reader)
    key = ("geojson", notice.id, notice.version, reader.translator.tag, frame.place_shapes.version(), issuer)
    return frame.entries.get(key, lambda: _made(frame, notice, reader))


def _made(frame: PageFrame, notice: NoticeState, reader: ReaderLocale) -> dict[str, Any]:
    """A notice without area is a feature without location (RFC 7946, 3.2)."""
    language, words = reader.words(notice)
    area = frame.place_shapes.of_notice(notice)
    plan = notice.plan
    issuer = frame.notices.organisation(notice, reader)[0]
    return {
        "type": "Feature",
        "id": str(notice.id),
        "geometry": None if area.empty else area.to_geojson(),
        "properties": {
            "title": words.title,
            "mark": reader.translator.comma.join(marks(plan.status, notice.msg_type, reader.translator)),
            "what_to_do": markdown.plain(words.instruction),
            "body": markdown.plain(words.body),
            "language": language,
            "kind": plan.kind,
            "topic": plan.topic,
            "msg_type": notice.msg_type,
            "severity": plan.severity,
            "urgency": plan.urgency,
            "certainty": plan.certainty,
            "danger_to_life": notice.danger_to_life,
            "where": frame.place_shapes.where(plan.area, reader.translator),
            "issued_at": issued_at(notice).isoformat(),
            "expires": notice.expires.isoformat() if notice.expires else None,
            "url": f"{frame.pages.site.url}/alerts/{notice.thread}",
            **({"issued_by": issuer} if issuer else {}),
        },
    }
