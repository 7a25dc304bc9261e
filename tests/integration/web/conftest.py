"""Pages served from a small London, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from alerts.web.http import app
from tests.support.scene import Scene

Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    made = Scene(tmp_path)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def sending(tmp_path: Path) -> AsyncIterator[Scene]:
    """A scene in which messages leave."""
    made = Scene(tmp_path, sends=True)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def client(scene: Scene) -> AsyncIterator[Client]:
    async with TestClient(TestServer(app.build(scene.parts))) as made:
        yield made


@pytest.fixture
async def sender(sending: Scene) -> AsyncIterator[Client]:
    async with TestClient(TestServer(app.build(sending.parts))) as made:
        yield made


@pytest.fixture
def page(client: Client) -> Callable[..., Awaitable[str]]:
    """GET a page that must be there; its text."""

    async def get(path: str, **headers: str) -> str:
        async with client.get(path, headers={k.replace("_", "-"): v for k, v in headers.items()}) as response:
            text = await response.text()
            assert response.status == 200, text
            assert len(await response.read()) <= 100_000
            return text

    return get
