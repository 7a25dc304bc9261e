"""STOP, START and HELP by text, and the words to a member of the team whose webhook was switched off."""

from __future__ import annotations

import email
import email.policy
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from alerts.commands import SYSTEM, Commands
from alerts.contract.bodies import SubscriberBody
from alerts.domain import events as e
from alerts.domain.streams import WEBHOOK
from alerts.kernel.ids import new_id
from alerts.providers.inbox import InboxItem
from subscribers.domain.events import SubscriberPlace
from subscribers.domain.subscriber import SUBSCRIBER, SubscriberState
from tests.support.rig import Rig, now

PHONE = "+447700900123"
CONSENT = {"wording": "Alerts for my area", "given_at": "2026-03-01T10:00:00+00:00", "how": "at the desk"}


@pytest.fixture
async def commands(rig: Rig) -> Commands:
    await rig.commands.define_built_in_topics()
    return rig.commands


def text_of(item: InboxItem) -> str:
    """The words of a text, or of an e-mail's plain part."""
    if item.channel == "sms":
        return item.data.decode()
    part = email.message_from_bytes(item.data, policy=email.policy.default).get_body(("plain",))
    assert part is not None
    return str(part.get_content())


async def resident(commands: Commands, **more: Any) -> UUID:
    """Somebody with a telephone, confirmed; their id."""
    document = {"phone": PHONE, "places": [{"lat": 51.49, "lon": -0.09}], "confirmed": True, "consent": CONSENT}
    kept = await commands.register_subscriber(SYSTEM, msgspec.convert({**document, **more}, SubscriberBody))
    return kept.id


def person(rig: Rig, subscriber: UUID) -> SubscriberState:
    state = rig.log.state(SUBSCRIBER, subscriber)
    assert state is not None
    return state


async def test_stop_ends_the_subscription_and_start_restores_it(rig: Rig, commands: Commands) -> None:
    who = await resident(commands, topics=["safety"], language="cy")
    before = person(rig, who)
    assert (await commands.take_inbound("twilio", PHONE, "stop", external_id="SM1")).created
    stopped = person(rig, who)
    assert stopped.phase == "ended" and stopped.ended_reason == "STOP" and not stopped.current
    assert not (await commands.take_inbound("twilio", PHONE, "stop", external_id="SM1")).created
    await commands.take_inbound("twilio", PHONE, "start", external_id="SM2")
    back = person(rig, who)
    assert back.phase == "confirmed" and back.preferences == before.preferences
    assert [(c.number, c.state) for c in back.current] == [(c.number, "verified") for c in before.current]
    assert back.consent is not None and back.consent.how == "START by text"


async def test_stop_ends_the_number_alone_beside_an_email_address(rig: Rig, commands: Commands) -> None:
    who = await resident(commands, email="ann@example.org", channels=["email", "sms"])
    await commands.take_inbound("twilio", PHONE, "stop")
    assert (person(rig, who).phase, [c.channel for c in person(rig, who).current]) == ("confirmed", ["email"])
    await commands.take_inbound("twilio", PHONE, "start")
    assert {c.channel for c in person(rig, who).current if c.usable} == {"email", "sms"}
    consent = person(rig, who).consent
    assert consent is not None and consent.how == "START by text"
    version = person(rig, who).version
    await commands.take_inbound("twilio", PHONE, "start")  # they are here already
    assert person(rig, who).version == version


async def test_late_stop_does_not_undo_a_later_start(rig: Rig, commands: Commands) -> None:
    who = await resident(commands)
    at = now() - timedelta(minutes=5)
    await commands.take_inbound("http-json", PHONE, "start", at=at + timedelta(minutes=1), external_id="2")
    await commands.take_inbound("http-json", PHONE, "stop", at=at, external_id="1")
    assert person(rig, who).phase == "confirmed"
    ahead = now() + timedelta(days=400)  # the provider's clock is wrong: that must not silence a later STOP
    await commands.take_inbound("http-json", PHONE, "start", at=ahead, external_id="3")
    await commands.take_inbound("http-json", PHONE, "stop", external_id="4")
    assert person(rig, who).phase == "ended"


async def test_start_lifts_an_opt_out_but_no_hard_bounce(rig: Rig, commands: Commands) -> None:
    who = await resident(commands)
    [contact] = person(rig, who).current
    await commands.suppress(SYSTEM, contact.number, "opt-out")
    await commands.take_inbound("twilio", PHONE, "start")
    assert person(rig, who).current[0].suppressed is None
    await commands.suppress(SYSTEM, contact.number, "hard-bounce")
    await commands.suppress(SYSTEM, contact.number, "opt-out")
    await commands.take_inbound("twilio", PHONE, "stop")
    await commands.take_inbound("twilio", PHONE, "start")
    assert person(rig, who).current[0].suppressed == "hard-bounce"


async def test_start_confirms_an_unconfirmed_number(rig: Rig, commands: Commands) -> None:
    body = msgspec.convert({"phone": PHONE, "places": [{"lat": 51.49, "lon": -0.09}]}, SubscriberBody)
    who = (await commands.register_subscriber(SYSTEM, body)).id
    assert person(rig, who).phase == "requested"
    await commands.take_inbound("twilio", PHONE, "start")
    assert person(rig, who).phase == "confirmed" and person(rig, who).current[0].usable


