"""Notifications to the team's own browsers, encrypted and decrypted for real; on both databases."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from alerts.channels.message import Message, SendResult
from alerts.channels.replies import Answers
from alerts.commands.actor import SYSTEM
from alerts.commands.team_devices import TeamDevices
from alerts.dispatch.alarm_messages import AlarmMessages
from alerts.dispatch.alarms import Alarm
from alerts.dispatch.team_ways import TeamWays
from alerts.domain.reference_data import MemberState
from alerts.kernel.terms import Channel
from alerts.web.http.auth import caught_up
from tests.integration.web.console.test_compose import WORDS, drafted
from tests.support.officer import Officer, officer
from tests.support.rig import SENDER, Scripted
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


async def approval_asked(served: Served) -> None:
    """An author asks for the approval of a notice."""
    author = await officer(served, "ann", "author")
    notice = await drafted(author)
    await author.press("check")
    await author.press()
    assert author.url == f"/console/notices/{notice}", author.text[:2000]


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
    await approval_asked(served)
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


async def test_renewed_subscription_is_taken_over(served: Served) -> None:
    approver = await officer(served, "kofi", "approver")
    device = await served.ok("GET", "/inbox/push/before", {})
    answer = await served.client.post(DEVICES, json={**device, "label": "Night phone"}, headers=approver.headers)
    token = (await answer.json())["token"]
    served.client.session.cookie_jar.clear()
    renewed = await served.ok("GET", "/inbox/push/after", {})
    for _ in range(2):  # its answer may be lost: the browser says it again, by the same token
        said = await served.ok("POST", "/push/subscriptions", {}, {"token": token, **renewed}, 201)
    member = (await team(served))["kofi"]
    [kept] = served.parts.team_devices.of(member.id)
    assert kept.label == "Night phone" and "after" in kept.address
    await approval_asked(served)
    for _ in range(100):
        if found := await shown(served, "after"):
            break
        await asyncio.sleep(0.05)
    assert found[-1]["title"] == f"Approval asked: {WORDS['title_en']}", "decrypted by the new keys"
    assert len(await shown(served, "before")) == 1, "the first notification alone"

    again = await served.ok("GET", "/inbox/push/third", {})
    await served.ok("POST", "/push/subscriptions", {}, {"token": said["token"], **again}, 201)
    assert "third" in served.parts.team_devices.of(member.id)[0].address


async def test_token_of_a_removed_or_foreign_device_renews_nothing(served: Served) -> None:
    ann, kofi = await officer(served, "ann", "author"), await officer(served, "kofi", "approver")
    device = await served.ok("GET", "/inbox/push/ann", {})
    answer = await served.client.post(DEVICES, json={**device, "label": "x"}, headers=ann.headers)
    token = (await answer.json())["token"]
    assert await added(served, kofi, "kofi") == 200
    theirs, other = await served.ok("GET", "/inbox/push/kofi", {}), await served.ok("GET", "/inbox/push/new", {})
    members, devices = await team(served), served.parts.team_devices
    await served.ok("POST", "/push/subscriptions", {}, {"token": token, **theirs}, 403)
    for made_up in ("x", token[:-2], f"{token}A"):
        await served.ok("POST", "/push/subscriptions", {}, {"token": made_up, **other}, 403)
    await served.ok(
        "POST",
        "/push/subscriptions",
        {},
        {"token": token, "endpoint": "https://evil.example/x", "keys": other["keys"]},
        422,
    )
    assert len(devices.of(members["ann"].id)) == len(devices.of(members["kofi"].id)) == 1
    await served.parts.commands.end_sign_ins(SYSTEM, members["ann"].id)
    await served.ok("POST", "/push/subscriptions", {}, {"token": token, **other}, 403)
    assert devices.of(members["ann"].id) == []


async def test_device_that_fails_is_asked_after_growing_waits(served: Served) -> None:
    author = await officer(served, "ann", "author")
    assert await added(served, author, "flat") == 200
    devices, member = served.parts.team_devices, (await team(served))["ann"]
    parts = served.parts
    other = TeamDevices(parts.writer, devices._database, parts.settings.secret_key, devices._rules.endpoints)
    [device] = devices.of(member.id)
    down = Scripted("push", lambda _: SendResult(result="temporary", reason="503"))
    here, there = TeamWays({"push": down}, devices), TeamWays({"push": down}, other)
    [way] = here.of([member])
    waits = []
    for _ in range(12):
        results = [await ways.send(way, message, "alarm") for ways in (here, there)]
        assert [one.reason for one in results] == ["503", "this device failed: it waits"], "two processes agree"
        waits.append(round(results[1].retry_after or 0))
        served.shift += timedelta(seconds=waits[-1] + 1)
    assert waits == [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600, 3600] and len(down.handed) == 12
    both = await asyncio.gather(devices.may_ask(device), other.may_ask(device))
    assert sorted(wait > 0 for wait in both) == [False, True], "one of them asks it"
    served.shift += timedelta(hours=2)
    well = TeamWays({"push": Scripted("push")}, devices)
    assert (await well.send(way, message, "alarm")).result == "sent" and await other.may_ask(device) == 0
    gone = Scripted("push", lambda _: SendResult(result="permanent", reason="410", retire="gone"))
    await TeamWays({"push": gone}, devices).send(way, message, "alarm")
    assert devices.of(member.id) == []


async def test_mail_does_not_wait_for_a_device_that_hangs(served: Served) -> None:
    author = await officer(served, "ann", "admin")
    assert await added(served, author, "hangs") == 200
    member, parts = (await team(served))["ann"], served.parts
    mail, push = Scripted("email"), Scripted("push", lambda _: SendResult(result="not-begun"), delay=30)
    seconds = 0.0
    messages = AlarmMessages(
        parts.team_devices._database,
        parts.writer,
        TeamWays({"email": mail, "push": push}, parts.team_devices),
        Answers(sender=SENDER, clock=parts.clock),
        lambda _: [member],
        tick=lambda: seconds,
    )
    alarm = Alarm(name="channel:test", words="Nothing leaves.", since=served.now)
    await messages.tell([alarm])
    seconds = 20.0
    telling = asyncio.create_task(messages.tell([alarm]))
    for _ in range(100):
        if push.handed:
            break
        await asyncio.sleep(0.02)
    assert len(mail.handed) == len(push.handed) == 1, "the mail went first"
    telling.cancel()


def message(channel: Channel, to: str, delivery: str) -> Message:
    return Message(channel=channel, delivery=delivery, to=to, data=b"{}", sender="")
