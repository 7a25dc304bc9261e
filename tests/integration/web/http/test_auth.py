"""Authentication by API key."""

from __future__ import annotations

import pytest

from alerts.app import bootstrap
from alerts.commands import SYSTEM
from tests.support.served import EVERYTHING, Served


async def test_key_of_another_process_is_known_at_once(served: Served, dialect: str) -> None:
    if dialect == "sqlite":
        pytest.skip("one process writes")
    other = bootstrap.build(served.parts.settings)
    try:
        for number in range(20):
            issued = await other.commands.issue_api_key(SYSTEM, f"key {number}", EVERYTHING, "draft", None)
            headers = {"Authorization": f"Bearer {issued.secret}"}
            answer = await served.client.get("/api/v1/notices", headers=headers)
            assert answer.status == 200, number
    finally:
        other.close()


async def test_unknown_key_is_refused(served: Served) -> None:
    await served.key()
    for _ in range(2):
        answer = await served.client.get("/api/v1/notices", headers={"Authorization": "Bearer unknown"})
        assert answer.status == 401
