"""Page rendering: shared template environment, language negotiation, static files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from aiohttp import web
from jinja2 import Environment

from alerts.channels.i18n import LANGUAGES, Translator, language_name, translator
from alerts.channels.layouts import environment
from alerts.kernel.languages import primary_subtag
from alerts.kernel.people_words import people_words
from alerts.services import Services
from alerts.settings import Settings
from alerts.web.http.routing import PUBLIC, Route

T = TypeVar("T")
STATIC = Path(__file__).resolve().parent.parent / "static"
VENDOR = STATIC / "vendor"
"""Folder of front-end files that `tools/fetch_frontend.py` fetched; missing in some installations."""
_TYPES = {".css": "text/css", ".svg": "image/svg+xml", ".js": "text/javascript"}


@dataclass(frozen=True)
class Site:
    """Instance data available to all templates."""

    name: str
    base: str
    """Path prefix of the pages, without a trailing slash; mostly ""."""
    url: str
    inbox: bool
    css: str
    icon: str
    places_script: str
    """URL of the script that suggests places while somebody types; forms work without it."""
    push_script: str
    """URL of the script that offers notifications on this device; pages work without it."""
    fresh_script: str = ""
    """URL of the script that keeps an open page up to date; pages work without it."""
    share_script: str = ""
    map_script: str = ""
    leaflet: str = ""
    """URL of the map's library; "" if it was not fetched: the server's drawing stays."""
    leaflet_css: str = ""
    pick_script: str = ""
    """URL of the script by which a place is chosen on a map; forms work without it."""
    report_script: str = ""
    """URL of the script that keeps a report while there is no connection; the form works without it."""
    draw: str = ""
    """URL of the library that draws areas, and of its adapter to the map's; "" if it was not fetched."""
    draw_adapter: str = ""
    tiles: str = ""
    tile_attribution: str = ""
    board_css: str = ""
    board_script: str = ""
    provider: str = ""
    """Name of the team's identity provider; "" for none."""
    session_script: str = ""
    """URL of the script that warns before a sign-in ends."""
    passkey_script: str = ""
    """URL of the script of passkeys; without it a link or a password signs in."""
    calendar_script: str = ""
    """URL of the script by which a planned notice is dragged to another day."""
    live_script: str = ""
    """URL of the script that follows a notice while it leaves."""
    languages_script: str = ""
    """URL of the script that lays the languages of a draft into tabs; without it all stand in the page."""
    compose_script: str = ""
    """URL of the script that saves a draft as it is written; the form works without it."""
    is_copy: bool = False
    """True for the static copy: nothing in it can answer a form."""

    @classmethod
    def of(cls, settings: Settings) -> Site:
        """Build from the settings."""
        base = urlsplit(settings.public_url).path.rstrip("/")
        return cls(
            name=parseaddr(settings.sender)[0] or "Community Alerts",
            base=base,
            url=settings.public_url,
            inbox=settings.inbox,
            css=f"{base}/static/look.css?v={_version('look.css')}",
            icon=f"{base}/static/icon.svg?v={_version('icon.svg')}",
            places_script=f"{base}/static/places.js?v={_version('places.js')}",
            push_script=f"{base}/static/push.js?v={_version('push.js')}",
            map_script=f"{base}/static/map.js?v={_version('map.js')}",
            leaflet=_vendor(base, "leaflet.js"),
            leaflet_css=_vendor(base, "leaflet.css"),
            pick_script=f"{base}/static/pick_map.js?v={_version('pick_map.js')}",
            report_script=f"{base}/static/report.js?v={_version('report.js')}",
            draw=_vendor(base, "terra-draw.js"),
            draw_adapter=_vendor(base, "terra-draw-leaflet.js"),
            tiles=settings.tile_url,
            tile_attribution=settings.tile_attribution,
            share_script=f"{base}/static/share.js?v={_version('share.js')}",
            board_css=f"{base}/static/board.css?v={_version('board.css')}",
            board_script=f"{base}/static/board.js?v={_version('board.js')}",
            provider=settings.identity_provider.name if settings.identity_provider else "",
            session_script=f"{base}/static/session.js?v={_version('session.js')}",
            passkey_script=f"{base}/static/passkey.js?v={_version('passkey.js')}",
            calendar_script=f"{base}/static/calendar.js?v={_version('calendar.js')}",
            live_script=f"{base}/static/live.js?v={_version('live.js')}",
            languages_script=f"{base}/static/languages.js?v={_version('languages.js')}",
            compose_script=f"{base}/static/compose.js?v={_version('compose.js')}",
            fresh_script=f"{base}/static/fresh.js?v={_version('fresh.js')}",
        )


