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
