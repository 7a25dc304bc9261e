"""A why in a resident's words: places by their names."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest

from alerts.explain.why import Check, Why
from alerts.web.public.why_view import checks


@pytest.mark.parametrize(("place", "said"), [("tower-hamlets", "Tower Hamlets"), ("Nain's", "Nain's")])
def test_a_registered_place_is_called_by_its_name(place: str, said: str) -> None:
    known = {"tower-hamlets": SimpleNamespace(slug="tower-hamlets", name={"en": "Tower Hamlets"})}
    services = cast(
        Any, SimpleNamespace(views=SimpleNamespace(place=known.get), settings=SimpleNamespace(default_language="en"))
    )
    check = Check(rule="place", holds=True, detail=f"the place “{place}” overlaps the area")
    found = Why(
        due=True, position=9, checks=(check,), chain=(), notice=UUID(int=1), subscriber=UUID(int=2), place=place
    )
    assert checks(services, found) == [{"holds": True, "detail": f"The place “{said}” overlaps the area."}]


@pytest.mark.parametrize(
    ("detail", "said"),
    [
        (
            "the place “Nain's “old” house” is 423 m from the area, within its 2.0 km",
            "Your place is less than 1 km from the area, within its 2.0 km.",
        ),
        ("place 2 is 1.4 km from the service point", "Your place is about 1 km from the service point."),
        (
            "no place touches the area; the place “Home” is 14 km from the area, further than its 500 m",
            "No place touches the area; your place is about 14 km from the area, further than its 500 m.",
        ),
        (
            "the service point nearest to the place “Home” is among those concerned, 950 m away",
            "The service point nearest to your place is among those concerned, less than 1 km away.",
        ),
    ],
)
def test_holder_of_a_message_reads_no_place_and_no_metres(detail: str, said: str) -> None:
    found = Why(
        due=True,
        position=9,
        checks=(Check(rule="place", holds=True, detail=detail),),
        chain=(),
        notice=UUID(int=1),
        subscriber=UUID(int=2),
        place="Home",
    )
    assert checks(cast(Any, None), found, full=False) == [{"holds": True, "detail": said}]
