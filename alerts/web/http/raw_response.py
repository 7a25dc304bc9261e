"""An answer that is known as a whole: its head is made of ready bytes, and all of it leaves in one write.

aiohttp's own `Response` puts a head together from a map, asks who wants to add to it, and writes it out name by name;
that costs as much as the rest of a small answer. Here only the date and the length are filled in.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.client_exceptions import ClientConnectionResetError
from aiohttp.helpers import rfc822_formatted_time

_LINES = {status.value: f"{status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_BODILESS = (204, 304)


def head(headers: Mapping[str, str]) -> bytes:
    """Header lines as they go out. Raises ValueError for a value that would end its line."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers) or "\0" in lines:
        raise ValueError("a header's value holds a line's end")
    return lines.encode()


class BytesResponse(web.StreamResponse):
    """`head` are the lines of `head()`; what is set in `headers` later is added to them."""

    def __init__(self, status: int, head: bytes, body: bytes) -> None:
        super().__init__(status=status)
        self._head, self._whole, self._stays, self._sent = head, body, True, 0

    @property
    def keep_alive(self) -> bool | None:
        """Whether the connection stays open after this answer."""
        return self._stays

    def force_close(self) -> None:
        """End the connection with this answer."""
        self._stays = False

    @property
    def prepared(self) -> bool:
        """Whether it has left."""
        return self._sent > 0

    @property
    def body(self) -> bytes:
        """What it carries."""
        return self._whole

    @property
    def body_length(self) -> int:
        """Bytes sent."""
        return self._sent

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send it. Raises ClientConnectionResetError if nobody is there any more."""
        if self._sent:
            return None
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ClientConnectionResetError("Cannot write to closing transport")
        version, body = min(request.version.minor, 1), self._whole
        self._stays = self._stays and request.keep_alive
        parts = [b"HTTP/1.%d " % version, _LINES[self.status], self._head]
        if self.headers:
            parts.append(head(self.headers))
        if self.status not in _BODILESS:
            parts.append(b"Content-Length: %d\r\n" % len(body))
        if not self._stays:
            parts.append(b"Connection: close\r\n")
        elif version == 0:
            parts.append(b"Connection: keep-alive\r\n")
        parts += (b"Date: ", rfc822_formatted_time().encode(), b"\r\n\r\n")
        if self.status not in _BODILESS and request.method != "HEAD":
            parts.append(body)
        data = b"".join(parts)
        self._sent = len(data)
        transport.write(data)
        if transport.get_write_buffer_size():
            await request.writer.drain()  # a reader who asks for more than it takes waits with what it asks
        return None

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Not for this: what it carries is given at the start."""
        raise RuntimeError("a whole answer takes no more")

    async def write_eof(self, data: bytes = b"") -> None:
        """It ends where it is sent."""
