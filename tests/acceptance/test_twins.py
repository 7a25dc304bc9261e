"""Two web processes of one PostgreSQL: twins of one request, and of one webhook, are one event, whoever gets them."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from standardwebhooks import Webhook

REPOSITORY = Path(__file__).resolve().parents[2]
TWINS = 30


def _port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def env(new_postgres: Callable[[], str]) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("ALERTS_")},
        "PYTHONPATH": str(REPOSITORY),
        "ALERTS_DATABASE_URL": new_postgres(),
        "ALERTS_SECRET_KEY": "a secret that both processes know, and nobody else",
        "ALERTS_MASTER_KEY": base64.b64encode(bytes(range(32))).decode(),
    }


def alerts(env: dict[str, str], folder: Path, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "alerts", *arguments],
        cwd=folder, env=env, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if "--json" in arguments else None


@pytest.fixture
def servers(env: dict[str, str], tmp_path: Path) -> Iterator[list[str]]:
    """The addresses of two web processes; the first one sends and fires too."""
    alerts(env, tmp_path, "migrate")
    with ExitStack() as ending:
        urls = []
        for roles in ("web,worker,scheduler", "web"):
            port = _port()
            process = subprocess.Popen(
                [sys.executable, "-m", "alerts", "serve", "--port", str(port), "--roles", roles],
                cwd=tmp_path, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            ending.callback(process.wait)
            ending.callback(process.terminate)
            urls.append(f"http://127.0.0.1:{port}")
        for url in urls:
            _wait(url)
        yield urls


def _wait(url: str) -> None:
    for _ in range(400):
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"{url} did not come up")


async def _together(servers: list[str], path: str, body: str, headers: dict[str, str]) -> list[tuple[int, str]]:
    """The same request at once, to both processes in turn."""
    async with aiohttp.ClientSession() as session:

        async def one(number: int) -> tuple[int, str]:
            async with session.post(servers[number % 2] + path, data=body, headers=headers) as answer:
                return answer.status, await answer.text()

        return list(await asyncio.gather(*(one(number) for number in range(TWINS))))


async def _count(server: str, key: str, topic: str) -> int:
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session,
        session.get(f"{server}/api/v1/events?type={topic}&limit=1000") as answer,
    ):
        return len((await answer.json())["items"])


async def test_an_idempotency_key_holds_between_processes(
    servers: list[str], env: dict[str, str], tmp_path: Path
) -> None:
    scopes = "read,incidents:write"
    key = alerts(env, tmp_path, "api-key", "add", "twins", "--scopes", scopes, "--json")["secret"]
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    for name in ("first", "second"):
        body = json.dumps({"headline": f"A burst main, {name}"})
        told = await _together(servers, "/api/v1/incidents", body, {**headers, "Idempotency-Key": name})
        assert {status for status, _ in told} == {201}, told
        assert len({text for _, text in told}) == 1, "the twin's answer is the first one's"
    assert await _count(servers[1], key, "IncidentReported") == 2


async def test_a_webhook_that_comes_at_once_to_both_is_one_event(
    servers: list[str], env: dict[str, str], tmp_path: Path
) -> None:
    key = alerts(env, tmp_path, "api-key", "add", "reader", "--scopes", "read", "--json")["secret"]
    source = alerts(env, tmp_path, "source", "add", "sensors", "--kind", "standard-webhook", "--json")
    now, data = datetime.now(UTC), {"headline": "Smoke", "source_ref": "s-1"}
    body = json.dumps({"type": "incident.reported", "timestamp": now.isoformat(), "data": data})
    headers = {
        "Content-Type": "application/json",
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(source["secret"]).sign("msg_1", now, body),
    }
    told = await _together(servers, "/hooks/sensors", body, headers)
    assert {status for status, _ in told} == {202}, told
    assert len({text for _, text in told}) == 1
    assert await _count(servers[0], key, "TriggerReceived") == 1
    assert await _count(servers[0], key, "IncidentReported") == 1
