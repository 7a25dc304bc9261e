"""Links in messages: why, unsubscribe, confirm, and what an altered link opens."""

from __future__ import annotations

import html
import json
from typing import Any
from uuid import UUID

import msgspec
import pytest

from alerts.commands.actor import SYSTEM
from alerts.contract.bodies import SubscriberBody
from alerts.kernel.secret_keys import SecretKeys
from alerts.kernel.signed_tokens import contact_token, delivery_token
from tests.support.scene import Scene, first_message, link


def _contact(sending: Scene, item: dict[str, Any]) -> int:
    from alerts.kernel.ids import parse_delivery_id

    numbers = parse_delivery_id(sending.secret, item["delivery"])
    assert numbers
    return numbers[1]


async def _caught_up(sending: Scene, contacts: list[int]) -> list[Any]:
    assert sending.app.runner.wait_for(sending.app.writer.position(), 10)
    return list(sending.views.directory.cards(contacts).values())


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
    assert "this message concerns Walworth, which is less than 1 km away" in text
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
        f"/confirm/{contact_token(SecretKeys(b'another secret'), 'confirm', UUID(int=1), 1)}",
        "/console/sign-in/x",
    ]
    for path in wrong:
        answer = await client.get(path)
        assert answer.status == 404 and "does not work" in await answer.text(), path
    assert (await client.post(f"/unsubscribe/{token}", data={"List-Unsubscribe": "One-Click"})).status == 404


async def test_a_form_from_another_site_is_refused(scene: Scene, client: Any) -> None:
    answer = await client.post("/unsubscribe/x", headers={"Origin": "https://evil.example"})
    assert answer.status == 403


async def test_why_names_the_place_to_a_fresh_link_alone(sending: Scene, sender: Any) -> None:
    sending.london()
    place = {"lat": 51.4880, "lon": -0.0930, "radius_km": 1, "name": "Nain's house"}
    who, number = await sending.resident(places=[place])
    sending.closure()
    await sending.arrived(1)
    [item] = json.loads(await (await sender.get("/inbox.json")).text())["items"]
    path = link("why", item["text"])
    public = await (await sender.get(path)).text()
    assert "Nain" not in public and "within 1 km of a place of yours" in public
    assert "less than 1 km away" in public and " m " not in public.partition("<main")[2]
    fresh = sending.parts.fresh_links.new(who, number)
    full = await (await sender.get(f"{path}?fresh={fresh}")).text()
    assert "Nain&#39;s house" in full and "which is 0." in full
    other, theirs = await sending.resident(email="other@resident.example")
    for wrong in ("x", sending.parts.fresh_links.new(other, theirs)):
        assert "Nain" not in await (await sender.get(f"{path}?fresh={wrong}")).text()


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("cy", "Fe'i cymeradwywyd"),
        ("pl", "Zatwierdzono"),
        ("ur", "منظور ہوا"),
        ("ar", "تمت الموافقة عليه"),
    ],
)
async def test_why_is_said_in_the_readers_language(sending: Scene, sender: Any, tag: str, words: str) -> None:
    sending.london()
    await sending.resident(language=tag)
    sending.closure()
    await sending.arrived(1)
    [item] = json.loads(await (await sender.get("/inbox.json")).text())["items"]
    text = html.unescape(await (await sender.get(link("why", item["text"]))).text())
    assert f'<html lang="{tag}"' in text and words in text
    for english in ("Why you got", "was approved", "The topic", "your provider took it", "Because on"):
        assert english not in text, english
    assert "/preferences/" in text and "/unsubscribe/" in text
    assert "Why you got" in await (await sender.get(link("why", item["text"]) + "?lang=en")).text()
