"""Notifications to the team's own browsers, encrypted and decrypted for real; on both databases."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from alerts.commands.actor import SYSTEM
from alerts.domain.reference_data import MemberState
from alerts.web.http.auth import caught_up
from tests.integration.web.console.test_compose import WORDS, drafted
from tests.support.officer import Officer, officer
from tests.support.served import Served

DEVICES = "/console/account/devices"


@pytest.fixture
def more_settings(unused_tcp_port: int) -> dict[str, str]:
    """The product at an address that it can call: its push service is the inbox."""
    return {"ALERTS_PUBLIC_URL": f"http://127.0.0.1:{unused_tcp_port}"}


async def added(served: Served, member: Officer, name: str, label: str = "Night phone") -> int:
    """Add a browser of the inbox to a member's devices; the status."""
    device = await served.ok("GET", f"/inbox/push/{name}", {})
    answer = await served.client.post(DEVICES, json={**device, "label": label}, headers=member.headers)
    return answer.status


async def team(served: Served) -> dict[str | None, MemberState]:
    """Members by name, as the read models have them once they have caught up."""
    await caught_up(served.parts)
    return {one.name: one for one in served.parts.views.members()}


async def shown(served: Served, name: str) -> list[dict[str, Any]]:
    """Notifications that a browser of the inbox decrypted, in order."""
    items = (await served.ok("GET", "/inbox.json", {}))["items"]
    return [msgspec.json.decode(item["text"]) for item in items if item["to"].endswith(f"/inbox/push/{name}")]


async def test_member_adds_and_removes_a_device(served: Served) -> None:
    author = await officer(served, "ann", "author")
    assert await added(served, author, "night") == 200
    [first] = await shown(served, "night")
    assert first["title"] == "Notifications are on" and first["url"].endswith("/console")
    assert await added(served, author, "night", " Night\u202e  phone, again ") == 200, "a repetition renews it"
    await author.open("/console/account")
    assert author.text.count("Night phone, again") == 2 and "<b>Night phone</b>" not in author.text
    await author.press(within='name="device"')
    assert "Night phone" not in author.text
    member = (await team(served))["ann"]
    topics = [recorded.event.topic() for recorded in served.parts.log.stream(member.id)]
    assert topics[-4:] == ["TeamDeviceAdded", "TeamDeviceRemoved", "TeamDeviceAdded", "TeamDeviceRemoved"]


async def test_strange_devices_are_refused_with_words(served: Served) -> None:
    author = await officer(served, "ann", "author")
    device = await served.ok("GET", "/inbox/push/night", {})
    for body, status, words in (
        ({**device, "label": "x", "endpoint": "https://evil.example/push"}, 422, "push services that are known"),
        ({**device, "label": "x", "keys": {"auth": "AAAA", "p256dh": "AAAA"}}, 422, "16 bytes"),
        ({"label": "x"}, 422, ""),
    ):
        answer = await served.client.post(DEVICES, json=body, headers=author.headers)
        assert answer.status == status and words in await answer.text(), await answer.text()
    for number in range(11):
        served.shift += timedelta(minutes=1)
        status = await added(served, author, f"one-{number}")
        assert status == (200 if number < 10 else 422), number


async def test_device_follows_whoever_adds_it_and_ends_with_the_role(served: Served) -> None:
    ann, kofi = await officer(served, "ann", "author"), await officer(served, "kofi", "approver")
    assert await added(served, ann, "shared") == 200
    assert await added(served, kofi, "shared") == 200
    devices, members = served.parts.team_devices, await team(served)
    assert devices.of(members["ann"].id) == []
    [kept] = devices.of(members["kofi"].id)
    await devices.forget(kept._replace(address="older keys"))
    assert devices.of(members["kofi"].id) == [kept], "it has come back with other keys meanwhile"
    await served.parts.commands.remove_member(SYSTEM, members["kofi"].id)
    assert devices.of(members["kofi"].id) == []


async def test_planted_row_is_no_device(served: Served) -> None:
    ann, kofi = await officer(served, "ann", "author"), await officer(served, "kofi", "approver")
    assert await added(served, ann, "own") == 200 and await added(served, kofi, "other") == 200
    members = await team(served)

    def plant(unit: Any) -> None:
        unit.write("UPDATE team_devices SET member = ?", (members["ann"].id.bytes,))

    await served.parts.writer.run(plant, by="system")
    assert [device.label for device in served.parts.team_devices.of(members["ann"].id)] == ["Night phone"]


async def test_approval_is_asked_in_the_browser_too(served: Served) -> None:
    approver = await officer(served, "kofi", "approver")
    assert await added(served, approver, "kofi") == 200
    author = await officer(served, "ann", "author")
    notice = await drafted(author)
    await author.press("check")
    await author.press()
    assert author.url == f"/console/notices/{notice}", author.text[:2000]
    for _ in range(100):
        if len(found := await shown(served, "kofi")) > 1:
            break
        await asyncio.sleep(0.05)
    assert found[-1]["title"] == f"Approval asked: {WORDS['title_en']}" and found[-1]["url"].endswith("/approve")


async def test_ended_sign_ins_end_the_devices_too(served: Served) -> None:
    ann = await officer(served, "ann", "author")
    assert await added(served, ann, "lost") == 200
    member = (await team(served))["ann"]
    await served.parts.commands.end_sign_ins(SYSTEM, member.id)
    assert served.parts.team_devices.of(member.id) == [], "a lost laptop shows nothing any more"
