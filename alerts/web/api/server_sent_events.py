"""`/api/v1/events` as server-sent events: the same feed, pushed as it grows.

Format: WHATWG HTML, section 9.2. `id` is the log position, so that a reconnecting browser sends its last position by
itself (`Last-Event-ID`). A block with only an `id` advances that position without being an event: a client that waits
for a rare type does not scan the same part of the log again.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_right
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final, NamedTuple

import msgspec
from aiohttp import web

from alerts.eventlog.ports import UnreadableEvent
from alerts.kernel.errors import Invalid, Unavailable
from alerts.services import Services
from alerts.web.http.requests import read
from alerts.web.http.security import add_security_headers

_log = logging.getLogger(__name__)
MEDIA_TYPE: Final = "text/event-stream"
HEARTBEAT_S = 15.0
"""Seconds without events after which a comment is sent, so that no intermediary closes the idle connection."""
_PAGE = 500
_MAX_EVENTS, _MAX_BYTES = 2_000, 8_000_000
_WRITE_S = 30.0
"""Write timeout in seconds: a listener that reads slower is disconnected; it resumes at its last position."""
_MAX_LISTENERS = 1_000
"""Maximum listeners per process."""
_HEADERS = {"Content-Type": f"{MEDIA_TYPE}; charset=utf-8", "X-Accel-Buffering": "no"}


class EncodedEvent(NamedTuple):
    """Encoded event, shared by all listeners."""

    position: int
    topic: str
    block: bytes


class FrameBatch(NamedTuple):
    """Frames after a position. The log was read up to `end`; `more` is true if further events may follow."""

    frames: list[EncodedEvent]
    end: int
    more: bool


class RecentFrames:
    """Cache of the end of the log, read once for all listeners. Bounded by event count and by bytes."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._frames: list[EncodedEvent] = []
        self._start = self._end = -1
        self._bytes = 0
        self._lock = asyncio.Lock()

    async def page(self, after: int, topics: frozenset[str]) -> FrameBatch:
        """Return the frames after `after` of these types (empty: all)."""
        async with self._lock:
            if after > self._end:
                if after > await read(self._services, self._services.log.position):
                    return FrameBatch([], after, False)  # ahead of the log: wait until it gets there
                # No listener for a while, or none ever: restart the cache at this position.
                self._frames, self._start, self._end, self._bytes = [], after, after, 0
            if after >= self._start:
                if after == self._end:
                    await self._refresh()
                first = bisect_right(self._frames, after, key=lambda frame: frame.position)
                frames = [frame for frame in self._frames[first:] if not topics or frame.topic in topics]
                return FrameBatch(frames, self._end, False)
        return await read(self._services, _page, self._services, after, topics)

    async def _refresh(self) -> None:
        found = await read(self._services, _page, self._services, self._end, frozenset[str]())
        self._frames += found.frames
        self._end = found.end
        self._bytes += sum(len(frame.block) for frame in found.frames)
        dropped = 0
        while len(self._frames) - dropped > _MAX_EVENTS or self._bytes > _MAX_BYTES:
            self._start = self._frames[dropped].position
            self._bytes -= len(self._frames[dropped].block)
            dropped += 1
        del self._frames[:dropped]


def _page(services: Services, after: int, topics: frozenset[str]) -> FrameBatch:
    """Read one page of the log. The end is read first: events written meanwhile are found by the next read."""
    end = services.log.position()
    found = services.log.read_each(after, _PAGE, topics, unseal=False)
    frames = []
    for one in found:
        if isinstance(one, UnreadableEvent):
            _log.error("the stream of events goes on without one: %s", one)
            continue
        data = msgspec.json.encode(services.codec.public(one))
        frames.append(EncodedEvent(one.position, one.event.topic(), b"id: %d\ndata: %b\n\n" % (one.position, data)))
    more = len(found) == _PAGE
    last = found[-1].position if found else after
    return FrameBatch(frames, last if more else max(end, last), more)


