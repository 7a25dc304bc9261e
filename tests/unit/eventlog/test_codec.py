"""Codec of events: round trip, sealing of personal data, upcasting of old versions."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

import msgspec
import pytest
from eventsourcing.persistence import Notification
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.domain.events import CATALOGUE as ALERTS
from alerts.domain.events import ApiKeyIssued, Policy, TriggerReceived
from alerts.eventlog.codec import Codec
from alerts.eventlog.ports import UnreadableEvent
from alerts.kernel.events import Catalogue, Event, Recorded
from alerts.kernel.ids import new_id
from subscribers.domain.events import CATALOGUE as SUBSCRIBERS
from subscribers.domain.events import Consent, ContactRef, Preferences, SubscriberPlace, SubscriberRegistered

AT = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


class PlainSealer:
    """Seals by turning the bytes round: enough to see what goes through the sealer."""

    def __init__(self) -> None:
        self.destroyed: set[UUID] = set()
        self.fresh: list[bool] = []
        self.prefetched: list[set[UUID]] = []

    def seal(self, subject: UUID, plaintext: bytes, *, fresh: bool = False) -> bytes:
        self.fresh.append(fresh)
        return subject.bytes + plaintext[::-1]

    def unseal(self, subject: UUID, sealed: bytes) -> bytes | None:
        if subject in self.destroyed:
            return None
        if sealed[:16] != subject.bytes:
            raise ValueError("sealed for another")
        return sealed[16:][::-1]

    def prefetch(self, subjects: Collection[UUID]) -> None:
        self.prefetched.append(set(subjects))


def recorded(event: Event, version: int = 1, **more: Any) -> Recorded:
    return Recorded(originator_id=new_id(), originator_version=version, event=event, at=AT, by="system", **more)


def row(codec: Codec, kept: Recorded, position: int = 1) -> Notification:
    topic, state = codec.encode(kept)
    return Notification(kept.originator_id, kept.originator_version, topic, state, position)


def registered(**more: Any) -> SubscriberRegistered:
    given: dict[str, Any] = {
        "how": "api",
        "contacts": (ContactRef(256, "email"), ContactRef(512, "sms")),
        "addresses": {256: "ada@example.org", 512: "+442079460000"},
        "preferences": Preferences(
            places=(SubscriberPlace(name="home", lat=51.5, lon=-0.1, radius_km=2.0),), channels=("email",)
        ),
        "consent": Consent("I agree", AT, "paper"),
    }
    return SubscriberRegistered(**(given | more))


def test_a_sealed_event_comes_back_as_it_was() -> None:
    sealer = PlainSealer()
    codec = Codec(SUBSCRIBERS, sealer)
    kept = recorded(registered(), command=new_id(), cause=7)
    topic, state = codec.encode(kept)
    assert topic == "SubscriberRegistered"
    assert b"ada@example.org" not in state and b"I agree" not in state and b"api" in state
    back = codec.to_domain_event(row(codec, kept, 42))
    assert msgspec.structs.replace(back, sealed=None, position=0) == kept
    assert back.position == 42 and back.sealed is not None
    assert sealer.fresh[0] is True, "a stream's first event: its key need not be looked for"
    codec.encode(recorded(registered(), version=2))
    assert sealer.fresh[-1] is False


def test_after_an_erasure_the_rest_of_the_event_is_still_there() -> None:
    sealer = PlainSealer()
    codec = Codec(SUBSCRIBERS, sealer)
    kept = recorded(registered())
    kept_row = row(codec, kept)
    sealer.destroyed.add(kept.originator_id)
    assert codec.to_domain_event(kept_row).event == registered(addresses=None, preferences=None, consent=None)
    (bare,) = Codec(SUBSCRIBERS, PlainSealer()).decode_many([kept_row], unseal=False)
    assert not isinstance(bare, UnreadableEvent)
    assert bare.event == registered(addresses=None, preferences=None, consent=None)


def test_keys_are_fetched_for_a_whole_page_and_only_where_needed() -> None:
    sealer = PlainSealer()
    codec = Codec(SUBSCRIBERS.joined(Catalogue.of(Grown)), sealer)
    sealed, plain = recorded(registered()), recorded(Grown(size=1))
    rows = [row(codec, sealed), row(codec, plain), row(codec, recorded(registered(), version=3))]
    codec.decode_many(rows)
    assert len(sealer.prefetched) == 1 and len(sealer.prefetched[0]) == 2
    codec.decode_many(rows, unseal=False)
    assert len(sealer.prefetched) == 1


def test_nothing_personal_given_is_nothing_sealed() -> None:
    codec = Codec(SUBSCRIBERS, PlainSealer())
    back = codec.to_domain_event(row(codec, recorded(registered(addresses=None, preferences=None, consent=None))))
    assert back.sealed is None


class Grown(Event, frozen=True, kw_only=True):
    """Version 3 keeps a size in metres, version 2 kept centimetres, version 1 called it `cm`."""

    version: ClassVar[int] = 3
    personal: ClassVar[tuple[str, ...]] = ("owner",)
    size: float
    owner: str | None = None


class GrownOnce(Event, frozen=True, kw_only=True):
    version: ClassVar[int] = 1
    personal: ClassVar[tuple[str, ...]] = ("owner",)
    cm: int
    owner: str | None = None

    @classmethod
    def topic(cls) -> str:
        return "Grown"


def _renamed(fields: dict[str, Any]) -> dict[str, Any]:
    return {**{k: v for k, v in fields.items() if k != "cm"}, "size": fields["cm"]}


def _in_metres(fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "size": fields["size"] / 100, "owner": (fields["owner"] or "nobody").title()}


UPCASTING = Catalogue({"Grown": Grown}, {("Grown", 1): _renamed, ("Grown", 2): _in_metres})


def test_an_old_event_is_raised_step_by_step_its_personal_fields_included() -> None:
    sealer = PlainSealer()
    old = row(Codec(Catalogue.of(GrownOnce), sealer), recorded(GrownOnce(cm=150, owner="ada")))
    assert Codec(UPCASTING, sealer).to_domain_event(old).event == Grown(size=1.5, owner="Ada")


def test_what_cannot_be_read_says_why() -> None:
    sealer = PlainSealer()
    old = row(Codec(Catalogue.of(GrownOnce), sealer), recorded(GrownOnce(cm=150)))
    new = row(Codec(UPCASTING, sealer), recorded(Grown(size=1.5)))
    whole = row(Codec(SUBSCRIBERS, sealer), recorded(registered()))
    cases = [
        (Codec(Catalogue.of(Grown), sealer), old, "nothing raises it from version 1 to 2"),
        (Codec(Catalogue.of(GrownOnce), sealer), new, "version 3 is newer than 1"),
        (Codec(SUBSCRIBERS, sealer), new, "knows no such event"),
        (Codec(UPCASTING, sealer), replace(new, state=b""), "damaged"),
        (Codec(UPCASTING, sealer), replace(new, state=new.state[:-4]), "damaged"),
        (Codec(UPCASTING, sealer), replace(new, topic="Grown", state=whole.state), "sealed for another"),
        (Codec(SUBSCRIBERS, sealer), replace(whole, originator_id=new_id()), "sealed for another"),
    ]
    for codec, damaged, why in cases:
        with pytest.raises(UnreadableEvent, match=why):
            codec.to_domain_event(damaged)


@settings(max_examples=200)
@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused_never_a_crash(state: bytes) -> None:
    codec = Codec(SUBSCRIBERS, PlainSealer())
    (found,) = codec.decode_many([Notification(new_id(), 1, "SubscriberRegistered", state, 1)])
    assert isinstance(found, Recorded | UnreadableEvent)


def test_an_event_outside_the_catalogue_is_refused_at_writing() -> None:
    with pytest.raises(TypeError, match="not in the catalogue"):
        Codec(SUBSCRIBERS, PlainSealer()).encode(recorded(Grown(size=1.0)))
    with pytest.raises(ValueError, match="no such personal field"):
        Codec(Catalogue.of(_Wrong), PlainSealer())


class _Wrong(Event, frozen=True, kw_only=True):
    personal: ClassVar[tuple[str, ...]] = ("nmae",)
    name: str


def test_programs_see_what_is_public_only() -> None:
    codec = Codec(SUBSCRIBERS.joined(ALERTS), PlainSealer())
    shown = codec.public(recorded(registered()))
    assert json.loads(json.dumps(shown["data"])) == {
        "how": "api",
        "contacts": [{"number": 256, "channel": "email"}, {"number": 512, "channel": "sms"}],
    }
    assert (shown["type"], shown["version"], shown["at"]) == ("SubscriberRegistered", 1, "2026-03-01T12:00:00.123456Z")
    assert set(shown) == {"position", "type", "version", "stream", "stream_version", "at", "data"}
    key = ApiKeyIssued(name="k", scopes=("read",), policy=Policy(), secret_hash="c0ffee")
    assert "secret_hash" not in codec.public(recorded(key))["data"]
    parked = TriggerReceived(source="s", kind="cap", external_id="1", state="parked", body="<alert>Ada</alert>")
    assert "body" not in codec.public(recorded(parked))["data"]


def test_the_library_can_map_with_it() -> None:
    codec = Codec(SUBSCRIBERS, PlainSealer())
    kept = recorded(registered())
    back = codec.to_domain_event(codec.to_stored_event(kept))
    assert msgspec.structs.replace(back, sealed=None) == kept


@pytest.mark.parametrize("topic", sorted(SUBSCRIBERS.joined(ALERTS).events))
def test_a_personal_field_may_be_none(topic: str) -> None:
    """Else an event could not be read any more after an erasure."""
    event = SUBSCRIBERS.joined(ALERTS).events[topic]
    for field in msgspec.structs.fields(event):
        if field.name in event.personal:
            assert msgspec.convert(None, field.type) is None
