"""What stands behind a message's links, the local inbox, and the console: with messages that really left."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from alerts.commands.actor import SYSTEM
from alerts.contract.bodies import SubscriberBody
from alerts.kernel.signed_tokens import contact_token, delivery_token, timed_token
from tests.scene import Scene, plan_of


def link(kind: str, text: str) -> str:
    found = re.search(rf"http://127\.0\.0\.1:8080(/{kind}/\S+)", text)
    assert found, text
    return found[1]


async def first_message(sending: Scene, sender: Any) -> dict[str, Any]:
    """Amina gets an emergency; the first item of her inbox."""
    sending.london()
    await sending.resident()
    sending.fire()
    await sending.arrived(1)
    [item] = json.loads(await (await sender.get("/inbox.json")).text())["items"]
    return item


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


async def test_why_says_the_wish_the_decision_and_the_outcome_and_no_address(sending: Scene, sender: Any) -> None:
    item = await first_message(sending, sender)
    answer = await sender.get(link("why", item["text"]))
    text = await answer.text()
    assert answer.status == 200 and answer.headers["Cache-Control"] == "no-store"
    assert "Why you got" in text and "Warehouse fire" in text and "left" in text
    assert "amina@resident.example" not in text
    assert text.count("<li") >= 4


async def test_why_names_the_service_point_and_reads_without_slugs(sending: Scene, sender: Any) -> None:
    sending.london()
    await sending.resident()
    sending.closure()
    await sending.arrived(1)
    [item] = json.loads(await (await sender.get("/inbox.json")).text())["items"]
    text = await (await sender.get(link("why", item["text"]))).text()
    assert "this message concerns Walworth, which is 0." in text
    assert "The topic “service changes” is among those wanted" in text and "service-changes" not in text
    assert "Can be reached by e-mail." in text


async def test_one_click_stops_at_once_and_again_is_no_error(sending: Scene, sender: Any) -> None:
    item = await first_message(sending, sender)
    path = link("unsubscribe", item["text"])
    asked = await sender.get(path)
    assert asked.status == 200 and "Stop these messages?" in await asked.text()
    [before] = sending.views.directory.cards([_contact(sending, item)]).values()
    assert before.state == "verified", "a GET changes nothing"
    for _ in range(2):
        done = await sender.post(path, data={"List-Unsubscribe": "One-Click"})
        assert done.status == 200 and "Nothing more will be sent there." in await done.text()
    [after] = await _caught_up(sending, [_contact(sending, item)])
    assert after.state == "removed" and after.phase == "ended"
    again = await sender.get(path)
    assert "Nothing more will be sent there." in await again.text()


async def test_a_post_that_says_nothing_stops_nothing(sending: Scene, sender: Any) -> None:
    item = await first_message(sending, sender)
    path = link("unsubscribe", item["text"])
    for data in ({}, {"List-Unsubscribe": "Perhaps"}):
        assert "Stop these messages?" in await (await sender.post(path, data=data)).text()
    for kind, body in (
        ("application/json", b"\xff{"),
        ("application/x-www-form-urlencoded", b"List-Unsubscribe=%ff%00"),
        ("application/x-www-form-urlencoded; charset=no-such", b"a=b"),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", b"--x\r\nno header"),
        ("multipart/form-data; boundary=x", b"y"),
    ):
        assert (await sender.post(path, data=body, headers={"Content-Type": kind})).status == 200, (kind, body)
    broken = {"Content-Type": "application/x-www-form-urlencoded", "Content-Encoding": "gzip"}
    assert (await sender.post(path, data=b"no gzip", headers=broken)).status == 200
    [card] = await _caught_up(sending, [_contact(sending, item)])
    assert card.state == "verified"


async def test_everything_stops_every_address(sending: Scene, sender: Any) -> None:
    sending.london()
    _, number = await sending.resident(phone="+447700900001", language="cy")
    token = delivery_token(sending.secret, "unsubscribe", 1, number)
    page = await (await sender.get(f"/unsubscribe/{token}")).text()
    assert "Stopio popeth" in page and '<html lang="cy"' in page
    done = await sender.post(f"/unsubscribe/{token}", data={"everything": "yes"})
    assert done.status == 200 and "Mae popeth wedi stopio" in await done.text()
    [card] = await _caught_up(sending, [number])
    assert card.phase == "ended"


async def test_a_confirmation_comes_and_one_press_confirms(sending: Scene, sender: Any) -> None:
    body = {"email": "new@resident.example", "places": [{"lat": 51.488, "lon": -0.093, "radius_km": 1}]}
    kept = await sending.commands.register_subscriber(SYSTEM, msgspec.convert(body, SubscriberBody))
    [message] = await sending.arrived(1)
    text = message.data.decode()
    assert "List-Unsubscribe" not in text
    [item] = json.loads(await (await sender.get("/inbox.json")).text())["items"]
    assert "about the subscription itself" in await (await sender.get(f"/inbox/{item['id']}")).text()
    path = link("confirm", item["text"])
    assert "One press" in await (await sender.get(path)).text()
    [before] = await _caught_up(sending, [kept.contacts[0].number])
    assert before.state == "unverified", "a GET changes nothing"
    for _ in range(2):
        done = await sender.post(path)
        assert done.status == 200 and "Alerts now reach you" in await done.text()
    [after] = await _caught_up(sending, [kept.contacts[0].number])
    assert after.state == "verified"


async def test_links_that_were_altered_or_are_for_something_else_open_nothing(scene: Scene, client: Any) -> None:
    token = delivery_token(scene.secret, "why", 1, 256)
    wrong = [
        f"/unsubscribe/{token}",
        f"/why/{token[:-2]}xx",
        f"/why/{token}",  # whole, but there is no such delivery
        "/why/%00",
        f"/confirm/{contact_token(scene.secret, 'preferences', UUID(int=1), 1)}",
        f"/confirm/{contact_token(b'another secret', 'confirm', UUID(int=1), 1)}",
        "/console/sign-in/x",
    ]
    for path in wrong:
        answer = await client.get(path)
        assert answer.status == 404 and "does not work" in await answer.text(), path
    assert (await client.post(f"/unsubscribe/{token}", data={"List-Unsubscribe": "One-Click"})).status == 404


async def test_a_form_from_another_site_is_refused(scene: Scene, client: Any) -> None:
    answer = await client.post("/unsubscribe/x", headers={"Origin": "https://evil.example"})
    assert answer.status == 403


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


async def test_the_console_is_for_members_by_a_link_that_works_once(scene: Scene, client: Any) -> None:
    for path in ("/console", "/console/log", "/console/notices"):
        assert (await client.get(path)).status == 401, path
    member = await scene.commands.invite_member(SYSTEM, "r.adeyemi@town.example", "viewer", "R. Adeyemi")
    assert scene.app.runner.wait(scene.app.writer.position(), 10)
    token = timed_token(scene.secret, "sign-in", member.id, scene.now, timedelta(hours=1))
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


async def test_a_sign_in_link_runs_out(scene: Scene, client: Any) -> None:
    member = await scene.commands.invite_member(SYSTEM, "x@town.example", "viewer", "X")
    scene.app.runner.wait(scene.app.writer.position(), 10)
    token = timed_token(scene.secret, "sign-in", member.id, scene.now, timedelta(hours=1))
    scene.now += timedelta(hours=2)
    assert (await client.post(f"/console/sign-in/{token}")).status == 404


async def test_the_console_shows_how_a_dispatch_went_and_what_failed_and_why(sending: Scene, sender: Any) -> None:
    sending.london()
    await sending.resident()
    await sending.resident(email="no-such-mailbox@resident.example")
    fire = sending.notice(plan_of("smoke"), danger=True)
    await sending.arrived(1)
    member = await sending.commands.invite_member(SYSTEM, "a@town.example", "viewer", "A")
    sending.app.runner.wait(sending.app.writer.position(), 10)
    token = timed_token(sending.secret, "sign-in", member.id, sending.app.parts.clock(), timedelta(hours=1))
    await sender.post(f"/console/sign-in/{token}", allow_redirects=False)
    for _ in range(100):
        text = await (await sender.get(f"/console/notices/{fire}")).text()
        if "refused for good" in text and "1 sent" in text:
            break
        await sending.arrived(99, timeout=0.1)
    assert "2 people, 2 messages" in text and "1 sent" in text and "1 failed" in text
    assert "550 5.1.1 no such mailbox" in text


def _contact(sending: Scene, item: dict[str, Any]) -> int:
    from alerts.kernel.ids import parse_delivery_id

    numbers = parse_delivery_id(sending.secret, item["delivery"])
    assert numbers
    return numbers[1]


async def _caught_up(sending: Scene, contacts: list[int]) -> list[Any]:
    assert sending.app.runner.wait(sending.app.writer.position(), 10)
    return list(sending.views.directory.cards(contacts).values())
