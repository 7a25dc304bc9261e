"""CAP out: a notice's own message, readable by our own strict reader, and the same for ever."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from alerts.domain.events import CapOrigin, Content, NoticePlan, PointFacts
from alerts.domain.notice import NoticeState
from alerts.intake import cap_reader
from alerts.kernel.terms import MsgType
from alerts.web.public.cap_writer import Surroundings, message, summary
from tests.support.cap_schema import faults

NOW = datetime(2026, 7, 12, 9, 30, 15, 123456, tzinfo=UTC)
FIRST, SECOND = UUID(int=1), UUID(int=2)
HOLED = {
    "type": "MultiPolygon",
    "coordinates": [
        [
            [[-0.2, 51.4], [-0.1, 51.4], [-0.1, 51.5], [-0.2, 51.4]],
            [[-0.15, 51.41], [-0.14, 51.41], [-0.14, 51.42], [-0.15, 51.41]],
        ],
        [[[0.1, 51.4], [0.2, 51.4], [0.2, 51.5], [0.1, 51.4]]],
    ],
}
ABOUT = Surroundings(
    sender="Community Alerts <alerts@example.org>",
    timezone="Europe/London",
    default_language="en",
    public_url="https://alerts.example.org",
    place=lambda slug: ({"en": "Camden", "cy": "Camden (cy)"}, HOLED) if slug == "camden" else None,
)


def notice(msg_type: MsgType = "Alert", number: int = 1, **plan: Any) -> NoticeState:
    wanted: dict[str, Any] = {
        "kind": "alert",
        "severity": "Severe",
        "urgency": "Immediate",
        "certainty": "Observed",
        "category": "Fire",
        "content": {
            "en": Content(title="Fire & smoke", body="A < B"),
            "cy": Content(title="Tân", instruction="Arhoswch"),
        },
        "area": [{"circle": {"lat": 51.5, "lon": -0.00000001, "radius_km": 1.25}}, {"place": "camden"}],
        **plan,
    }
    return NoticeState(
        id=UUID(int=number),
        number=number,
        version=3,
        phase="live",
        msg_type=msg_type,
        thread=FIRST,
        references=(FIRST,) if number > 1 else (),
        plan=NoticePlan(**wanted),
        source=None,
        drafted_at=NOW,
        drafted_by="system",
        hands=frozenset(),
        issued_at=NOW + timedelta(minutes=number),
        expires=NOW + timedelta(hours=5),
    )


def test_our_own_reader_reads_it_back() -> None:
    read = cap_reader.parse(message(notice(), (), ABOUT))
    assert read.identifier == str(FIRST) and read.sender == "alerts@example.org"
    assert read.sent == "2026-07-12T10:31:15+01:00"
    (group,) = read.groups
    assert group.content["en"].title == "Fire & smoke" and group.content["en"].body == "A < B"
    assert group.content["cy"].instruction == "Arhoswch"
    assert (group.severity, group.urgency, group.certainty, group.category) == (
        "Severe", "Immediate", "Observed", "Fire",
    )  # fmt: skip
    assert group.area is not None
    assert {"circle": {"lat": 51.5, "lon": 0.0, "radius_km": 1.25}} in group.area
    polygons = [part["coordinates"] for part in group.area if "type" in part]
    assert [len(rings) for rings in polygons] == [1, 1], "holes are filled, each part is a polygon"
    assert group.area_desc["cy"].endswith("Camden (cy)")


def test_no_time_ends_in_z_and_the_bytes_never_change() -> None:
    xml = message(notice(), (), ABOUT)
    assert b"Z<" not in xml and b"+01:00</expires>" in xml
    later = msgspec.structs.replace(notice(), phase="superseded", version=9, replaced_by=SECOND, ended_at=NOW)
    assert message(later, (), ABOUT) == xml


def test_an_all_clear_is_an_update_that_says_so() -> None:
    read = cap_reader.parse(message(notice("AllClear", 2), (notice(),), ABOUT))
    assert read.msg_type == "Update" and read.groups[0].all_clear
    assert read.references == (("alerts@example.org", str(FIRST), "2026-07-12T10:31:15+01:00"),)
    assert cap_reader.parse(message(notice("Cancel", 2), (notice(),), ABOUT)).msg_type == "Cancel"
    assert cap_reader.parse(message(notice(status="Exercise"), (), ABOUT)).status == "Exercise"


def test_the_event_of_a_cap_notice_is_kept() -> None:
    origin = CapOrigin(sender="a", identifier="b", sent="c", event={"en": "Gas leak"})
    (group,) = cap_reader.parse(message(notice(cap=origin), (), ABOUT)).groups
    assert group.event == {"en": "Gas leak", "cy": "Tân"}


def test_a_service_change_shows_its_points_as_circles() -> None:
    desk = PointFacts(kind="front-desk", name="Walworth", address="12 Manor Place", lat=51.48, lon=-0.09, reach_km=3)
    about = replace(ABOUT, points=(desk,))
    (group,) = cap_reader.parse(message(notice(kind="service-change", area=None, category=None), (), about)).groups
    assert group.area == [{"circle": {"lat": 51.48, "lon": -0.09, "radius_km": 3.0}}]
    assert group.area_desc["en"] == "Walworth, 12 Manor Place"


def test_what_xml_cannot_hold_is_left_out_and_a_draft_is_no_message() -> None:
    (group,) = cap_reader.parse(
        message(notice(content={"en": Content(title="a\x07b", body="x\ufffe")}), (), ABOUT)
    ).groups
    assert group.content["en"].title == "ab"
    with pytest.raises(ValueError, match="issued"):
        message(msgspec.structs.replace(notice(), issued_at=None), (), ABOUT)


@pytest.mark.parametrize(
    ("timezone", "sent"),
    [
        ("Europe/London", "2026-07-12T10:31:15+01:00"),
        ("Asia/Kolkata", "2026-07-12T15:01:15+05:30"),
        ("UTC", "2026-07-12T09:31:15-00:00"),
        ("Africa/Accra", "2026-07-12T09:31:15-00:00"),
    ],
)
def test_times_have_the_offset_that_the_standard_wants(timezone: str, sent: str) -> None:
    about = replace(ABOUT, timezone=timezone)
    first = notice()
    written = message(notice("Update", 2, area=None), [first], about)
    assert f"<sent>{sent}</sent>".encode() in message(first, [], about)
    assert f"<references>alerts@example.org,{FIRST},{sent}</references>".encode() in written
    assert faults(written) == []
    assert summary(first, "en", timezone, "")["effective"] == sent
