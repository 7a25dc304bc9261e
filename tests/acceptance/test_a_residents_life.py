"""A resident's whole life with the service, over HTTP to a real server, by forms and links alone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.acceptance.test_api_server import Server
from tests.support.form_browser import Form

EMAIL = "amina@resident.example"
AREA = {"circle": {"lat": 51.4886, "lon": -0.0958, "radius_km": 1}}
BOROUGH = {"type": "Polygon", "coordinates": [[[-0.2, 51.4], [0.0, 51.4], [0.0, 51.6], [-0.2, 51.6], [-0.2, 51.4]]]}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    made.start()
    try:
        yield made
    finally:
        made.kill()


async def test_from_sign_up_to_erasure(server: Server) -> None:
    scopes = "read,places:write,notices:write,notices:issue,subscribers:read"
    key = server.run("api-key", "add", "tests", "--scopes", scopes, "--policy", "issue")["secret"]
    ask = {"Authorization": f"Bearer {key}"}
    place = {"slug": "southwark", "name": {"en": "Southwark"}, "area": BOROUGH}
    assert server.ask("POST", "/api/v1/places", place, **ask)[0] == 201
    async with aiohttp.ClientSession(server.url) as session:
        form = Form(session)

        # Sign-up, in four steps and a message.
        await form.open("/subscribe?lang=en")
        await form.press("find", q="51.4886, -0.0958")
        assert "Southwark" in form.text
        await form.press("continue", name="Home")
        await form.press()
        await form.press(email=EMAIL)
        await asyncio.sleep(2.1)
        await form.press(consent="yes")
        assert "One step left" in form.text, form.text
        await form.open(await _link(session, "confirm", 1))
        await form.press()
        assert "Confirmed" in form.text

        # An alert, and why it came.
        alert = await _issued(server, ask, "alert", "Gas leak in Walworth Road", severity="Severe", area=AREA)
        why = await _link(session, "why", 2)
        await form.open(why)
        assert "Gas leak in Walworth Road" in form.text and EMAIL not in form.text
        assert "Home" not in form.text and "within 2 km of a place of yours" in form.text

        # A pause, by the link in that message; it ends early.
        home = await _link(session, "preferences", 2)
        await form.open(home)
        await form.press(within="/pause")
        assert "Paused until" in form.text
        await _issued(server, ask, "announcement", "Market moves", area=AREA)
        await form.press("resume", within='value="resume"')
        assert "The pause is over." in form.text

        # A change, saved and undone.
        await form.open(f"{home}/what")
        await form.press(topic=["safety", "weather"])
        assert "safety, weather" in form.text
        await form.press(within='name="undo"')
        assert "Everything but newsletters" in form.text

        # Out, and back within the week.
        out = await _link(session, "unsubscribe", 2)
        await form.open(out)
        await form.press(within='name="everything"')
        assert "Everything is stopped" in form.text
        await form.press(within='name="undo"')
        assert "alerts come again as before" in form.text

        # Everything that is stored, by a fresh link; then nothing any more.
        await form.open(f"{home}/export")
        assert EMAIL not in form.text
        await form.press("fresh")
        fresh = await _link(session, "preferences", 3)
        await form.open(fresh)
        assert EMAIL in form.text and "Gas leak in Walworth Road" in form.text and "Market moves" not in form.text
        async with session.post(f"{fresh}/export") as answer:
            document = await answer.json()
        assert document["addresses"][0]["address"] == EMAIL
        assert document["preferences"]["places"][0]["name"] == "Home"
        assert [m["notice"] for m in document["messages"] if "Gas" in m["notice"]]
        await form.open(f"{fresh}/erase")
        await form.press("erase")
        assert "This page is your certificate." in form.text
        for path in (fresh, home, out):
            await form.open(path)
            assert EMAIL not in form.text
        assert alert


async def _issued(server: Server, ask: dict[str, str], kind: str, title: str, **more: Any) -> str:
    body = {"kind": kind, "content": {"en": {"title": title, "body": title}}, **more}
    status, notice = await asyncio.to_thread(server.ask, "POST", "/api/v1/notices", body, **ask)
    assert status == 201, notice
    status, issued = await asyncio.to_thread(server.ask, "POST", f"/api/v1/notices/{notice['id']}/issue", {}, **ask)
    assert status == 202, issued
    for _ in range(300):
        found = (await asyncio.to_thread(server.ask, "GET", f"/api/v1/notices/{notice['id']}/dispatch", **ask))[1]
        if found.get("complete"):
            break
        await asyncio.sleep(0.1)
    return str(notice["id"])


async def _link(session: aiohttp.ClientSession, kind: str, messages: int) -> str:
    """The link of a kind in the last of so many messages, as a path."""
    items: list[dict[str, Any]] = []
    for _ in range(150):
        async with session.get("/inbox.json") as answer:
            items = (await answer.json())["items"]
        if len(items) >= messages:
            break
        await asyncio.sleep(0.1)
    assert len(items) == messages, [item["text"][:80] for item in items]
    for text in (items[-1]["text"], items[-1]["raw"].replace("=\r\n", "").replace("=\n", "").replace("=3D", "=")):
        found = re.search(rf"https?://[^/\s]+(/{kind}/[\w-]+)", text)
        if found:
            return found[1]
    raise AssertionError(items[-1]["text"])
