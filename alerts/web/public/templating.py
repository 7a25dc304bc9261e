"""Pages from layouts: the environment they share, the reader's language, the static files."""

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
from alerts.services import Services
from alerts.settings import Settings
from alerts.web.http.routing import PUBLIC, Route

T = TypeVar("T")
STATIC = Path(__file__).resolve().parent.parent / "static"
_TYPES = {".css": "text/css", ".svg": "image/svg+xml", ".js": "text/javascript"}


@dataclass(frozen=True)
class Site:
    """What every page knows of the instance."""

    name: str
    base: str
    """The path under which the pages stand, without a slash at its end; mostly ""."""
    url: str
    inbox: bool
    css: str
    icon: str
    push_script: str
    """Offers notifications on this device; a page that uses it works without it."""

    @classmethod
    def of(cls, settings: Settings) -> Site:
        """The site that these settings describe."""
        base = urlsplit(settings.public_url).path.rstrip("/")
        return cls(
            name=parseaddr(settings.sender)[0] or "Community Alerts",
            base=base,
            url=settings.public_url,
            inbox=settings.inbox,
            css=f"{base}/static/look.css?v={_version('look.css')}",
            icon=f"{base}/static/icon.svg?v={_version('icon.svg')}",
            push_script=f"{base}/static/push.js?v={_version('push.js')}",
        )


class Pages:
    """Renders layouts with the instance's own frame. Safe to share between threads."""

    def __init__(self, services: Services, site: Site | None = None) -> None:
        """`site` is that of the settings if it is not another."""
        self.services = services
        self.site = site or Site.of(services.settings)

    @cached_property
    def _layouts(self) -> Environment:
        layouts = environment()
        layouts.globals["site"] = self.site
        return layouts

    def render(self, layout: str, speech: Translator, context: Mapping[str, Any]) -> bytes:
        """One page. `here` names the entry of the navigation that it stands under."""
        shared = {"frame": speech, "t": speech.text, "here": "", **context}
        return self._layouts.get_template(layout).render(shared).encode()

    def page(
        self,
        layout: str,
        speech: Translator,
        context: Mapping[str, Any],
        status: int = 200,
        headers: Mapping[str, str] = {},
    ) -> web.Response:
        """One page as an answer of its own, never kept by anyone on the way."""
        return web.Response(
            body=self.render(layout, speech, context),
            status=status,
            content_type="text/html",
            charset="utf-8",
            headers={"Cache-Control": "no-store", "Content-Language": speech.tag, **headers},
        )

    def speech(self, request: web.Request) -> Translator:
        """The reader's language: asked for by `?lang=`, else what the browser prefers, else the instance's."""
        return translator(self.language(request), self.services.settings.default_language)

    def language(self, request: web.Request) -> str:
        """The tag of a language that we have a catalogue for."""
        asked = request.query.get("lang", "")
        if primary_subtag(asked) in LANGUAGES:
            return primary_subtag(asked)
        header = request.headers.get("Accept-Language", "")
        return _preferred(header, primary_subtag(self.services.settings.default_language))

    def languages(self, path: str, speech: Translator, place: str = "") -> list[tuple[str, str, str]]:
        """(tag, own name, link) of the other languages that a page can be had in; `place` stays chosen."""
        rest = f"&place={place}" if place else ""
        return [(tag, language_name(tag), f"{path}?lang={tag}{rest}") for tag in LANGUAGES if tag != speech.tag]


def routes(services: Services) -> list[Route]:
    """The static files: named by their content's hash, so that browsers may keep them for ever."""

    async def static(request: web.Request) -> web.Response:
        path = STATIC / request.match_info["name"]
        if path.parent != STATIC or path.suffix not in _TYPES or not path.is_file():
            raise web.HTTPNotFound
        return web.Response(
            body=_content(path.name),
            content_type=_TYPES[path.suffix],
            charset="utf-8",
            headers={"Cache-Control": "public, max-age=31536000, immutable"},
        )

    return [Route("GET", "/static/{name}", static, PUBLIC)]


@lru_cache(maxsize=8)
def _content(name: str) -> bytes:
    return (STATIC / name).read_bytes()


def _version(name: str) -> str:
    return hashlib.sha256(_content(name)).hexdigest()[:12]


@lru_cache(maxsize=1024)
def _preferred(header: str, default: str) -> str:
    """The best of a browser's Accept-Language (RFC 9110, 12.5.4) that we have a catalogue for."""
    wishes: list[tuple[float, int, str]] = []
    for order, part in enumerate(header[:500].split(",")):
        tag, _, weight = part.strip().partition(";q=")
        try:
            value = float(weight) if weight else 1.0
        except ValueError:
            continue
        if value > 0 and primary_subtag(tag) in LANGUAGES:
            wishes.append((-value, order, primary_subtag(tag)))
    return min(wishes)[2] if wishes else default
