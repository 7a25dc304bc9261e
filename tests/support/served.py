"""The whole product in this process, built by the bootstrap and spoken to over HTTP."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient
from standardwebhooks import Webhook

from alerts.commands import SYSTEM
from alerts.kernel.times import utc_now
from alerts.services import Services

EVERYTHING = (
    "read", "incidents:write", "services:write", "notices:write", "notices:issue", "subscribers:read",
    "subscribers:write", "segments:write",
)  # fmt: skip
PUBLIC_URL = "http://127.0.0.1:8080"
CAMDEN = {"type": "Polygon", "coordinates": [[[-0.2, 51.5], [-0.1, 51.5], [-0.1, 51.6], [-0.2, 51.6], [-0.2, 51.5]]]}
AREA = {"circle": {"lat": 51.5, "lon": -0.1, "radius_km": 1}}


def consent() -> dict[str, Any]:
    """A consent given now: an older one brings nobody back who has left."""
    return {"wording": "Tell me", "given_at": utc_now().isoformat(), "how": "form"}


@dataclass
class Served:
    """A served web, and what is behind it. `shift` moves its clock."""

    parts: Services
    client: TestClient[Any, Any]
    shift: timedelta = timedelta(0)
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        """The product's clock."""
        return datetime.now(UTC) + self.shift

    async def key(self, *scopes: str, policy: Any = "draft", person: UUID | None = None) -> dict[str, str]:
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
        return await self.key("read", "notices:write", "notices:approve", "notices:issue", person=member.id)

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


def resident(email: str, lat: float = 51.55, lon: float = -0.15, **more: Any) -> dict[str, Any]:
    place = {"lat": lat, "lon": lon, "radius_km": 0.5, "name": "Home"}
    return {"email": email, "places": [place], "confirmed": True, "consent": consent(), **more}


async def settled(served: Served, key: dict[str, str], notice: str) -> dict[str, Any]:
    """The dispatch of a notice once it is complete."""
    for _ in range(200):
        progress: dict[str, Any] = await served.ok("GET", f"/api/v1/notices/{notice}/dispatch", key)
        if progress["complete"]:
            return progress
        await asyncio.sleep(0.05)
    raise AssertionError(progress)
