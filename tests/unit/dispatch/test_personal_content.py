"""Content of a message for one reader: places are named as on the pages (RULES 20)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import UUID

import pytest

from alerts.dispatch.personal_content import SenderProfile, notice_content, personal_content
from alerts.domain.events import Content, NoticePlan
from alerts.domain.place_names import place_name
from alerts.domain.reference_data import PlaceState
from alerts.kernel.geometry import Area, area_of
from alerts.kernel.secret_keys import SecretKeys
from subscribers.audience.issued_notice import IssuedNotice
from subscribers.audience.reference_data import ReferenceData
from subscribers.directory import ContactCard
from subscribers.domain.events import Preferences, SubscriberPlace

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
SQUARE = {"type": "Polygon", "coordinates": [[[0.0, 0.0], [0.1, 0.0], [0.1, 0.1], [0.0, 0.1], [0.0, 0.0]]]}
NAMES = {"cy": "Caerdydd", "pl": "Cardiff (pl)", "en": "Cardiff"}
CASES = [("en-GB", "Cardiff"), ("cy-GB", "Caerdydd"), ("cy", "Caerdydd"), ("ur", "Cardiff"), ("", "Cardiff")]


def place(names: dict[str, str]) -> PlaceState:
    return PlaceState(id=UUID(int=1), slug="cardiff", version=1, name=names, geometry=SQUARE)


class Register:
    """A register of one place."""

    def __init__(self, state: PlaceState) -> None:
        self._state, self._area = state, area_of([SQUARE], lambda _: None)

    def places(self) -> list[PlaceState]:
        return [self._state]

    def place(self, slug: str) -> PlaceState | None:
        return self._state if slug == self._state.slug else None

    def place_area(self, slug: str) -> Area | None:
        return self._area if slug == self._state.slug else None


@pytest.mark.parametrize(("language", "name"), CASES)
def test_a_message_names_a_place_as_the_page_does(language: str, name: str) -> None:
    register = Register(place(NAMES))
    house = SenderProfile("https://town.example", SecretKeys(b"k" * 32), "Town <a@town.example>", "Europe/London", "en")
    issued = IssuedNotice(
        id=UUID(int=2),
        number=7,
        thread=UUID(int=2),
        msg_type="Alert",
        plan=NoticePlan(kind="alert", content={"en": Content(title="t")}),
        priority="notice",
        danger_to_life=False,
        expires=NOW + timedelta(hours=1),
        issued_at=NOW,
        position=1,
        lane="notice",
        area=register.place_area("cardiff"),
    )
    card = ContactCard(
        number=1,
        subscriber=UUID(int=3),
        channel="email",
        state="verified",
        suppressed=None,
        address="a@example.org",
        preferences=Preferences(places=(SubscriberPlace(slug="cardiff"),)),
        language=language,
        phase="confirmed",
    )
    reference_data = cast(ReferenceData, register)
    assert personal_content(issued, card, 0, house, reference_data).place_name == name
    assert notice_content(issued, language or "en", house, reference_data).area_words == name
    assert place_name(place(NAMES), language or "en", "en") == name
    renamed = cast(ReferenceData, Register(place({"en": "Call 0900"})))
    issued.places = (place(NAMES),)
    assert notice_content(issued, language or "en", house, renamed).area_words == name
    assert personal_content(issued, card, 0, house, renamed).place_name == name