class Pages:
    """Renders layouts with the instance's site data. Safe to share between threads."""

    def __init__(self, services: Services, site: Site | None = None) -> None:
        """`site` defaults to that of the settings."""
        self.services = services
        self.site = site or Site.of(services.settings)

    @cached_property
    def _layouts(self) -> Environment:
        layouts = environment()
        layouts.globals["site"] = self.site
        layouts.filters["people_words"] = people_words
        return layouts

    def render(self, layout: str, t: Translator, context: Mapping[str, Any]) -> bytes:
        """Render a page. `here` in the context names its entry in the navigation."""
        shared = {"frame": t, "t": t.text, "here": "", **context}
        return self._layouts.get_template(layout).render(shared).encode()

    def page(
        self,
        layout: str,
        t: Translator,
        context: Mapping[str, Any],
        status: int = 200,
        headers: Mapping[str, str] = {},
    ) -> web.Response:
        """Render a page as a response that must not be cached."""
        return web.Response(
            body=self.render(layout, t, context),
            status=status,
            content_type="text/html",
            charset="utf-8",
            headers={"Cache-Control": "no-store", "Content-Language": t.tag, **headers},
        )

    def translator(self, request: web.Request) -> Translator:
        """Return the translator for the reader: `?lang=`, else the browser's preference, else the default language."""
        return translator(self.language(request), self.services.settings.default_language)

    def language(self, request: web.Request) -> str:
        """Return the tag of the reader's language, one that has a catalogue."""
        requested = request.query.get("lang", "")
        if primary_subtag(requested) in LANGUAGES:
            return primary_subtag(requested)
        header = request.headers.get("Accept-Language", "")
        return _preferred(header, primary_subtag(self.services.settings.default_language))

    def languages(self, path: str, t: Translator, place: str = "", extra: str = "") -> list[tuple[str, str, str]]:
        """Return (tag, own name, link) of the page in the other languages; `place` and the query `extra` are kept."""
        rest = "".join(f"&{part}" for part in (f"place={place}" if place else "", extra) if part)
        return [(tag, language_name(tag), f"{path}?lang={tag}{rest}") for tag in LANGUAGES if tag != t.tag]


def routes(services: Services) -> list[Route]:
    """Policy row of the static files. Their URLs carry a content hash, so that browsers may cache them forever."""

    async def static(request: web.Request) -> web.Response:
        return _file(STATIC / request.match_info["name"], STATIC)

    async def vendor(request: web.Request) -> web.Response:
        return _file(VENDOR / request.match_info["name"], VENDOR)

    return [Route("GET", "/static/vendor/{name}", vendor, PUBLIC), Route("GET", "/static/{name}", static, PUBLIC)]


def _file(path: Path, folder: Path) -> web.Response:
    if path.parent != folder or path.suffix not in _TYPES or not path.is_file():
        raise web.HTTPNotFound
    return web.Response(
        body=_content(path),
        content_type=_TYPES[path.suffix],
        charset="utf-8",
        headers={"Cache-Control": "public, max-age=31536000, immutable"},
    )


def _vendor(base: str, name: str) -> str:
    """Return the URL of a fetched file; "" if it is not there."""
    path = VENDOR / name
    return f"{base}/static/vendor/{name}?v={_version_of(path)}" if path.is_file() else ""


@lru_cache(maxsize=32)
def _content(path: Path) -> bytes:
    return path.read_bytes()


def _version(name: str) -> str:
    return _version_of(STATIC / name)


def _version_of(path: Path) -> str:
    return hashlib.sha256(_content(path)).hexdigest()[:12]


@lru_cache(maxsize=1024)
def _preferred(header: str, default: str) -> str:
    """Return the best language of an Accept-Language header (RFC 9110, 12.5.4) that has a catalogue."""
    candidates: list[tuple[float, int, str]] = []
    for order, part in enumerate(header[:500].split(",")):
        tag, _, weight = part.strip().partition(";q=")
        try:
            value = float(weight) if weight else 1.0
        except ValueError:
            continue
        if value > 0 and primary_subtag(tag) in LANGUAGES:
            candidates.append((-value, order, primary_subtag(tag)))
    return min(candidates)[2] if candidates else default
