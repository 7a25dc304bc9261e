"""Live count while an area is drawn on compose: an author's browser against a real `alerts serve` over HTTP.

What is timed is the whole answer: the form read and checked, the rights, the count on everybody, the words. The limit
is what a person takes for immediate; the database is written by `alerts.bench.populated`.
"""

from __future__ import annotations

import json
import math
import statistics
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from alerts.bench.postgres import fresh_database
from alerts.bench.restart import RestartedServer
from alerts.bench.row import Row

TARGET_S = 0.3
_ASKED = 60
_LARGE = "Bromley"
_CENTRE = (51.5074, -0.1278)
_CORNERS = 40
"""Corners that the page's script sends at most."""

Ring = list[tuple[float, float]]


def rows(sizes: Sequence[int]) -> Iterator[Row]:
    """Rows for each number of people, on SQLite, and on PostgreSQL if there is one."""
    for size in sizes:
        with TemporaryDirectory(prefix="alerts-bench-") as folder:
            yield from _measured(f"sqlite:///{folder}/alerts.db", "SQLite", Path(folder), size)
    with fresh_database() as postgres:
        if postgres is None:
            return
        for size in sizes:
            with postgres() as url, TemporaryDirectory(prefix="alerts-bench-") as folder:
                yield from _measured(url, "PostgreSQL", Path(folder), size)


def _measured(url: str, database: str, folder: Path, size: int) -> Iterator[Row]:
    server = RestartedServer(url, folder, 1)
    server.run("-m", "alerts", "migrate")
    server.run("-m", "alerts.bench.populated", str(size))
    server.run("-m", "alerts", "rebuild")
    server.make_key()
    try:
        server.start_and(server.counts)
        cookie = signed_in(server.http, server.sign_in_link())
        for name, ring in rings().items():
            took = timed(server.http, cookie, ring)
            for share, seconds in (("p50", statistics.median(took)), ("p95", statistics.quantiles(took, n=20)[-1])):
                yield Row(
                    name=f"live count while drawing, {name}, {share}, {database}",
                    size=size,
                    unit="s",
                    ours=seconds,
                    target=TARGET_S if share == "p95" else None,
                    better="lower",
                )
    finally:
        server.kill()


def rings() -> dict[str, Ring]:
    """Return the corners of the areas that are drawn: a large borough in 40 corners, and 800 m around a point."""
    text = (files("alerts.demo") / "london-boroughs.geojson").read_text(encoding="utf-8")
    [shape] = [f["geometry"] for f in json.loads(text)["features"] if f["properties"]["name"] == _LARGE]
    outer = (
        shape["coordinates"][0] if shape["type"] == "Polygon" else max((p[0] for p in shape["coordinates"]), key=len)
    )
    step = max(1, math.ceil(len(outer) / _CORNERS))
    lat, lon = _CENTRE
    turns = [2 * math.pi * n / 16 for n in range(16)]
    around = [
        (lon + 800 * math.cos(a) / (111_320 * math.cos(math.radians(lat))), lat + 800 * math.sin(a) / 111_250)
        for a in turns
    ]
    return {"a large borough": [(x, y) for x, y, *_ in outer[:-1][::step]], "800 m": around}


def signed_in(http: str, link: str) -> str:
    """Use a sign-in link and return the session's cookie."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            return None

    opener = urllib.request.build_opener(Stay)
    try:
        opener.open(urllib.request.Request(http + urllib.parse.urlsplit(link).path, b"", method="POST"), timeout=60)
    except urllib.error.HTTPError as answer:
        return str(answer.headers["Set-Cookie"]).partition(";")[0]
    raise RuntimeError("the sign-in did not lead on")


def timed(http: str, cookie: str, ring: Ring) -> list[float]:
    """Seconds of each of many counts, one after the other; the last corner moves, as under a pointer."""
    took = []
    for turn in range(_ASKED):
        moved = [*ring[:-1], (ring[-1][0] + turn * 1e-5, ring[-1][1])]
        form = {
            "do": "count",
            "kind": "alert",
            "status": "Actual",
            "severity": "Severe",
            "urgency": "Immediate",
            "certainty": "Observed",
            "channel": ["email", "sms"],
            "language": "en",
            "title-en": "Gas leak",
            "area": json.dumps([[round(x, 5), round(y, 5)] for x, y in moved]),
        }
        request = urllib.request.Request(
            f"{http}/console/notices/new",
            urllib.parse.urlencode(form, doseq=True).encode(),
            {"Cookie": cookie, "Accept": "application/json"},
        )
        begun = perf_counter()
        with urllib.request.urlopen(request, timeout=60) as answer:
            words = str(json.loads(answer.read())["words"])
        took.append(perf_counter() - begun)
        if not words.startswith("It would reach"):
            raise RuntimeError(words)
    return took
