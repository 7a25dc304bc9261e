"""`/status`: whether the service itself is well, in words for residents; renewed each minute."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from aiohttp import web

from alerts.services import Services
from alerts.web.http.requests import read
from alerts.web.http.routing import Handler
from alerts.web.public import status_view
from alerts.web.public.notice_view import ReaderLocale
from alerts.web.public.page_cache import Built
from alerts.web.public.page_frame import PageFrame
from alerts.web.public.status_view import ServiceHealth

T = TypeVar("T")
READ_S = 2.0
"""Seconds for each part: the page must be there when the database is slow, and say so."""


def handler(frame: PageFrame) -> Handler:
    """Return the handler of the page."""

    async def status(request: web.Request) -> web.StreamResponse:
        if (cached := await frame.cache.cached(request)) is not None:
            return cached
        health = await look(frame.services)

        def page(reader: ReaderLocale, path: str, place: str, number: int) -> Built:
            return build(frame, reader, path, health)

        return await frame.minutely(request, "status", page)

    return status


async def look(services: Services) -> ServiceHealth:
    """Read the state of the service; what does not answer in time is left out."""
    nothing: Any = object()

    async def part(ask: Callable[[], T]) -> T:
        try:
            return await asyncio.wait_for(read(services, ask), READ_S)
        except Exception:
            return nothing  # type: ignore[no-any-return]

    asked = (services.providers, services.canaries, services.promptness, services.past_alarms)
    parts: list[Any] = await asyncio.gather(*(part(one) for one in asked))
    names = ("providers", "canaries", "promptness", "past")
    known = {name: one for name, one in zip(names, parts, strict=True) if one is not nothing}
    return ServiceHealth(alarms=services.alarms(), unread=len(known) < len(names), **known)


def build(frame: PageFrame, reader: ReaderLocale, path: str, health: ServiceHealth) -> Built:
    """Build the page."""
    return frame.built("pages/status.html", reader, path, {"here": "status", **status_view.page(health, reader)})
