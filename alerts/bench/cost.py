"""Cost of the worst legal input of each reader: time on the event loop, and an emergency issued beside it.

Everything runs in one process, as in a small installation. `python -m alerts.bench.cost` prints the table of
`docs/cost.md`.
"""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import aiohttp
from aiohttp import web

from alerts import settings
from alerts.app import bootstrap, process
from alerts.bench import reading
from alerts.bench.row import Row
from alerts.commands.actor import SYSTEM
from alerts.web.http.app import build
from alerts.web.http.connections import ConnectionLimits, listening

LOOP_S, EMERGENCY_S = 0.05, 2.0
"""Targets: longest time on the event loop, and from the issue of an emergency to its planned dispatch."""
_SCOPES = ("read", "incidents:write", "services:write", "notices:write", "notices:issue", "subscribers:read",
           "segments:write")  # fmt: skip
_LIVE = 700
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures of one input, in seconds."""

    name: str
    status: int
    took: float
    on_loop: float
    emergency: float


class _Product:
    """The product with so many people, and a client of it."""

    def __init__(self, app: bootstrap.App, session: aiohttp.ClientSession, url: str) -> None:
        self.app, self.session, self.url = app, session, url
        self.headers: dict[str, str] = {}
        self.source: dict[str, str] = {}

    async def call(self, method: str, path: str, data: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        """Send a request; its status and body."""
        sent = self.session.request(method, self.url + path, data=data, headers=headers)
        async with sent as answer:
            return answer.status, await answer.read()

    def post(self, path: str, body: Any) -> Awaitable[int]:
        """Build a request of JSON with the key; awaited, it is sent and gives the status."""
        return self.send("POST", path, json.dumps(body).encode(), **self.headers, **_JSON)

    async def send(self, method: str, path: str, data: bytes | None = None, **headers: str) -> int:
        """Send a request; its status."""
        return (await self.call(method, path, data, **headers))[0]

    async def emergency(self) -> float:
        """Issue an emergency; seconds until its dispatch is planned."""
        began = perf_counter()
        issue = partial(reading._issue, kind="alert", area=(51.49, -0.09), radius_km=0.02)
        _, number = (await self.app.writer.run(issue, by="bench")).result
        while await asyncio.to_thread(self.app.dispatch.progress, number) is None:  # noqa: ASYNC110  as the API would be asked
            await asyncio.sleep(0.005)
        return perf_counter() - began


Case = Callable[[_Product], Awaitable[int]]


def rows(sizes: Sequence[int]) -> Iterator[Row]:
    """Yield two rows for each input and number of people."""
    for size in sizes:
        for found in asyncio.run(_measured(size)):
            yield Row(
                name=f"{found.name}: event loop", size=size, unit="s", ours=found.on_loop, target=LOOP_S, better="lower"
            )
            yield Row(
                name=f"{found.name}: emergency",
                size=size,
                unit="s",
                ours=found.emergency,
                target=EMERGENCY_S,
                better="lower",
            )


def table(people: int) -> str:
    """Return the table as Markdown."""
    lines = ["| input | answer | took | on the event loop | emergency beside it |", "|---|---|---|---|---|"]
    lines += [
        f"| {m.name} | {m.status} | {m.took:.2f} s | {m.on_loop * 1000:.0f} ms | {m.emergency:.2f} s |"
        for m in asyncio.run(_measured(people))
    ]
    return "\n".join(lines)


async def _measured(people: int) -> list[Measured]:
    async with _product(people) as product:
        found = [await _one(product, "(nothing)", _nothing)]
        for name, case in CASES.items():
            found.append(await _one(product, name, case))
        return found


async def _one(product: _Product, name: str, case: Case) -> Measured:
    """Measure one input: an emergency is issued while it is read."""
    longest, ending = 0.0, asyncio.Event()

    async def watch() -> None:
        nonlocal longest
        while not ending.is_set():
            before = perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, perf_counter() - before - 0.001)

    watching = asyncio.create_task(watch())
    request = case(product)  # built before the clock runs: the client shares the event loop
    began = perf_counter()
    asked = asyncio.ensure_future(request)
    await asyncio.sleep(0.02)
    emergency = await product.emergency()
    status = await asked
    took = perf_counter() - began
    ending.set()
    await watching
    return Measured(name, status, took, longest, emergency)


@asynccontextmanager
async def _product(people: int) -> AsyncIterator[_Product]:
    with TemporaryDirectory(prefix="alerts-bench-") as folder:
        env = {"ALERTS_DATABASE_URL": f"sqlite:///{folder}/alerts.db", "ALERTS_LOG_LEVEL": "error"}
        app = bootstrap.build(settings.load(env), process.ROLES)
        await app.start()
        runner = web.AppRunner(build(app.services), access_log=None)
        await runner.setup()
        limits = ConnectionLimits()
        async with listening(runner, "127.0.0.1", 0, limits) as (server, _), aiohttp.ClientSession() as session:
            product = _Product(app, session, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            try:
                await _prepared(product, people)
                yield product
            finally:
                await runner.cleanup()
                await app.stop()


async def _prepared(product: _Product, people: int) -> None:
    app = product.app
    for first in range(0, people, 2_000):
        block = range(first, min(people, first + 2_000))
        await app.writer.run(partial(reading._people, people=block), by="bench")
    key = await app.commands.issue_api_key(SYSTEM, "bench", _SCOPES, "issue", None)
    product.headers = {"Authorization": f"Bearer {key.secret}"}
    source = await app.commands.connect_source(SYSTEM, "fire", "cap", "issue")
    product.source = {"Authorization": f"Bearer {source.secret}", "Content-Type": "application/xml"}
    await product.post("/api/v1/places", {"slug": "town", "name": {"en": "Town"}, "area": _square(51.49, -0.09, 0.02)})
    await product.post("/api/v1/segments", {"slug": "s0", "name": "s0", "rule": {"channel": "email"}})
    for level in range(1, 41):
        below = {"segment": f"s{level - 1}"}
        await product.post("/api/v1/segments", {"slug": f"s{level}", "name": "s", "rule": {"any": [below, below]}})
    for _ in range(_LIVE):
        await app.writer.run(partial(reading._issue, kind="alert", area=(51.6, -0.3), radius_km=1.0), by="bench")
    await asyncio.to_thread(app.projector.wait_for, app.writer.position(), 600)
    process.spare_the_collector()


# --- the inputs ---


async def _nothing(_: _Product) -> int:
    return 0


def _segments(product: _Product) -> Awaitable[int]:
    return product.post("/api/v1/audience", {"kind": "announcement", "audience": {"segment": "s40"}})


def _circles(product: _Product) -> Awaitable[int]:
    parts = [{"circle": {"lat": 51.4 + i / 5_000, "lon": -0.09, "radius_km": 50}} for i in range(500)]
    rule = {"any": [{"touches": part} for part in parts] + [{"topic": "safety"}] * 490}
    return product.post("/api/v1/audience", {"kind": "announcement", "audience": {"not": rule}})


def _places(product: _Product) -> Awaitable[int]:
    rule = {"any": [{"touches": [{"place": "town"}] * 500}] * 80}
    return product.post("/api/v1/audience", {"kind": "announcement", "audience": rule})


def _outline(product: _Product) -> Awaitable[int]:
    ring = [[round(-0.5 + i / 80_000, 5), 51.4 + i % 2 / 1_000] for i in range(40_000)]
    area = {"type": "Polygon", "coordinates": [[*ring, [0.2, 51.9], [-0.5, 51.9], ring[0]]]}
    return product.post("/api/v1/audience", {"kind": "announcement", "area": area})


def _combs(product: _Product) -> Awaitable[int]:
    return product.post("/api/v1/audience", {"kind": "announcement", "area": [_comb(4_000), _comb(4_000, True)]})


def _json(product: _Product) -> Awaitable[int]:
    body = b"[" + b"[[[[[]]]]]," * 85_000 + b"[]]"
    return product.send("POST", "/api/v1/notices", body, **product.headers, **_JSON)


def _gzip(product: _Product, headers: dict[str, str]) -> Awaitable[int]:
    bomb = gzip.compress(b"x" * 500_000_000, 6)
    return product.send("POST", "/api/v1/notices", bomb, **headers, **_JSON, **{"Content-Encoding": "gzip"})


def _cap(product: _Product, infos: int) -> Awaitable[int]:
    words = (
        "<info><category>Fire</category><event>Fire {n}</event><urgency>Immediate</urgency><severity>Severe</severity>"
        "<certainty>Observed</certainty></info>"
    )
    body = (
        '<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>{0}</identifier><sender>b</sender>'
        "<sent>2026-03-12T09:30:00+00:00</sent><status>Actual</status><msgType>Alert</msgType><scope>Public</scope>"
    ).replace("{0}", str(infos))
    body += "".join(words.format(n=n) if infos < 2_000 else "<info/>" for n in range(infos)) + "</alert>"
    return product.send("POST", "/hooks/fire", body.encode(), **product.source)


def _hours(product: _Product) -> Awaitable[int]:
    hours = '24/7 "a;Mo' + " " * 24_000 + 'z"'
    point = {"kind": "front-desk", "name": "Desk", "lat": 51.5, "lon": -0.1, "opening_hours": hours}
    return product.post("/api/v1/service-points", point)


async def _markdown(product: _Product) -> int:
    brackets = {"title": "Brackets", "body": "[" * 20_000, "instruction": "[" * 20_000}
    area, words = _square(10.0, 10.0, 0.1), dict.fromkeys(("en", "pl", "cy"), brackets)
    body = {"kind": "announcement", "topic": "community", "area": area, "content": words}
    _, made = await product.call("POST", "/api/v1/notices", json.dumps(body).encode(), **product.headers, **_JSON)
    notice = json.loads(made)["id"]
    await product.post(f"/api/v1/notices/{notice}/issue", {})
    return await product.send("GET", f"/alerts/{notice}")


def _front(product: _Product, path: str) -> Awaitable[int]:
    return product.send("GET", path)


CASES: dict[str, Case] = {
    "40 segments, each naming the one below it twice": _segments,
    "a rule of 500 circles of 50 km and 490 topics": _circles,
    "a rule of 80 × 500 places": _places,
    "an outline of 40,000 corners": _outline,
    "two combs of 4,000 teeth across each other": _combs,
    "935 kB of JSON brackets": _json,
    "500 MB as 486 kB of gzip, without a key": partial(_gzip, headers={}),
    "the same with a key": lambda product: _gzip(product, product.headers),
    "a CAP message of 1,000 warnings": partial(_cap, infos=1_000),
    "a CAP message of 35,000 empty infos": partial(_cap, infos=35_000),
    "opening hours with 24,000 blanks": _hours,
    "a notice of 20,000 brackets in three languages, and its page": _markdown,
    "the front page with 700 live notices, first time": partial(_front, path="/"),
    "the same in another language": partial(_front, path="/?lang=pl"),
    "the same for a place": partial(_front, path="/?place=town"),
    "the feed of 700 live notices": partial(_front, path="/feeds/alerts.atom"),
}


def _square(lat: float, lon: float, half: float) -> dict[str, Any]:
    west, south, east, north = lon - half, lat - half, lon + half, lat + half
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def _comb(teeth: int, turned: bool = False) -> dict[str, Any]:
    points: list[list[float]] = []
    for tooth in range(teeth):
        left, right = tooth / teeth, (tooth + 0.5) / teeth
        points += [[left, 51.0], [left, 52.0], [right, 52.0], [right, 51.0]]
    points += [[1.0, 51.0], [1.0, 50.9], [0.0, 50.9], points[0]]
    ring = [[y - 51.0, x + 51.0] for x, y in points] if turned else points
    return {"type": "Polygon", "coordinates": [ring]}


if __name__ == "__main__":
    import sys

    print(table(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
