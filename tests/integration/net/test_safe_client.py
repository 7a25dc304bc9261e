"""Limits on strangers' addresses, with real peers and a canary that must never be connected to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import abc

from alerts.kernel.errors import Invalid
from alerts.net.safe_client import Answer, ConnectFailed, ReplyLost, SafeHttpClient, TargetRefused, check_target

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

PRIVATE = """
127.0.0.1 127.1 127.0.1 127.255.255.254 0 0.0.0.0 0.0.0.1 2130706433 017700000001 0x7f000001 0x7f.0.0.1 0177.0.0.1
0x7f.1 127.0.0.1. 127.000.000.001 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 0xa9fea9fe
100.64.0.1 192.0.0.1 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 192.88.99.1 224.0.0.1 239.255.255.255 240.0.0.1
255.255.255.255 [::1] [::] [::127.0.0.1] [::ffff:127.0.0.1] [::ffff:7f00:1] [0:0:0:0:0:ffff:7f00:0001] [fe80::1]
[fc00::1] [fd12:3456::1] [fec0::1] [ff02::1] [64:ff9b::7f00:1] [64:ff9b::127.0.0.1] [64:ff9b:1::1] [2002:7f00:1::1]
[2001::1] [2001:0:4136:e378:8000:63bf:3fff:fdd2] [2001:db8::1] [100::1] [3fff::1] [::ffff:0:127.0.0.1] [5f00::1]
[2a00:1450::5efe:7f00:1] [2a00:1450::200:5efe:7f00:1] localhost LOCALHOST localhost. a.localhost printer
nas.local db.internal router.home.arpa １２７.０.０.１ ①②⑦.⓪.⓪.① 127。0。0。1 ⓛocalhost
""".split()
"""Hosts as a URL holds them, every one a way to say `here`, `in this house` or `nowhere`."""

ODD = """
http://example.org/ ftp://example.org/ file:///etc/passwd https:///path https:example.org //example.org/
https://user@example.org/ https://user:pass@example.org/ https://@example.org/ https://example.org:0/
https://example.org:99999/ https://example.org:/ https://example.org:port/ https://example.org/#part
https://exa%6dple.org/ https://127.0.0.1%2eexample.org/ https://[fe80::1%25eth0]/ https://[::1 https://1.2.3.4.5/
https://example.0x7f/ https://a..example.org/ https://-a.example.org/ https://example.org\\@127.0.0.1/
https://xn--a.example.123/ https://example.org/ü
""".split()


class Named(abc.AbstractResolver):
    """A DNS of our own: every name is these addresses."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[abc.ResolveResult]:
        return [
            abc.ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""


@asynccontextmanager
async def peer(handler: Handler, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """A server with one behaviour; its port."""
    server = await asyncio.start_server(handler, host, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def canary() -> AsyncIterator[tuple[int, list[int]]]:
    """A listener on every local address; (its port, who connected)."""
    connected: list[int] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.append(1)
        writer.close()

    async with peer(note, "0.0.0.0") as port:
        yield port, connected


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """Headers and body of one request."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    return head + await reader.readexactly(length)


def saying(answer: bytes) -> Handler:
    """A peer that reads the request and answers so."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)
        await writer.drain()
        writer.close()

    return handle


@pytest.mark.parametrize("host", PRIVATE)
def test_a_private_host_is_refused_at_registration(host: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_target(f"https://{host}/path", "url", allow_private=False)
    assert refused.value.errors[0].field == "url"


@pytest.mark.parametrize("url", ODD)
def test_an_odd_url_is_refused_at_registration(url: str) -> None:
    with pytest.raises(Invalid):
        check_target(url, "url", allow_private=False)


@pytest.mark.parametrize(
    ("url", "used"),
    [
        ("https://example.org", "https://example.org"),
        ("https://EXAMPLE.org:8443/a/../b?c=%7Ed", "https://example.org:8443/a/../b?c=%7Ed"),
        ("https://example.org./x", "https://example.org./x"),
        ("https://müller.example.org/x", "https://xn--mller-kva.example.org/x"),
        ("https://8.8.8.8/x", "https://8.8.8.8/x"),
        ("https://[2A00:1450::1]:443/x", "https://[2a00:1450::1]:443/x"),
    ],
)
def test_a_public_url_is_taken(url: str, used: str) -> None:
    assert check_target(url, "url", allow_private=False) == used


async def test_no_private_host_is_ever_connected_to() -> None:
    """The same table past the registration's check, and by names that mean private addresses."""
    numeric = (
        "127.0.0.1 ::1 ::ffff:127.0.0.1 0.0.0.0 10.0.0.1 169.254.169.254 100.64.0.1 fe80::1 64:ff9b::7f00:1".split()
    )
    async with canary() as (port, connected):
        client = SafeHttpClient(connect_s=0.5, total_s=1.0)
        for host in PRIVATE:
            # A spelling that the system's resolver does not know is no address at all: Unreached.
            with pytest.raises((TargetRefused, ConnectFailed)):
                await client.post(f"https://{host}:{port}/", b"secret", {})
        with pytest.raises(TargetRefused):
            await client.post(f"https://127.0.0.1:{port}/", b"secret", {})
        with pytest.raises(TargetRefused):
            await client.post(f"http://8.8.8.8:{port}/", b"secret", {})
        await client.close()
        for address in numeric:
            client = SafeHttpClient(connect_s=0.5, total_s=1.0, resolver=Named(address))
            with pytest.raises(TargetRefused):
                await client.post(f"https://innocent.example.org:{port}/", b"secret", {})
            await client.close()
        assert connected == []


async def test_the_canary_sings_without_the_guard() -> None:
    """Control for the test above: its observation if the guard were not there."""
    async with canary() as (port, connected):
        client = SafeHttpClient(allow_private=True, connect_s=0.5, total_s=1.0)
        with pytest.raises(ReplyLost):
            await client.post(f"http://127.0.0.1:{port}/", b"x", {})
        await client.close()
        assert connected == [1]


async def test_our_own_inbox_is_an_endpoint_and_nothing_else_of_ours() -> None:
    async with peer(saying(b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n")) as port:
        own = f"http://127.0.0.1:{port}"
        client = SafeHttpClient(own=own, connect_s=0.5, total_s=1.0)
        assert (await client.post(f"{own}/inbox/push/abc_-1", b"x", {})).status == 201
        for path in ("/inbox/push/", "/inbox/push/a/b", "/inbox/push/..", "/inbox/push/a?x", "/api/v1/notices", "/"):
            with pytest.raises(TargetRefused):
                await client.post(own + path, b"x", {})
        with pytest.raises(TargetRefused):  # a kept connection of the inbox's is not found by a guarded request
            await client.post(f"https://127.0.0.1:{port}/inbox/push/abc", b"x", {})
        await client.close()


@pytest.mark.parametrize("status", [200, 201, 307, 401, 404, 410, 429, 500])
async def test_every_status_is_an_answer_and_no_redirect_is_followed(status: int) -> None:
    async with canary() as (elsewhere, connected):
        head = f"HTTP/1.1 {status} X\r\nlocation: http://127.0.0.1:{elsewhere}/\r\nretry-after: 7\r\n"
        async with peer(saying(f"{head}content-length: 2\r\n\r\nok".encode())) as port:
            client = SafeHttpClient(allow_private=True, total_s=2.0)
            answer = await client.post(f"http://127.0.0.1:{port}/x", b"hello", {"TTL": "60"})
            await client.close()
    assert (answer.status, answer.body, answer.headers["Retry-After"]) == (status, b"ok", "7")
    assert connected == []


async def test_at_most_64_kilobytes_of_an_answer_are_read() -> None:
    big = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n" + b"x" * 1_000_000
    async with peer(saying(big)) as port:
        client = SafeHttpClient(allow_private=True, total_s=2.0)
        answer = await client.post(f"http://127.0.0.1:{port}/", b"x", {})
        await client.close()
    assert len(answer.body) == 64 * 1024


async def test_peers_that_stall_drip_and_drop_take_no_longer_than_their_time() -> None:
    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.close()

    async def drip_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nx-slow: " + b"y" * 1000:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.05)

    async def drip_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 201 Created\r\ncontent-length: 1000\r\n\r\n")
        for _ in range(1000):
            writer.write(b"z")
            await asyncio.sleep(0.05)

    async def said(handler: Handler) -> Answer | type[Exception]:
        async with peer(handler) as port:
            client = SafeHttpClient(allow_private=True, connect_s=0.3, total_s=0.6)
            try:
                return await client.post(f"http://127.0.0.1:{port}/", b"x", {})
            except (ReplyLost, ConnectFailed) as error:
                return type(error)
            finally:
                await client.close()

    started = asyncio.get_running_loop().time()
    stalled, dropped, dripped, answered = await asyncio.gather(*map(said, (stall, drop, drip_head, drip_body)))
    assert (stalled, dropped, dripped) == (ReplyLost, ReplyLost, ReplyLost)
    assert isinstance(answered, Answer) and answered.status == 201, "the status was there: the answer counts"
    assert asyncio.get_running_loop().time() - started < 2


async def test_what_never_connected_is_not_in_doubt() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    client = SafeHttpClient(allow_private=True, connect_s=0.3, total_s=0.6)
    with pytest.raises(ConnectFailed):
        await client.post(f"http://127.0.0.1:{port}/", b"x", {})
    with pytest.raises(ConnectFailed):
        await client.post("https://does-not-exist.invalid/", b"x", {})

    async def no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        writer.close()

    async with peer(no_tls) as plain:
        with pytest.raises(ConnectFailed):
            await client.post(f"https://127.0.0.1:{plain}/", b"x", {})
    await client.close()


async def test_an_address_that_would_begin_a_header_of_its_own_is_never_posted_to() -> None:
    async with canary() as (port, connected):
        client = SafeHttpClient(allow_private=True, total_s=2.0)
        for path in ("a\r\nX-Forged: 1", "a b", "é"):
            with pytest.raises(TargetRefused, match="no URL"):
                await client.post(f"http://127.0.0.1:{port}/{path}", b"x", {})
        await client.close()
    assert connected == []
