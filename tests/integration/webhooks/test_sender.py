"""Outgoing webhooks: in order, signed, tried again, switched off, replayed; nothing missed over a restart."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import UUID

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from standardwebhooks import Webhook

from alerts import settings as settings_of
from alerts.app import bootstrap, schema
from alerts.app.periodic_jobs import periodic_jobs
from alerts.commands import SYSTEM, Actor
from alerts.contract.bodies import WebhookBody
from alerts.net.safe_client import SafeHttpClient
from alerts.web.http.app import build
from alerts.webhooks.sender import WebhookSender
from tests.support.databases import MASTER_KEY
from tests.support.served import CAMDEN, EVERYTHING, PUBLIC_URL, Served, problem

HOOKS = "/api/v1/webhooks"
QUICK = (0.05, 0.05)


@dataclass
class Target:
    """A program that is told of events. `answers` are given first, then 204; all it got is kept."""

    url: str = ""
    answers: list[web.Response] = field(default_factory=list)
    got: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    refused: int = 0
    secret: str = ""
    stall: float = 0.0

    async def take(self, request: web.Request) -> web.Response:
        """The hook."""
        raw = await request.read()
        await asyncio.sleep(self.stall)
        if self.secret:
            Webhook(self.secret).verify(raw, dict(request.headers))
        if self.answers:
            self.refused += 1
            self.headers.append(dict(request.headers))
            return self.answers.pop(0)
        self.headers.append(dict(request.headers))
        self.got.append((request.headers["webhook-id"], msgspec.json.decode(raw)))
        return web.Response(status=204)

    @property
    def positions(self) -> list[int]:
        """Of all it has taken, in the order of their coming."""
        return [body["data"]["position"] for _, body in self.got]

    @property
    def streams(self) -> list[str]:
        """The things that all it has taken speaks of."""
        return [body["data"]["stream"] for _, body in self.got]


@pytest.fixture
async def target() -> AsyncIterator[Target]:
    """A listening target."""
    found = Target()
    app = web.Application()
    app.router.add_post("/hook", found.take)
    server = TestServer(app)
    await server.start_server()
    found.url = str(server.make_url("/hook"))
    try:
        yield found
    finally:
        await server.close()


@pytest.fixture
async def served(database_url: str, tmp_path: Path) -> AsyncIterator[Served]:
    """The web without a sender of its own; each test starts one that is quick to try again."""
    settings = _settings(database_url)
    box: list[Served] = []
    schema.migrate_all(settings)
    app = bootstrap.build(settings, ("web",), clock=lambda: box[0].now if box else datetime.now(UTC))
    await app.start()
    try:
        async with TestClient(TestServer(build(app.services))) as client:
            box.append(Served(app.services, client))
            yield box[0]
    finally:
        await app.stop()


def _settings(database_url: str, **more: str) -> settings_of.Settings:
    return settings_of.load(
        {
            "ALERTS_DATABASE_URL": database_url,
            "ALERTS_SECRET_KEY": "c2VjcmV0" * 8,
            "ALERTS_MASTER_KEY": base64.b64encode(MASTER_KEY).decode(),
            "ALERTS_PUBLIC_URL": PUBLIC_URL,
            "ALERTS_ALLOW_PRIVATE_TARGETS": "true",
            **more,
        }
    )


class Running:
    """A sender with its periodic job."""

    def __init__(self, sender: WebhookSender) -> None:
        self.sender, self._jobs = sender, periodic_jobs(webhooks=sender)

    def start(self) -> None:
        self._jobs.start()

    async def stop(self) -> None:
        await self.sender.stop()
        await self._jobs.stop()


def sender_of(served: Served, **more: Any) -> Running:
    """A sender beside the web, as a worker process has it."""
    parts: Any = served.parts
    database = parts.webhooks._database
    given = {"clock": lambda: served.now, "schedule": QUICK, **more}
    client = SafeHttpClient(allow_private=True, total_s=2.0)
    return Running(
        WebhookSender(database, parts.writer, parts.log, parts.codec, client, parts.commands.disable_webhook, **given)
    )


async def key_of(served: Served) -> dict[str, str]:
    """Headers with a key that may do everything, webhooks too."""
    return await served.key(*EVERYTHING, "webhooks:write")


async def add(served: Served, key: dict[str, str], target: Target, *events: str, **more: Any) -> dict[str, Any]:
    """Add a webhook; the target checks its signatures from here on."""
    made: dict[str, Any] = await served.ok(
        "POST", HOOKS, key, {"url": target.url, "events": list(events or ("*",)), **more}, 201
    )
    target.secret = made["secret"]
    return made


async def until(holds: Callable[[], bool], seconds: float = 8.0) -> None:
    """Wait until it holds."""
    for _ in range(int(seconds / 0.02)):
        if holds():
            return
        await asyncio.sleep(0.02)
    assert holds()


async def report(served: Served, key: dict[str, str], *headlines: str, **more: Any) -> list[str]:
    """Report incidents; their ids."""
    made = [await served.ok("POST", "/api/v1/incidents", key, {"headline": h, **more}, 201) for h in headlines]
    return [one["id"] for one in made]


async def test_events_come_in_order_and_signed(served: Served, target: Target) -> None:
    key = await key_of(served)
    await report(served, key, "before")
    made = await add(served, key, target, "IncidentReported")
    sender = sender_of(served)
    sender.start()
    try:
        await report(served, key, *(f"fire {n}" for n in range(20)))
        await until(lambda: len(target.got) == 20)
    finally:
        await sender.stop()
    assert target.positions == sorted(target.positions)
    feed = await served.ok("GET", f"/api/v1/events?type=IncidentReported&after={made['position']}", key)
    assert [body["data"] for _, body in target.got] == feed["items"], "what the feed shows, nothing from before"
    assert {body["type"] for _, body in target.got} == {"IncidentReported"}
    assert [body["timestamp"] for _, body in target.got] == [item["at"] for item in feed["items"]]
    shown = await served.ok("GET", f"{HOOKS}/{made['id']}", key)
    assert shown["state"] == "on" and shown["position"] >= target.positions[-1] and shown["last_taken_at"]
    assert "secret" not in shown


async def test_the_same_id_at_every_try_and_no_event_missed(served: Served, target: Target) -> None:
    key = await key_of(served)
    target.answers = [
        web.Response(status=500),
        web.Response(status=302, headers={"Location": target.url}),
        web.Response(status=429, headers={"Retry-After": "1"}),
    ]
    made = await add(served, key, target, "IncidentReported")
    sender = sender_of(served)
    sender.start()
    try:
        begun = asyncio.get_running_loop().time()
        await report(served, key, "one", "two")
        await until(lambda: target.refused == 2)
        shown = await served.ok("GET", f"{HOOKS}/{made['id']}", key)
        assert shown["state"] == "failing" and "answered" in shown["reason"] and shown["next_try"]
        await until(lambda: len(target.got) == 2)
        assert asyncio.get_running_loop().time() - begun > 1.0, "Retry-After is obeyed"
    finally:
        await sender.stop()
    ids = [headers["webhook-id"] for headers in target.headers]
    assert len(set(ids[:4])) == 1 and len(set(ids)) == 2
    assert [body["data"]["data"]["facts"]["headline"]["en"] for _, body in target.got] == ["one", "two"]


async def test_gone_is_gone_until_replayed(served: Served, target: Target) -> None:
    key = await key_of(served)
    target.answers = [web.Response(status=410)]
    made = await add(served, key, target, "IncidentReported", "WebhookDisabled")
    sender = sender_of(served)
    sender.start()
    try:
        first, second = await report(served, key, "one", "two")

        async def state() -> dict[str, Any]:
            found: dict[str, Any] = await served.ok("GET", f"{HOOKS}/{made['id']}", key)
            return found

        for _ in range(200):
            if (await state())["state"] == "disabled":
                break
            await asyncio.sleep(0.02)
        assert "410" in (await state())["reason"] and not target.got
        answer = await served.client.post(f"{HOOKS}/{made['id']}/replay", headers=key)
        assert answer.status == 202, await answer.text()
        await until(lambda: len(target.got) == 3)
        assert target.streams[:2] == [first, second], "on from where it stood"
        assert (await state())["state"] == "on"
        await served.ok("POST", f"{HOOKS}/{made['id']}/replay?after=0", key, None, 202)
        await until(lambda: len(target.got) == 6)
        assert target.positions[3:] == target.positions[:3] and len(dict(target.got)) == 3, "the same ids again"
    finally:
        await sender.stop()


async def test_days_of_failure_switch_it_off(served: Served, target: Target) -> None:
    key = await key_of(served)
    target.answers = [web.Response(status=503) for _ in range(100)]
    made = await add(served, key, target, "IncidentReported")
    sender = sender_of(served)
    sender.start()
    try:
        await report(served, key, "one")
        await until(lambda: target.refused >= 3)
        assert (await served.ok("GET", f"{HOOKS}/{made['id']}", key))["state"] == "failing"
        served.shift = timedelta(days=3)
        await until(lambda: served.parts.webhooks.one(UUID(made["id"])).webhook.phase == "disabled")  # type: ignore[union-attr]
        refused = target.refused
        await asyncio.sleep(0.3)
        assert target.refused == refused, "nothing more is posted"
    finally:
        await sender.stop()
    events = await served.ok("GET", "/api/v1/events?type=WebhookDisabled", key)
    assert "failed since" in events["items"][0]["data"]["reason"]


async def test_one_that_stalls_delays_no_other(served: Served, target: Target) -> None:
    key = await key_of(served)
    slow = Target(stall=30)
    app = web.Application()
    app.router.add_post("/hook", slow.take)
    async with TestServer(app) as server:
        slow.url = str(server.make_url("/hook"))
        await add(served, key, slow)
        await add(served, key, target, "IncidentReported")
        sender = sender_of(served)
        sender.start()
        try:
            await report(served, key, "one", "two", "three")
            await until(lambda: len(target.got) == 3, 3.0)
        finally:
            await sender.stop()


async def test_a_webhook_of_an_area_hears_of_that_area(served: Served, target: Target) -> None:
    key = await key_of(served)
    camden = {"slug": "camden", "name": {"en": "Camden"}, "area": CAMDEN}
    await served.ok("POST", "/api/v1/places", key, camden, 201)
    far = {"circle": {"lat": 51.55, "lon": -0.19, "radius_km": 1}}
    outside = {"circle": {"lat": 52.5, "lon": -1.9, "radius_km": 1}}
    point = {"kind": "front-desk", "name": "Desk", "address": "A", "lat": 51.55, "lon": -0.15}
    await add(served, key, target, area={"place": "camden"})
    desk = await served.ok("POST", "/api/v1/service-points", key, point, 201)
    elsewhere = await served.ok("POST", "/api/v1/service-points", key, {**point, "lat": 53.0}, 201)
    inside, _ = await report(served, key, "in", area=far) + await report(served, key, "out", area=outside)
    everywhere = await report(served, key, "everywhere")
    change = {"headline": "Closed", "kind": "closure", "effective": served.now.isoformat()}
    for of in (desk, elsewhere):
        await served.ok("POST", "/api/v1/service-changes", key, {**change, "service_points": [of["id"]]}, 201)
    await served.ok("POST", "/api/v1/topics", key, {"slug": "bees", "name": {"en": "Bees"}}, 201)
    sender = sender_of(served)
    sender.start()
    try:
        end = served.parts.log.position()
        await until(lambda: all(s.position >= end for s in served.parts.webhooks.page(None, 5).items))
    finally:
        await sender.stop()
    heard = [(body["type"], body["data"]["stream"]) for _, body in target.got]
    assert [p for t, p in heard if t == "IncidentReported"] == [inside, *everywhere]
    assert [t for t, _ in heard].count("ServicePointOpened") == 1
    assert [t for t, _ in heard].count("ServiceChangeAnnounced") == 1
    drafted = [body["data"]["data"]["plan"] for _, body in target.got if body["type"] == "NoticeDrafted"]
    assert len(drafted) == 3, "of the incidents in Camden and everywhere, and of the change in Camden"
    assert not {t for t, _ in heard} & {"TopicDefined", "ApiKeyIssued", "WebhookAdded"}


async def test_a_restart_misses_nothing(served: Served, target: Target) -> None:
    key = await key_of(served)
    await add(served, key, target, "IncidentReported")
    reported: list[str] = []
    for _ in range(3):
        sender = sender_of(served)
        sender.start()
        writing = asyncio.create_task(report(served, key, *(f"fire {n}" for n in range(10))))
        seen = len(target.got)
        await until(partial(lambda before: len(target.got) > before + 2, seen))
        await sender.stop()
        reported += await writing
    sender = sender_of(served)
    sender.start()
    await until(lambda: len(set(target.positions)) == 30)
    await sender.stop()
    assert target.positions == sorted(target.positions), "a stop in good order repeats nothing"
    assert target.streams == reported


@pytest.mark.parametrize("step", ["cursors", "release"])
async def test_stop_waits_for_a_hanging_database_only_a_while(
    served: Served, target: Target, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.setattr("alerts.webhooks.sender._STOP", 0.3)
    key = await key_of(served)
    await add(served, key, target, "IncidentReported")
    running, hanging, over = sender_of(served), threading.Event(), threading.Event()
    running.start()
    await report(served, key, "one")
    await until(lambda: len(target.got) == 1)

    def cursors(now: datetime) -> list[Any]:
        hanging.set()
        over.wait(6)
        return []

    async def release() -> None:
        await asyncio.sleep(6)

    monkeypatch.setattr(running.sender._lease, step, {"cursors": cursors, "release": release}[step])
    if step == "cursors":
        await until(hanging.is_set)
    begun = monotonic()
    try:
        await running.stop()
        assert monotonic() - begun < 2.0
    finally:
        over.set()


async def test_of_two_senders_one_posts(served: Served, target: Target) -> None:
    key = await key_of(served)
    await add(served, key, target, "IncidentReported")
    if served.parts.settings.on_sqlite:
        pytest.skip("one process on SQLite")
    senders = [sender_of(served), sender_of(served)]
    for sender in senders:
        sender.start()
    try:
        await report(served, key, *(f"fire {n}" for n in range(10)))
        await until(lambda: len(target.got) >= 10)
        await asyncio.sleep(0.3)
        assert len(target.got) == 10
        holder = next(s for s in senders if s.sender._running)
        await holder.stop()
        senders.remove(holder)
        await report(served, key, "after")
        await until(lambda: len(target.got) == 11)
    finally:
        for sender in senders:
            await sender.stop()


async def test_what_cannot_be_added(served: Served, target: Target) -> None:
    key = await key_of(served)

    async def refused(body: dict[str, Any], status: int, *fields: str) -> None:
        found = await problem(await served.client.post(HOOKS, json=body, headers=key), status)
        assert {error["field"].partition(".")[0] for error in found["errors"]} == set(fields)

    await refused({"url": "ftp://example.org/x", "events": ["*"]}, 422, "url")
    await refused({"url": "https://u:p@example.org/", "events": ["*"]}, 422, "url")
    await refused({"url": target.url, "events": []}, 422, "events")
    await refused({"url": target.url, "events": ["NoSuchThing"]}, 422, "events")
    await refused({"url": target.url, "events": "*"}, 422, "events")
    await refused({"url": target.url, "events": ["*"], "area": {"place": "atlantis"}}, 422, "area")
    await refused({"url": target.url, "events": ["*"], "colour": 1}, 422, "colour")
    reader = await served.key("read")
    await problem(await served.client.get(HOOKS, headers=reader), 403)
    made = await add(served, key, target)
    await problem(await served.client.post(f"{HOOKS}/{made['id']}/replay?after=999999", headers=key), 409)
    await problem(await served.client.post(f"{HOOKS}/{made['id']}/replay?after=x", headers=key), 422)
    assert (await served.client.delete(f"{HOOKS}/{made['id']}", headers=key)).status == 200
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/replay")):
        await problem(await served.client.request(method, f"{HOOKS}/{made['id']}{path}", headers=key), 404)
    assert (await served.ok("GET", HOOKS, key))["items"] == []


async def test_an_idempotency_key_tells_the_same_secret(served: Served, target: Target) -> None:
    key = {**await key_of(served), "Idempotency-Key": "w1"}
    body = {"url": target.url, "events": ["*"]}
    made = [await served.ok("POST", HOOKS, key, body, 201) for _ in range(2)]
    assert made[0] == made[1] and made[0]["secret"].startswith("whsec_")
    assert len((await served.ok("GET", HOOKS, key))["items"]) == 1


async def test_private_targets_are_refused(database_url: str, target: Target) -> None:
    settings = _settings(database_url, ALERTS_ALLOW_PRIVATE_TARGETS="false")
    schema.migrate_all(settings)
    app = bootstrap.build(settings, ("web",))
    await app.start()
    try:
        async with TestClient(TestServer(build(app.services))) as client:
            served = Served(app.services, client)
            key = await key_of(served)
            for url in (target.url, "https://127.0.0.1/x", "https://2130706433/", "https://[::ffff:10.0.0.1]/x"):
                answer = await client.post(HOOKS, json={"url": url, "events": ["*"]}, headers=key)
                assert {e["field"] for e in (await problem(answer, 422))["errors"]} == {"url"}, url
    finally:
        await app.stop()
    assert not target.headers


async def test_a_hundred_replays_of_one_webhook_in_are_one_event(served: Served) -> None:
    secret = await served.source("standard-webhook", "record")
    body = {"type": "incident.reported", "timestamp": served.now.isoformat(), "data": {"headline": "Fire"}}
    answers = await asyncio.gather(*(served.hook("estates", secret, body, identifier="msg_same") for _ in range(100)))
    assert {answer.status for answer in answers} == {202}
    assert len({await answer.text() for answer in answers}) == 1
    key = await key_of(served)
    for kind in ("TriggerReceived", "IncidentReported"):
        assert len((await served.ok("GET", f"/api/v1/events?type={kind}", key))["items"]) == 1


# --- whose it is, and what it may read


async def test_webhook_is_seen_and_changed_by_its_key_alone(served: Served, target: Target) -> None:
    mine, other = await key_of(served), await key_of(served)
    made = await add(served, mine, target)
    one = f"{HOOKS}/{made['id']}"
    assert (await served.ok("GET", HOOKS, other))["items"] == []
    for method, path in (("GET", one), ("DELETE", one), ("POST", f"{one}/replay?after=0")):
        await problem(await served.client.request(method, path, headers=other), 404)
    assert [item["id"] for item in (await served.ok("GET", HOOKS, mine))["items"]] == [made["id"]]
    await served.ok("DELETE", one, mine)


async def test_admins_key_sees_and_removes_every_webhook(served: Served, target: Target) -> None:
    made = await add(served, await key_of(served), target)
    other = await key_of(served)
    member = await served.parts.commands.invite_member(SYSTEM, "admin@example.org", "admin")
    key = await served.key("read", "webhooks:write", person=member.id)
    for reader, seen in ((other, []), (key, [made["id"]])):
        assert [item["id"] for item in (await served.ok("GET", HOOKS, reader))["items"]] == seen
    await served.ok("DELETE", f"{HOOKS}/{made['id']}", key)


async def test_pages_of_a_keys_webhooks_leave_out_others(served: Served, target: Target) -> None:
    mine, other = await key_of(served), await key_of(served)
    made = [(await add(served, key, target))["id"] for key in (mine, other, mine, other, mine)][::2]
    first = await served.ok("GET", f"{HOOKS}?limit=2", mine)
    second = await served.ok("GET", first["next"].removeprefix(PUBLIC_URL), mine)
    assert [item["id"] for item in first["items"] + second["items"]] == made[::-1]
    assert second["next"] is None


async def test_webhook_needs_the_scope_of_the_event_feed(served: Served, target: Target) -> None:
    blind = await served.key("webhooks:write", "notices:write")
    body = {"url": target.url, "events": ["*"]}
    await problem(await served.client.post(HOOKS, headers=blind, json=body), 403)


async def test_webhook_of_an_earlier_version_without_read_is_disabled(served: Served, target: Target) -> None:
    blind = await served.parts.commands.issue_api_key(SYSTEM, "old", ("webhooks:write",))
    actor = Actor(kind="key", id=str(blind.id), scopes=frozenset(("read",)))
    made = await served.parts.commands.add_webhook(actor, WebhookBody(url=target.url, events=("*",)))
    await report(served, await key_of(served), "one")
    sender = sender_of(served)
    sender.start()
    try:
        await until(lambda: served.parts.webhooks.one(made.id).webhook.phase == "disabled")  # type: ignore[union-attr]
    finally:
        await sender.stop()
    assert target.got == []


@pytest.mark.parametrize("how", ["quiet", "retrying"])
async def test_webhook_stops_with_its_key(served: Served, target: Target, how: str) -> None:
    kept = await served.parts.commands.issue_api_key(SYSTEM, "gone", ("read", "webhooks:write"))
    mine = {"Authorization": f"Bearer {kept.secret}"}
    made = await add(served, mine, target, "IncidentReported")
    other = await key_of(served)
    if how == "retrying":
        target.answers += [web.Response(status=500) for _ in range(200)]
    sender = sender_of(served)
    sender.start()
    try:
        await report(served, other, "one")
        await until(lambda: target.refused > 1 if how == "retrying" else len(target.got) == 1)
        await served.parts.commands.revoke_api_key(SYSTEM, kept.id)
        await report(served, other, "two")
        await until(lambda: served.parts.webhooks.one(UUID(made["id"])).webhook.phase == "disabled")  # type: ignore[union-attr]
    finally:
        await sender.stop()
    assert len(target.got) == (0 if how == "retrying" else 1)
    admin = await served.parts.commands.invite_member(SYSTEM, "a@example.org", "admin")
    key = await served.key("read", "webhooks:write", person=admin.id)
    await problem(await served.client.post(f"{HOOKS}/{made['id']}/replay?after=0", headers=key), 409)