class Streams:
    """Registry of the event streams of one process. `close` ends each with a complete response at shutdown."""

    def __init__(self, services: Services, heartbeat: float = HEARTBEAT_S) -> None:
        self._services, self._heartbeat = services, heartbeat
        self._tail = RecentFrames(services)
        self._listeners: dict[asyncio.Task[None], str] = {}
        """Kind of stream by its task."""
        self._closing = False

    async def serve(
        self, request: web.Request, after: int, topics: frozenset[str], is_authorized: Callable[[], Awaitable[bool]]
    ) -> web.StreamResponse:
        """Stream events after `after` until the client leaves, loses authorization, or the process stops."""
        return await self.hold(
            request, "events", _MAX_LISTENERS, lambda response: self._listen(response, after, topics, is_authorized)
        )

    async def hold(
        self, request: web.Request, kind: str, most: int, listen: Callable[[web.StreamResponse], Awaitable[None]]
    ) -> web.StreamResponse:
        """Open a stream that `listen` writes to, unless there are `most` of that kind. Raises Unavailable."""
        if self._closing or sum(other == kind for other in self._listeners.values()) >= most:
            raise Unavailable("There are too many listeners just now. Try again in a moment.")
        response = web.StreamResponse(headers=_HEADERS)
        add_security_headers(response)
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        listening = asyncio.ensure_future(listen(response))
        self._listeners[listening] = kind
        try:
            await asyncio.wait([listening])
        finally:
            listening.cancel()
            self._listeners.pop(listening, None)
        if not listening.cancelled() and (error := listening.exception()) is not None:
            if isinstance(error, ConnectionError | TimeoutError):
                if request.transport is not None:
                    request.transport.abort()
                return response
            raise error
        await response.write_eof()
        return response

    async def close(self, app: web.Application) -> None:
        """Disconnect all listeners; they resume at their last position."""
        self._closing = True
        for listening in self._listeners:
            listening.cancel()

    async def _listen(
        self,
        response: web.StreamResponse,
        after: int,
        topics: frozenset[str],
        is_authorized: Callable[[], Awaitable[bool]],
    ) -> None:
        await send(response, b"retry: 2000\n\n")
        position, checked_at = after, monotonic()
        while True:
            page = await self._tail.page(position, topics)
            if page.frames:
                await send(response, b"".join(frame.block for frame in page.frames))
            position = max(position, page.end)
            if page.more:
                continue
            while not await self._services.log.wait_for_async(position + 1, self._heartbeat):
                await send(response, b": nothing new\nid: %d\n\n" % position)
                if not await is_authorized():
                    return
                checked_at = monotonic()
            if monotonic() - checked_at > self._heartbeat:
                if not await is_authorized():
                    return
                checked_at = monotonic()


async def send(response: web.StreamResponse, data: bytes) -> None:
    """Write and wait for the send buffer to drain. Raises TimeoutError if the listener reads too slowly."""
    async with asyncio.timeout(_WRITE_S):
        await response.write(data)


def is_wanted(accept: str) -> bool:
    """True if an `Accept` header prefers a stream to JSON (RFC 9110, 12.5.1; equal weights mean JSON)."""
    weights = {"": 0.0}
    for part in accept.split(","):
        media, *parameters = [word.strip().lower() for word in part.split(";")]
        weight = next((word[2:] for word in parameters if word.startswith("q=")), "1")
        try:
            weights[media] = float(weight)
        except ValueError:
            weights[media] = 0.0
    return weights.get(MEDIA_TYPE, 0.0) > max(weights.get("application/json", 0.0), 0.0)


def last_seen(request: web.Request, after: int) -> int:
    """Return the resume position: `Last-Event-ID` of a reconnecting client, else `after`. Raises Invalid."""
    text = request.headers.get("Last-Event-ID")
    if text is None:
        return after
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Invalid.field("Last-Event-ID", "expected a log position: the id of the last event that you have seen")
    return int(text)
