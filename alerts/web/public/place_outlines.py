"""`/feeds/places.geojson`: outlines and names of the registered places, simplified, as the land of maps."""

from __future__ import annotations

from typing import Any

import msgspec
import shapely
from aiohttp import web
from shapely.geometry import mapping

from alerts.domain.place_names import place_name
from alerts.web.http.routing import Handler
from alerts.web.public.geojson_feed import CONTENT_TYPE
from alerts.web.public.page_cache import Built
from alerts.web.public.page_frame import PageFrame
from alerts.web.public.reader_locale import ReaderLocale

_TOLERANCE = 0.0004
"""Degrees that a simplified outline may be off: some 40 m, less than a line's width on a screen."""
_DIGITS = 5


def handler(frame: PageFrame) -> Handler:
    """Return the handler of the outlines."""

    async def outlines(request: web.Request) -> web.StreamResponse:
        return await frame.minutely(request, "outlines", lambda reader, path, place, page: build(frame, reader))

    return outlines


def build(frame: PageFrame, reader: ReaderLocale) -> Built:
    """Build the collection. Blocks."""
    features = [_feature(frame, place.slug, reader) for place in frame.services.views.places()]
    body = msgspec.json.encode({"type": "FeatureCollection", "features": features})
    return Built(body, CONTENT_TYPE, language=reader.translator.tag)


def _feature(frame: PageFrame, slug: str, reader: ReaderLocale) -> dict[str, Any]:
    key = ("outline", slug, reader.translator.tag, frame.place_shapes.version())
    return frame.entries.get(key, lambda: _made(frame, slug, reader))


def _made(frame: PageFrame, slug: str, reader: ReaderLocale) -> dict[str, Any]:
    place, outline = frame.services.views.place(slug), frame.place_shapes.outline(slug)
    name = place_name(place, reader.translator.tag, reader.default_language) if place else slug
    geometry = None
    if outline is not None and not outline.empty:
        simple = shapely.simplify(shapely.geometry.shape(outline.to_geojson()), _TOLERANCE)
        geometry = _rounded(mapping(shapely.orient_polygons(simple)))
    return {"type": "Feature", "id": slug, "geometry": geometry, "properties": {"name": name}}


def _rounded(geometry: dict[str, Any]) -> dict[str, Any]:
    def lists(node: Any) -> Any:
        return round(node, _DIGITS) if isinstance(node, float) else [lists(part) for part in node]

    return {"type": geometry["type"], "coordinates": lists(geometry["coordinates"])}
