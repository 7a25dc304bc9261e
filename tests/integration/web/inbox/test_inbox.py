"""The inbox: each message as its reader sees it, on loopback alone."""

from __future__ import annotations

import json
from typing import Any

from tests.support.scene import Scene, first_message


async def test_the_inbox_shows_a_message_as_its_reader_sees_it_and_why(sending: Scene, sender: Any) -> None:
    item = await first_message(sending, sender)
    assert item["to"] == "amina@resident.example" and item["channel"] == "email"
    assert f"<{item['delivery']}@" in item["raw"] and item["text"].startswith("Severe, act now")
    listed = await (await sender.get("/inbox?to=amina@resident.example")).text()
    assert "Warehouse fire in Walworth" in listed and f'href="/inbox/{item["id"]}"' in listed
    assert "Nothing has come to nobody" in await (await sender.get("/inbox?to=nobody")).text()
    message = await sender.get(f"/inbox/{item['id']}")
    text = await message.text()
    assert "Why it came" in text and "took it" in text and 'href="/why/' in text
    assert "frame-src 'self'" in message.headers["Content-Security-Policy"]
    letter = await sender.get(f"/inbox/{item['id']}/letter.html")
    assert "sandbox" in letter.headers["Content-Security-Policy"]
    assert "script-src" not in letter.headers["Content-Security-Policy"]
    assert "Go indoors now." in await letter.text()
    raw = await (await sender.get(f"/inbox/{item['id']}/raw")).text()
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in raw
    for path in ("/inbox/999", "/inbox/x", "/inbox/999/letter.html", "/inbox/0/raw"):
        assert (await sender.get(path)).status == 404, path


async def test_the_inbox_pages_in_order_of_arrival(sending: Scene, sender: Any) -> None:
    await first_message(sending, sender)
    await sending.resident(email="zofia@resident.example", language="pl")
    await sending.arrived(2)
    page = json.loads(await (await sender.get("/inbox.json?limit=1")).text())
    assert len(page["items"]) == 1 and page["next"].endswith(f"/inbox.json?limit=1&after={page['items'][0]['id']}")
    rest = json.loads(await (await sender.get("/inbox.json?after=" + str(page["items"][0]["id"]))).text())
    assert [i["to"] for i in rest["items"]] == ["zofia@resident.example"] and rest["next"] is None
    assert "Pożar" in rest["items"][0]["text"]


async def test_the_inbox_says_what_is_wrong_with_a_page_that_was_asked_for(sender: Any) -> None:
    largest = str(2**62)
    for wrong, reason in (
        ("after=x", "of at least 0"), ("after=-1", "of at least 0"), ("after=1.5", "of at least 0"),
        ("after=" + "9" * 19, f"from 0 to {largest}"), ("after=" + "9" * 5000, f"from 0 to {largest}"),
        ("limit=0", "from 1 to 1000"), ("limit=1001", "from 1 to 1000"), ("limit=all", "from 1 to 1000"),
    ):  # fmt: skip
        answer = await sender.get("/inbox.json?" + wrong)
        assert answer.status == 422, wrong
        [error] = (await answer.json(content_type=None))["errors"]
        assert error["field"] == wrong.partition("=")[0] and reason in error["message"], wrong
    for right in ("after=" + largest, "after=0007", "limit=1000", "after="):
        assert (await sender.get("/inbox.json?" + right)).status == 200, right


async def test_the_inbox_is_there_on_loopback_alone(tmp_path: Any) -> None:
    from aiohttp.test_utils import TestClient, TestServer

    from alerts.web.http import app

    abroad = Scene(tmp_path, public_url="https://alerts.town.example")
    await abroad.start()
    try:
        async with TestClient(TestServer(app.build(abroad.parts))) as client:
            for path in ("/inbox", "/inbox.json", "/inbox/1"):
                assert (await client.get(path)).status == 404, path
            assert "/inbox" not in await (await client.get("/")).text()
    finally:
        await abroad.stop()
