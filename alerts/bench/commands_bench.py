"""Commands acknowledged per second for a hundred clients over HTTP, beside an echo of the same body.

Measured is the product as operated: `alerts serve` with every role, a real `POST /api/v1/incidents` with an API key and
an area, validated, decided, committed on SQLite with synchronous=FULL and only then answered, while the read models and
the audience follow. The key's policy is `record`: no notice results. The echo is an aiohttp handler on uvloop in a
separate process; so are the clients. The two alternate, so that other load on the machine affects both.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from alerts.bench.row import Row
from alerts.demo.server import Server

_CLIENTS = 100
MOST = 50_000
_ROUNDS = 8
_TARGET = 0.5
_BODY = {
    "headline": "A water main has burst",
    "description": "Two lanes are closed and the pressure is low in the streets around.",
    "category": "Infra",
    "urgency": "Immediate",
    "severity": "Moderate",
    "certainty": "Observed",
    "topic": "utilities",
    "area": {"circle": {"lat": 51.5, "lon": -0.1, "radius_km": 1.0}},
    "expires": "2099-12-31T12:00:00+00:00",
}


def rows(sizes: Sequence[int]) -> Iterator[Row]:
    """Rows for each number of commands (50,000 at most), each on its own database."""
    for size in sorted({min(size, MOST) for size in sizes}):
        with TemporaryDirectory(prefix="alerts-bench-") as folder:
            ours, limit = _measured(Path(folder), size)
        yield Row(
            name="commands, 100 clients over HTTP, SQLite",
            size=size,
            unit="commands/s",
            ours=size / ours,
            limit=size / limit,
            target=_TARGET,
        )


def _measured(folder: Path, size: int) -> tuple[float, float]:
    """Measure (seconds for the commands, seconds for as many echoes)."""
    turn = size // _ROUNDS
    ours = limit = 0.0
    server = Server(folder, dict.fromkeys(os.environ, ""))
    server.start()
    try:
        key = f"Authorization: Bearer {_secret(server)}"
        with _echo() as echo:
            for _ in range(_ROUNDS):
                limit += _load(echo, turn)
                ours += _load(f"{server.url}/api/v1/incidents", turn, key)
    finally:
        server.stop()
    return ours, limit


def _secret(server: Server) -> str:
    """Create an API key for the clients with the command line, as an operator would."""
    arguments = [
        "api-key",
        "add",
        "bench",
        "--scopes",
        "incidents:write",
        "--policy",
        "record",
        "--rate",
        "1000000",
        "--json",
    ]
    said = subprocess.run(
        [sys.executable, "-m", "alerts", *arguments],
        env={**os.environ, **server.env}, cwd=server.folder, capture_output=True, check=True,
    )  # fmt: skip
    return str(json.loads(said.stdout)["secret"])


@contextmanager
def _echo() -> Iterator[str]:
    """Run the echo server and yield its address."""
    with subprocess.Popen(
        [sys.executable, "-m", "alerts.bench.echo"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/echo"
        finally:
            process.stdin.close()


def _load(url: str, requests: int, *headers: str) -> float:
    said = subprocess.run(
        [sys.executable, "-m", "alerts.bench.load", url, str(requests), str(_CLIENTS), *headers],
        input=json.dumps(_BODY).encode(), stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    return float(said.stdout)
