"""Subscribers in the console: found on record, explained, suppressions lifted."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from alerts.commands.actor import SYSTEM
from alerts.domain.events import LookUpFoundNobody
from alerts.web.http.auth import caught_up
from subscribers.domain.events import SubscriberLookedUp
from subscribers.domain.subscriber import SUBSCRIBER, SubscriberState
from tests.support.officer import Officer, officer
from tests.support.served import Served, resident, settled

PEOPLE = "/console/subscribers"
SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
"""Forms do not depend on the database."""
AMINA = "amina@resident.example"


async def amina(served: Served) -> UUID:
    key = await served.key()
    body = resident(AMINA, phone="+447700900118")
    return UUID((await served.ok("POST", "/api/v1/subscribers", key, body, 201))["id"])


async def found(page: Officer, address: str = AMINA, reason: str = "calls, got no e-mail") -> str:
    await page.open(PEOPLE)
    return await page.press(within="Why you look", address=address, reason=reason)


def state_of(served: Served, person: UUID) -> SubscriberState:
    state = served.parts.log.state(SUBSCRIBER, person)
    assert state is not None
    return state


async def test_a_look_up_stands_on_record_and_shows_why_not(served: Served) -> None:
    person, author = await amina(served), await officer(served, "ann", "author")
    key = await served.key(policy="issue")
    area = {"circle": {"lat": 52.5, "lon": -0.1, "radius_km": 1}}
    far = {"kind": "announcement", "topic": "community", "area": area, "content": {"en": {"title": "A fair far away"}}}
    near = {
        **far,
        "area": {"circle": {"lat": 51.55, "lon": -0.15, "radius_km": 1}},
        "content": {"en": {"title": "Near"}},
    }
    for body in (far, near):
        notice = (await served.ok("POST", "/api/v1/notices", key, body, 201))["id"]
        await served.ok("POST", f"/api/v1/notices/{notice}/issue", key, {}, 202)
        await settled(served, key, notice)

    await author.open(f"{PEOPLE}/{person}")
    assert author.status == 403 and "Say why you look." in author.text and "resident.example" not in author.text
    await found(author)
    assert author.status == 200 and author.url == f"{PEOPLE}/{person}", author.text
    assert AMINA in author.text and "ends in 118" in author.text and "447700900118" not in author.text
    assert "calls, got no e-mail" in author.text and ">Near</a>" in author.text
    [looked] = [one for one in served.parts.log.stream(person) if isinstance(one.event, SubscriberLookedUp)]
    assert looked.by.startswith("person:")
    event = looked.event
    assert isinstance(event, SubscriberLookedUp) and event.reason == "calls, got no e-mail"
    log = await author.open("/console/log")
    assert "Subscriber looked up" in log and "calls, got no e-mail" not in log and AMINA not in log

    far_id = next(
        n.id for n in served.parts.views.recent(served.now - timedelta(days=1), served.now) if n.plan.area == [area]
    )
    await author.open(f"{PEOPLE}/{person}?notice={far_id}")
    assert "It was not for them." in author.text and "This does not hold." in author.text
    await author.open(f"{PEOPLE}/{person}?show=messages")
    assert (
        "A fair" not in author.text.partition("What happened")[2]
        and "looked up" not in author.text.partition("What happened")[2]
    )
    other = await officer(served, "bob", "author")
    await other.open(f"{PEOPLE}/{person}")
    assert other.status == 403, "everybody says why for themselves"
    served.shift = timedelta(hours=1, seconds=1)
    cookie = await served.parts.sessions.open(UUID(looked.by.removeprefix("person:")), "test")
    again = await served.client.get(f"{PEOPLE}/{person}", headers={"Cookie": f"alerts_session={cookie}"})
    assert again.status == 403


@SQLITE
async def test_a_look_up_by_telephone_masks_the_rest(served: Served) -> None:
    person, author = await amina(served), await officer(served, "ann", "author")
    await found(author, "07700 900118", "text did not come")
    assert author.url == f"{PEOPLE}/{person}"
    assert "+447700900118" in author.text and "a…a@resident.example" in author.text and AMINA not in author.text


async def test_suppressions_are_listed_masked_and_lifted(served: Served) -> None:
    person, author = await amina(served), await officer(served, "ann", "author")
    mail, phone = (contact.number for contact in state_of(served, person).contacts)
    await served.parts.commands.suppress(SYSTEM, mail, "hard-bounce")
    await served.parts.commands.suppress(SYSTEM, phone, "complaint")
    await author.open(f"{PEOPLE}/suppressed")
    assert "a…a@resident.example" in author.text and "they complained" in author.text and AMINA not in author.text
    await author.press(within="/lift", lift=str(mail))
    assert author.status == 422 and "Say why it may be sent to again." in author.text
    await author.press(
        within="/lift",
        **{"lift": str(mail), f"reason_{mail}": "They mended the mailbox.", f"reason_{phone}": "They want it."},
    )
    assert author.status == 200 and state_of(served, person).contacts[0].suppressed is None
    assert 'value="They want it."' in author.text, "a reason that was typed for another is not lost"
    await author.press(within="/lift", lift=str(phone))
    assert author.status == 422 and "Careful: they complained" in author.text
    await found(author)
    await author.press(within="/lift", **{"lift": str(phone), f"reason_{phone}": "They want it."})
    assert author.status == 422 and "Careful" in author.text and "What happened" in author.text
    await author.press(
        within="/lift", **{"lift": str(phone), f"reason_{phone}": "They want it.", f"wanted_{phone}": "1"}
    )
    assert author.url == f"{PEOPLE}/{person}" and state_of(served, person).contacts[1].suppressed is None
    assert "A suppression was lifted: They want it." in author.text
    await author.open(f"{PEOPLE}/suppressed")
    assert "None." in author.text


@SQLITE
async def test_bad_input_finds_and_changes_nobody(served: Served) -> None:
    person, author = await amina(served), await officer(served, "ann", "author")
    for address, reason, words in (
        ("", "", "Say why you look."),
        ("", "calls", "Give an e-mail address"),
        (AMINA, "", "Say why you look."),
        (AMINA, "x" * 10_000, "Shorten it to 200 characters."),
        ("nobody@resident.example", "calls", "Nobody is subscribed with this address."),
        ("x" * 10_000, "calls", "There is a problem"),
        ("<b>amina</b>", "calls", "There is a problem"),
        ("12", "calls", "There is a problem"),
    ):
        await found(author, address, reason)
        assert author.status == 422 and words in author.text and "<b>amina" not in author.text, (address[:40], words)
    assert not [one for one in served.parts.log.stream(person) if isinstance(one.event, SubscriberLookedUp)]
    number = state_of(served, person).contacts[0].number
    for data in ({}, {"number": "x" * 10_000}, {"number": "-1", "reason": "r"}, {"number": str(number), "reason": "r"}):
        answer = await served.client.post(f"{PEOPLE}/lift", headers=author.headers, data=data)
        assert answer.status == 422 and "not suppressed any more" in await answer.text(), data
    for path in (f"{PEOPLE}/nobody", f"{PEOPLE}/{UUID(int=7)}", f"{PEOPLE}/suppressed?cursor=x"):
        await author.open(path)
        assert author.status == 404, path
    await found(author, AMINA, "<script>alert(1)</script>")
    assert author.status == 200 and "<script>alert" not in author.text


@SQLITE
async def test_reason_of_a_look_up_goes_with_an_erasure(served: Served) -> None:
    person, author = await amina(served), await officer(served, "ann", "author")
    await found(author)
    await served.parts.commands.erase_subscriber(SYSTEM, person)
    await caught_up(served.parts)
    [event] = [one.event for one in served.parts.log.stream(person) if isinstance(one.event, SubscriberLookedUp)]
    assert event.reason is None
    await author.open(f"{PEOPLE}/{person}")
    assert author.status == 404


async def test_a_look_up_that_finds_nobody_is_on_record(served: Served) -> None:
    author = await officer(served, "ann", "author")
    await found(author, "nobody@resident.example", "calls, is not sure")
    assert author.status == 422 and "Nobody is subscribed" in author.text
    await caught_up(served.parts)
    [member] = [one for one in served.parts.views.members() if one.name == "ann"]
    last = served.parts.log.stream(member.id)[-1]
    assert last.event == LookUpFoundNobody() and last.by == f"person:{member.id}"
    await author.open("/console/log")
    assert "LookUpFoundNobody" in author.text or "ook up" in author.text or "Look-up" in author.text
    assert "nobody@resident.example" not in author.text
