"""Pages served from a small London, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from alerts.web import app, console, inbox_pages, link_pages, pages, site
from tests.scene import Scene

Client = TestClient[web.Request, web.Application]
MODULES = (pages.routes, link_pages.routes, inbox_pages.routes, console.routes, site.routes)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.close()


@pytest.fixture
async def client(scene: Scene) -> AsyncIterator[Client]:
    async with TestClient(TestServer(app.build(scene.parts, MODULES, pages.error_page))) as made:
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
