"""Followed threads on a person's own pages, by the link of a message, and after a form that another person sent."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from alerts.commands import RESIDENT, SubscriberSaved
from alerts.contract.bodies import SubscriberBody
from alerts.kernel.signed_tokens import contact_token, delivery_token
from alerts.scheduler.due_items import DuePoll
from subscribers.domain import following
from subscribers.domain.events import Preferences, PreferencesChanged
from subscribers.domain.subscriber import EVERYTHING, SUBSCRIBER, SubscriberState
from tests.support.form_browser import Form
from tests.support.scene import Scene, plan_of

WHO = "amina@resident.example"


def state(scene: Scene, who: UUID) -> SubscriberState:
    found = scene.app.log.state(SUBSCRIBER, who)
    assert found is not None
    return found


def chosen(scene: Scene, who: UUID) -> Preferences:
    preferences = state(scene, who).preferences
    assert preferences is not None
    return preferences


def own(scene: Scene, who: UUID, number: int) -> str:
    """The link of a message."""
    return f"/preferences/{contact_token(scene.secret, 'preferences', who, number)}"


async def asked(scene: Scene, thread: UUID) -> SubscriberSaved:
    """A request to follow, by the form on the page."""
    saved = await scene.commands.follow(thread, SubscriberBody(email=WHO))
    await shown(scene)
    return saved


async def shown(scene: Scene) -> None:
    await asyncio.to_thread(scene.app.runner.wait_for, scene.app.writer.position(), 10)


async def follower(scene: Scene, thread: UUID) -> tuple[UUID, int]:
    """A person who follows a thread and wants nothing else; (id, contact point)."""
    saved = await asked(scene, thread)
    await scene.commands.verify_contact(RESIDENT, saved.contacts[0].number)
    await shown(scene)
    return saved.id, saved.contacts[0].number


@pytest.mark.parametrize("page", ["centre", "stop"])
async def test_a_message_link_does_not_erase_a_follower(scene: Scene, client: Any, page: str) -> None:
    scene.london()
    fire = scene.fire()
    who, number = await follower(scene, fire)
    if page == "centre":
        await client.post(own(scene, who, number), data={"do": f"unfollow-{fire}"})
    else:
        token = delivery_token(scene.secret, "unsubscribe", scene.number_of(fire), number)
        await client.post(f"/unsubscribe/{token}", data={"unfollow": "yes"})
    assert state(scene, who).phase == "ended"
    form = Form(client)
    await form.open(f"{own(scene, who, number)}?lang=en")
    await form.press("undo", within='value="undo"')
    assert state(scene, who).phase == "confirmed" and chosen(scene, who).followed == (fire,)


async def test_a_request_of_another_does_not_erase_who_left(scene: Scene, client: Any) -> None:
    scene.london()
    fire = scene.fire()
    who, _ = await scene.resident()
    await scene.commands.end_subscriber(RESIDENT, who, "asked for")
    assert (await asked(scene, fire)).id == who
    scene.now += timedelta(days=40)
    due = DuePoll(scene.app.main, scene.commands.fire, clock=lambda: scene.now)
    assert await due.poll() > 1
    left = state(scene, who)
    assert left.phase in ("ended", "lapsed") and left.leaving(EVERYTHING) is not None


async def test_a_sign_up_keeps_what_was_asked_to_follow(scene: Scene, client: Any) -> None:
    scene.london()
    fire = scene.fire()
    who = (await asked(scene, fire)).id
    body = msgspec.convert({"email": WHO, "places": [{"lat": 51.5, "lon": -0.1, "radius_km": 1}]}, SubscriberBody)
    assert (await scene.commands.sign_up(body)).id == who
    assert chosen(scene, who).followed == (fire,) and not chosen(scene, who).only_followed
    assert chosen(scene, who).danger_to_life


async def test_a_full_list_is_told_to_its_owner_alone(
    scene: Scene, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "MOST_FOLLOWED", 1)
    monkeypatch.setattr("alerts.web.public.follow.LEAST_S", 0)
    scene.london()
    fire, flood = scene.fire(), scene.notice(plan_of("water"))
    await asked(scene, fire)
    form = Form(client)
    for address in (WHO, "new@resident.example"):
        await form.open(f"/alerts/{flood}?lang=en")
        await form.press(within="/follow", address=address)
        await form.press(within="/follow", consent="yes")
        assert form.status == 200 and "One step left" in form.text, form.text
    who, number = await follower(scene, fire)
    await asked(scene, flood)
    await form.open(f"{own(scene, who, number)}?lang=en")
    await form.press("follow", within='value="follow"')
    assert form.status == 422 and "Stop following one of them first." in form.text
    assert chosen(scene, who).followed == (fire,)


async def test_what_is_over_is_not_offered(scene: Scene, client: Any) -> None:
    scene.london()
    fire = scene.fire()
    who, number = await scene.resident()
    await asked(scene, fire)
    form = Form(client)
    assert "You asked to follow" in await form.open(f"{own(scene, who, number)}?lang=en")
    scene.follow(fire, "smoke", "AllClear")
    assert "You asked to follow" not in await form.open(f"{own(scene, who, number)}?lang=en")


async def test_undo_leaves_what_is_followed(scene: Scene, client: Any) -> None:
    scene.london()
    fire = scene.fire()
    who, number = await scene.resident()
    form = Form(client)
    await form.open(f"{own(scene, who, number)}/language?lang=en")
    await form.press(language="cy")
    now = msgspec.structs.replace(chosen(scene, who), followed=(fire, uuid4()))
    scene.tell(SUBSCRIBER, who, PreferencesChanged(preferences=now))
    await form.press(within='name="undo"')
    assert chosen(scene, who).language == "en" and chosen(scene, who).followed == now.followed


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("ann@gmial.com", "Did you mean ann@gmail.com? If not, press “Follow this” once more."),
        ("0123", "Enter an e-mail address like name@example.com, or a mobile number."),
        ("020 7946 0000", "We cannot send texts to this number. Give another one, or an e-mail address."),
        ("ann@", "Enter an e-mail address like name@example.com, or a mobile number."),
    ],
)
async def test_mistakes_are_told_in_words_of_this_form(scene: Scene, client: Any, typed: str, words: str) -> None:
    answer = await client.post(f"/alerts/{scene.fire()}/follow?lang=en", data={"address": typed})
    assert answer.status == 422 and words in await answer.text()
