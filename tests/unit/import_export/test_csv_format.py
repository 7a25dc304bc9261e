"""A subscriber as a row of CSV: what it means, what is refused, and that what goes out comes in the same."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.contract.bodies import SubscriberBody
from alerts.import_export.csv_format import body_of, escape_formula, exported, in_columns, unescape_formula
from alerts.kernel.errors import Invalid
from subscribers.domain.events import Consent, Preferences, QuietHours, SubscriberPlace
from subscribers.domain.subscriber import ContactState, SubscriberState

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def test_a_row_becomes_the_apis_body() -> None:
    body = body_of(
        {
            "email": "a@x.example",
            "places": "51.48,-0.09,1.5 | southwark",
            "topics": "safety; weather",
            "danger_to_life": "no",
            "quiet_from": "22:00",
            "quiet_to": "07:00",
            "consent_wording": "yes please",
            "consent_given_at": NOW.isoformat(),
        }
    )
    assert body["places"] == [{"lat": 51.48, "lon": -0.09, "radius_km": 1.5}, {"place": "southwark"}]
    assert body["topics"] == ["safety", "weather"]
    assert body["danger_to_life"] is False
    assert body["confirmed"] is True
    assert body["consent"]["how"] == "import"
    assert msgspec.convert(body, SubscriberBody).email == "a@x.example"


def test_without_a_consent_nobody_is_confirmed() -> None:
    assert "confirmed" not in body_of({"email": "a@x.example"})


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"places": "51.4,north"}, "places"),
        ({"places": "[1"}, "places"),
        ({"tester": "maybe"}, "tester"),
        ({"severity_at_least": "severe"}, "severity_at_least"),
        ({"channels": "email fax"}, "channels"),
        ({"frequency": "often"}, "frequency"),
        ({"quiet_from": "22:00", "quiet_to": "07:00", "wake_for": "fun"}, "wake_for"),
        ({"wake_for": "danger"}, "wake_for"),
        ({"consent_wording": "yes"}, "consent_given_at"),
        ({"consent_given_at": NOW.isoformat()}, "consent_wording"),
        ({"consent_how": "form"}, "consent_wording"),
        ({"consent_wording": "yes", "consent_given_at": "01/02/2026 10:00"}, "consent_given_at"),
        ({"consent_wording": "yes", "consent_given_at": "2026-02-01"}, "consent_given_at"),
        ({"paused_until": "2026-02-01T10:00:00"}, "paused_until"),
        ({"push": "[" * 100_000}, "push"),
        ({"places": '[{"lat": NaN}]'}, "places"),
    ],
)
def test_what_cannot_be_read_names_its_field(row: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        body_of(row)
    assert caught.value.errors[0].field == field


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("consent.given_at", ("consent_given_at", "why")),
        ("quiet_hours.from", ("quiet_from", "why")),
        ("topics.0", ("topics", "why")),
        ("channels[1]", ("channels", "why")),
        ("places[1].lat", ("places", "place 2, lat: why")),
        ("places.0.area.coordinates", ("places", "place 1, area.coordinates: why")),
        ("places.0", ("places", "place 1: why")),
        ("push.keys.auth", ("push", "keys.auth: why")),
        ("email", ("email", "why")),
        ("", ("", "why")),
    ],
)
def test_a_refusal_names_the_files_column(field: str, told: tuple[str, str]) -> None:
    assert in_columns(field, "why") == told
    assert in_columns(*told) == told


@given(st.text(max_size=20))
@settings(max_examples=100, deadline=None)
def test_no_cell_goes_out_as_a_formula_and_all_come_in_as_they_were(cell: str) -> None:
    out = escape_formula(cell)
    assert unescape_formula(out) == cell
    assert out[:1] not in tuple("=@\t\r")


@pytest.mark.parametrize(
    ("cell", "out"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(1)", "'@SUM(1)"),
        ("'=1", "''=1"),
        ("+447700900001", "+447700900001"),
        ("-0.09", "-0.09"),
        ("'hello", "'hello"),
    ],
)
def test_only_what_a_spreadsheet_would_run_is_disarmed(cell: str, out: str) -> None:
    assert (escape_formula(cell), unescape_formula(out)) == (out, cell)


def living(*contacts: ContactState, phase: Any = "confirmed") -> SubscriberState:
    return SubscriberState(
        id=UUID(int=1),
        version=1,
        phase=phase,
        preferences=Preferences(),
        contacts=contacts,
        consent=None,
        how="api",
        since=NOW,
    )


def test_export_omits_unusable_contact_points() -> None:
    email = ContactState(number=1, channel="email", address="a@x.example", state="verified")
    unproven = ContactState(number=2, channel="sms", address="+447700900001", state="unverified")
    bounced = ContactState(number=3, channel="email", address="b@x.example", state="verified", suppressed="hard-bounce")
    row = exported(living(email, unproven))
    assert row is not None
    assert (row["email"], "phone" in row) == ("a@x.example", False)
    assert exported(living(bounced)) is None
    assert exported(living(email, phase="ended")) is None
    asked = exported(living(unproven, phase="requested"))
    assert asked is not None
    assert asked["phone"] == "+447700900001"


def test_what_goes_out_comes_in_the_same() -> None:
    wishes = Preferences(
        places=(
            SubscriberPlace(lat=51.5, lon=-0.1, radius_km=2, name="home"),
            SubscriberPlace(slug="southwark"),
            SubscriberPlace(lat=1.0, lon=2.0),
        ),
        topics=("safety", "weather"),
        severity_at_least="Severe",
        channels=("email", "sms"),
        language="cy",
        frequency="daily",
        quiet_hours=QuietHours(start="22:00", end="07:00", wake_for="emergency"),
        danger_to_life=False,
    )
    person = SubscriberState(
        id=UUID(int=1),
        version=1,
        phase="confirmed",
        preferences=wishes,
        contacts=(
            ContactState(number=256, channel="email", address="a@x.example", state="verified"),
            ContactState(number=512, channel="sms", address="+447700900001", state="verified"),
            ContactState(number=768, channel="email", address="old@x.example", state="removed"),
        ),
        consent=Consent(wording="yes", given_at=NOW, how="form"),
        how="api",
        since=NOW,
    )
    row = exported(person)
    assert row is not None
    body = msgspec.convert(body_of(row), SubscriberBody)
    assert (body.email, body.phone) == ("a@x.example", "+447700900001")
    assert [(p.lat, p.lon, p.radius_km, p.name) for p in body.places if p.lat is not None] == [
        (51.5, -0.1, 2, "home"),
        (1.0, 2.0, 0, ""),
    ]
    assert body.places[1].place == "southwark"
    assert body.topics == ("safety", "weather")
    assert body.channels == ("email", "sms")
    assert (body.language, body.frequency, body.danger_to_life) == ("cy", "daily", False)
    assert body.quiet_hours is not None
    assert body.quiet_hours.wake_for == "emergency"
    assert body.consent is not None
    assert body.consent.given_at == NOW
