"""View of service changes as calendar tiles: selection of the current ones, and their formatting."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date

from alerts.channels import markdown
from alerts.channels.i18n import Translator, direction
from alerts.domain.service_change import ChangeState
from alerts.domain.service_point import PointState
from alerts.kernel.geometry import Area
from alerts.kernel.languages import choose
from alerts.kernel.plain_text import as_markdown
from alerts.projections.queries import ReadModelQueries
from alerts.web.public.notice_view import ReaderLocale
from alerts.web.public.place_shapes import PlaceShapes
from alerts.web.public.templating import Site

_STYLES = {"closure": "change", "hours": "change", "move": "change", "visit": "clear", "opening": "clear"}
_LISTED_FOR = timedelta(days=30)
"""Time for which a change stays listed after it took effect."""


class ChangeViews:
    """Builds the template context of service changes."""

    def __init__(self, views: ReadModelQueries, place_shapes: PlaceShapes, site: Site) -> None:
        self._views, self._place_shapes, self._site = views, place_shapes, site

    def planned(self, reader: ReaderLocale, place: str) -> list[ChangeState]:
        """Return announced changes that are still relevant: coming ones first, then those in effect.

        With `place`, those whose points lie in it or within their reach of it.
        """
        announced = self._views.changes(reader.now - timedelta(days=1))
        outline = self._place_shapes.outline(place) if place else None
        if outline is not None:
            announced = [c for c in announced if any(_reaches(p, outline) for p in self.points(c))]
        coming = [c for c in announced if c.facts.effective > reader.now]
        return coming + [c for c in announced if reader.now - _LISTED_FOR < c.facts.effective <= reader.now]

    def points(self, change: ChangeState) -> list[PointState]:
        """Return the service points that the change concerns."""
        found = map(self._views.service_point, change.facts.service_points)
        return [point for point in found if point is not None]

    def tile(self, change: ChangeState, reader: ReaderLocale) -> dict[str, Any]:
        """Format a change as a list entry."""
        facts, t = change.facts, reader.translator
        language, headline = choose(facts.headline, t.tag, reader.default_language)
        description = choose(facts.description, language, language)[1] if facts.description else ""
        weekday, day, month = _tile(facts.effective, t, reader.timezone)
        return {
            "iso": facts.effective.astimezone(ZoneInfo(reader.timezone)).date().isoformat(),
            "weekday": weekday,
            "day": day,
            "month": month,
            "from_day": _since(facts.effective, reader),
            "tone": _STYLES[facts.kind],
            "tag": t.text("kind", "service-change"),
            "title": headline,
            "lang": language,
            "dir": direction(language),
            "lead": markdown.first_line(as_markdown(description), 240),
            "points": t.comma.join(sorted(p.facts.name for p in self.points(change))),
            "link": f"{self._site.base}/alerts/{change.notice}" if change.notice else "",
        }


def _reaches(point: PointState, outline: Area) -> bool:
    return outline.touches(point.facts.lat, point.facts.lon, point.facts.reach_km * 1000)


def _since(at: datetime, reader: ReaderLocale) -> str:
    """Say from when a change holds: `From Tuesday 1 December, 09:00`."""
    phrase = reader.time_phrase("from_day" if at > reader.now else "since", at)
    return phrase[:1].upper() + phrase[1:]


def _tile(at: datetime, t: Translator, timezone: str) -> Sequence[str]:
    """Return weekday, day and month of a date's tile."""
    local = at.astimezone(ZoneInfo(timezone))
    return [format_date(local, part, locale=t.locale) for part in ("EEE", "d", "MMM")]
