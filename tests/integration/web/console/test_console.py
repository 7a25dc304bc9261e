"""The console: sign-in by a link that works once, and how a dispatch reads."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from alerts.commands.actor import SYSTEM
from tests.support.scene import Scene, plan_of


async def test_the_console_is_for_members_by_a_link_that_works_once(scene: Scene, client: Any) -> None:
    for path in ("/console", "/console/log", "/console/notices"):
        assert (await client.get(path)).status == 401, path
    member = await scene.commands.invite_member(SYSTEM, "r.adeyemi@town.example", "viewer", "R. Adeyemi")
    assert scene.app.runner.wait_for(scene.app.writer.position(), 10)
    token = scene.parts.sessions.new_link(member.id).token
    path = f"/console/sign-in/{token}"
    assert (await client.get(path)).status == 200
    assert (await client.get("/console")).status == 401, "a GET signs nobody in"
    signed = await client.post(path, allow_redirects=False)
    assert signed.status == 303 and signed.headers["Location"] == "/console"
    assert "HttpOnly" in signed.headers["Set-Cookie"]
    assert (await client.post(path)).status == 404, "the link works once"
    scene.london()
    fire = scene.fire()
    today = await (await client.get("/console")).text()
    assert "R. Adeyemi, viewer" in today and "Warehouse fire" in today and "All well" in today
    notice = await (await client.get(f"/console/notices/{fire}")).text()
    assert "Go indoors now." in notice and "Danger to life" in notice and "Notice issued" in notice
    log = await (await client.get("/console/log")).text()
    assert "Place defined" in log and "Older" in log
    assert "Notice issued" not in await (await client.get("/console/log?before=20")).text()
    assert "Warehouse fire" in await (await client.get("/console/notices")).text()
    for missing in ("/console/notices/x", f"/console/notices/{UUID(int=1)}", "/console/notices?cursor=x"):
        assert (await client.get(missing)).status == 404, missing
    out = await client.post("/console/sign-out", allow_redirects=False)
    assert out.status == 303
    assert (await client.get("/console")).status == 401


async def test_the_console_shows_how_a_dispatch_went_and_what_failed_and_why(sending: Scene, sender: Any) -> None:
    sending.london()
    await sending.resident()
    await sending.resident(email="no-such-mailbox@resident.example")
    fire = sending.notice(plan_of("smoke"), danger=True)
    await sending.arrived(1)
    member = await sending.commands.invite_member(SYSTEM, "a@town.example", "viewer", "A")
    sending.app.runner.wait_for(sending.app.writer.position(), 10)
    token = sending.parts.sessions.new_link(member.id).token
    await sender.post(f"/console/sign-in/{token}", allow_redirects=False)
    for _ in range(100):
        text = await (await sender.get(f"/console/notices/{fire}")).text()
        if "refused for good" in text and "1 sent" in text:
            break
        await sending.arrived(99, timeout=0.1)
    assert "2 people, 2 messages" in text and "1 sent" in text and "1 failed" in text
    assert "550 5.1.1 no such mailbox" in text
