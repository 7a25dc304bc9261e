"""Sign-up on somebody's behalf, and what is done for a person on the telephone."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import UUID

import pytest

from alerts.commands.actor import SYSTEM
from alerts.contract.bodies import OrganisationBody
from alerts.web.http.auth import caught_up
from subscribers.domain.events import ActedOnBehalf, ContactTestRequested, FreshLinkRequested, SubscriberLookedUp
from subscribers.domain.subscriber import SUBSCRIBER, SubscriberState
from tests.integration.web.console.test_subscribers import AMINA, PEOPLE, amina, found, state_of
from tests.support.officer import Officer, officer
from tests.support.served import Served

NEW = f"{PEOPLE}/new"
SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
"""Forms do not depend on the database."""
BETTY = {
    "place": "51.4880,-0.0930",
    "call": "020 7946 0018",
    "name": "Betty Adams",
    "lines": "12 Manor Place\nLondon\nSE17 3BD",
    "agreed": "by telephone, 14:05",
    "said_yes": "1",
}


async def signed_up(author: Officer, **more: str) -> None:
    await author.open(NEW)
    await author.press(within="said-yes", **{**BETTY, **more})


async def test_someone_without_any_device_is_signed_up(served: Served) -> None:
    author = await officer(served, "ann", "author")
    await signed_up(author)
    assert author.status == 200, author.text
    assert "They are signed up" in author.text and "ann" in author.text
    person = UUID(author.url.partition("?")[0].rpartition("/")[2])
    state = state_of(served, person)
    assert state.phase == "confirmed" and {c.channel for c in state.current} == {"letter", "phone"}
    assert next(c.address for c in state.current if c.channel == "phone") == "+442079460018"
    assert state.consent is not None and state.consent.how == "by telephone, 14:05" and state.consent.wording
    assert state.preferences is not None and state.preferences.topics == () and state.preferences.danger_to_life
    assert state.preferences.places[0].radius_km == 2
    assert 'value="link"' not in author.text and 'value="test"' not in author.text, "neither can reach them"
    for what in ("link", "test"):
        form = {"do": what, "number": str(state.current[0].number)}
        answer = await served.client.post(f"{PEOPLE}/{person}/act", data=form, headers=author.headers)
        assert answer.status == 422 and ("by e-mail or text" in (said := await answer.text()) or "landline" in said)
    registered = served.parts.log.stream(person)[0]
    assert registered.by.startswith("person:"), "it says so in their record"


@SQLITE
async def test_letters_alone_are_enough(served: Served) -> None:
    author = await officer(served, "ann", "author")
    await signed_up(author, call="")
    assert author.url == f"{PEOPLE}?done=signed-up" and "They are signed up" in author.text


@SQLITE
async def test_what_is_missing_is_said_and_nothing_is_lost(served: Served) -> None:
    author = await officer(served, "ann", "author")
    await author.open(NEW)
    await author.press(within="said-yes", place="nowhere at all", email="betty@gmial.com", phone="12")
    assert author.status == 422 and "<title>Error: " in author.text
    for words in ("We do not know that place", "Did you mean betty@gmail.com?", "Say how they agreed", "said yes",
                  "11 digits"):  # fmt: skip
        assert words in author.text, words
    assert 'value="nowhere at all"' in author.text and 'value="betty@gmial.com"' in author.text
    await author.press(within="said-yes", place="51.4880,-0.0930", phone="", agreed="at the desk", said_yes="1")
    assert author.status == 200 and "They are signed up" in author.text, "right as it is: pressed again"
    await signed_up(author, email="betty@gmial.com", kept_email="betty@gmial.com", call="")
    assert author.status == 409 and "gets alerts already" in author.text


@SQLITE
async def test_sign_up_sent_twice_is_one_person(served: Served) -> None:
    author = await officer(served, "ann", "author")
    await author.open(NEW)
    twice = author.snapshot()
    await author.press(within="said-yes", **BETTY)
    await twice.press(within="said-yes", **BETTY)
    assert twice.url == author.url


async def act(author: Officer, name: str, **fields: str) -> None:
    await author.press(name, **fields)


def agreements(served: Served, person: UUID) -> list[str | None]:
    events = [recorded.event for recorded in served.parts.log.stream(person)]
    return [event.agreed for event in events if isinstance(event, ActedOnBehalf)]


async def test_acts_on_the_phone_are_done_and_recorded(served: Served) -> None:
    person, author = await amina(served), await officer(served, "ann", "author")
    await found(author)
    await act(author, "pause", until=f"{served.now + timedelta(days=9):%Y-%m-%d}")
    assert author.status == 422 and "Say how they agreed" in author.text
    await act(author, "pause", until="yesterday", agreed_pause="by telephone")
    assert author.status == 422 and "Give a day such as" in author.text and 'value="by telephone"' in author.text
    await act(author, "pause", until=f"{served.now + timedelta(days=9):%-d %B}")
    assert author.status == 200 and "It is paused." in author.text and "paused until" in author.text
    paused = state_of(served, person).paused_until
    assert paused is not None and paused > served.now + timedelta(days=8)
    await act(author, "resume", agreed_resume="by telephone again")
    assert state_of(served, person).paused_until is None

    await act(author, "places", place="51.4880,-0.0930", radius="5", radius_0="3", agreed_places="she moved")
    assert author.status == 200, author.text
    places = _places(state_of(served, person))
    assert [place.radius_km for place in places] == [3, 5] and places[0].name == "Home"
    await act(author, "link", number=str(next(c.number for c in state_of(served, person).current)))
    await act(author, "test")
    topics = [type(recorded.event) for recorded in served.parts.log.stream(person)]
    assert FreshLinkRequested in topics and ContactTestRequested in topics
    assert agreements(served, person) == ["by telephone", "by telephone again", "she moved"]
    assert "Agreed: “she moved”." in author.text or "she moved" in (await _reread(author, person))

    await act(author, "end", agreed_end="she asked")
    assert state_of(served, person).phase == "ended" and "nothing is sent to them" in author.text
    assert 'id="act"' not in author.text, "there is nothing left to do for them"


@SQLITE
async def test_no_act_loses_what_was_typed_for_another(served: Served) -> None:
    person, author = await amina(served), await officer(served, "ann", "author")
    await found(author)
    until = f"{served.now + timedelta(days=9):%-d %B}"
    typed = {"until": until, "agreed_pause": "by telephone, 14:05", "place": "51.4880,-0.0930", "radius_0": "7"}
    await act(author, "test", **typed)
    assert author.status == 200 and "A test is on its way" in author.text
    for words in (
        until,
        "by telephone, 14:05",
        "51.4880,-0.0930",
        'name="radius-0" class="w5" inputmode="decimal" value="7"',
    ):
        assert words in author.text
    await act(author, "explain")
    assert author.status == 200 and until in author.text and "51.4880,-0.0930" in author.text
    await act(author, "pause")
    assert "It is paused." in author.text and "51.4880,-0.0930" in author.text and f'value="{until}"' not in author.text
    await act(author, "places", agreed_places="she moved", radius="5")
    assert [place.radius_km for place in _places(state_of(served, person))] == [7, 5]


async def _reread(author: Officer, person: UUID) -> str:
    await author.open(f"{PEOPLE}/{person}")
    return author.text


def _places(state: SubscriberState) -> list[object]:
    assert state.preferences is not None
    return list(state.preferences.places)


@SQLITE
async def test_erasure_on_the_phone_asks_twice(served: Served) -> None:
    person, author = await amina(served), await officer(served, "ann", "author")
    await found(author)
    await act(author, "erase", agreed_erase="by letter")
    assert author.status == 422 and "Tick that they asked for it." in author.text
    await act(author, "erase", sure="1", agreed_erase="by letter")
    assert author.url == f"{PEOPLE}?done=erase" and "is erased" in author.text
    assert served.parts.log.state(SUBSCRIBER, person).phase == "erased"  # type: ignore[union-attr]


@SQLITE
async def test_nothing_is_done_without_a_look_up(served: Served) -> None:
    person, author = await amina(served), await officer(served, "ann", "author")
    other = await officer(served, "kofi", "author")
    await found(author)
    form = {"do": "end", "agreed-end": "no", "once": "x" * 32}
    answer = await served.client.post(f"{PEOPLE}/{person}/act", data=form, headers=other.headers)
    assert answer.status == 403 and state_of(served, person).phase == "confirmed"
    page = author.snapshot()
    served.shift = timedelta(minutes=40)
    await author.open("/console")  # the session lives on, the look-up does not
    served.shift = timedelta(minutes=61)
    await act(page, "end", agreed_end="late")
    assert page.status == 403 and state_of(served, person).phase == "confirmed"


def _shown(author: Officer) -> str:
    """Mark of the places that a page shows."""
    return str(re.findall(r'name="shown" value="(\w+)"', author.text)[0])


@SQLITE
async def test_a_last_place_is_not_taken_away_unseen(served: Served) -> None:
    person, author = await amina(served), await officer(served, "ann", "author")
    await found(author)
    form = {"do": "places", "agreed-places": "x", "shown": _shown(author)}
    answer = await served.client.post(f"{PEOPLE}/{person}/act", data=form, headers=author.headers)
    assert answer.status == 422 and "alerts from everywhere" in await answer.text()
    for radius in ("0", "nan", "1e3", "-2", "101"):
        await act(author, "places", radius_0=radius, agreed_places="x")
        assert author.status == 422 and "Give kilometres" in author.text, radius
    assert AMINA in author.text


@SQLITE
async def test_why_not_is_said_as_a_sentence(served: Served) -> None:
    await amina(served)
    author, key = await officer(served, "ann", "author"), await served.key(policy="issue")
    area = {"circle": {"lat": 51.6, "lon": -0.15, "radius_km": 1}}
    body = {"kind": "announcement", "topic": "community", "area": area, "content": {"en": {"title": "A fair"}}}
    notice = (await served.ok("POST", "/api/v1/notices", key, body, 201))["id"]
    await served.ok("POST", f"/api/v1/notices/{notice}/issue", key, {}, 202)
    await found(author)
    await author.open(f"{author.url}?notice={notice}")
    said = re.findall(r"To say on the phone: “(.*?)”", author.text)
    assert said and said[0].startswith("It was not about a place of yours: no place touches the area"), author.text


@SQLITE
async def test_another_act_of_a_page_gone_back_to_is_done(served: Served) -> None:
    person, author = await amina(served), await officer(served, "ann", "author")
    await found(author)
    ending, erasing = author.snapshot(), author.snapshot()
    await act(author, "pause", until=f"{served.now + timedelta(days=9):%Y-%m-%d}", agreed_pause="by telephone")
    assert state_of(served, person).paused_until is not None
    await act(ending, "end", agreed_end="she asked")
    assert "nothing is sent to them" in ending.text and state_of(served, person).phase == "ended"
    again = erasing.snapshot()
    for page in (erasing, again):
        await act(page, "erase", sure="1", agreed_erase="she asked")
        assert page.url == f"{PEOPLE}?done=erase" and "is erased" in page.text
    assert served.parts.log.state(SUBSCRIBER, person).phase == "erased"  # type: ignore[union-attr]


@SQLITE
async def test_places_saved_twice_take_away_no_other_place(served: Served) -> None:
    person, author = await amina(served), await officer(served, "ann", "author")
    await found(author)
    for point in ("51.4880,-0.0930", "51.4890,-0.0940"):
        await act(author, "places", place=point, agreed_places="x")
    assert len(_places(state_of(served, person))) == 3
    form = {"do": "places", "agreed-places": "x", "once": "y" * 32, "keep": ["1", "2"], "shown": _shown(author)}
    for status in (303, 422):
        answer = await served.client.post(
            f"{PEOPLE}/{person}/act", data=form, headers=author.headers, allow_redirects=False
        )
        assert answer.status == status
    assert "have changed since you opened this page" in await answer.text()
    assert len(_places(state_of(served, person))) == 2


@SQLITE
async def test_sign_up_of_a_subscribed_address_leaves_a_trace(served: Served) -> None:
    person, author = await amina(served), await officer(served, "ann", "author")
    await signed_up(author, email=AMINA, call="")
    assert author.status == 409 and "gets alerts already" in author.text
    looked = [one for one in served.parts.log.stream(person) if isinstance(one.event, SubscriberLookedUp)]
    assert [one.event.reason for one in looked] == ["Tried to sign them up"]  # type: ignore[attr-defined]
    assert looked[0].by.startswith("person:")


@SQLITE
async def test_consent_that_changed_is_read_out_again(served: Served) -> None:
    author = await officer(served, "ann", "author")
    await author.open(NEW)
    police = OrganisationBody(slug="police", name={"en": "Police"}, sender_name="Police", consent={"en": "They warn."})
    await served.parts.commands.define_organisation(SYSTEM, police)
    await caught_up(served.parts)
    await author.press(within="said-yes", **BETTY)
    assert author.status == 422 and "read it to them again" in author.text and "They warn." in author.text
    await author.press(within="said-yes", **BETTY)
    assert author.status == 200 and "They are signed up" in author.text
