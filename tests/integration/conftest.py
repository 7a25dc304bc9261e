"""The rig, and the product over HTTP, on both databases."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from alerts import settings as settings_of
from alerts.app import bootstrap, schema
from alerts.web.http.app import build
from tests.support.databases import MASTER_KEY, Databases
from tests.support.rig import Rig
from tests.support.served import PUBLIC_URL, Served


@pytest.fixture
def rig(databases: Databases) -> Iterator[Rig]:
    """Everything but a worker, which a test starts in its own event loop."""
    made = Rig(databases)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def more_settings() -> dict[str, str]:
    """Settings beside those of every served product; a test module may have its own."""
    return {}


@pytest.fixture
async def served(database_url: str, tmp_path: Path, more_settings: dict[str, str]) -> AsyncIterator[Served]:
    """The whole product in this process, on both databases; e-mail and texts go to the inbox."""
    settings = settings_of.load(
        {
            "ALERTS_DATABASE_URL": database_url,
            "ALERTS_SECRET_KEY": "c2VjcmV0" * 8,
            "ALERTS_MASTER_KEY": base64.b64encode(MASTER_KEY).decode(),
            "ALERTS_PUBLIC_URL": PUBLIC_URL,
            **more_settings,
        }
    )
    box: list[Served] = []
    schema.migrate_all(settings)
    app = bootstrap.build(
        settings, ("web", "worker", "scheduler"), clock=lambda: box[0].now if box else datetime.now(UTC)
    )
    await app.start()
    try:
        async with TestClient(TestServer(build(app.services))) as client:
            box.append(Served(app.services, client))
            yield box[0]
    finally:
        await app.stop()
