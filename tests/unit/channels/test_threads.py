"""Sending threads share renderers, catalogues, templates and caches: none may ever see one half built."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TypeVar, cast

import pytest

from alerts.channels import email, i18n, markdown, opening_hours
from alerts.channels.descriptor import DigestItem
from alerts.channels.i18n import LANGUAGES, translator
from alerts.channels.message import Alternative
from alerts.channels.registry import WRITABLE, writable
from alerts.channels.renderer import Renderer
from alerts.kernel import domain_names
from alerts.services import Services
from alerts.web.public import templating
from alerts.web.public.templating import Pages, Site
from tests.unit.conftest import NOW, Reader, Words

T = TypeVar("T")
THREADS = 8
ROUNDS = 6


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Threads that take turns five hundred times as often as usual."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(usual)


def from_eight_threads(work: Callable[[], T]) -> list[T]:
    """Run the same work in eight threads that begin together."""
    start = threading.Barrier(THREADS)

    def run(_: int) -> T:
        start.wait()
        return work()

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(run, range(THREADS)))


def empty_caches() -> None:
    for cached in (
        i18n._load,
        i18n._kilometres,
        opening_hours._visit,
        opening_hours._in_words,
        email._wrapped,
        domain_names.to_ascii,
        domain_names.to_unicode,
        markdown._parser,
        templating._content,
        templating._preferred,
    ):
        cached.cache_clear()


NEAR = (
    Alternative(
        name="East Street Library",
        address="1 East Street",
        distance_m=412,
        opening_hours="Mo-Fr 09:00-17:00; Sa off",
        next_visit=NOW + timedelta(days=1),
        minutes=180,
    ),
)


def renderer() -> Renderer:
    return Renderer(sender="Community Alerts <alerts@town.example>", clock=lambda: NOW)


def rendered(shared: Renderer, words: Words, reader: Reader) -> list[bytes]:
    """Every kind of message, in every language."""
    found = []
    personal = reader(alternatives=NEAR)
    for language in LANGUAGES:
        notice = words(frame_language=language, body="1. A main\n2. *is* `leaking`\n\n<b>now</b>")
        for channel in WRITABLE:
            found += [shared.prepare(notice, channel).message(who).data for who in (personal, reader(stop_url=""))]
            found.append(shared.digest(language, [DigestItem(words=notice, personal=personal)], personal, channel).data)
            if channel != "push":
                confirmation = shared.confirmation(channel, language, "a@b.example", "d", "https://town.example/c")
                found.append(confirmation.data)
    return found


@pytest.mark.usefixtures("hasty_threads")
def test_every_thread_renders_the_same_messages(words: Words, reader: Reader) -> None:
    expected = rendered(renderer(), words, reader)
    for _ in range(ROUNDS):
        empty_caches()
        shared = renderer()
        assert from_eight_threads(lambda: rendered(shared, words, reader)) == [expected] * THREADS  # noqa: B023


@pytest.mark.usefixtures("hasty_threads")
def test_one_notice_is_complete_for_every_reader(words: Words, reader: Reader) -> None:
    shared, notice = renderer(), words()
    near = reader(alternatives=NEAR)
    for _ in range(200):
        prepared = shared.prepare(notice, "email")
        messages = from_eight_threads(lambda: prepared.message(near))  # noqa: B023
        assert [writable("email").missing(message) for message in messages] == [""] * THREADS
        assert len({message.data for message in messages}) == 1


@pytest.mark.usefixtures("hasty_threads")
@pytest.mark.parametrize("language", ["ar", "cy"])
def test_every_thread_renders_the_same_page(language: str) -> None:
    def page() -> bytes:
        words = {"title": "A page", "lines": ["One", "Two"], "button": ""}
        return pages.render("pages/message.html", translator(language), words)

    expected = b""
    for _ in range(ROUNDS):
        empty_caches()
        site = Site("Town", "", "https://town.example", False, "/look.css", "/icon.svg", "/places.js", "/push.js")
        pages = Pages(cast(Services, None), site)
        expected = expected or page()
        pages = Pages(cast(Services, None), site)
        assert from_eight_threads(page) == [expected] * THREADS
