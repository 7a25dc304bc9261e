"""The limit of the commands: an aiohttp handler that answers with the body it was sent, in a process of its own.

Usage: python -m alerts.bench.echo. Prints its port, and serves until its standard input ends.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop
from aiohttp import web


async def _echo(request: web.Request) -> web.Response:
    return web.Response(body=await request.read(), content_type="application/json")


async def _serve() -> None:
    app = web.Application()
    app.add_routes([web.post("/echo", _echo)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    uvloop.run(_serve())
