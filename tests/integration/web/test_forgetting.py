"""P12: after an erasure nothing that a person told us is readable anywhere, on either database."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.served import Served, settled

EMAIL, PHONE = "kanari.first@zeisig.example", "+442079460007"
CANARIES = (
    EMAIL, "kanari", "zeisig", PHONE[1:], "Grandma Zwitscher", "Wordingcanary", "Formcanary", "51.501357", "0.141897",
)  # fmt: skip
PERSON: dict[str, Any] = {
    "email": EMAIL,
    "phone": PHONE,
    "places": [{"lat": 51.501357, "lon": -0.141897, "radius_km": 1, "name": "Grandma Zwitscher"}],
    "confirmed": True,
    "consent": {"wording": "Wordingcanary", "given_at": "2026-01-01T00:00:00+00:00", "how": "Formcanary"},
}
NEAR = {"circle": {"lat": 51.5, "lon": -0.14, "radius_km": 2}}


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of the product, write-ahead logs included."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.name, path.read_bytes()


def tables(url: str) -> Iterator[tuple[str, bytes]]:
    """Every row of every table of a PostgreSQL database, as text and, of what is binary, as bytes."""
    import psycopg

    listed = "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    with psycopg.connect(url) as connection:
        for schema, name in connection.execute(listed).fetchall():
            for row in connection.execute(f'SELECT * FROM "{schema}"."{name}"'):
                yield (
                    f"{schema}.{name}",
                    b"\n".join(bytes(v) if isinstance(v, bytes | memoryview) else str(v).encode() for v in row),
                )


def found(places: Iterator[tuple[str, bytes]]) -> set[tuple[str, str]]:
    """(where, what) of every canary that is readable."""
    return {(where, c) for where, data in places for c in CANARIES if c.lower().encode() in data.lower()}


async def test_after_an_erasure_nothing_of_a_person_is_readable(
    served: Served, migrated_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    def stored() -> Iterator[tuple[str, bytes]]:
        return files(tmp_path) if migrated_url.startswith("sqlite") else tables(migrated_url)

    key = await served.key(policy="issue")
    person = await served.ok("POST", "/api/v1/subscribers", {**key, "Idempotency-Key": "k"}, PERSON, 201)
    wider = {"places": [{**PERSON["places"][0], "radius_km": 2}]}
    await served.ok("PATCH", f"/api/v1/subscribers/{person['id']}", {**key, "If-Match": "*"}, wider)
    body = {"kind": "alert", "area": NEAR, "content": {"en": {"title": "Smoke", "body": "Stay inside."}}}
    notice = (await served.ok("POST", "/api/v1/notices", key, body, 201))["id"]
    await served.ok("POST", f"/api/v1/notices/{notice}/issue", key, {}, 202)
    assert (await settled(served, key, notice))["by_channel"] == {"email": {"sent": 1}, "sms": {"sent": 1}}
    deliveries = (await served.ok("GET", f"/api/v1/deliveries?notice={notice}", key))["items"]
    assert {c for _, c in found(stored())} >= {EMAIL, PHONE[1:]}, "the search finds what the local inbox holds"

    erased = await served.ok("DELETE", f"/api/v1/subscribers/{person['id']}?erase=true", key)
    await asyncio.to_thread(served.parts.runner.wait_for, erased["position"], 5.0)
    assert found(stored()) == set()
    asked = [
        "/api/v1/events?limit=1000", "/api/v1/subscribers", f"/api/v1/subscribers/{person['id']}", "/inbox.json",
        f"/api/v1/deliveries?notice={notice}", f"/api/v1/notices/{notice}/why-not/{person['id']}", "/inbox",
        f"/alerts/{notice}", *[f"/api/v1/deliveries/{d['id']}/why" for d in deliveries],
    ]  # fmt: skip
    answers: list[tuple[str, bytes]] = []
    for path in asked:
        answer = await served.client.get(path, headers=key)
        assert answer.status == 200, path
        answers.append((path, await answer.read()))
    assert found(iter(answers)) == set()
    assert found(iter([("log", caplog.text.encode())])) == set()


async def test_an_erasure_takes_nobody_elses_messages(served: Served) -> None:
    key = await served.key(policy="issue")
    gone = await served.ok("POST", "/api/v1/subscribers", key, PERSON, 201)
    await served.ok("POST", "/api/v1/subscribers", key, {**PERSON, "email": "b@example.org", "phone": None}, 201)
    body = {"kind": "alert", "area": NEAR, "content": {"en": {"title": "Smoke"}}}
    notice = (await served.ok("POST", "/api/v1/notices", key, body, 201))["id"]
    await served.ok("POST", f"/api/v1/notices/{notice}/issue", key, {}, 202)
    await settled(served, key, notice)
    await served.ok("DELETE", f"/api/v1/subscribers/{gone['id']}?erase=true", key)
    left: list[dict[str, Any]] = (await served.ok("GET", "/inbox.json", {}))["items"]
    assert [item["to"] for item in left] == ["b@example.org"]


async def test_erasure_covers_receipts_and_inbound_texts(served: Served, migrated_url: str, tmp_path: Path) -> None:
    """Push endpoints and their keys, texts that came in, words of providers and mail servers."""
    key = await served.key(policy="issue")
    device = await served.ok("GET", "/inbox/push/kanari-device", {})
    canaries = (*CANARIES, "kanari-device", device["keys"]["auth"], device["keys"]["p256dh"], "7946 0007", "07946")
    person = await served.ok("POST", "/api/v1/subscribers", key, {**PERSON, "push": device}, 201)
    contacts = {c["channel"]: int(c["id"]) for c in person["contact_points"]}
    body = {"kind": "alert", "area": NEAR, "channels": ["sms", "email"], "content": {"en": {"title": "Smoke"}}}
    notice = (await served.ok("POST", "/api/v1/notices", key, body, 201))["id"]
    await served.ok("POST", f"/api/v1/notices/{notice}/issue", key, {}, 202)
    await settled(served, key, notice)
    commands = served.parts.commands
    words = f"{PHONE} (also 020 7946 0007) and <{EMAIL}> refused it"
    assert (await commands.take_receipt("twilio", 1, contacts["sms"], "failed", words)).created
    assert (await commands.take_bounce("smtp", "soft", contact=contacts["email"], notice=1, reason=words)).created
    assert (await commands.take_inbound("twilio", PHONE, "stop", external_id="SM1")).created

    erased = await served.ok("DELETE", f"/api/v1/subscribers/{person['id']}?erase=true", key)
    await asyncio.to_thread(served.parts.runner.wait_for, erased["position"], 5.0)
    stored = files(tmp_path) if migrated_url.startswith("sqlite") else tables(migrated_url)
    events = await served.client.get("/api/v1/events?limit=1000", headers=key)
    places = [*stored, ("/events", await events.read())]
    assert {(where, c) for where, data in places for c in canaries if c.lower().encode() in data.lower()} == set()