async def test_text_from_an_unknown_number_is_no_event(rig: Rig, commands: Commands) -> None:
    end = rig.log.position()
    assert not (await commands.take_inbound("twilio", "+447700900999", "stop", external_id="SM1")).created
    who = await resident(commands)
    await commands.erase_subscriber(SYSTEM, who)
    after = rig.log.position()
    assert not (await commands.take_inbound("twilio", PHONE, "start", external_id="SM2")).created
    assert rig.log.position() == after > end


async def test_help_alone_is_answered_once_a_day(rig: Rig, commands: Commands) -> None:
    await resident(commands, language="pl")
    async with rig.working():
        for index, word in enumerate(("help", "other", "help")):
            await commands.take_inbound("twilio", PHONE, word, external_id=f"SM{index}")  # type: ignore[arg-type]
        position = rig.log.position()
        await rig.until(lambda: rig.projector.position() >= position)
        await rig.until(lambda: len(rig.inbox.items()) >= 1)
        await rig.until(lambda: rig.reads.status(now()).queued == 0 and rig.reads.status(now()).in_flight == 0)
    [answer] = rig.inbox.items()
    assert answer.channel == "sms" and answer.to == PHONE
    assert "STOP" in text_of(answer) and "http://127.0.0.1:8080" in text_of(answer) and "ostrzezenia" in text_of(answer)
    assert len(rig.events("InboundTextReceived")) == 3


async def test_owner_of_a_disabled_webhook_is_told(rig: Rig, commands: Commands) -> None:
    owner = await commands.invite_member(SYSTEM, "dev@example.org", "author", "Dev")
    await commands.invite_member(SYSTEM, "boss@example.org", "admin", "Boss")
    webhooks = [new_id(), new_id()]
    url = "https://user:secret@hooks.example.org/alerts?token=hidden"
    for webhook, person_id in zip(webhooks, (owner.id, None), strict=True):
        added = e.WebhookAdded(url=url, events=("*",), secret="whsec_x", key=new_id(), person=person_id)
        rig.tell(WEBHOOK, webhook, added)
    async with rig.working():
        rig.tell(WEBHOOK, webhooks[0], e.WebhookDisabled(reason="it answered 500 for 3 days", at_position=17))
        await rig.until(lambda: len(rig.inbox.items()) == 1)
        rig.tell(WEBHOOK, webhooks[1], e.WebhookDisabled(reason="refused", at_position=18))
        await rig.until(lambda: len(rig.inbox.items()) == 2)
    mails = {item.to: text_of(item) for item in rig.inbox.items()}
    assert set(mails) == {"dev@example.org", "boss@example.org"}
    assert "https://hooks.example.org/alerts" in mails["dev@example.org"]
    assert "secret" not in mails["dev@example.org"] and "hidden" not in mails["dev@example.org"]
    assert f"{webhooks[0]}/replay?after=17" in mails["dev@example.org"].replace("\n", "")
    assert "answered 500" not in mails["boss@example.org"]


HOME = SubscriberPlace(lat=51.4886, lon=-0.0958, radius_km=2.0, name="SE17 1RW")


async def joined(commands: Commands, number: str = PHONE, **more: Any) -> bool:
    """A text with JOIN and a place."""
    given = {"place": HOME, "language": "en", "wording": "JOIN SE17 1RW", **more}
    return (await commands.join_by_text("http-json", number, **given)).created


async def test_join_signs_a_number_up_and_is_answered(rig: Rig, commands: Commands) -> None:
    async with rig.working():
        assert await joined(commands, language="pl", external_id="m1")
        await rig.until(lambda: len(rig.inbox.items()) == 1)
    [answer] = rig.inbox.items()
    assert "SE17 1RW" in text_of(answer) and "STOP" in text_of(answer) and "/preferences/" in text_of(answer)
    [recorded] = rig.events("InboundTextReceived")
    assert recorded.word == "join"


async def test_join_of_a_resident_adds_the_place_once(rig: Rig, commands: Commands) -> None:
    who = await resident(commands)
    for text in ("m1", "m1", "m2"):
        await joined(commands, external_id=text)
    preferences = person(rig, who).preferences
    assert preferences is not None and preferences.places[1:] == (HOME,)
    consent = person(rig, who).consent
    assert consent is not None and (consent.wording, consent.how) == ("JOIN SE17 1RW", "JOIN by text")


async def test_join_brings_back_who_stopped_and_not_before_that(rig: Rig, commands: Commands) -> None:
    who = await resident(commands)
    await commands.take_inbound("twilio", PHONE, "stop")
    assert not await joined(commands, at=now() - timedelta(hours=1))
    assert person(rig, who).phase == "ended"
    assert await joined(commands)
    assert person(rig, who).phase == "confirmed"


@pytest.mark.parametrize("number", ["+447012345678", "12345", "not a number"])
async def test_join_of_a_number_without_texts_does_nothing(rig: Rig, commands: Commands, number: str) -> None:
    end = rig.log.position()
    assert not await joined(commands, number) and rig.log.position() == end


async def test_stop_by_a_plain_gateway_is_answered(rig: Rig, commands: Commands) -> None:
    await resident(commands)
    async with rig.working():
        await commands.take_inbound("http-json", PHONE, "stop", external_id="m1")
        await rig.until(lambda: len(rig.inbox.items()) == 1)
    assert "START" in text_of(rig.inbox.items()[0])
