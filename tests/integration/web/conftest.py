"""The web before the real log, commands, read models and follower, spoken to over HTTP."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer
from standardwebhooks import Webhook

from alerts import settings as settings_of
from alerts.app import bootstrap
from alerts.commands import SYSTEM
from alerts.services import Services
from alerts.web.http.app import build
from tests.conftest import MASTER_KEY

EVERYTHING = (
    "read", "incidents:write", "services:write", "notices:write", "notices:issue", "subscribers:read",
    "subscribers:write", "segments:write",
)  # fmt: skip
PUBLIC_URL = "http://127.0.0.1:8080"
CAMDEN = {"type": "Polygon", "coordinates": [[[-0.2, 51.5], [-0.1, 51.5], [-0.1, 51.6], [-0.2, 51.6], [-0.2, 51.5]]]}


@dataclass
class House:
    """A served web, and what stands behind it. `shift` moves its clock."""

    parts: Services
    client: TestClient[Any, Any]
    shift: timedelta = timedelta(0)
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        """The product's clock."""
        return datetime.now(UTC) + self.shift

    async def key(self, *scopes: str, policy: str = "draft", person: UUID | None = None) -> dict[str, str]:
        """Headers with a fresh API key."""
        kept = await self.parts.commands.issue_api_key(SYSTEM, "test", scopes or EVERYTHING, policy, person)
        return {"Authorization": f"Bearer {kept.secret}"}

    async def source(self, kind: str, policy: str = "issue", name: str = "estates") -> str:
        """A connected source's secret."""
        kept = await self.parts.commands.connect_source(SYSTEM, name, kind, policy)
        assert kept.secret is not None
        return kept.secret

    async def approver(self) -> dict[str, str]:
        """Headers with a key of a person who may approve."""
        member = await self.parts.commands.invite_member(SYSTEM, f"p{len(self.keys)}@example.org", "approver")
        self.keys[str(member.id)] = ""
        return await self.key("read", "notices:write", "notices:approve", person=member.id)

    async def ok(self, method: str, path: str, headers: dict[str, str], body: Any = None, status: int = 200) -> Any:
        """Ask, check the status, and read the JSON."""
        answer = await self.client.request(method, path, headers=headers, json=body)
        text = await answer.text()
        assert answer.status == status, f"{method} {path}: {answer.status} {text}"
        return msgspec.json.decode(text) if text else None

    async def hook(
        self, name: str, secret: str, body: Any, *, identifier: str = "msg_1", raw: bytes | None = None, **headers: str
    ) -> ClientResponse:
        """Send a signed Standard Webhook."""
        data = raw if raw is not None else msgspec.json.encode(body)
        now = self.now  # asked once: between two askings a second may end
        signed = {
            "webhook-id": identifier,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(secret).sign(identifier, now, data.decode()),
            "Content-Type": "application/json",
            **headers,
        }
        return await self.client.post(f"/hooks/{name}", data=data, headers=signed)


async def problem(answer: ClientResponse, status: int) -> dict[str, Any]:
    """The problem document of a refusal of this status."""
    body = await answer.text()
    assert answer.status == status, f"{answer.status}: {body}"
    assert answer.content_type == "application/problem+json"
    found: dict[str, Any] = msgspec.json.decode(body)
    assert found["status"] == status and found["title"] and found["type"] and found["detail"]
    if status in (400, 422):
        assert all(set(error) == {"field", "message"} for error in found["errors"]) and found["errors"]
    return found


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """The whole product in this process, on both databases; e-mail and texts go to the inbox."""
    settings = settings_of.load(
        {
            "ALERTS_DATABASE_URL": database_url,
            "ALERTS_SECRET_KEY": "c2VjcmV0" * 8,
            "ALERTS_MASTER_KEY": base64.b64encode(MASTER_KEY).decode(),
            "ALERTS_PUBLIC_URL": PUBLIC_URL,
        }
    )
    box: list[House] = []
    bootstrap.migrate_all(settings)
    app = bootstrap.build(
        settings, ("web", "worker", "scheduler"), clock=lambda: box[0].now if box else datetime.now(UTC)
    )
    await app.start()
    try:
        async with TestClient(TestServer(build(app.parts))) as client:
            box.append(House(app.parts, client))
            yield box[0]
    finally:
        await app.stop()
