"""Echo server: the limit of the web benchmarks, plain aiohttp handlers in a separate process.

Usage: python -m alerts.bench.echo [FILE]. Prints its port, and serves until its standard input ends: POST /echo answers
with the request's body, GET /page always with the bytes of the file.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import uvloop
from aiohttp import web


async def _echo(request: web.Request) -> web.Response:
    return web.Response(body=await request.read(), content_type="application/json")


async def _serve(page: bytes) -> None:
    async def constant(request: web.Request) -> web.Response:
        return web.Response(body=page, content_type="text/html")

    app = web.Application()
    app.add_routes([web.post("/echo", _echo), web.get("/page", constant)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    uvloop.run(_serve(Path(sys.argv[1]).read_bytes() if sys.argv[1:] else b""))
