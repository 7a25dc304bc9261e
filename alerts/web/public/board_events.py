"""`/board/events?place=`: tells an open board, by server-sent events, when what it shows has changed.

Each event carries the fingerprint of what the board of that place shows now. It is sent at each change, and as a
heartbeat as long as the read models follow the log: a board that shows it is as old as the last event. Where there are
too many listeners, or a network blocks streams, the board asks for itself every ten seconds instead.
"""

from __future__ import annotations

import asyncio
from functools import partial

from aiohttp import web

from alerts.kernel.errors import TooManyRequests
from alerts.web.api.server_sent_events import HEARTBEAT_S, send
from alerts.web.http.app_keys import STREAMS
from alerts.web.http.requests import read
from alerts.web.http.routing import Handler
from alerts.web.public.board import fingerprint
from alerts.web.public.forms import network_of
from alerts.web.public.page_cache import Built
from alerts.web.public.page_frame import PageFrame, place_of

MOST, MOST_OF_NETWORK = 500, 50
"""Open streams of one process, in all and of one network."""
_REST_S = 0.5
"""Least time between two looks: a dispatch grows the log many times a second."""


def handler(frame: PageFrame) -> Handler:
    """Return the handler of the stream."""
    networks: dict[str, int] = {}

    async def events(request: web.Request) -> web.StreamResponse:
        place, network = place_of(request), network_of(request)
        if not await read(frame.services, frame.has_place, place):
            raise web.HTTPNotFound
        if network and networks.get(network, 0) >= MOST_OF_NETWORK:
            words = "too many boards of your network listen here; ask for the page instead"
            raise TooManyRequests(words, retry_after=60)
        networks[network] = networks.get(network, 0) + 1
        try:
            return await request.app[STREAMS].hold(request, "board", MOST, partial(_listen, frame, place))
        finally:
            networks[network] -= 1
            if not networks[network]:
                del networks[network]

    return events


async def _listen(frame: PageFrame, place: str, response: web.StreamResponse) -> None:
    services, told = frame.services, ""
    loop = asyncio.get_running_loop()
    await send(response, b"retry: 5000\n\n")
    beat = loop.time()
    while True:
        end = max(services.writer.position(), services.runner.position())
        shown = await _shown(frame, place)
        is_current = services.runner.position() >= end
        if shown != told or (is_current and loop.time() >= beat):
            await send(response, f"event: shown\ndata: {shown}\n\n".encode())
            told, beat = shown, loop.time() + HEARTBEAT_S
        elif loop.time() >= beat:
            await send(response, b": behind\n\n")
            beat = loop.time() + HEARTBEAT_S
        await asyncio.sleep(_REST_S)
        await services.log.wait_for_async(end + 1, max(beat - loop.time(), 0.0))


async def _shown(frame: PageFrame, place: str) -> str:
    """Return the fingerprint, made once for all listeners of a place after each public event and each minute."""
    now = frame.minute()
    reader = frame.reader("en", now)

    def build() -> Built:
        live, planned = frame.live(reader, place), frame.changes.planned(reader, place)
        return Built(fingerprint(live, planned).encode(), "text/plain")

    return (await frame.cache.body(("board shown", place, now), build)).decode()
