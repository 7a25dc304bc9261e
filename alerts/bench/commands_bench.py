"""How many commands a second a hundred clients get acknowledged over HTTP, beside an echo of the same body.

A command here is what it is in the product: a body decoded into a struct, decided on a stream's state in the writer's
thread, sealed, committed on SQLite with synchronous=FULL, and answered only then. The echo answers the body.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec

from alerts.bench.row import Row
from alerts.data import find
from alerts.domain.events import CATALOGUE, IncidentFacts, IncidentReported
from alerts.domain.streams import INCIDENT
from alerts.domain.words.bodies import IncidentBody
from alerts.domain.words.ids import new_id
from alerts.eventlog.codec import Codec
from alerts.eventlog.database import connect
from alerts.eventlog.log import EventLog
from alerts.eventlog.migrate import migrate
from alerts.eventlog.ports import Unit
from alerts.eventlog.writer import GroupCommitWriter
from subscribers.vault import Vault

if TYPE_CHECKING:  # aiohttp takes its time to load.
    from aiohttp import web

_CLIENTS = 100
_MOST = 50_000
_TARGET = 0.5
_BODY = msgspec.json.encode(
    {
        "headline": "A water main has burst",
        "description": "Two lanes are closed and the pressure is low in the streets around.",
        "category": "Infra",
        "severity": "Moderate",
        "area": {"circle": {"lat": 51.5, "lon": -0.1, "radius_km": 1.0}},
    }
)


def rows(sizes: Sequence[int]) -> Iterator[Row]:
    """For each number of commands (50,000 at most: the rate does not depend on it)."""
    import uvloop

    for size in sorted({min(size, _MOST) for size in sizes}):
        with TemporaryDirectory(prefix="alerts-bench-") as folder:
            ours, limit = uvloop.run(_measured(f"sqlite:///{folder}/alerts.db", size))
        yield Row(
            name="commands, 100 clients over HTTP, SQLite",
            size=size,
            unit="commands/s",
            ours=size / ours,
            limit=size / limit,
            target=_TARGET,
        )


async def _measured(url: str, size: int) -> tuple[float, float]:
    """(seconds for commands, seconds for the echo)."""
    from aiohttp import web

    main, keys = connect(url, "main"), connect(url, "keys")
    migrate(main, find("migrations", "sqlite"))
    migrate(keys, find("migrations", "sqlite", "keys"))
    vault = Vault(keys, os.urandom(32))
    codec = Codec(CATALOGUE, vault)
    log = EventLog(main, codec)
    writer = GroupCommitWriter(main, codec, lambda: datetime.now(UTC), flush_keys=vault.flush, grown=log.grown)
    app = web.Application()
    app.add_routes([web.post("/echo", _echo), web.post("/incidents", _Incidents(writer).post)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        limit = await _load(port, "/echo", size)
        ours = await _load(port, "/incidents", size)
    finally:
        await runner.cleanup()
        writer.close()
        log.close()
        main.close()
        keys.close()
    return ours, limit


async def _load(port: int, path: str, size: int) -> float:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "alerts.bench.load", str(port), path, str(size), str(_CLIENTS),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await child.communicate(_BODY)
    return float(said)


async def _echo(request: web.Request) -> web.Response:
    from aiohttp import web

    return web.Response(body=await request.read(), content_type="application/json")


class _Incidents:
    def __init__(self, writer: GroupCommitWriter) -> None:
        self._writer = writer
        self._decoder = msgspec.json.Decoder(IncidentBody)

    async def post(self, request: web.Request) -> web.Response:
        """Report an incident; 201 once it is on disk."""
        from aiohttp import web

        body = self._decoder.decode(await request.read())
        incident = new_id()

        def work(unit: Unit) -> int:
            unit.get(INCIDENT, incident)
            unit.append(INCIDENT, incident, _reported(body))
            return unit.version(incident)

        done = await self._writer.run(work, by="key:bench")
        answer = {"id": incident, "version": done.result, "position": done.position}
        return web.Response(body=msgspec.json.encode(answer), status=201, content_type="application/json")


def _reported(body: IncidentBody) -> IncidentReported:
    facts = IncidentFacts(
        headline={"en": body.headline},
        description={"en": body.description},
        category=body.category,
        severity=body.severity,
        topic="utilities",
        area=[body.area] if isinstance(body.area, dict) else body.area,
    )
    return IncidentReported(facts=facts, source="key:bench")
