"""The public pages as files: whole, with links that hold, and only what changed is written again."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import msgspec
import pytest

from alerts.web.public import static_export as copying
from alerts.web.public.static_export import export, write_page
from tests.support.scene import Scene

LINK = re.compile(r'(?:href|src)="([^"]+)"')


def file_of(dest: Path, address: str) -> Path:
    """File that a static host serves for a path."""
    found = dest / address.strip("/")
    return found / "index.html" if found.is_dir() else found


@pytest.mark.parametrize("url", ["", "https://example.org/alerts-copy"])
async def test_every_link_of_the_copy_leads_to_a_file(scene: Scene, tmp_path: Path, url: str) -> None:
    scene.london()
    scene.closure()
    notice = scene.fire()
    dest = tmp_path / "copy"
    export(scene.parts, dest, url)
    site = url or scene.parts.settings.public_url
    base = urlsplit(site).path.rstrip("/")
    pages = sorted(dest.rglob("*.html"))
    assert dest / "alerts" / str(notice) / "index.html" in pages and dest / "cy" / "index.html" in pages
    followed = 0
    for page in pages:
        here = f"{site}/{page.relative_to(dest).as_posix()}"
        for link in LINK.findall(page.read_text()):
            target = urlsplit(urljoin(here, link.split("#")[0]))
            if not link.startswith("#") and f"{target.scheme}://{target.netloc}" == "://".join(urlsplit(site)[:2]):
                assert target.path.startswith(base) and not target.query.startswith("lang="), (page, link)
                assert file_of(dest, target.path.removeprefix(base)).is_file(), (page, link)
                followed += 1
    assert followed > 20


async def test_the_copy_says_what_the_server_says(
    scene: Scene, tmp_path: Path, page: Callable[..., Awaitable[str]]
) -> None:
    notice = scene.fire()
    export(scene.parts, tmp_path)
    title = (await page(f"/alerts/{notice}")).partition("<h1")[2].partition("</h1>")[0]
    assert title and title in (tmp_path / "alerts" / str(notice) / "index.html").read_text()
    assert (tmp_path / "alerts" / f"{notice}.json").read_text() == await page(f"/alerts/{notice}.json")
    assert str(notice) in (tmp_path / "index.html").read_text()
    assert str(notice) in (tmp_path / "feeds" / "alerts.atom").read_text()
    assert msgspec.json.decode((tmp_path / "manifest.webmanifest").read_bytes())["start_url"] == "/"
    assert "inbox" not in (tmp_path / "index.html").read_text().lower()


async def test_only_what_changed_is_written_again(scene: Scene, tmp_path: Path) -> None:
    scene.fire()
    frozen = scene.parts.clock()
    parts = replace(scene.parts, clock=lambda: frozen)
    first, again = export(parts, tmp_path), export(parts, tmp_path)
    assert first.written == first.files == again.files > 20 and again.written == 0
    assert not list(tmp_path.rglob(".*")), "nothing half-written is left"


def test_a_file_that_cannot_be_put_in_place_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert write_page(tmp_path / "a" / "x", b"old") and not write_page(tmp_path / "a" / "x", b"old")

    def fails(source: str, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(copying.os, "replace", fails)
    with pytest.raises(OSError, match="space"):
        write_page(tmp_path / "a" / "x", b"new")
    assert [file.read_bytes() for file in (tmp_path / "a").iterdir()] == [b"old"]


def test_copy_can_be_served_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_page(tmp_path / "copy" / "alerts" / "x" / "index.html", b"x")
    finally:
        os.umask(before)
    folders = [tmp_path / "copy", tmp_path / "copy" / "alerts", tmp_path / "copy" / "alerts" / "x"]
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders] == [0o755] * 3
