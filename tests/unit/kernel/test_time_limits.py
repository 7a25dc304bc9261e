"""Times from outside: an offset and a plausible year, wherever they come from."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from alerts.commands.validation import check_times
from alerts.contract.bodies import ConsentBody, SubscriberBody
from alerts.import_export.csv_format import body_of
from alerts.kernel.errors import Invalid
from alerts.kernel.time_limits import check_time, fault_of, parse_time, time_faults

NAIVE = "2026-05-01T09:00:00"
FAR = ("9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00")


def test_a_valid_time_is_returned() -> None:
    assert parse_time("2026-05-01T09:00:00+01:00", "at") == datetime(2026, 5, 1, 8, 0, tzinfo=UTC)
    assert fault_of(datetime(2026, 5, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01T00:00:00+00:00", NAIVE, *FAR])
def test_an_unclear_time_is_refused_at_its_field(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_time(text, "paused_until")
    assert [error.field for error in refused.value.errors] == ["paused_until"]


@pytest.mark.parametrize("text", [NAIVE, *FAR])
def test_a_body_is_searched_for_unclear_times(text: str) -> None:
    consent = ConsentBody(wording="w", how="h", given_at=datetime.fromisoformat(text))
    body = SubscriberBody(email="a@example.org", consent=consent)
    assert [error.field for error in time_faults(body)] == ["consent.given_at"]
    with pytest.raises(Invalid, match=r"consent\.given_at"):
        check_times(body)
    with pytest.raises(Invalid):
        check_time(consent.given_at, "given_at")


@pytest.mark.parametrize("text", [NAIVE, *FAR])
def test_a_row_of_a_file_is_held_to_the_same(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        body_of({"email": "a@example.org", "paused_until": text})
    assert [error.field for error in refused.value.errors] == ["paused_until"]
