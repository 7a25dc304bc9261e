"""Process of the product, not yet started."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from alerts import settings as settings_of
from alerts.app import bootstrap, schema
from tests.support.databases import MASTER_KEY

BuildApp = Callable[..., bootstrap.App]


@pytest.fixture
def build_app(database_url: str) -> BuildApp:
    """Build a process with that canary, not yet started."""

    def build(*roles: str, canary: str = "") -> bootstrap.App:
        env = {
            "ALERTS_DATABASE_URL": database_url,
            "ALERTS_SECRET_KEY": "c2VjcmV0" * 8,
            "ALERTS_MASTER_KEY": base64.b64encode(MASTER_KEY).decode(),
            **({"ALERTS_CANARY": canary} if canary else {}),
        }
        settings = settings_of.load(env)
        schema.migrate_all(settings)
        return bootstrap.build(settings, roles)

    return build
