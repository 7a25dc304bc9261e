"""Static export of the public pages for a standby host, under the same URLs, so that links work.

`alerts/ID/index.html` is the page `/alerts/ID`. A file server does not negotiate languages, so each has its own folder:
`/cy/` is the front page in Welsh. Each file is replaced atomically, and only if it has changed; link targets are
written before the pages that link to them, the front pages last.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from alerts.channels.i18n import LANGUAGES, Translator, language_name, translator
from alerts.domain.notice import NoticeState
from alerts.kernel.languages import primary_subtag
from alerts.services import Services
from alerts.web.public import (
    bulletin,
    calendar_feed,
    cap_documents,
    cap_feed,
    changes,
    feed,
    geojson_feed,
    notice,
    now,
    place_page,
    push_subscription,
)
from alerts.web.public.page_cache import Built
from alerts.web.public.page_frame import PageFrame
from alerts.web.public.templating import STATIC, Pages, Site

_FILES = ("look.css", "icon.svg", "fresh.js", "share.js")


class Exported(NamedTuple):
    """Number of files in the export, and of those written because they were new or changed."""

    files: int
    written: int


def export(services: Services, dest: Path, url: str = "", days: int = 90) -> Exported:
    """Write the site into `dest`, with links to `url` ("": the public URL). Blocks.

    It contains live notices and those issued in the last `days`; older pages already in `dest` are left.
    Raises OSError if `dest` cannot be written.
    """
    if url:
        settings = msgspec.structs.replace(services.settings, public_url=url.rstrip("/"))
        services = replace(services, settings=settings)
    files = written = 0
    for name, content in _site(services, days):
        files += 1
        written += write_page(dest / name, content)
    return Exported(files, written)


def write_page(path: Path, content: bytes) -> bool:
    """Write a file atomically, world-readable. Return False if it had this content already."""
    with suppress(FileNotFoundError):
        if path.read_bytes() == content:
            return False
    _make_folder(path.parent)
    with NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
    return True


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it that a web server can read, whatever the process's umask."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)


def _site(services: Services, days: int) -> Iterator[tuple[str, bytes]]:
    """Yield (name, content) of each file, link targets before the pages that link to them."""
    site = replace(Site.of(services.settings), inbox=False, is_copy=True)
    default = primary_subtag(services.settings.default_language)
    for name in _FILES:
        yield f"static/{name}", (STATIC / name).read_bytes()
    threads = _threads(services, days)
    fronts: list[tuple[str, bytes]] = []
    for tag in LANGUAGES:
        folder = "" if tag == default else f"{tag}/"
        frame = PageFrame(services, _StaticPages(services, site, tag))
        yield f"{folder}manifest.webmanifest", push_subscription.manifest(site, tag)
        t = translator(tag, services.settings.default_language)
        yield f"{folder}404.html", _missing(frame, t)
        for thread in threads:
            page = _body(notice.build(frame, thread[-1].id, tag))
            for issued in thread:
                yield f"{folder}alerts/{issued.id}.ics", _body(calendar_feed.build_notice(frame, issued.id, tag))
                yield f"{folder}alerts/{issued.id}/index.html", page
                if tag == default:
                    yield f"a/{issued.number}/index.html", page
        fronts += [(f"{folder}{name}", content) for name, content in _fronts(frame, tag)]
    frame = PageFrame(services, _StaticPages(services, site, default))
    for thread in threads:
        for issued in thread:
            yield f"alerts/{issued.id}.json", _body(notice.build_json(frame, issued.id))
            yield f"alerts/{issued.id}.cap", cap_documents.written(services, issued.id)
    yield from fronts


def _threads(services: Services, days: int) -> list[list[NoticeState]]:
    """Return the issued notices of each thread that is live or had an issue in the last `days`."""
    at = services.clock()
    since = at - timedelta(days=days)
    chosen: dict[UUID, None] = {live.thread: None for live in services.views.live(at)}
    cursor: str | None = None
    while True:
        page = services.views.notices(cursor=cursor, limit=500)
        chosen |= {n.thread: None for n in page.items if n.issued and n.issued_at is not None and n.issued_at >= since}
        cursor = page.next
        if cursor is None:
            break
    return [thread for id in chosen if (thread := services.views.thread(id, issued=True))]


def _missing(frame: PageFrame, t: Translator) -> bytes:
    """Render the 404 page."""
    lines = [t.text("page", "not_found")]
    context = {"title": t.text("page", "not_found_title"), "lines": lines, "button": ""}
    return frame.pages.render("pages/message.html", t, context)


def _fronts(frame: PageFrame, tag: str) -> list[tuple[str, bytes]]:
    """Return (file, content) of the entry pages, the front page last."""
    reader, base = frame.reader(tag, frame.minute()), frame.pages.site.base
    places = [
        (f"places/{one.slug}/index.html", _body(place_page.build(frame, reader, f"{base}/places/{one.slug}", one.slug)))
        for one in frame.services.views.places()
    ]
    return [
        *places,
        ("feeds/alerts.atom", _body(feed.build(frame, reader, ""))),
        ("feeds/cap.atom", _body(cap_feed.build(frame, reader, ""))),
        ("feeds/alerts.geojson", _body(geojson_feed.build(frame, reader, ""))),
        ("feeds/changes.ics", _body(calendar_feed.build(frame, reader, ""))),
        ("bulletin.txt", _body(bulletin.build(frame, reader, f"{base}/bulletin.txt", ""))),
        ("changes/index.html", _body(changes.build(frame, reader, f"{base}/changes", ""))),
        ("index.html", _body(now.build(frame, reader, f"{base}/", ""))),
    ]


def _body(built: Built | None) -> bytes:
    if built is None:
        raise LookupError("there is no such page")
    return built.body


class _StaticPages(Pages):
    """Pages in one language, with links to files."""

    def __init__(self, services: Services, site: Site, tag: str) -> None:
        root = urlsplit(site.url).path.rstrip("/")
        self._bases = {
            other: root if other == primary_subtag(services.settings.default_language) else f"{root}/{other}"
            for other in LANGUAGES
        }
        super().__init__(services, replace(site, base=self._bases[tag]))

    def languages(self, path: str, t: Translator, place: str = "", extra: str = "") -> list[tuple[str, str, str]]:
        """Return (tag, own name, link) of the page in the other languages' folders."""
        rest = path.removeprefix(self.site.base)
        return [(tag, language_name(tag), f"{base}{rest}") for tag, base in self._bases.items() if tag != t.tag]
