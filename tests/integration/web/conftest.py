"""The web before the real log, commands, read models and follower, spoken to over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import msgspec
import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer
from standardwebhooks import Webhook

from alerts import settings as settings_of
from alerts.commands import SYSTEM, Commands
from alerts.dispatch.follower import Follower
from alerts.dispatch.registers import Registers
from alerts.domain import events
from alerts.eventlog.codec import Codec
from alerts.eventlog.log import EventLog
from alerts.eventlog.runner import Runner
from alerts.eventlog.writer import GroupCommitWriter
from alerts.projections import Views, projections
from alerts.web.app import build
from alerts.web.modules import MODULES, page_of_error
from alerts.web.parts import Parts
from alerts.why import Explainer
from subscribers.addresses import Addresses
from subscribers.columns import AudienceColumns
from subscribers.domain.events import CATALOGUE as SUBSCRIBER_EVENTS
from subscribers.vault import Vault
from tests.conftest import MASTER_KEY, Databases

CATALOGUE = events.CATALOGUE.joined(SUBSCRIBER_EVENTS)
EVERYTHING = (
    "read", "incidents:write", "services:write", "notices:write", "notices:issue", "subscribers:read",
    "subscribers:write", "segments:write",
)  # fmt: skip
PUBLIC_URL = "http://127.0.0.1:8080"
CAMDEN = {"type": "Polygon", "coordinates": [[[-0.2, 51.5], [-0.1, 51.5], [-0.1, 51.6], [-0.2, 51.6], [-0.2, 51.5]]]}


@dataclass
class House:
    """A served web, and what stands behind it. `now` is its clock."""

    parts: Parts
    client: TestClient[Any, Any]
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    keys: dict[str, str] = field(default_factory=dict)

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
        signed = {
            "webhook-id": identifier,
            "webhook-timestamp": str(int(self.now.timestamp())),
            "webhook-signature": Webhook(secret).sign(identifier, self.now, data.decode()),
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
async def house(databases: Databases, database_url: str) -> AsyncIterator[House]:
    """The web on both databases."""
    env = {
        "ALERTS_DATABASE_URL": database_url,
        "ALERTS_SECRET_KEY": "c2VjcmV0" * 8,
        "ALERTS_MASTER_KEY": __import__("base64").b64encode(MASTER_KEY).decode(),
    }
    settings = settings_of.load(env)
    vault = Vault(databases.keys, settings.master_key)
    codec = Codec(CATALOGUE, vault)
    log = EventLog(databases.main, codec)
    box: list[House] = []

    def clock() -> datetime:
        return box[0].now if box else datetime.now(UTC)

    writer = GroupCommitWriter(databases.main, codec, clock, flush_keys=vault.flush, grown=log.grown)
    runner = Runner(log, databases.views, projections(), clock)
    runner.start()
    follower = Follower(log, AudienceColumns(), Registers(), clock=clock)
    follower.start()
    commands = Commands(
        writer=writer,
        log=log,
        database=databases.main,
        addresses=Addresses(settings.secret_key),
        audience=follower,
        erase_key=vault.destroy,
        clock=clock,
    )
    await commands.define_built_in_topics()
    views = Views(databases.views, runner, vault)
    reads = ThreadPoolExecutor(4)
    dispatch = cast(Any, None)
    parts = Parts(
        settings=settings, clock=clock, log=log, writer=writer, codec=codec, commands=commands, views=views,
        directory=views.directory, runner=runner, follower=follower, dispatch=dispatch,
        explainer=Explainer(log, views, dispatch), renderer=cast(Any, None), inbox=None, reads=reads,
        topics=frozenset(CATALOGUE.events), version="test", projections=runner.positions,
    )  # fmt: skip
    async with TestClient(TestServer(build(parts, MODULES, page_of_error))) as client:
        box.append(House(parts, client))
        yield box[0]
    follower.stop()
    runner.stop()
    writer.close()
    log.close()
    reads.shutdown()
