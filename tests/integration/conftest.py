"""The rig, and the product over HTTP, on both databases."""

from __future__ import annotations

import base64
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

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


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the files of a migrated, empty instance, to be copied."""
    folder = tmp_path_factory.mktemp("migrated")
    schema.migrate_all(_settings(f"sqlite:///{folder}/alerts.db", {}))
    return folder


@pytest.fixture
def migrated_url(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of a migrated, empty database."""
    if dialect == "postgresql":
        make: Callable[[], str] = request.getfixturevalue("migrated_postgres")
        return make()
    shutil.copytree(request.getfixturevalue("migrated_sqlite"), tmp_path, dirs_exist_ok=True)
    return f"sqlite:///{tmp_path}/alerts.db"


def _settings(url: str, more: dict[str, str]) -> settings_of.Settings:
    return settings_of.load(
        {
            "ALERTS_DATABASE_URL": url,
            "ALERTS_SECRET_KEY": "c2VjcmV0" * 8,
            "ALERTS_MASTER_KEY": base64.b64encode(MASTER_KEY).decode(),
            "ALERTS_PUBLIC_URL": PUBLIC_URL,
            **more,
        }
    )


@pytest.fixture
async def served(migrated_url: str, more_settings: dict[str, str]) -> AsyncIterator[Served]:
    """The whole product in this process, on both databases; e-mail and texts go to the inbox."""
    settings = _settings(migrated_url, more_settings)
    box: list[Served] = []
    app = bootstrap.build(
        settings, ("web", "worker", "scheduler"), clock=lambda: box[0].now if box else datetime.now(UTC)
    )
    await app.start()
    try:
        # A module that names a public URL is served there, so that what the product calls reaches it.
        own = "ALERTS_PUBLIC_URL" in more_settings
        server = TestServer(build(app.services), port=urlsplit(settings.public_url).port if own else None)
        async with TestClient(server) as client:
            box.append(Served(app.services, client))
            yield box[0]
    finally:
        await app.stop()
