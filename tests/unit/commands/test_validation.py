"""Validation of texts at the doors."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from alerts.commands import validation
from alerts.contract.bodies import VisitBody
from alerts.kernel.errors import Invalid


@pytest.mark.parametrize("bad", ["\ufffe", "\uffff", "\x07", "\x7f", "\ud800"])
def test_text_loses_what_xml_forbids(bad: str) -> None:
    assert validation.text(f" Burst{bad} main{bad} ", "headline", 20, line=True, needed=True) == "Burst main"
    with pytest.raises(Invalid):
        validation.text(bad, "headline", 20, needed=True)


def test_opening_hours_have_a_length() -> None:
    assert validation.opening_hours("Mo-Sa 08:00-20:00", "opening_hours")
    with pytest.raises(Invalid, match="at most 500"):
        validation.opening_hours("Mo 08:00-09:00; " * 32, "opening_hours")


def test_visits_have_a_number() -> None:
    visit = VisitBody(dtstart=datetime(2026, 3, 1, tzinfo=UTC), minutes=30)
    assert len(validation.visits((visit,) * 50, "visits")) == 50
    with pytest.raises(Invalid, match="at most 50"):
        validation.visits((visit,) * 51, "visits")
