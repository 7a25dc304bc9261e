"""Limit of confirmations: one a day to an address, also after an erasure."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

from alerts.kernel.signed_tokens import contact_token
from tests.support.served import Served

PLACE = {"lat": 51.5, "lon": -0.1, "radius_km": 1}
PHONE = "+447700900123"


async def ask(served: Served, key: dict[str, str], **address: str) -> tuple[UUID, int]:
    """Ask for a subscription that has to be confirmed."""
    body = {"places": [PLACE], **address}
    made = await served.ok("POST", "/api/v1/subscribers", key, body, 201)
    return UUID(made["id"]), int(made["contact_points"][0]["id"])


async def sent(served: Served, to: str, wanted: int) -> int:
    """Count the messages to an address: once so many are there, and a while later, so that one too many is seen."""
    found, rest = -1, 0
    for _ in range(200):
        items = (await served.ok("GET", "/inbox.json", {}))["items"]
        found = sum(item["to"] == to for item in items)
        rest = rest + 1 if found >= wanted else 0
        if rest > 10:
            break
        await asyncio.sleep(0.05)
    return found


async def test_erasure_does_not_forget_who_was_asked(served: Served) -> None:
    key = await served.key("subscribers:write")
    for wanted in (1, 0, 0, 0):  # an erasure empties the inbox too
        who, _ = await ask(served, key, phone=PHONE)
        assert await sent(served, PHONE, wanted) == wanted
        await served.ok("DELETE", f"/api/v1/subscribers/{who}?erase=true", key)


async def test_asking_again_for_an_address_sends_nothing_new(served: Served) -> None:
    key = await served.key("subscribers:write")
    first, contact = await ask(served, key, phone=PHONE)
    assert await sent(served, PHONE, 1) == 1
    second, _ = await ask(served, key, email="a@example.org")
    again, _ = await ask(served, key, email="a@example.org", phone=PHONE)
    assert again == second != first, "the telephone is another's now"
    assert await sent(served, "a@example.org", 1) == 1 and await sent(served, PHONE, 1) == 1
    link = contact_token(served.parts.settings.secret_key, "confirm", first, contact)
    assert (await served.client.post(f"/confirm/{link}")).status == 200, "the one link that came still confirms"
    found = await served.ok("GET", f"/api/v1/subscribers/{second}", await served.key("subscribers:read"))
    assert {point["channel"]: point["state"] for point in found["contact_points"]}["sms"] == "verified"


async def test_asked_addresses_are_forgotten_after_a_day(served: Served) -> None:
    key = await served.key("subscribers:write")
    who, _ = await ask(served, key, email="a@example.org")
    assert await sent(served, "a@example.org", 1) == 1
    await served.ok("DELETE", f"/api/v1/subscribers/{who}?erase=true", key)
    served.shift += timedelta(hours=24, seconds=1)
    await ask(served, key, email="a@example.org")
    assert await sent(served, "a@example.org", 1) == 1
    served.shift += timedelta(hours=24, seconds=1)
    await served.parts.commands.forget_asked_addresses()
    with served.parts.sessions._database.read() as tx:
        assert tx.execute("SELECT COUNT(*) FROM asked_addresses")[0][0] == 0


async def test_number_taken_before_a_rule_stays(served: Served) -> None:
    key = await served.key("subscribers:write")
    commands = served.parts.commands
    usual, commands._sms_prefixes = commands._sms_prefixes, ("+",)
    who, _ = await ask(served, key, phone="+353861234567")
    commands._sms_prefixes = usual
    path, edit = f"/api/v1/subscribers/{who}", {**key, "If-Match": "*"}
    await served.ok("PATCH", path, edit, {"language": "cy"})
    await served.ok("PATCH", path, edit, {"phone": "+353861234568"}, 422)
