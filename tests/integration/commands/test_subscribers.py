"""Subscribers: joining, changing, leaving, returning, being forgotten (RULES "Identity, leaving, returning")."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import pytest

from alerts.commands import RESIDENT, SubscriberSaved
from alerts.contract.bodies import SubscriberBody
from alerts.kernel.errors import Conflict, Invalid, NotFound, Stale
from alerts.kernel.ids import contact_shard, shard_of
from subscribers.domain.events import Place, QuietHours
from tests.integration.commands.conftest import CAMDEN, CONSENT, START, key, on_both

if TYPE_CHECKING:
    from tests.integration.commands.conftest import House

ANN: dict[str, Any] = {"email": "Ann@Example.ORG", "phone": "+44 20 7946 0000", "language": "cy"}
VOUCHED: dict[str, Any] = {"confirmed": True, "consent": CONSENT}


def body(**fields: Any) -> SubscriberBody:
    return msgspec.convert(fields, SubscriberBody)


async def join(house: House, **fields: Any) -> SubscriberSaved:
    return await house.commands.register_subscriber(key(), body(**fields))


@on_both
async def test_with_a_consent_every_contact_point_is_verified_at_once(house: House) -> None:
    kept = await join(house, **ANN, **VOUCHED, places=[{"lat": 51.5, "lon": -0.1, "radius_km": 2, "name": "Home"}])

    assert (kept.state, kept.created) == ("confirmed", True)
    assert [(contact.channel, contact.state) for contact in kept.contacts] == [
        ("email", "verified"),
        ("sms", "verified"),
    ]
    person = house.subscriber(kept.id)
    assert [contact.address for contact in person.contacts] == ["Ann@example.org", "+442079460000"]
    assert person.preferences is not None
    assert person.preferences.places == (Place(name="Home", lat=51.5, lon=-0.1, radius_km=2.0),)
    assert (person.preferences.language, person.preferences.timezone) == ("cy", "Europe/London")
    assert person.preferences.channels == ("email", "sms", "push", "letter")
    assert {contact_shard(contact.number) for contact in kept.contacts} == {shard_of(kept.id)}


async def test_without_one_each_contact_point_waits_for_its_own_confirmation(house: House) -> None:
    kept = await join(house, **ANN)
    assert kept.state == "requested"
    assert {contact.state for contact in kept.contacts} == {"unverified"}
    first, second = kept.contacts
    confirmed = await house.commands.verify_contact(RESIDENT, first.number)
    assert [contact.state for contact in confirmed.contacts] == ["verified", "unverified"]
    assert (confirmed.state, house.subscriber(kept.id).confirmed_at) == ("confirmed", START)
    end = house.log.position()
    await house.commands.verify_contact(RESIDENT, first.number)
    assert house.log.position() == end
    await house.commands.verify_contact(RESIDENT, second.number)
    assert house.topics()[-1] == "ContactPointVerified"


@on_both
async def test_a_request_lapses_after_a_week_and_can_be_made_again(house: House) -> None:
    kept = await join(house, **ANN)
    house.pass_time(days=6)
    again = await join(house, **ANN)
    assert (again.id, again.contacts) == (kept.id, kept.contacts)
    house.pass_time(days=2)
    assert await house.due() == []
    house.pass_time(days=5)
    assert await house.due() == ["subscription-lapse"]
    assert house.subscriber(kept.id).phase == "lapsed"
    with pytest.raises(Conflict):
        await house.commands.verify_contact(RESIDENT, kept.contacts[0].number)
    assert (await join(house, **ANN)).id == kept.id


async def test_a_confirmed_one_does_not_lapse(house: House) -> None:
    kept = await join(house, **ANN)
    await house.commands.verify_contact(RESIDENT, kept.contacts[0].number)
    house.pass_time(days=8)
    await house.due()
    assert house.subscriber(kept.id).phase == "confirmed"


@on_both
@pytest.mark.parametrize("other", [{"email": "ANN@example.org"}, {"phone": "+442079460000"}])
async def test_a_known_address_of_a_living_subscription_is_a_conflict(house: House, other: dict[str, str]) -> None:
    kept = await join(house, **ANN, **VOUCHED)
    for vouched in (VOUCHED, {}):
        with pytest.raises(Conflict) as refused:
            await join(house, **other, **vouched)
        assert refused.value.extra == {"subscriber": str(kept.id)}


async def test_racing_for_an_address_one_wins(house: House) -> None:
    outcomes = await asyncio.gather(
        *(join(house, email="ann@example.org", **VOUCHED) for _ in range(10)), return_exceptions=True
    )
    assert sum(isinstance(outcome, SubscriberSaved) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 9


async def test_an_unconfirmed_request_keeps_nobody_out(house: House) -> None:
    stranger = await join(house, email="ann@example.org", phone="+442079460001")
    mine = await join(house, email="ann@example.org", **VOUCHED)
    assert mine.id == stranger.id and mine.state == "confirmed"
    assert [contact.channel for contact in mine.contacts] == ["email"]


async def test_an_address_that_somebody_added_but_never_verified_is_not_theirs(house: House) -> None:
    bob = await join(house, email="bob@example.org", **VOUCHED)
    await house.commands.change_subscriber(key(), bob.id, {"phone": "+442079460002"})
    ann = await join(house, phone="+442079460002", **VOUCHED)
    assert ann.id != bob.id
    assert [contact.channel for contact in house.subscriber(bob.id).current] == ["email"]


@on_both
async def test_one_click_ends_the_contact_point_and_the_last_one_the_subscription(house: House) -> None:
    kept = await join(house, **ANN, **VOUCHED)
    email, phone = kept.contacts
    after = await house.commands.remove_contact(RESIDENT, email.number, "one-click")
    assert (after.state, [contact.channel for contact in after.contacts]) == ("confirmed", ["sms"])
    done = await house.commands.remove_contact(RESIDENT, phone.number, "one-click")
    assert done.state == "ended"
    end = house.log.position()
    assert (await house.commands.remove_contact(RESIDENT, phone.number, "one-click")).state == "ended"
    assert house.log.position() == end


@on_both
async def test_who_comes_back_is_the_same_person_with_the_same_numbers(house: House) -> None:
    kept = await join(house, **ANN, **VOUCHED)
    email, phone = (contact.number for contact in kept.contacts)
    await house.commands.suppress(key(), email, "hard-bounce")
    await house.commands.suppress(key(), phone, "opt-out")
    await house.commands.end_subscriber(RESIDENT, kept.id, "asked for")
    back = await join(house, **ANN, **VOUCHED)

    assert (back.id, back.state, back.contacts) == (kept.id, "confirmed", kept.contacts)
    person = house.subscriber(kept.id)
    suppressed = {contact.number: contact.suppressed for contact in person.contacts}
    assert suppressed == {email: "hard-bounce", phone: None}


@on_both
@pytest.mark.parametrize("reason", ["hard-bounce", "complaint", "by-hand", "opt-out"])
@pytest.mark.parametrize("left", ["changed", "never confirmed", "ended"])
async def test_what_stands_against_an_address_goes_with_it_to_whoever_has_it_next(
    house: House, reason: str, left: str
) -> None:
    ann = await join(house, **ANN, **({} if left == "never confirmed" else VOUCHED))
    await house.commands.suppress(key(), ann.contacts[0].number, reason)
    if left == "changed":
        await house.commands.change_subscriber(key(), ann.id, {"email": None})
    if left == "ended":
        await house.commands.end_subscriber(RESIDENT, ann.id, "asked for")
    taking = {"email": "bob@example.org", "phone": None} if left == "ended" else {"email": ANN["email"], "phone": None}
    bob = await join(house, **taking, **VOUCHED)
    if left == "ended":
        await house.commands.change_subscriber(key(), bob.id, {"email": ANN["email"], **VOUCHED})

    person = house.subscriber(bob.id)
    [contact] = person.current
    if left == "changed":
        assert bob.id != ann.id and contact.number != ann.contacts[0].number
    assert (contact.address, contact.state) == ("Ann@example.org", "verified")
    assert contact.suppressed == (None if reason == "opt-out" else reason), "a new consent lifts an opt-out alone"


async def test_an_opt_out_stays_with_an_address_that_comes_without_a_consent(house: House) -> None:
    ann = await join(house, **ANN, **VOUCHED)
    await house.commands.suppress(key(), ann.contacts[0].number, "opt-out")
    await house.commands.change_subscriber(key(), ann.id, {"email": None})
    bob = await join(house, email=ANN["email"])
    assert house.subscriber(bob.id).current[0].suppressed == "opt-out"
    cy = await join(house, email=ANN["email"], **VOUCHED)
    assert house.subscriber(cy.id).current[0].usable


async def test_a_consent_for_the_very_address_lifts_its_opt_out_and_one_for_another_does_not(house: House) -> None:
    kept = await join(house, **ANN, **VOUCHED)
    email, phone = (contact.number for contact in kept.contacts)
    for number in (email, phone):
        await house.commands.suppress(key(), number, "opt-out")
    await house.commands.change_subscriber(key(), kept.id, {"email": ANN["email"]})
    assert {c.suppressed for c in house.subscriber(kept.id).current} == {"opt-out"}
    await house.commands.change_subscriber(key(), kept.id, {"email": ANN["email"], **VOUCHED})
    assert [c.suppressed for c in house.subscriber(kept.id).current] == [None, "opt-out"]


async def test_a_mere_request_lifts_no_suppression(house: House) -> None:
    kept = await join(house, **ANN, **VOUCHED)
    phone = kept.contacts[1].number
    await house.commands.suppress(key(), phone, "opt-out")
    await house.commands.end_subscriber(RESIDENT, kept.id, "asked for")
    await join(house, **ANN)
    contact = house.subscriber(kept.id).contact(phone)
    assert contact is not None and contact.suppressed == "opt-out"


@on_both
async def test_after_an_erasure_one_is_a_new_person_and_nothing_can_be_read(house: House) -> None:
    kept = await join(house, **ANN, **VOUCHED)
    erased = await house.commands.erase_subscriber(key(), kept.id)
    assert erased.state == "erased"
    events = house.log.stream(kept.id)
    assert all("xample" not in repr(recorded.event) for recorded in events)
    assert (await join(house, **ANN, **VOUCHED)).id != kept.id
    with pytest.raises(NotFound):
        await house.commands.remove_contact(RESIDENT, kept.contacts[0].number, "one-click")
    with pytest.raises(NotFound):
        await house.commands.change_subscriber(key(), kept.id, {"language": "en"})


async def test_an_erasure_broken_off_before_the_key_was_gone_is_finished_by_the_poll(house: House) -> None:
    kept = await join(house, **ANN, **VOUCHED)

    def crash(subscriber: UUID) -> None:
        raise ConnectionError("the power went out")

    destroy, house.commands._erase_key = house.commands._erase_key, crash
    with pytest.raises(ConnectionError):
        await house.commands.erase_subscriber(key(), kept.id)
    house.commands._erase_key = destroy
    assert await house.due() == ["erasure"]
    assert all("xample" not in repr(recorded.event) for recorded in house.log.stream(kept.id))


# --- changing


async def test_a_patch_changes_what_it_names(house: House) -> None:
    kept = await join(house, **ANN, **VOUCHED, places=[{"lat": 51.5, "lon": -0.1}], topics=["weather"])
    patch = {
        "topics": ["health"],
        "language": None,
        "quiet_hours": {"from": "22:00", "to": "07:00"},
        "paused_until": "2026-03-02T12:00:00+00:00",
    }
    await house.commands.change_subscriber(key(), kept.id, patch, version=kept.version)
    person = house.subscriber(kept.id)
    assert person.preferences is not None
    assert (person.preferences.topics, person.preferences.language) == (("health",), "en")
    assert person.preferences.places == (Place(lat=51.5, lon=-0.1),)
    assert person.preferences.quiet_hours == QuietHours(start="22:00", end="07:00")
    assert person.paused_until == START + timedelta(days=1)
    assert len(person.current) == 2

    await house.commands.change_subscriber(key(), kept.id, {"paused_until": None, "quiet_hours": {"to": "08:00"}})
    person = house.subscriber(kept.id)
    assert person.paused_until is None and person.preferences is not None
    assert person.preferences.quiet_hours == QuietHours(start="22:00", end="08:00")


async def test_a_patch_of_nothing_is_nothing(house: House) -> None:
    kept = await join(house, **ANN, **VOUCHED, places=[{"lat": 51.5, "lon": -0.1}])
    end = house.log.position()
    await house.commands.change_subscriber(key(), kept.id, {})
    assert house.log.position() == end


async def test_a_stale_patch_is_refused(house: House) -> None:
    kept = await join(house, **ANN, **VOUCHED)
    await house.commands.change_subscriber(key(), kept.id, {"language": "pl"})
    with pytest.raises(Stale):
        await house.commands.change_subscriber(key(), kept.id, {"language": "en"}, version=kept.version)


async def test_a_new_address_waits_for_its_confirmation_and_the_old_one_goes(house: House) -> None:
    kept = await join(house, **ANN, **VOUCHED)
    after = await house.commands.change_subscriber(key(), kept.id, {"email": "new@example.org", "phone": None})
    assert [(contact.channel, contact.state) for contact in after.contacts] == [("email", "unverified")]
    assert after.state == "confirmed"
    back = await house.commands.change_subscriber(
        key(), kept.id, {"email": "ann@example.org", **msgspec.to_builtins(VOUCHED)}
    )
    assert [(contact.number, contact.state) for contact in back.contacts] == [(kept.contacts[0].number, "verified")]


async def test_an_address_of_somebody_else_cannot_be_taken_by_a_patch(house: House) -> None:
    await join(house, **ANN, **VOUCHED)
    bob = await join(house, email="bob@example.org", **VOUCHED)
    with pytest.raises(Conflict):
        await house.commands.change_subscriber(key(), bob.id, {"email": "ann@example.org"})


async def test_taking_the_last_address_away_ends_the_subscription(house: House) -> None:
    kept = await join(house, email="ann@example.org", **VOUCHED)
    assert (await house.commands.change_subscriber(key(), kept.id, {"email": None})).state == "ended"


async def test_pausing_and_resuming(house: House) -> None:
    kept = await join(house, **ANN, **VOUCHED)
    await house.commands.pause(RESIDENT, kept.id, START + timedelta(days=1))
    await house.commands.pause(RESIDENT, kept.id, None)
    await house.commands.pause(RESIDENT, kept.id, None)
    assert house.topics()[-2:] == ["SubscriptionPaused", "SubscriptionResumed"]
    for wrong in (START, START.replace(tzinfo=None) + timedelta(days=3)):
        with pytest.raises(Invalid):
            await house.commands.pause(RESIDENT, kept.id, wrong)


async def test_a_suppression_can_be_lifted(house: House) -> None:
    kept = await join(house, **ANN, **VOUCHED)
    number = kept.contacts[0].number
    for _ in range(2):
        await house.commands.suppress(key(), number, "by-hand")
    for _ in range(2):
        await house.commands.lift(key(), number, "mended")
    assert house.topics()[-2:] == ["ContactPointSuppressed", "SuppressionLifted"]


async def test_nobody_there(house: House) -> None:
    nobody = UUID(int=9)
    for move in (
        house.commands.end_subscriber(key(), nobody, "x"),
        house.commands.erase_subscriber(key(), nobody),
        house.commands.change_subscriber(key(), nobody, {}),
        house.commands.verify_contact(RESIDENT, 4711),
    ):
        with pytest.raises(NotFound):
            await move


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "email"),
        ({"email": "ann"}, "email"),
        ({"email": "ann@"}, "email"),
        ({"email": "a..b@example.org"}, "email"),
        ({"phone": "020 7946 0000"}, "phone"),
        ({"phone": "+44 1"}, "phone"),
        ({"confirmed": True}, "consent"),
        ({"push": {"endpoint": "https://x", "keys": {"p256dh": "a", "auth": "b"}}}, "push.endpoint"),
        ({"postal": {"name": "Ann", "lines": ["1 Road"]}}, "postal"),
        ({"channels": []}, "channels"),
        ({"topics": ["safety", "nonsense"]}, "topics.1"),
        ({"language": "?"}, "language"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"quiet_hours": {"from": "25:00", "to": "07:00"}}, "quiet_hours.from"),
        ({"quiet_hours": {"from": "22:00", "to": "7"}}, "quiet_hours.to"),
        ({"places": [{}]}, "places.0"),
        ({"places": [{"lat": 51.5}]}, "places.0"),
        ({"places": [{"lat": 51.5, "lon": 0.1, "place": "camden"}]}, "places.0"),
        ({"places": [{"lat": 91, "lon": 0.1}]}, "places.0.lat"),
        ({"places": [{"lat": 51.5, "lon": 0.1, "radius_km": -1}]}, "places.0.radius_km"),
        ({"places": [{"place": "atlantis"}]}, "places.0.place"),
        ({"places": [{"postcode": "N1 9GU", "radius_km": 1}]}, "places.0.postcode"),
        ({"places": [{"area": {"type": "Polygon", "coordinates": []}}]}, "places.0.area.coordinates"),
        ({"consent": {"wording": "x", "given_at": "2026-01-01T00:00:00", "how": "y"}}, "consent.given_at"),
    ],
)
async def test_bad_input_is_refused_by_field(house: House, fields: dict[str, Any], field: str) -> None:
    given = fields if set(fields) & {"email", "phone"} or not fields else {"email": "ann@example.org", **fields}
    with pytest.raises(Invalid) as refused:
        await join(house, **given)
    assert [error.field for error in refused.value.errors] == [field]


@pytest.mark.parametrize("email", ["a@localhost", "ann@example.test", "o'neil@example.org", "ü@bücher.example"])
async def test_odd_but_legal_addresses_are_taken(house: House, email: str) -> None:
    assert (await join(house, email=email, **VOUCHED)).created


async def test_a_drawn_place_is_kept_as_one_geometry(house: House) -> None:
    union = [CAMDEN, {"circle": {"lat": 51.55, "lon": -0.1, "radius_km": 1}}]
    kept = await join(house, email="ann@example.org", **VOUCHED, places=[{"area": union}, {"area": CAMDEN}])
    preferences = house.subscriber(kept.id).preferences
    assert preferences is not None
    drawn, plain = (place.area for place in preferences.places)
    assert drawn is not None and drawn["type"] == "Polygon"
    assert plain == CAMDEN
